package readme_test

import (
	"cmp"
	"crypto/sha256"
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
	"github.com/vennio-mcp/vennio-mcp/internal/passkey"
	"github.com/vennio-mcp/vennio-mcp/schemas"
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

// languages maps the language of a snippet to its check. TestEveryCommandOfTheDocumentsIsChecked checks shell commands.
var languages = map[string]func(*testing.T, snippet){
	"json": parses(json.Unmarshal), "toml": parses(toml.Unmarshal),
	"yaml":    parses(func(raw []byte, v any) error { return yaml.Unmarshal(raw, v) }), // TestTheSettingsOfTheDocumentsAreRead loads them
	"sh":      func(*testing.T, snippet) {},
	"console": func(*testing.T, snippet) {},
	"python":  func(*testing.T, snippet) {}, // .ci/clients/langchain.mjs compiles it
	"nginx":   checkNginx,
	"ini":     checkUnit,
	"text":    isCompared,
}

func parses(unmarshal func([]byte, any) error) func(*testing.T, snippet) {
	return func(t *testing.T, s snippet) {
		t.Helper()
		var v any
		require.NoError(t, unmarshal([]byte(s.text), &v), "%s:\n%s", s.where, s.text)
	}
}

// comparisons names the test that compares the text of each page with the program.
var comparisons = map[string]string{
	"README.md":  "TestTheDemoGoesAsItSays",
	"design.md":  "TestTheLayersOfTheDesignAreThoseOfTheLinter",
	"consent.md": "TestTheStatementOfTheConsentPageIsSigned",
}

func isCompared(t *testing.T, s snippet) {
	t.Helper()
	name, ok := comparisons[filepath.Base(s.where)]
	require.True(t, ok, "%s: name the test that compares this text with the program:\n%s", s.where, s.text)
	assert.True(t, slices.ContainsFunc(slices.Collect(maps.Values(goTests(t))), func(text string) bool {
		return strings.Contains(text, "func "+name+"(")
	}), "%s: there is no test %s", s.where, name)
}

// checkUnit checks a unit of systemd: the form of its lines, its command, and the settings in its environment. A credential
// is where a setting expects it, and an error that a restart does not change ends the restarts.
func checkUnit(t *testing.T, s snippet) {
	t.Helper()
	for line := range strings.Lines(s.text) {
		assert.Regexp(t, `^(\[[A-Z]\w+\]|[A-Z]\w+=\S.*)?\n$`, line, s.where)
		if values, ok := strings.CutPrefix(line, "Environment="); ok {
			for value := range strings.FieldsSeq(values) {
				name, set, _ := strings.Cut(value, "=")
				assert.True(t, known(name), name)
				if credential, ok := strings.CutPrefix(set, "%d/"); ok {
					assert.Contains(t, s.text, "\nLoadCredential="+credential+":/", s.where)
				}
			}
		}
	}
	for _, line := range []string{"ExecStart=/usr/bin/vennio-mcp serve", "StateDirectory=vennio-mcp", "RestartPreventExitStatus=2"} {
		assert.Contains(t, s.text, "\n"+line+"\n", s.where)
	}
}

// checkNginx checks the form of nginx's directives, and those that streams need.
func checkNginx(t *testing.T, s snippet) {
	t.Helper()
	depth := 0
	for line := range strings.Lines(s.text) {
		assert.Regexp(t, `^\s*(location \S+ \{|[a-z_]+( [^;{}]+)?;|\})\s*$`, line, s.where)
		depth += strings.Count(line, "{") - strings.Count(line, "}")
	}
	assert.Zero(t, depth, s.where)
	for _, directive := range []string{"proxy_pass http://127.0.0.1:8080;", "proxy_set_header Host $host;", "proxy_buffering off;", "proxy_read_timeout 1h;"} {
		assert.Contains(t, s.text, directive, s.where)
	}
}

// Users paste snippets, so each one is parsed, run, or compared with the program.
func TestReq_D2_EverySnippetIsChecked(t *testing.T) {
	t.Parallel()
	seen := map[string]int{}
	for _, s := range snippets(t) {
		check, ok := languages[s.language]
		require.True(t, ok, "%s: a snippet needs a language that is checked, not %q:\n%s", s.where, s.language, s.text)
		check(t, s)
		seen[s.language]++
	}
	for language := range languages {
		assert.NotZero(t, seen[language], language)
	}
}

// The page shows the lines that a passkey signs, in their order.
func TestTheStatementOfTheConsentPageIsSigned(t *testing.T) {
	t.Parallel()
	for _, s := range snippets(t) {
		if s.language != "text" || filepath.Base(s.where) != "consent.md" {
			continue
		}
		lines := strings.Split(strings.TrimSpace(s.text), "\n")
		require.Len(t, lines, 6)
		for i, begins := range []string{"vennio-mcp passkey v1", "approve ", "SHA-256 of the action ", "id of the request", "its expiry ", "32 random bytes "} {
			assert.True(t, strings.HasPrefix(lines[i], begins), lines[i])
		}
		statement := passkey.Statement{Verb: "approve", Digest: "DIGEST", Subject: "ID", Expires: "EXPIRY", Nonce: "BYTES"}
		sum := sha256.Sum256([]byte(strings.Join([]string{lines[0], "approve", "DIGEST", "ID", "EXPIRY", "BYTES"}, "\n")))
		assert.Equal(t, base64.RawURLEncoding.EncodeToString(sum[:]), statement.Challenge())
		return
	}
	t.Fatal("docs/consent.md shows no statement")
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

// The program, its alerts and CI name pages and headings that exist.
func TestThePagesThatTheProgramNamesExist(t *testing.T) {
	t.Parallel()
	found := 0
	for _, folder := range []string{".ci", ".github", ".release", "cmd", "docs", "internal", "prompts", "schemas", "tools", "vennioclient"} {
		require.NoError(t, filepath.WalkDir(filepath.Join(root, folder), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				if d != nil && slices.Contains([]string{"node_modules", "bin", "out", "testdata"}, d.Name()) {
					return fs.SkipDir
				}
				return err
			}
			if !slices.Contains([]string{".go", ".mjs", ".html", ".yml", ".yaml", ".json"}, filepath.Ext(path)) {
				return nil
			}
			raw, err := os.ReadFile(path)
			for _, m := range regexp.MustCompile(`\bdocs/([a-z/-]*\w\.md)(#[\w-]+)?`).FindAllSubmatch(raw, -1) {
				page, readErr := os.ReadFile(filepath.Join(root, "docs", string(m[1])))
				if assert.NoError(t, readErr, "%s: %s", path, m[0]) && len(m[2]) > 0 {
					assert.Contains(t, anchors(string(page)), string(m[2]), "%s: %s", path, m[0])
				}
				found++
			}
			return err
		}))
	}
	assert.Greater(t, found, 40)
}

