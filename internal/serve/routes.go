package serve

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
	"github.com/rs/zerolog"
)

// host is the HTTP side of one MCP server.
type host struct {
	o        HTTPOptions
	srv      *server.MCPServer
	http     *http.Server
	stream   *server.StreamableHTTPServer
	door     door
	sessions *sessionIDs
	calls    *gate // running calls, over all clients
	streams  *gate // open streams, over all clients

	base    context.Context // ends when calls must be abandoned
	closing context.Context // ends when streams must close
	quit    func()

	mu    sync.Mutex
	peers map[string]*peer // clients on SSE, by session id
}

func newHost(base context.Context, s *server.MCPServer, o HTTPOptions) *host {
	h := &host{
		o: o, srv: s, base: base,
		door:     door{hosts: o.AllowedHosts, origins: o.AllowedOrigins},
		sessions: newSessionIDs(o.MaxSessions, o.Feed),
		calls:    newGate(o.MaxCalls, 4*o.MaxCalls, 16*o.MaxBody),
		streams:  newGate(o.MaxSessions, 0, 0),
		peers:    make(map[string]*peer),
	}
	if o.Open != nil {
		o.Open("sessions", h.sessions.count)
		o.Open("streams", h.streams.taken)
	}
	h.closing, h.quit = context.WithCancel(base)
	h.http = newServer(h)
	h.stream = server.NewStreamableHTTPServer(s,
		server.WithSessionIdManager(h.sessions),
		server.WithSessionIdleTTL(o.SessionTTL),
		server.WithHTTPContextFunc(tellers(s)),
		server.WithStreamableHTTPServer(h.http),     // so that its Shutdown waits for calls
		server.WithDisableLocalhostProtection(true), // the door knows more hosts
		server.WithHeartbeatInterval(o.KeepAlive),
		server.WithStreamableHTTPLogger(slog.New(zerolog.NewSlogHandler(o.Log.Level(zerolog.WarnLevel)))),
	)
	return h
}

func (h *host) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/mcp", h.guarded(h.mcp, http.MethodPost, http.MethodGet, http.MethodDelete))
	mux.Handle("/sse", h.guarded(h.sse, http.MethodGet))
	mux.Handle("/message", h.guarded(h.message, http.MethodPost))
	mux.Handle("/healthz", h.guarded(healthz, http.MethodGet, http.MethodHead))
	mux.Handle("/readyz", h.guarded(h.readyz, http.MethodGet, http.MethodHead))
	for pattern, page := range h.o.Pages {
		mux.Handle(pattern, h.guarded(func(g *guard, r *http.Request) { page.ServeHTTP(g, r) }, http.MethodGet, http.MethodHead, http.MethodPost))
	}
	mux.Handle("/", h.guarded(notFound))
	return mux
}

func notFound(g *guard, _ *http.Request) {
	g.refuse(http.StatusNotFound, fault{
		mcp.INVALID_REQUEST,
		"no such endpoint; there are /mcp (Streamable HTTP), /sse with /message (SSE), /healthz and /readyz",
	})
}

// body reads a request's body, or refuses it.
func (h *host) body(g *guard, r *http.Request) ([]byte, bool) {
	_ = g.control.SetReadDeadline(time.Now().Add(bodyLimit))
	defer func() { _ = g.control.SetReadDeadline(time.Time{}) }()
	raw, err := io.ReadAll(io.LimitReader(r.Body, int64(h.o.MaxBody)+1))
	switch {
	case err != nil:
		g.refuse(http.StatusBadRequest, fault{mcp.PARSE_ERROR, "the request body could not be read"})
	case len(raw) > h.o.MaxBody:
		g.Header().Set("Connection", "close") // what follows of the body is not read
		g.refuse(http.StatusRequestEntityTooLarge, faultTooLong(h.o.MaxBody))
	default:
		return raw, true
	}
	return nil, false
}

// busy refuses for now.
func (g *guard) busy(f fault) {
	g.Header().Set("Retry-After", "1")
	g.refuse(http.StatusServiceUnavailable, f)
}
