package tools_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/tools"
)

// The protocols in which a client can ask a person.
const modern = "2026-07-28"

var asking = []string{"2025-06-18", "2025-11-25", modern}

// person is who sits before the client: what they do when they are asked, and
// all that they were shown.
type person struct {
	does   func(context.Context) (mcp.ElicitationResponseAction, error)
	elicit func(context.Context, mcp.ElicitationRequest) (mcp.ElicitationResponseAction, error) // instead of does
	mu     sync.Mutex
	shown  []string
}

func (p *person) Elicit(ctx context.Context, r mcp.ElicitationRequest) (*mcp.ElicitationResult, error) {
	p.mu.Lock()
	p.shown = append(p.shown, r.Params.Message)
	p.mu.Unlock()
	elicit := p.elicit
	if elicit == nil {
		elicit = func(ctx context.Context, _ mcp.ElicitationRequest) (mcp.ElicitationResponseAction, error) {
			return p.does(ctx)
		}
	}
	action, err := elicit(ctx, r)
	if err != nil {
		return nil, err
	}
	content := map[string]any{}
	if fields, _ := r.Params.RequestedSchema.(map[string]any); fields != nil && action == mcp.ElicitationResponseActionAccept {
		content["approve"] = true
	}
	return &mcp.ElicitationResult{ElicitationResponse: mcp.ElicitationResponse{Action: action, Content: content}}, nil
}

// seen is what the person was shown so far.
func (p *person) seen() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.shown)
}

func says(action mcp.ElicitationResponseAction) *person {
	return &person{does: func(context.Context) (mcp.ElicitationResponseAction, error) { return action, nil }}
}

func silent() *person {
	return &person{does: func(ctx context.Context) (mcp.ElicitationResponseAction, error) {
		<-ctx.Done()
		return "", ctx.Err()
	}}
}

func broken() *person {
	return &person{does: func(context.Context) (mcp.ElicitationResponseAction, error) {
		return "", errors.New("method not found")
	}}
}

// server is the world's server, bare.
func (w *world) server() *server.MCPServer {
	srv := server.NewMCPServer("test", "0")
	for _, tool := range tools.Catalog(w.deps) {
		srv.AddTools(tool.Bind())
	}
	return srv
}

// meet connects a client of this protocol with p before it; nil for a client
// that cannot ask. It declares what can says, or what mcp-go makes of p.
func (w *world) meet(protocol string, p *person, can *mcp.ElicitationCapability) {
	w.t.Helper()
	var options []client.ClientOption
	if p != nil {
		options = append(options, client.WithElicitationHandler(p))
	}
	agent, err := client.NewInProcessClientWithOptions(w.server(), options...)
	require.NoError(w.t, err)
	w.t.Cleanup(func() { _ = agent.Close() })
	require.NoError(w.t, agent.Start(w.t.Context()))
	hello := mcp.InitializeRequest{}
	hello.Params.ProtocolVersion = protocol
	hello.Params.Capabilities.Elicitation = can
	_, err = agent.Initialize(w.t.Context(), hello)
	require.NoError(w.t, err)
	require.Equal(w.t, protocol, agent.ProtocolVersion())
	w.agent = agent
}

// waiting proposes a booking under the policy human and returns the question.
func (w *world) waiting(booking args) consent.Proposal {
	w.t.Helper()
	before := w.deps.Policy
	w.deps.Policy = consent.PolicyHuman
	w.connect()
	require.Equal(w.t, schemas.CodeApprovalNeeded, w.book(booking).Code)
	w.deps.Policy = before
	w.connect()
	open, err := w.deps.Ledger.Open(w.t.Context())
	require.NoError(w.t, err)
	require.Len(w.t, open, 1)
	return open[0]
}

// approve answers a proposal as a person does on the page or in the terminal.
func (w *world) approve(id string, agreed bool, method consent.Method) {
	w.t.Helper()
	_, err := w.deps.Ledger.Answer(w.t.Context(), id, consent.Answer{Agreed: agreed, By: "Ada Byron", Words: "pressed", Rung: method})
	require.NoError(w.t, err)
}

// kinds are the kinds of the ledger's entries, once its chain is proven, and
// all details.
func (w *world) kinds() (kinds []string, details string) {
	w.t.Helper()
	_, err := w.deps.Ledger.Verify(w.t.Context())
	require.NoError(w.t, err, "req: O4")
	entries, err := w.deps.Ledger.Entries(w.t.Context(), 0, 1000)
	require.NoError(w.t, err)
	for _, e := range entries {
		kinds, details = append(kinds, e.Kind), details+e.Details
	}
	return kinds, details
}

// toolCall is a tools/call as it stands on the wire. can is the client's
// capabilities as a modern call declares them; an empty one makes a legacy call.
func toolCall(can, tool string, arguments any, more args) []byte {
	params := more.with("name", tool).with("arguments", arguments)
	if can != "" {
		params = params.with("_meta", args{
			"io.modelcontextprotocol/protocolVersion":    modern,
			"io.modelcontextprotocol/clientCapabilities": json.RawMessage(can),
			"io.modelcontextprotocol/clientInfo":         args{"name": "t", "version": "1"},
		})
	}
	raw, _ := json.Marshal(args{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}) // plain values only
	return raw
}

// reply is what a tools/call is answered with.
type reply struct {
	Result struct {
		ResultType        string
		RequestState      string
		InputRequests     map[string]json.RawMessage
		StructuredContent struct {
			Status string
			Reason schemas.Code
			Error  struct{ Code schemas.Code }
		}
	}
}

// post hands a message to srv as a transport would.
func (w *world) post(srv *server.MCPServer, message []byte) (r reply) {
	raw, err := json.Marshal(srv.HandleMessage(w.t.Context(), message))
	require.NoError(w.t, err)
	require.NoError(w.t, json.Unmarshal(raw, &r), string(raw))
	return r
}

// code is that of an error, or the reason why a person is awaited.
func (r reply) code() schemas.Code {
	return cmp.Or(r.Result.StructuredContent.Error.Code, r.Result.StructuredContent.Reason)
}

const (
	canAsk    = `{"elicitation":{}}`
	cannotAsk = `{}`
)