// Every picture is shown with a description, and a test in .ci/clients writes it again with SCREENSHOTS=docs/images.
func TestEveryPictureIsShownAndCanBeTakenAgain(t *testing.T) {
	t.Parallel()
	pictures, err := filepath.Glob(filepath.Join(root, "docs", "images", "*"))
	require.NoError(t, err)
	require.NotEmpty(t, pictures)
	scripts := ""
	for _, pattern := range []string{"*.mjs", "*/*.mjs"} {
		paths, err := filepath.Glob(filepath.Join(root, ".ci", "clients", pattern))
		require.NoError(t, err)
		for _, path := range paths {
			raw, err := os.ReadFile(path)
			require.NoError(t, err)
			scripts += string(raw)
		}
	}
	pages := strings.Join(slices.Collect(maps.Values(documents(t))), "\n")
	for _, path := range pictures {
		name := filepath.Base(path)
		shown := regexp.MustCompile(`!\[[^\]]{20,}\]\([^)]*images/` + regexp.QuoteMeta(name) + `\)`)
		assert.True(t, shown.MatchString(pages), "no page shows %s with a description", name)
		taken := regexp.MustCompile(`[/'\x60]` + regexp.QuoteMeta(strings.TrimSuffix(name, ".png")) + `(\.png)?['\x60]`)
		assert.True(t, taken.MatchString(scripts), "no test takes %s", name)
	}
}

// Every row of a table has as many cells as its header: GitHub drops further ones.
func TestTheRowsOfTablesAreComplete(t *testing.T) {
	t.Parallel()
	for path, text := range documents(t) {
		header := 0
		for line := range strings.Lines(fence.ReplaceAllString(text, "")) {
			if line = strings.TrimSpace(line); !strings.HasPrefix(line, "|") {
				header = 0
				continue
			}
			cells := strings.Count(strings.ReplaceAll(line, `\|`, ""), "|") - 1
			header = cmp.Or(header, cells)
			assert.Equal(t, header, cells, "%s: %s", path, line)
		}
	}
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

// req: E1. The reference lists every code of errors once.
func TestTheReferenceListsTheCodesOfErrors(t *testing.T) {
	t.Parallel()
	_, section, found := strings.Cut(string(file(t, "docs", "reference", "tools.md")), "\n## Errors\n")
	require.True(t, found)
	section, _, _ = strings.Cut(section, "\n## ")
	var listed []schemas.Code
	for _, row := range regexp.MustCompile("(?m)^\\| (`[^|]+`) \\|").FindAllStringSubmatch(section, -1) {
		for _, m := range regexp.MustCompile("`([a-z_]+)`").FindAllStringSubmatch(row[1], -1) {
			listed = append(listed, schemas.Code(m[1]))
		}
	}
	assert.ElementsMatch(t, schemas.Codes(), listed)
}

// docs/README.md leads to every page. Each of its sections is for one kind of reader, and the README leads to the first page
// of each.
func TestTheIndexLeadsToEveryPage(t *testing.T) {
	t.Parallel()
	link := regexp.MustCompile(`\]\(([^):#]+)(?:#[^)]*)?\)`)
	var pages, listed []string
	for path := range documents(t) {
		rel, err := filepath.Rel(filepath.Join(root, "docs"), path)
		require.NoError(t, err)
		if rel = filepath.ToSlash(rel); rel != "README.md" && !strings.HasPrefix(rel, "../") {
			pages = append(pages, rel)
		}
	}
	_, sections, _ := strings.Cut(string(file(t, "docs", "README.md")), "\n## ")
	readers := strings.Split(sections, "\n## ")
	require.Len(t, readers, 5)
	for _, reader := range readers {
		links := link.FindAllStringSubmatch(reader, -1)
		assert.Contains(t, string(file(t, "README.md")), "](docs/"+links[0][1]+")", reader)
		for _, m := range links {
			if !strings.HasPrefix(m[1], "../") {
				listed = append(listed, m[1])
			}
		}
	}
	slices.Sort(listed)
	assert.ElementsMatch(t, pages, slices.Compact(listed))
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
