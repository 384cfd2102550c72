package main

import (
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/doctor"
	"github.com/vennio-mcp/vennio-mcp/internal/mcpclients"
)

// atOnce runs the program once for each command line, all at the same time.
func atOnce(t *testing.T, env []string, commands ...[]string) {
	t.Helper()
	path, err := binary()
	require.NoError(t, err)
	var done sync.WaitGroup
	for _, args := range commands {
		done.Go(func() {
			code, _, errs := runFile(t, path, env, args...)
			assert.Zero(t, code, "%v: %s", args, errs)
		})
	}
	done.Wait()
}

// field: concurrent installs. 12 processes at a time, for three clients that share
// one file through links, and for one with a TOML file: each entry that was installed
// and not uninstalled is there in the end.
func TestInstallsAtTheSameTimeLoseNothing(t *testing.T) {
	t.Parallel()
	env := clean(t)
	home := strings.TrimPrefix(env[0], "HOME=")
	file := filepath.Join(home, ".cursor", "mcp.json")
	require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o700))
	require.NoError(t, os.WriteFile(file, []byte(`{"mcpServers":{"theirs":{"command":"/bin/other"}}}`), 0o600))
	for _, link := range []string{".codeium/windsurf/mcp_config.json", ".gemini/settings.json"} {
		link = filepath.Join(home, filepath.FromSlash(link))
		require.NoError(t, os.MkdirAll(filepath.Dir(link), 0o700))
		require.NoError(t, os.Symlink(file, link))
	}
	var first, second [][]string
	for i := range 12 {
		sharing := []string{"cursor", "windsurf", "gemini-cli", "codex"}[i%4]
		first = append(first, []string{"install", sharing, "--name", fmt.Sprintf("a%d", i)})
		second = append(second, []string{"install", sharing, "--name", fmt.Sprintf("b%d", i)})
		if i < 4 {
			second = append(second, []string{"uninstall", sharing, "--name", fmt.Sprintf("a%d", i)})
		}
	}
	atOnce(t, env, first...)
	atOnce(t, env, second...)
	shared, err := os.ReadFile(file)
	require.NoError(t, err)
	codex, err := os.ReadFile(filepath.Join(home, ".codex", "config.toml"))
	require.NoError(t, err)
	assert.Contains(t, string(shared), `"theirs":{"command":"/bin/other"}`)
	for i := range 12 {
		entry, text := `"%s%d":{`, string(shared)
		if i%4 == 3 {
			entry, text = "[mcp_servers.%s%d]", string(codex)
		}
		assert.Contains(t, text, fmt.Sprintf(entry, "b", i))
		assert.Equal(t, i >= 4, strings.Contains(text, fmt.Sprintf(entry, "a", i)), "a%d", i)
	}
	left, err := filepath.Glob(filepath.Join(home, ".cursor", ".*"))
	require.NoError(t, err)
	assert.Empty(t, left, "no lock and no temporary file stays")
}

// examined is what doctor says of the clients' settings.
func (d *laptop) examined() string {
	return fmt.Sprint(doctor.Clients(mcpclients.Here(func(name string) string { return d.env[name] })))
}

// special makes what is not a regular file at a path.
var special = map[string]func(t *testing.T, path string){
	"a directory": func(t *testing.T, path string) {
		t.Helper()
		require.NoError(t, os.Mkdir(path, 0o700))
	},
	"a named pipe": func(t *testing.T, path string) {
		t.Helper()
		require.NoError(t, exec.CommandContext(t.Context(), "mkfifo", path).Run())
	},
	"a socket": func(t *testing.T, path string) {
		t.Helper()
		t.Chdir(filepath.Dir(path)) // the address of a socket is short
		listener, err := new(net.ListenConfig).Listen(t.Context(), "unix", filepath.Base(path))
		require.NoError(t, err)
		t.Cleanup(func() { _ = listener.Close() })
	},
	"which is a device": func(t *testing.T, path string) {
		t.Helper()
		require.NoError(t, os.Symlink("/dev/zero", path))
	},
	"a link to a file that is not there": func(t *testing.T, path string) {
		t.Helper()
		require.NoError(t, os.Symlink(path+".gone", path))
	},
	"too many links": func(t *testing.T, path string) {
		t.Helper()
		require.NoError(t, os.Symlink(path, path))
	},
	"larger than 16 MiB": func(t *testing.T, path string) {
		t.Helper()
		require.NoError(t, os.WriteFile(path, nil, 0o600))
		require.NoError(t, os.Truncate(path, 16<<20+1))
	},
}

