// Package readme_test checks what the documents say against the program: generated parts, commands,
// snippets, links, settings, layers, requirements and the files of a release. With -update it writes
// the generated parts: the list of tools and the install buttons of README.md, and the tables of
// docs/reference.
package readme_test

import (
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/config"
	"github.com/vennio-mcp/vennio-mcp/tools"
)

var (
	update = flag.Bool("update", false, "write the generated parts of the documents")
	root   = filepath.Join("..", "..")
)

// req: T7. The tables are those of the catalogue and the settings.
func TestReq_T7_TheReadmeIsUpToDate(t *testing.T) {
	t.Parallel()
	require.NoError(t, generate(root, !*update))
	raw, err := os.ReadFile(filepath.Join(root, "README.md"))
	require.NoError(t, err)
	assert.LessOrEqual(t, strings.Count(string(raw), "\n"), 200, "lines of the README")
}

func TestDriftIsFoundAndRepaired(t *testing.T) {
	t.Parallel()
	copied := t.TempDir()
	for file := range generated() {
		raw, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(file)))
		require.NoError(t, err)
		path := filepath.Join(copied, filepath.FromSlash(file))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, raw, 0o600))
	}
	require.NoError(t, generate(copied, true))
	for file, row := range map[string]string{"README.md": "book_slot", "docs/reference/tools.md": "book_slot", "docs/reference/settings.md": "VENNIO_CONSENT"} {
		path := filepath.Join(copied, filepath.FromSlash(file))
		raw, err := os.ReadFile(path)
		require.NoError(t, err)
		stale := regexp.MustCompile("(?m)^.*`"+row+"` \\|.*\n").ReplaceAll(raw, nil)
		require.Less(t, len(stale), len(raw))
		require.NoError(t, os.WriteFile(path, stale, 0o600))
		require.ErrorContains(t, generate(copied, true), file+" are out of date: run make docs")
		require.NoError(t, generate(copied, false))
		repaired, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, string(raw), string(repaired))
		require.NoError(t, os.WriteFile(path, []byte("# no markers\n"), 0o600))
		require.ErrorContains(t, generate(copied, true), "markers")
		require.NoError(t, os.WriteFile(path, raw, 0o600))
	}
}

// generated returns the generated parts of each document by the names in their markers.
func generated() map[string]map[string]string {
	return map[string]map[string]string{
		"README.md":                  {"tools": toolTable(), "buttons": installButtons()},
		"docs/reference/tools.md":    {"arguments": argumentTable(), "toolsets": toolsetTable()},
		"docs/reference/settings.md": {"settings": settingsTable()},
	}
}

