package mcpserver_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/mcpserver"
)

// person answers every question in the same way.
type person mcp.ElicitationResponseAction

func (p person) Elicit(context.Context, mcp.ElicitationRequest) (*mcp.ElicitationResult, error) {
	return &mcp.ElicitationResult{ElicitationResponse: mcp.ElicitationResponse{Action: mcp.ElicitationResponseAction(p)}}, nil
}

// req: P6
func TestAPersonIsAskedOverStdioInEveryVersionThatCan(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"2025-06-18", "2025-11-25", modern} {
		for _, action := range []string{"accept", "decline", "cancel"} {
			c := stdioClient(t, newRig(), version, client.WithElicitationHandler(person(action)))
			got, err := c.CallTool(t.Context(), named("ask", nil))
			require.NoError(t, err, version)
			assert.Equal(t, "said "+action, mcp.GetTextFromContent(got.Content[0]), version)
		}
	}
}

func TestAQuestionOnTheWire(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"2025-06-18", "2025-11-25"} {
		w := dial(t, newRig(), mcpserver.StdioOptions{})
		w.greet(version, `{"elicitation":{}}`)
		w.send(toolCall("1", version, "ask", `{}`))
		w.send(toolCall("2", version, "echo", `{}`))
		q := questionOf(t, w, "2")
		assert.JSONEq(t, `{"message":"Shall I?","requestedSchema":{"type":"object","properties":{}}}`, string(q.Params))
		w.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":{"action":"accept","content":{}}}`, q.ID))
		assert.Equal(t, "said accept", w.answer("1").text())
		w.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":{"action":"decline"}}`, q.ID)) // once is enough
		w.alive()
	}
}

// questionOf finds the elicitation among answers to other calls.
func questionOf(t *testing.T, w *wire, others string) message {
	t.Helper()
	a, b := w.next(), w.next()
	if a.Method == "" {
		a, b = b, a
	}
	require.Equal(t, "elicitation/create", a.Method)
	require.Equal(t, others, string(b.ID))
	return a
}

func TestAModernClientIsAskedThroughTheResult(t *testing.T) {
	t.Parallel()
	w := dial(t, newRig(), mcpserver.StdioOptions{})
	w.send(toolCall("1", modern, "ask", `{}`))
	result := string(w.answer("1").Result)
	assert.Contains(t, result, `"resultType":"input_required"`)
	assert.Contains(t, result, `"elicitation/create"`)
	w.send(request("2", modern, "tools/call",
		`"name":"ask","requestState":"state","inputResponses":{"yes":{"action":"accept"}}`))
	assert.Equal(t, "said accept", w.answer("2").text())
}

// req: P6
func TestAClientIsNotAskedWhatItDidNotDeclare(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ version, capabilities, tool string }{
		{"2025-11-25", `{}`, "askshort"},
		{"2025-11-25", `{"elicitation":{"url":{}}}`, "askshort"}, // links only, no forms
		{"2024-11-05", `{"roots":{}}`, "sample"},
		{"2024-11-05", `{"sampling":{}}`, "roots"},
		{modern, ``, "askshort"},
	} {
		w := dial(t, newRig(), mcpserver.StdioOptions{})
		w.greet(c.version, c.capabilities)
		w.send(toolCall("1", c.version, c.tool, `{}`))
		assert.Contains(t, w.answer("1").text(), "no answer", "%v", c)
	}
}

func TestAClientAnswersWithAnError(t *testing.T) {
	t.Parallel()
	w := dial(t, newRig(), mcpserver.StdioOptions{})
	w.greet("2025-06-18", `{"elicitation":{}}`)
	w.send(toolCall("1", "", "askshort", `{}`))
	w.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"error":{"code":-1,"message":"no screen"}}`, w.next().ID))
	assert.Contains(t, w.answer("1").text(), "error -1: no screen")
	w.send(toolCall("2", "", "askshort", `{}`))
	w.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":[]}`, w.next().ID))
	assert.Contains(t, w.answer("2").text(), "the client's answer")
}

// req: P6
func TestAQuestionNobodyWaitsForAnyMoreIsWithdrawn(t *testing.T) {
	t.Parallel()
	w := dial(t, newRig(), mcpserver.StdioOptions{})
	w.greet("2025-06-18", `{"elicitation":{}}`)
	w.send(toolCall("1", "", "askshort", `{"ms":1}`))
	q, withdrawn := w.next(), w.next()
	assert.Equal(t, "notifications/cancelled", withdrawn.Method)
	var which struct{ RequestID json.RawMessage }
	require.NoError(t, json.Unmarshal(withdrawn.Params, &which))
	assert.Equal(t, string(q.ID), string(which.RequestID))
	assert.Contains(t, w.answer("1").text(), "deadline exceeded")
}

func TestAClientThatHangsUpDoesNotAnswer(t *testing.T) {
	t.Parallel()
	for _, hangUp := range []func(*wire){(*wire).hangUp, func(w *wire) { w.stop(); w.ended() }} {
		w := dial(t, newRig(), mcpserver.StdioOptions{})
		w.greet("2025-06-18", `{"elicitation":{}}`)
		w.send(toolCall("1", "", "askshort", `{}`))
		require.Equal(t, "elicitation/create", w.next().Method)
		hangUp(w)
		answers := w.rest()
		require.Len(t, answers, 1)
		assert.Equal(t, "no answer: the client disconnected before it answered", answers[0].text())
	}
}

func TestOtherQuestionsToTheClient(t *testing.T) {
	t.Parallel()
	w := dial(t, newRig(), mcpserver.StdioOptions{})
	w.greet("2024-11-05", `{"sampling":{},"roots":{}}`)
	w.send(toolCall("1", "", "sample", `{}`))
	q := w.next()
	assert.Equal(t, "sampling/createMessage", q.Method)
	w.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":{"role":"assistant","model":"m","content":{"type":"text","text":"hi"}}}`, q.ID))
	assert.Equal(t, "m hi", w.answer("1").text())

	w.send(toolCall("2", "", "roots", `{}`))
	q = w.next()
	assert.Equal(t, "roots/list", q.Method)
	w.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":{"roots":[{"uri":"file:///r"}]}}`, q.ID))
	assert.Equal(t, "file:///r", w.answer("2").text())
}
