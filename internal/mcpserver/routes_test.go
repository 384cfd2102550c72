package mcpserver_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/auth"
	"github.com/vennio-mcp/vennio-mcp/internal/mcpserver"
)

// everything opens a site with every optional route.
func everything(t *testing.T, o mcpserver.HTTPOptions) *site {
	t.Helper()
	check, err := auth.New(t.Context(), auth.Options{
		Tokens: []auth.Token{{Name: "ada", Hash: auth.HashOf("ada")}}, PublicURL: "https://mcp.example.com",
		OAuth: &auth.OAuth{Issuer: "https://login.example.com", JWKS: "http://127.0.0.1:1/", Audience: "https://mcp.example.com"},
	})
	require.NoError(t, err)
	page := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, secret) })
	o.Card = card
	o.Access, o.Metrics, o.Pages = check, page, map[string]http.Handler{"/approvals/": page, "/webhooks/vennio": page}
	return open(t, newRig(), o)
}

// unusualPaths are ways to write a path that the mux answers by itself.
var unusualPaths = []string{"/approve", "//mcp", "/./mcp", "/x/../metrics", "/mcp/", "*", "//evil.example/..", "/%2e%2e/metrics", "/%0d%0aX-Injected:%20a"}

// allPaths is every path that is served, and those.
var allPaths = append([]string{
	"/mcp", "/sse", "/message", "/healthz", "/readyz", "/metrics", "/approvals/x", "/webhooks/vennio",
	auth.MetadataPath, auth.MetadataPath + "/mcp", auth.MetadataPath + "/sse", "/", "/nowhere",
	"/mcp/server-card", "/.well-known/ai-catalog.json", "/.well-known/mcp/server-card.json",
}, unusualPaths...)

var methods = []string{
	http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions, http.MethodTrace, "BOOK",
}

// strangely sends a request with an arbitrary path, Host and Origin, and returns the
// answer.
func (s *site) strangely(method, address, lines string) answer {
	s.t.Helper()
	all := s.raw(fmt.Sprintf("%s %s HTTP/1.1\r\n%sConnection: close\r\nAuthorization: Bearer ada\r\n\r\n", method, address, lines))
	require.Len(s.t, all, 1, "%s %s", method, address)
	return all[0]
}

// req: X2. For every route, method and spelling of a path, the server checks Host and
// Origin first and sends the security headers for browsers.
func TestReq_X2_NothingIsAnsweredBeforeHostAndOriginAreKnown(t *testing.T) {
	t.Parallel()
	s := everything(t, mcpserver.HTTPOptions{})
	for _, path := range allPaths {
		for _, method := range methods {
			for _, strange := range []string{
				"Host: evil.example\r\n", "Host: localhost\r\nOrigin: https://evil.example\r\n", "Host:\r\n", "Host: localhost\r\nOrigin: null\r\n",
			} {
				got := s.strangely(method, path, strange)
				require.Equal(t, http.StatusForbidden, got.status, "%s %s %s", method, path, strange)
				assert.Equal(t, "nosniff", got.header.Get("X-Content-Type-Options"))
				assert.Empty(t, got.header.Get("Location"))
				assert.NotContains(t, got.body, secret)
			}
		}
	}
	for _, address := range []string{"http://evil.example/mcp", "http://localhost@evil.example/metrics", "https://evil.example/"} {
		assert.Equal(t, http.StatusForbidden, s.strangely(http.MethodGet, address, "Host: localhost\r\n").status, address)
	}
	answers := s.raw("GET /metrics HTTP/1.0\r\n\r\n")
	require.Len(t, answers, 1)
	assert.Equal(t, http.StatusForbidden, answers[0].status, "no Host at all")
	assert.Contains(t, s.strangely(http.MethodGet, "/metrics", "Host: localhost\r\n").body, secret, "the page has content")
}

// req: X3. No route takes a credential from its address.
func TestReq_X3_NoRouteTakesACredentialFromItsAddress(t *testing.T) {
	t.Parallel()
	s := everything(t, mcpserver.HTTPOptions{})
	for _, path := range allPaths {
		for _, query := range []string{"api_key=x", "access_token=ada", "x=vennio_sk_live_x", "%6bey=x", "a=1&Token=x", "a=b;key=x&key=x"} {
			got := s.strangely(http.MethodGet, path+"?"+query, "Host: localhost\r\n")
			assert.Equal(t, http.StatusBadRequest, got.status, "%s?%s", path, query)
			assert.NotContains(t, got.body+fmt.Sprint(got.header), "vennio_sk")
		}
	}
}

// req: X4. A redirect to the canonical path does not lead to another host.
func TestReq_X4_NoRedirectLeavesTheSite(t *testing.T) {
	t.Parallel()
	s := everything(t, mcpserver.HTTPOptions{})
	for _, path := range append(unusualPaths, "//evil.example", "/\\evil.example", "///evil.example/%2e%2e", "/approvals/..//evil.example", "/https:/evil.example/..") {
		for _, method := range methods {
			to := s.strangely(method, path, "Host: localhost\r\nX-Forwarded-Host: evil.example\r\nForwarded: host=evil.example\r\n").header.Get("Location")
			assert.True(t, to == "" || strings.HasPrefix(to, "/") && !strings.HasPrefix(to, "//") && !strings.HasPrefix(to, "/\\"), "%s %s: %s", method, path, to)
		}
	}
}