// generate replaces the generated parts of the documents below root. With check it changes nothing
// and returns an error if one is out of date.
func generate(root string, check bool) error {
	for file, parts := range generated() {
		path := filepath.Join(root, filepath.FromSlash(file))
		old, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		text := string(old)
		for name, part := range parts {
			if text, err = replace(text, name, part); err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
		}
		switch {
		case string(old) == text:
			continue
		case check:
			return fmt.Errorf("the generated parts of %s are out of date: run make docs", file)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// replace puts part between <!-- begin name --> and <!-- end name -->.
func replace(text, name, part string) (string, error) {
	begin, end := "<!-- begin "+name+" -->\n", "<!-- end "+name+" -->"
	before, rest, ok1 := strings.Cut(text, begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok1 || !ok2 {
		return "", fmt.Errorf("the markers of %s are missing", name)
	}
	return before + begin + part + end + after, nil
}

// everyTool lists the tools of all toolsets.
func everyTool() []tools.Tool {
	return tools.Catalog(tools.Deps{Selection: tools.Selection{Toolsets: tools.Toolsets()}})
}

// namesIn lists the tools of a toolset.
func namesIn(toolset string) []string {
	return tools.Names(tools.Catalog(tools.Deps{Selection: tools.Selection{Toolsets: []string{toolset}}}))
}

// toolTable lists the tools with the first sentence of their descriptions and their first toolset.
func toolTable() string {
	var b strings.Builder
	b.WriteString("| tool | purpose | effect | toolset |\n|---|---|---|---|\n")
	for _, t := range everyTool() {
		purpose, _, _ := strings.Cut(t.Description, ". ")
		effect := "writes, with consent"
		if *t.Annotations.ReadOnlyHint {
			effect = "reads"
		}
		first := slices.IndexFunc(tools.Toolsets(), func(set string) bool { return slices.Contains(namesIn(set), t.Name) })
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", t.Name, purpose, effect, tools.Toolsets()[first])
	}
	return b.String()
}

// argumentTable lists the tools with their arguments.
func argumentTable() string {
	var b strings.Builder
	b.WriteString("| tool | arguments |\n|---|---|\n")
	for _, t := range everyTool() {
		fmt.Fprintf(&b, "| `%s` | %s |\n", t.Name, strings.Join(arguments(t.RawInputSchema), ", "))
	}
	return b.String()
}

// toolsetTable lists the toolsets with their tools and the committed number of tokens.
func toolsetTable() string {
	var b strings.Builder
	var cost map[string]int
	raw, err := os.ReadFile(filepath.Join(root, "tools", "testdata", "tokens.json"))
	if err != nil || json.Unmarshal(raw, &cost) != nil {
		return "the file tools/testdata/tokens.json cannot be read\n"
	}
	b.WriteString("| toolset | tools | tokens (o200k) |\n|---|---|---|\n")
	for _, set := range tools.Toolsets() {
		fmt.Fprintf(&b, "| `%s` | `%s` | %d |\n", set, strings.Join(namesIn(set), "`, `"), cost["toolset "+set])
	}
	return b.String()
}

// settingsTable lists all settings.
func settingsTable() string {
	var b strings.Builder
	b.WriteString("| environment variable | flag | default | meaning |\n|---|---|---|---|\n")
	for _, s := range config.Settings() {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", strings.Join(s.Env, "`, `"), code("--", s.Flag), code("", s.Default), s.Help)
	}
	return b.String()
}

func code(prefix, s string) string {
	if s == "" {
		return ""
	}
	return "`" + prefix + s + "`"
}

// arguments lists the properties of a schema in its own order.
func arguments(schema json.RawMessage) (list []string) {
	var s struct {
		Properties json.RawMessage `json:"properties"`
		Required   []string        `json:"required"`
	}
	if json.Unmarshal(schema, &s) != nil {
		return nil
	}
	d := json.NewDecoder(strings.NewReader(string(s.Properties)))
	_, _ = d.Token() // {
	for d.More() {
		name, _ := d.Token()
		_ = d.Decode(new(json.RawMessage))
		if word := "`" + name.(string) + "`"; slices.Contains(s.Required, name.(string)) {
			list = append(list, "**"+word+"**")
		} else {
			list = append(list, word)
		}
	}
	return list
}

// serverEntry is the configuration that a button installs: the program on the user's PATH, which
// starts the sandbox. docs/install.md documents the same fields.
type serverEntry struct {
	Type    string `json:"type,omitempty"` // required by VS Code
	Command string `json:"command"`
}

// installButtons returns links that add the server to a client. GitHub only shows http and https
// links, so they lead to the clients' web sites, which redirect to the client.
func installButtons() string {
	return fmt.Sprintf("[![Add to Cursor](https://cursor.com/deeplink/mcp-install-dark.svg)](%s)\n[![Add to VS Code](https://img.shields.io/badge/VS_Code-Install_Server-0098FF)](%s)\n",
		cursor("https://cursor.com/en/install-mcp"), vscode("https://vscode.dev/redirect/mcp/install"))
}

// cursor returns an install link as described at https://cursor.com/docs/mcp/install-links.
func cursor(at string) string {
	config := base64.StdEncoding.EncodeToString(asJSON(serverEntry{Command: "vennio-mcp"}))
	return at + "?" + url.Values{"name": {"vennio"}, "config": {config}}.Encode()
}

// vscode returns an install link as described in VS Code's MCP developer guide.
func vscode(at string) string {
	return at + "?" + url.Values{"name": {"vennio"}, "config": {string(asJSON(serverEntry{Type: "stdio", Command: "vennio-mcp"}))}}.Encode()
}

func asJSON(s serverEntry) []byte {
	raw, _ := json.Marshal(s) // a struct of two strings cannot fail
	return raw
}
