package mcpserver_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/mcpserver"
)

// short is the timeout for requests that are slow on purpose.
const short = 5 * time.Second

// trickle writes single bytes at intervals until the server closes the connection,
// which it must do long before the test ends. It returns the answer of the server.
func trickle(conn net.Conn) (said []byte) {
	ctx, stop := context.WithCancel(context.Background())
	fed := make(chan struct{})
	go func() {
		defer close(fed)
		now := time.NewTicker(5 * time.Millisecond)
		defer now.Stop()
		for {
			select {
			case <-now.C:
				_, _ = conn.Write([]byte("a"))
			case <-ctx.Done():
				return
			}
		}
	}()
	said, _ = io.ReadAll(conn)
	stop()
	<-fed
	_ = conn.Close()
	return said
}

// hasty answers before it has read the whole body, and removes the read deadline.
func hasty(w http.ResponseWriter, r *http.Request) {
	_, _ = r.Body.Read(make([]byte, 1))
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	w.WriteHeader(http.StatusUnauthorized)
}

// Not parallel: it counts the goroutines of the process.
//
// req: X2. The server disconnects clients whose headers or bodies arrive slowly and never
// end, on every route, and serves others meanwhile.
func TestReq_X2_WhoSendsSlowlyIsCut(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Run("", func(t *testing.T) { // which closes its connections at the end
		s := open(t, newRig(), mcpserver.HTTPOptions{
			HeaderTime: short, BodyTime: short, MaxCalls: 1, Pages: map[string]http.Handler{"/form": http.HandlerFunc(form), "/hasty": http.HandlerFunc(hasty)},
		})
		e, message := s.sse()
		post := func(path, host string) string {
			return "POST " + path + " HTTP/1.1\r\nHost: " + host + "\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n{"
		}
		tries := []string{
			"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-", "", "POST /mcp HTTP/1.1\r\n",
			post("/mcp", "localhost"), post(message, "localhost"), post("/form", "localhost"), post("/hasty", "localhost"),
			post("/mcp", "evil.example"), post("/nowhere", "localhost"), post("/message?sessionId=x", "localhost"), post("/mcp?key=x", "localhost"),
			strings.Replace(post("/mcp", "localhost"), "Content-Length: 100000", "Transfer-Encoding: chunked", 1) + "\r\n",
			strings.Replace(post("/sse", "localhost"), "POST", "GET", 1),
		}
		said := make(chan string, len(tries))
		for _, try := range tries {
			conn := s.dial()
			_, err := io.WriteString(conn, try)
			require.NoError(t, err)
			go func() { said <- fmt.Sprintf("%.30q: %.12s", try, trickle(conn)) }()
		}
		began := time.Now()
		for len(said) < len(tries) {
			s.tell(message, toolCall("1", "", "echo", `{"text":"a"}`))
			assert.Equal(t, "a", e.next().text(), "others are served")
			require.Less(t, time.Since(began), patience/2, "not cut")
		}
		for range tries {
			assert.NotContains(t, <-said, " 200", "a request that never ended was not accepted")
		}
		s.stop()
		s.ended()
	})
	requireGoroutines(t, before)
}
