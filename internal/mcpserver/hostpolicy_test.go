package mcpserver_test

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/auth"
	"github.com/vennio-mcp/vennio-mcp/internal/mcpserver"
)

var endpoints = []struct{ method, path string }{
	{http.MethodPost, "/mcp"},
	{http.MethodGet, "/mcp"},
	{http.MethodDelete, "/mcp"},
	{http.MethodGet, "/sse"},
	{http.MethodPost, "/message?sessionId=x"},
	{http.MethodGet, "/healthz"},
	{http.MethodGet, "/readyz"},
	{http.MethodOptions, "/mcp"},
	{http.MethodGet, "/nowhere"},
}

func TestReq_X2_HostAndOriginAreCheckedOnEveryRoute(t *testing.T) {
	t.Parallel()
	s := open(t, newRig(), mcpserver.HTTPOptions{})
	for _, e := range endpoints {
		for _, strange := range [][]string{
			{"Host", "evil.example"},
			{"Host", "127.0.0.1.evil.example:80"},
			{"Host", "localhost.evil.example"},
			{"Host", "localhost.evil.example."},
			{"Host", "localhost..:80"},
			{"Origin", "https://evil.example"},
			{"Origin", "http://localhost.evil.example"},
			{"Origin", "http://localhost@evil.example"},
			{"Origin", "file://localhost"},
			{"Origin", "null"},
			{"Origin", ""},
		} {
			resp := s.ask(e.method, e.path, initialize("2025-06-18", `{}`), strange...)
			assert.Equal(t, http.StatusForbidden, resp.StatusCode, "%v %v", e, strange)
			assert.Equal(t, "application/json", resp.Header.Get("Content-Type"))
			assert.Contains(t, single(t, resp).Error.Message, strange[0])
		}
	}
}

func TestLoopbackNamesAndOriginsPass(t *testing.T) {
	t.Parallel()
	s := open(t, newRig(), mcpserver.HTTPOptions{AllowedHosts: []string{"Calendar.example", "proxy.example:8443"}, AllowedOrigins: []string{"https://app.example"}})
	for _, fine := range [][]string{
		{"Host", "localhost"},
		{"Host", "LOCALHOST:1"},
		{"Host", "127.0.0.1:1"},
		{"Host", "127.8.9.1"},
		{"Host", "[::1]:80"},
		{"Host", "[::1]"},
		{"Host", "localhost."},
		{"Host", "LocalHost.:8080"},
		{"Host", "calendar.example.:99"},
		{"Host", "calendar.example:99"},
		{"Host", "proxy.example:8443"},
		{"Origin", "http://localhost:5173"},
		{"Origin", "https://127.0.0.1"},
		{"Origin", "http://[::1]:8"},
	} {
		assert.Equal(t, http.StatusOK, s.post(initialize("2025-06-18", `{}`), fine...).StatusCode, "%v", fine)
	}
	for _, strange := range [][]string{{"Host", "proxy.example:1"}, {"Host", "proxy.example"}, {"Origin", "https://app.example:444"}, {"Origin", "http://app.example"}} {
		assert.Equal(t, http.StatusForbidden, s.post(initialize("2025-06-18", `{}`), strange...).StatusCode, "%v", strange)
	}
}

func TestReq_X1_OnlyLoopbackIsListenedOn(t *testing.T) {
	t.Parallel()
	var lc net.ListenConfig
	ln, err := lc.Listen(t.Context(), "tcp", "0.0.0.0:0")
	require.NoError(t, err)
	require.ErrorIs(t, mcpserver.HTTP(t.Context(), ln, newRig().srv, mcpserver.HTTPOptions{}), mcpserver.ErrNotLoopback)
	_, err = ln.Accept()
	require.ErrorIs(t, err, net.ErrClosed)
}

func TestABrokenListenerIsAnError(t *testing.T) {
	t.Parallel()
	var lc net.ListenConfig
	ln, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, ln.Close())
	require.ErrorIs(t, mcpserver.HTTP(t.Context(), ln, newRig().srv, mcpserver.HTTPOptions{}), net.ErrClosed)
}

