package mcpserver_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/mcpserver"
)

// site is a running HTTP server and a plain HTTP client of it.
type site struct {
	t    *testing.T
	url  string
	http *http.Client
	stop context.CancelFunc
	done chan error
}

func open(t *testing.T, g *rig, o mcpserver.HTTPOptions) *site {
	t.Helper()
	var lc net.ListenConfig
	ln, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	return openOn(t, ln, &http.Transport{}, g, o)
}

func openOn(t *testing.T, ln net.Listener, way *http.Transport, g *rig, o mcpserver.HTTPOptions) *site {
	t.Helper()
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context())) // clients close before it ends
	s := &site{t: t, url: "http://" + ln.Addr().String(), stop: stop, done: make(chan error, 1), http: &http.Client{Transport: way}}
	go func() { s.done <- mcpserver.HTTP(ctx, ln, g.srv, o) }()
	t.Cleanup(func() { stop(); s.http.CloseIdleConnections() })
	return s
}

func (s *site) ended() {
	s.t.Helper()
	select {
	case err := <-s.done:
		require.NoError(s.t, err)
	case <-time.After(patience):
		require.FailNow(s.t, "HTTP did not return")
	}
}

// ask sends a request; headers are pairs of a name and a value.
func (s *site) ask(method, path, body string, headers ...string) *http.Response {
	s.t.Helper()
	resp, err := s.http.Do(s.request(s.t.Context(), method, path, body, headers...))
	require.NoError(s.t, err)
	s.t.Cleanup(func() { _ = resp.Body.Close() })
	assert.Empty(s.t, resp.Header.Get("Access-Control-Allow-Origin"), "%s %s", method, path)
	return resp
}

func (s *site) request(ctx context.Context, method, path, body string, headers ...string) *http.Request {
	s.t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, s.url+path, strings.NewReader(body))
	require.NoError(s.t, err)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json, text/event-stream")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
		if headers[i] == "Host" {
			r.Host = headers[i+1]
		}
	}
	return r
}

// postInVain posts a message and ignores its answer. The request ends with ctx or with
// the test, which waits for its end.
func (s *site) postInVain(ctx context.Context, body string, headers ...string) {
	s.t.Helper()
	r, done := s.request(ctx, http.MethodPost, "/mcp", body, headers...), make(chan struct{})
	go func() {
		defer close(done)
		if resp, err := s.http.Do(r); err == nil {
			_ = resp.Body.Close()
		}
	}()
	s.t.Cleanup(func() { <-done })
}

// post sends one message to /mcp.
func (s *site) post(body string, headers ...string) *http.Response {
	s.t.Helper()
	return s.ask(http.MethodPost, "/mcp", body, headers...)
}

// modernly returns the headers that a message of 2026-07-28 must have.
func modernly(method string, name ...string) []string {
	headers := []string{"Mcp-Protocol-Version", modern, "Mcp-Method", method}
	for _, n := range name {
		headers = append(headers, "Mcp-Name", n)
	}
	return headers
}

// login starts a session and returns the headers that belong to it.
func (s *site) login(version, capabilities string) []string {
	s.t.Helper()
	resp := s.post(initialize(version, capabilities))
	require.Contains(s.t, string(single(s.t, resp).Result), version)
	id := resp.Header.Get("Mcp-Session-Id")
	require.NotEmpty(s.t, id)
	headers := []string{"Mcp-Session-Id", id, "Mcp-Protocol-Version", version}
	require.Equal(s.t, http.StatusAccepted, s.post(initialized, headers...).StatusCode)
	return headers
}

// single reads the one message of a response.
func single(t *testing.T, resp *http.Response) message {
	t.Helper()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NotContains(t, string(body), secret)
	var m message
	require.NoError(t, json.Unmarshal(body, &m), "%d %s", resp.StatusCode, body)
	require.Equal(t, "2.0", m.JSONRPC)
	return m
}

// events reads messages from an event stream.
type events struct {
	t *testing.T
	r *bufio.Reader
}

