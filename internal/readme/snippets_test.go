package readme_test

import (
	"encoding/base64"
	"encoding/json"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/pelletier/go-toml/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// snippet is a fenced block of a document.
type snippet struct{ where, language, text string }

var fence = regexp.MustCompile("(?ms)^( *)```(\\w*)\\n(.*?)^ *```$")

// documents are all our pages, by their path.
func documents(t *testing.T) map[string]string {
	t.Helper()
	root := filepath.Join("..", "..")
	paths, err := filepath.Glob(filepath.Join(root, "*.md"))
	require.NoError(t, err)
	require.NoError(t, filepath.WalkDir(filepath.Join(root, "docs"), func(path string, _ fs.DirEntry, err error) error {
		if filepath.Ext(path) == ".md" {
			paths = append(paths, path)
		}
		return err
	}))
	all := map[string]string{}
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		require.NoError(t, err)
		all[path] = string(raw)
	}
	return all
}

// snippets are those of all our documents.
func snippets(t *testing.T) (all []snippet) {
	t.Helper()
	for path, text := range documents(t) {
		assert.Zero(t, strings.Count(text, "```")%2, "%s: a fence is not closed", path)
		for _, m := range fence.FindAllStringSubmatch(text, -1) {
			all = append(all, snippet{path, m[2], strings.TrimPrefix(strings.ReplaceAll("\n"+m[3], "\n"+m[1], "\n"), "\n")})
		}
	}
	return all
}

// What people paste must be whole. Commands are the subject of
// TestEveryCommandOfTheDocumentsIsChecked, pictures have no language.
func TestEverySnippetParses(t *testing.T) {
	t.Parallel()
	parsers := map[string]func([]byte, any) error{"json": json.Unmarshal, "toml": toml.Unmarshal, "yaml": func(raw []byte, v any) error { return yaml.Unmarshal(raw, v) }}
	seen := map[string]int{}
	for _, s := range snippets(t) {
		seen[s.language]++
		assert.Contains(t, []string{"", "sh", "console", "python", "json", "toml", "yaml"}, s.language, "%s: say how it is parsed", s.where)
		if parse := parsers[s.language]; parse != nil {
			var v any
			require.NoError(t, parse([]byte(s.text), &v), "%s:\n%s", s.where, s.text)
		}
	}
	for language := range parsers {
		assert.NotZero(t, seen[language], language)
	}
}

// byHand is the server as docs/install.md has one write it.
func byHand(t *testing.T, key string) map[string]string {
	t.Helper()
	for _, s := range snippets(t) {
		var doc map[string]map[string]map[string]string
		if s.language == "json" && json.Unmarshal([]byte(s.text), &doc) == nil && doc[key]["vennio"]["command"] == "vennio-mcp" {
			return doc[key]["vennio"]
		}
	}
	t.Fatalf("no snippet has %s.vennio", key)
	return nil
}

// A button installs what the snippet says.
func TestTheButtonsSayWhatTheSnippetsSay(t *testing.T) {
	t.Parallel()
	readme, install := string(file(t, "README.md")), string(file(t, "docs", "install.md"))
	links := func(text, pattern string) *url.URL {
		m := regexp.MustCompile(pattern).FindStringSubmatch(text)
		require.NotNil(t, m, pattern)
		u, err := url.Parse(m[1])
		require.NoError(t, err)
		return u
	}
	for _, u := range []*url.URL{links(readme, `\((https://cursor\.com/en/install-mcp[^)]*)\)`), links(install, "`(cursor://anysphere\\.cursor-deeplink/mcp/install[^`]*)`")} {
		assert.Equal(t, "vennio", u.Query().Get("name"))
		raw, err := base64.StdEncoding.DecodeString(u.Query().Get("config"))
		require.NoError(t, err)
		var config map[string]string
		require.NoError(t, json.Unmarshal(raw, &config))
		assert.Equal(t, byHand(t, "mcpServers"), config)
	}

	u := links(readme, `\((https://vscode\.dev/redirect/mcp/install[^)]*)\)`)
	assert.Equal(t, "vennio", u.Query().Get("name"))
	var config map[string]string
	require.NoError(t, json.Unmarshal([]byte(u.Query().Get("config")), &config))
	assert.Equal(t, byHand(t, "servers"), config)

	raw, err := url.QueryUnescape(links(install, "`(vscode:mcp/install[^`]*)`").RawQuery)
	require.NoError(t, err)
	var whole map[string]string
	require.NoError(t, json.Unmarshal([]byte(raw), &whole))
	assert.Equal(t, "vennio", whole["name"])
	delete(whole, "name")
	assert.Equal(t, byHand(t, "servers"), whole)
}
