package serve_test

import (
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/serve"
)

const idle = 10 * time.Second // of the bubbles

func (s *site) ping(headers []string) int {
	s.t.Helper()
	resp := s.post(request("1", "", "ping", ""), headers...)
	_ = resp.Body.Close()
	return resp.StatusCode
}

// Who takes longer to answer than an idle session lives is heard all the same.
func TestASessionLivesWhileItsCallWaitsForAPerson(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := serve.HTTPOptions{SessionTTL: idle}
		count := counted(&o)
		s, _ := openPiped(t, newRig(), o)
		headers := s.login("2025-11-25", `{"elicitation":{}}`)
		e := stream(t, s.post(toolCall("1", "", "askshort", `{"ms":120000}`), headers...))
		asked := e.next()
		assert.Equal(t, "elicitation/create", asked.Method)
		<-time.After(10 * idle)
		answer := fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":{"action":"decline"}}`, asked.ID)
		assert.Equal(t, http.StatusAccepted, s.post(answer, headers...).StatusCode)
		assert.Equal(t, "said decline", e.next().text())
		assert.Empty(t, e.data())

		<-time.After(idle - time.Second)
		assert.Equal(t, http.StatusOK, s.ping(headers), "its time begins when the last request is over")
		assert.Equal(t, 1, count["sessions"]())
		<-time.After(2 * idle)
		assert.Zero(t, count["sessions"]())
		assert.Equal(t, http.StatusNotFound, s.ping(headers))
		s.stop()
		s.ended()
	})
}

// A stream keeps its session, and ends with it.
func TestAStreamEndsWithItsSession(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := serve.HTTPOptions{SessionTTL: idle, KeepAlive: 10 * idle}
		count := counted(&o)
		s, _ := openPiped(t, newRig(), o)
		headers := s.login("2025-11-25", `{}`)
		e := stream(t, s.ask(http.MethodGet, "/mcp", "", headers...))
		<-time.After(5 * idle)
		require.Equal(t, http.StatusOK, s.ping(headers))
		assert.Equal(t, http.StatusOK, s.ask(http.MethodDelete, "/mcp", "", headers...).StatusCode)
		assert.Empty(t, e.data(), "it ends at once, and says nothing more")
		synctest.Wait()
		assert.Zero(t, count["streams"]())
		assert.Equal(t, http.StatusNotFound, s.ping(headers))
		s.stop()
		s.ended()
	})
}
