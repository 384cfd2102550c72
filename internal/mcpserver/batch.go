package mcpserver

import (
	"bytes"
	"encoding/json"
	"errors"
	"sync"

	"github.com/mark3labs/mcp-go/mcp"
)

// maxBatch bounds the messages of one batch, as even an invalid one of two
// bytes is answered with a hundred.
const maxBatch = 100

// batch treats a JSON-RPC batch: part of MCP 2025-03-26, allowed by the JSON-RPC
// that 2024-11-05 names, taken out again in 2025-06-18.
func (p *peer) batch(raw []byte) {
	messages, bad := p.unpack(raw)
	if bad != nil {
		p.post(bad.encode(nil))
		return
	}
	g := &gather{left: len(messages), post: p.post}
	for _, m := range messages {
		p.element(m, g.add)
	}
}

func (p *peer) unpack(raw []byte) ([]json.RawMessage, *fault) {
	var messages []json.RawMessage
	if err := json.Unmarshal(raw, &messages); err != nil {
		return nil, &fault{mcp.PARSE_ERROR, "Parse error: the message is not valid JSON"}
	}
	switch v := p.session.ProtocolVersion(); {
	case v != mcp.ProtocolVersion20250326 && v != mcp.ProtocolVersion20241105:
		return nil, &fault{mcp.INVALID_REQUEST, "Invalid request: batches belong to MCP 2025-03-26, which was not agreed on; send one message at a time"}
	case len(messages) == 0:
		return nil, &fault{mcp.INVALID_REQUEST, "Invalid request: the batch is empty"}
	case len(messages) > maxBatch:
		return nil, &fault{mcp.INVALID_REQUEST, "Invalid request: a batch holds at most 100 messages"}
	}
	return messages, nil
}

func (p *peer) element(raw json.RawMessage, reply func([]byte)) {
	env, bad := parse(raw)
	if bad != nil {
		reply(bad.encode(env.ID))
		return
	}
	c, err := p.sort(env, reply)
	switch {
	case errors.Is(err, errBusy):
		reply(faultBusy.encode(c.env.ID))
	case err != nil:
		reply(faultStopping.encode(c.env.ID))
	case c != nil:
		p.start(c)
	}
}

// gather collects the answers to a batch and posts them as one message when the
// last is in. A batch of notifications is not answered.
type gather struct {
	mu      sync.Mutex
	left    int
	answers [][]byte
	post    func([]byte)
}

func (g *gather) add(answer []byte) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if answer != nil {
		g.answers = append(g.answers, answer)
	}
	g.left--
	if g.left > 0 || len(g.answers) == 0 {
		return
	}
	whole := append([]byte{'['}, bytes.Join(g.answers, []byte{','})...)
	g.post(append(whole, ']'))
}
