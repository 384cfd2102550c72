package mcpserver_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/mcpserver"
)

func TestReq_P1_StreamableHTTPRaw(t *testing.T) {
	t.Parallel()
	s := open(t, newRig(), mcpserver.HTTPOptions{})
	for _, version := range legacy {
		headers := s.login(version, `{}`)
		m := single(t, s.post(toolCall("1", version, "echo", `{"text":"hello"}`), headers...))
		assert.Equal(t, "hello", m.text())
		assert.Equal(t, http.StatusOK, s.ask(http.MethodDelete, "/mcp", "", headers...).StatusCode)
		assert.Equal(t, http.StatusNotFound, s.post(request("2", version, "ping", ""), headers...).StatusCode)
	}
	discover := single(t, s.post(request("1", modern, "server/discover", ""), modernly("server/discover")...))
	assert.Contains(t, string(discover.Result), `"supportedVersions":["2026-07-28"`)
	call := single(t, s.post(toolCall("1", modern, "echo", `{"text":"hello"}`), modernly("tools/call", "echo")...))
	assert.Equal(t, "hello", call.text())
	assert.Equal(t, http.StatusMethodNotAllowed, s.ask(http.MethodGet, "/mcp", "", modernly("")...).StatusCode)
}

func TestNotificationsOfARunningCallAreStreamed(t *testing.T) {
	t.Parallel()
	g := newRig()
	g.add("stages", func(ctx context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		if _, err := notify(ctx, r); err != nil {
			return nil, err
		}
		return g.slow(ctx, r)
	})
	s := open(t, g, mcpserver.HTTPOptions{})
	for _, version := range append(legacy, modern) {
		headers := modernly("tools/call", "stages")
		if version != modern {
			headers = s.login(version, `{}`)
		}
		e := stream(t, s.post(toolCall("1", version, "stages", `{"count":2,"text":"done"}`), headers...))
		assert.Equal(t, "notifications/progress", e.next().Method)
		assert.Contains(t, string(e.next().Params), `"progress":1`)
		g.free(t)
		assert.Equal(t, "done", e.next().text())
		assert.Empty(t, e.data())
	}
}

func TestSessionsAreOursOrRefused(t *testing.T) {
	t.Parallel()
	s := open(t, newRig(), mcpserver.HTTPOptions{})
	for method, body := range map[string]string{http.MethodPost: request("1", "", "ping", ""), http.MethodGet: "", http.MethodDelete: ""} {
		resp := s.ask(method, "/mcp", body)
		want := map[string]int{http.MethodPost: http.StatusBadRequest, http.MethodGet: http.StatusMethodNotAllowed, http.MethodDelete: http.StatusBadRequest}
		assert.Equal(t, want[method], resp.StatusCode, method)
		assert.Contains(t, single(t, resp).Error.Message, "initialize")
		for _, id := range []string{"x", "mcp-session-00000000-0000-4000-8000-000000000000"} {
			resp = s.ask(method, "/mcp", body, "Mcp-Session-Id", id)
			assert.Equal(t, http.StatusNotFound, resp.StatusCode, method)
			assert.Contains(t, single(t, resp).Error.Message, "unknown")
		}
	}
}

func TestSessionsAreBounded(t *testing.T) {
	t.Parallel()
	s := open(t, newRig(), mcpserver.HTTPOptions{MaxSessions: 1})
	headers := s.login("2025-06-18", `{}`)
	listening := stream(t, s.ask(http.MethodGet, "/mcp", "", headers...))
	resp := s.post(initialize("2025-06-18", `{}`))
	assert.Equal(t, http.StatusServiceUnavailable, resp.StatusCode, "the only session is in use")
	assert.NotEmpty(t, resp.Header.Get("Retry-After"))
	assert.Equal(t, "init", strings.Trim(string(single(t, resp).ID), `"`))
	assert.Equal(t, http.StatusServiceUnavailable, s.ask(http.MethodGet, "/sse", "").StatusCode, "so are streams")
	assert.Equal(t, http.StatusOK, s.ask(http.MethodDelete, "/mcp", "", headers...).StatusCode)
	s.login("2025-06-18", `{}`)
	_ = listening
}

func TestAnIdleSessionEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _ := openPiped(t, newRig(), mcpserver.HTTPOptions{SessionTTL: time.Minute})
		headers := s.login("2025-06-18", `{}`)
		assert.Equal(t, http.StatusOK, s.post(request("1", "", "ping", ""), headers...).StatusCode)
		<-time.After(3 * time.Minute) // of the bubble
		assert.Equal(t, http.StatusNotFound, s.post(request("2", "", "ping", ""), headers...).StatusCode)
		s.stop()
		s.ended()
	})
}

