package main

import (
	"encoding/json"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/term"

	"github.com/vennio-mcp/vennio-mcp/vennioclient/sandbox"
)

// setupDialogue is a person in a terminal with vennio-mcp setup.
type setupDialogue struct {
	t        *testing.T
	cmd      *exec.Cmd
	terminal *os.File
	shown    *lockedBuffer
	read     int           // length of what the person has read
	ended    chan struct{} // closed once the program has ended
}

func setUp(t *testing.T, env []string, args ...string) *setupDialogue {
	t.Helper()
	path, err := binary()
	require.NoError(t, err)
	d := &setupDialogue{t: t, cmd: exec.CommandContext(t.Context(), path, append([]string{"setup"}, args...)...), shown: new(lockedBuffer), ended: make(chan struct{})}
	d.cmd.Env = env
	d.terminal, err = pty.Start(d.cmd)
	require.NoError(t, err)
	go func() {
		_, _ = io.Copy(d.shown, d.terminal) // ends with an error once the program has closed its side
		_ = d.cmd.Wait()
		close(d.ended)
	}()
	t.Cleanup(func() {
		_ = d.cmd.Process.Kill()
		<-d.ended
		_ = d.terminal.Close()
	})
	return d
}

// sees waits until the terminal shows a text that the person has not read yet.
func (d *setupDialogue) sees(text string) {
	d.t.Helper()
	at := -1
	require.Eventually(d.t, func() bool {
		at = strings.Index(d.shown.String()[d.read:], text)
		return at >= 0
	}, patience, tick, "%q is not shown in\n%s", text, d.shown)
	d.read += at + len(text)
}

func (d *setupDialogue) types(text string) {
	d.t.Helper()
	_, err := io.WriteString(d.terminal, text)
	require.NoError(d.t, err)
}

// answers types a line at a prompt.
func (d *setupDialogue) answers(prompt, line string) {
	d.t.Helper()
	d.sees(prompt)
	d.sees(": ")
	d.types(line + "\r")
}

// answersWrong gives wrong answers at a prompt, and sees the message about each.
func (d *setupDialogue) answersWrong(prompt string, messages map[string]string) {
	d.t.Helper()
	for answer, message := range messages {
		d.answers(prompt, answer)
		d.sees(message)
	}
}

// ends waits for the end of the program and returns its exit code.
func (d *setupDialogue) ends() int {
	d.t.Helper()
	select {
	case <-d.ended:
	case <-time.After(patience):
		require.FailNow(d.t, "setup still runs", d.shown.String())
	}
	return d.cmd.ProcessState.ExitCode()
}

// installed is the entry that a client has for this server.
type installed struct {
	Command string
	Env     map[string]string
}

func cursorEntry(t *testing.T, home string) installed {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(home, ".cursor", "mcp.json"))
	require.NoError(t, err)
	var file struct{ MCPServers map[string]installed }
	require.NoError(t, json.Unmarshal(raw, &file))
	require.Contains(t, file.MCPServers, "vennio")
	return file.MCPServers["vennio"]
}

// book books a meeting as a client with this entry does.
func (e installed) book(t *testing.T, env []string) told {
	t.Helper()
	for name, value := range e.Env {
		env = append(env, name+"="+value)
	}
	c := converse(t, env)
	booking := c.booking()
	booking["consent"] = map[string]any{"granted": true, "given_by": "Ada", "statement": "yes, book it"}
	return c.call("book_slot", booking)
}

// homeOf is the home directory of an environment that clean returned.
func homeOf(env []string) string { return strings.TrimPrefix(env[0], "HOME=") }

