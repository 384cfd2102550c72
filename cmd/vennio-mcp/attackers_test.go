package main

import (
	"context"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/auth"
)

// crawler is an agent with an HTTP client: it opens every address it has seen, follows every link and
// redirect, keeps cookies, and sends every form that it finds and forms that it makes up.
type crawler struct {
	browser
	base  string // of the server that it attacks
	known []string
	tried int
}

var (
	addresses = regexp.MustCompile(`https?://(?:localhost|127\.0\.0\.1|\[::1\]):\d+[^\s"'<>)]*`)
	targets   = regexp.MustCompile(`(?:href|action)="([^"]+)"`)
)

// sees notes every address in a text.
func (a *crawler) sees(text string) {
	for _, address := range addresses.FindAllString(text, -1) {
		a.add(address)
	}
}

func (a *crawler) add(address string) {
	if !slices.Contains(a.known, address) && len(a.known) < 60 {
		a.known = append(a.known, address)
	}
}

// attack tries everything at every address.
func (a *crawler) attack() {
	const id = `/approvals/([A-Z2-7]{26})`
	for i := 0; i < len(a.known); i++ {
		address := a.known[i]
		if strings.HasSuffix(address, "/sse") || strings.HasSuffix(address, "/mcp") {
			continue
		}
		at, err := url.Parse(address)
		require.NoError(a.t, err)
		if found := regexp.MustCompile(id).FindStringSubmatch(at.Path); found != nil {
			for _, path := range []string{"", ".ics", "/", "?approve=1"} {
				a.add(at.Scheme + "://" + at.Host + "/approvals/" + found[1] + path)
			}
			for _, path := range []string{"/approvals", "/approvals/", "/approvals/pair/" + found[1], "/approvals/pair/", "/approve/" + found[1]} {
				a.add(at.Scheme + "://" + at.Host + path)
			}
		}
		page := a.reaches(http.MethodGet, address, nil)
		a.sees(page)
		for _, link := range targets.FindAllStringSubmatch(page, -1) {
			if next, err := at.Parse(html.UnescapeString(link[1])); err == nil {
				a.add(next.String())
			}
		}
		token := regexp.MustCompile(`name="token" value="([^"]*)"`).FindStringSubmatch(page)
		for _, headers := range []map[string]string{
			nil,
			{"Origin": at.Scheme + "://" + at.Host, "Sec-Fetch-Site": "same-origin"},
			{"Sec-Fetch-Site": "none"},
			{"Cookie": "vennio-paired=AAAAAAAAAAAAAAAAAAAAAAAAAA"},
			{"Authorization": "Bearer x", "X-Forwarded-For": "127.0.0.1"},
		} {
			form := url.Values{"decision": {"approve"}, "name": {"Ada Byron"}}
			if token != nil {
				form.Set("token", token[1])
			}
			a.sees(a.reaches(http.MethodPost, address, form, headers))
		}
	}
}

// reaches sends one request and returns the page.
func (a *crawler) reaches(method, address string, form url.Values, headers ...map[string]string) string {
	a.tried++
	req, err := http.NewRequestWithContext(a.t.Context(), method, address, strings.NewReader(form.Encode()))
	require.NoError(a.t, err)
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, more := range headers {
		for name, value := range more {
			req.Header.Set(name, value)
		}
	}
	resp, err := a.Do(req)
	if err != nil {
		return ""
	}
	defer func() { _ = resp.Body.Close() }()
	page, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	return string(page)
}

// accepting accepts every form and every link at once, and lets the agent see the latter.
type accepting struct{ a *crawler }

func (p accepting) Elicit(_ context.Context, r mcp.ElicitationRequest) (*mcp.ElicitationResult, error) {
	p.a.sees(r.Params.URL + " " + r.Params.Message)
	return &mcp.ElicitationResult{ElicitationResponse: mcp.ElicitationResponse{
		Action: mcp.ElicitationResponseActionAccept, Content: map[string]any{"approve": true, "agree": true, "name": "Ada Byron"},
	}}, nil
}

// writes is how much was written at a sandbox.
func writesAt(t *testing.T, vennio string) string {
	t.Helper()
	_, state := newBrowser(t).open(vennio + "/_sandbox/state")
	found := regexp.MustCompile(`"writes": ?(\d+)`).FindStringSubmatch(state)
	require.NotNil(t, found, state)
	return found[1]
}

// runsCommands is an agent that runs the program without a terminal, with every id that it has seen.
func (a *crawler) runsCommands(env []string) {
	path, err := binary()
	require.NoError(a.t, err)
	commands := [][]string{{"approvals"}, {"approvals", "link"}, {"approvals", "browsers"}}
	for _, id := range regexp.MustCompile(`[A-Z2-7]{26}`).FindAllString(strings.Join(a.known, " "), 3) {
		commands = append(commands, []string{"approvals", "approve", id, "--name", "Ada Byron"})
	}
	for _, args := range commands {
		a.tried++
		cmd := exec.CommandContext(a.t.Context(), path, args...)
		cmd.Env, cmd.Stdin = env, strings.NewReader("yes\nyes\n")
		out, _ := cmd.CombinedOutput()
		a.sees(string(out))
	}
}

