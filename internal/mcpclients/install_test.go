package mcpclients_test

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/mcpclients"
)

var (
	noon  = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	entry = mcpclients.Entry{Command: "/opt/vennio-mcp", Env: map[string]string{"VENNIO_TIMEZONE": "Europe/London", "VENNIO_HOSTS": "Ada=1, <b>&"}}
)

// home returns an operating system with an empty home directory.
func home(t *testing.T, system string) mcpclients.System {
	t.Helper()
	dir := t.TempDir()
	here := mcpclients.Here(func(name string) string { return map[string]string{"HOME": dir}[name] })
	here.OS = system
	return here
}

// installed writes text, installs the entry, and returns the new content of the file.
func installed(t *testing.T, client, text string, e mcpclients.Entry) string {
	t.Helper()
	c := settings(t, known(client), text)
	change, err := c.Install("vennio", e)
	require.NoError(t, err)
	_, err = change.Apply(noon)
	require.NoError(t, err)
	again, err := c.Install("vennio", e)
	require.NoError(t, err)
	assert.True(t, again.None(), "the second time nothing changes")
	return contents(t, c.Path)
}

func contents(t *testing.T, path string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(raw)
}

func TestEveryClientOnEverySystemGetsTheServerAndLosesIt(t *testing.T) {
	t.Parallel()
	for _, system := range []string{"linux", "darwin", "windows"} {
		here := home(t, system)
		for _, c := range here.Clients() {
			byID, ok := here.Find(c.ID)
			require.True(t, ok)
			assert.Equal(t, c, byID)
			gets(t, c)
			loses(t, c)
		}
	}
	_, ok := home(t, "linux").Find("emacs")
	assert.False(t, ok)
}

// gets installs the entry where there is no settings file.
func gets(t *testing.T, c mcpclients.Client) {
	t.Helper()
	change, err := c.Install("vennio", entry)
	require.NoError(t, err, c.ID)
	assert.NoFileExists(t, c.Path, "nothing is written before Apply")
	backup, err := change.Apply(noon)
	require.NoError(t, err, c.ID)
	assert.Empty(t, backup, "there was nothing to keep")
	private(t, c.Path)

	found, err := c.Servers()
	require.NoError(t, err, c.ID)
	require.Len(t, found, 1, c.ID)
	assert.True(t, found[0].Ours(), c.ID)
	assert.Equal(t, entry.Command, found[0].Command)
	again, err := c.Install("vennio", entry)
	require.NoError(t, err)
	assert.True(t, again.None(), c.ID)
	backup, err = again.Apply(noon)
	require.NoError(t, err)
	assert.Empty(t, backup)
}

// loses uninstalls the only entry of the file.
func loses(t *testing.T, c mcpclients.Client) {
	t.Helper()
	gone, err := c.Uninstall("vennio", "")
	require.NoError(t, err, c.ID)
	backup, err := gone.Apply(noon)
	require.NoError(t, err, c.ID)
	private(t, backup)
	found, err := c.Servers()
	require.NoError(t, err, c.ID)
	assert.Empty(t, found, c.ID)
	twice, err := c.Uninstall("vennio", "")
	require.NoError(t, err)
	assert.True(t, twice.None(), c.ID)
}

// private asserts that only the owner can read the file.
func private(t *testing.T, path string) {
	t.Helper()
	info, err := os.Stat(path)
	require.NoError(t, err)
	if runtime.GOOS != "windows" { // which has no such modes
		assert.Equal(t, os.FileMode(0o600), info.Mode().Perm(), path)
	}
}

func TestTheEntryHasEachClientsOwnForm(t *testing.T) {
	t.Parallel()
	e := mcpclients.Entry{Command: "/opt/vennio-mcp", Env: map[string]string{"VENNIO_API_KEY_FILE": "/k", "VENNIO_API_KEY": ""}}
	assert.Equal(t, `{
  "mcpServers": {
    "vennio": {
      "command": "/opt/vennio-mcp",
      "args": [],
      "env": {
        "VENNIO_API_KEY_FILE": "/k"
      }
    }
  }
}
`, installed(t, "Cursor", "", e))
	assert.Equal(t, `{"servers":{"vennio":{"type":"stdio","command":"/opt/vennio-mcp","args":[]}},"inputs":[]}`,
		installed(t, "VS Code", `{"servers":{},"inputs":[]}`, mcpclients.Entry{Command: "/opt/vennio-mcp"}))
	assert.Equal(t, "\ufeff{\r\n\t\"theme\": \"One\",\r\n\t\"context_servers\": {\r\n\t\t\"vennio\": {\r\n\t\t\t\"command\": \"/opt/vennio-mcp\",\r\n\t\t\t\"args\": []\r\n\t\t}\r\n\t}\r\n}\r\n",
		installed(t, "Zed", "\ufeff{\r\n\t\"theme\": \"One\"\r\n}\r\n", mcpclients.Entry{Command: "/opt/vennio-mcp"}), "its mark, tabs and line ends")
}

func TestTheFileKeepsItsPlaceModeAndLink(t *testing.T) {
	t.Parallel()
	c := settings(t, known("Cursor"), `{"mcpServers":{}}`)
	target := filepath.Join(filepath.Dir(c.Path), "dotfiles.json")
	require.NoError(t, os.Rename(c.Path, target))
	require.NoError(t, os.Chmod(target, 0o640))
	require.NoError(t, os.Symlink(target, c.Path))
	change, err := c.Install("vennio", entry)
	require.NoError(t, err)
	backup, err := change.Apply(noon)
	require.NoError(t, err)
	assert.Equal(t, target+".vennio-20261123T120000Z.bak", backup)
	assert.JSONEq(t, `{"mcpServers":{}}`, contents(t, backup))
	private(t, backup)
	info, err := os.Lstat(c.Path)
	require.NoError(t, err)
	assert.NotZero(t, info.Mode()&os.ModeSymlink)
	if info, err = os.Stat(target); runtime.GOOS != "windows" {
		assert.Equal(t, os.FileMode(0o640), info.Mode().Perm())
	}
	require.NoError(t, err)
	change, err = c.Uninstall("vennio", "")
	require.NoError(t, err)
	second, err := change.Apply(noon)
	require.NoError(t, err)
	assert.Equal(t, target+".vennio-20261123T120000Z-1.bak", second, "within the same second")
	left, err := filepath.Glob(filepath.Join(filepath.Dir(target), ".*"))
	require.NoError(t, err)
	assert.Empty(t, left, "no temporary file remains")
}
