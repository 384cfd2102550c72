package mcpclients_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/mcpclients"
)

// A refusal names the place and the next step, quotes nothing from the file and changes nothing.
func TestWhatCannotBeChangedSafelyIsRefused(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ client, text, says string }{
		"not JSON":           {"Cursor", "{\n  \"canary\": canary}", "is not JSON with an object at its top (line 2, column 13): correct it first"},
		"cut short":          {"VS Code", `{"servers": {`, "(line 1, column 14)"},
		"no object":          {"Cursor", `["canary"]`, "is not JSON with an object at its top: correct it first"},
		"not TOML":           {"Codex", "a = 1\nb = canary\n", "is not TOML (line 2, column 5): correct it first"},
		"servers no object":  {"Cursor", `{"mcpServers":["canary"]}`, "mcpServers in"},
		"entry no object":    {"Cursor", `{"mcpServers":{"vennio":"canary"}}`, "another server: choose another name with --name"},
		"another server":     {"Cursor", `{"mcpServers":{"vennio":{"command":"canary"}}}`, "another server: choose another name with --name"},
		"over the network":   {"Cursor", `{"mcpServers":{"vennio":{"url":"http://canary/mcp"}}}`, "reached over the network"},
		"Zed's older form":   {"Zed", `{"context_servers":{"vennio":{"command":{"path":"/x/vennio-mcp","env":{"K":"canary"}}}}}`, "an older form: uninstall it first"},
		"servers twice":      {"Cursor", `{"mcpServers":{"a":{"command":"canary"}},"mcpServers":{}}`, `"mcpServers" occurs twice`},
		"entry twice":        {"Cursor", `{"mcpServers":{"vennio":{},"vennio":{"command":"/x/vennio-mcp"}}}`, `"vennio" occurs twice`},
		"env no object":      {"Cursor", `{"mcpServers":{"vennio":{"command":"/x/vennio-mcp","env":["canary"]}}}`, `"env" is not an object`},
		"TOML more fields":   {"Codex", "[mcp_servers]\nvennio = { command = \"/x/vennio-mcp\", startup_timeout_sec = 20 }\n", "also sets startup_timeout_sec, which codex mcp add would remove"},
		"TOML key":           {"Codex", "[mcp_servers.vennio]\ncommand = \"/x/vennio-mcp\"\nenv = { VENNIO_API_KEY = \"canary\" }\n", "holds a secret (VENNIO_API_KEY), which must not be on the command line"},
		"TOML secret":        {"Codex", "[mcp_servers.vennio]\ncommand = \"/x/vennio-mcp\"\nenv = { CRM_TOKEN = \"canary\" }\n", "holds a secret (CRM_TOKEN)"},
		"TOML no table":      {"Codex", "mcp_servers = \"canary\"\n", "mcp_servers in"},
		"TOML another's own": {"Codex", "[mcp_servers.vennio]\ncommand = \"canary\"\n", "another server"},
	} {
		c := settings(t, known(tc.client), tc.text)
		_, err := c.Install("vennio", entry)
		require.ErrorContains(t, err, tc.says, name)
		assert.NotContains(t, err.Error(), "canary", name)
		assert.Equal(t, tc.text, contents(t, c.Path), name)
		beside, err := os.ReadDir(filepath.Dir(c.Path))
		require.NoError(t, err)
		assert.Len(t, beside, 1, name)
	}
}

func TestOnlyThisProgramIsTakenOut(t *testing.T) {
	t.Parallel()
	c := settings(t, known("Cursor"), `{"mcpServers":{"vennio":{"command":"/bin/other"},"zed":{"command":{"path":"/x/vennio-mcp"}}}}`)
	_, err := c.Uninstall("vennio", "/opt/vm")
	require.ErrorContains(t, err, "another server, so it was not removed")
	_, err = c.Uninstall("zed", "/opt/vm")
	require.NoError(t, err)
	_, err = c.Uninstall("vennio", "/bin/other")
	require.NoError(t, err, "the program under another name")
	_, err = c.Uninstall("no such", "")
	require.ErrorIs(t, err, mcpclients.ErrName)
	_, err = c.Install("../../etc", entry)
	require.ErrorIs(t, err, mcpclients.ErrName)
}

func TestAFileThatChangesMeanwhileIsNotOverwritten(t *testing.T) {
	t.Parallel()
	c := settings(t, known("Claude Code"), `{"numStartups":1}`)
	change, err := c.Install("vennio", entry)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(c.Path, []byte(`{"numStartups":2}`), 0o600))
	_, err = change.Apply(noon)
	require.ErrorContains(t, err, "just been changed by another program: run this again")
	assert.JSONEq(t, `{"numStartups":2}`, contents(t, c.Path))
}

func TestALinkToNothingIsRefused(t *testing.T) {
	t.Parallel()
	c := settings(t, known("Cursor"), "{}")
	require.NoError(t, os.Remove(c.Path))
	require.NoError(t, os.Symlink(c.Path+".gone", c.Path))
	_, err := c.Install("vennio", entry)
	require.ErrorContains(t, err, "a link to a file that is not there")
}
