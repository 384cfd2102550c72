package main

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/app"
	"github.com/vennio-mcp/vennio-mcp/schemas"
)

// conversation is one run of the program over stdio, call by call.
type conversation struct {
	*process
	id int
}

func converse(t *testing.T, env []string, args ...string) *conversation {
	t.Helper()
	p := start(t, env, args...)
	_, err := io.WriteString(p.stdin, hello)
	require.NoError(t, err)
	_, err = p.stdout.ReadString('\n')
	require.NoError(t, err)
	return &conversation{process: p}
}

// told is what a tool said, in text and as a booking.
type told struct {
	Text string
	Data schemas.BookSlotResult
}

func (c *conversation) call(tool string, arguments map[string]any) told {
	c.t.Helper()
	c.id++
	raw, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": c.id, "method": "tools/call", "params": map[string]any{"name": tool, "arguments": arguments}})
	require.NoError(c.t, err)
	_, err = c.stdin.Write(append(raw, '\n'))
	require.NoError(c.t, err)
	line, err := c.stdout.ReadString('\n')
	require.NoError(c.t, err, c.stderr)
	var answer struct {
		Result struct {
			Content           []struct{ Text string }
			StructuredContent json.RawMessage
		}
	}
	require.NoError(c.t, json.Unmarshal([]byte(line), &answer), line)
	require.NotEmpty(c.t, answer.Result.Content, line)
	out := told{Text: answer.Result.Content[0].Text}
	if tool == "book_slot" {
		require.NoError(c.t, json.Unmarshal(answer.Result.StructuredContent, &out.Data))
	}
	return out
}

// booking is a complete call for the last slot that is found: the first may begin
// at any moment.
func (c *conversation) booking() map[string]any {
	c.t.Helper()
	found := regexp.MustCompile(`s[0-9a-z]{32}`).FindAllString(c.call("find_slots", map[string]any{"from": time.Now().AddDate(0, 0, 1).Format(time.DateOnly)}).Text, -1)
	require.NotEmpty(c.t, found)
	return map[string]any{
		"slot_id": found[len(found)-1], "title": "Intro", "attendees": []any{map[string]any{"email": "ada@example.com", "name": "Ada Byron"}},
		"consent": map[string]any{"granted": true, "given_by": "Ada", "statement": "yes"},
	}
}

func humanEnv(t *testing.T, more ...string) (env []string, vennio string) {
	t.Helper()
	vennio = startSandboxProcess(t)
	return stored(t, clean(t, append(more, "VENNIO_API_URL="+vennio, "VENNIO_API_KEY=vennio_sk_test_c4n4ry_human", "VENNIO_HOSTS="+sandboxHostsSetting(), "USER=ada")...)), vennio
}

var link = regexp.MustCompile(`http://(?:localhost|127\.0\.0\.1):\d+/approvals/[A-Z2-7]+`)

// browser opens pages and sends their forms, with cookies, as a person's does.
type browser struct {
	t *testing.T
	*http.Client
}

func newBrowser(t *testing.T) browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	return browser{t, &http.Client{Jar: jar}}
}

func (b browser) open(address string) (int, string) { return b.do(http.MethodGet, address, nil) }

func (b browser) do(method, address string, form url.Values) (int, string) {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), method, address, strings.NewReader(form.Encode()))
	require.NoError(b.t, err)
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		u, err := url.Parse(address)
		require.NoError(b.t, err)
		req.Header.Set("Origin", "http://"+u.Host)
	}
	resp, err := b.Do(req)
	require.NoError(b.t, err)
	defer func() { _ = resp.Body.Close() }()
	page, err := io.ReadAll(resp.Body)
	require.NoError(b.t, err)
	return resp.StatusCode, string(page)
}

// answer sends the form of an open page.
func (b browser) answer(address, decision string) (int, string) {
	b.t.Helper()
	return b.do(http.MethodPost, address, url.Values{"decision": {decision}, "name": {"Ada Byron"}})
}

