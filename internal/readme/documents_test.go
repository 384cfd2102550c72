package readme_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/pelletier/go-toml/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/config"
)

// snippet is a fenced block of a document.
type snippet struct{ where, language, text string }

var fence = regexp.MustCompile("(?ms)^( *)```(\\w*)\\n(.*?)^ *```$")

// documents maps the paths of all Markdown pages to their text.
func documents(t *testing.T) map[string]string {
	t.Helper()
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

// snippets returns the code blocks of all documents.
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

// Users paste snippets, so they must parse. TestEveryCommandOfTheDocumentsIsChecked checks commands; diagrams have
// no language.
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

// byHand returns the entry of the server in docs/install.md.
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

// The install buttons have the same configuration as the snippets.
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

// known reports whether there is such a setting.
func known(variable string) bool {
	return slices.ContainsFunc(config.Settings(), func(s config.Setting) bool { return slices.Contains(s.Env, variable) })
}

// All settings in the documents exist.
func TestTheSettingsThatTheDocumentsNameExist(t *testing.T) {
	t.Parallel()
	found := 0
	for path, text := range documents(t) {
		for _, name := range regexp.MustCompile(`\bVENNIO_[A-Z_]*[A-Z]\b`).FindAllString(text, -1) {
			assert.True(t, known(name), "%s: %s", path, name)
			found++
		}
	}
	assert.Greater(t, found, 50)
}

// All make targets in the text of the documents exist: `make bench`.
func TestTheTargetsOfMakeThatProseNamesExist(t *testing.T) {
	t.Parallel()
	for path, text := range documents(t) {
		for _, m := range regexp.MustCompile("`make ([a-z ]+)[^`]*`").FindAllStringSubmatch(text, -1) {
			checkMake(t, command{where: path, words: append([]string{"make"}, strings.Fields(m[1])...)})
		}
	}
}

// anchors returns the fragments of the headings of a page, in GitHub's format: lower case, without punctuation,
// hyphens for spaces.
func anchors(text string) (all []string) {
	text = fence.ReplaceAllString(text, "")
	for _, m := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(text, -1) {
		slug := regexp.MustCompile(`[^\p{L}\p{N}\s_-]`).ReplaceAllString(strings.ToLower(m[1]), "")
		all = append(all, "#"+strings.ReplaceAll(slug, " ", "-"))
	}
	return all
}

// Links within the repository lead to an existing file and heading.
func TestEveryLinkLeadsSomewhere(t *testing.T) {
	t.Parallel()
	found := 0
	for path, text := range documents(t) {
		for _, m := range regexp.MustCompile(`\]\(([^)\s#]*)(#[^)\s]*)?\)`).FindAllStringSubmatch(text, -1) {
			if strings.Contains(m[1], ":") {
				continue // another site
			}
			target := path
			if m[1] != "" {
				target = filepath.Join(filepath.Dir(path), filepath.FromSlash(m[1]))
			}
			info, err := os.Stat(target)
			require.NoError(t, err, "%s: %s", path, m[0])
			found++
			if m[2] == "" || info.IsDir() {
				continue
			}
			raw, err := os.ReadFile(target)
			require.NoError(t, err)
			assert.Contains(t, anchors(string(raw)), m[2], "%s: %s", path, m[0])
		}
	}
	assert.Greater(t, found, 40)
}

// The page lists the address in the Python snippet among the addresses of serve.
func TestThePythonSnippetNamesAnAddressOfServe(t *testing.T) {
	t.Parallel()
	found := 0
	for _, s := range snippets(t) {
		if s.language != "python" {
			continue
		}
		for _, m := range regexp.MustCompile(`"transport": "(\w+)", "url": "([^"]+)"`).FindAllStringSubmatch(s.text, -1) {
			assert.Regexp(t, `(?mi)^# `+m[1]+` +`+regexp.QuoteMeta(m[2])+`$`, documents(t)[s.where])
			found++
		}
		assert.Equal(t, strings.Count(s.text, "("), strings.Count(s.text, ")"), s.text)
	}
	assert.NotZero(t, found)
}

// The performance page has the current token counts.
func TestThePerformancePageHasTheTokensOfToday(t *testing.T) {
	t.Parallel()
	var cost map[string]int
	require.NoError(t, json.Unmarshal(file(t, "tools", "testdata", "tokens.json"), &cost))
	page := strings.ReplaceAll(string(file(t, "docs", "performance.md")), ",", "")
	assert.Contains(t, page, fmt.Sprintf("| %d tokens instructions %d |", cost["all tools"], cost["instructions"]))
}

// Every page is listed in docs/README.md once, and the index lists nothing else.
func TestTheIndexListsEveryPage(t *testing.T) {
	t.Parallel()
	var pages, listed []string
	for path := range documents(t) {
		rel, err := filepath.Rel(filepath.Join(root, "docs"), path)
		require.NoError(t, err)
		if rel = filepath.ToSlash(rel); rel != "README.md" && !strings.HasPrefix(rel, "../") {
			pages = append(pages, rel)
		}
	}
	for _, m := range regexp.MustCompile(`(?m)^- \[[^\]]+\]\(([^):]+)\): \S`).FindAllStringSubmatch(string(file(t, "docs", "README.md")), -1) {
		if !strings.HasPrefix(m[1], "../") {
			listed = append(listed, m[1])
		}
	}
	assert.ElementsMatch(t, pages, listed)
}

// The page names exactly the pinned packages, with their versions.
func TestTheConformancePageHasTheVersionsThatRun(t *testing.T) {
	t.Parallel()
	var manifest struct{ Dependencies, OptionalDependencies map[string]string }
	require.NoError(t, json.Unmarshal(file(t, ".ci", "clients", "package.json"), &manifest))
	maps.Copy(manifest.Dependencies, manifest.OptionalDependencies)
	named := map[string]string{}
	for _, m := range regexp.MustCompile("`([@a-z0-9/-]+)` (\\d+\\.\\d+\\.\\d+(?:-\\w+(?:\\.\\w+)*)?)").FindAllStringSubmatch(string(file(t, "docs", "conformance.md")), -1) {
		named[m[1]] = m[2]
	}
	assert.Equal(t, manifest.Dependencies, named)
}
