package mcpserver_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/mcpserver"
)

const busy = -32000

func slowCall(id int) string {
	return toolCall(fmt.Sprint(id), "", "slow", fmt.Sprintf(`{"text":"%d"}`, id))
}

func cancelOf(id int) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":%d}}`, id)
}

func TestNoMoreCallsRunThanAllowed(t *testing.T) {
	t.Parallel()
	g := newRig()
	w := dial(t, g, mcpserver.StdioOptions{Workers: 2})
	for id := range 5 {
		w.send(slowCall(id))
	}
	assert.ElementsMatch(t, []string{"0", "1"}, []string{receive(t, g.started), receive(t, g.started)})
	w.alive() // a third call would have started by now if it had been admitted
	assert.Empty(t, g.started)
	for _, next := range []string{"2", "3", "4"} {
		g.free(t)
		w.next()
		assert.Equal(t, next, receive(t, g.started), "in the order they came")
	}
	g.free(t)
	g.free(t)
}

func TestNothingShortWaitsBehindCalls(t *testing.T) {
	t.Parallel()
	g := newRig()
	w := dial(t, g, mcpserver.StdioOptions{Workers: 1, Queue: 3})
	for id := range 4 {
		w.send(slowCall(id))
	}
	receive(t, g.started)
	w.alive()
	w.greet("2025-11-25", `{}`)
	w.send(request("10", "", "tools/list", ""))
	w.answer("10")
	w.send(request("11", "", "logging/setLevel", `"level":"debug"`))
	w.answer("11")
	w.send(request("12", modern, "server/discover", ""))
	w.answer("12")
	w.send(cancelOf(0))
	assert.Equal(t, "0", receive(t, g.stopped))
}

func TestAFullQueueIsReportedAtOnce(t *testing.T) {
	t.Parallel()
	g := newRig()
	w := dial(t, g, mcpserver.StdioOptions{Workers: 1, Queue: 1})
	w.send(slowCall(1))
	receive(t, g.started)
	w.send(slowCall(2))
	w.send(slowCall(3))
	assert.Contains(t, w.refusal("3", busy), "busy")
	g.free(t)
	assert.Equal(t, "1", w.answer("1").text())
	assert.Equal(t, "2", receive(t, g.started))
	w.send(slowCall(4))
	g.free(t)
	assert.Equal(t, "2", w.answer("2").text())
	g.free(t)
	assert.Equal(t, "4", w.answer("4").text())
}

func TestWaitingCallsHoldABoundedNumberOfBytes(t *testing.T) {
	t.Parallel()
	g := newRig()
	w := dial(t, g, mcpserver.StdioOptions{Workers: 1, MaxLine: 1000})
	w.send(slowCall(1))
	receive(t, g.started)
	large := `{"text":"` + strings.Repeat("x", 600) + `"}`
	w.send(toolCall("2", "", "echo", large))
	w.send(toolCall("3", "", "echo", large))
	w.refusal("3", busy)
	g.free(t)
	w.answer("1")
	assert.Len(t, w.answer("2").text(), 600)
}

func TestACallCancelledWhileItWaitsNeverStarts(t *testing.T) {
	t.Parallel()
	g := newRig()
	w := dial(t, g, mcpserver.StdioOptions{Workers: 1})
	for id := 1; id <= 3; id++ {
		w.send(slowCall(id))
	}
	assert.Equal(t, "1", receive(t, g.started))
	w.send(cancelOf(2))
	w.alive()
	g.free(t)
	assert.Equal(t, "1", w.answer("1").text())
	assert.Equal(t, "3", receive(t, g.started), "2 is passed over")
	g.free(t)
	assert.Equal(t, "3", w.answer("3").text(), "2 is not answered")
	w.hangUp()
	assert.Empty(t, g.started)
}

// req: P7
func TestARunningCallThatIsCancelledStopsAndIsNotAnswered(t *testing.T) {
	t.Parallel()
	for _, version := range append(legacy, modern) {
		g := newRig()
		w := dial(t, g, mcpserver.StdioOptions{})
		w.greet(version, `{}`)
		w.send(toolCall("1", version, "slow", `{"text":"one"}`))
		w.send(toolCall(`"1"`, version, "slow", `{"text":"other"}`)) // a string is another id
		receive(t, g.started)
		receive(t, g.started)
		w.send(cancelOf(1))
		assert.Equal(t, "one", receive(t, g.stopped))
		g.free(t)
		assert.Equal(t, "other", w.answer(`"1"`).text())
		w.hangUp()
		assert.Empty(t, w.rest())
	}
}

