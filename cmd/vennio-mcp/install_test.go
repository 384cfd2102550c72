package main

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// laptop is a person's machine: a home, and the program in it.
type laptop struct {
	t    *testing.T
	home string
	env  map[string]string
}

func newLaptop(t *testing.T) *laptop {
	t.Helper()
	home := t.TempDir()
	return &laptop{t: t, home: home, env: map[string]string{"HOME": home, "LOCALAPPDATA": home}}
}

func (d *laptop) run(args ...string) (code int, out, errs string) {
	d.t.Helper()
	var o, e bytes.Buffer
	p := program{
		getenv: func(name string) string { return d.env[name] }, in: strings.NewReader(""), out: &o, errs: &e, self: "/opt/vennio-mcp",
		now: func() time.Time { return time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC) },
	}
	code = p.run(d.t.Context(), args)
	return code, o.String(), e.String()
}

// files are all files of the home, by path, with what they say.
func (d *laptop) files() map[string]string {
	d.t.Helper()
	found := map[string]string{}
	require.NoError(d.t, filepath.WalkDir(d.home, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		found[path] = string(raw)
		return err
	}))
	return found
}

func (d *laptop) write(path, text string, mode fs.FileMode) string {
	d.t.Helper()
	path = filepath.Join(d.home, path)
	require.NoError(d.t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(d.t, os.WriteFile(path, []byte(text), mode))
	return path
}

func TestInstallForEveryClientOnceAndTwiceAndAway(t *testing.T) {
	t.Parallel()
	for _, id := range clientIDs() {
		d := newLaptop(t)
		code, out, errs := d.run("install", id, "--dry-run")
		require.Zero(t, code, errs)
		assert.Contains(t, out, `+  "command": "/opt/vennio-mcp"`, id)
		assert.Contains(t, out, "none: the sandbox answers", id)
		assert.Empty(t, d.files(), "nothing is written")
		code, out, errs = d.run("install", id)
		require.Zero(t, code, errs)
		assert.Contains(t, out, ": vennio is in ", id)
		before := d.files()
		delete(before, filepath.Join(d.home, ".codex", "arguments"))
		assert.Len(t, before, 1, id)
		code, out, errs = d.run("install", id)
		require.Zero(t, code, errs)
		assert.Contains(t, out, "as it should be. Nothing was changed.", id)
		after := d.files()
		delete(after, filepath.Join(d.home, ".codex", "arguments"))
		assert.Equal(t, before, after, id)
		code, out, errs = d.run("uninstall", id)
		require.Zero(t, code, errs)
		assert.Contains(t, out, ": vennio is no longer in ", id)
		code, out, errs = d.run("uninstall", id)
		require.Zero(t, code, errs)
		assert.Contains(t, out, "Nothing was changed.", id)
	}
}

// req: X3. The key goes to a file of the person's own, whatever the client's file is.
func TestReq_X3_InstallKeepsTheKeyOutOfTheClientsFile(t *testing.T) {
	t.Parallel()
	d := newLaptop(t)
	d.env["VENNIO_API_KEY"], d.env["VENNIO_SIGNING_SECRET"], d.env["VENNIO_BUSINESS_ID"] = "vennio_sk_live_canary", "canary canary canary", "b-1"
	d.env["VENNIO_STATE_DIR"] = filepath.Join(d.home, "state")
	client := d.write(".cursor/mcp.json", `{"mcpServers":{"vennio":{"command":"/old/vennio-mcp","env":{"VENNIO_API_KEY":"vennio_sk_live_canary"}}}}`, 0o644)
	code, shown, errs := d.run("install", "cursor", "--timezone", "Europe/London", "--dry-run")
	require.Zero(t, code, errs)
	code, told, errs := d.run("install", "cursor", "--timezone", "Europe/London")
	require.Zero(t, code, errs)
	assert.NotContains(t, shown+told, "canary")
	for _, part := range []string{"settings  VENNIO_BUSINESS_ID, VENNIO_STATE_DIR, VENNIO_TIMEZONE\n", "left out  VENNIO_SIGNING_SECRET (secrets", ".bak\n"} {
		assert.Contains(t, told, part)
	}
	key := filepath.Join(d.home, "state", "api-key-vennio")
	for path, text := range d.files() {
		info, err := os.Stat(path)
		require.NoError(t, err)
		if path != client && runtime.GOOS != "windows" {
			assert.Equal(t, fs.FileMode(0o600), info.Mode().Perm(), path)
		}
		assert.Equal(t, path == key || strings.HasSuffix(path, ".bak"), strings.Contains(text, "canary"), path)
	}
	assert.Contains(t, d.files()[client], `"VENNIO_API_KEY_FILE":"`+strings.ReplaceAll(key, `\`, `\\`)+`"`)

	d.env["VENNIO_API_KEY"] = "vennio_sk_live_another"
	code, told, errs = d.run("install", "cursor", "--timezone", "Europe/London")
	require.Zero(t, code, errs)
	assert.Contains(t, told, ": vennio is in ", "the key alone is new")
	assert.Contains(t, told, "backup    unchanged")
	assert.Equal(t, "vennio_sk_live_another\n", d.files()[key])
	_, told, _ = d.run("uninstall", "cursor")
	assert.Contains(t, told, "key       stays in "+key)
}

func TestAKeyFileOfOnesOwnMustBeOnesOwn(t *testing.T) {
	t.Parallel()
	d := newLaptop(t)
	file := d.write("mine.key", "vennio_sk_test_mine\n", 0o600)
	d.env["VENNIO_API_KEY"] = "vennio_sk_live_ignored"
	code, told, errs := d.run("install", "codex", "--name", "vennio-test", "--key-file", file)
	require.Zero(t, code, errs)
	assert.Contains(t, told, "key       "+file)
	config := d.files()[filepath.Join(d.home, ".codex", "config.toml")]
	assert.Contains(t, config, "[mcp_servers.vennio-test]\n")
	assert.Contains(t, config, "VENNIO_API_KEY_FILE = '"+file+"'")
	assert.Equal(t, "mcp\nadd\nvennio-test\n--env\nVENNIO_API_KEY_FILE="+file+"\n--\n/opt/vennio-mcp\n", d.files()[filepath.Join(d.home, ".codex", "arguments")])
	if runtime.GOOS != "windows" {
		require.NoError(t, os.Chmod(file, 0o644))
		code, _, errs = d.run("install", "cursor", "--key-file", file)
		assert.Equal(t, 1, code)
		assert.Contains(t, errs, "chmod 600 "+file)
	}
	code, _, errs = d.run("install", "cursor", "--key-file", file+".none")
	assert.Equal(t, 2, code)
	assert.Contains(t, errs, "VENNIO_API_KEY_FILE cannot be read")
	assert.NoFileExists(t, filepath.Join(d.home, ".cursor", "mcp.json"))
}

// Without Codex's command, the entry is printed for the person to paste; the key is in its file.
func TestWithoutCodexTheEntryIsPrinted(t *testing.T) {
	t.Parallel()
	env := append(clean(t, "VENNIO_API_KEY=vennio_sk_test_c4n4ry"), "PATH="+t.TempDir())
	home := strings.TrimPrefix(env[0], "HOME=")
	_, dry, _ := run(t, env, "install", "codex", "--dry-run")
	code, out, errs := run(t, env, "install", "codex")
	require.Zero(t, code, errs)
	assert.Equal(t, out, dry)
	assert.Contains(t, out, "codex is not on the PATH")
	assert.Contains(t, out, filepath.Join(home, ".codex", "config.toml"))
	assert.Regexp(t, `(?s)\[mcp_servers\.vennio\]\ncommand = '.*vennio-mcp'\n\n\[mcp_servers\.vennio\.env\]\nVENNIO_API_KEY_FILE = '(.*)api-key-vennio'`, out)
	assert.NotContains(t, out, "c4n4ry")
	assert.NoDirExists(t, filepath.Join(home, ".codex"), "with the folder, install --all and setup would take Codex for installed")
	require.NoError(t, os.Mkdir(filepath.Join(home, ".codex"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(home, ".codex", "config.toml"), []byte("[mcp_servers.vennio]\ncommand = \"/x/vennio-mcp\"\n"), 0o600))
	_, dry, _ = run(t, env, "uninstall", "codex", "--dry-run")
	_, out, _ = run(t, env, "uninstall", "codex")
	assert.Equal(t, out, dry)
	assert.Contains(t, out, "Remove the table [mcp_servers.vennio]")
}

func TestInstallRefusesWhatItDoesNotUnderstand(t *testing.T) {
	t.Parallel()
	for says, args := range map[string][]string{
		`unknown client "emacs" (there are claude-desktop, claude-code, cursor, vscode, windsurf, zed, gemini-cli, codex, devin, skills); see: `: {"install", "emacs"},
		`unknown client "claude-desktp", did you mean claude-desktop? (there are claude-desktop, `:                                               {"install", "claude-desktp"},
		`unknown client "cursr", did you mean cursor?`:                                                                                           {"uninstall", "cursr"},
		"want one client, or skills: claude-desktop, ":                                                                                           {"uninstall"},
		"--name: a server's name": {"install", "cursor", "--name", "a b"},
		"America/New_York":        {"install", "cursor", "--timezone", "EST"},
	} {
		d := newLaptop(t)
		code, _, errs := d.run(args...)
		assert.Equal(t, 2, code, says)
		assert.Contains(t, errs, says)
		assert.Empty(t, d.files())
	}
	d := newLaptop(t)
	d.write(".cursor/mcp.json", `{"canary`, 0o600)
	code, _, errs := d.run("install", "cursor")
	assert.Equal(t, 1, code)
	assert.Contains(t, errs, "(line 1, column 9): correct it first; nothing was changed")
	assert.Len(t, d.files(), 1)
	delete(d.env, "HOME")
	_, _, errs = d.run("install", "cursor")
	assert.Contains(t, errs, "there is no home folder")
}

// What the client then starts is the program itself, under the path it was called by.
func TestTheInstalledProgramServes(t *testing.T) {
	t.Parallel()
	env := clean(t)
	built, err := binary()
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "vennio-mcp")
	if runtime.GOOS == "windows" {
		path += ".exe"
	}
	require.NoError(t, os.Symlink(built, path), "as package managers have it: the link outlives an upgrade")
	code, _, errs := runFile(t, path, env, "install", "claude-code")
	require.Zero(t, code, errs)
	raw, err := os.ReadFile(filepath.Join(strings.TrimPrefix(env[0], "HOME="), ".claude.json"))
	require.NoError(t, err)
	assert.Contains(t, string(raw), strings.ReplaceAll(path, `\`, `\\`))
	_, out, _ := run(t, env, "doctor")
	assert.Contains(t, out, "Claude Code: vennio starts "+path)
}

// install --all reaches every client that is here, names the others, and is not kept from one by another. Each
// entry without a key, or without a host, comes with a warning.
func TestInstallAll(t *testing.T) {
	t.Parallel()
	d := newLaptop(t)
	code, out, errs := d.run("install", "--all")
	assert.Equal(t, 2, code, out)
	assert.Contains(t, errs, "no MCP client was found on this machine: name one of claude-desktop, claude-code")
	d.write(".claude/settings.json", "{}", 0o600) // what Claude Code leaves besides ~/.claude.json
	d.write(".cursor/extensions.json", "{}", 0o600)
	broken := d.write(".gemini/settings.json", "{", 0o600)
	code, out, errs = d.run("install", "--all")
	assert.Equal(t, 1, code, out)
	assert.Contains(t, errs, "Gemini CLI: ")
	assert.Contains(t, out, "Claude Code: vennio is in ")
	assert.Contains(t, out, "Cursor: vennio is in ")
	assert.Contains(t, out, "Not found on this machine: claude-desktop, vscode, windsurf, zed, codex, devin.")
	assert.Equal(t, 2, strings.Count(out, "warning   without a key nothing real is booked. To set everything up step by step: vennio-mcp setup"))
	require.NoError(t, os.WriteFile(broken, []byte("{}"), 0o600))
	d.env["VENNIO_API_KEY"] = "vennio_sk_test_1"
	code, out, errs = d.run("install", "--all", "--dry-run")
	require.Zero(t, code, errs)
	assert.Equal(t, 3, strings.Count(out, "warning   no host is set, so each call must name its host by id."), out)
	d.env["VENNIO_HOSTS"] = "Ada=619c8492-3849-4201-abd3-6d668d3f30b3"
	code, out, errs = d.run("install", "--all")
	require.Zero(t, code, errs)
	assert.NotContains(t, out, "warning")
	code, _, errs = d.run("install", "--all", "cursor")
	assert.Equal(t, 2, code)
	assert.Contains(t, errs, `"cursor" is not expected here`)
}
