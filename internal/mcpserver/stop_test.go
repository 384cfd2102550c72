package mcpserver_test

import (
	"net/http"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/mcpserver"
)

// streams opens one stream of every kind.
func (s *site) streams() (all []*events, path string) {
	s.t.Helper()
	e, path := s.sse()
	all = append(all, e, stream(s.t, s.ask(http.MethodGet, "/mcp", "", s.login("2025-06-18", `{}`)...)))
	listen := request("1", modern, "subscriptions/listen", `"notifications":{"toolsListChanged":true}`)
	all = append(all, stream(s.t, s.post(listen, modernly("subscriptions/listen")...)))
	require.Contains(s.t, all[2].next().Method, "acknowledged")
	return all, path
}

func TestReq_P8_AStopClosesStreams(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _ := openPiped(t, newRig(), mcpserver.HTTPOptions{})
		all, _ := s.streams()
		began := time.Now()
		s.stop()
		for _, e := range all {
			assert.Empty(t, e.data())
		}
		s.ended()
		assert.Less(t, time.Since(began), 2*time.Second)
	})
}

func TestReq_P8_AStopLetsCallsFinishOverHTTP(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newRig()
		s, _ := openPiped(t, g, mcpserver.HTTPOptions{})
		all, path := s.streams()
		headers := s.login("2025-06-18", `{}`)
		results := make(chan string, 2)
		go func() { results <- single(t, s.post(slowCall(1), headers...)).text() }()
		go func() {
			results <- single(t, s.post(toolCall("1", modern, "slow", `{"text":"modern"}`), modernly("tools/call", "slow")...)).text()
		}()
		s.tell(path, slowCall(2))
		for range 3 {
			receive(t, g.started)
		}
		s.stop()
		assert.Empty(t, all[1].data(), "streams without calls end at once")
		assert.Empty(t, all[2].data())
		for range 3 {
			g.free(t)
		}
		assert.Equal(t, "2", all[0].next().text())
		assert.Empty(t, all[0].data(), "this one after its last answer")
		assert.ElementsMatch(t, []string{"1", "modern"}, []string{receive(t, results), receive(t, results)})
		s.ended()
	})
}

func TestReq_P8_AStopIsOverWithinFiveSecondsOverHTTP(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newRig()
		defer close(g.release)
		s, _ := openPiped(t, g, mcpserver.HTTPOptions{})
		e, path := s.sse()
		s.tell(path, slowCall(1))
		s.tell(path, toolCall("2", "", "deaf", `{}`))
		headers := s.login("2025-06-18", `{}`)
		answer, told := make(chan string, 1), make(chan string, 1)
		go func() { answer <- single(t, s.post(slowCall(3), headers...)).Error.Message }()
		for range 3 {
			receive(t, g.started)
		}
		go func() { told <- e.next().text() }() // a pipe has no buffer: it is read while the server stops
		began := time.Now()
		s.stop()
		s.ended()
		assert.Less(t, time.Since(began), 5*time.Second)
		assert.ElementsMatch(t, []string{"1", "3"}, []string{receive(t, g.stopped), receive(t, g.stopped)})
		assert.Equal(t, "stopped", receive(t, told))
		assert.Contains(t, receive(t, answer), "outcome is unknown")
	})
}

// Not parallel: it counts the goroutines of the process.
func TestHTTPLeavesNoGoroutineBehind(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 5 {
		t.Run("", func(t *testing.T) { // which closes its responses at the end
			g := newRig()
			s := open(t, g, mcpserver.HTTPOptions{})
			all, path := s.streams()
			s.tell(path, initialize("2025-06-18", `{"elicitation":{}}`))
			all[0].next()
			s.tell(path, toolCall("1", "", "ask", `{}`))
			all[0].next()
			headers, done := s.login("2025-06-18", `{}`), make(chan string, 1)
			go func() { done <- single(t, s.post(slowCall(3), headers...)).JSONRPC }()
			receive(t, g.started)
			s.stop()
			close(g.release)
			s.ended()
			receive(t, done)
		})
	}
	requireGoroutines(t, before)
}
