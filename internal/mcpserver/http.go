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
	"time"

	"github.com/mark3labs/mcp-go/server"
	"github.com/rs/zerolog"

	"github.com/vennio-mcp/vennio-mcp/internal/auth"
)

const (
	idleLimit = 2 * time.Minute // of a connection between requests
	maxHeader = 64 << 10        // bytes
)

// ErrNotLoopback refuses a listener that other machines can reach, where callers
// are not asked who they are.
var ErrNotLoopback = errors.New("serve http: listens on loopback addresses only, since callers are not asked who they are")

// HTTPOptions bounds an HTTP server. The zero value takes every default.
type HTTPOptions struct {
	// Pages are served beside the endpoints, behind the same checks of Host and
	// Origin, by the pattern under which they are mounted (net/http.ServeMux).
	Pages map[string]http.Handler

	// Deliveries are served like Pages, but not at RatePage: they tell by a signature
	// whose requests count, and limit the others themselves.
	Deliveries map[string]http.Handler

	// Metrics is served at /metrics: to this machine itself, and to callers with
	// the scope for it. Without Access everyone is served. It may be nil.
	Metrics http.Handler

	// Access says who calls; nil: anyone may, on loopback alone.
	Access *auth.Checker
	// Tenant makes the server of a caller's tenant, when the first of them calls;
	// nil: one server for all. It is called for one tenant at a time.
	Tenant     func(context.Context, auth.Caller) (Tenant, error)
	MaxTenants int  // at once, of the operator's and, counted apart, of callers' keys; idle ones make room; 256
	MaxKeys    int  // of those of callers' keys: for each caller; 8
	Several    bool // there are several: none takes more than half of the calls, or a quarter of sessions and streams

	TLS     *tls.Config // nil: in clear text
	Proxies int         // how many trusted proxies stand before us
	Rate    float64     // requests a second of each tenant, twice as many at once; 0: any
	RateAll float64     // of all together

	// RatePage is how many requests a second each page takes, of all callers
	// together and twice as many at once, since pages are open to strangers; 200.
	RatePage float64

	// Unready says why calls cannot be served just now, for /readyz; nil or no
	// reasons: they can. It is called at most once a second, and its answer counts
	// for a second. While it does not return, probes hear that we are not ready.
	Unready func(context.Context) []string
	// Notes are what /readyz tells besides, though it keeps nobody from calling; nil:
	// nothing. It must not wait.
	Notes func() []string

	// Stateless: there are no sessions, so any process behind a balancer answers
	// any request of Streamable HTTP, in every revision of MCP. What needs a session
	// is not served: SSE, the streams of GET, and up to 2025-11-25 subscriptions,
	// log levels and questions to the client.
	Stateless bool

	// Open is told at the start how to count what is open: kind is sessions (of
	// Streamable HTTP) or streams (of both transports). It may be nil.
	Open func(kind string, count func() int)

	AllowedHosts   []string      // more names for the Host header, as "name" or "name:port"; loopback names always pass
	AllowedOrigins []string      // more values for the Origin header, as "https://name:port"; loopback origins always pass
	MaxBody        int           // longest request body in bytes; 4 MiB
	MaxBodies      int           // bytes of all bodies that are read or answered at once, and 256 more for each JSON value in them; half of it for one tenant of several, a quarter for pages; 256 MiB, and never under 8 bodies of MaxBody
	MaxCalls       int           // calls running at once, over all clients; 64
	MaxWait        time.Duration // how long a call waits for its turn before it is refused; 2 s
	MaxSessions    int           // sessions of Streamable HTTP, of which the longest idle one ends to make room, and open streams of both transports, each; 4096
	SessionTTL     time.Duration // life of a session without a call or a stream under way; 1 h
	HeaderTime     time.Duration // how long the headers of a request may take, and the TLS handshake; 10 s
	BodyTime       time.Duration // how long a body may take, from the end of the headers; 30 s
	WriteTime      time.Duration // how long one write may take to a client that reads slowly; 30 s
	KeepAlive      time.Duration // between signs of life on a quiet stream; 25 s, as proxies close at 30 or 60
	Feed           *Feed         // of changed resources; one of its own where nil
	Log            zerolog.Logger
}

