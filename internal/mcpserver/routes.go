package mcpserver

import (
	"cmp"
	"log/slog"
	"net/http"
	"path"
	"strings"
	"sync"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
	"github.com/rs/zerolog"
	"golang.org/x/time/rate"

	"github.com/vennio-mcp/vennio-mcp/internal/auth"
)

// host is the HTTP side of one MCP server: that of one tenant.
type host struct {
	*hall
	Tenant
	stream   *server.StreamableHTTPServer
	ids      *sessionIDs
	bounds                 // its share
	by       *bringer      // whose key it is; nil: the operator's
	room     *place        // among the tenants; nil where there is but one
	rate     *rate.Limiter // of the tenant; nil: any
	visitors int           // requests that are here now; of the hall's lock

	mu    sync.Mutex
	peers map[string]*peer // clients on SSE, by session id
}

func (h *hall) newHost(t Tenant, share bounds) *host {
	one := &host{
		hall: h, Tenant: t, bounds: share,
		ids:   newSessionIDs(t.Feed),
		rate:  limiter(cmp.Or(t.Rate, h.o.Rate)),
		peers: make(map[string]*peer),
	}
	keeping := server.WithSessionIdManagerResolver(one.ids)
	if h.o.Stateless {
		keeping = server.WithStateLess(true)
	}
	one.stream = server.NewStreamableHTTPServer(t.Server, keeping,
		server.WithHTTPContextFunc(tellers(t.Server)),
		server.WithDisableLocalhostProtection(true), // the door knows more hosts
		server.WithHeartbeatInterval(h.o.KeepAlive),
		server.WithStreamableHTTPLogger(slog.New(zerolog.NewSlogHandler(h.o.Log.Level(zerolog.WarnLevel)))),
	)
	return one
}

func (h *hall) routes() http.Handler {
	mux := newRouter()
	mux.handle("/mcp", at(h.known((*host).mcp), http.MethodPost, http.MethodGet, http.MethodDelete))
	if h.o.Stateless {
		mux.handle("/sse", at(noStreams))
		mux.handle("/message", at(noStreams))
	} else {
		mux.handle("/sse", at(h.known((*host).sse), http.MethodGet))
		mux.handle("/message", at(h.known((*host).message), http.MethodPost))
	}
	mux.handle("/healthz", at(healthz, http.MethodGet, http.MethodHead))
	mux.handle("/readyz", at(h.readyz, http.MethodGet, http.MethodHead))
	for pattern, page := range h.o.Pages {
		mux.handle(pattern, asPage(at(h.leafed(page, limiter(h.o.RatePage)), http.MethodGet, http.MethodHead, http.MethodPost)))
	}
	for pattern, page := range h.o.Deliveries {
		mux.handle(pattern, asPage(at(h.leafed(page, nil), http.MethodGet, http.MethodHead, http.MethodPost)))
	}
	if h.o.Metrics != nil {
		mux.handle("/metrics", at(h.metrics, http.MethodGet, http.MethodHead))
	}
	if h.o.Access != nil && h.o.Access.Metadata() != nil {
		describe := at(func(g *guard, r *http.Request) { h.o.Access.Metadata().ServeHTTP(g, r) }, http.MethodGet, http.MethodHead)
		mux.handle(auth.MetadataPath, describe)
		mux.handle(auth.MetadataPath+"/mcp", describe)
		mux.handle(auth.MetadataPath+"/sse", describe)
	}
	mux.handle("/", at(notFound))
	return mux
}

// router is a mux that serves each endpoint under every spelling of its path, such
// as /mcp/ and //mcp. net/http would answer those with 404 or a redirect, and MCP
// clients do not send a POST again after a redirect, or send it as a GET.
type router struct {
	mux   *http.ServeMux
	exact map[string]bool
}

func newRouter() router { return router{http.NewServeMux(), make(map[string]bool)} }

func (t router) handle(pattern string, h http.Handler) {
	t.mux.Handle(pattern, h)
	t.exact[pattern] = !strings.HasSuffix(pattern, "/")
}

func (t router) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if clean := path.Clean(r.URL.Path); clean != r.URL.Path && t.exact[clean] {
		u := *r.URL
		u.Path, u.RawPath = clean, ""
		r = r.WithContext(r.Context())
		r.URL = &u
	}
	t.mux.ServeHTTP(w, r)
}

// asPage marks the responses of a page, which no other origin may read.
func asPage(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.(*guard).page = true
		next.ServeHTTP(w, r)
	})
}

// leafed serves a page, at the pace that all callers together have; nil: at any.
// Each page has a pace of its own, so that requests to one do not slow another.
func (h *hall) leafed(page http.Handler, pace *rate.Limiter) func(*guard, *http.Request) {
	return func(g *guard, r *http.Request) {
		if paced(g, pace) && g.reserve(h.forms, r, h.o.MaxBody) {
			page.ServeHTTP(g, g.timed(r))
		}
	}
}

func notFound(g *guard, _ *http.Request) {
	g.refuse(http.StatusNotFound, fault{
		mcp.INVALID_REQUEST,
		"no such endpoint; there are /mcp (Streamable HTTP), /sse with /message (SSE), /healthz and /readyz",
	})
}

// busy refuses for now.
func (g *guard) busy(f fault) {
	g.Header().Set("Retry-After", "1")
	g.refuse(http.StatusServiceUnavailable, f)
}
