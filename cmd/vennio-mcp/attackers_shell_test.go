package main

import (
	"cmp"
	"database/sql"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/creack/pty"
	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// target is a server that an agent attacks. home has its settings, key and state, and any user may enter it.
type target struct {
	env          []string
	vennio, home string
	server       *process
	address      string // of an open request
}

const environmentFile = "server.env" // in the home directory of a target

// serves starts a target under a policy.
func serves(t *testing.T, policy string) *target {
	t.Helper()
	env, vennio := humanEnv(t, "VENNIO_CONSENT="+policy)
	v := &target{env: env, vennio: vennio, home: strings.TrimPrefix(env[0], "HOME=")}
	require.NoError(t, os.Chmod(v.home, 0o755)) // the program itself must protect its files
	require.NoError(t, os.Chmod(filepath.Dir(v.home), 0o755))
	var settings strings.Builder
	for _, line := range env {
		if strings.HasPrefix(line, "VENNIO_") {
			name, value, _ := strings.Cut(line, "=")
			fmt.Fprintf(&settings, "export %s='%s'\n", name, value)
		}
	}
	require.NoError(t, os.WriteFile(filepath.Join(v.home, environmentFile), []byte(settings.String()), 0o600))
	return v
}

// asks starts the server, which an agent asks for a booking.
func (v *target) asks(t *testing.T) {
	t.Helper()
	v.server = start(t, v.env, "serve", "--addr", "127.0.0.1:0")
	c := attacksBy(t, "streamable HTTP", v.server.address(), "2025-11-25", false, nil)
	booking := aBooking(t, c)
	booking["consent"] = map[string]any{"granted": false}
	v.address = link.FindString(say(t, c, "book_slot", booking))
}

func (v *target) id() string { return v.address[strings.LastIndex(v.address, "/")+1:] }

// shellAgent is an agent with a shell.
type shellAgent struct {
	crawler
	program string
	as      []string // the command that runs another one as the agent's user; empty: the server's user
	homes   []string // those that it tries: its own, and that of the server
}

// nobody is an agent that runs as another user than the server. Only root can start a process as another user.
// Otherwise the test checks the modes of the server's files, and the agent uses its own home directory only.
func nobody(t *testing.T, v *target) *shellAgent {
	t.Helper()
	home, err := os.MkdirTemp("", "agent")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(home) })
	a := &shellAgent{crawler: crawler{browser: newBrowser(t)}, program: filepath.Join(home, "vennio-mcp"), homes: []string{home}}
	path, err := binary()
	require.NoError(t, err)
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(a.program, raw, 0o755))
	require.NoError(t, os.Chmod(a.program, 0o755)) // whatever the umask is
	const user = 65534
	setpriv, err := exec.LookPath("setpriv")
	if err != nil || os.Geteuid() != 0 {
		require.NoError(t, filepath.WalkDir(v.home, func(path string, e os.DirEntry, err error) error {
			if err != nil || path == v.home {
				return err
			}
			info, err := e.Info()
			if err == nil && filepath.Dir(path) == v.home {
				assert.Zero(t, info.Mode().Perm()&0o077, path)
			}
			return err
		}))
		return a
	}
	require.NoError(t, os.Chown(home, user, user))
	a.as = []string{setpriv, fmt.Sprintf("--reuid=%d", user), fmt.Sprintf("--regid=%d", user), "--clear-groups", "--"}
	a.homes = append(a.homes, v.home)
	return a
}

// sameUser is an agent that runs as the server's user and has paired its browser.
func sameUser(t *testing.T, v *target) *shellAgent {
	t.Helper()
	path, err := binary()
	require.NoError(t, err)
	return &shellAgent{crawler: crawler{browser: pairedBrowser(t, v.env)}, program: path, homes: []string{v.home}}
}

// command is a shell command with the server's settings, if the agent can read them.
func (a *shellAgent) command(home, line string) *exec.Cmd {
	args := append(append([]string{}, a.as...), "sh", "-c", fmt.Sprintf("[ ! -r '%[1]s' ] || . '%[1]s'; %[2]s", filepath.Join(home, environmentFile), line))
	cmd := exec.CommandContext(a.t.Context(), args[0], args[1:]...)
	cmd.Dir, cmd.Env = home, []string{"HOME=" + home, "PATH=" + os.Getenv("PATH"), "TZ=Europe/London", "PROGRAM=" + a.program}
	return cmd
}

