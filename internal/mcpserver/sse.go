package mcpserver

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"sync"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/vennio-mcp/vennio-mcp/internal/auth"
)

// sseStreams holds the clients on SSE by session id.
type sseStreams struct {
	mu    sync.Mutex
	conns map[string]*conn
}

func (s *sseStreams) add(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conns[c.session.id] = c
}

func (s *sseStreams) remove(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c.session.id)
}

func (s *sseStreams) find(id string) *conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conns[id]
}

// sse opens the stream of one client (MCP 2024-11-05, HTTP with SSE) and writes it
// until either side closes it. mcp-go's own SSE server cannot send requests to the
// client, has no limits, and drops running calls when it closes.
func (t *tenantServer) sse(w *responseWriter, r *http.Request) {
	if !supportedVersion(w, r) {
		return
	}
	done, ok := t.openStream(w)
	if !ok {
		return
	}
	defer done()
	ctx, cancel := context.WithCancel(t.base)
	defer cancel() // the calls of a client that has gone
	out := newWriter(t.Subscriptions.join(), 64)
	defer close(out.gone)
	c := newConn(auth.With(t.o.RequestContext(ctx, r), auth.From(r.Context())), t.Tenant, rand.Text(), out, t.limit, t.o.Log)
	defer c.leave()
	if t.Server.RegisterSession(c.ctx, c.session) != nil {
		w.refuse(http.StatusInternalServerError, &errorInternal)
		return
	}
	t.streams.add(c)
	defer c.close()
	defer t.streams.remove(c)
	defer context.AfterFunc(t.closing, func() { // the stream ends after its last answer
		select {
		case <-c.close():
			out.finish()
		case <-r.Context().Done():
		}
	})()
	setEventStream(w)
	if _, err := io.WriteString(w, "event: endpoint\ndata: /message?sessionId="+c.session.id+"\n\n"); err != nil {
		return
	}
	w.Flush()
	_ = t.pump(r.Context(), out, w) // it ends with the connection
}

// ssePost takes one message for a stream. 202 means that a response, if one is due,
// comes on the stream.
func (t *tenantServer) ssePost(w *responseWriter, r *http.Request) {
	c := t.streams.find(r.URL.Query().Get("sessionId"))
	if c == nil || owner(c.ctx) != owner(r.Context()) {
		w.refuse(http.StatusNotFound, &rpcError{Code: mcp.INVALID_REQUEST, Message: "the session is unknown or its stream has ended; open /sse again"})
		return
	}
	env, ok := t.read(w, r)
	if !ok {
		return
	}
	if env.Method != mcp.MethodInitialize && !supportedVersion(w, r) { // initialize negotiates the version
		return
	}
	one, err := c.receive(c.message(env, c.post))
	if err == nil && one != nil {
		err = t.await(c, one)
	}
	switch {
	case err == nil && one != nil:
		w.WriteHeader(http.StatusAccepted)
		go c.serve(one)
	case err == nil:
		w.WriteHeader(http.StatusAccepted)
	default:
		refuseCall(w, err)
	}
}

// refuseCall answers a call that was not run.
func refuseCall(w *responseWriter, err error) {
	switch {
	case errors.Is(err, errCancelled):
		w.WriteHeader(http.StatusAccepted)
	case errors.Is(err, errBusy):
		w.busy(&errorBusy)
	default:
		w.busy(&errorStopping)
	}
}

// noStreams answers at the endpoints of SSE where there are no sessions.
func noStreams(w *responseWriter, _ *http.Request) {
	w.refuse(http.StatusNotFound, &rpcError{Code: mcp.INVALID_REQUEST, Message: "this server keeps no sessions, so it does not speak SSE; use Streamable HTTP at /mcp"})
}