// req: O7
func TestReq_O7_SetupLeadsFromAnEmptyHomeToABookedMeeting(t *testing.T) {
	t.Parallel()
	vennio, env := startSandboxProcess(t), clean(t)
	home := homeOf(env)
	began := time.Now()
	d := setUp(t, append(env, "VENNIO_API_URL="+vennio))
	d.sees("https://vennio.app/api-keys")
	d.answersWrong("Key", map[string]string{
		"":                                      "an answer is needed",
		"vennio_sk_test_" + canary + " x":       "blanks or characters that no key has",
		"“  ”":                                  "that is blank",
		"vennio_rt_" + canary:                   "a refresh token",
		"whsec_" + canary:                       "the secret of a webhook",
		"vennio_sk_live_" + canary + "_revoked": "Vennio refuses the key (401",
	})
	d.answers("Key", `export VENNIO_API_KEY="vennio_sk_test_`+canary+`"`)
	d.sees("The key works: test secret.")
	d.sees("no e-mail is sent")
	d.sees("4  Dana Whitfield  (calendar not connected)")
	d.answersWrong("Hosts", map[string]string{
		"4": "the calendar of Dana Whitfield is not connected", "7": "no host number 7", "two": "Vennio does not know", "1 or 2": "neither a number of the list nor an id",
		"00000000-0000-4000-8000-000000000000": "Vennio does not know",
	})
	d.answers("Hosts", "2, Alice Marlow")
	d.sees("dialect reference")
	d.answersWrong("Time zone", map[string]string{"Europe/Lodnon": "use Europe/London"})
	d.answers("Time zone", "Europe/Rome")
	d.answersWrong("Policy", map[string]string{"sometimes": "want attested"})
	d.answers("Policy", "attested")
	d.answersWrong("Clients to install into", map[string]string{"emacs": "unknown client"})
	d.answers("Clients to install into", "cursor")
	d.sees("To be written")
	assert.NoFileExists(t, filepath.Join(home, ".cursor", "mcp.json"))
	d.answersWrong("Write this?", map[string]string{"perhaps": "answer yes or no"})
	d.answers("Write this?", "")
	d.sees("Free half hours with Bob Castellano")
	require.Zero(t, d.ends(), d.shown)
	assert.Equal(t, 3, strings.Count(d.shown.String(), "(Europe/Rome, "), d.shown)
	assert.NotContains(t, d.shown.String(), canary, "the key is never shown")

	entry := cursorEntry(t, home)
	assert.Equal(t, "Europe/Rome", entry.Env["VENNIO_TIMEZONE"])
	assert.Equal(t, "Bob Castellano="+sandbox.Hosts()[1].ID+",Alice Marlow="+sandbox.Hosts()[0].ID, entry.Env["VENNIO_HOSTS"])
	file := entry.Env["VENNIO_API_KEY_FILE"]
	raw, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, "vennio_sk_test_"+canary+"\n", string(raw))
	info, err := os.Stat(file)
	require.NoError(t, err)
	assert.Equal(t, fs.FileMode(0o600), info.Mode().Perm())
	code, out, errs := run(t, env, "doctor", "--client", "cursor")
	assert.Zero(t, code, errs)
	assert.Contains(t, out, "Bob Castellano has free times within seven days")
	code, _, errs = run(t, env, "doctor", "--client", "zed")
	assert.Equal(t, 1, code)
	assert.Contains(t, errs, "Zed has no entry vennio")
	booked := entry.book(t, env)
	require.Equal(t, "confirmed", booked.Data.Status, booked.Text)
	t.Logf("from an empty home to a booked meeting: %s", time.Since(began).Round(time.Millisecond))
}

// req: O7. Ctrl-C and Ctrl-D end the dialogue at every question, the terminal works again, and no file is left.
func TestReq_O7_SetupStopsAtEveryQuestionAndLeavesNothing(t *testing.T) {
	t.Parallel()
	vennio := startSandboxProcess(t)
	all := [][2]string{{"Key", "vennio_sk_test_" + canary}, {"Hosts", "1"}, {"Time zone", ""}, {"Policy", ""}, {"Clients to install into", "cursor"}, {"Write this?", "no"}}
	for i := range all {
		for name, key := range map[string]string{"Ctrl-C": "\x03", "Ctrl-D": "\x04"} {
			t.Run(all[i][0]+" "+name, func(t *testing.T) {
				t.Parallel()
				env := clean(t)
				d := setUp(t, append(env, "VENNIO_API_URL="+vennio))
				for _, answer := range all[:i] {
					d.answers(answer[0], answer[1])
				}
				d.sees(all[i][0])
				d.sees(": ")
				before, err := term.GetState(int(d.terminal.Fd()))
				require.NoError(t, err)
				d.types(key)
				assert.Equal(t, 1, d.ends(), d.shown)
				assert.Contains(t, d.shown.String(), "setup was stopped: nothing was written")
				after, err := term.GetState(int(d.terminal.Fd()))
				require.NoError(t, err)
				if i > 0 { // the question before asked for the key, and hid it
					assert.Equal(t, before, after)
				}
				assert.Empty(t, filesIn(t, homeOf(env)))
			})
		}
	}
}