// runs runs a shell command in a terminal or without one, and returns its output.
func (a *shellAgent) runs(home, line string, terminal bool) string {
	a.t.Helper()
	cmd := a.command(home, line)
	if !terminal {
		out, _ := cmd.CombinedOutput()
		return string(out)
	}
	screen, err := pty.Start(cmd)
	require.NoError(a.t, err)
	defer func() { _ = screen.Close() }()
	out, _ := io.ReadAll(screen)
	_ = cmd.Wait()
	return string(out)
}

// shellAttacks are what an agent with a shell does to book without a person. Each one finds a write at its own server
// user under the policy exposed, where the check is missing.
var shellAttacks = map[string]struct {
	exposed string
	by      func(v *target, a *shellAgent)
}{
	"opens every address, with forged cookies": {"human", func(v *target, a *shellAgent) {
		a.sees(v.server.stderr.String() + " " + v.address)
		a.attack()
	}},
	"its own MCP connection, which accepts everything": {"ask", func(v *target, a *shellAgent) {
		for _, over := range []string{"streamable HTTP", "SSE"} {
			for _, protocol := range []string{"2025-11-25", "2026-07-28"} {
				c := attacksBy(a.t, over, v.server.address(), protocol, true, &a.crawler)
				say(a.t, c, "book_slot", aBooking(a.t, c))
				if writesAt(a.t, v.vennio) != "0" {
					return
				}
			}
		}
	}},
	"approves in a terminal, and without one": {"human", func(v *target, a *shellAgent) {
		for _, home := range a.homes {
			for _, terminal := range []bool{false, true} {
				before := writesAt(a.t, v.vennio)
				out := a.runs(home, `"$PROGRAM" approvals approve `+v.id()+` --name "Ada Byron"`, terminal)
				if !terminal {
					assert.Equal(a.t, before, writesAt(a.t, v.vennio), out)
				}
			}
		}
	}},
	"adds its own passkey": {"signed", func(v *target, a *shellAgent) {
		for _, home := range a.homes {
			d := newDevice(a.t)
			cmd := a.command(home, `"$PROGRAM" passkeys add --name "Ada Byron"`)
			if address, end := linkInTerminal(a.t, cmd); address != "" {
				d.makesPasskey(address)
				end()
			}
			d.answers(v.address, "approve")
		}
	}},
	"starts its own server with the server's key": {"signed", func(_ *target, a *shellAgent) {
		for _, home := range a.homes {
			cmd := a.command(home, `exec "$PROGRAM" --consent attested`)
			c, err := client.NewStdioMCPClient(cmd.Path, cmd.Env, cmd.Args[1:]...)
			require.NoError(a.t, err)
			a.booksIn(c)
			_ = c.Close()
		}
	}},
}

// booksIn books with a server of the agent's, if it starts.
func (a *shellAgent) booksIn(c *client.Client) {
	hello := mcp.InitializeRequest{}
	hello.Params.ProtocolVersion = "2025-11-25"
	if _, err := c.Initialize(a.t.Context(), hello); err == nil {
		say(a.t, c, "book_slot", aBooking(a.t, c))
	}
}

// req: C5
// field: agent with a shell, and a server whose settings, key and state belong to another user
// Under signed nothing of it writes; it can change none of the server's files. The device with the passkey writes.
func TestReq_C5_AnAgentWithAShellWritesNothing(t *testing.T) {
	t.Parallel()
	v := serves(t, "signed")
	ada := newDevice(t)
	ada.adds(v.env, nil, "--name", "Ada Byron")
	v.asks(t)
	require.NotEmpty(t, v.address)
	a := nobody(t, v)
	for name, attack := range shellAttacks {
		attack.by(v, a)
		require.Equal(t, "0", writesAt(t, v.vennio), name)
	}
	const finds = `{ find . -type f -readable; find . -writable; cat /proc/*/environ | grep -ao 'vennio_sk_[a-z0-9_]*'; } 2>/dev/null`
	for _, home := range a.homes[1:] {
		assert.Empty(t, a.runs(home, finds, false), "what the agent can read or change")
	}
	assert.NotEmpty(t, sameUser(t, v).runs(v.home, finds, false))
	code, _, errs := run(t, v.env, "ledger", "verify")
	assert.Zero(t, code, errs)
	status, page := ada.answers(v.address, "approve")
	require.Equal(t, http.StatusOK, status, page)
	assert.Equal(t, "1", writesAt(t, v.vennio), "the request was open all the time")
}

// req: C5. Each attack finds a write where its check is missing.
func TestReq_C5_TheShellsAttacksWriteWithoutTheChecks(t *testing.T) {
	t.Parallel()
	for name, attack := range shellAttacks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := serves(t, attack.exposed)
			v.asks(t)
			attack.by(v, sameUser(t, v))
			assert.NotEqual(t, "0", writesAt(t, v.vennio))
		})
	}
}