func TestHealthAndUnknownPaths(t *testing.T) {
	t.Parallel()
	s := open(t, newRig(), mcpserver.HTTPOptions{})
	resp := s.ask(http.MethodGet, "/healthz", "")
	assert.Equal(t, http.StatusOK, resp.StatusCode)
	body := make([]byte, 100)
	n, _ := resp.Body.Read(body)
	assert.JSONEq(t, `{"status":"ok"}`, string(body[:n]))

	resp = s.ask(http.MethodGet, "/", "")
	assert.Equal(t, http.StatusNotFound, resp.StatusCode)
	said := single(t, resp).Error.Message
	for _, path := range []string{"/mcp", "/sse", "/message", "/healthz", "/readyz"} {
		assert.Contains(t, said, path)
	}
}

func TestOtherMethodsAreRefused(t *testing.T) {
	t.Parallel()
	s := open(t, newRig(), mcpserver.HTTPOptions{})
	for path, allowed := range map[string]string{"/mcp": "POST, GET, DELETE", "/sse": "GET", "/message": "POST", "/healthz": "GET, HEAD", "/readyz": "GET, HEAD"} {
		resp := s.ask(http.MethodPut, path, "")
		assert.Equal(t, http.StatusMethodNotAllowed, resp.StatusCode)
		assert.Equal(t, allowed, resp.Header.Get("Allow"))
		assert.Contains(t, single(t, resp).Error.Message, allowed)
	}
}

func TestBodiesAndHeadersAreBounded(t *testing.T) {
	t.Parallel()
	s := open(t, newRig(), mcpserver.HTTPOptions{})
	_, path := s.sse()
	large := toolCall("1", "", "echo", `{"text":"`+strings.Repeat("x", 4<<20)+`"}`)
	for _, p := range []string{"/mcp", path} {
		resp := s.ask(http.MethodPost, p, large)
		assert.Equal(t, http.StatusRequestEntityTooLarge, resp.StatusCode)
		assert.Contains(t, single(t, resp).Error.Message, "4194304")
	}
	resp := s.ask(http.MethodGet, "/healthz", "", "X-Large", strings.Repeat("x", 80<<10))
	assert.Equal(t, http.StatusRequestHeaderFieldsTooLarge, resp.StatusCode)
}

// field: trailing slash
func TestEverySpellingOfAPathIsServed(t *testing.T) {
	t.Parallel()
	s := open(t, newRig(), mcpserver.HTTPOptions{Pages: map[string]http.Handler{"/hook": http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})}})
	s.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	for _, path := range []string{"/mcp", "/mcp/", "//mcp", "/mcp//", "/./mcp", "/x/../mcp/", "/%6dcp/"} {
		resp := s.ask(http.MethodPost, path, initialize("2025-11-25", `{}`))
		require.Equal(t, http.StatusOK, resp.StatusCode, path)
		assert.Contains(t, string(single(t, resp).Result), "2025-11-25")
	}
	e := stream(t, s.ask(http.MethodGet, "/sse/", ""))
	to := strings.Replace(e.data(), "/message?", "/message/?", 1)
	assert.Equal(t, http.StatusAccepted, s.ask(http.MethodPost, to, initialize("2025-11-25", `{}`)).StatusCode)
	assert.Contains(t, string(e.next().Result), "2025-11-25")
	for _, path := range []string{"/healthz/", "/readyz/", "/hook/"} {
		assert.Equal(t, http.StatusOK, s.ask(http.MethodGet, path, "").StatusCode, path)
	}
	assert.Equal(t, http.StatusNotFound, s.ask(http.MethodPost, "/mcp/x", initialize("2025-11-25", `{}`)).StatusCode)
}

