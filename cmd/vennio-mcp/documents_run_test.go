package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"mvdan.cc/sh/v3/shell"

	"github.com/vennio-mcp/vennio-mcp/internal/auth"
)

// Every command in the documents runs in an empty home directory. A command that needs something else (a key, a client, an
// event, a sink, a tenant, an open request, a terminal) says so in one sentence, as an error in the call. Commands that serve,
// book or take long have their own tests.
func TestReq_D2_TheDocumentsCommandLinesRun(t *testing.T) {
	t.Parallel()
	apart := []string{"serve", "sandbox", "stdio", "demo", "smoke"}
	needy := regexp.MustCompile(`^(setup|setup --sandbox|install --all|webhooks (register|list|remove)|events (show|replay|retry|drop)|ledger show|approvals (approve|decline|--limit 50 --after)|events list --tenant) `)
	ran := map[string]bool{}
	blocks, _ := commandLines(t)
	for _, line := range blocks {
		joined := strings.Join(line, " ")
		if len(line) == 0 || slices.Contains(apart, line[0]) || ran[joined] {
			continue
		}
		ran[joined] = true
		code, out, errs := run(t, clean(t), line...)
		if needy.MatchString(joined + " ") {
			assert.Equal(t, 2, code, joined)
			assert.Regexp(t, `^vennio-mcp: .{30,}\n$`, errs, joined)
			continue
		}
		assert.Zero(t, code, "%s: %s", joined, errs)
		assert.True(t, out != "" || joined == "ledger export", "%s answers nothing", joined) // no entry, no line
	}
	assert.Greater(t, len(ran), 15)
}

// The addresses of serve in the README are served.
func TestTheAddressesOfTheReadmeAreServed(t *testing.T) {
	t.Parallel()
	p := start(t, clean(t), "serve", "--addr", "127.0.0.1:0")
	url := p.address()
	paths := regexp.MustCompile(`(?m)^# .*? http://127\.0\.0\.1:8080(/\w+)(?:, (/\w+))?$`).FindAllStringSubmatch(documents(t)["README.md"], -1)
	var all []string
	for _, m := range paths {
		all = append(all, slices.DeleteFunc(m[1:], func(path string) bool { return path == "" })...)
	}
	require.Equal(t, []string{"/sse", "/mcp", "/healthz", "/readyz", "/metrics"}, all)
	for _, path := range all {
		want := http.StatusOK
		if path == "/mcp" {
			want = http.StatusMethodNotAllowed // a session is begun by POST
		}
		require.Eventually(t, func() bool { // ready once the store is open, which takes a while on a busy machine
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+path, nil)
			require.NoError(t, err)
			resp, err := http.DefaultClient.Do(req)
			return err == nil && resp.Body.Close() == nil && resp.StatusCode == want
		}, patience, tick, path)
	}
}

// The call with curl in docs/install.md is answered with free times, and without its token rejected.
func TestReq_D2_TheDocumentedCallOverHTTPIsAnswered(t *testing.T) {
	t.Parallel()
	token, tokens := auth.NewToken(), filepath.Join(t.TempDir(), "tokens.yaml")
	require.NoError(t, os.WriteFile(tokens, fmt.Appendf(nil, "- {name: ada, hash: %q}\n", auth.HashOf(token)), 0o600))
	m := regexp.MustCompile(`(?ms)^curl https://mcp\.example\.com/mcp .*?}'$`).FindString(documents(t)["install.md"])
	words, err := shell.Fields(m, func(name string) string { return map[string]string{"TOKEN": token}[name] })
	require.NoError(t, err)
	var headers []string
	body := ""
	for i := 2; i < len(words); i += 2 {
		switch words[i] {
		case "-H":
			name, value, _ := strings.Cut(words[i+1], ": ")
			headers = append(headers, name, value)
		case "-d":
			body = words[i+1]
		}
	}
	p := start(t, clean(t, "VENNIO_MCP_TOKENS_FILE="+tokens), "serve", "--addr", "127.0.0.1:0")
	url := p.address() + "/mcp"
	answer := post(t, url, body, headers...)
	assert.Equal(t, http.StatusOK, answer.status, answer.body)
	assert.Contains(t, answer.body, "free times for 30 minutes")
	assert.Equal(t, http.StatusUnauthorized, post(t, url, body, headers[2:]...).status)
}

