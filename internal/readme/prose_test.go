package readme_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/config"
)

// known reports whether there is such a setting.
func known(variable string) bool {
	return slices.ContainsFunc(config.Settings(), func(s config.Setting) bool { return slices.Contains(s.Env, variable) })
}

// Whatever the documents call a setting is one.
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

// targets are the make targets that prose names: `make bench`.
func TestTheTargetsOfMakeThatProseNamesExist(t *testing.T) {
	t.Parallel()
	for path, text := range documents(t) {
		for _, m := range regexp.MustCompile("`make ([a-z ]+)[^`]*`").FindAllStringSubmatch(text, -1) {
			checkMake(t, command{where: path, words: append([]string{"make"}, strings.Fields(m[1])...)})
		}
	}
}

// anchors are the fragments under which the headings of a page are found, as
// GitHub makes them: lower case, without punctuation, hyphens for spaces.
func anchors(text string) (all []string) {
	text = fence.ReplaceAllString(text, "")
	for _, m := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(text, -1) {
		slug := regexp.MustCompile(`[^\p{L}\p{N}\s_-]`).ReplaceAllString(strings.ToLower(m[1]), "")
		all = append(all, "#"+strings.ReplaceAll(slug, " ", "-"))
	}
	return all
}

// A link within the repository leads to a file, and to a heading of it.
func TestEveryLinkLeadsSomewhere(t *testing.T) {
	t.Parallel()
	found := 0
	for path, text := range documents(t) {
		for _, m := range regexp.MustCompile(`\]\(([^)\s#]*)(#[^)\s]*)?\)`).FindAllStringSubmatch(text, -1) {
			if strings.Contains(m[1], ":") {
				continue // elsewhere
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

// The address in the Python snippet is one that the page says serve has.
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

// What the tools cost a model stands on the performance page as `make tokens` has it.
func TestThePerformancePageHasTheTokensOfToday(t *testing.T) {
	t.Parallel()
	var cost map[string]int
	require.NoError(t, json.Unmarshal(file(t, "tools", "testdata", "tokens.json"), &cost))
	page := strings.ReplaceAll(string(file(t, "docs", "performance.md")), ",", "")
	assert.Contains(t, page, fmt.Sprintf("| %d tokens instructions %d |", cost["all tools"], cost["instructions"]))
}