// req: O7. Under signed, a passkey is added at the end.
func TestReq_O7_SetupAddsAPasskey(t *testing.T) {
	t.Parallel()
	vennio := startSandboxProcess(t)
	d := setUp(t, append(clean(t), "VENNIO_API_URL="+vennio))
	for _, answer := range [][2]string{{"Key", "vennio_sk_test_" + canary}, {"Hosts", ""}, {"Time zone", ""}, {"Policy", "signed"}} {
		d.answers(answer[0], answer[1])
	}
	d.answersWrong("Approve with", map[string]string{"browser": "want passkey, later"})
	for _, answer := range [][2]string{{"Approve with", "passkey"}, {"Clients", "none"}, {"Write this?", ""}, {"Your name", "Ada Byron"}} {
		d.answers(answer[0], answer[1])
	}
	d.sees("Open this in your browser, once, within ten minutes")
	d.types("\x03")
	require.Zero(t, d.ends(), d.shown)
	assert.Contains(t, d.shown.String(), "export VENNIO_CONSENT='signed'")
}

// emptyLists is a Vennio that lists no hosts. The owner of the key has no name or, without an id, is unknown.
func emptyLists(t *testing.T, vennio, owner string) string {
	t.Helper()
	return before(t, vennio, never, func(r *http.Response) error {
		body := ""
		switch r.Request.URL.Path {
		case "/v1/hosts":
			body = `{"hosts":[]}`
		case "/v1/me":
			body = `{"principal_id":"` + owner + `"}`
		default:
			return nil
		}
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
		r.Header.Set("Content-Length", strconv.Itoa(len(body)))
		return nil
	})
}

// req: O7. What is wrong elsewhere than in an answer is named, and can be tried again.
func TestReq_O7_SetupWaitsUntilVennioAnswers(t *testing.T) {
	t.Parallel()
	vennio := startSandboxProcess(t)
	const gone = "http://127.0.0.1:1"
	d := setUp(t, append(clean(t), "VENNIO_API_URL="+gone))
	d.answers("Key", "vennio_sk_live_"+canary)
	d.sees("nothing listens at " + gone)
	d.answers("Press Enter to try again", "")
	d.sees("nothing listens at " + gone)
	d.answers("Press Enter to try again", "http://vennio.example.com")
	d.sees("https")
	d.answers("Press Enter to try again", vennio)
	d.sees("The key works: live secret.")
	d.sees("Whose calendars")
	assert.NotContains(t, d.shown.String(), "test key")

	slow := before(t, vennio, never, func(r *http.Response) error {
		r.Header.Set("Date", time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat))
		return nil
	})
	d = setUp(t, append(clean(t), "VENNIO_API_URL="+slow))
	d.answers("Key", "vennio_sk_test_"+canary)
	d.sees("ahead of Vennio. Set the clock")
	d.answers("Press Enter to try again", "")
	d.sees("ahead of Vennio. Set the clock")
	d.answers("or type continue", "no")
	d.sees("press Enter, or type continue")
	d.answers("or type continue", "continue")
	d.sees("Whose calendars")

	d = setUp(t, append(clean(t), "VENNIO_API_URL="+emptyLists(t, vennio, "")))
	d.answers("Key", "vennio_sk_test_"+canary)
	d.sees("Vennio lists no host for this key")
	d.sees("Type the host's id, a UUID: business_id or principal_id")
	d.answersWrong("Hosts", map[string]string{"": "an answer is needed", "1": "there is no host number 1"})
	d.answers("Hosts", sandbox.Hosts()[0].ID)
	d.answersWrong("Name of the person", map[string]string{"": "an answer is needed", sandbox.Hosts()[0].ID: "type a name"})
	d.answers("Name of the person", "Alice, of London")
	d.sees("dialect reference")

	guide := before(t, vennio, func(r *http.Request) bool { return r.URL.Query().Has("business_id") }, func(*http.Response) error { return nil })
	d = setUp(t, append(clean(t), "VENNIO_API_URL="+guide))
	d.answers("Key", "vennio_sk_test_"+canary)
	d.answers("Hosts", "Alice Marlow")
	d.sees("dialect guide")

	// The owner of the key is the only host of an account that lists none.
	d = setUp(t, append(clean(t), "VENNIO_API_URL="+emptyLists(t, vennio, sandbox.Hosts()[1].ID)))
	d.answers("Key", "vennio_sk_test_"+canary)
	d.sees("  1  calendar ")
	d.answers("Hosts", "")
	d.answers("Name of the person", "Bob")
	d.sees("dialect reference")
}

