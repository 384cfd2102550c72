package mcpserver

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/server"
	"golang.org/x/time/rate"

	"github.com/vennio-mcp/vennio-mcp/internal/auth"
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
	all     bounds        // over all clients
	keyed   bounds        // over those that bring their Vennio key
	forms   *purse        // memory of the bodies of pages
	rate    *rate.Limiter // of all; nil: any
	crew    *crew         // runs the calls of SSE, over all clients
	verdict verdict       // on readiness

	strangers *rate.Limiter // of answers to those who show no credential of ours; nil: any
	denials   denials

	base    context.Context // ends when calls must be abandoned
	closing context.Context // ends when streams must close
	quit    func()

	rooms    sync.Mutex
	hosts    map[string]*host    // by tenant
	bringers map[string]*bringer // by the caller's name
}

// newHall opens with one server for all, or with none where tenants come with
// their first call.
func newHall(base context.Context, s *server.MCPServer, o HTTPOptions) *hall {
	h := &hall{
		o: o, base: base,
		door:      door{hosts: o.AllowedHosts, origins: o.AllowedOrigins},
		all:       newBounds(o),
		rate:      limiter(o.RateAll),
		crew:      newCrew(base),
		strangers: limiter(o.RateAll), denials: newDenials(),
		hosts:    make(map[string]*host),
		bringers: make(map[string]*bringer),
	}
	h.keyed = h.all.ofKeys(o.MaxTenants)
	h.forms = h.all.bodies.part(1, 4)
	if o.Open != nil {
		o.Open("sessions", h.all.sessions.taken)
		o.Open("streams", h.all.streams.taken)
	}
	h.closing, h.quit = context.WithCancel(base)
	h.http = newServer(h)
	if o.Tenant == nil {
		h.hosts[""] = h.newHost(Tenant{Server: s, Feed: o.Feed}, h.all)
	}
	return h
}

// of is the server of a caller's tenant, made when it is first called.
func (h *hall) of(ctx context.Context, c auth.Caller) (*host, error) {
	h.rooms.Lock()
	defer h.rooms.Unlock()
	name := c.Tenant
	if h.o.Tenant == nil {
		name = ""
	}
	if one := h.hosts[name]; one != nil {
		one.visitors++
		return one, nil
	}
	by, share := h.shareOf(c)
	room, err := h.room(by, share.tenants)
	if err != nil {
		return nil, err
	}
	t, err := h.o.Tenant(ctx, c)
	if err != nil {
		room.release()
		return nil, err
	}
	if t.Feed == nil {
		t.Feed = NewFeed(nil)
	}
	one := h.newHost(t, share)
	one.by, one.room = by, room
	one.visitors++
	h.hosts[name] = one
	return one, nil
}

// left: a request that of let in is over.
func (h *hall) left(one *host) {
	h.rooms.Lock()
	defer h.rooms.Unlock()
	one.visitors--
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
func (h *hall) stopServing(ctx context.Context) error {
	const again = 5 * time.Millisecond
	done := make(chan error, 1)
	go func() { done <- h.http.Shutdown(ctx) }()
	tick := time.NewTicker(again)
	defer tick.Stop()
	for {
		h.closeSessions(ctx)
		select {
		case err := <-done:
			return err
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

func (h *hall) closeSessions(ctx context.Context) {
	h.rooms.Lock()
	defer h.rooms.Unlock()
	for _, one := range h.hosts {
		one.stream.CloseSessions(ctx)
	}
}

// endAll stops every server.
func (h *hall) endAll(ctx context.Context) {
	h.rooms.Lock()
	defer h.rooms.Unlock()
	for _, one := range h.hosts {
		one.end(ctx)
	}
}
