package main

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// patient is a person who answers only once their client was told that they are
// waited for.
type patient struct {
	t    *testing.T
	told chan string
}

func (p patient) Elicit(context.Context, mcp.ElicitationRequest) (*mcp.ElicitationResult, error) {
	select {
	case message := <-p.told:
		assert.Regexp(p.t, `^Waiting for a person to approve this booking in the client; (2 minutes|\d+ seconds) left\.$`, message)
		return &mcp.ElicitationResult{ElicitationResponse: mcp.ElicitationResponse{Action: mcp.ElicitationResponseActionAccept, Content: map[string]any{"approve": true}}}, nil
	case <-time.After(patience):
		assert.Fail(p.t, "nothing was told")
		return &mcp.ElicitationResult{ElicitationResponse: mcp.ElicitationResponse{Action: mcp.ElicitationResponseActionCancel}}, nil
	}
}

// req: P6. While a person is asked, the client is notified, on the call's own stream.
func TestReq_P6_AClientHearsThatAPersonIsWaitedFor(t *testing.T) {
	t.Parallel()
	p := patient{t, make(chan string, 10)}
	c := transports["streamable http"](t, stored(t, clean(t)))
	client.WithElicitationHandler(p)(c)
	handshake(t, c, "2025-11-25")
	c.OnNotification(func(n mcp.JSONRPCNotification) {
		if n.Params.AdditionalFields["progressToken"] == "tok" {
			p.told <- n.Params.AdditionalFields["message"].(string)
		}
	})
	req := mcp.CallToolRequest{}
	req.Params.Name, req.Params.Arguments, req.Params.Meta = "book_slot", wants(t, c), &mcp.Meta{ProgressToken: "tok"}
	got, err := c.CallTool(t.Context(), req)
	require.NoError(t, err)
	assert.False(t, got.IsError, got.Content)
}

// req: P6. On one connection, progress notifications arrive before the question,
// and none arrives after the answer.
func TestReq_P6_ItIsToldBeforeTheQuestionAndNotAfterTheAnswer(t *testing.T) {
	t.Parallel()
	for _, transport := range []string{"stdio", "sse"} {
		for _, protocol := range []string{"2025-06-18", "2025-11-25"} {
			s := speakers[transport](t, stored(t, clean(t)), protocol)
			s.greeting(protocol, `{"elicitation":{}}`)
			s.send(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"find_slots","arguments":{"hosts":["Alice"]}}}`)
			found := s.next().Result.StructuredContent.Slots
			require.NotEmpty(t, found, transport)
			s.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"book_slot","_meta":{"progressToken":"tok"},"arguments":{`+
				`"slot_id":%q,"title":"Intro","hosts":["Alice"],"attendees":[{"email":"ada@example.com","name":"Ada"}],`+
				`"consent":{"granted":true,"given_by":"Ada","statement":"yes"}}}}`, found[len(found)-1].ID))
			told, asked := s.next(), s.next()
			assert.Equal(t, "tok", told.Params.ProgressToken)
			assert.Contains(t, told.Params.Message, "Waiting for a person to approve this booking in the client")
			require.Equal(t, "elicitation/create", asked.Method, transport)
			s.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":{"action":"accept","content":{"approve":true}}}`, asked.ID))
			assert.Equal(t, "confirmed", s.next().Result.StructuredContent.Status, transport)
			s.send(`{"jsonrpc":"2.0","id":3,"method":"ping"}`)
			assert.Equal(t, "3", string(s.next().ID), "no notification follows the answer")
		}
	}
}
