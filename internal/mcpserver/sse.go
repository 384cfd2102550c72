package mcpserver

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/vennio-mcp/vennio-mcp/internal/auth"
)

// sse opens the stream of one client (MCP 2024-11-05, HTTP with SSE). mcp-go's
// own SSE server is not used: it cannot ask the client anything, bounds nothing,
// and drops running calls when it closes.
func (h *host) sse(g *guard, r *http.Request) {
	if !speaks(g, r) {
		return
	}
	place, ok := h.stand(g)
	if !ok {
		return
	}
	defer place.release()
	ctx, cancel := context.WithCancel(h.base)
	defer cancel() // the calls of a client that has gone
	p := newPeer(auth.With(ctx, auth.From(r.Context())), h.Server, h.Feed, rand.Text(), h.calls, h.crew, h.o.Log)
	if err := h.join(p); err != nil {
		h.Feed.leave(p.out.watch)
		g.refuse(http.StatusInternalServerError, faultInternal)
		return
	}
	defer h.leave(p)
	defer context.AfterFunc(h.closing, func() { closeAtQuit(r.Context(), p) })()
	h.events(g, r, p)
}

// events writes the stream until either side closes it.
func (h *host) events(g *guard, r *http.Request, p *peer) {
	g.Header().Set("Content-Type", "text/event-stream")
	g.Header().Set("Cache-Control", "no-cache")
	if _, err := fmt.Fprintf(g, "event: endpoint\ndata: /message?sessionId=%s\n\n", p.session.id); err != nil { //nolint:gosec // G705: the id is random letters and digits
		return
	}
	g.Flush()
	tick := time.NewTicker(h.o.KeepAlive)
	defer tick.Stop()
	_ = p.out.pump(r.Context(), eventSink{g}, tick.C) // it ends with the connection
}

// closeAtQuit ends the stream when the server stops: after its last answer.
func closeAtQuit(ctx context.Context, p *peer) {
	select {
	case <-p.close():
		p.out.finish()
	case <-ctx.Done():
	}
}

func (h *host) join(p *peer) error {
	if err := h.Server.RegisterSession(p.ctx, p.session); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.peers[p.session.id] = p
	return nil
}

func (h *host) leave(p *peer) {
	h.mu.Lock()
	delete(h.peers, p.session.id)
	h.mu.Unlock()
	p.close()
	p.leave(p.ctx)
}

// message takes one message for a stream. 202 means that an answer, if one is
// due, comes on the stream.
func (h *host) message(g *guard, r *http.Request) {
	h.mu.Lock()
	p := h.peers[r.URL.Query().Get("sessionId")]
	h.mu.Unlock()
	if p == nil || owner(p.ctx) != owner(r.Context()) {
		g.refuse(http.StatusNotFound, fault{mcp.INVALID_REQUEST, "the session is unknown or its stream has ended; open /sse again"})
		return
	}
	raw, ok := h.body(g, r)
	if !ok {
		return
	}
	env, bad := examine(raw)
	g.id = env.ID
	if bad != nil {
		g.refuse(http.StatusBadRequest, *bad)
		return
	}
	g.loan.keep(footprint(int64(len(raw)), int64(env.values)))
	if !h.mayCall(g, r, env.raw) {
		return
	}
	if env.Method != mcp.MethodInitialize && !speaks(g, r) { // initialize negotiates the version
		return
	}
	c, err := p.receive(env)
	if err == nil && c != nil {
		err = h.await(p, c)
	}
	h.accept(g, c, err)
	if err == nil && c != nil {
		p.start(c)
	}
}

// await holds a call until its turn. A call that waits too long is forgotten.
func (h *host) await(p *peer, c *call) error {
	ctx, cancel := context.WithTimeoutCause(c.ctx, h.o.MaxWait, errBusy)
	defer cancel()
	err := c.place.wait(ctx)
	if err != nil {
		p.calls.done(c)
	}
	return err
}

func (h *host) accept(g *guard, c *call, err error) {
	if c != nil {
		g.id = c.env.ID
	}
	switch {
	case err == nil, errors.Is(err, errCancelled):
		g.WriteHeader(http.StatusAccepted)
	case errors.Is(err, errBusy):
		g.busy(faultBusy)
	default:
		g.busy(faultStopping)
	}
}

// eventSink writes messages as events.
type eventSink struct{ g *guard }

func (s eventSink) message(b []byte) error {
	_, err := s.g.Write(event(b))
	return err
}

func (s eventSink) flush() error {
	s.g.Flush()
	return nil
}

// quiet writes a comment, so that proxies keep the connection open, and so that
// a client that has gone is noticed.
func (s eventSink) quiet() error {
	_, err := s.g.Write([]byte(": keep-alive\n\n"))
	return err
}
