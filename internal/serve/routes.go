package serve

import (
	"cmp"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
	"github.com/rs/zerolog"
	"golang.org/x/time/rate"

	"github.com/vennio-mcp/vennio-mcp/internal/access"
)

// host is the HTTP side of one MCP server: that of one tenant.
type host struct {
	*hall
	Tenant
	stream   *server.StreamableHTTPServer
	ids      *sessionIDs
	calls    *gate         // its share of those of all
	streams  *gate         // its share of those of all
	rate     *rate.Limiter // of the tenant; nil: any
	visitors int           // requests that are here now; of the hall's lock

	mu    sync.Mutex
	peers map[string]*peer // clients on SSE, by session id
}

func (h *hall) newHost(t Tenant, calls, streams *gate, sessions int) *host {
	one := &host{
		hall: h, Tenant: t, calls: calls, streams: streams,
		ids:   newSessionIDs(sessions, t.Feed),
		rate:  limiter(cmp.Or(t.Rate, h.o.Rate)),
		peers: make(map[string]*peer),
	}
	keeping := server.WithSessionIdManagerResolver(one.ids)
	if h.o.Stateless {
		keeping = server.WithStateLess(true)
	}
	one.stream = server.NewStreamableHTTPServer(t.Server, keeping,
		server.WithSessionIdleTTL(h.o.SessionTTL),
		server.WithHTTPContextFunc(tellers(t.Server)),
		server.WithDisableLocalhostProtection(true), // the door knows more hosts
		server.WithHeartbeatInterval(h.o.KeepAlive),
		server.WithStreamableHTTPLogger(slog.New(zerolog.NewSlogHandler(h.o.Log.Level(zerolog.WarnLevel)))),
	)
	return one
}

func (h *hall) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/mcp", h.guarded(h.known((*host).mcp), http.MethodPost, http.MethodGet, http.MethodDelete))
	if h.o.Stateless {
		mux.Handle("/sse", h.guarded(noStreams))
		mux.Handle("/message", h.guarded(noStreams))
	} else {
		mux.Handle("/sse", h.guarded(h.known((*host).sse), http.MethodGet))
		mux.Handle("/message", h.guarded(h.known((*host).message), http.MethodPost))
	}
	mux.Handle("/healthz", h.guarded(healthz, http.MethodGet, http.MethodHead))
	mux.Handle("/readyz", h.guarded(h.readyz, http.MethodGet, http.MethodHead))
	for pattern, page := range h.o.Pages {
		mux.Handle(pattern, h.guarded(func(g *guard, r *http.Request) { page.ServeHTTP(g, r) }, http.MethodGet, http.MethodHead, http.MethodPost))
	}
	if h.o.Metrics != nil {
		mux.Handle("/metrics", h.guarded(h.metrics, http.MethodGet, http.MethodHead))
	}
	if h.o.Access != nil && h.o.Access.Metadata() != nil {
		describe := h.guarded(func(g *guard, r *http.Request) { h.o.Access.Metadata().ServeHTTP(g, r) }, http.MethodGet, http.MethodHead)
		mux.Handle(access.MetadataPath, describe)
		mux.Handle(access.MetadataPath+"/mcp", describe)
		mux.Handle(access.MetadataPath+"/sse", describe)
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
func (h *hall) body(g *guard, r *http.Request) ([]byte, bool) {
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
