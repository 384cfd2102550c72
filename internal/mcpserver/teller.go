package mcpserver

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

// httpSession is what mcp-go's own session of Streamable HTTP can do.
type httpSession interface {
	server.SessionWithLogging
	server.SessionWithClientInfo
	server.SessionWithElicitation
	server.SessionWithSampling
	server.SessionWithRoots
	server.SessionWithTools
	server.SessionWithResources
	server.SessionWithResourceTemplates
	server.SessionWithStreamableHTTPConfig
	server.SessionWithSubscriptionFilter
}

// teller is the session of one call over Streamable HTTP. What the call tells
// the client goes to the call's own response, all of it, and before the answer:
// mcp-go loses what is told a moment before, and shares it out to whatever
// stream of the session is open (docs/library-notes.md, 19). And it asks nothing
// that the client did not declare (18).
type teller struct {
	httpSession
	ctx context.Context // of the request
	g   *guard

	start  sync.Once
	notes  chan mcp.JSONRPCNotification
	begun  chan struct{} // closed when the first note may come
	settle sync.Mutex    // one barrier at a time
	passed chan struct{} // the barrier is through
}

// barrier marks a place among the notes; mcp-go gives a version to every note.
var barrier mcp.JSONRPCNotification

type tellerKey struct{}

// telling lets the call in r tell its notes through a teller.
func (g *guard) telling(r *http.Request) *http.Request {
	g.teller = &teller{ctx: r.Context(), g: g, begun: make(chan struct{}), passed: make(chan struct{})}
	return r.WithContext(context.WithValue(r.Context(), tellerKey{}, g.teller))
}

// tellers puts the teller of a call, if it has one, in the place of its session.
func tellers(s *server.MCPServer) server.HTTPContextFunc {
	return func(ctx context.Context, _ *http.Request) context.Context {
		t, ok := ctx.Value(tellerKey{}).(*teller)
		own, can := server.ClientSessionFromContext(ctx).(httpSession)
		if !ok || !can {
			return ctx
		}
		t.httpSession = own
		return s.WithContext(ctx, t)
	}
}

// Stateless: what the client declared before this call, if it did, is not known.
func (t *teller) Stateless() bool { return t.g.stateless }

// NotificationChannel is asked for when there is something to tell; most calls
// tell nothing, and cost nothing.
func (t *teller) NotificationChannel() chan<- mcp.JSONRPCNotification {
	t.start.Do(func() {
		t.notes = make(chan mcp.JSONRPCNotification, 128)
		close(t.begun)
		go t.pump()
	})
	return t.notes
}

func (t *teller) pump() {
	for {
		select {
		case n := <-t.notes:
			if n.JSONRPC != barrier.JSONRPC {
				t.g.tell(n)
				continue
			}
			select {
			case t.passed <- struct{}{}:
			case <-t.ctx.Done():
				return
			}
		case <-t.ctx.Done():
			return
		}
	}
}

// told waits until all notes so far are written.
func (t *teller) told() {
	select {
	case <-t.begun:
	default:
		return
	}
	t.settle.Lock()
	defer t.settle.Unlock()
	select {
	case t.notes <- barrier:
	case <-t.ctx.Done():
		return
	}
	select {
	case <-t.passed:
	case <-t.ctx.Done():
	}
}

// RequestElicitation asks the person at the client, if the client declared it.
func (t *teller) RequestElicitation(ctx context.Context, r mcp.ElicitationRequest) (*mcp.ElicitationResult, error) {
	if !elicits(t.GetClientCapabilities().Elicitation, r.Params.Mode) {
		return nil, server.ErrElicitationNotSupported
	}
	return t.httpSession.RequestElicitation(ctx, r)
}

// RequestSampling asks the client's model, if the client declared it.
func (t *teller) RequestSampling(ctx context.Context, r mcp.CreateMessageRequest) (*mcp.CreateMessageResult, error) {
	if t.GetClientCapabilities().Sampling == nil {
		return nil, fmt.Errorf("%w: sampling", errUndeclared)
	}
	return t.httpSession.RequestSampling(ctx, r)
}

// ListRoots asks for the client's roots, if the client declared any.
func (t *teller) ListRoots(ctx context.Context, r mcp.ListRootsRequest) (*mcp.ListRootsResult, error) {
	if t.GetClientCapabilities().Roots == nil {
		return nil, server.ErrRootsNotSupported
	}
	return t.httpSession.ListRoots(ctx, r)
}

// tell writes one note to the response, which becomes a stream by it.
func (g *guard) tell(n mcp.JSONRPCNotification) {
	b, err := json.Marshal(n)
	if err != nil {
		return // a tool's notification that is not JSON is not worth the connection
	}
	g.mu.Lock()
	if !g.wrote && !g.closed {
		g.w.Header().Set("Content-Type", "text/event-stream")
		g.w.Header().Set("Cache-Control", "no-cache")
		g.send(http.StatusOK)
	}
	g.mu.Unlock()
	_, _ = g.put(event(b)) // a client that has gone shows at the answer
	g.Flush()
}