// req: C5
// field: agent with an HTTP client, its own MCP connection, and commands without a terminal
// Under human nothing of it writes, over every transport and in both eras; over stdio, whose parent is
// trusted, the client shows no forms: the agent cannot open a second connection there.
func TestReq_C5_AnAgentWithHTTPWritesNothing(t *testing.T) {
	t.Parallel()
	env, vennio := humanEnv(t, "VENNIO_CONSENT=human")
	p := start(t, env, "serve", "--addr", "127.0.0.1:0")
	base := p.address()
	tried := 0
	for _, over := range []string{"streamable HTTP", "SSE"} {
		for _, protocol := range []string{"2025-11-25", "2026-07-28"} {
			for _, declares := range []bool{true, false} {
				a := &crawler{browser: newBrowser(t), base: base}
				a.sees(p.stderr.String())
				c := attacksBy(t, over, base, protocol, declares, a)
				booking := aBooking(t, c)
				for _, granted := range []bool{true, false, true} {
					booking["consent"] = map[string]any{"granted": granted, "given_by": "Ada Byron", "statement": "Yes"}
					text := say(t, c, "book_slot", booking)
					require.NotContains(t, text, "Booked")
					a.sees(text)
					a.attack()
				}
				a.runsCommands(env)
				a.attack()
				assert.Positive(t, a.tried)
				tried += a.tried
				require.Equal(t, "0", writesAt(t, vennio), "%s, %s, declares %v", over, protocol, declares)
			}
		}
	}
	var asked string
	for _, protocol := range []string{"2025-11-25", "2026-07-28"} {
		c := connect(t, "stdio", protocol, env)
		a := &crawler{browser: newBrowser(t)}
		booking := aBooking(t, c)
		for range 2 {
			asked = say(t, c, "book_slot", booking)
			require.Contains(t, asked, "NOT BOOKED YET")
			a.sees(asked)
			a.attack()
		}
		a.runsCommands(env)
		a.attack()
		tried += a.tried
		require.Equal(t, "0", writesAt(t, vennio), "stdio, %s", protocol)
	}
	t.Logf("%d requests and commands", tried)

	// The same crawler in a browser that a person has paired does write: it would have found the way.
	paired := &crawler{browser: pairedBrowser(t, env)}
	paired.sees(asked)
	paired.attack()
	assert.NotEqual(t, "0", writesAt(t, vennio), "the attack finds a write where the check is passed")
}

func attacksBy(t *testing.T, over, base, protocol string, declares bool, a *crawler) *client.Client {
	t.Helper()
	var c *client.Client
	var err error
	if over == "SSE" {
		c, err = client.NewSSEMCPClient(base + "/sse")
	} else {
		c, err = client.NewStreamableHttpClient(base + "/mcp")
	}
	require.NoError(t, err)
	if declares {
		client.WithElicitationHandler(accepting{a})(c)
	}
	require.NoError(t, c.Start(t.Context()), over)
	t.Cleanup(func() { _ = c.Close() })
	handshake(t, c, protocol)
	return c
}

// req: C5
// field: forms over HTTP without the scope vennio:ask
// The answers to forms count under human only for tokens that the operator gave that scope to.
func TestReq_C5_FormsOverHTTPNeedTheScope(t *testing.T) {
	t.Parallel()
	for scopes, counts := range map[string]bool{`["vennio:read", "vennio:book"]`: false, `["vennio:read", "vennio:book", "vennio:ask"]`: true} {
		env, vennio := humanEnv(t, "VENNIO_CONSENT=human")
		token, tokens := auth.NewToken(), filepath.Join(t.TempDir(), "tokens.yml")
		require.NoError(t, os.WriteFile(tokens, fmt.Appendf(nil, `- {name: assistant, hash: "%s", scopes: %s}`, auth.HashOf(token), scopes), 0o600))
		p := start(t, append(env, "VENNIO_MCP_TOKENS_FILE="+tokens), "serve", "--addr", "127.0.0.1:0")
		for _, protocol := range []string{"2025-11-25", "2026-07-28"} {
			a := &crawler{browser: newBrowser(t)}
			c, err := client.NewStreamableHttpClient(p.address()+"/mcp", transport.WithHTTPHeaders(map[string]string{"Authorization": "Bearer " + token}))
			require.NoError(t, err)
			client.WithElicitationHandler(accepting{a})(c)
			handshake(t, c, protocol)
			booking := aBooking(t, c)
			booking["consent"] = map[string]any{"granted": false}
			text := say(t, c, "book_slot", booking)
			assert.Equal(t, counts, strings.HasPrefix(text, "Booked"), "%s, %s: %s", scopes, protocol, text)
			if counts {
				assert.Contains(t, text, "assistant, in the client", "the record names the token")
			}
		}
		assert.Equal(t, counts, writesAt(t, vennio) != "0")
	}
}
