package mcpclients_test

import (
	"os"
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

// What the person added to our entry is theirs; a key in it goes to a file.
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

func TestTOMLKeepsItsCommentsAndOrder(t *testing.T) {
	t.Parallel()
	head := "# my settings\nmodel = \"o4\" # big\n\n[mcp_servers.other]\ncommand = \"other\"\n"
	ours := "\n[mcp_servers.vennio]\nargs = []\ncommand = '/opt/vennio-mcp'\n"
	tail := "\n# where I work\n[projects.\"/src\"]\ntrust_level = \"trusted\"\n"
	e := mcpclients.Entry{Command: "/opt/vennio-mcp"}
	assert.Equal(t, head+ours, installed(t, "Codex", head, e))
	assert.Equal(t, ours[1:], installed(t, "Codex", "", e))
	old := "\n[mcp_servers.vennio]\ncommand = \"/old/vennio-mcp\"\nargs = [] # none\nstartup_timeout_sec = 20\n[mcp_servers.vennio.env]\nVENNIO_API_KEY = \"vennio_sk_live_x\"\n"
	assert.Equal(t, head+"\n[mcp_servers.vennio]\nargs = []\ncommand = '/opt/vennio-mcp'\nstartup_timeout_sec = 20\n\n[mcp_servers.vennio.env]\nVENNIO_API_KEY_FILE = '/k'\n"+tail,
		installed(t, "Codex", head+old+tail, mcpclients.Entry{Command: "/opt/vennio-mcp", Env: map[string]string{"VENNIO_API_KEY": "", "VENNIO_API_KEY_FILE": "/k"}}))

	c := settings(t, known("Codex"), head+ours+tail)
	change, err := c.Uninstall("vennio", "")
	require.NoError(t, err)
	_, err = change.Apply(noon)
	require.NoError(t, err)
	assert.Equal(t, head+tail, contents(t, c.Path)[:len(head)]+contents(t, c.Path)[len(head)+1:], "one blank line more stays")
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
