package mcpserver_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/mcpserver"
)

// All notifications of a call arrive in order before its answer, also if the call
// answers at once, and also if the session has another open stream.
func TestNotificationsOfACallComeBeforeItsResponse(t *testing.T) {
	t.Parallel()
	s := open(t, newRig(), mcpserver.HTTPOptions{})
	listening := s.login("2025-11-25", `{}`)
	_ = stream(t, s.ask(http.MethodGet, "/mcp", "", listening...))
	for name, headers := range map[string][]string{
		"2025-11-25": s.login("2025-11-25", `{}`), "with a GET stream": listening, modern: modernly("tools/call", "notify"),
	} {
		for range 20 {
			for _, count := range []int{1, 30} {
				e := stream(t, s.post(toolCall("1", name, "notify", fmt.Sprintf(`{"count":%d}`, count)), headers...))
				for i := range count {
					require.Contains(t, string(e.next().Params), fmt.Sprintf(`"progress":%d,`, i), name)
				}
				require.Equal(t, "notified", e.next().text(), name)
				require.Empty(t, e.data(), name)
			}
		}
	}
}

func TestAnEmptySubscriptionIsAcknowledgedBeforeItEnds(t *testing.T) {
	t.Parallel()
	s := open(t, newRig(), mcpserver.HTTPOptions{})
	for range 20 {
		e := stream(t, s.post(request("1", modern, "subscriptions/listen", `"notifications":{}`), modernly("subscriptions/listen")...))
		require.Equal(t, "notifications/subscriptions/acknowledged", e.next().Method)
		require.Contains(t, string(e.next().Result), "subscriptionId")
		require.Empty(t, e.data())
	}
}

func TestAnElicitationKeepsItsOrderAmongNotifications(t *testing.T) {
	t.Parallel()
	g := newRig()
	g.add("talk", func(ctx context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		if _, err := notify(ctx, r); err != nil {
			return nil, err
		}
		said, err := askShort(ctx, r)
		if err != nil {
			return nil, err
		}
		_, err = notify(ctx, r)
		return said, err
	})
	s := open(t, g, mcpserver.HTTPOptions{})
	headers := s.login("2025-11-25", `{"elicitation":{}}`)
	e := stream(t, s.post(toolCall("1", "", "talk", `{}`), headers...))
	assert.Equal(t, "notifications/progress", e.next().Method)
	asked := e.next()
	assert.Equal(t, "elicitation/create", asked.Method)
	answer := fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":{"action":"decline"}}`, asked.ID)
	assert.Equal(t, http.StatusAccepted, s.post(answer, headers...).StatusCode)
	assert.Equal(t, "notifications/progress", e.next().Method)
	assert.Equal(t, "said decline", e.next().text())
}

// req: P6
func TestAClientIsNotAskedOverStreamableHTTPWhatItDidNotDeclare(t *testing.T) {
	t.Parallel()
	s := open(t, newRig(), mcpserver.HTTPOptions{})
	headers := s.login("2025-11-25", `{}`)
	links := s.login("2025-11-25", `{"elicitation":{"url":{}}}`)
	for _, tool := range []string{"askshort", "sample", "roots"} {
		for _, h := range [][]string{headers, links} {
			assert.Contains(t, single(t, s.post(toolCall("1", "", tool, `{}`), h...)).text(), "no answer", tool)
		}
	}
}

// req: P6. If a tool returns a question and the request did not declare elicitation, the
// answer is the error of the specification.
func TestAQuestionThatWasNotDeclaredIsRefused(t *testing.T) {
	t.Parallel()
	g := newRig()
	s := open(t, g, mcpserver.HTTPOptions{})
	call := strings.Replace(toolCall("1", modern, "ask", `{}`), `"elicitation":{}`, `"sampling":{},"roots":{}`, 1)
	links := strings.Replace(toolCall("1", modern, "ask", `{}`), `"elicitation":{}`, `"elicitation":{"url":{}}`, 1)
	w := dial(t, g, mcpserver.StdioOptions{})
	e, path := s.sse()
	for _, undeclared := range []string{call, links} {
		resp := s.post(undeclared, modernly("tools/call", "ask")...)
		assert.Equal(t, http.StatusBadRequest, resp.StatusCode)
		w.send(undeclared)
		require.Equal(t, http.StatusAccepted, s.ask(http.MethodPost, path, undeclared).StatusCode)
		for _, m := range []message{single(t, resp), w.answer("1"), e.next()} {
			require.NotNil(t, m.Error)
			assert.Equal(t, mcp.MISSING_REQUIRED_CLIENT_CAPABILITY, m.Error.Code)
			assert.JSONEq(t, `{"requiredCapabilities":{"elicitation":{}}}`, string(m.Error.Data))
			assert.Nil(t, m.Result)
		}
	}
	declared := s.post(toolCall("1", modern, "ask", `{}`), modernly("tools/call", "ask")...)
	assert.Contains(t, string(single(t, declared).Result), "input_required")
}