// req: O7. A folder that cannot be written and a client's file that cannot be changed are named before anything
// is written; the person corrects them, or leaves the client out.
func TestReq_O7_SetupNamesWhatCannotBeWritten(t *testing.T) {
	t.Parallel()
	vennio, env := startSandboxProcess(t), clean(t)
	home := homeOf(env)
	write := func(path, text string) {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	cursor, blocked := filepath.Join(home, ".cursor", "mcp.json"), filepath.Join(home, "blocked")
	write(cursor, `{"mcpServers": `)
	write(blocked, "")
	write(filepath.Join(home, ".gemini"), "a file in the place of the folder")
	d := setUp(t, append(env, "VENNIO_API_URL="+vennio, "VENNIO_STATE_DIR="+filepath.Join(blocked, "state")))
	for _, answer := range [][2]string{{"Key", "vennio_sk_test_" + canary}, {"Hosts", ""}, {"Time zone", ""}, {"Policy", ""}, {"Clients", "cursor, gemini-cli"}} {
		d.answers(answer[0], answer[1])
	}
	d.sees("is not JSON")
	d.answers("or type skip to leave out Cursor", "maybe")
	d.sees("press Enter, or type skip")
	write(cursor, "{}")
	d.answers("or type skip to leave out Cursor", "")
	d.answers("or type skip to leave out Gemini CLI", "skip")
	d.sees("clients   cursor")
	d.answers("Write this?", "yes")
	d.sees("cannot be stored")
	d.answers("Folder to store them in", blocked)
	d.sees("cannot be stored")
	state := filepath.Join(home, "state")
	d.answers("Folder to store them in", state)
	d.sees("Free half hours")
	require.Zero(t, d.ends(), d.shown)
	entry := cursorEntry(t, home)
	assert.Equal(t, state, entry.Env["VENNIO_STATE_DIR"])
	assert.Equal(t, filepath.Join(state, "api-key-vennio"), entry.Env["VENNIO_API_KEY_FILE"])
}

// req: O7. The second run offers the answers of the first, and a person pairs their browser at its end.
func TestReq_O7_SetupRunsAgainAndPairsABrowser(t *testing.T) {
	t.Parallel()
	vennio, env := startSandboxProcess(t), clean(t)
	first := setUp(t, append(env, "VENNIO_API_URL="+vennio))
	for _, answer := range [][2]string{{"Key", "vennio_sk_test_" + canary}, {"Hosts", "2,1"}, {"Time zone", "Asia/Tokyo"}, {"Policy", "human"}, {"Approve with", "carrier pigeon"}, {"Approve with", "later"}, {"Clients", "cursor"}, {"Write this?", ""}} {
		first.answers(answer[0], answer[1])
	}
	first.sees("vennio-mcp approvals link")
	require.Zero(t, first.ends(), first.shown)
	entry := cursorEntry(t, homeOf(env))

	again := setUp(t, env)
	again.sees("Press Enter to keep the present key")
	for _, prompt := range []string{"Key", "[2,1]", "[Asia/Tokyo]", "[human]", "[browser]"} {
		again.answers(prompt, "")
	}
	again.sees("MCP clients on this machine: cursor.")
	again.answers("Clients", "")
	again.answers("Write this?", "")
	again.sees("Open this in your browser")
	again.sees("Ctrl-C")
	b := newBrowser(t)
	address := regexp.MustCompile(`http://\S+/approvals/pair/[A-Z2-7]+`).FindString(again.shown.String())
	status, page := b.open(address)
	require.Equal(t, http.StatusOK, status, page)
	status, page = b.answer(address, "")
	assert.Equal(t, http.StatusOK, status)
	assert.Contains(t, page, "<h1>Approvals</h1>")
	again.types("\x03")
	require.Zero(t, again.ends(), again.shown)
	assert.Equal(t, entry, cursorEntry(t, homeOf(env)), "nothing changed")
	_, out, _ := run(t, env, "approvals", "browsers")
	assert.Contains(t, out, "Ada Byron")
}

func filesIn(t *testing.T, dir string) (all []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			all = append(all, path)
		}
		return err
	}))
	return all
}

