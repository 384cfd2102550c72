package mcpserver_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/mcpserver"
)

const idle = 10 * time.Second // of the bubbles

func (s *site) ping(headers []string) int {
	s.t.Helper()
	resp := s.post(request("1", "", "ping", ""), headers...)
	_ = resp.Body.Close()
	return resp.StatusCode
}

// An answer that takes longer than the idle timeout of a session is accepted nevertheless.
func TestASessionLivesWhileItsCallWaitsForAPerson(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := mcpserver.HTTPOptions{SessionTTL: idle}
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
		assert.Equal(t, http.StatusOK, s.ping(headers), "the idle time begins when the last request ends")
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
		o := mcpserver.HTTPOptions{SessionTTL: idle, KeepAlive: 10 * idle}
		count := counted(&o)
		s, _ := openPiped(t, newRig(), o)
		headers := s.login("2025-11-25", `{}`)
		e := stream(t, s.ask(http.MethodGet, "/mcp", "", headers...))
		<-time.After(5 * idle)
		require.Equal(t, http.StatusOK, s.ping(headers))
		assert.Equal(t, http.StatusOK, s.ask(http.MethodDelete, "/mcp", "", headers...).StatusCode)
		assert.Empty(t, e.data(), "it ends at once without further data")
		synctest.Wait()
		assert.Zero(t, count["streams"]())
		assert.Equal(t, http.StatusNotFound, s.ping(headers))
		s.stop()
		s.ended()
	})
}

// req: X2. Sessions that clients abandon do not block new clients.
// field: idle sessions
func TestTheLongestIdleSessionMakesRoom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := mcpserver.HTTPOptions{MaxSessions: 3}
		count := counted(&o)
		g := newRig()
		s, _ := openPiped(t, g, o)
		login := func() []string {
			<-time.After(time.Second) // of the bubble
			return s.login("2025-11-25", `{}`)
		}
		first, second, third := login(), login(), login()
		<-time.After(time.Second)
		assert.Equal(t, http.StatusOK, s.ping(first), "now the second is idle for the longest time")
		fourth := login()
		assert.Equal(t, http.StatusNotFound, s.ping(second))
		assert.Equal(t, 3, count["sessions"]())

		s.postInVain(t.Context(), slowCall(1), third...)
		assert.Equal(t, "1", receive(t, g.started))
		_ = stream(t, s.ask(http.MethodGet, "/mcp", "", first...))
		fifth := login()
		assert.Equal(t, http.StatusNotFound, s.ping(fourth), "the first and the third are in use")
		sixth := login()
		assert.Equal(t, http.StatusNotFound, s.ping(fifth))
		s.postInVain(t.Context(), slowCall(2), sixth...)
		assert.Equal(t, "2", receive(t, g.started))
		resp := s.post(initialize("2025-11-25", `{}`))
		assert.Equal(t, http.StatusServiceUnavailable, resp.StatusCode, "all are in use")
		assert.Contains(t, single(t, resp).Error.Message, "in use")

		g.free(t)
		g.free(t)
		synctest.Wait()
		seventh := login()
		assert.Equal(t, http.StatusOK, s.ping(first), "a stream is a request under way")
		assert.Equal(t, http.StatusOK, s.ping(seventh))
		assert.Equal(t, 3, count["sessions"]())
		s.stop()
		s.ended()
	})
}

// A session that is just beginning is in use.
func TestASessionThatIsJustBeginningMakesNoRoom(t *testing.T) {
	t.Parallel()
	hooks, begun, release := new(server.Hooks), make(chan string, 1), make(chan struct{})
	hooks.AddBeforeInitialize(func(context.Context, any, *mcp.InitializeRequest) {
		begun <- "begun"
		<-release
	})
	s := open(t, newRig(server.WithHooks(hooks)), mcpserver.HTTPOptions{MaxSessions: 1})
	ids := make(chan string, 1)
	go func() { ids <- s.post(initialize("2025-11-25", `{}`)).Header.Get("Mcp-Session-Id") }()
	receive(t, begun)
	assert.Equal(t, http.StatusServiceUnavailable, s.post(initialize("2025-11-25", `{}`)).StatusCode)
	close(release)
	assert.Equal(t, http.StatusOK, s.ping([]string{"Mcp-Session-Id", receive(t, ids)}))
}

// req: X5. A new session replaces an idle session of the same tenant first. If the tenant
// has fewer sessions than its share, it replaces one of another tenant.
func TestTenantsMakeRoomForThemselvesFirst(t *testing.T) {
	t.Parallel()
	o := mcpserver.HTTPOptions{MaxSessions: 8} // of which a tenant has a quarter
	tenants := []string{"acme", "beta", "gamma", "delta", "late"}
	addTenants(t, &o, tenants...)
	s := open(t, newRig(), o)
	login := func(tenant string) []string {
		resp := s.post(initialize("2025-11-25", `{}`), as(tenant)...)
		require.Equal(t, http.StatusOK, resp.StatusCode, tenant)
		return append(as(tenant), "Mcp-Session-Id", resp.Header.Get("Mcp-Session-Id"))
	}
	sessions := map[string][][]string{}
	for range 2 {
		for _, tenant := range tenants[:4] {
			sessions[tenant] = append(sessions[tenant], login(tenant))
		}
	}
	sessions["beta"] = append(sessions["beta"][1:], login("beta"))
	for tenant, all := range sessions {
		for _, one := range all {
			assert.Equal(t, http.StatusOK, s.ping(one), "%s: beta ended its own", tenant)
		}
	}
	late := login("late")
	left := 0
	for _, all := range sessions {
		for _, one := range all {
			if s.ping(one) == http.StatusOK {
				left++
			}
		}
	}
	assert.Equal(t, 7, left, "a session of another tenant was closed")
	assert.Equal(t, http.StatusOK, s.ping(late))
}