func TestAnIDUsedTwiceMeansTheLaterCall(t *testing.T) {
	t.Parallel()
	g := newRig()
	w := dial(t, g, mcpserver.StdioOptions{})
	w.greet("2025-06-18", `{"elicitation":{}}`)
	w.send(toolCall("1", "", "askshort", `{}`))
	q := w.next()
	w.send(slowCall(1))
	receive(t, g.started)
	w.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":{"action":"accept"}}`, q.ID))
	assert.Equal(t, "said accept", w.answer("1").text())
	w.send(cancelOf(1))
	assert.Equal(t, "1", receive(t, g.stopped))
}

func TestASubscriptionHoldsNothingUp(t *testing.T) {
	t.Parallel()
	g := newRig()
	w := dial(t, g, mcpserver.StdioOptions{Workers: 1})
	listen := func(id int) {
		w.send(request(fmt.Sprint(id), modern, "subscriptions/listen", `"notifications":{"toolsListChanged":true}`))
	}
	for id := range 8 {
		listen(id)
		assert.Equal(t, "notifications/subscriptions/acknowledged", w.next().Method)
	}
	listen(8)
	w.refusal("8", busy)
	w.send(toolCall("9", modern, "echo", `{}`))
	w.answer("9")
	w.send(cancelOf(0))
	w.alive()
	g.srv.DeleteTools("odd")
	assert.Equal(t, "notifications/tools/list_changed", w.next().Method)

	w.hangUp()
	ended := map[string]bool{}
	for _, m := range w.rest() {
		ended[string(m.ID)] = m.Error == nil
	}
	assert.Len(t, ended, 7, "the stream cancelled by the client is not answered, the others are")
}

func TestABatchIsServedWhereTheVersionHasBatches(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"2024-11-05", "2025-03-26"} {
		w := dial(t, newRig(), mcpserver.StdioOptions{})
		w.greet(version, `{}`)
		w.send(`[` + strings.Join([]string{
			toolCall("1", "", "echo", `{"text":"a"}`), initialized, `7`,
			toolCall("2", "", "panic", `{}`), `{"jsonrpc":"2.0","id":3,"method":"ping"}`,
		}, ",") + `]`)
		var answers []message
		require.NoError(t, json.Unmarshal(w.raw(), &answers))
		got := map[string]string{}
		for _, a := range answers {
			got[string(a.ID)] = a.text()
			if a.Error != nil {
				got[string(a.ID)] = a.Error.Message
			}
		}
		assert.Equal(t, map[string]string{
			"1": "a", "2": "internal error", "3": "",
			"null": "Invalid request: a message is one JSON-RPC 2.0 object",
		}, got)
		w.send(`[` + initialized + `]`)
		w.alive()
	}
}

func TestABatchIsRefusedElsewhere(t *testing.T) {
	t.Parallel()
	ping := `{"jsonrpc":"2.0","id":1,"method":"ping"}`
	for _, c := range []struct {
		version, line string
		code          int
	}{
		{"2025-06-18", `[` + ping + `]`, mcp.INVALID_REQUEST},
		{"2025-11-25", ` [` + ping + `]`, mcp.INVALID_REQUEST},
		{modern, `[` + ping + `]`, mcp.INVALID_REQUEST},
		{"2025-03-26", `[]`, mcp.INVALID_REQUEST},
		{"2025-03-26", `[` + ping, mcp.PARSE_ERROR},
		{"2025-03-26", `[` + strings.Repeat("1,", 100) + `1]`, mcp.INVALID_REQUEST},
	} {
		w := dial(t, newRig(), mcpserver.StdioOptions{})
		w.greet(c.version, `{}`)
		w.send(c.line)
		w.refusal("null", c.code)
		w.alive()
	}
}

func TestACancelledCallOfABatchLeavesTheOthers(t *testing.T) {
	t.Parallel()
	g := newRig()
	w := dial(t, g, mcpserver.StdioOptions{Workers: 2, Queue: 1})
	w.greet("2025-03-26", `{}`)
	w.send(`[` + strings.Join([]string{slowCall(1), slowCall(2), slowCall(3), slowCall(4)}, ",") + `]`)
	receive(t, g.started)
	receive(t, g.started)
	w.send(cancelOf(3)) // waits
	w.send(cancelOf(1))
	assert.Equal(t, "1", receive(t, g.stopped))
	g.free(t)
	var answers []message
	require.NoError(t, json.Unmarshal(w.raw(), &answers))
	require.Len(t, answers, 2, "1 and 3 were cancelled")
	assert.Equal(t, "4", string(answers[0].ID))
	assert.Equal(t, busy, answers[0].Error.Code)
	assert.Equal(t, "2", answers[1].text())
}