// onDisk are what an agent of the server's user does to the server's database. It computes all hashes anew.
var onDisk = map[string][]string{
	"inserts a grant":               {`INSERT INTO grants (id, COLUMNS) SELECT 'FORGED', COLUMNS FROM grants`},
	"changes the method of a grant": {`UPDATE grants SET rung = 'approved on the page'`},
	"changes the method everywhere": {
		`UPDATE grants SET rung = 'approved on the page'`,
		`UPDATE details SET json = json_remove(json_set(json, '$.rung', 'approved on the page'), '$.signature', '$.act') WHERE json LIKE '%"signature"%' AND json NOT LIKE '%"passkey"%'`,
	},
	"edits an act":                  {`UPDATE acts SET json = replace(json, 'Intro', 'Other')`},
	"edits an act everywhere":       {`UPDATE acts SET json = replace(json, 'Intro', 'Other')`, `UPDATE details SET json = replace(json, 'Intro', 'Other')`},
	"edits the person on record":    {`UPDATE grants SET given_by = 'Eve'`, `UPDATE details SET json = json_set(json, '$.by', 'Eve') WHERE json LIKE '%"by"%'`},
	"adds a passkey":                {`INSERT INTO passkeys SELECT 'AAAAAAAAAAAAAAAAAAAAAA', tenant, public_key, name, rp, how, added, removed FROM passkeys`},
	"replaces the key of a passkey": {`UPDATE passkeys SET public_key = 'pQECAyYgASFYIOagqgDCvbaiqDyaOE3H0rgY6Wvd8lDPo8Uytrv0FgxcIlgg3FF3V0KKv94WoCtYd8LeKDQ0BHT8o0wGKCamTNpUqtE'`},
	"removes the newest entries":    {`DELETE FROM details WHERE seq > 3`, `DELETE FROM entries WHERE seq > 3`},
	"removes an entry and numbers the others anew": {
		`DELETE FROM details WHERE seq = 3`, `DELETE FROM entries WHERE seq = 3`, `UPDATE details SET seq = seq - 1 WHERE seq > 3`, `UPDATE entries SET seq = seq - 1 WHERE seq > 3`,
	},
	"lowers a counter": {`UPDATE passkey_counters SET counter = 0`},
	"removes the policy, and the signature with it": {
		`UPDATE proposals SET policy = ''`, `UPDATE grants SET rung = 'approved on the page'`,
		`UPDATE details SET json = json_remove(json, '$.policy')`,
		`UPDATE details SET json = json_remove(json_set(json, '$.rung', 'approved on the page'), '$.signature', '$.act') WHERE json LIKE '%"signature"%' AND json NOT LIKE '%"passkey"%'`,
	},
}

// rewrites executes statements in the database under a home directory, without its triggers, and computes the ledger's hashes anew.
func rewrites(t *testing.T, home string, statements []string) {
	t.Helper()
	var path string
	require.NoError(t, filepath.WalkDir(home, func(at string, _ os.DirEntry, err error) error {
		if filepath.Ext(at) == ".db" {
			path = at
		}
		return err
	}))
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	for _, trigger := range texts(t, db, `SELECT name FROM sqlite_master WHERE type = 'trigger' OR type = 'index' AND sql IS NOT NULL`) {
		statements = append([]string{`DROP ` + strings.ToUpper(texts(t, db, `SELECT type FROM sqlite_master WHERE name = '`+trigger+`'`)[0]) + ` ` + trigger}, statements...)
	}
	columns := texts(t, db, `SELECT group_concat(name) FROM pragma_table_info('grants') WHERE name <> 'id'`)[0]
	for _, statement := range statements {
		_, err := db.ExecContext(t.Context(), strings.ReplaceAll(statement, "COLUMNS", columns))
		require.NoError(t, err, statement)
	}
	ends := map[string]string{} // by chain
	for _, seq := range texts(t, db, `SELECT seq FROM entries ORDER BY seq`) {
		commitment := sha256Hex(texts(t, db, `SELECT salt || json FROM details WHERE seq = `+seq)[0])
		chain := texts(t, db, `SELECT chain FROM entries WHERE seq = `+seq)[0]
		_, err := db.ExecContext(t.Context(), `UPDATE entries SET commitment = ?, prev = ?, n = (SELECT COUNT(*) FROM entries e WHERE e.chain = entries.chain AND e.seq <= entries.seq) WHERE seq = ?`,
			commitment, cmp.Or(ends[chain], strings.Repeat("0", 64)), seq)
		require.NoError(t, err)
		ends[chain] = sha256Hex(texts(t, db, `SELECT prev || char(10) || tenant || char(10) || chain || char(10) || n || char(10) || at || char(10) || kind || char(10) || digest || char(10) || commitment
			FROM entries WHERE seq = `+seq)[0])
		_, err = db.ExecContext(t.Context(), `UPDATE entries SET hash = ? WHERE seq = ?`, ends[chain], seq)
		require.NoError(t, err)
	}
	prev := strings.Repeat("0", 64)
	for _, n := range texts(t, db, `SELECT n FROM seals ORDER BY n`) {
		_, err := db.ExecContext(t.Context(), `UPDATE seals SET prev = ?, entries = (SELECT COUNT(*) FROM entries WHERE seal = seals.n) WHERE n = ?`, prev, n)
		require.NoError(t, err)
		prev = sha256Hex(texts(t, db, `SELECT prev || char(10) || n || char(10) || at || char(10) || entries ||
			COALESCE((SELECT group_concat(char(10) || hash, '' ORDER BY seq) FROM entries WHERE seal = seals.n), '') FROM seals WHERE n = `+n)[0])
		_, err = db.ExecContext(t.Context(), `UPDATE seals SET hash = ? WHERE n = ?`, prev, n)
		require.NoError(t, err)
	}
}