// req: O7. Without a terminal nobody can be asked: the flags are the answers.
func TestReq_O7_SetupForScripts(t *testing.T) {
	t.Parallel()
	vennio, env := startSandboxProcess(t), clean(t)
	env = append(env, "VENNIO_API_URL="+vennio)
	key := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(key, []byte("vennio_sk_test_"+canary), 0o600))
	alice := "Alice=" + sandbox.Hosts()[0].ID
	for message, args := range map[string][]string{
		"this is not a terminal":              {},
		"give --key-file FILE":                {"--yes"},
		"cannot be read":                      {"--yes", "--key-file", key + ".none"},
		"a key must not be on the command":    {"--yes", "--key", "vennio_sk_test_x"},
		`--clients: unknown client "emacs"`:   {"--yes", "--key-file", key, "--clients", "emacs"},
		`--timezone timezone "Europe/Lodnon"`: {"--yes", "--key-file", key, "--timezone", "Europe/Lodnon"},
		"Dana is not connected":               {"--yes", "--key-file", key, "--hosts", "Dana=" + sandbox.Hosts()[3].ID},
		"a server's name":                     {"--yes", "--sandbox", "--name", "my server"},
	} {
		code, out, errs := run(t, env, append([]string{"setup"}, args...)...)
		assert.NotZero(t, code, out)
		assert.Contains(t, errs, message)
		assert.Empty(t, filesIn(t, homeOf(env)), message)
	}
	line := []string{"setup", "--yes", "--key-file", key, "--hosts", alice, "--consent", "attested", "--clients", "cursor,codex"}
	code, out, errs := run(t, env, append(line, "--dry-run")...)
	require.Zero(t, code, errs+out)
	assert.Contains(t, out, "VENNIO_CONSENT=attested")
	assert.Contains(t, out, "Nothing was written.")
	assert.Empty(t, filesIn(t, homeOf(env)))
	code, out, errs = run(t, env, line...)
	require.Zero(t, code, errs+out)
	assert.Contains(t, out, "Free half hours with Alice")
	entry := cursorEntry(t, homeOf(env))
	assert.Equal(t, key, entry.Env["VENNIO_API_KEY_FILE"])
	assert.Equal(t, alice, entry.Env["VENNIO_HOSTS"])
	booked := entry.book(t, env)
	assert.Equal(t, "confirmed", booked.Data.Status, booked.Text)

	code, out, errs = run(t, env, "setup", "--yes", "--timezone", "Asia/Tokyo")
	require.Zero(t, code, errs+out)
	again := cursorEntry(t, homeOf(env))
	assert.Equal(t, "Asia/Tokyo", again.Env["VENNIO_TIMEZONE"])
	entry.Env["VENNIO_TIMEZONE"] = "Asia/Tokyo"
	assert.Equal(t, entry, again, "the other answers stay")

	code, out, errs = run(t, env[:len(env)-1], "setup", "--yes", "--sandbox")
	require.Zero(t, code, errs+out)
	assert.Contains(t, out, "Free half hours with Alice Marlow")
	assert.Equal(t, map[string]string{"VENNIO_CONSENT": "attested", "VENNIO_TIMEZONE": "Asia/Tokyo"}, cursorEntry(t, homeOf(env)).Env)
}