// pairedBrowser is one that a person has paired with the server of these settings, by the link that
// vennio-mcp approvals link prints in a terminal.
func pairedBrowser(t *testing.T, env []string) browser {
	t.Helper()
	_, b, end := pairing(t, env)
	end()
	return b
}

// pairing is vennio-mcp approvals link, which serves the pages until end, and the browser that it has
// paired.
func pairing(t *testing.T, env []string) (pages string, b browser, end func()) {
	t.Helper()
	path, err := binary()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), path, "approvals", "link")
	cmd.Env = env
	terminal, err := pty.Start(cmd)
	require.NoError(t, err)
	address := ""
	var shown strings.Builder
	for lines := bufio.NewScanner(terminal); address == "" && lines.Scan(); {
		shown.WriteString(lines.Text() + "\n")
		address = regexp.MustCompile(`http://\S+/approvals/pair/[A-Z2-7]+`).FindString(lines.Text())
	}
	require.NotEmpty(t, address, shown.String())
	end = sync.OnceFunc(func() {
		_ = cmd.Process.Kill() // with VENNIO_MCP_PUBLIC_URL it has ended
		_ = cmd.Wait()
		_ = terminal.Close()
	})
	t.Cleanup(end)
	b = newBrowser(t)
	status, page := b.open(address)
	require.Equal(t, http.StatusOK, status, page)
	require.Contains(t, page, "Pair this browser")
	status, page = b.answer(address, "")
	require.Equal(t, http.StatusOK, status, page)
	require.Contains(t, page, "<h1>Approvals</h1>")
	return address[:strings.Index(address, "/approvals/")], b, end
}

// req: C3, C4, C9. Under human the agent's word books nothing, and neither does anybody else who has
// the address: a person agrees in a browser that they have paired, and that makes the booking.
func TestReq_C9_APersonApprovesOnThePage(t *testing.T) {
	t.Parallel()
	env, vennio := humanEnv(t, "VENNIO_CONSENT=human")
	c := converse(t, env)
	booking := c.booking()
	refused := c.call("book_slot", booking)
	require.Nil(t, refused.Data.Error)
	require.Equal(t, schemas.CodeApprovalNeeded, refused.Data.Reason, refused.Text)
	address := link.FindString(refused.Text)
	require.NotEmpty(t, address, refused.Text)
	assert.NotContains(t, refused.Text, "vennio-mcp approvals")
	overview := address[:strings.LastIndex(address, "/")]

	agent := newBrowser(t)
	for range 2 {
		status, page := agent.open(address)
		assert.Equal(t, http.StatusForbidden, status)
		assert.Contains(t, page, "This browser is not paired")
		for _, fact := range []string{"Intro", "Ada Byron", "ada@example.com"} {
			assert.NotContains(t, page, fact, "an address authenticates nobody")
		}
		status, page = agent.answer(address, "approve")
		assert.Equal(t, http.StatusForbidden, status)
		assert.Contains(t, page, "Nothing was changed")
	}
	assert.Equal(t, schemas.CodeApprovalNeeded, c.call("book_slot", booking).Data.Reason, "nothing has changed")

	person := pairedBrowser(t, env)
	_, inbox := person.open(overview)
	assert.Contains(t, inbox, address[strings.LastIndex(address, "/approvals/"):], "the inbox leads to it")
	status, page := person.open(address)
	assert.Equal(t, http.StatusOK, status)
	for _, fact := range []string{"Approve this booking?", "Intro", "Ada Byron", "ada@example.com", "Alice Marlow"} {
		assert.Contains(t, page, fact)
	}
	status, after := person.answer(address, "approve")
	assert.Equal(t, http.StatusOK, status)
	assert.Contains(t, after, ">Booked</h1>")
	_, state := newBrowser(t).open(vennio + "/_sandbox/state")
	assert.Regexp(t, `"writes": ?1\b`, state, "before the agent calls again")
	_, again := person.answer(address, "approve")
	assert.Contains(t, again, ">Booked</h1>", "a double click")
	status, file := person.open(address + ".ics")
	assert.Equal(t, http.StatusOK, status)
	assert.Contains(t, file, "BEGIN:VEVENT")

	booked := c.call("book_slot", booking)
	require.Nil(t, booked.Data.Error, booked.Text)
	assert.Equal(t, "confirmed", booked.Data.Status)
	assert.Contains(t, booked.Text, "Already booked")
	assert.Equal(t, "approved on the page", booked.Data.Consent.Method)
	assert.Equal(t, "Ada Byron", booked.Data.Consent.GivenBy)
	_, inbox = person.open(overview)
	assert.Contains(t, inbox, "Booked", "the inbox tells the outcome")
}

