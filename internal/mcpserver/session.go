package mcpserver

import (
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

// session is one client as mcp-go sees it.
type session struct {
	id    string
	notes func() chan<- mcp.JSONRPCNotification
	asks  *asks

	ready        atomic.Bool
	level        atomic.Pointer[mcp.LoggingLevel]
	info         atomic.Pointer[mcp.Implementation]
	capabilities atomic.Pointer[mcp.ClientCapabilities]
	version      atomic.Pointer[string]
}

var (
	_ server.SessionWithLogging         = (*session)(nil)
	_ server.SessionWithClientInfo      = (*session)(nil)
	_ server.SessionWithProtocolVersion = (*session)(nil)
	_ server.SessionWithElicitation     = (*session)(nil)
	_ server.SessionWithSampling        = (*session)(nil)
	_ server.SessionWithRoots           = (*session)(nil)
)

func newSession(id string, out *outbox) *session {
	return &session{id: id, notes: out.tell, asks: newAsks(out.send)}
}

func (s *session) SessionID() string { return s.id }

func (s *session) NotificationChannel() chan<- mcp.JSONRPCNotification { return s.notes() }

func (s *session) Initialize() { s.ready.Store(true) }

func (s *session) Initialized() bool { return s.ready.Load() }

func (s *session) SetLogLevel(l mcp.LoggingLevel) { s.level.Store(&l) }

// GetLogLevel is "error" until the client sets another, as on mcp-go's own
// transports.
func (s *session) GetLogLevel() mcp.LoggingLevel {
	if l := s.level.Load(); l != nil {
		return *l
	}
	return mcp.LoggingLevelError
}

func (s *session) SetClientInfo(i mcp.Implementation) { s.info.Store(&i) }

func (s *session) GetClientInfo() mcp.Implementation { return loaded(&s.info) }

func (s *session) SetClientCapabilities(c mcp.ClientCapabilities) { s.capabilities.Store(&c) }

func (s *session) GetClientCapabilities() mcp.ClientCapabilities { return loaded(&s.capabilities) }

// SetProtocolVersion is called by mcp-go with the version initialize agreed on.
func (s *session) SetProtocolVersion(v string) { s.version.Store(&v) }

func (s *session) ProtocolVersion() string { return loaded(&s.version) }

func loaded[T any](p *atomic.Pointer[T]) (zero T) {
	if v := p.Load(); v != nil {
		return *v
	}
	return zero
}

// RequestElicitation asks the person at the client. A client that did not
// declare elicitation, or not this mode of it, is not asked.
func (s *session) RequestElicitation(ctx context.Context, r mcp.ElicitationRequest) (*mcp.ElicitationResult, error) {
	if !elicits(s.GetClientCapabilities().Elicitation, r.Params.Mode) {
		return nil, server.ErrElicitationNotSupported
	}
	return decoded[mcp.ElicitationResult](s.asks.ask(ctx, mcp.MethodElicitationCreate, r.Params))
}

// elicits reads the capability as MCP 2025-11-25 does: an empty one means forms.
func elicits(can *mcp.ElicitationCapability, mode string) bool {
	switch {
	case can == nil:
		return false
	case mode == mcp.ElicitationModeURL:
		return can.URL != nil
	default:
		return can.Form != nil || can.URL == nil
	}
}

// RequestSampling asks the client's model.
func (s *session) RequestSampling(ctx context.Context, r mcp.CreateMessageRequest) (*mcp.CreateMessageResult, error) {
	if s.GetClientCapabilities().Sampling == nil {
		return nil, fmt.Errorf("%w: sampling", errUndeclared)
	}
	result, err := decoded[mcp.CreateMessageResult](s.asks.ask(ctx, mcp.MethodSamplingCreateMessage, r.CreateMessageParams))
	if err != nil {
		return nil, err
	}
	if result.Content, err = mcp.ParseSamplingContent(result.Content); err != nil {
		return nil, fmt.Errorf("sampling: %w", err)
	}
	return result, nil
}

// ListRoots asks for the client's roots.
func (s *session) ListRoots(ctx context.Context, _ mcp.ListRootsRequest) (*mcp.ListRootsResult, error) {
	if s.GetClientCapabilities().Roots == nil {
		return nil, server.ErrRootsNotSupported
	}
	return decoded[mcp.ListRootsResult](s.asks.ask(ctx, mcp.MethodListRoots, nil))
}

func decoded[T any](raw json.RawMessage, err error) (*T, error) {
	if err != nil {
		return nil, err
	}
	var v T
	if err := json.Unmarshal(raw, &v); err != nil {
		return nil, fmt.Errorf("the client's answer: %w", err)
	}
	return &v, nil
}