func stream(t *testing.T, resp *http.Response) *events {
	t.Helper()
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.Equal(t, "text/event-stream", resp.Header.Get("Content-Type"))
	return &events{t, bufio.NewReader(resp.Body)}
}

// data returns the data of the next event, or "" at the end of the stream.
func (e *events) data() string {
	e.t.Helper()
	for {
		line, err := e.r.ReadString('\n')
		if err != nil {
			require.ErrorIs(e.t, err, io.EOF)
			return ""
		}
		if data, ok := strings.CutPrefix(line, "data: "); ok {
			require.NotContains(e.t, data, secret)
			return strings.TrimSpace(data)
		}
	}
}

func (e *events) next() (m message) {
	e.t.Helper()
	require.NoError(e.t, json.Unmarshal([]byte(e.data()), &m))
	return m
}

// sse opens an SSE stream and returns the path for its messages.
func (s *site) sse() (*events, string) {
	s.t.Helper()
	e := stream(s.t, s.ask(http.MethodGet, "/sse", ""))
	path := e.data()
	require.Contains(s.t, path, "/message?sessionId=")
	return e, path
}

func (s *site) client(path, version string, options ...client.ClientOption) *client.Client {
	s.t.Helper()
	build := func() (*client.Client, error) { return client.NewStreamableHttpClient(s.url + path) }
	if path == "/sse" {
		build = func() (*client.Client, error) { return client.NewSSEMCPClient(s.url + path) }
	}
	plain, err := build()
	require.NoError(s.t, err)
	c := client.NewClient(plain.GetTransport(), append(options, client.WithProtocolVersion(version), client.WithDiscoverTimeout(patience))...)
	s.t.Cleanup(func() { _ = c.Close() })
	start(s.t, c)
	return c
}

func TestReq_P1_HTTPSpeaksEveryVersionWithAClient(t *testing.T) {
	t.Parallel()
	s := open(t, newRig(), mcpserver.HTTPOptions{})
	for _, path := range []string{"/mcp", "/sse"} {
		for _, version := range append(legacy, modern) {
			c := s.client(path, version)
			assert.Equal(t, version, c.ProtocolVersion(), path)
			list, err := c.ListTools(t.Context(), mcp.ListToolsRequest{})
			require.NoError(t, err)
			assert.Len(t, list.Tools, 13)
			got, err := c.CallTool(t.Context(), named("echo", map[string]any{"text": "hello"}))
			require.NoError(t, err)
			assert.Equal(t, "hello", mcp.GetTextFromContent(got.Content[0]))
		}
	}
}

// req: P6
func TestAPersonIsAskedOverStreamableHTTP(t *testing.T) {
	t.Parallel()
	s := open(t, newRig(), mcpserver.HTTPOptions{})
	for _, version := range []string{"2025-06-18", "2025-11-25", modern} {
		c := s.client("/mcp", version, client.WithElicitationHandler(person("accept")))
		got, err := c.CallTool(t.Context(), named("ask", nil))
		require.NoError(t, err, version)
		assert.Equal(t, "said accept", mcp.GetTextFromContent(got.Content[0]), version)
	}
}

func TestReq_P3_TheToolListIsTheSameEverywhere(t *testing.T) {
	t.Parallel()
	g := newRig()
	s := open(t, g, mcpserver.HTTPOptions{})
	e, path := s.sse()
	w := dial(t, g, mcpserver.StdioOptions{})
	for _, version := range append(legacy, modern) {
		w.greet(version, `{}`)
		list := request("1", version, "tools/list", "")
		w.send(list)
		want := string(w.answer("1").Result)

		headers := modernly("tools/list")
		if version != modern {
			headers = s.login(version, `{}`)
		}
		assert.Equal(t, want, string(single(t, s.post(list, headers...)).Result), version)
		require.Equal(t, http.StatusAccepted, s.ask(http.MethodPost, path, list).StatusCode)
		assert.Equal(t, want, string(e.next().Result), version)
	}
}
