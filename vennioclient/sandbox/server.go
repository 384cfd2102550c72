package sandbox

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Options configures New. The zero value is valid.
type Options struct {
	// Now is the sandbox's clock; nil means time.Now.
	Now func() time.Time
	// Seed determines the calendars: the same seed generates the same events on the same dates.
	Seed int64
	// RateLimitPerHour is the number of calls per key and hour: 0 means 1000, less than 0 no limit.
	RateLimitPerHour int
	// Wait is the wait of SlowNext and of the retries of deliveries; nil means a timer. It
	// must return an error when its context ends.
	Wait func(context.Context, time.Duration) error
	// PublicURL is the URL of the sandbox for browsers. It is used for checkout_url, and its
	// host is allowed as Host. "" means the address of the request.
	PublicURL string
	// Storage keeps the account, so that it outlives the process and several processes can share
	// it. nil keeps it in memory.
	Storage Storage
}

// Server is one simulated Vennio account. It is an http.Handler and safe for concurrent use.
type Server struct {
	now     func() time.Time
	wait    func(context.Context, time.Duration) error
	seed    int64
	limit   int
	started time.Time
	mux     *http.ServeMux

	publicURL  string
	dispatcher *dispatcher

	storage Storage // nil: the account is kept in memory only

	mu       sync.Mutex   // guards everything below
	data     *accountData // everything that is stored; all else concerns this process only
	revision string       // of the stored account that data was read from or written to

	calls, writes    int
	log              []Request
	faults           []fault
	holds            []chan struct{}
	releases         []func() // of holds requested over HTTP
	hideDescriptions bool
	inProgress       map[string]string // fingerprints of the calls being executed, by idempotency id
	outbox           []delivery
	duplicates       int // number of events still to be delivered twice
	quotas           map[string]quota
}

// New returns the account of Options.Storage, or a new one with three bookable hosts and no
// bookings. The storage is first read at the first call.
func New(o Options) *Server {
	s := &Server{
		now: o.Now, wait: o.Wait, seed: o.Seed, limit: cmp.Or(o.RateLimitPerHour, defaultRateLimit),
		mux: http.NewServeMux(), publicURL: o.PublicURL, storage: o.Storage,
		inProgress: map[string]string{}, quotas: map[string]quota{},
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.wait == nil {
		s.wait = sleep
	}
	s.dispatcher = newDispatcher(s.wait)
	s.started = s.now()
	s.data = newAccount(s.started)
	s.route()
	return s
}

// ServeHTTP answers as Vennio would, or with the next fault. It refuses a request over a
// listener unless its Host is a loopback name, the address of that listener or the host of
// Options.PublicURL. Otherwise a web page could use DNS rebinding to send requests, and to
// have events delivered to programs that listen on this machine.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.allowedHost(r) {
		s.mux.ServeHTTP(w, r)
		return
	}
	controlReply(http.StatusForbidden, struct {
		Error string `json:"error"`
	}{"The Host header names neither a loopback address nor the sandbox's public URL."}).write(w, &call{})
}

