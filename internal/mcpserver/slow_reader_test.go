package mcpserver_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/mcpserver"
)

// readFirstLine sends a request and reads no more of the answer than its first line. What
// it returns reads on, a little at a time.
func (s *site) readFirstLine(method, path, body string, headers ...string) *bufio.Reader {
	s.t.Helper()
	conn := s.dial()
	require.NoError(s.t, conn.SetReadBuffer(4<<10))
	lines := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"+
		"Accept: application/json, text/event-stream\r\nContent-Length: %d\r\n", method, path, len(body))
	for i := 0; i < len(headers); i += 2 {
		lines += headers[i] + ": " + headers[i+1] + "\r\n"
	}
	_, err := io.WriteString(conn, lines+"\r\n"+body)
	require.NoError(s.t, err)
	r := bufio.NewReaderSize(conn, 16)
	status, err := r.ReadString('\n')
	require.NoError(s.t, err)
	require.Contains(s.t, status, "200")
	return r
}

// unreadStreams opens one stream of each kind, subscribed to uris, and does not read
// them.
func (s *site) unreadStreams(uris []string) {
	s.t.Helper()
	r, line := s.readFirstLine(http.MethodGet, "/sse", ""), ""
	for !strings.HasPrefix(line, "data: ") {
		var err error
		line, err = r.ReadString('\n')
		require.NoError(s.t, err)
	}
	message := strings.TrimSpace(strings.TrimPrefix(line, "data: "))
	session := s.login("2025-11-25", `{}`)
	s.tell(message, initialize("2025-11-25", `{}`))
	for _, uri := range uris {
		s.tell(message, subscribe("1", uri))
		single(s.t, s.post(subscribe("1", uri), session...))
	}
	s.readFirstLine(http.MethodGet, "/mcp", "", session...)
	s.readFirstLine(http.MethodPost, "/mcp", listen("1", uris...), modernly("subscriptions/listen")...)
}

// shallow is a listener whose connections buffer little of what a client does not read.
type shallow struct{ *net.TCPListener }

func (l shallow) Accept() (net.Conn, error) {
	conn, err := l.AcceptTCP()
	if err != nil {
		return nil, err
	}
	return conn, conn.SetWriteBuffer(4 << 10)
}

// Not parallel: it counts the goroutines of the process.
//
// req: X2. The server disconnects a client that does not read its subscription, on every
// kind of stream. A client that reads receives all notifications.
func TestReq_X2_WhoNeverReadsIsCut(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Run("", func(t *testing.T) { // which closes its connections at the end
		g, feed := changing()
		uris := []string{"test://a/" + strings.Repeat("x", 50<<10), "test://b/" + strings.Repeat("x", 50<<10)}
		streams := make(chan func() int, 2)
		ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
		require.NoError(t, err)
		o := mcpserver.HTTPOptions{Subscriptions: feed, WriteTime: short, Open: func(_ string, count func() int) { streams <- count }}
		s := openOn(t, shallow{ln.(*net.TCPListener)}, &http.Transport{}, g, o)
		s.unreadStreams(uris)
		e := stream(t, s.post(listen("7", thing), modernly("subscriptions/listen")...))
		assert.Contains(t, e.next().Method, "acknowledged")
		<-streams
		count := <-streams
		require.Equal(t, 4, count())
		require.Eventually(t, func() bool {
			feed.Updated(uris...)
			feed.Updated(thing)
			updated(t, e.next(), thing, "7")
			return count() == 1
		}, patience, time.Millisecond)
		s.stop()
		s.ended()
	})
	requireGoroutines(t, before)
}

// req: X2. A call whose answer the client does not read releases its slot.
func TestReq_X2_AnAnswerThatNobodyReadsIsCut(t *testing.T) {
	t.Parallel()
	g := newRig()
	g.add("large", func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return mcp.NewToolResultText(strings.Repeat("x", 8<<20)), nil
	})
	s := open(t, g, mcpserver.HTTPOptions{WriteTime: short, MaxCalls: 1, MaxWait: patience})
	s.readFirstLine(http.MethodPost, "/mcp", toolCall("1", modern, "large", `{}`), modernly("tools/call", "large")...)
	echo := toolCall("2", modern, "echo", `{"text":"a"}`)
	assert.Equal(t, "a", single(t, s.post(echo, modernly("tools/call", "echo")...)).text())
}
