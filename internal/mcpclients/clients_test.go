package mcpclients_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/mcpclients"
)

// TestMain puts a fake codex command on the PATH.
func TestMain(m *testing.M) {
	dir, err := filepath.Abs("testdata")
	if err == nil {
		err = os.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	}
	if err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

func TestWhereEachClientKeepsItsSettings(t *testing.T) {
	t.Parallel()
	home := filepath.FromSlash("/home/ada")
	for system, want := range map[string][]string{
		"linux": {
			".config/Claude/claude_desktop_config.json", ".claude.json", ".cursor/mcp.json", ".config/Code/User/mcp.json",
			".codeium/windsurf/mcp_config.json", ".config/zed/settings.json", ".gemini/settings.json", ".codex/config.toml", ".config/devin/mcp_config.json",
		},
		"darwin": {
			"Library/Application Support/Claude/claude_desktop_config.json", ".claude.json", ".cursor/mcp.json", "Library/Application Support/Code/User/mcp.json",
			".codeium/windsurf/mcp_config.json", ".config/zed/settings.json", ".gemini/settings.json", ".codex/config.toml", ".config/devin/mcp_config.json",
		},
		"windows": {
			"AppData/Roaming/Claude/claude_desktop_config.json", ".claude.json", ".cursor/mcp.json", "AppData/Roaming/Code/User/mcp.json",
			".codeium/windsurf/mcp_config.json", "AppData/Roaming/Zed/settings.json", ".gemini/settings.json", ".codex/config.toml", "AppData/Roaming/devin/mcp_config.json",
		},
	} {
		here := mcpclients.Here(func(name string) string { return map[string]string{"HOME": home}[name] })
		here.OS = system
		all := here.Clients()
		require.Len(t, want, len(all))
		for i, c := range all {
			assert.Equal(t, filepath.Join(home, filepath.FromSlash(want[i])), c.Path, "%s on %s", c.Name, system)
		}
	}
	assert.Empty(t, mcpclients.Here(func(string) string { return "" }).Clients(), "without a home directory there are no clients")
}

func TestTheEnvironmentMovesTheFolders(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	env := map[string]string{"HOME": root, "XDG_CONFIG_HOME": filepath.Join(root, "x"), "APPDATA": filepath.Join(root, "a"), "CODEX_HOME": "c"}
	here := mcpclients.Here(func(name string) string { return env[name] })
	for system, want := range map[string]string{"linux": "x", "windows": "a"} {
		here.OS = system
		all := here.Clients()
		assert.Equal(t, filepath.Join(root, want, "Claude", "claude_desktop_config.json"), all[0].Path)
		assert.Equal(t, filepath.Join("c", "config.toml"), all[7].Path)
	}
}

// field: relative HOME and XDG_CONFIG_HOME
func TestRelativeFoldersAreIgnored(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	env := map[string]string{"HOME": root, "XDG_CONFIG_HOME": "x", "APPDATA": "a"}
	here := mcpclients.Here(func(name string) string { return env[name] })
	for system, want := range map[string]string{"linux": ".config", "windows": filepath.Join("AppData", "Roaming")} {
		here.OS = system
		assert.Equal(t, filepath.Join(root, want, "Claude", "claude_desktop_config.json"), here.Clients()[0].Path, system)
	}
	env["HOME"] = "h"
	assert.Empty(t, mcpclients.Here(func(name string) string { return env[name] }).Clients())
}

func settings(t *testing.T, c mcpclients.Client, text string) mcpclients.Client {
	t.Helper()
	c.Path = filepath.Join(t.TempDir(), "settings")
	require.NoError(t, os.WriteFile(c.Path, []byte(text), 0o600))
	return c
}

func known(name string) mcpclients.Client {
	for _, c := range (mcpclients.System{OS: "linux", Home: "/home/ada"}).Clients() {
		if c.Name == name {
			return c
		}
	}
	return mcpclients.Client{}
}

func TestServersAreReadInEachClientsOwnForm(t *testing.T) {
	t.Parallel()
	for client, text := range map[string]string{
		"Claude Desktop": `{"mcpServers":{"vennio":{"command":"/bin/vennio-mcp","env":{"VENNIO_API_KEY":"vennio_sk_live_canary"}}}}`,
		"Claude Code":    `{"projects":{"/src":{"mcpServers":{"vennio":{"type":"stdio","command":"/bin/vennio-mcp","env":{"VENNIO_API_KEY":"sk_test_xxx"}}}},"/other":{}}}`,
		"VS Code":        "// mine\n{\"servers\":{\"vennio\":{\"command\":\"/bin/vennio-mcp\",\"env\":{\"VENNIO_API_KEY\":\"vennio_sk_live_canary\"},},},}",
		"Zed":            `{"theme":"One","context_servers":{"vennio":{"command":{"path":"/bin/vennio-mcp","env":{"VENNIO_API_KEY":"vennio_sk_live_canary"}}}}}`,
		"Codex":          "model = \"o4\"\n[mcp_servers.vennio]\ncommand = \"/bin/vennio-mcp\"\nenv = { VENNIO_API_KEY = \"vennio_sk_live_canary\" }\n",
	} {
		found, err := settings(t, known(client), text).Servers()
		require.NoError(t, err, client)
		require.Len(t, found, 1, client)
		assert.Equal(t, "vennio", found[0].Name, client)
		assert.Equal(t, "/bin/vennio-mcp", found[0].Command, client)
		assert.True(t, found[0].HasKey, client)
		assert.True(t, found[0].Ours(), client)
	}
}

func TestWhichServersAreOurs(t *testing.T) {
	t.Parallel()
	found, err := settings(t, known("Cursor"), `{"mcpServers":{
		"a exe":     {"command":"C:\\Tools\\vennio-mcp.exe","args":["stdio"]},
		"b image":   {"command":"docker","args":["run","-i","ghcr.io/vennio-mcp/vennio-mcp:1.2"]},
		"c package": {"command":"npx","args":["-y","vennio-mcp@1"],"env":{"VENNIO_API_KEY":"${env:VENNIO_API_KEY}"}},
		"d vennio":  {"url":"http://127.0.0.1:8080/mcp"},
		"e other":   {"command":"/bin/other","args":["--for","vennio-mcp-lookalike"]},
		"f vennio":  {"url":"https://api.vennio.app/mcp"},
		"g odd":     7
	}}`).Servers()
	require.NoError(t, err)
	require.Len(t, found, 7)
	for i, want := range []bool{true, true, true, true, false, false, false} {
		assert.Equal(t, want, found[i].Ours(), found[i].Name)
		assert.False(t, found[i].HasKey, found[i].Name)
	}
}

func TestSettingsThatCannotBeReadAreNotRepeated(t *testing.T) {
	t.Parallel()
	for client, text := range map[string]string{"Cursor": `{"canary`, "Codex": `canary = `, "VS Code": `["canary"]`} {
		_, err := settings(t, known(client), text).Servers()
		require.ErrorContains(t, err, " is not ", client)
		assert.NotContains(t, err.Error(), "canary")
	}
	c := known("Cursor")
	c.Path = filepath.Join(t.TempDir(), "none")
	_, err := c.Servers()
	require.ErrorIs(t, err, fs.ErrNotExist)
	for _, empty := range []string{`{}`, `{"mcpServers":null}`, `{"mcpServers":[1]}`} {
		found, err := settings(t, known("Cursor"), empty).Servers()
		require.NoError(t, err)
		assert.Empty(t, found)
	}
}
