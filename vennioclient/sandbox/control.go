package sandbox

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// order is the body of a POST under /_sandbox/.
type order struct {
	N                 int       `json:"n"`
	Status            int       `json:"status"`
	Slug              string    `json:"slug"`
	RetryAfterSeconds int       `json:"retry_after_seconds"`
	Milliseconds      int       `json:"milliseconds"`
	Host              string    `json:"host"`
	Start             time.Time `json:"start"`
	End               time.Time `json:"end"`
	ConsentID         string    `json:"consent_id"`
	BookingID         string    `json:"booking_id"`
	Hide              bool      `json:"hide"`
	Type              string    `json:"type"`
	Count             int       `json:"count"`
}

// orders are the methods of Server that are available over HTTP.
var orders = map[string]func(*Server, order) error{
	"fail":    (*Server).orderFail,
	"lose":    func(s *Server, o order) error { s.LoseNext(o.N); return nil },
	"timeout": func(s *Server, o order) error { s.TimeOutNext(o.N); return nil },
	"drop":    func(s *Server, o order) error { s.DropNext(o.N); return nil },
	"slow": func(s *Server, o order) error {
		s.SlowNext(o.N, time.Duration(o.Milliseconds)*time.Millisecond)
		return nil
	},
	"calm":         func(s *Server, _ order) error { s.Calm(); return nil },
	"hold":         func(s *Server, _ order) error { s.addRelease(s.HoldNextWrite()); return nil },
	"release":      func(s *Server, _ order) error { s.releaseHolds(); return nil },
	"take":         func(s *Server, o order) error { return s.Take(o.Host, o.Start, o.End) },
	"revoke":       func(s *Server, o order) error { s.Revoke(o.ConsentID); return nil },
	"grant":        func(s *Server, o order) error { return s.Grant(o.Host) },
	"disconnect":   func(s *Server, o order) error { s.Disconnect(o.Host); return nil },
	"pay":          func(s *Server, o order) error { return s.Pay(o.BookingID) },
	"cancel":       func(s *Server, o order) error { return s.Cancel(o.BookingID) },
	"duplicate":    func(s *Server, o order) error { s.DuplicateNext(o.N); return nil },
	"descriptions": func(s *Server, o order) error { s.HideDescriptions(o.Hide); return nil },
}

func (s *Server) orderFail(o order) error {
	if o.Status < http.StatusBadRequest || o.Status > 599 {
		return errors.New("status must be from 400 to 599")
	}
	if o.Slug == "" {
		s.FailNext(o.N, o.Status)
		return nil
	}
	s.FailNextProblem(o.N, o.Status, o.Slug, time.Duration(o.RetryAfterSeconds)*time.Second)
	return nil
}

// addRelease stores the release of a hold that was requested over HTTP.
func (s *Server) addRelease(release func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.releases = append(s.releases, release)
}

func (s *Server) releaseHolds() {
	s.mu.Lock()
	all := s.releases
	s.releases = nil
	s.mu.Unlock()
	for _, release := range all {
		release()
	}
}

// control answers POST /_sandbox/{order}. It refuses web pages, whose requests always have
// an Origin.
func (s *Server) control(w http.ResponseWriter, r *http.Request) {
	ids, err := s.execute(w, r)
	if err != nil {
		controlReply(http.StatusBadRequest, struct {
			Error string `json:"error"`
		}{err.Error()}).write(w, &call{})
		return
	}
	controlReply(http.StatusOK, struct {
		OK  bool     `json:"ok"`
		IDs []string `json:"ids,omitempty"` // of the events emitted
	}{true, ids}).write(w, &call{})
}

func (s *Server) execute(w http.ResponseWriter, r *http.Request) ([]string, error) {
	if r.Header.Get("Origin") != "" {
		return nil, errors.New("not for web pages")
	}
	name := r.PathValue("order")
	do, known := orders[name]
	if !known && name != "emit" {
		return nil, fmt.Errorf("no order %q", name)
	}
	body, err := readBody(w, r)
	if err != nil {
		return nil, err
	}
	o := order{N: 1, Count: 1, Type: bookingUpdated}
	if len(body) > 0 {
		if err := decode(body, &o); err != nil {
			return nil, err
		}
	}
	if known {
		return nil, do(s, o)
	}
	return s.Emit(o.Type, o.Count)
}

func controlReply(status int, body any) reply {
	return reply{status, http.Header{"Content-Type": {"application/json"}}, encode(body)}
}

// state answers GET /_sandbox/state.
func (s *Server) state(w http.ResponseWriter, _ *http.Request) {
	var out struct {
		Calls    int           `json:"calls"`
		Writes   int           `json:"writes"`
		Hosts    []Host        `json:"hosts"`
		Bookings []bookingJSON `json:"bookings"`
		// Webhooks counts the subscriptions.
		Webhooks   int        `json:"webhooks"`
		Deliveries Deliveries `json:"deliveries"`
		// Invitations are the links to proposals, including those that Vennio would send by e-mail.
		Invitations []Invitation `json:"invitations"`
	}
	out.Calls, out.Writes, out.Hosts, out.Bookings = s.Calls(), s.Writes(), Hosts(), []bookingJSON{}
	out.Invitations = s.Invitations()
	out.Webhooks, out.Deliveries = len(s.Webhooks()), s.Deliveries()
	for _, b := range s.Bookings() {
		out.Bookings = append(out.Bookings, b.json())
	}
	controlReply(http.StatusOK, out).write(w, &call{})
}

// logSize is the number of requests in the log.
const logSize = 1000

// Request is a received call, without its API key.
type Request struct {
	Method, Path   string
	Query          url.Values
	IdempotencyKey string
	Signed         bool // whether there was an Authorization header
	Body           []byte
}

// record adds a call to the log. The caller must hold s.mu.
func (s *Server) record(c *call) {
	if len(s.log) == logSize {
		s.log = s.log[1:]
	}
	s.log = append(s.log, Request{
		c.method, c.request.URL.Path, c.query, c.idempotencyKey,
		c.request.Header.Get("Authorization") != "", c.body,
	})
}

// Requests returns the last 1000 calls, oldest first, including those that were made to fail.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := slices.Clone(s.log)
	for i := range out {
		out[i].Body = bytes.Clone(out[i].Body)
	}
	return out
}

// Calls returns the number of calls of the API, without those of /_sandbox/ and the pages.
func (s *Server) Calls() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

// Writes returns the number of accepted POST, PATCH and DELETE calls that changed something, without replays.
func (s *Server) Writes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writes
}

// Bookings returns all bookings in order of creation, including cancelled ones. It returns none
// if the storage cannot be read.
func (s *Server) Bookings() []Booking {
	defer s.sendOutbox()
	var out []Booking
	_ = s.read(func() {
		out = make([]Booking, len(s.data.Bookings))
		for i, b := range s.data.Bookings {
			out[i] = b.copied()
		}
	})
	return out
}

// Deliveries returns the numbers of deliveries by result.
func (s *Server) Deliveries() Deliveries { return s.dispatcher.counters() }
