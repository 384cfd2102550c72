package sandbox

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// tell makes an event and puts a delivery of it into the outbox for each
// subscription that asks for it. Where none does, nothing has happened, and no
// id is spent. It returns the event's id, and needs s.mu.
func (s *Server) tell(name string, about eventData) string {
	var told []*Webhook
	for _, w := range s.webhooks {
		if slices.Contains(w.Events, name) {
			told = append(told, w)
		}
	}
	if len(told) == 0 {
		return ""
	}
	id := s.tag("evt_")
	body := encode(eventEnvelope{ID: id, Type: name, CreatedAt: stamp(s.now(), time.UTC), Data: about})
	copies := 1
	if s.duplicates > 0 {
		copies, s.duplicates = 2, s.duplicates-1
	}
	for _, w := range told {
		s.outbox = append(s.outbox, slices.Repeat([]delivery{{url: w.URL, body: body, signature: sign(body, w.Secret)}}, copies)...)
	}
	return id
}

func (s *Server) tellBooking(name string, b *Booking) {
	s.tell(name, eventData{Booking: new(b.json())})
}

func (s *Server) tellConsent(name string, k *consent) {
	about := eventData{Consent: new(k.json(s.now()))}
	s.tell(name, about)
	s.tell(consentChanged, about)
}

// sign is documented: the HMAC-SHA256 of the raw body in lower-case hexadecimal
// digits, with no prefix and no time.
func sign(body []byte, secret string) string {
	h := hmac.New(sha256.New, []byte(secret))
	_, _ = h.Write(body) // never fails
	return hex.EncodeToString(h.Sum(nil))
}

// unlock gives up s.mu and sends what is in the outbox.
func (s *Server) unlock() {
	due := s.outbox
	s.outbox = nil
	s.mu.Unlock()
	s.courier.take(due)
}

// dispatch sends what is in the outbox, after an answer.
func (s *Server) dispatch() {
	s.mu.Lock()
	s.unlock()
}

// DuplicateNext delivers each of the next n events twice.
func (s *Server) DuplicateNext(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.duplicates += max(n, 0)
}

// Emit sends count events of that name at once, for tests under load, and
// returns their ids. They are about the newest booking or consent as it stands,
// or about a made-up booking where there is none. It fails for an unknown name,
// for a count outside 1 to 10000, and where no subscription asks for the event.
func (s *Server) Emit(name string, count int) ([]string, error) {
	if !slices.Contains(eventNames, name) {
		return nil, fmt.Errorf("no event is called %q", name)
	}
	if count < 1 || count > maxEmit {
		return nil, fmt.Errorf("the count must be from 1 to %d", maxEmit)
	}
	s.mu.Lock()
	defer s.unlock()
	ids := make([]string, 0, count)
	for range count {
		id := s.tell(name, s.anything(name))
		if id == "" {
			return nil, errors.New("no subscription asks for " + name)
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// anything is what an event of that name may be about.
func (s *Server) anything(name string) eventData {
	switch kind, _, _ := strings.Cut(name, "."); kind {
	case "booking":
		return eventData{Booking: new(s.newestBooking().json())}
	case "booking_series":
		return eventData{BookingSeries: &cancelledSeries{ID: s.uuid(), CancelledCount: 1}}
	case "consent":
		return eventData{Consent: new(s.consents[len(s.consents)-1].json(s.now()))}
	default:
		return eventData{Proposal: &proposalJSON{ID: s.uuid()}}
	}
}

func (s *Server) newestBooking() *Booking {
	if n := len(s.bookings); n > 0 {
		return s.bookings[n-1]
	}
	start := s.now().Truncate(time.Hour).Add(24 * time.Hour)
	return &Booking{
		ID: s.uuid(), HostID: hosts[0].ID, Status: statusConfirmed, Start: start, End: start.Add(30 * time.Minute),
		CreatedAt: s.now().Truncate(time.Second), CustomerEmail: account.Email, CustomerName: account.Name,
	}
}
