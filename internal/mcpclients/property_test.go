package mcpclients_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tailscale/hujson"
	"pgregory.net/rapid"

	"github.com/vennio-mcp/vennio-mcp/internal/mcpclients"
)

// blanks generates white space and comments between two tokens; each comment is different.
func blanks(t *rapid.T, count *int) string {
	*count++
	kinds := []string{"", " ", "\n  ", "\r\n\t", " /* c# */ ", "// c#\n", "\n\t// c#\n\n"}
	return strings.ReplaceAll(rapid.SampledFrom(kinds).Draw(t, "blanks"), "#", string(rune('a'+*count%26))+strings.Repeat("i", *count%7))
}

// value generates a JSON value with arbitrary formatting.
func value(t *rapid.T, depth int, count *int) string {
	kind := rapid.IntRange(0, 5).Draw(t, "kind")
	if depth == 0 && kind > 3 {
		kind = 0
	}
	switch kind {
	case 0, 1:
		raw, _ := json.Marshal(rapid.String().Draw(t, "text"))
		return string(raw)
	case 2:
		return rapid.SampledFrom([]string{"0", "-1.50", "1e400", "12345678901234567890", "true", "null", "{}", "[]"}).Draw(t, "literal")
	case 3:
		return "[" + blanks(t, count) + "1," + blanks(t, count) + `"x"` + rapid.SampledFrom([]string{"", ","}).Draw(t, "comma") + blanks(t, count) + "]"
	}
	return members(t, depth-1, count, "")
}

// members generates an object and inserts first among its members.
func members(t *rapid.T, depth int, count *int, first string) string {
	var b strings.Builder
	names := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z "\\é]{1,6}`), 0, 4, rapid.ID).Draw(t, "names")
	place := rapid.IntRange(0, len(names)).Draw(t, "place")
	var all []string
	for i, name := range names {
		if i == place && first != "" {
			all = append(all, first)
		}
		quoted, _ := json.Marshal(name)
		all = append(all, string(quoted)+blanks(t, count)+":"+blanks(t, count)+value(t, depth, count))
	}
	if place == len(names) && first != "" {
		all = append(all, first)
	}
	b.WriteString("{" + blanks(t, count))
	for i, m := range all {
		b.WriteString(m + blanks(t, count))
		if i < len(all)-1 || rapid.Bool().Draw(t, "trailing") {
			b.WriteString("," + blanks(t, count))
		}
	}
	return b.String() + "}"
}

var comment = regexp.MustCompile(`/\* c\w* \*/|// c\w*`)

// meaning decodes a document without the entry. A document with an empty table equals
// one without a table.
func meaning(t require.TestingT, text string) map[string]any {
	raw, err := hujson.Standardize([]byte(text))
	require.NoError(t, err)
	var doc map[string]any
	d := json.NewDecoder(strings.NewReader(string(raw)))
	d.UseNumber()
	require.NoError(t, d.Decode(&doc))
	servers, _ := doc["mcpServers"].(map[string]any)
	delete(servers, "vennio")
	if len(servers) == 0 {
		delete(doc, "mcpServers")
	}
	return doc
}

// Any document keeps all its other content: every value, and every comment.
func TestAnyDocumentKeepsWhatIsNotOurs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		count := 0
		servers := ""
		if rapid.Bool().Draw(t, "has servers") {
			servers = `"mcpServers":` + blanks(t, &count) + members(t, 2, &count, "")
		}
		before := blanks(t, &count) + members(t, 3, &count, servers) + blanks(t, &count)
		c := known("Cursor")
		c.Path = filepath.Join(dir, "mcp.json")
		require.NoError(t, os.WriteFile(c.Path, []byte(before), 0o600))

		apply := func(change mcpclients.Change, err error) string {
			require.NoError(t, err)
			backup, err := change.Apply(noon)
			require.NoError(t, err)
			if backup != "" {
				require.NoError(t, os.Remove(backup))
			}
			raw, err := os.ReadFile(c.Path)
			require.NoError(t, err)
			assert.Equal(t, meaning(t, before), meaning(t, string(raw)))
			assert.ElementsMatch(t, comment.FindAllString(before, -1), comment.FindAllString(string(raw), -1))
			return string(raw)
		}
		with := apply(c.Install("vennio", entry))
		assert.Contains(t, with, entry.Command)
		assert.Equal(t, with, apply(c.Install("vennio", entry)), "a second installation changes nothing")
		assert.NotContains(t, apply(c.Uninstall("vennio", "")), entry.Command)
	})
}
