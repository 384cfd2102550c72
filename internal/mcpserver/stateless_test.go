package mcpserver_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/mcpserver"
)

// inherits are the older revisions that have Streamable HTTP.
var inherits = []string{"2025-03-26", "2025-06-18", "2025-11-25"}

// alone opens a server that keeps no sessions.
func alone(t *testing.T, g *rig) *site {
	t.Helper()
	return open(t, g, mcpserver.HTTPOptions{Stateless: true})
}

func TestReq_P1_WithoutSessionsEveryRequestStandsAlone(t *testing.T) {
	t.Parallel()
	s := alone(t, newRig(server.WithElicitation(), server.WithResourceCapabilities(true, true), server.WithPromptCapabilities(true)))
	for _, version := range inherits {
		resp := s.post(initialize(version, `{"elicitation":{}}`))
		assert.Empty(t, resp.Header.Get("Mcp-Session-Id"))
		begun := single(t, resp)
		assert.Contains(t, string(begun.Result), version)
		assert.Equal(t, `"init"`, string(begun.ID))
		for _, capability := range []string{"elicitation", "logging", "subscribe", "listChanged"} {
			assert.NotContains(t, string(begun.Result), capability, "not declared: it needs a session")
		}
		headers := []string{"Mcp-Protocol-Version", version}
		assert.Equal(t, http.StatusAccepted, s.post(initialized, headers...).StatusCode)
		for _, session := range []string{"", "made-up"} {
			m := single(t, s.post(toolCall("1", version, "echo", `{"text":"\"capabilities\":{}"}`), append(headers, "Mcp-Session-Id", session)...))
			assert.Equal(t, `"capabilities":{}`, m.text())
		}
		m := single(t, s.post(toolCall("1", version, "askshort", `{}`), headers...))
		assert.Contains(t, m.text(), "no answer", "nobody is asked")
	}
	m := single(t, s.post(toolCall("1", modern, "ask", `{}`), modernly("tools/call", "ask")...))
	assert.Contains(t, string(m.Result), "input_required", "2026-07-28 asks without a session")
}

func TestWithoutSessionsWhatNeedsOneIsRefused(t *testing.T) {
	t.Parallel()
	s := alone(t, newRig())
	for _, method := range []string{http.MethodGet, http.MethodDelete} {
		for _, headers := range [][]string{nil, {"Mcp-Session-Id", "x"}, modernly("")} {
			resp := s.ask(method, "/mcp", "", headers...)
			assert.Equal(t, http.StatusMethodNotAllowed, resp.StatusCode, method)
			assert.Equal(t, http.MethodPost, resp.Header.Get("Allow"))
		}
	}
	for method, params := range map[string]string{"resources/subscribe": `"uri":"x:y"`, "resources/unsubscribe": `"uri":"x:y"`, "logging/setLevel": `"level":"debug"`} {
		m := single(t, s.post(request("1", "", method, params)))
		require.NotNil(t, m.Error, method)
		assert.Equal(t, mcp.METHOD_NOT_FOUND, m.Error.Code)
		assert.Contains(t, m.Error.Message, "needs a session")

		resp := s.post(request("1", modern, method, params), modernly(method)...)
		assert.Equal(t, http.StatusNotFound, resp.StatusCode)
		m = single(t, resp)
		assert.Equal(t, mcp.METHOD_NOT_FOUND, m.Error.Code)
		assert.Contains(t, m.Error.Message, "was removed in protocol version 2026-07-28", "a server with sessions would refuse it, too")
	}
	assert.Equal(t, http.StatusBadRequest, s.post(`{"jsonrpc":"2.0","id":1,"result":{"action":"accept"}}`).StatusCode)
	for _, resp := range []*http.Response{s.ask(http.MethodGet, "/sse", ""), s.ask(http.MethodPost, "/message?sessionId=x", request("1", "", "ping", ""))} {
		assert.Equal(t, http.StatusNotFound, resp.StatusCode)
		assert.Contains(t, single(t, resp).Error.Message, "/mcp")
	}
}

// req: P7, X5. mcp-go identifies running calls by session and id, so without sessions a
// caller could cancel calls of others by guessing their ids. The sender cancels a call
// by closing the connection.
func TestReq_P7_WithoutSessionsAStrangerCancelsNobodysCall(t *testing.T) {
	t.Parallel()
	for _, version := range append(inherits, modern) {
		g := newRig()
		s := alone(t, g)
		headers, notified := []string{"Mcp-Protocol-Version", version}, []string{"Mcp-Protocol-Version", version}
		if version == modern {
			headers, notified = modernly("tools/call", "slow"), modernly("notifications/cancelled")
		}
		answer := make(chan string, 1)
		go func() {
			answer <- single(t, s.post(toolCall("7", version, "slow", `{"text":"mine"}`), headers...)).text()
		}()
		require.Equal(t, "mine", <-g.started)
		for _, id := range []string{"7", "7.0", `"7"`} {
			for _, session := range []string{"", "made-up"} {
				cancelled := fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":%s}}`, id)
				assert.Equal(t, http.StatusAccepted, s.post(cancelled, append(notified, "Mcp-Session-Id", session)...).StatusCode)
			}
		}
		g.free(t)
		assert.Equal(t, "mine", <-answer, version)
		ctx, hangUp := context.WithCancel(t.Context())
		s.postInVain(ctx, toolCall("8", version, "slow", `{"text":"given up"}`), headers...)
		require.Equal(t, "given up", <-g.started)
		hangUp()
		assert.Equal(t, "given up", <-g.stopped, version)
	}
}

// req: X5. Requests share no state, whatever client names they declare. Two concurrent
// requests with the same id get their own answers.
func TestWithoutSessionsNothingPassesFromOneCallToAnother(t *testing.T) {
	t.Parallel()
	g := newRig()
	s := alone(t, g)
	_ = single(t, s.post(initialize("2025-11-25", `{"elicitation":{}}`)))
	headers := []string{"Mcp-Protocol-Version", "2025-11-25"}
	assert.Contains(t, single(t, s.post(toolCall("1", "", "who", `{}`), headers...)).text(), "false", "who declared it was another")
	answers := make(chan string, 2)
	for _, name := range []string{"a", "b"} {
		go func() {
			answers <- single(t, s.post(toolCall("1", "", "slow", fmt.Sprintf(`{"text":%q}`, name)), headers...)).text()
		}()
		<-g.started
	}
	g.free(t)
	g.free(t)
	assert.ElementsMatch(t, []string{"a", "b"}, []string{<-answers, <-answers})
	for range 20 {
		e := stream(t, s.post(toolCall("1", "", "notify", `{"count":3}`), headers...))
		for i := range 3 {
			require.Contains(t, string(e.next().Params), fmt.Sprintf(`"progress":%d,`, i))
		}
		require.Equal(t, "notified", e.next().text())
	}
}