// field: buffering proxy
func TestEveryEventStreamAsksProxiesNotToBufferIt(t *testing.T) {
	t.Parallel()
	s := open(t, newRig(), mcpserver.HTTPOptions{})
	headers := s.login("2025-11-25", `{}`)
	for name, resp := range map[string]*http.Response{
		"SSE":                   s.ask(http.MethodGet, "/sse", ""),
		"Streamable HTTP, GET":  s.ask(http.MethodGet, "/mcp", "", headers...),
		"Streamable HTTP, POST": s.post(toolCall("1", "2025-11-25", "notify", `{"count":2}`), headers...),
		"2026-07-28, POST":      s.post(toolCall("1", modern, "notify", `{"count":2}`), modernly("tools/call", "notify")...),
		"2026-07-28, listen":    s.post(request("1", modern, "subscriptions/listen", `"notifications":{"toolsListChanged":true}`), modernly("subscriptions/listen")...),
	} {
		_ = stream(t, resp)
		assert.Equal(t, "no", resp.Header.Get("X-Accel-Buffering"), name)
	}
	assert.Empty(t, s.post(initialize("2025-11-25", `{}`)).Header.Get("X-Accel-Buffering"), "no stream")
}

// field: GET without a session
func TestAStreamNeedsASession(t *testing.T) {
	t.Parallel()
	s := open(t, newRig(), mcpserver.HTTPOptions{})
	for _, headers := range [][]string{nil, {"Mcp-Protocol-Version", "2025-11-25"}, {"Accept", "text/html"}, modernly("")} {
		resp := s.ask(http.MethodGet, "/mcp", "", headers...)
		assert.Equal(t, http.StatusMethodNotAllowed, resp.StatusCode, headers)
		assert.Equal(t, http.MethodPost, resp.Header.Get("Allow"), headers)
		assert.Contains(t, single(t, resp).Error.Message, "POST", headers)
	}
	resp := s.ask(http.MethodDelete, "/mcp", "", modernly("")...)
	assert.Equal(t, http.StatusMethodNotAllowed, resp.StatusCode)
	assert.Equal(t, http.MethodPost, resp.Header.Get("Allow"))
	assert.Equal(t, mcp.INVALID_REQUEST, single(t, resp).Error.Code)
}

// share sends a request as a web page of an origin does, and returns what a
// browser would need to let the page read the response.
func (s *site) share(method, path, origin string, headers ...string) *http.Response {
	s.t.Helper()
	resp, err := s.http.Do(s.request(s.t.Context(), method, path, initialize("2025-11-25", `{}`), append(headers, "Origin", origin)...))
	require.NoError(s.t, err)
	s.t.Cleanup(func() { _ = resp.Body.Close() })
	assert.Contains(s.t, resp.Header.Values("Vary"), "Origin", "%s %s", method, path)
	return resp
}

const app = "https://app.example"

// field: CORS preflight
func TestBrowsersLearnWhatAnAllowedOriginMaySend(t *testing.T) {
	t.Parallel()
	asks, err := auth.New(t.Context(), auth.Options{Tokens: []auth.Token{{Name: "ada", Hash: auth.HashOf("ada")}}})
	require.NoError(t, err)
	s := open(t, newRig(), mcpserver.HTTPOptions{
		AllowedOrigins: []string{app}, Access: asks, Pages: map[string]http.Handler{"/page/": http.NotFoundHandler()},
	})
	for path, methods := range map[string]string{"/mcp": "POST, GET, DELETE", "/mcp/": "POST, GET, DELETE", "/sse": "GET", "/message": "POST"} {
		resp := s.share(http.MethodOptions, path, app, "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization,mcp-protocol-version")
		assert.Equal(t, http.StatusNoContent, resp.StatusCode, path)
		assert.Equal(t, app, resp.Header.Get("Access-Control-Allow-Origin"), path)
		assert.Equal(t, methods, resp.Header.Get("Access-Control-Allow-Methods"), path)
		for _, name := range []string{
			"Authorization", "Content-Type", "Accept", "Mcp-Session-Id", "MCP-Protocol-Version", "Last-Event-ID", "Mcp-Method", "Mcp-Name", "X-Vennio-Api-Key",
		} {
			assert.Contains(t, resp.Header.Get("Access-Control-Allow-Headers"), name)
		}
		assert.Empty(t, resp.Header.Get("Access-Control-Allow-Credentials"))
	}
	resp := s.share(http.MethodOptions, "/mcp", app, "Access-Control-Request-Method", "POST", "Access-Control-Request-Private-Network", "true")
	assert.Equal(t, "true", resp.Header.Get("Access-Control-Allow-Private-Network"))

	for _, origin := range []string{"http://localhost:5173", "https://evil.example", "null", "https://app.example.evil.example", "http://app.example"} {
		resp := s.share(http.MethodOptions, "/mcp", origin, "Access-Control-Request-Method", "POST")
		assert.GreaterOrEqual(t, resp.StatusCode, http.StatusBadRequest, origin)
		assert.Empty(t, resp.Header.Get("Access-Control-Allow-Origin"), origin)
		assert.Empty(t, resp.Header.Get("Access-Control-Allow-Methods"), origin)
	}
	resp = s.share(http.MethodOptions, "/page/x", app, "Access-Control-Request-Method", "POST")
	assert.Equal(t, http.StatusMethodNotAllowed, resp.StatusCode, "pages are for people, not for other pages")
	assert.Empty(t, resp.Header.Get("Access-Control-Allow-Origin"))
}

