package mcpclients_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/mcpclients"
)

// For any content of a file, Install either refuses it and leaves it unchanged, or adds
// one entry that the client can read and that Uninstall removes again.
func FuzzSettings(f *testing.F) {
	for _, text := range []string{
		"", "{}", "\ufeff{}", `{"mcpServers":{"vennio":{"command":"/x/vennio-mcp","env":{"VENNIO_API_KEY":"k"}}}}`, `{"mcpServers":{"a":1,}/**/,}`, `{"a":1// c` + "\n" + `,"mcpServers":null}`, `{"mcpServers":{},"mcpServers":{}}`, "null", "[]", `{"mcpServers":{"vennio":{"command":{},"Command":"/x/vennio-mcp"}}}`,
	} {
		f.Add([]byte(text), false)
	}
	for _, text := range []string{
		"", "a = 1", "\ufeffa = nan", "[mcp_servers.vennio]\ncommand = \"/x/vennio-mcp\"\n# end\n[b]\n", "[mcp_servers]\nvennio.command = \"/x/vennio-mcp\"\n", "[mcp_servers.vennio]\ncommand='/x/vennio-mcp'\nb='''\n[x]\n# '''\n[[c]]\r\nd=1979-05-27", "[ 'mcp_servers' . \"vennio\" ] # x\ncommand='/x/vennio-mcp'\n[mcp_servers.vennio.env]\n",
	} {
		f.Add([]byte(text), true)
	}
	f.Fuzz(func(t *testing.T, raw []byte, isTOML bool) {
		c := known("Cursor")
		if isTOML {
			c = known("Codex")
		}
		c.Path = filepath.Join(t.TempDir(), "settings")
		require.NoError(t, os.WriteFile(c.Path, raw, 0o600))
		change, err := c.Install("vennio", entry)
		if err != nil {
			assert.Equal(t, string(raw), contents(t, c.Path))
			return
		}
		assert.NotEmpty(t, change.Preview())
		if isTOML { // Codex itself writes the file
			assert.Equal(t, string(raw), contents(t, c.Path))
			return
		}
		_, err = change.Apply(noon)
		require.NoError(t, err)
		holdsOnceAndLoses(t, c)
	})
}

// holdsOnceAndLoses asserts that the file has the entry once, that a second Install
// changes nothing, and that Uninstall removes the entry.
func holdsOnceAndLoses(t *testing.T, c mcpclients.Client) {
	t.Helper()
	found, err := c.Servers()
	require.NoError(t, err)
	ours := 0
	for _, s := range found {
		if s.Name == "vennio" && s.Command == entry.Command {
			ours++
		}
	}
	assert.Equal(t, 1, ours)
	again, err := c.Install("vennio", entry)
	require.NoError(t, err)
	assert.True(t, again.None())
	gone, err := c.Uninstall("vennio", "")
	require.NoError(t, err)
	_, err = gone.Apply(noon)
	require.NoError(t, err)
	assert.NotContains(t, contents(t, c.Path), entry.Command)
}
