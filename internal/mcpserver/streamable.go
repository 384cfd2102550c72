package mcpserver

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"mime"
	"net/http"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/vennio-mcp/vennio-mcp/internal/jsonlimits"
)

// mcp is the Streamable HTTP endpoint: it decides what may pass to mcp-go.
func (h *host) mcp(g *guard, r *http.Request) {
	if r.Method != http.MethodPost && !speaks(g, r) {
		return
	}
	if h.o.Stateless && !h.alone(g, r) {
		return
	}
	if r.Method == http.MethodPost {
		h.post(g, r)
		return
	}
	if why := sessionless(r); why != "" {
		g.Header().Set("Allow", http.MethodPost)
		g.refuse(http.StatusMethodNotAllowed, fault{mcp.INVALID_REQUEST, why})
		return
	}
	one, ok := h.member(g, r)
	if !ok {
		return
	}
	defer h.ids.leave(one)
	if r.Method == http.MethodGet {
		h.listen(one.life, g, r, one.watch)
		return
	}
	h.stream.ServeHTTP(g, r)
}

// sessionless says why a GET or DELETE is not allowed for want of a session; "" lets
// it pass.
func sessionless(r *http.Request) string {
	switch {
	case mcp.IsModernProtocol(r.Header.Get(mcp.HeaderProtocolVersion)):
		return "since MCP 2026-07-28 there are no sessions to listen to or to end; send each message with POST, and subscriptions/listen for notifications"
	case r.Method == http.MethodGet && r.Header.Get(server.HeaderKeySessionID) == "":
		return "GET opens the stream of a session, and this request has no Mcp-Session-Id header; send initialize with POST first"
	default:
		return ""
	}
}

// read reads one message, or refuses it.
func (h *host) read(g *guard, r *http.Request) (env envelope, ok bool) {
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		g.refuse(http.StatusBadRequest, fault{mcp.INVALID_REQUEST, "send JSON with the header Content-Type: application/json"})
		return env, false
	}
	raw, ok := h.body(g, r)
	if !ok {
		return env, false
	}
	env, bad := parse(raw)
	g.id = env.ID
	if bad == nil {
		g.loan.keep(footprint(int64(len(raw)), int64(env.values)))
		return env, true
	}
	if isBatch(raw) {
		bad = &fault{mcp.INVALID_REQUEST, "Invalid request: batches are not supported here; send one message at a time"}
	}
	g.refuse(http.StatusBadRequest, *bad)
	return env, false
}

// post passes one message on, if it may.
func (h *host) post(g *guard, r *http.Request) {
	env, ok := h.read(g, r)
	if !ok || !h.mayCall(g, r, env.raw) {
		return
	}
	meta := metaOf(env.raw)
	if env.Method == mcp.MethodInitialize && !mcp.IsModernProtocol(meta.ProtocolVersion()) {
		r.Header.Del(mcp.HeaderProtocolVersion) // its parameters negotiate the version
	}
	if !speaks(g, r) {
		return
	}
	modern := mcp.IsModernProtocol(r.Header.Get(mcp.HeaderProtocolVersion)) || mcp.IsModernProtocol(meta.ProtocolVersion())
	g.request, g.modern = env.raw, modern
	if !h.fits(g, env, meta) {
		return
	}
	switch {
	case env.kind() == kindCancel && (modern || r.Header.Get(server.HeaderKeySessionID) == ""):
		// Without a session mcp-go would cancel whoever uses the same id. The
		// sender's own way to cancel is to close the connection.
		g.WriteHeader(http.StatusAccepted)
		return
	case !modern:
		begins, over, ok := h.admit(g, r, env)
		if !ok {
			return
		}
		defer over()
		r = begins
	}
	uris := wished(env)
	if !h.heeds(g, r, env, uris, modern) {
		return
	}
	r = r.WithContext(jsonlimits.With(r.Context(), env.excess))
	r.Body = io.NopCloser(bytes.NewReader(env.raw))
	if env.kind() == kindListen {
		h.subscribe(g, r, env.ID, uris)
		return
	}
	h.pass(g, r, env.kind(), len(env.raw))
}

// fits refuses a request whose parameters are wrong. What a modern client says of
// its version is checked by mcp-go, against the header.
func (h *host) fits(g *guard, env envelope, meta *mcp.Meta) bool {
	if g.modern {
		meta = nil
	}
	d := vet(env, meta)
	switch {
	case d == nil:
		return true
	case g.modern || d.Code == mcp.UNSUPPORTED_PROTOCOL_VERSION:
		g.answer(http.StatusBadRequest, *d)
	default:
		g.answer(http.StatusOK, *d)
	}
	return false
}

