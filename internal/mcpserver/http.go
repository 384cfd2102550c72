package mcpserver

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
	"github.com/rs/zerolog"
	"golang.org/x/time/rate"

	"github.com/vennio-mcp/vennio-mcp/internal/auth"
)

const (
	idleLimit = 2 * time.Minute // of a connection between requests
	maxHeader = 64 << 10        // bytes
)

// ErrNotLoopback refuses a listener that other machines can reach where callers are
// not authenticated.
var ErrNotLoopback = errors.New("serve http: listens on loopback addresses only, since callers are not authenticated")

// HTTPOptions configures an HTTP server. The zero value selects every default.
type HTTPOptions struct {
	// Pages are served beside the endpoints, behind the same checks of Host and
	// Origin, by the pattern under which they are mounted (net/http.ServeMux).
	Pages map[string]http.Handler

	// Deliveries are served like Pages, but not limited by RatePage: they recognize
	// by a signature the requests that count, and limit the others themselves.
	Deliveries map[string]http.Handler

	// Card is what the server card and the AI catalog say of the program; the zero
	// value: neither is served.
	Card Card
	// PublicURL is the scheme and host by which callers reach this server; empty: each
	// document names those of the request for it.
	PublicURL string

	// Metrics is served at /metrics to this machine and to callers with the scope for
	// it. Without Access everyone is served. It may be nil.
	Metrics http.Handler

	// Access authenticates callers; nil: anyone may call, on loopback alone.
	Access *auth.Checker
	// Tenant makes the server of a caller's tenant when the tenant's first request
	// arrives; nil: one server for all. It is called for one tenant at a time.
	Tenant     func(context.Context, auth.Caller) (Tenant, error)
	MaxTenants int  // tenants at once, of the settings file and, counted separately, of callers' keys; idle ones make room; 256
	MaxKeys    int  // tenants of callers' keys per caller; 8
	Several    bool // there are several tenants: none takes more than half of the calls, or a quarter of sessions and streams

	Also    net.Listener // served too until ctx ends, and closed by HTTP; it may be nil
	TLS     *tls.Config  // nil: clear text
	Proxies int          // number of trusted proxy hops
	Rate    float64      // requests per second of each tenant, twice as many at once; 0: no limit
	RateAll float64      // of all callers together

	// RatePage is how many requests per second each page takes, of all callers
	// together and twice as many at once, since pages need no credentials; 200.
	RatePage float64

	// Unready returns why calls cannot be served at present, for /readyz; nil or no
	// reasons: they can. It is called at most once per second, and its answer is
	// used for a second. While it does not return, the server is reported as not ready.
	Unready func(context.Context) []string
	// Notes returns what /readyz reports in addition, without effect on readiness;
	// nil: nothing. It must not wait.
	Notes func() []string

	// RequestContext adds to the context of calls what they need of their HTTP
	// request, such as the caller's trace; nil: nothing.
	RequestContext func(context.Context, *http.Request) context.Context

	// Stateless: there are no sessions, so any process behind a load balancer answers
	// any request of Streamable HTTP, in every revision of MCP. What needs a session
	// is not served: SSE, the streams of GET, and up to 2025-11-25 subscriptions, log
	// levels and requests to the client.
	Stateless bool

	// Open receives at the start the functions that count what is open: kind is
	// sessions (of Streamable HTTP) or streams (of both transports). It may be nil.
	Open func(kind string, count func() int)

	AllowedHosts   []string       // further names for the Host header, as "name" or "name:port"; loopback names are always allowed
	AllowedOrigins []string       // further values for the Origin header, as "https://name:port"; loopback origins are always allowed
	MaxBody        int            // longest request body in bytes; 4 MiB
	MaxBodies      int            // bytes of all bodies that are read or answered at once, and 256 more for each JSON value in them; half of it for one tenant of several, a quarter for pages; 256 MiB, and never under 8 bodies of MaxBody
	MaxCalls       int            // calls running at once, over all clients; 64
	MaxWait        time.Duration  // how long a call waits for its turn before it is refused; 2 s
	MaxSessions    int            // sessions of Streamable HTTP, of which the longest idle one ends to make room, and open streams of both transports, each; 4096
	SessionTTL     time.Duration  // idle timeout of a session: without a call or a stream under way; 1 h
	HeaderTime     time.Duration  // how long the headers of a request may take, and the TLS handshake; 10 s
	BodyTime       time.Duration  // how long a body may take, from the end of the headers; 30 s
	WriteTime      time.Duration  // how long one write may take to a client that reads slowly; 30 s
	KeepAlive      time.Duration  // between comments on a quiet stream; 25 s, as proxies close at 30 or 60
	Subscriptions  *Subscriptions // to resources; nil: a new one, which notifies nobody
	Log            zerolog.Logger
}

