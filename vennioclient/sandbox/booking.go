package sandbox

import (
	"maps"
	"slices"
	"time"
)

// Status values: the first two are documented.
const (
	statusConfirmed = "confirmed"
	statusPending   = "pending_payment"
	statusCancelled = "cancelled"
)

// Booking is a booking as the sandbox keeps it.
type Booking struct {
	ID, HostID string
	// Status is confirmed, pending_payment or cancelled.
	Status                      string
	Start, End, CreatedAt       time.Time
	CustomerEmail, CustomerName string
	Title, Notes                string
	Participants                []string // as sent, in the guide's dialect
	Metadata                    map[string]string
	SeriesID                    string // "" unless it recurs
	CheckoutURL                 string // "" unless it waits for payment
	// IdempotencyKey is the key under which it was made, "" for none.
	IdempotencyKey string
}

func (b *Booking) span() span { return span{b.Start, b.End} }

// copied returns b with nothing shared.
func (b *Booking) copied() Booking {
	out := *b
	out.Participants, out.Metadata = slices.Clone(b.Participants), maps.Clone(b.Metadata)
	return out
}

func (b *Booking) json() bookingJSON {
	out := bookingJSON{
		ID: b.ID, BusinessID: b.HostID, Status: b.Status,
		StartTime: stamp(b.Start, time.UTC), EndTime: stamp(b.End, time.UTC),
		CustomerEmail: b.CustomerEmail, CustomerName: b.CustomerName,
		Title: b.Title, Notes: b.Notes, Participants: b.Participants, Metadata: b.Metadata,
		SeriesID: b.SeriesID, CheckoutURL: b.CheckoutURL, CreatedAt: stamp(b.CreatedAt, time.UTC),
	}
	if out.Metadata == nil {
		out.Metadata = map[string]string{}
	}
	return out
}

// findBooking needs s.mu.
func (s *Server) findBooking(id string) *Booking {
	i := slices.IndexFunc(s.bookings, func(b *Booking) bool { return b.ID == id })
	if i < 0 {
		return nil
	}
	return s.bookings[i]
}

// lapse cancels the bookings whose payment has not come in time. It needs s.mu.
func (s *Server) lapse(now time.Time) {
	for _, b := range s.bookings {
		if b.Status == statusPending && now.Sub(b.CreatedAt) >= holdLifetime {
			s.markCancelled(b)
		}
	}
}

// markCancelled needs s.mu.
func (s *Server) markCancelled(b *Booking) {
	b.Status, b.CheckoutURL = statusCancelled, ""
	s.tellBooking(bookingCancelled, b)
}

// markPaid is what a payment does. It needs s.mu.
func (s *Server) markPaid(b *Booking) {
	b.Status, b.CheckoutURL = statusConfirmed, ""
	s.tellBooking(bookingConfirmed, b)
}