func (o HTTPOptions) withDefaults() HTTPOptions {
	o.MaxBody = cmp.Or(o.MaxBody, 4<<20)
	o.MaxBodies = max(cmp.Or(o.MaxBodies, 256<<20), 8*int(footprint(int64(o.MaxBody), mostValues(int64(o.MaxBody)))))
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
	o.Feed = cmp.Or(o.Feed, NewFeed(nil))
	return o
}

// HTTP serves s on ln, or each caller's own server where o.Tenant is set. Unless
// o.Access asks callers who they are, ln must be a loopback address
// ([ErrNotLoopback]). There are
// Streamable HTTP at /mcp, SSE at /sse and /message, GET /healthz (the process
// lives) and GET /readyz (it takes calls).
//
// Every request must name an allowed Host, and an allowed Origin if any; a
// refusal is a JSON-RPC error with an HTTP status of its own. When ctx ends, no
// more calls are accepted, open streams are closed as soon as their calls are
// answered, and calls get four seconds; meanwhile /readyz says why we are not
// ready. HTTP returns nil within five seconds. It closes ln. An error means that ln broke.
func HTTP(ctx context.Context, ln net.Listener, s *server.MCPServer, o HTTPOptions) error {
	if !loopbackName(hostOf(ln.Addr().String())) && (o.Access == nil || !o.Access.Asks()) {
		_ = ln.Close()
		return fmt.Errorf("%w, not on %s", ErrNotLoopback, ln.Addr())
	}
	base, abandon := context.WithCancel(context.WithoutCancel(ctx))
	defer abandon()
	h := newHall(base, s, o.withDefaults())
	defer func() { _ = ln.Close() }()
	go h.sweep(base)
	var broken error
	back := make(chan struct{})
	go func() {
		defer close(back)
		broken = h.http.Serve(lease{ln, o.TLS})
	}()
	select {
	case <-back:
		h.shutdown(base, abandon)
		return fmt.Errorf("serve http: %w", broken)
	case <-ctx.Done():
	}
	last := h.farewell(lease{ln, o.TLS}, back)
	h.shutdown(base, abandon)
	<-back
	_ = last.Close()
	return nil
}

// newServer builds the HTTP server around the routes of h.
func newServer(h *hall) *http.Server {
	srv := &http.Server{
		Handler:           h.front(h.routes()),
		ReadHeaderTimeout: h.o.HeaderTime,
		IdleTimeout:       idleLimit,
		MaxHeaderBytes:    maxHeader,
		BaseContext:       func(net.Listener) context.Context { return context.WithoutCancel(h.base) },
		ErrorLog:          log.New(h.o.Log.Sample(&zerolog.BurstSampler{Burst: deniedAtOnce, Period: time.Minute}), "", 0), // failed TLS handshakes and the like

		DisableGeneralOptionsHandler: true, // it would answer OPTIONS * to any Host
	}
	// A stream never ends by itself, and Shutdown waits for it.
	srv.RegisterOnShutdown(h.quit)
	return srv
}

// shutdown lets calls finish within stopLimit and cancels those that remain.
func (h *hall) shutdown(ctx context.Context, abandon context.CancelFunc) {
	limited, cancel := context.WithTimeout(ctx, stopLimit)
	defer cancel()
	defer h.endAll(context.WithoutCancel(ctx))
	if h.stopServing(limited) == nil {
		return
	}
	h.o.Log.Warn().Msg("calls still running were cancelled")
	abandon()
	limited, cancelGrace := context.WithTimeout(context.WithoutCancel(ctx), stopGrace)
	defer cancelGrace()
	_ = h.http.Shutdown(limited)
	_ = h.http.Close()
}