// field: special settings file. A device is neither read without end nor replaced, a
// named pipe is not waited for; install, uninstall and doctor say what is there.
func TestOnlyRegularSettingsFilesAreReadAndReplaced(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // it has none of these
	}
	for says, make := range special {
		for _, id := range []string{"cursor", "codex"} {
			t.Run(id+" "+says, func(t *testing.T) {
				d := newLaptop(t)
				path := filepath.Join(d.home, map[string]string{"cursor": ".cursor/mcp.json", "codex": ".codex/config.toml"}[id])
				require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
				make(t, path)
				before, err := os.Lstat(path)
				require.NoError(t, err)
				for _, command := range []string{"install", "uninstall"} {
					code, out, errs := d.run(command, id)
					assert.Equal(t, 1, code, out)
					assert.Contains(t, errs, says)
					assert.Contains(t, errs, "nothing was changed")
				}
				out := d.examined()
				assert.Contains(t, out, says)
				after, err := os.Lstat(path)
				require.NoError(t, err)
				assert.Equal(t, before.Mode(), after.Mode())
				beside, err := os.ReadDir(filepath.Dir(path))
				require.NoError(t, err)
				assert.Len(t, beside, 1)
			})
		}
	}
}

// field: special key file. The file that keeps the key is treated likewise.
func TestOnlyARegularKeyFileIsReplaced(t *testing.T) {
	if runtime.GOOS == "windows" {
		return
	}
	for _, says := range []string{"a directory", "a named pipe", "which is a device"} {
		d := newLaptop(t)
		d.env["VENNIO_API_KEY"], d.env["VENNIO_STATE_DIR"] = "vennio_sk_test_mine", filepath.Join(d.home, "state")
		require.NoError(t, os.Mkdir(d.env["VENNIO_STATE_DIR"], 0o700))
		special[says](t, filepath.Join(d.home, "state", "api-key-vennio"))
		code, _, errs := d.run("install", "cursor")
		assert.Equal(t, 1, code)
		assert.Contains(t, errs, says)
		assert.NoFileExists(t, filepath.Join(d.home, ".cursor", "mcp.json"))
	}
}

const refused, handled = false, true

// shapes are settings files, and what becomes of each.
var shapes = []struct {
	id, text string
	want     bool
	says     string // why it is refused
}{
	{"cursor", "null", refused, "is not JSON with an object at its top"},
	{"claude-desktop", " null\n", refused, "is not JSON with an object at its top"},
	{"vscode", "// mine\nnull", refused, "is not JSON with an object at its top"},
	{"cursor", "[]", refused, "is not JSON with an object at its top"},
	{"cursor", `"text"`, refused, "is not JSON with an object at its top"},
	{"cursor", "5", refused, "is not JSON with an object at its top"},
	{"cursor", "false", refused, "is not JSON with an object at its top"},
	{"cursor", "// only a comment", refused, "is not JSON with an object at its top"},
	{"cursor", "", handled, ""},
	{"claude-desktop", " \n", handled, ""},
	{"cursor", `{"mcpServers": null}`, handled, ""},
	{"cursor", `{"mcpServers": []}`, refused, "mcpServers in"},
	{"cursor", `{"mcpServers": "text"}`, refused, "mcpServers in"},
	{"cursor", `{"mcpServers": {"vennio": null}}`, refused, "another server"},
	{"cursor", `{"mcpServers": {"vennio": []}}`, refused, "another server"},
	{"cursor", `{"mcpServers": {"vennio": {"command": {}, "Command": "/x/vennio-mcp"}}}`, refused, "another server"},
	{"cursor", `{"mcpServers": {"vennio": {"command": "/x/vennio-mcp", "Command": 5}}}`, handled, ""},
	{"cursor", `{"mcpServers": {"vennio": {"command": "/x/vennio-mcp", "env": null}}}`, handled, ""},
	{"cursor", strings.Repeat(`{"a":`, 1e6) + "1" + strings.Repeat("}", 1e6), refused, "nests deeper than 1000 levels"},
	{"cursor", `/*/ " */ ` + strings.Repeat("[", 2e6), refused, "nests deeper than 1000 levels"},
	{"cursor", `{/*/ "a */}`, handled, ""},
	{"codex", "null", refused, "is not TOML (line 1, column 4)"},
	{"codex", "", handled, ""},
	{"codex", "mcp_servers = []\n", refused, "mcp_servers in"},
	{"codex", "[[mcp_servers]]\nname = 1\n", refused, "mcp_servers in"},
	{"codex", "[[mcp_servers.vennio]]\ncommand = \"/x/vennio-mcp\"\n", refused, "another server"},
	{"codex", "ratio = nan\nlimit = -inf\n", handled, ""},
	{"codex", "\ufeffmodel = \"o4\"\n", handled, ""},
}

