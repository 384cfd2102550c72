package vennioclient

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// Person is someone who takes part.
type Person struct{ Email, Name string }

// name is what Vennio, which requires a name, is sent: for a person without one the local part of
// the address.
func (p Person) name() string {
	local, _, isAddress := strings.Cut(p.Email, "@")
	if !isAddress {
		return p.Name
	}
	return cmp.Or(p.Name, local)
}

// BookingRequest asks for one slot. Two equal requests are the same bytes.
type BookingRequest struct {
	// Hosts are ids of businesses or principals; in the reference dialect the
	// first owns the booking. The guide's may carry a prefix ("user:...").
	Hosts []string
	// HostNames are the names of Hosts, in their order, for the people who read
	// the notes; it may be shorter, or absent.
	HostNames []string
	// Customer is who books and is mailed; the reference dialect requires the Email.
	Customer Person
	Others   []Person // further attendees; see Dialect.Told for who is mailed
	Start    time.Time
	End      time.Time
	Title    string
	Notes    string
	// Metadata is kept with the booking: with what the dialect adds at most 50
	// keys of at most 40 characters; values are cut at 500 characters.
	Metadata map[string]string
	// Recurrence makes a series of it, for CreateSeries alone; nil books once.
	Recurrence *Recurrence
}

// CreateBooking books a slot. Without a key a lost answer and a lost request
// look the same, and the call is never repeated. On an error OutcomeOf tells
// whether the booking may exist. KindSlotTaken: read availability again.
func (c *Client) CreateBooking(ctx context.Context, key IdempotencyKey, r BookingRequest) (*Booking, error) {
	if r.Recurrence != nil {
		return nil, invalid("recurrence", "must not be given; CreateSeries books more than once")
	}
	body, refused := c.dialect.booking(r)
	if refused != nil {
		return nil, refused
	}
	return call(ctx, c, request{method: http.MethodPost, path: pathBookings, key: key, body: body}, bookingFrom)
}

// GetBooking reads one booking. An answer about another one is an error
// (ErrOtherBooking).
func (c *Client) GetBooking(ctx context.Context, id string) (*Booking, error) {
	path, refused := itemPath(pathBookings, id)
	if refused != nil {
		return nil, refused
	}
	return call(ctx, c, get(path, nil), bookingOf(id))
}

// BookingsQuery filters and pages ListBookings. Zero fields are not sent. Status
// and Cursor are inferred (vennio-api.md, Bookings). From and To, for bookings
// that touch that time, are a guess: look at what comes back.
type BookingsQuery struct {
	Host, SeriesID, Status string
	From, To               time.Time
	Cursor                 string // BookingPage.NextCursor of the page before
	Limit                  int
}

// BookingPage is one page of bookings.
type BookingPage struct {
	Bookings   []Booking
	NextCursor string // "" on the last page
}

// ListBookings returns a page of bookings in Vennio's order.
func (c *Client) ListBookings(ctx context.Context, q BookingsQuery) (*BookingPage, error) {
	query := newQuery()
	query.text("principal_id", q.Host)
	query.text("series_id", q.SeriesID)
	query.text("status", q.Status)
	query.instant("from", q.From)
	query.instant("to", q.To)
	query.text("cursor", q.Cursor)
	query.number("limit", q.Limit)
	return call(ctx, c, get(pathBookings, query.values), bookingPageFrom)
}

// BookingUpdate says what to change; zero fields stay as they are.
type BookingUpdate struct {
	Start, End time.Time
	Notes      *string
	Metadata   map[string]string // limits as in BookingRequest
	// Of is the booking as it was read before. With it, new Notes leave the title
	// and the guests where the reference dialect keeps them, and new Metadata is
	// added to what is there, whether Vennio merges metadata or replaces it (which
	// is not published). Without it both are sent as they are.
	Of *Booking
}

// UpdateBooking changes or moves a booking. Vennio tells those it told about the
// booking. The method, PATCH, is inferred (vennio-api.md, Bookings). An
// answer about another booking is an error (ErrOtherBooking), whose outcome is Unknown.
func (c *Client) UpdateBooking(ctx context.Context, key IdempotencyKey, id string, u BookingUpdate) (*Booking, error) {
	path, refused := itemPath(pathBookings, id)
	if refused != nil {
		return nil, refused
	}
	body, refused := c.dialect.update(u)
	if refused != nil {
		return nil, refused
	}
	return call(ctx, c, request{method: http.MethodPatch, path: path, key: key, body: body}, bookingOf(id))
}

// CancelScope says how much of a series is cancelled.
type CancelScope string

// CancelSingle cancels one booking, CancelSeries all future confirmed ones of
// its series. The empty scope is Vennio's default, single.
const (
	CancelSingle CancelScope = "single"
	CancelSeries CancelScope = "series"
)

// CancelBooking cancels a booking, or the rest of its series. OutcomeOf tells a
// KindNotFound that follows an attempt without an answer as Unknown: that
// attempt may be why there is nothing left to find. So it does an answer that names
// another booking than the single one (ErrOtherBooking).
func (c *Client) CancelBooking(ctx context.Context, key IdempotencyKey, id string, s CancelScope) error {
	path, refused := itemPath(pathBookings, id)
	if refused != nil {
		return refused
	}
	query := newQuery()
	query.text("scope", string(s))
	return c.remove(ctx, request{path: path, query: query.values, key: key}, func(raw json.RawMessage) error {
		if s == CancelSeries || !namesOther(raw, id) {
			return nil
		}
		return ErrOtherBooking
	})
}
