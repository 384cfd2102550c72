package mcpserver_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/mcpserver"
)

// counted makes o report how many sessions or streams are open.
func counted(o *mcpserver.HTTPOptions) map[string]func() int {
	open := map[string]func() int{}
	o.Open = func(kind string, count func() int) { open[kind] = count }
	return open
}

// initializer sends initialize requests one after the other with a token.
type initializer struct {
	t       *testing.T
	conn    net.Conn
	r       *bufio.Reader
	request string
}

func (p *pipes) initializer(t *testing.T, token string) *initializer {
	t.Helper()
	conn, err := p.dial(t.Context(), "", "")
	require.NoError(t, err)
	hello := initialize("2025-11-25", `{}`)
	return &initializer{t, conn, bufio.NewReader(conn), fmt.Sprintf("POST /mcp HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n"+
		"Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\nContent-Length: %d\r\n\r\n%s", token, len(hello), hello)}
}

func (c *initializer) begin() (status int, header http.Header) {
	c.t.Helper()
	_, err := io.WriteString(c.conn, c.request)
	require.NoError(c.t, err)
	resp, err := http.ReadResponse(c.r, nil)
	require.NoError(c.t, err)
	_, err = io.Copy(io.Discard, resp.Body)
	require.NoError(c.t, err)
	_ = resp.Body.Close()
	return resp.StatusCode, resp.Header
}

// Not parallel: they measure the memory of the process.
//
// req: X2. A tenant may have ten thousand idle sessions. Beyond that, other tenants and
// calls without a session are still served. The idle timeout ends the sessions and
// releases their memory.
func TestReq_X2_TenThousandIdleSessionsAreBoundedAndEnd(t *testing.T) {
	const crowd, most = 10_000, 32 << 10 // bytes of a session
	oneProcessor(t)
	synctest.Test(t, func(t *testing.T) {
		o := mcpserver.HTTPOptions{MaxSessions: 4 * crowd} // of which a tenant has a quarter
		count := counted(&o)
		addTenants(t, &o, "acme", "beta")
		s, p := openPiped(t, newRig(), o)
		ada := p.initializer(t, "acme")
		ada.begin()
		before := heap()
		for range crowd - 1 {
			status, _ := ada.begin()
			require.Equal(t, http.StatusOK, status)
		}
		grown := heap() - before
		t.Logf("%d bytes a session", grown/crowd)
		assert.Less(t, grown/crowd, most)
		assert.Equal(t, crowd, count["sessions"]())

		status, _ := ada.begin()
		assert.Equal(t, http.StatusOK, status, "it replaces the session that has been idle for longest")
		assert.Equal(t, crowd, count["sessions"]())
		status, _ = p.initializer(t, "beta").begin()
		assert.Equal(t, http.StatusOK, status)
		echo := append(modernly("tools/call", "echo"), as("acme")...)
		assert.Equal(t, "a", single(t, s.post(toolCall("1", modern, "echo", `{"text":"a"}`), echo...)).text())

		<-time.After(2 * time.Hour) // of the bubble
		assert.Zero(t, count["sessions"]())
		assert.Less(t, heap()-before, grown/5, "and their memory is given back")
		status, _ = p.initializer(t, "acme").begin()
		assert.Equal(t, http.StatusOK, status)
		s.stop()
		s.ended()
	})
}

// listenWithoutReading opens an SSE stream, and never reads what comes after its head.
func (p *pipes) listenWithoutReading(t *testing.T) (conn net.Conn, status string) {
	t.Helper()
	conn, err := p.dial(t.Context(), "", "")
	require.NoError(t, err)
	_, err = io.WriteString(conn, "GET /sse HTTP/1.1\r\nHost: localhost\r\n\r\n")
	require.NoError(t, err)
	r := bufio.NewReaderSize(conn, 16)
	status, err = r.ReadString('\n')
	require.NoError(t, err)
	for line := ""; strings.Contains(status, " 200 ") && !strings.HasPrefix(line, "data: "); {
		line, err = r.ReadString('\n')
		require.NoError(t, err)
	}
	return conn, status
}

// req: X2. The number of open streams is limited. Streams whose client has disappeared
// end without a request, and their memory is released.
func TestReq_X2_StreamsAreBoundedAndDeadOnesEnd(t *testing.T) {
	const crowd, most = 300, 128 << 10 // streams, few enough for the race detector; bytes of one, with the client's side
	oneProcessor(t)
	synctest.Test(t, func(t *testing.T) {
		o := mcpserver.HTTPOptions{MaxSessions: crowd}
		count := counted(&o)
		s, p := openPiped(t, newRig(), o)
		before := heap()
		conns := make([]net.Conn, crowd)
		for i := range conns {
			conns[i], _ = p.listenWithoutReading(t)
		}
		grown := heap() - before
		t.Logf("%d bytes a stream", grown/crowd)
		assert.Less(t, grown/crowd, most)
		assert.Equal(t, crowd, count["streams"]())
		last, status := p.listenWithoutReading(t)
		assert.Contains(t, status, " 503 ")
		_ = last.Close()
		s.login("2025-11-25", `{}`)

		<-time.After(time.Minute) // of the bubble: a sign of life, and a write
		assert.Zero(t, count["streams"]())
		clear(conns)
		assert.Less(t, heap()-before, grown/5, "and their memory is given back")
		_, status = p.listenWithoutReading(t)
		assert.Contains(t, status, " 200 ")
		s.stop()
		s.ended()
	})
}

// req: X2. After many concurrent initialize requests, some of them invalid, exactly the
// maximum number of sessions is open.
func TestReq_X2_SessionsBegunAtOnceAreCountedExactly(t *testing.T) {
	t.Parallel()
	const most = 5
	o := mcpserver.HTTPOptions{MaxSessions: most}
	count := counted(&o)
	s := open(t, newRig(), o)
	hello := initialize("2025-11-25", `{}`)
	for range 2 * most {
		assert.Equal(t, http.StatusBadRequest, s.post(hello, "Content-Type", "text/plain").StatusCode, "it opens no session")
	}
	statuses := make(chan int, 8*most)
	for range cap(statuses) {
		r := s.request(t.Context(), http.MethodPost, "/mcp", hello)
		go func() {
			resp, err := s.http.Do(r)
			if err != nil {
				statuses <- 0
				return
			}
			_ = resp.Body.Close()
			statuses <- resp.StatusCode
		}()
	}
	counts := map[int]int{}
	for range cap(statuses) {
		counts[<-statuses]++
	}
	assert.GreaterOrEqual(t, counts[http.StatusOK], most)
	assert.Equal(t, cap(statuses), counts[http.StatusOK]+counts[http.StatusServiceUnavailable], "%v: each ends an idle one, or all are just beginning", counts)
	assert.Equal(t, most, count["sessions"]())
}
