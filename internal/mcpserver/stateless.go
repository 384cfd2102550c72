package mcpserver

import (
	"encoding/json"
	"net/http"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

// Without sessions each request of Streamable HTTP stands alone, in the older
// revisions too: any process answers it, and nothing is kept of it. What needs a
// session is then neither declared nor served: questions to the client,
// subscriptions, log levels and the stream of a GET. mcp-go knows the mode, but
// declares all that, and shares what it keeps by session among all callers
// (docs/library-notes.md, 16 and 29).

// alone takes away what would tie a request to another, or refuses it.
func (h *host) alone(g *guard, r *http.Request) bool {
	g.stateless = true
	r.Header.Del(server.HeaderKeySessionID) // of a server before us, or made up
	if r.Method == http.MethodPost {
		return true
	}
	g.Header().Set("Allow", http.MethodPost)
	g.refuse(http.StatusMethodNotAllowed, fault{mcp.INVALID_REQUEST, "this server keeps no sessions: there is no stream to open and none to end; send each message with POST"})
	return false
}

// unbound passes messages of older revisions that mean something by themselves.
func (h *host) unbound(g *guard, env envelope) bool {
	g.greets = env.Method == mcp.MethodInitialize
	switch {
	case env.kind() == kindResponse:
		g.refuse(http.StatusBadRequest, fault{mcp.INVALID_REQUEST, "this server keeps no sessions and asked nothing"})
	case env.Method == mcp.MethodResourcesSubscribe, env.Method == mcp.MethodResourcesUnsubscribe, env.Method == mcp.MethodSetLogLevel:
		g.refuse(http.StatusOK, fault{mcp.METHOD_NOT_FOUND, string(env.Method) + " needs a session, and this server keeps none; MCP 2026-07-28 has subscriptions/listen"})
	default:
		return true
	}
	return false
}

// undeclare takes what needs a session out of the answer to initialize; nil where
// that is an error.
func undeclare(message []byte) []byte {
	var a struct {
		JSONRPC string                `json:"jsonrpc"`
		ID      json.RawMessage       `json:"id"`
		Result  *mcp.InitializeResult `json:"result"`
	}
	if json.Unmarshal(message, &a) != nil || a.Result == nil {
		return nil
	}
	can := &a.Result.Capabilities
	can.Logging, can.Elicitation, can.Sampling, can.Roots, can.Tasks = nil, nil, nil, nil, nil
	if can.Resources != nil {
		can.Resources.Subscribe, can.Resources.ListChanged = false, false
	}
	if can.Tools != nil {
		can.Tools.ListChanged = false
	}
	if can.Prompts != nil {
		can.Prompts.ListChanged = false
	}
	clean, err := json.Marshal(a)
	if err != nil {
		return nil
	}
	return clean
}

// noStreams answers at the endpoints of SSE, whose every client is a session.
func noStreams(g *guard, _ *http.Request) {
	g.refuse(http.StatusNotFound, fault{mcp.INVALID_REQUEST, "this server keeps no sessions, so it does not speak SSE; use Streamable HTTP at /mcp"})
}