func (o HTTPOptions) withDefaults() HTTPOptions {
	o.MaxBody = cmp.Or(o.MaxBody, 4<<20)
	o.MaxBodies = max(cmp.Or(o.MaxBodies, 256<<20), 8*int(bodyMemory(int64(o.MaxBody), maxValues(int64(o.MaxBody)))))
	o.MaxCalls = cmp.Or(o.MaxCalls, 64)
	o.MaxWait = cmp.Or(o.MaxWait, 2*time.Second)
	o.MaxSessions = cmp.Or(o.MaxSessions, 4096)
	o.SessionTTL = cmp.Or(o.SessionTTL, time.Hour)
	o.RatePage = cmp.Or(o.RatePage, 200)
	o.MaxTenants = cmp.Or(o.MaxTenants, 256)
	o.MaxKeys = cmp.Or(o.MaxKeys, 8)
	o.HeaderTime = cmp.Or(o.HeaderTime, 10*time.Second)
	o.BodyTime = cmp.Or(o.BodyTime, 30*time.Second)
	o.WriteTime = cmp.Or(o.WriteTime, 30*time.Second)
	o.KeepAlive = cmp.Or(o.KeepAlive, 25*time.Second)
	if o.RequestContext == nil {
		o.RequestContext = func(ctx context.Context, _ *http.Request) context.Context { return ctx }
	}
	return o
}

// Tenant is one MCP server of several behind one listener. They share no state.
type Tenant struct {
	Server        *server.MCPServer
	Subscriptions *Subscriptions         // to its resources; nil: a new one
	Skills        func() []Skill         // of the skills extension, which Server must declare; nil: it does not
	Writes        func(tool string) bool // reports the tools that need the scope to book; nil: none
	Rate          float64                // as HTTPOptions.Rate; 0: that
	Close         func()                 // called when it is no longer served; may be nil
}

// httpServer is what the tenants behind one listener share.
type httpServer struct {
	o       HTTPOptions
	http    *http.Server
	policy  hostPolicy
	limits  limits
	denials denials
	ready   readiness

	documents *rate.Limiter // of requests for the server card and the AI catalog

	base    context.Context // ends when calls must be abandoned
	closing context.Context // ends when streams must close
	quit    func()

	mu      sync.Mutex
	tenants map[string]*tenantServer // by name
	callers map[string]*apiKeyCaller // by name
}

type tenantServer struct {
	*httpServer
	Tenant

	quotas   quotas
	limit    *limiter // of calls
	rate     *rate.Limiter
	sessions sessionStore
	streams  sseStreams

	by       *apiKeyCaller // whose key it is; nil: the operator's
	counted  []*counter    // of tenants; nil where there is but one
	requests int           // under way; guarded by the lock of httpServer
}

// HTTP serves s on ln, or each caller's own server where o.Tenant is set. Unless
// o.Access authenticates callers, ln must be a loopback address ([ErrNotLoopback]).
// It serves Streamable HTTP at /mcp, SSE at /sse and /message, liveness at
// /healthz and readiness at /readyz.
//
// Every request must name an allowed Host, and an allowed Origin if any; a refusal
// is a JSON-RPC error with a fitting HTTP status. When ctx ends, no more calls are
// accepted, open streams are closed as soon as their calls are answered, and calls
// get four seconds; meanwhile /readyz reports why the server is not ready. HTTP
// returns nil within five seconds. It closes ln. An error means that ln failed.
func HTTP(ctx context.Context, ln net.Listener, s *server.MCPServer, o HTTPOptions) error {
	if o.Also != nil {
		defer func() { _ = o.Also.Close() }()
	}
	if !auth.LoopbackHost(hostOf(ln.Addr().String())) && (o.Access == nil || !o.Access.Required()) {
		_ = ln.Close()
		return fmt.Errorf("%w, not on %s", ErrNotLoopback, ln.Addr())
	}
	base, abandon := context.WithCancel(context.WithoutCancel(ctx))
	defer abandon()
	h := newHTTPServer(base, s, o.withDefaults())
	defer func() { _ = ln.Close() }()
	go h.endIdleSessions(base)
	if o.Also != nil {
		go func() { _ = h.http.Serve(drainListener{o.Also, o.TLS}) }()
	}
	var broken error
	returned := make(chan struct{})
	go func() {
		defer close(returned)
		broken = h.http.Serve(drainListener{ln, o.TLS})
	}()
	select {
	case <-returned:
		h.shutdown(base, abandon)
		return fmt.Errorf("serve http: %w", broken)
	case <-ctx.Done():
	}
	draining := h.serveDraining(drainListener{ln, o.TLS}, returned)
	h.shutdown(base, abandon)
	<-returned
	_ = draining.Close()
	return nil
}

