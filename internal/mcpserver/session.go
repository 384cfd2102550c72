package mcpserver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

var (
	errUndeclared = errors.New("the client did not declare this capability")
	errHungUp     = errors.New("the client disconnected before it answered")
)

// client is the state of one client that outlives a message: what it declared and
// the requests that it has not answered yet.
type client struct {
	id      string
	pending pendingRequests

	ready        atomic.Bool
	level        atomic.Pointer[mcp.LoggingLevel]
	info         atomic.Pointer[mcp.Implementation]
	capabilities atomic.Pointer[mcp.ClientCapabilities]
	version      atomic.Pointer[string]
}

// session is a client as mcp-go sees it, on any transport. Notifications and
// requests to the client go to out: the stream of the connection or, over
// Streamable HTTP, the response to the message that is being handled. There they
// arrive in order and before the result, and another stream of the same session
// does not receive them (MCP 2025-11-25, Streamable HTTP).
type session struct {
	*client

	out       *writer
	stateless bool // nothing is kept between messages
}

var (
	_ server.SessionWithLogging         = (*session)(nil)
	_ server.SessionWithClientInfo      = (*session)(nil)
	_ server.SessionWithProtocolVersion = (*session)(nil)
	_ server.SessionWithElicitation     = (*session)(nil)
	_ server.SessionWithSampling        = (*session)(nil)
	_ server.SessionWithRoots           = (*session)(nil)
)

func (c *client) SessionID() string { return c.id }

func (s *session) NotificationChannel() chan<- mcp.JSONRPCNotification { return s.out.notifications() }

// Stateless reports that the capabilities which a client declared in an earlier
// message are unknown.
func (s *session) Stateless() bool { return s.stateless }

func (c *client) Initialize() { c.ready.Store(true) }

func (c *client) Initialized() bool { return c.ready.Load() }

func (c *client) SetLogLevel(l mcp.LoggingLevel) { c.level.Store(&l) }

// GetLogLevel returns "error" until the client sets another level, as mcp-go's own
// transports do.
func (c *client) GetLogLevel() mcp.LoggingLevel {
	if l := c.level.Load(); l != nil {
		return *l
	}
	return mcp.LoggingLevelError
}

func (c *client) SetClientInfo(i mcp.Implementation) { c.info.Store(&i) }

func (c *client) GetClientInfo() mcp.Implementation { return loaded(&c.info) }

func (c *client) SetClientCapabilities(can mcp.ClientCapabilities) { c.capabilities.Store(&can) }

func (c *client) GetClientCapabilities() mcp.ClientCapabilities { return loaded(&c.capabilities) }

// SetProtocolVersion stores the version that initialize negotiated.
func (c *client) SetProtocolVersion(v string) { c.version.Store(&v) }

func (c *client) ProtocolVersion() string { return loaded(&c.version) }

func loaded[T any](p *atomic.Pointer[T]) (zero T) {
	if v := p.Load(); v != nil {
		return *v
	}
	return zero
}

// listenSession is the session of a subscriptions/listen request over Streamable
// HTTP. It is registered under a separate id so that broadcasts such as
// notifications/tools/list_changed reach it, as far as its filter allows them.
type listenSession struct {
	*session

	id string

	mu     sync.Mutex
	filter mcp.SubscriptionFilter
}

var _ server.SessionWithSubscriptionFilter = (*listenSession)(nil)

func (s *listenSession) SessionID() string { return s.id }

func (s *listenSession) Initialized() bool { return true }

func (s *listenSession) SetSubscriptionFilter(f mcp.SubscriptionFilter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.filter = f
}

// SubscriptionFilter always reports a filter: nothing is sent before mcp-go has
// stored the one of the request.
func (s *listenSession) SubscriptionFilter() (mcp.SubscriptionFilter, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.filter, true
}

// RequestElicitation asks the person at the client. It fails at once when the
// client did not declare elicitation in this mode.
func (s *session) RequestElicitation(ctx context.Context, r mcp.ElicitationRequest) (*mcp.ElicitationResult, error) {
	if !elicits(s.GetClientCapabilities().Elicitation, r.Params.Mode) {
		return nil, server.ErrElicitationNotSupported
	}
	return decoded[mcp.ElicitationResult](s.request(ctx, mcp.MethodElicitationCreate, r.Params))
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
	result, err := decoded[mcp.CreateMessageResult](s.request(ctx, mcp.MethodSamplingCreateMessage, r.CreateMessageParams))
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
	return decoded[mcp.ListRootsResult](s.request(ctx, mcp.MethodListRoots, nil))
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

// request sends a request to the client and waits for its result. When ctx ends
// first, the client receives notifications/cancelled, so that it can remove the
// question from the screen.
func (s *session) request(ctx context.Context, method mcp.MCPMethod, params any) (json.RawMessage, error) {
	id, answer, err := s.pending.open()
	if err != nil {
		return nil, err
	}
	defer s.pending.remove(id)
	body, err := encode(struct {
		JSONRPC string          `json:"jsonrpc"`
		ID      json.RawMessage `json:"id"`
		Method  mcp.MCPMethod   `json:"method"`
		Params  any             `json:"params,omitempty"`
	}{mcp.JSONRPC_VERSION, id, method, params})
	if err != nil {
		return nil, fmt.Errorf("request to the client: %w", err)
	}
	s.out.send(body)
	select {
	case e, ok := <-answer:
		return requestResult(method, e, ok)
	case <-ctx.Done():
		s.out.send(fmt.Appendf(nil, `{"jsonrpc":"2.0","method":%q,"params":{"requestId":%s,"reason":"no longer waiting"}}`,
			mcp.MethodNotificationCancelled, id))
		return nil, ctx.Err()
	}
}

func requestResult(method mcp.MCPMethod, e envelope, ok bool) (json.RawMessage, error) {
	if !ok {
		return nil, errHungUp
	}
	if e.Error == nil {
		return e.Result, nil
	}
	var details struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	}
	_ = json.Unmarshal(e.Error, &details) // an error of another form is still an error
	return nil, fmt.Errorf("the client answered %s with error %d: %s", method, details.Code, details.Message)
}

// pendingRequests holds our requests that one client has not answered yet.
type pendingRequests struct {
	mu      sync.Mutex
	next    int64
	waiting map[string]chan envelope
	closed  bool
}

func (p *pendingRequests) open() (id json.RawMessage, answer chan envelope, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, nil, errHungUp
	}
	if p.waiting == nil {
		p.waiting = make(map[string]chan envelope)
	}
	p.next++
	id = strconv.AppendInt(nil, p.next, 10)
	answer = make(chan envelope, 1)
	p.waiting[string(id)] = answer
	return id, answer, nil
}

func (p *pendingRequests) remove(id json.RawMessage) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.waiting, string(id))
}

// answer delivers a response of the client. It drops one that no request waits for.
func (p *pendingRequests) answer(e envelope) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c, ok := p.waiting[string(e.ID)]; ok {
		delete(p.waiting, string(e.ID)) // the channel holds one answer
		c <- e
	}
}

// close fails all requests, open and later ones: no answer can arrive.
func (p *pendingRequests) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for id, c := range p.waiting {
		delete(p.waiting, id)
		close(c)
	}
}
