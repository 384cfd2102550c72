package mcpserver_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/mcpserver"
)

// req: X2. Every response has the security headers for browsers, whatever it begins
// with: JSON, a refusal, a stream, or a notification before the result of a call.
func TestReq_X2_EveryResponseHasSecurityHeaders(t *testing.T) {
	t.Parallel()
	s := open(t, newRig(), mcpserver.HTTPOptions{})
	session := s.login("2025-11-25", `{}`)
	talk := func(version string, headers []string) *http.Response {
		return s.post(toolCall("1", version, "notify", `{"count":2}`), headers...)
	}
	for name, resp := range map[string]*http.Response{
		"progress":              talk("", session),
		"progress since 2026":   talk(modern, modernly("tools/call", "notify")),
		"a stream":              s.ask(http.MethodGet, "/mcp", "", session...),
		"SSE":                   s.ask(http.MethodGet, "/sse", ""),
		"subscriptions":         s.post(listen("1"), modernly("subscriptions/listen")...),
		"an answer":             s.post(toolCall("1", "", "echo", `{}`), session...),
		"a refusal":             s.post(`{`),
		"an endpoint not there": s.ask(http.MethodGet, "/nowhere", ""),
		"a path put right":      s.ask(http.MethodGet, "/x/../healthz", ""),
	} {
		for header, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY"} {
			assert.Equal(t, want, resp.Header.Get(header), name)
		}
		require.NoError(t, resp.Body.Close())
	}
}
