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

func TestAPanicEndsOneCallAndShowsNothing(t *testing.T) {
	t.Parallel()
	w := dial(t, newRig(), mcpserver.StdioOptions{})
	for i, tool := range []string{"panic", "fail", "odd"} {
		w.send(toolCall(fmt.Sprint(i), modern, tool, `{}`))
		assert.Equal(t, "internal error", w.refusal(fmt.Sprint(i), mcp.INTERNAL_ERROR), tool)
	}
	w.alive()
}

func TestAPanicOverHTTPShowsNothing(t *testing.T) {
	t.Parallel()
	for _, options := range [][]server.ServerOption{nil, {server.WithRecovery()}} {
		s := open(t, newRig(options...), mcpserver.HTTPOptions{})
		e, path := s.sse()
		headers := s.login("2025-06-18", `{}`)
		for i, tool := range []string{"panic", "fail"} {
			id := fmt.Sprint(i)
			for _, m := range []message{
				single(t, s.post(toolCall(id, "", tool, `{}`), headers...)),
				single(t, s.post(toolCall(id, modern, tool, `{}`), modernly("tools/call", tool)...)),
				func() message { s.ask(http.MethodPost, path, toolCall(id, "", tool, `{}`)); return e.next() }(),
			} {
				require.NotNil(t, m.Error)
				assert.Equal(t, "internal error", m.Error.Message)
				assert.Equal(t, id, string(m.ID))
			}
		}
		assert.Equal(t, http.StatusOK, s.ask(http.MethodGet, "/healthz", "").StatusCode)
	}
}

func TestAPanicInTheMiddleOfAStreamIsReported(t *testing.T) {
	t.Parallel()
	g := newRig()
	g.add("late", func(ctx context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		if _, err := notify(ctx, r); err != nil {
			return nil, err
		}
		<-g.release
		panic(secret)
	})
	s := open(t, g, mcpserver.HTTPOptions{})
	for _, version := range []string{"2025-06-18", modern} {
		headers := modernly("tools/call", "late")
		if version != modern {
			headers = s.login(version, `{}`)
		}
		e := stream(t, s.post(toolCall("1", version, "late", `{}`), headers...))
		assert.Equal(t, "notifications/progress", e.next().Method)
		g.free(t)
		m := e.next()
		assert.Equal(t, "1", string(m.ID))
		assert.Equal(t, "internal error", m.Error.Message)
		assert.Empty(t, e.data())
	}
}