// field: paired browser that is revoked
func TestAPairingCanBeRevoked(t *testing.T) {
	t.Parallel()
	env, _ := humanEnv(t, "VENNIO_CONSENT=human")
	c := converse(t, env)
	address := link.FindString(c.call("book_slot", c.booking()).Text)
	person := pairedBrowser(t, env)
	status, _ := person.open(address)
	assert.Equal(t, http.StatusOK, status)
	_, list, _ := run(t, env, "approvals", "browsers")
	require.Regexp(t, `^[a-z2-7]{8}  "Ada Byron"`, list)
	_, out, _ := run(t, env, "approvals", "unpair", list[:8])
	assert.Contains(t, out, "no longer paired")
	status, _ = person.open(address)
	assert.Equal(t, http.StatusForbidden, status, "a pairing can be revoked")
	code, _, errs := run(t, env, "approvals", "link")
	assert.Equal(t, 2, code)
	assert.Contains(t, errs, "run this in a terminal")
}

// field: pairing without the key, which only the client's settings name
// The pages of approvals link then leave the write to the running server.
func TestWithoutTheKeyARunningServerCarriesOutWhatIsApproved_Slow(t *testing.T) {
	t.Parallel()
	env, vennio := humanEnv(t, "VENNIO_CONSENT=human")
	c := converse(t, env)
	booking := c.booking()
	address, err := url.Parse(link.FindString(c.call("book_slot", booking).Text))
	require.NoError(t, err)
	keyless := slices.DeleteFunc(slices.Clone(env), func(s string) bool { return strings.HasPrefix(s, "VENNIO_API_") })
	pages, person, _ := pairing(t, keyless)
	status, after := person.answer(pages+address.Path, "approve")
	assert.Equal(t, http.StatusOK, status)
	assert.Contains(t, after, ">Not booked yet</h1>")
	assert.NotContains(t, after, "Tell the assistant to go on", "a server runs")
	require.Eventually(t, func() bool {
		_, page := person.open(pages + address.Path)
		return strings.Contains(page, ">Booked</h1>")
	}, patience, 100*time.Millisecond)
	_, state := newBrowser(t).open(vennio + "/_sandbox/state")
	assert.Regexp(t, `"writes": ?1\b`, state)
}