// newHTTPServer starts with one server for all, or with none where the tenants are
// made when they are first called.
func newHTTPServer(base context.Context, s *server.MCPServer, o HTTPOptions) *httpServer {
	h := &httpServer{
		o: o, base: base, policy: hostPolicy{hosts: o.AllowedHosts, origins: o.AllowedOrigins},
		limits: newLimits(o), denials: newDenials(), documents: newRate(o.RatePage),
		tenants: make(map[string]*tenantServer), callers: make(map[string]*apiKeyCaller),
	}
	if o.Open != nil {
		o.Open("sessions", h.limits.process.sessions.taken)
		o.Open("streams", h.limits.process.streams.taken)
	}
	h.closing, h.quit = context.WithCancel(base)
	h.http = &http.Server{
		Handler:           h.secured(h.routes()),
		ReadHeaderTimeout: o.HeaderTime,
		IdleTimeout:       idleLimit,
		MaxHeaderBytes:    maxHeader,
		BaseContext:       func(net.Listener) context.Context { return context.WithoutCancel(base) },
		ErrorLog:          log.New(o.Log.Sample(&zerolog.BurstSampler{Burst: denialBurst, Period: time.Minute}), "", 0), // failed TLS handshakes and the like

		DisableGeneralOptionsHandler: true, // it would answer OPTIONS * to any Host
	}
	h.http.RegisterOnShutdown(h.closeStreams) // a stream never ends by itself, and Shutdown waits for it
	if o.Tenant == nil {
		h.tenants[""] = h.newTenantServer(Tenant{Server: s, Subscriptions: o.Subscriptions}, quotas{h.limits.process})
	}
	return h
}

func (h *httpServer) newTenantServer(made Tenant, q quotas) *tenantServer {
	made.Subscriptions = cmp.Or(made.Subscriptions, NewSubscriptions(nil))
	return &tenantServer{
		httpServer: h, Tenant: made, quotas: q, limit: q.limiter(h.limits.calls), rate: newRate(cmp.Or(made.Rate, h.o.Rate)),
		sessions: sessionStore{live: make(map[string]*httpSession)}, streams: sseStreams{conns: make(map[string]*conn)},
	}
}

func (h *httpServer) routes() http.Handler {
	mux := newRouter()
	mux.handle("/mcp", endpoint(h.authenticated((*tenantServer).streamable), http.MethodPost, http.MethodGet, http.MethodDelete))
	if h.o.Stateless {
		mux.handle("/sse", endpoint(noStreams))
		mux.handle("/message", endpoint(noStreams))
	} else {
		mux.handle("/sse", endpoint(h.authenticated((*tenantServer).sse), http.MethodGet))
		mux.handle("/message", endpoint(h.authenticated((*tenantServer).ssePost), http.MethodPost))
	}
	mux.handle("/healthz", endpoint(healthz, http.MethodGet, http.MethodHead))
	mux.handle("/readyz", endpoint(h.readyz, http.MethodGet, http.MethodHead))
	for pattern, page := range h.o.Pages {
		mux.handle(pattern, h.page(page, newRate(h.o.RatePage)))
	}
	for pattern, page := range h.o.Deliveries {
		mux.handle(pattern, h.page(page, nil))
	}
	if h.o.Card != (Card{}) {
		mux.handle(cardPath, h.document(cardType, h.card))
		mux.handle(wellKnownCard, h.document(cardType, h.card))
		mux.handle(catalogPath, h.document("application/ai-catalog+json", h.catalog))
	}
	if h.o.Metrics != nil {
		mux.handle("/metrics", endpoint(h.metrics, http.MethodGet, http.MethodHead))
	}
	if h.o.Access != nil && h.o.Access.Metadata() != nil {
		metadata := endpoint(func(w *responseWriter, r *http.Request) { h.o.Access.Metadata().ServeHTTP(w, r) }, http.MethodGet, http.MethodHead)
		mux.handle(auth.MetadataPath, metadata)
		mux.handle(auth.MetadataPath+"/mcp", metadata)
		mux.handle(auth.MetadataPath+"/sse", metadata)
	}
	mux.handle("/", endpoint(func(w *responseWriter, _ *http.Request) {
		w.refuse(http.StatusNotFound, &rpcError{
			Code:    mcp.INVALID_REQUEST,
			Message: "no such endpoint; there are /mcp (Streamable HTTP), /sse with /message (SSE), /healthz and /readyz",
		})
	}))
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