// field: CORS response
func TestAnAllowedOriginMayReadTheResponses(t *testing.T) {
	t.Parallel()
	s := open(t, newRig(), mcpserver.HTTPOptions{AllowedOrigins: []string{app}, Pages: map[string]http.Handler{"/page/": http.NotFoundHandler()}})
	for name, resp := range map[string]*http.Response{
		"initialize":        s.share(http.MethodPost, "/mcp", app),
		"another case":      s.share(http.MethodPost, "/mcp", "https://App.example"),
		"a refused session": s.share(http.MethodPost, "/mcp", app, "Mcp-Session-Id", "x", "Mcp-Protocol-Version", "1"),
		"a refused method":  s.share(http.MethodPut, "/mcp", app),
		"a refused body":    s.share(http.MethodPost, "/mcp", app, "Content-Encoding", "gzip"),
		"an unknown path":   s.share(http.MethodPost, "/nowhere", app),
		"a credential":      s.share(http.MethodPost, "/mcp?api_key=x", app),
	} {
		assert.True(t, strings.EqualFold(app, resp.Header.Get("Access-Control-Allow-Origin")), name)
		assert.Contains(t, resp.Header.Get("Access-Control-Expose-Headers"), "Mcp-Session-Id", name)
		assert.Empty(t, resp.Header.Get("Access-Control-Allow-Credentials"), name)
	}
	r, err := s.http.Do(s.request(t.Context(), http.MethodGet, "/sse", "", "Origin", app))
	require.NoError(t, err)
	defer func() { _ = r.Body.Close() }()
	assert.Equal(t, app, r.Header.Get("Access-Control-Allow-Origin"), "a stream")

	assert.Equal(t, http.StatusOK, s.share(http.MethodPost, "/mcp", "http://localhost:5173").StatusCode)
	for path, origin := range map[string]string{"/mcp": "http://localhost:5173", "/page/x": app, "/sse": "https://evil.example"} {
		resp := s.share(http.MethodPost, path, origin)
		assert.Empty(t, resp.Header.Get("Access-Control-Allow-Origin"), "%s %s", path, origin)
		assert.Empty(t, resp.Header.Get("Access-Control-Expose-Headers"), "%s %s", path, origin)
	}
}

func TestABodyThatStopsShortIsRefused(t *testing.T) {
	t.Parallel()
	s := open(t, newRig(), mcpserver.HTTPOptions{})
	var d net.Dialer
	conn, err := d.DialContext(t.Context(), "tcp", strings.TrimPrefix(s.url, "http://"))
	require.NoError(t, err)
	_, err = conn.Write([]byte("POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"))
	require.NoError(t, err)
	require.NoError(t, conn.(*net.TCPConn).CloseWrite())
	head := make([]byte, 12)
	_, err = conn.Read(head)
	require.NoError(t, err)
	assert.Equal(t, "HTTP/1.1 400", string(head))
	_ = conn.Close()
}

func TestAStopBeforeTheStartClosesTheListener(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var lc net.ListenConfig
	ln, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, mcpserver.HTTP(ctx, ln, newRig().srv, mcpserver.HTTPOptions{}))
	_, err = ln.Accept()
	require.ErrorIs(t, err, net.ErrClosed, "it never serves, and closes the listener")
}