// field: request opened in the person's browser
// A server on stdio opens each request once in the browser of the desktop, with a link that pairs it.
func TestARequestIsOpenedInThePersonsBrowser(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Log("xdg-open is how this test sees what is opened")
		return
	}
	bin := t.TempDir()
	seen := filepath.Join(bin, "seen")
	require.NoError(t, os.WriteFile(filepath.Join(bin, "xdg-open"), []byte("#!/bin/sh\necho a window is opened\necho \"$1\" >> '"+seen+"'\n"), 0o700))
	env, _ := humanEnv(t, "VENNIO_CONSENT=human", "DISPLAY=:7", "PATH="+bin+":/usr/bin:/bin")
	c := converse(t, env)
	booking := c.booking()
	asked := c.call("book_slot", booking)
	require.Equal(t, schemas.CodeApprovalNeeded, asked.Data.Reason, asked.Text)
	assert.Contains(t, asked.Text, "opened in the person's browser")
	var opened string
	require.Eventually(t, func() bool {
		raw, _ := os.ReadFile(seen)
		opened = strings.TrimSpace(string(raw))
		return opened != ""
	}, patience, tick)
	assert.NotContains(t, asked.Text, opened, "the link does not pass through the agent")
	c.call("book_slot", booking)
	raw, err := os.ReadFile(seen)
	require.NoError(t, err)
	assert.Equal(t, 1, strings.Count(string(raw), "\n"), "one window")
	person := newBrowser(t)
	_, page := person.open(opened)
	require.Contains(t, page, "Pair this browser")
	_, page = person.answer(opened, "")
	require.Contains(t, page, "Approve this booking?", "pairing leads to the request")
	_, page = person.answer(link.FindString(asked.Text), "approve")
	assert.Contains(t, page, ">Booked</h1>")
	quiet := converse(t, append(env, "VENNIO_MCP_OPEN_BROWSER=off"))
	assert.NotContains(t, quiet.call("book_slot", quiet.booking()).Text, "opened in the person's browser")
}

// field: agent that asks for many app.MaxWindows, and a system without a browser
// An agent opens a few app.MaxWindows at most, and a window that could not be opened is not claimed.
func TestAnAgentOpensFewWindows(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Log("xdg-open is how this test sees what is opened")
		return
	}
	bin := t.TempDir()
	seen := filepath.Join(bin, "seen")
	require.NoError(t, os.WriteFile(filepath.Join(bin, "xdg-open"), []byte("#!/bin/sh\necho \"$1\" >> '"+seen+"'\n"), 0o700))
	broken := t.TempDir()
	fails, err := exec.LookPath("false")
	require.NoError(t, err)
	require.NoError(t, os.Symlink(fails, filepath.Join(broken, "xdg-open")))
	for path, want := range map[string]int{bin + ":/bin": app.MaxWindows, broken + ":/bin": 0, t.TempDir(): 0} {
		env, _ := humanEnv(t, "VENNIO_CONSENT=human", "DISPLAY=:7", "PATH="+path)
		c := converse(t, env)
		free := slotIDs.FindAllString(c.call("find_slots", map[string]any{"when": "next week", "limit": 10}).Text, -1)
		require.Greater(t, len(free), app.MaxWindows+2)
		opened := 0
		for _, slot := range slices.Concat(free[:app.MaxWindows+2], free[:1]) {
			began := time.Now()
			asked := c.call("book_slot", wanted(slot))
			require.Equal(t, schemas.CodeApprovalNeeded, asked.Data.Reason, asked.Text)
			waited := time.Since(began) >= 2*time.Second // the longest that a call waits for the end of xdg-open
			if strings.Contains(asked.Text, "opened in the person's browser") && (want > 0 || !waited) {
				opened++
			}
		}
		if want > 0 {
			assert.Equal(t, want+1, opened, "the repeated call names the window that is open")
			require.Eventually(t, func() bool {
				raw, _ := os.ReadFile(seen)
				return strings.Count(string(raw), "\n") == want
			}, patience, tick)
			continue
		}
		assert.Zero(t, opened, path)
	}
}

func TestAPersonDeclinesOnThePageOfTheServer(t *testing.T) {
	t.Parallel()
	env, _ := humanEnv(t, "VENNIO_CONSENT=human")
	p := start(t, env, "serve", "--addr", "127.0.0.1:0")
	base := strings.Replace(p.address(), "127.0.0.1", "localhost", 1)
	status, page := newBrowser(t).open(base + "/approvals/NOSUCHPROPOSAL")
	assert.Equal(t, http.StatusNotFound, status)
	assert.Contains(t, page, "Nothing to approve")
	c := converse(t, env) // shares the ledger with the server
	booking := c.booking()
	id := link.FindString(c.call("book_slot", booking).Text)
	address := base + id[strings.Index(id, "/approvals/"):]
	_, after := pairedBrowser(t, env).answer(address, "decline")
	assert.Contains(t, after, "Declined")
	assert.Equal(t, schemas.CodeConsentDeclined, c.call("book_slot", booking).Data.Error.Code)
}

