package serve_test

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/serve"
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

func TestBar_X2_HostAndOriginAreCheckedOnEveryRoute(t *testing.T) {
	t.Parallel()
	s := open(t, newRig(), serve.HTTPOptions{})
	for _, e := range endpoints {
		for _, strange := range [][]string{
			{"Host", "evil.example"},
			{"Host", "127.0.0.1.evil.example:80"},
			{"Host", "localhost.evil.example"},
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
	s := open(t, newRig(), serve.HTTPOptions{AllowedHosts: []string{"Calendar.example", "proxy.example:8443"}, AllowedOrigins: []string{"https://app.example"}})
	for _, fine := range [][]string{
		{"Host", "localhost"},
		{"Host", "LOCALHOST:1"},
		{"Host", "127.0.0.1:1"},
		{"Host", "127.8.9.1"},
		{"Host", "[::1]:80"},
		{"Host", "[::1]"},
		{"Host", "calendar.example:99"},
		{"Host", "proxy.example:8443"},
		{"Origin", "http://localhost:5173"},
		{"Origin", "https://127.0.0.1"},
		{"Origin", "http://[::1]:8"},
		{"Origin", "https://App.example"},
	} {
		assert.Equal(t, http.StatusOK, s.post(initialize("2025-06-18", `{}`), fine...).StatusCode, "%v", fine)
	}
	for _, strange := range [][]string{{"Host", "proxy.example:1"}, {"Host", "proxy.example"}, {"Origin", "https://app.example:444"}, {"Origin", "http://app.example"}} {
		assert.Equal(t, http.StatusForbidden, s.post(initialize("2025-06-18", `{}`), strange...).StatusCode, "%v", strange)
	}
}

func TestBar_X1_OnlyLoopbackIsListenedOn(t *testing.T) {
	t.Parallel()
	var lc net.ListenConfig
	ln, err := lc.Listen(t.Context(), "tcp", "0.0.0.0:0")
	require.NoError(t, err)
	require.ErrorIs(t, serve.HTTP(t.Context(), ln, newRig().srv, serve.HTTPOptions{}), serve.ErrNotLoopback)
	_, err = ln.Accept()
	require.ErrorIs(t, err, net.ErrClosed)
}

func TestABrokenListenerIsAnError(t *testing.T) {
	t.Parallel()
	var lc net.ListenConfig
	ln, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, ln.Close())
	require.ErrorIs(t, serve.HTTP(t.Context(), ln, newRig().srv, serve.HTTPOptions{}), net.ErrClosed)
}

func TestHealthAndUnknownPaths(t *testing.T) {
	t.Parallel()
	s := open(t, newRig(), serve.HTTPOptions{})
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
	s := open(t, newRig(), serve.HTTPOptions{})
	for path, allowed := range map[string]string{"/mcp": "POST, GET, DELETE", "/sse": "GET", "/message": "POST", "/healthz": "GET, HEAD", "/readyz": "GET, HEAD"} {
		resp := s.ask(http.MethodPut, path, "")
		assert.Equal(t, http.StatusMethodNotAllowed, resp.StatusCode)
		assert.Equal(t, allowed, resp.Header.Get("Allow"))
		assert.Contains(t, single(t, resp).Error.Message, allowed)
	}
}

func TestBodiesAndHeadersAreBounded(t *testing.T) {
	t.Parallel()
	s := open(t, newRig(), serve.HTTPOptions{})
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

func TestABodyThatStopsShortIsRefused(t *testing.T) {
	t.Parallel()
	s := open(t, newRig(), serve.HTTPOptions{})
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
	require.NoError(t, serve.HTTP(ctx, ln, newRig().srv, serve.HTTPOptions{}))
	_, err = ln.Accept()
	require.ErrorIs(t, err, net.ErrClosed, "it never serves, and closes what it was given")
}
