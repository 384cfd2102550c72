package mcpserver

import (
	"bytes"
	"encoding/json"
	"sync"

	"github.com/mark3labs/mcp-go/mcp"
)

// maxBatch is how many messages a batch may contain, because even an invalid
// message of two bytes is answered with a hundred.
const maxBatch = 100

// batch handles a JSON-RPC batch and answers it as one message, the same on every
// transport. Batches belong to MCP 2025-03-26 and to the JSON-RPC that 2024-11-05
// names; MCP 2025-06-18 removed them.
func (c *conn) batch(x exchange) {
	messages, bad := splitBatch(x.env.raw, x.session.ProtocolVersion())
	if bad != nil {
		x.reply(bad.response(nil))
		return
	}
	answers := &batchAnswers{missing: len(messages), reply: x.reply}
	for _, raw := range messages {
		one := x
		one.reply = answers.add
		var bad *rpcError
		if one.env, bad = parse(raw); bad == nil && one.env.Method == mcp.MethodInitialize {
			bad = &rpcError{Code: mcp.INVALID_REQUEST, Message: "Invalid request: initialize must not be part of a batch"} // MCP 2025-03-26, Lifecycle
		}
		if bad != nil {
			answers.add(bad.response(one.env.ID))
			continue
		}
		c.start(one)
	}
}

// splitBatch returns the messages of a batch, or why it is refused in this
// protocol version.
func splitBatch(raw []byte, version string) ([]json.RawMessage, *rpcError) {
	var messages []json.RawMessage
	if err := json.Unmarshal(raw, &messages); err != nil {
		return nil, &rpcError{Code: mcp.PARSE_ERROR, Message: "Parse error: the message is not valid JSON"}
	}
	refuse := func(why string) ([]json.RawMessage, *rpcError) {
		return nil, &rpcError{Code: mcp.INVALID_REQUEST, Message: "Invalid request: " + why}
	}
	switch {
	case version != mcp.ProtocolVersion20250326 && version != mcp.ProtocolVersion20241105:
		return refuse("batches belong to MCP 2025-03-26, which was not negotiated; send one message at a time")
	case len(messages) == 0:
		return refuse("the batch is empty")
	case len(messages) > maxBatch:
		return refuse("a batch contains at most 100 messages")
	}
	return messages, nil
}

// batchAnswers collects the responses to a batch and passes them on as one message
// when the last one is there. A batch of notifications gets no response.
type batchAnswers struct {
	reply func(response)

	mu      sync.Mutex
	missing int
	bodies  [][]byte
}

func (b *batchAnswers) add(answer response) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if answer.body != nil {
		b.bodies = append(b.bodies, answer.body)
	}
	b.missing--
	switch {
	case b.missing > 0:
	case len(b.bodies) == 0:
		b.reply(response{})
	default:
		all := append([]byte{'['}, bytes.Join(b.bodies, []byte{','})...)
		b.reply(response{body: append(all, ']')})
	}
}