func (s *Server) allowedHost(r *http.Request) bool {
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

// Close stops the deliveries of events and waits until none is in progress; pending ones
// fail. The server still answers, but sends no further events.
func (s *Server) Close() { s.dispatcher.close() }

// Flush waits until every event was sent once, or until ctx ends. It does not wait for retries.
func (s *Server) Flush(ctx context.Context) { s.dispatcher.flush(ctx) }

// serve handles one call, including faults.
func (s *Server) serve(op operation, w http.ResponseWriter, r *http.Request) {
	defer s.sendOutbox()
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
		in = s.admitDelayed(op, c, err)
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

// arrive counts and logs a call, assigns its id and its fault, and admits it, in one step: a
// call that Calls counts is in progress.
func (s *Server) arrive(op operation, c *call, unreadable error) (fault, admission) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	s.record(c)
	c.requestID = s.newRequestID()
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

func (s *Server) admitDelayed(op operation, c *call, unreadable error) admission {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.admit(op, c, unreadable)
}

// respond executes an admitted call, after waiting for its hold if there is one.
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
	if !c.isWrite() {
		return s.respondToRead(op, c)
	}
	defer s.releaseKey(c)
	return s.respondToWrite(op, c)
}

func (s *Server) respondToRead(op operation, c *call) (r reply) {
	if err := s.read(func() {
		c.now = s.now()
		r = c.render(op.handle(s, c))
	}); err != nil {
		return c.render(answer{}, err)
	}
	return r
}

func (s *Server) respondToWrite(op operation, c *call) (r reply) {
	if err := s.change(func() bool {
		c.now = s.now()
		stored, err := s.storedReply(c) // another process may have answered the same call meanwhile
		if stored != nil {
			r = *stored
			return false
		}
		var done answer
		if err == nil {
			done, err = op.handle(s, c)
		}
		r = c.render(done, err)
		if done.changed {
			s.writes++
		}
		if err == nil && c.idempotencyKey != "" {
			s.storeReply(c, r)
			return true
		}
		return done.changed
	}); err != nil {
		return c.render(answer{}, err)
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

// operation is one operation of the API.
type operation struct {
	pattern string
	scope   string // required scope of the key, or ""
	public  bool   // whether it works without a key
	handle  func(*Server, *call) (answer, error)
}

// operations returns the operations of the API. Handlers run one at a time, with s.mu held.
func operations() []operation {
	return []operation{
		{"GET /v1/availability/slots", scopeReadAvailability, true, (*Server).slots},
		{"GET " + pathNext, scopeReadAvailability, true, (*Server).nextSlot},
		{"GET " + pathMutual, scopeReadAvailability, false, (*Server).mutualSlots},
		{"POST /v1/bookings", scopeCreateBooking, false, (*Server).createBooking},
		{"GET /v1/bookings", scopeReadBookings, false, (*Server).listBookings},
		{"GET " + pathBooking, scopeReadBookings, false, (*Server).readBooking},
		{"PATCH " + pathBooking, scopeUpdateBooking, false, (*Server).updateBooking},
		{"DELETE " + pathBooking, scopeCancelBooking, false, (*Server).cancelBooking},
		{"GET /v1/booking-series", scopeReadBookings, false, (*Server).listSeries},
		{"GET " + pathSeries, scopeReadBookings, false, (*Server).readSeries},
		{"GET /v1/teams/{id}/availability", scopeReadAvailability, false, (*Server).teamAvailability},
		{"GET /v1/consents", scopeReadConsents, false, (*Server).listConsents},
		{"POST /v1/consents", scopeManageConsents, false, (*Server).createConsent},
		{"GET " + pathConsent, scopeReadConsents, false, (*Server).readConsent},
		{"DELETE " + pathConsent, scopeManageConsents, false, (*Server).revokeConsent},
		{"POST /v1/webhooks", scopeManageWebhooks, false, (*Server).createWebhook},
		{"GET /v1/webhooks", scopeManageWebhooks, false, (*Server).listWebhooks},
		{"DELETE " + pathWebhook, scopeManageWebhooks, false, (*Server).deleteWebhook},
		{"GET /v1/hosts", scopeReadHosts, false, (*Server).listHosts},
		{"GET /v1/me", scopeReadHosts, false, (*Server).me},
		{"POST /v1/proposals", scopeProposals, false, (*Server).createProposal},
		{"GET /v1/proposals", scopeReadProposals, false, (*Server).listProposals},
		{"GET /v1/proposals/by-token", "", true, (*Server).proposalByToken},
		{"GET " + pathProposal, scopeReadProposals, false, (*Server).readProposal},
		{"POST " + pathProposal + "/response", "", true, (*Server).respondToProposal},
		{"POST " + pathProposal + "/cancel", scopeProposals, false, (*Server).cancelProposal},
		{"POST " + pathClose, scopeProposals, false, (*Server).closeProposal},
		{"GET " + pathICS, "", true, (*Server).proposalICS},
		{"POST /v1/venn-links", scopeVennLinks, false, (*Server).createVennLink},
		{"GET /v1/venn-links", scopeVennLinks, false, (*Server).listVennLinks},
		{"POST " + pathBookLink, scopeCreateBooking, true, (*Server).bookVennLink},
		{"GET /v1/calendars", scopeReadCalendars, false, (*Server).calendars},
		{"POST /v1/calendars/sync", scopeSyncCalendars, false, (*Server).syncCalendars},
		{"/", "", true, (*Server).unknownOperation},
	}
}

func (s *Server) route() {
	for _, op := range operations() {
		s.mux.HandleFunc(op.pattern, func(w http.ResponseWriter, r *http.Request) {
			if op.pattern == "/" && (r.Method == http.MethodGet || r.Method == http.MethodHead) && r.URL.Path == "/" && acceptsHTML(r) {
				s.showIndex(w, r)
				return
			}
			s.serve(op, w, r)
		})
	}
	s.mux.HandleFunc("GET /_sandbox/state", s.state)
	s.mux.HandleFunc("POST /_sandbox/{order}", s.control)
	s.mux.HandleFunc("GET /checkout/{id}", s.showCheckout)
	s.mux.HandleFunc("POST /checkout/{id}", s.answerCheckout)
}

func (s *Server) unknownOperation(c *call) (answer, error) {
	return answer{}, refuse(notFound, "There is no operation "+c.method+" "+c.request.URL.Path+".")
}

// admission is the result of the checks before a call is executed.
type admission struct {
	stored *reply        // the answer to an earlier call under the same idempotency key
	hold   chan struct{} // if not nil, wait for it before the call
	err    error
}

// admit checks key, rate and scope, and reserves the idempotency key of a write. The caller must hold s.mu.
func (s *Server) admit(op operation, c *call, unreadable error) (in admission) {
	c.now = s.now()
	if in.err = unreadable; in.err != nil {
		return in
	}
	if in.err = s.identify(op, c); in.err != nil {
		return in
	}
	if in.err = s.checkRate(c.caller.token, c.now, c.header); in.err != nil {
		return in
	}
	if in.err = c.caller.requireScope(op.scope); in.err != nil || !c.isWrite() {
		return in
	}
	if in.stored, in.err = s.reserveKey(c); in.err != nil || in.stored != nil {
		return in
	}
	if len(s.holds) > 0 {
		in.hold, s.holds = s.holds[0], s.holds[1:]
	}
	return in
}

// identify sets the caller. Without a key only public operations are allowed.
func (s *Server) identify(op operation, c *call) (err error) {
	if c.caller, err = callerOf(c.request); err != nil || op.public {
		return err
	}
	if err = c.caller.requireKey(); err != nil && strings.Contains(op.pattern, " /v1/proposals") {
		return refuse(authRequired, "")
	}
	return err
}

// newRequestID returns the id of the newest counted call of this process. The caller must hold s.mu.
func (s *Server) newRequestID() string {
	d := sha256.Sum256(fmt.Appendf(nil, "request %d/%d/%d", s.seed, s.started.UnixNano(), s.calls))
	return "req_" + hex.EncodeToString(d[:12])
}

// digest returns a new value on each call. The sequence depends on the seed and on when the
// account was created. It is part of the account: only s.change may call what calls it.
func (s *Server) digest() [sha256.Size]byte {
	s.data.Serial++
	return sha256.Sum256(fmt.Appendf(nil, "%d/%d/%d", s.seed, s.data.Created.UnixNano(), s.data.Serial))
}

// uuid returns a new UUID. The caller must hold s.mu.
func (s *Server) uuid() string {
	d := s.digest()
	d[6], d[8] = d[6]&0x0f|0x40, d[8]&0x3f|0x80 // version 4, variant of RFC 9562
	return fmt.Sprintf("%x-%x-%x-%x-%x", d[0:4], d[4:6], d[6:8], d[8:10], d[10:16])
}

// tag returns a new id: a prefix and 24 hexadecimal digits. The caller must hold s.mu.
func (s *Server) tag(kind string) string {
	d := s.digest()
	return kind + hex.EncodeToString(d[:12])
}
