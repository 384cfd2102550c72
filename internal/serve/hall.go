package serve

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/server"
	"golang.org/x/time/rate"

	"github.com/vennio-mcp/vennio-mcp/internal/access"
)

// Tenant is one MCP server of several behind one listener. Nothing passes from
// one to another.
type Tenant struct {
	Server *server.MCPServer
	Feed   *Feed                  // of its changed resources; one of its own where nil
	Writes func(tool string) bool // the tools that need the scope to book; nil: none
	Rate   float64                // as HTTPOptions.Rate; 0: that
	Close  func()                 // called once it is served no more; may be nil
}

// hall is what the servers behind one listener share.
type hall struct {
	o       HTTPOptions
	http    *http.Server
	door    door
	calls   *gate         // running calls, over all clients
	streams *gate         // open streams, over all clients
	rate    *rate.Limiter // of all; nil: any

	base    context.Context // ends when calls must be abandoned
	closing context.Context // ends when streams must close
	quit    func()

	rooms sync.Mutex
	hosts map[string]*host // by tenant
}

// newHall opens with one server for all, or with none where tenants come with
// their first call.
func newHall(base context.Context, s *server.MCPServer, o HTTPOptions) *hall {
	l := &hall{
		o: o, base: base,
		door:    door{hosts: o.AllowedHosts, origins: o.AllowedOrigins},
		calls:   newGate(o.MaxCalls, 4*o.MaxCalls, 16*o.MaxBody),
		streams: newGate(o.MaxSessions, 0, 0),
		rate:    limiter(o.RateAll),
		hosts:   make(map[string]*host),
	}
	if o.Open != nil {
		o.Open("sessions", l.sessions)
		o.Open("streams", l.streams.taken)
	}
	l.closing, l.quit = context.WithCancel(base)
	l.http = newServer(l)
	if o.Tenant == nil {
		l.hosts[""] = l.newHost(Tenant{Server: s, Feed: o.Feed}, l.calls, o.MaxSessions)
	}
	return l
}

// sessions counts those of Streamable HTTP, over all tenants.
func (l *hall) sessions() (n int) {
	l.rooms.Lock()
	defer l.rooms.Unlock()
	for _, h := range l.hosts {
		n += h.ids.count()
	}
	return n
}

// of is the server of a caller's tenant, made when it is first called.
func (l *hall) of(ctx context.Context, c access.Caller) (*host, error) {
	l.rooms.Lock()
	defer l.rooms.Unlock()
	name := c.Tenant
	if l.o.Tenant == nil {
		name = ""
	}
	if h := l.hosts[name]; h != nil {
		h.visitors++
		return h, nil
	}
	if len(l.hosts) >= l.o.MaxTenants && !l.dismiss() {
		return nil, errBusy
	}
	t, err := l.o.Tenant(ctx, c)
	if err != nil {
		return nil, err
	}
	if t.Feed == nil {
		t.Feed = NewFeed(nil)
	}
	h := l.newHost(t, l.calls.share(max(1, l.o.MaxCalls/2)), max(1, l.o.MaxSessions/4))
	h.visitors++
	l.hosts[name] = h
	return h, nil
}

// left: a request that of let in is over.
func (l *hall) left(h *host) {
	l.rooms.Lock()
	defer l.rooms.Unlock()
	h.visitors--
}

// dismiss closes the server of a tenant whom nobody calls and who has no session.
func (l *hall) dismiss() bool {
	for name, h := range l.hosts {
		if h.visitors == 0 && h.ids.count() == 0 {
			delete(l.hosts, name)
			h.end(l.base)
			return true
		}
	}
	return false
}

// end stops a server that no request is at any more.
func (h *host) end(ctx context.Context) {
	_ = h.stream.Shutdown(ctx) // ends what mcp-go does by itself
	if h.Close != nil {
		h.Close()
	}
}

// stopServing lets open requests end; streams that listen are closed again and
// again, as one may have opened the moment before.
func (l *hall) stopServing(ctx context.Context) error {
	const again = 5 * time.Millisecond
	done := make(chan error, 1)
	go func() { done <- l.http.Shutdown(ctx) }()
	tick := time.NewTicker(again)
	defer tick.Stop()
	for {
		l.closeSessions(ctx)
		select {
		case err := <-done:
			return err
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

func (l *hall) closeSessions(ctx context.Context) {
	l.rooms.Lock()
	defer l.rooms.Unlock()
	for _, h := range l.hosts {
		h.stream.CloseSessions(ctx)
	}
}

// endAll stops every server.
func (l *hall) endAll(ctx context.Context) {
	l.rooms.Lock()
	defer l.rooms.Unlock()
	for _, h := range l.hosts {
		h.end(ctx)
	}
}
