package mcpclients_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/mcpclients"
)

// Settings as people write them, without our entry and with it.
const (
	commented = `// mine
{
    "theme": "One", // dark
    /* servers */
    "mcpServers": {
        "other": { "command": "/bin/other", "env": { "TOKEN": "t" } }, // not ours
        // more to come
    },
}
`
	commentedWith = `// mine
{
    "theme": "One", // dark
    /* servers */
    "mcpServers": {
        "other": { "command": "/bin/other", "env": { "TOKEN": "t" } }, // not ours
        // more to come
        "vennio": {
            "command": "/opt/vennio-mcp",
            "args": []
        },
    },
}
`
)

func TestCommentsAndTrailingCommasStay(t *testing.T) {
	t.Parallel()
	c := settings(t, known("Cursor"), commented)
	for _, step := range []struct {
		do   func() (mcpclients.Change, error)
		want string
	}{
		{func() (mcpclients.Change, error) {
			return c.Install("vennio", mcpclients.Entry{Command: "/opt/vennio-mcp"})
		}, commentedWith},
		{func() (mcpclients.Change, error) { return c.Uninstall("vennio", "") }, commented},
	} {
		change, err := step.do()
		require.NoError(t, err)
		_, err = change.Apply(noon)
		require.NoError(t, err)
		assert.Equal(t, step.want, contents(t, c.Path))
	}
}

// Fields that a person added to our entry are preserved; a key in it is moved to a file.
func TestAnOlderEntryIsBroughtUpToDate(t *testing.T) {
	t.Parallel()
	e := mcpclients.Entry{Command: "/new/vennio-mcp", Env: map[string]string{"VENNIO_API_KEY": "", "VENNIO_API_KEY_FILE": "/k"}}
	assert.Equal(t, `{"mcpServers":{"vennio":{"command":"/new/vennio-mcp","args":["--read-only"],"disabled":false,"env":{"VENNIO_CONSENT":"human","VENNIO_API_KEY_FILE":"/k"}/* mine */}}}`,
		installed(t, "Cursor", `{"mcpServers":{"vennio":{"command":"/old/vennio-mcp","args":["--read-only"],"disabled":false,"env":{"VENNIO_API_KEY":"vennio_sk_live_x","VENNIO_CONSENT":"human"}/* mine */}}}`, e))
	assert.Equal(t, `{"mcpServers":{"vennio":{"command":"/new/vennio-mcp","args":[],"env":{"VENNIO_API_KEY_FILE":"/k"}}}}`,
		installed(t, "Cursor", `{"mcpServers":{"vennio":{"command":"npx","args":["-y","vennio-mcp@1"]}}}`, e), "the arguments of npx are not ours")
	assert.Equal(t, `{"mcpServers":{"vennio":{"command":"/new/vennio-mcp","args":[],"env":{"VENNIO_API_KEY_FILE":"/k"}}}}`,
		installed(t, "Cursor", `{"mcpServers":null}`, e))
}

// Codex's own command changes Codex's file, and receives no key.
func TestCodexChangesItsFileItself(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		return // the stand-in is a shell script
	}
	head := "# my settings\nmodel = \"o4\" # big\n\n[mcp_servers.other]\ncommand = \"other\"\n"
	old := "\n[mcp_servers.vennio]\ncommand = \"/old/vennio-mcp\"\nargs = [\"--read-only\"]\n[mcp_servers.vennio.env]\nVENNIO_API_KEY = \"vennio_sk_live_canary\"\nVENNIO_CONSENT = \"human\"\n"
	e := mcpclients.Entry{Command: "/opt/vennio-mcp", Env: map[string]string{"VENNIO_API_KEY": "", "VENNIO_API_KEY_FILE": "/k"}}
	for text, want := range map[string][]string{
		head:       {"mcp", "add", "vennio", "--env", "VENNIO_API_KEY_FILE=/k", "--", "/opt/vennio-mcp"},
		head + old: {"mcp", "add", "vennio", "--env", "VENNIO_API_KEY_FILE=/k", "--env", "VENNIO_CONSENT=human", "--", "/opt/vennio-mcp", "--read-only"},
	} {
		c := settings(t, known("Codex"), text)
		c.Path = filepath.Join(filepath.Dir(c.Path), "config.toml")
		require.NoError(t, os.WriteFile(c.Path, []byte(text), 0o600))
		change, err := c.Install("vennio", e)
		require.NoError(t, err)
		assert.Equal(t, append([]string{"codex"}, want...), change.Command())
		assert.Equal(t, text, contents(t, c.Path))
		backup, err := change.Apply(noon)
		require.NoError(t, err)
		assert.Equal(t, text, contents(t, backup))
		gone, err := c.Uninstall("vennio", "")
		require.NoError(t, err)
		_, err = gone.Apply(noon)
		require.NoError(t, err)
		arguments := contents(t, filepath.Join(filepath.Dir(c.Path), "arguments"))
		assert.Equal(t, strings.Join(append(want, "mcp", "remove", "vennio"), "\n")+"\n", arguments)
		assert.NotContains(t, arguments, "canary")
	}
	c := known("Codex")
	c.Path = filepath.Join(t.TempDir(), "config.toml")
	change, err := c.Install("fails", e)
	require.NoError(t, err)
	assert.Equal(t, "[mcp_servers.fails]\ncommand = '/opt/vennio-mcp'\n\n[mcp_servers.fails.env]\nVENNIO_API_KEY_FILE = '/k'\n", change.Snippet())
	_, err = change.Apply(noon)
	require.ErrorContains(t, err, "codex mcp add failed (exit status 3)")
	assert.NotContains(t, err.Error(), "vennio_sk_live_canary")
}

func TestAPreviewShowsOneEntryAndNoKey(t *testing.T) {
	t.Parallel()
	c := settings(t, known("Cursor"), `{"mcpServers":{"other":{"command":"x","env":{"T":"canary"}},"vennio":{"command":"/old/vennio-mcp","env":{"VENNIO_API_KEY":"canary\"$canary","VENNIO_SIGNING_SECRET":"canary","B":"vennio_sk_live_canary"}}}}`)
	change, err := c.Install("vennio", entry)
	require.NoError(t, err)
	assert.True(t, change.HasKey())
	shown := change.Preview()
	assert.NotContains(t, shown, "canary")
	for _, line := range []string{"--- " + c.Path, "@@ mcpServers.vennio @@", `-  "command": "/old/vennio-mcp",`, `-    "VENNIO_API_KEY": "****",`, `+  "command": "/opt/vennio-mcp",`} {
		assert.Contains(t, shown, line+"\n")
	}
	assert.Contains(t, shown, `+    "VENNIO_HOSTS": "Ada=1, <b>&"`)
}

func TestAKeyIsKeptForItsOwnerAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir() + "/state"
	for _, want := range []bool{true, false} {
		changed, err := mcpclients.KeepKey(dir, "vennio", "vennio_sk_test_x")
		require.NoError(t, err)
		assert.Equal(t, want, changed)
		private(t, mcpclients.KeyPath(dir, "vennio"))
		assert.Equal(t, "vennio_sk_test_x\n", contents(t, mcpclients.KeyPath(dir, "vennio")))
		require.NoError(t, os.Chmod(mcpclients.KeyPath(dir, "vennio"), 0o644)) // and closed again the second time
	}
}