// shown decodes the snippet of docs/install.md that begins with begins.
func shown(t *testing.T, language, begins string, into any, parse func([]byte, any) error) {
	t.Helper()
	m := regexp.MustCompile("(?ms)^```" + language + "\n(" + regexp.QuoteMeta(begins) + ".*?)^```$").FindStringSubmatch(documents(t)["install.md"])
	require.NotNil(t, m)
	require.NoError(t, parse([]byte(m[1]), into))
}

type entryShown struct {
	Command string
	Args    []string
	Env     map[string]string
}

// install writes the entries that docs/install.md shows, into JSON and TOML.
func TestInstallWritesWhatItsPageShows(t *testing.T) {
	t.Parallel()
	for id, c := range map[string]struct {
		file, language, begins string
		parse                  func([]byte, any) error
	}{
		"cursor": {filepath.Join(".cursor", "mcp.json"), "json", "{\n  \"mcpServers\": {\n", json.Unmarshal},
		"codex":  {filepath.Join(".codex", "config.toml"), "toml", "[mcp_servers.vennio]\n", toml.Unmarshal},
	} {
		type settings struct {
			JSON map[string]entryShown `json:"mcpServers" toml:"-"`
			TOML map[string]entryShown `json:"-" toml:"mcp_servers"`
		}
		var page, wrote settings
		shown(t, c.language, c.begins, &page, c.parse)
		d := newLaptop(t)
		d.env["VENNIO_API_KEY"] = "vennio_sk_test_canary"
		code, _, errs := d.run("install", id, "--timezone", "Europe/London")
		require.Zero(t, code, errs)
		require.NoError(t, c.parse([]byte(d.files()[filepath.Join(d.home, c.file)]), &wrote))
		for _, s := range []settings{page, wrote} { // the paths of program and state depend on the machine
			for _, e := range []map[string]entryShown{s.JSON, s.TOML} {
				if v, ok := e["vennio"]; ok {
					v.Command, v.Env["VENNIO_API_KEY_FILE"] = filepath.Base(v.Command), filepath.Base(v.Env["VENNIO_API_KEY_FILE"])
					e["vennio"] = v
				}
			}
		}
		assert.Equal(t, "vennio-mcp", (page.JSON["vennio"].Command + page.TOML["vennio"].Command))
		assert.Equal(t, page, wrote, id)
	}
}

// answer returns the output of a command in a transcript of a document.
func answer(t *testing.T, document, line string) string {
	t.Helper()
	m := regexp.MustCompile(`(?ms)^ *\$ ` + regexp.QuoteMeta(line) + `\n(.*?)^ *(?:\$ |` + "```" + `)`).FindStringSubmatch(documents(t)[document])
	require.NotNil(t, m, line)
	return m[1]
}

// shape removes from a text what differs between runs: figures, days, offsets of summer, ids, addresses, folders and spaces.
func shape(text string) string {
	for _, r := range [][2]string{
		{`(Mon|Tue|Wed|Thu|Fri|Sat|Sun) \d+ \w{3} \d{4}`, "DAY"},
		{`\bUTC[+−-]\d+`, "UTC"},
		{`\bwh_\w+…?`, "ID"},
		{`https?://\S+`, "URL"},
		{`(kept in) .*`, "$1 FOLDER"},
		{`\d+(\.\d+)?`, "9"},
		{`\s+`, " "},
	} {
		text = regexp.MustCompile(r[0]).ReplaceAllString(text, r[1])
	}
	return strings.TrimSpace(text)
}