func TestAPersonApprovesInTheTerminal(t *testing.T) {
	t.Parallel()
	env, _ := humanEnv(t, "VENNIO_CONSENT=human")
	_, out, _ := run(t, env, "approvals")
	assert.Contains(t, out, "No request waits")
	c := converse(t, env)
	booking := c.booking()
	require.Equal(t, schemas.CodeApprovalNeeded, c.call("book_slot", booking).Data.Reason)
	_, out, errs := run(t, env, "approvals")
	assert.Contains(t, out, "Ada Byron <ada@example.com>", errs)
	id := strings.TrimSpace(strings.SplitN(strings.TrimSpace(out), "\n", 2)[0])
	for _, verb := range []string{"approve", "decline"} {
		code, _, errs := run(t, env, "approvals", verb, id, "--name", "Ada Byron")
		assert.Equal(t, 2, code)
		assert.Contains(t, errs, "a person must answer in a terminal")
	}
	assert.Equal(t, schemas.CodeApprovalNeeded, c.call("book_slot", booking).Data.Reason)
	code, shown := inTerminal(t, env, "approvals", "approve", id)
	require.Zero(t, code, shown)
	assert.Contains(t, shown, "Booked. It is done. The assistant will see")
	code, shown = inTerminal(t, env, "approvals", "decline", id)
	assert.Equal(t, 1, code)
	assert.Contains(t, shown, "the request was answered before: it is used; vennio-mcp ledger show "+id)
	booked := c.call("book_slot", booking)
	require.Nil(t, booked.Data.Error, booked.Text)
	assert.Equal(t, "approved in the terminal", booked.Data.Consent.Method)

	_, out, _ = run(t, env, "ledger", "verify")
	assert.Contains(t, out, "The ledger holds: ")
	_, out, _ = run(t, env, "ledger", "list")
	assert.NotContains(t, out, "ada@example.com")
	_, out, _ = run(t, env, "ledger", "export")
	assert.Contains(t, out, "ada@example.com")
	_, out, _ = run(t, env, "ledger", "erase", "ada@example.com")
	assert.Contains(t, out, "Erased from 1 acts")
	assert.Regexp(t, `(?s)Not erased, since Vennio keeps it: .*mcp_consent_by, mcp_consent_words.*\n  `+booked.Data.BookingID+`\n.*PATCH /v1/bookings`, out)
	_, out, _ = run(t, env, "ledger", "export")
	assert.NotContains(t, out, "ada@example.com")
	_, out, _ = run(t, env, "ledger", "verify")
	assert.Contains(t, out, "The ledger holds: ")
}

// req: I2, I3. Killed between the request and the answer, started again, the
// call repeated: one booking.
func TestReq_I3_KilledBetweenRequestAndAnswer(t *testing.T) {
	t.Parallel()
	env, vennio := humanEnv(t)
	c := converse(t, env)
	booking := c.booking()
	control(t, vennio+"/_sandbox/hold", "{}")
	raw, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 99, "method": "tools/call", "params": map[string]any{"name": "book_slot", "arguments": booking}})
	require.NoError(t, err)
	_, err = c.stdin.Write(append(raw, '\n'))
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		_, state := newBrowser(t).open(vennio + "/_sandbox/state")
		return strings.Contains(state, `"calls":2`) || strings.Contains(state, `"calls": 2`)
	}, patience, tick)
	require.NoError(t, c.cmd.Process.Kill())
	control(t, vennio+"/_sandbox/release", "{}")
	again := converse(t, env)
	booked := again.call("book_slot", booking)
	require.Nil(t, booked.Data.Error, booked.Text)
	assert.Equal(t, "confirmed", booked.Data.Status)
	_, state := newBrowser(t).open(vennio + "/_sandbox/state")
	assert.Regexp(t, `"writes": ?1\b`, state)
}