func TestBodiesThatAreNoMessageAreRefused(t *testing.T) {
	t.Parallel()
	s := open(t, newRig(), mcpserver.HTTPOptions{})
	_, path := s.sse()
	for _, p := range []string{"/mcp", path} {
		for body, code := range map[string]int{`{`: mcp.PARSE_ERROR, ``: mcp.PARSE_ERROR, `7`: mcp.INVALID_REQUEST, `{"jsonrpc":"2.0","id":1}`: mcp.INVALID_REQUEST} {
			resp := s.ask(http.MethodPost, p, body)
			assert.Equal(t, http.StatusBadRequest, resp.StatusCode, body)
			assert.Equal(t, code, single(t, resp).Error.Code, body)
		}
	}
	resp := s.post(`[` + initialize("2025-03-26", `{}`) + `]`)
	assert.Equal(t, http.StatusBadRequest, resp.StatusCode)
	assert.Contains(t, single(t, resp).Error.Message, "not in a batch")
}

func TestCallsAreBoundedAndStreamsDoNotCount(t *testing.T) {
	t.Parallel()
	g := newRig()
	s := open(t, g, mcpserver.HTTPOptions{MaxCalls: 1, MaxWait: 250 * time.Millisecond})
	headers := s.login("2025-06-18", `{}`)
	_ = stream(t, s.ask(http.MethodGet, "/mcp", "", headers...))
	e, path := s.sse()
	listen := stream(t, s.post(request("1", modern, "subscriptions/listen", `"notifications":{"toolsListChanged":true}`), modernly("subscriptions/listen")...))
	assert.Contains(t, listen.next().Method, "acknowledged")

	first := make(chan string, 1)
	go func() { first <- single(t, s.post(slowCall(1), headers...)).text() }()
	assert.Equal(t, "1", receive(t, g.started))
	for _, refused := range []*http.Response{
		s.post(slowCall(2), headers...),
		s.ask(http.MethodPost, path, slowCall(2)),
		s.post(toolCall("2", modern, "slow", `{}`), modernly("tools/call", "slow")...),
	} {
		assert.Equal(t, http.StatusServiceUnavailable, refused.StatusCode)
		assert.Equal(t, "1", refused.Header.Get("Retry-After"))
		m := single(t, refused)
		assert.Equal(t, busy, m.Error.Code)
		assert.Equal(t, "2", string(m.ID))
	}
	assert.Contains(t, string(single(t, s.post(request("3", "", "tools/list", ""), headers...)).Result), "echo")
	g.free(t)
	assert.Equal(t, "1", receive(t, first))
	require.Eventually(t, func() bool { // the slot is free a moment after the response
		return s.ask(http.MethodPost, path, slowCall(4)).StatusCode == http.StatusAccepted
	}, patience, time.Millisecond)
	g.free(t)
	assert.Equal(t, "4", e.next().text())
	assert.Equal(t, "4", receive(t, g.started), "no refused call ever started")
	assert.Empty(t, g.started)
}

func TestAnotherClientCannotCancelACall(t *testing.T) {
	t.Parallel()
	g := newRig()
	s := open(t, g, mcpserver.HTTPOptions{})
	mine, other := s.login("2025-06-18", `{}`), s.login("2025-06-18", `{}`)
	results := make(chan string, 2)
	go func() { results <- single(t, s.post(slowCall(1), mine...)).text() }()
	go func() {
		results <- single(t, s.post(toolCall("1", modern, "slow", `{"text":"modern"}`), modernly("tools/call", "slow")...)).text()
	}()
	receive(t, g.started)
	receive(t, g.started)
	meta := `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1,"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}`
	for _, headers := range [][]string{nil, modernly("notifications/cancelled"), append(modernly("notifications/cancelled"), mine[:2]...), other} {
		assert.Equal(t, http.StatusAccepted, s.post(cancelOf(1), headers...).StatusCode)
	}
	assert.Equal(t, http.StatusAccepted, s.post(meta, mine[:2]...).StatusCode)
	assert.Empty(t, g.stopped)
	g.free(t)
	g.free(t)
	assert.ElementsMatch(t, []string{"1", "modern"}, []string{receive(t, results), receive(t, results)})
}

// req: P7
func TestTheOwnerCanCancelACall(t *testing.T) {
	t.Parallel()
	g := newRig()
	s := open(t, g, mcpserver.HTTPOptions{})
	headers := s.login("2025-06-18", `{}`)
	s.postInVain(t.Context(), slowCall(1), headers...)
	receive(t, g.started)
	s.post(cancelOf(1), headers...)
	assert.Equal(t, "1", receive(t, g.stopped))

	ctx, hangUp := context.WithCancel(t.Context())
	s.postInVain(ctx, toolCall("2", modern, "slow", `{"text":"2"}`), modernly("tools/call", "slow")...)
	receive(t, g.started)
	hangUp()
	assert.Equal(t, "2", receive(t, g.stopped), "a closed connection cancels, too")
}
