package mcpserver_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/mcpserver"
)

// tell sends a message to a stream. The server must accept it.
func (s *site) tell(path, body string) {
	s.t.Helper()
	require.Equal(s.t, http.StatusAccepted, s.ask(http.MethodPost, path, body).StatusCode)
}

func TestReq_P1_SSERaw(t *testing.T) {
	t.Parallel()
	s := open(t, newRig(), mcpserver.HTTPOptions{})
	for _, version := range append(legacy, modern) {
		e, path := s.sse()
		if version != modern {
			s.tell(path, initialize(version, `{"elicitation":{}}`))
			require.Contains(t, string(e.next().Result), version)
			s.tell(path, initialized)
		}
		s.tell(path, toolCall("1", version, "notify", `{"count":3}`))
		for range 3 {
			assert.Equal(t, "notifications/progress", e.next().Method)
		}
		assert.Equal(t, "notified", e.next().text())
	}
}

// req: P6
func TestAPersonIsAskedOverSSE(t *testing.T) {
	t.Parallel()
	s := open(t, newRig(), mcpserver.HTTPOptions{})
	for _, version := range []string{"2025-06-18", "2025-11-25"} {
		e, path := s.sse()
		s.tell(path, initialize(version, `{"elicitation":{}}`))
		e.next()
		s.tell(path, toolCall("1", version, "ask", `{}`))
		q := e.next()
		require.Equal(t, "elicitation/create", q.Method)
		s.tell(path, fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":{"action":"accept"}}`, q.ID))
		assert.Equal(t, "said accept", e.next().text())
	}
}

func TestABatchOverSSE(t *testing.T) {
	t.Parallel()
	s := open(t, newRig(), mcpserver.HTTPOptions{})
	e, path := s.sse()
	s.tell(path, initialize("2025-03-26", `{}`))
	e.next()
	s.tell(path, `[`+toolCall("1", "", "echo", `{"text":"a"}`)+`,`+request("2", "", "ping", "")+`]`)
	assert.Contains(t, e.data(), `"text":"a"`)
}

func TestAMessageNeedsItsStream(t *testing.T) {
	t.Parallel()
	g := newRig()
	s := open(t, g, mcpserver.HTTPOptions{})
	for _, path := range []string{"/message", "/message?sessionId=x"} {
		resp := s.ask(http.MethodPost, path, request("1", "", "ping", ""))
		assert.Equal(t, http.StatusNotFound, resp.StatusCode)
		assert.Contains(t, single(t, resp).Error.Message, "/sse")
	}
}

func TestACallOverSSEIsCancelledWhileItWaitsAndWhileItRuns(t *testing.T) {
	t.Parallel()
	g := newRig()
	s := open(t, g, mcpserver.HTTPOptions{MaxCalls: 1, MaxWait: patience})
	e, path := s.sse()
	s.tell(path, slowCall(1))
	receive(t, g.started)
	waiting := make(chan int, 1)
	go func() { waiting <- s.ask(http.MethodPost, path, slowCall(2)).StatusCode }()
	require.Eventually(t, func() bool { // it may not have arrived at the first try
		s.tell(path, cancelOf(2))
		return len(waiting) == 1
	}, patience, time.Millisecond)
	assert.Equal(t, http.StatusAccepted, <-waiting)
	s.tell(path, cancelOf(1))
	assert.Equal(t, "1", receive(t, g.stopped))
	s.tell(path, toolCall("3", "", "echo", `{"text":"c"}`))
	assert.Equal(t, "c", e.next().text(), "neither is answered")
	assert.Empty(t, g.started)
}

func TestAClientOnSSEThatGoesStopsItsCalls(t *testing.T) {
	t.Parallel()
	g := newRig()
	s := open(t, g, mcpserver.HTTPOptions{})
	resp := s.ask(http.MethodGet, "/sse", "")
	path := stream(t, resp).data()
	s.tell(path, slowCall(1))
	receive(t, g.started)
	require.NoError(t, resp.Body.Close())
	assert.Equal(t, "1", receive(t, g.stopped))
	require.Eventually(t, func() bool {
		return s.ask(http.MethodPost, path, request("1", "", "ping", "")).StatusCode == http.StatusNotFound
	}, patience, time.Millisecond)
}

func TestAQuietStreamIsKeptAlive(t *testing.T) {
	t.Parallel()
	s := open(t, newRig(), mcpserver.HTTPOptions{KeepAlive: time.Millisecond})
	e, _ := s.sse()
	listen := request("1", modern, "subscriptions/listen", `"notifications":{"toolsListChanged":true}`)
	for _, e := range []*events{
		e, stream(t, s.ask(http.MethodGet, "/mcp", "", s.login("2025-06-18", `{}`)...)), stream(t, s.post(listen, modernly("subscriptions/listen")...)),
	} {
		line, err := e.r.ReadString(':')
		for err == nil && line != ":" && !strings.HasSuffix(line, "\n:") {
			line, err = e.r.ReadString(':')
		}
		require.NoError(t, err, "a comment comes")
	}
}

func TestBroadcastsReachEveryTransport(t *testing.T) {
	t.Parallel()
	g := newRig()
	s := open(t, g, mcpserver.HTTPOptions{})
	e, path := s.sse()
	s.tell(path, initialize("2025-06-18", `{}`))
	e.next()
	listening := stream(t, s.ask(http.MethodGet, "/mcp", "", s.login("2025-06-18", `{}`)...))
	subscribed := stream(t, s.post(request("1", modern, "subscriptions/listen", `"notifications":{"toolsListChanged":true}`), modernly("subscriptions/listen")...))
	subscribed.next()
	w := dial(t, g, mcpserver.StdioOptions{})
	w.greet("2025-06-18", `{}`)
	w.alive()
	g.srv.DeleteTools("odd")
	const changed = mcp.MethodNotificationToolsListChanged
	assert.Equal(t, changed, w.next().Method)
	assert.Equal(t, changed, e.next().Method)
	assert.Equal(t, changed, listening.next().Method)
	assert.Equal(t, changed, subscribed.next().Method)
}