// texts returns the values of a query.
func texts(t *testing.T, db *sql.DB, query string) (all []string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	require.NoError(t, err)
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var text string
		require.NoError(t, rows.Scan(&text))
		all = append(all, text)
	}
	require.NoError(t, rows.Err())
	return all
}

// req: C13
// field: agent of the server's user, and passkeys pinned in settings that it cannot change
// What it changes in the database, and what it books under a weaker policy or with its own passkey, is found.
func TestReq_C13_WhatAnAgentChangesOnDiskIsFound(t *testing.T) {
	t.Parallel()
	env, _ := humanEnv(t, "VENNIO_CONSENT=signed")
	ada := newDevice(t)
	ada.adds(env, nil, "--name", "Ada Byron")
	_, list, _ := run(t, env, "passkeys", "list")
	settings := filepath.Join(t.TempDir(), "settings.yml")
	require.NoError(t, os.WriteFile(settings, []byte(list), 0o600))
	c := converse(t, env)
	ada.key.Counter = 7
	status, page := ada.answers(link.FindString(c.call("book_slot", c.booking()).Text), "approve")
	require.Equal(t, http.StatusOK, status, page)
	require.NoError(t, c.stdin.Close())
	require.Zero(t, c.wait())

	found := func(t *testing.T, act func(home string, env []string)) string {
		t.Helper()
		home := t.TempDir()
		require.NoError(t, os.CopyFS(home, os.DirFS(strings.TrimPrefix(env[0], "HOME="))))
		own := append(slices.Clone(env), "HOME="+home)
		act(home, own)
		code, out, errs := run(t, append(own, "VENNIO_MCP_SETTINGS="+settings), "ledger", "verify")
		if code == 0 {
			return strings.Join(regexp.MustCompile(`Attention: .*`).FindAllString(out, -1), "\n")
		}
		return errs
	}
	assert.Empty(t, found(t, func(home string, _ []string) { rewrites(t, home, nil) }), "other hashes alone are no mistake")
	for name, statements := range onDisk {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			why := found(t, func(home string, _ []string) { rewrites(t, home, statements) })
			assert.NotEmpty(t, why)
		})
	}
	t.Run("books under a weaker policy", func(t *testing.T) {
		t.Parallel()
		assert.Contains(t, found(t, func(_ string, env []string) {
			own := converse(t, append(env, "VENNIO_CONSENT=attested"))
			require.Equal(t, "confirmed", own.call("book_slot", own.booking()).Data.Status)
		}), "consents without a signature, although the policy is signed: 1.")
	})
	t.Run("books with its own passkey", func(t *testing.T) {
		t.Parallel()
		assert.Contains(t, found(t, func(_ string, env []string) {
			code, shown := inTerminal(t, env, "passkeys", "remove", ada.id(), "--lost")
			require.Zero(t, code, shown)
			eve := newDevice(t)
			eve.adds(env, nil, "--name", "Ada Byron")
			own := converse(t, env)
			status, page := eve.answers(link.FindString(own.call("book_slot", own.booking()).Text), "approve")
			require.Equal(t, http.StatusOK, status, page)
		}), "its signature is by a passkey that the tenant did not have")
	})
}