// admit passes a message of an older revision: one of a session, any where there
// are no sessions, or one that begins a session, with a place that over gives
// back if none comes of it.
func (h *host) admit(g *guard, r *http.Request, env envelope) (_ *http.Request, over func(), ok bool) {
	over = func() {}
	switch {
	case h.o.Stateless:
		return r, over, h.unbound(g, env)
	case env.Method != mcp.MethodInitialize:
		one, ok := h.member(g, r)
		return r, func() { h.ids.leave(one) }, ok
	}
	place, ok := h.begin()
	if !ok {
		g.busy(fault{codeBusy, "there are too many sessions, and all of them are in use; end one with DELETE, or try again later"})
		return r, over, false
	}
	r, over = h.ids.arrive(r, place)
	return r, over, true
}

// heeds notes what a message subscribes to, or refuses it.
func (h *host) heeds(g *guard, r *http.Request, env envelope, uris []string, modern bool) bool {
	bad, status := h.Feed.refuses(env, uris), http.StatusOK
	if modern {
		status = http.StatusBadRequest // MCP 2026-07-28, Streamable HTTP
	} else if w := h.ids.watch(r.Header.Get(server.HeaderKeySessionID)); bad == nil && w != nil {
		bad = w.heed(env, uris)
	}
	if bad != nil {
		g.refuse(status, *bad)
	}
	return bad == nil
}

// pass gives the message to mcp-go, in its turn.
func (h *host) pass(g *guard, r *http.Request, k kind, size int) {
	switch k {
	case kindCall:
		place, ok := h.calls.take(size)
		if ok {
			ctx, cancel := context.WithTimeout(r.Context(), h.o.MaxWait)
			defer cancel()
			ok = place.wait(ctx) == nil
		}
		if !ok {
			g.busy(faultBusy)
			return
		}
		defer place.release()
		h.until(h.base, g, g.telling(r))
		if h.base.Err() != nil { // mcp-go leaves a cancelled request without an answer
			g.end(http.StatusServiceUnavailable, fault{codeBusy, "the server stopped before the call was done; its outcome is unknown"})
		}
	default:
		h.stream.ServeHTTP(g, r)
	}
}

// until lets mcp-go serve a request, which is cancelled when limit ends.
func (h *host) until(limit context.Context, g *guard, r *http.Request) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(limit, cancel)()
	h.stream.ServeHTTP(g, r.WithContext(ctx))
}

// subscribe serves one subscriptions/listen.
func (h *host) subscribe(g *guard, r *http.Request, id json.RawMessage, uris []string) {
	w := h.Feed.join()
	defer h.Feed.leave(w)
	w.listen(id, uris, true) // the stream is open once its acknowledgement is out
	h.listen(h.base, g, g.telling(r), w)
}

// listen lets mcp-go serve a response that stays open until one side closes it or
// life ends, and writes what changed of the resources in w beside it.
func (h *host) listen(life context.Context, g *guard, r *http.Request, w *watch) {
	place, ok := h.stand(g)
	if !ok {
		return
	}
	defer place.release()
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(life, cancel)()
	go w.stream(ctx, g)
	h.until(h.closing, g, r.WithContext(ctx))
}

// stand takes a place among the open streams, or refuses.
func (h *host) stand(g *guard) (*place, bool) {
	place, ok := h.streams.take(0)
	if !ok {
		g.busy(fault{codeBusy, "there are too many open streams; try again later"})
	}
	return place, ok
}

// member passes requests of a session we started, which is in use until it is
// left, and refuses others as the specification asks (MCP 2025-03-26, Session
// Management).
func (h *host) member(g *guard, r *http.Request) (*liveSession, bool) {
	id := r.Header.Get(server.HeaderKeySessionID)
	if id == "" {
		g.refuse(http.StatusBadRequest, fault{mcp.INVALID_REQUEST, "no Mcp-Session-Id header; send initialize first"})
		return nil, false
	}
	one, ok := h.ids.enter(id, owner(r.Context()))
	if !ok {
		g.refuse(http.StatusNotFound, fault{mcp.INVALID_REQUEST, "the session is unknown or has ended; send initialize again"})
	}
	return one, ok
}