// field: settings that are not an object. Each either gets the entry and loses it
// again, or is refused and stays as it is.
func TestSettingsOfAnyShapeAreHandledOrRefused(t *testing.T) {
	t.Parallel()
	for _, tc := range shapes {
		d := newLaptop(t)
		places := map[string]string{"cursor": ".cursor/mcp.json", "claude-desktop": ".config/Claude/claude_desktop_config.json", "vscode": ".config/Code/User/mcp.json", "codex": ".codex/config.toml"}
		if runtime.GOOS != "linux" && tc.id != "cursor" && tc.id != "codex" {
			continue // kept elsewhere
		}
		path := d.write(places[tc.id], tc.text, 0o600)
		name := tc.id + " " + tc.text[:min(len(tc.text), 70)]
		code, _, errs := d.run("install", tc.id)
		if tc.want == refused {
			assert.Equal(t, 1, code, name)
			assert.Contains(t, errs, tc.says, name)
			assert.Equal(t, map[string]string{path: tc.text}, d.files(), name)
			d.run("uninstall", tc.id) // does not panic either
			assert.Equal(t, map[string]string{path: tc.text}, d.files(), name)
			continue
		}
		assert.Zero(t, code, "%s: %s", name, errs)
		assert.Contains(t, d.files()[path], "/opt/vennio-mcp", name)
		assert.Equal(t, strings.HasPrefix(tc.text, "\ufeff"), strings.HasPrefix(d.files()[path], "\ufeff"), name)
		code, _, errs = d.run("uninstall", tc.id)
		assert.Zero(t, code, "%s: %s", name, errs)
		assert.NotContains(t, d.files()[path], "/opt/vennio-mcp", name)
	}
}

// field: settings that the client cannot parse. install, uninstall and doctor report
// them, with the line; nothing is written.
func TestSettingsThatTheClientCannotParseAreReported(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		return // kept elsewhere
	}
	const comment, comma, mark = "{\n  // mine\n  \"mcpServers\": {}\n}\n", "{\n  \"mcpServers\": {\n    \"theirs\": {\"url\": \"http://a,b\"},\n  }\n}\n", "\ufeff{\"mcpServers\": {}}"
	block := "{\"mcpServers\": {} /* é */}"
	utf16 := "\xff\xfe{\x00}\x00"
	places := map[string]string{
		"claude-desktop": ".config/Claude/claude_desktop_config.json", "claude-code": ".claude.json", "windsurf": ".codeium/windsurf/mcp_config.json", "devin": ".config/devin/mcp_config.json",
		"gemini-cli": ".gemini/settings.json", "cursor": ".cursor/mcp.json", "vscode": ".config/Code/User/mcp.json", "zed": ".config/zed/settings.json", "codex": ".codex/config.toml",
	}
	says := map[string]string{
		comment: "has a comment (line 2, column 3), which", block: "has a comment (line 1, column 19), which", comma: "has a comma after the last member (line 3, column 36), which",
		mark: "begins with a byte order mark, which", utf16: "is written in UTF-16, which",
	}
	for id, refuses := range map[string][]string{
		"claude-desktop": {comment, block, comma, mark, utf16}, "claude-code": {comment, block, comma, mark}, "windsurf": {comment, mark}, "devin": {comma, mark},
		"gemini-cli": {comma, mark, utf16}, "cursor": {utf16}, "vscode": {utf16}, "zed": {utf16}, "codex": {utf16},
	} {
		for _, text := range refuses {
			d := newLaptop(t)
			path := d.write(places[id], text, 0o600)
			for _, command := range []string{"install", "uninstall"} {
				code, _, errs := d.run(command, id)
				assert.Equal(t, 1, code, "%s %s: %q", command, id, text)
				assert.Contains(t, errs, path+" "+says[text], "%s %s: %q", command, id, text)
			}
			assert.Equal(t, map[string]string{path: text}, d.files())
			out := d.examined()
			assert.Contains(t, out, path+" "+says[text], "doctor %s: %q", id, text)
		}
	}
	for id, accepts := range map[string][]string{"vscode": {comment, block, comma, mark}, "cursor": {comment, comma}, "zed": {comment, comma}, "gemini-cli": {comment, block}, "claude-desktop": {`{"url": "https://a//b", "c": "/* no comment, */", "d": "\",}"}`}} {
		for _, text := range accepts {
			d := newLaptop(t)
			path := d.write(places[id], text, 0o600)
			code, _, errs := d.run("install", id)
			assert.Zero(t, code, "%s: %q: %s", id, text, errs)
			out := d.examined()
			assert.Contains(t, out, ": vennio starts", "%s: %q", id, text)
			info, err := os.Stat(path)
			require.NoError(t, err)
			assert.Equal(t, fs.FileMode(0o600), info.Mode().Perm())
		}
	}
	d := newLaptop(t)
	d.write(places["claude-desktop"], "", 0o600)
	_, out, _ := d.run("doctor")
	assert.Contains(t, out, "is empty, which Claude Desktop does not accept")
}
