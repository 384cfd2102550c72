package sandbox

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Options change what New makes. The zero value works.
type Options struct {
	// Now is the sandbox's clock; nil means time.Now.
	Now func() time.Time
	// Seed chooses the calendars: the same seed makes the same events on the same dates.
	Seed int64
	// RateLimitPerHour is how many calls a key has an hour: 0 means 1000, less than 0 no limit.
	RateLimitPerHour int
	// Wait is how SlowNext and the retries of deliveries pass the time; nil waits
	// in earnest. It must return early, with an error, when its context ends.
	Wait func(context.Context, time.Duration) error
	// PublicURL is where a person's browser finds the sandbox, for checkout_url, and
	// whose host is allowed as Host. "" is the address at which the caller did.
	PublicURL string
}

// Server is one simulated Vennio account. It is an http.Handler and safe for concurrent use.
type Server struct {
	now   func() time.Time
	wait  func(context.Context, time.Duration) error
	seed  int64
	limit int
	born  time.Time
	mux   *http.ServeMux

	publicURL string
	courier   *courier

	mu               sync.Mutex // guards everything below
	serial           int        // of ids given out
	calls, writes    int
	log              []Request
	faults           []fault
	holds            []chan struct{}
	releases         []func() // of holds asked for over HTTP
	hideDescriptions bool
	disconnected     map[string]bool   // by host id
	taken            map[string][]span // by host id
	bookings         []*Booking        // in order of creation
	consents         []*consent        // in order of creation
	webhooks         []*Webhook        // in order of creation
	outbox           []delivery
	duplicates       int                  // events still to be delivered twice
	checkouts        map[string]*checkout // by booking id
	onces            map[string]*once
	quotas           map[string]quota
	swept            time.Time // when old idempotency keys were last dropped
}

// New returns an account with three bookable hosts and no bookings.
func New(o Options) *Server {
	s := &Server{
		now: o.Now, wait: o.Wait, seed: o.Seed, limit: o.RateLimitPerHour,
		mux: http.NewServeMux(), publicURL: o.PublicURL, checkouts: map[string]*checkout{},
		disconnected: map[string]bool{}, taken: map[string][]span{},
		onces: map[string]*once{}, quotas: map[string]quota{},
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.wait == nil {
		s.wait = sleep
	}
	if s.limit == 0 {
		s.limit = defaultRateLimit
	}
	for _, h := range hosts {
		s.disconnected[h.ID] = !h.Connected
	}
	s.courier = newCourier(s.wait)
	s.born = s.now()
	s.consents = firstConsents(s.born)
	s.route()
	return s
}

// ServeHTTP answers as Vennio would, or fails as it was told to. A request that
// came over a listener is refused unless its Host is a loopback name, the address of
// that listener or the host of Options.PublicURL: a web page whose name was made to
// point here (DNS rebinding) could otherwise send requests, and have events
// delivered to whatever listens on this machine.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.knows(r) {
		s.mux.ServeHTTP(w, r)
		return
	}
	controlReply(http.StatusForbidden, struct {
		Error string `json:"error"`
	}{"The Host header names neither a loopback address nor the sandbox's public URL."}).write(w, &call{})
}

func (s *Server) knows(r *http.Request) bool {
	listener, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok {
		return true // called by Go code, not over the network
	}
	asked := url.URL{Host: r.Host}
	host := asked.Hostname()
	if ip, err := netip.ParseAddr(host); err == nil {
		here, err := netip.ParseAddrPort(listener.String())
		return ip.Unmap().IsLoopback() || err == nil && ip.Unmap() == here.Addr().Unmap()
	}
	public, err := url.Parse(s.publicURL)
	return strings.EqualFold(host, "localhost") || err == nil && host != "" && strings.EqualFold(host, public.Hostname())
}

// Close stops the deliveries of events and waits until none is left; those on
// their way have failed. The server still answers, and tells nobody.
func (s *Server) Close() { s.courier.close() }

// serve takes one call from its arrival to its answer, faults included.
func (s *Server) serve(op operation, w http.ResponseWriter, r *http.Request) {
	defer s.dispatch()
	c, err := receive(w, r)
	f, in := s.arrive(op, c, err)
	switch f.kind {
	case faultDrop:
		hangUp(w)
		return
	case faultFail:
		f.reply(c).write(w, c)
		return
	case faultSlow:
		if s.wait(r.Context(), f.delay) != nil {
			hangUp(w)
			return
		}
		in = s.admitLate(op, c, err)
	default:
	}
	answered := s.respond(op, c, in)
	switch f.kind {
	case faultLose:
		hangUp(w)
	case faultTimeOut:
		page(http.StatusGatewayTimeout).write(w, c)
	default:
		answered.write(w, c)
	}
}

// arrive counts and logs a call, gives it an id, finds out what goes wrong with
// it, and admits it, all at once: a call that Calls counts is on its way.
func (s *Server) arrive(op operation, c *call, unreadable error) (fault, admission) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	s.record(c)
	c.requestID = s.tag("req_")
	c.header.Set(requestIDHeader, c.requestID)
	var f fault
	if len(s.faults) > 0 {
		f, s.faults = s.faults[0], s.faults[1:]
	}
	if f.early() {
		return f, admission{}
	}
	return f, s.admit(op, c, unreadable)
}

func (s *Server) admitLate(op operation, c *call, unreadable error) admission {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.admit(op, c, unreadable)
}

// respond does the work of an admitted call, after waiting where a hold is on it.
func (s *Server) respond(op operation, c *call, in admission) reply {
	if in.err != nil {
		return c.render(answer{}, in.err)
	}
	if in.stored != nil {
		return *in.stored
	}
	if in.hold != nil {
		<-in.hold
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c.now = s.now()
	s.lapse(c.now)
	done, err := op.handle(s, c)
	r := c.render(done, err)
	if c.isWrite() {
		s.settle(c, r)
	}
	if done.changed {
		s.writes++
	}
	return r
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}
