package sandbox

import (
	"bytes"
	"net/url"
	"slices"
)

// logSize is how many requests are remembered.
const logSize = 1000

// Request is a call as it arrived. The key it was signed with is not kept.
type Request struct {
	Method, Path   string
	Query          url.Values
	IdempotencyKey string
	Signed         bool // whether an Authorization header came
	Body           []byte
}

// record needs s.mu.
func (s *Server) record(c *call) {
	if len(s.log) == logSize {
		s.log = s.log[1:]
	}
	s.log = append(s.log, Request{
		c.method, c.request.URL.Path, c.query, c.idempotencyKey,
		c.request.Header.Get("Authorization") != "", c.body,
	})
}

// Requests lists the last 1000 calls, oldest first. Calls that were made to fail are among them.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := slices.Clone(s.log)
	for i := range out {
		out[i].Body = bytes.Clone(out[i].Body)
	}
	return out
}

// Calls counts all calls so far, but for those under /_sandbox/.
func (s *Server) Calls() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

// Writes counts the accepted POST, PATCH and DELETE calls that changed something. A replayed answer is none.
func (s *Server) Writes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writes
}

// Bookings lists all bookings in order of creation, cancelled ones too.
func (s *Server) Bookings() []Booking {
	s.mu.Lock()
	defer s.unlock()
	s.lapse(s.now())
	out := make([]Booking, len(s.bookings))
	for i, b := range s.bookings {
		out[i] = b.copied()
	}
	return out
}

// Deliveries counts what became of the events so far.
func (s *Server) Deliveries() Deliveries { return s.courier.tally() }
