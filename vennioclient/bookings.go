package vennioclient

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"
)

// Person is a participant of a booking.
type Person struct{ Email, Name string }

// name returns the name to send: Vennio requires one, so a person without a name is called by the
// local part of the address.
func (p Person) name() string {
	local, _, isAddress := strings.Cut(p.Email, "@")
	if !isAddress {
		return p.Name
	}
	return cmp.Or(p.Name, local)
}

// BookingRequest asks for one slot. Equal requests are encoded as equal bytes.
type BookingRequest struct {
	// Hosts are ids of businesses or principals. In the reference dialect the first
	// one owns the booking. In the guide's dialect ids may have a prefix ("user:...").
	Hosts []string
	// HostNames are the names of Hosts, in the same order. They appear in the notes.
	// The list may be shorter than Hosts, or nil.
	HostNames []string
	// Customer makes the booking and receives Vennio's e-mails. The reference dialect requires the Email.
	Customer Person
	Others   []Person // further attendees; Dialect.Recipients says which of them receive e-mails
	Start    time.Time
	End      time.Time
	Title    string
	Notes    string
	// Metadata is stored with the booking: at most 50 keys, those that the dialect adds
	// included, of at most 40 characters each. Values are cut at 500 characters.
	Metadata map[string]string
	// Recurrence makes the booking a series. Only CreateSeries accepts it.
	Recurrence *Recurrence
}

// CreateBooking books a slot. Without a key the call is never repeated, because a lost
// answer cannot be distinguished from a lost request. After an error, OutcomeOf returns
// whether the booking may exist. After KindSlotTaken, read availability again.
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

// GetBooking reads one booking. It returns ErrOtherBooking if the answer is about another one.
func (c *Client) GetBooking(ctx context.Context, id string) (*Booking, error) {
	path, refused := itemPath(pathBookings, id)
	if refused != nil {
		return nil, refused
	}
	return call(ctx, c, get(path, nil), bookingOf(id))
}

// BookingsQuery filters and pages ListBookings. Zero fields are not sent. Status
// and Cursor are inferred (vennio-api.md, Bookings). From and To are a guess: they
// should select the bookings that overlap that time, so check the result.
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
	query := pageQuery(q.Limit, q.Cursor)
	query.text("principal_id", q.Host)
	query.text("series_id", q.SeriesID)
	query.text("status", q.Status)
	query.instant("from", q.From)
	query.instant("to", q.To)
	return readPage(ctx, c, pathBookings, "bookings", query, DecodeBooking, func(all []Booking, next string) *BookingPage { return &BookingPage{all, next} })
}

// BookingUpdate lists changes. Zero fields are left unchanged.
type BookingUpdate struct {
	Start, End time.Time
	Notes      *string
	Metadata   map[string]string // limits as in BookingRequest
	// Of is the booking as it was read before. If set, new Notes preserve the title and
	// the attendees that the reference dialect stores in the notes, and new Metadata is
	// added to the existing keys, because it is not published whether Vennio merges
	// metadata or replaces it. If nil, Notes and Metadata are sent unchanged.
	Of *Booking
}

// UpdateBooking changes or moves a booking. Vennio sends an e-mail to the same people as
// for the booking. The method, PATCH, is inferred (vennio-api.md, Bookings). If the answer
// is about another booking, the error is ErrOtherBooking and the outcome Unknown.
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

// CancelScope selects how much of a series is cancelled.
type CancelScope string

// CancelSingle cancels one booking, CancelSeries all future confirmed ones of
// its series. The empty scope is Vennio's default, single.
const (
	CancelSingle CancelScope = "single"
	CancelSeries CancelScope = "series"
)

// CancelBooking cancels a booking, or the rest of its series. OutcomeOf reports Unknown for
// a KindNotFound that follows an attempt without an answer, because that attempt may have
// cancelled the booking, and for an answer about another booking (ErrOtherBooking).
func (c *Client) CancelBooking(ctx context.Context, key IdempotencyKey, id string, s CancelScope) error {
	path, refused := itemPath(pathBookings, id)
	if refused != nil {
		return refused
	}
	query := newQuery()
	query.text("scope", string(s))
	return c.remove(ctx, request{path: path, query: query.values, key: key}, func(raw json.RawMessage) error {
		if s == CancelSeries || !isAboutOtherBooking(raw, id) {
			return nil
		}
		return ErrOtherBooking
	})
}

// Booking is a booking as Vennio returns it. Fields that Vennio leaves out are zero.
type Booking struct {
	ID         string
	Status     string    // StatusConfirmed or another; unknown values are passed through
	Start, End time.Time // UTC
	Title      string
	Notes      string
	Customer   Person
	HostID     string // the business or principal that owns the booking
	// Participants are the people without a separate field. In the guide's dialect that is
	// everyone, as Vennio writes them; in the reference dialect it is the additional hosts
	// and attendees.
	Participants []string
	Metadata     map[string]string // without the keys that the dialect adds
	Answers      map[string]string // to the questions of a Venn Link, by Question.ID
	CheckoutURL  string            // where the customer pays, while StatusPendingPayment
	SeriesID     string
	CreatedAt    time.Time // UTC

	extras extras // removed from the notes and the metadata by extractExtras
}

// The documented statuses (vennio-api.md, Bookings). Only StatusConfirmed means that the
// booking is confirmed.
const (
	StatusConfirmed      = "confirmed"
	StatusPendingPayment = "pending_payment"
	StatusCancelled      = "cancelled"
)

var errNoBooking = errors.New("the answer holds no booking with an id")

// ErrOtherBooking is the cause (errors.Is) of a KindMalformed: the answer is about another
// booking than the requested one, so the state of the requested one is unknown.
var ErrOtherBooking = errors.New("the answer is about another booking than the requested one")

// bookingOf returns a decoder that accepts only the booking with this id.
func bookingOf(id string) func(json.RawMessage) (*Booking, error) {
	return func(raw json.RawMessage) (*Booking, error) {
		b, err := bookingFrom(raw)
		if err == nil && !strings.EqualFold(b.ID, id) { // UUIDs may come back in lower case
			return nil, ErrOtherBooking
		}
		return b, err
	}
}

// isAboutOtherBooking reports whether the answer to a cancellation, whose form is not
// published, contains a booking with another id.
func isAboutOtherBooking(raw json.RawMessage, id string) bool {
	outer, err := payload(raw)
	if err != nil {
		return false
	}
	o, err := objectFrom(outer["booking"])
	if err != nil {
		if o = outer; o.field("booking_id", "start", "start_time", "status") == nil {
			return false // the id may belong to another kind of object
		}
	}
	named := o.text("booking_id", "id")
	return named != "" && !strings.EqualFold(named, id)
}

// bookingFrom decodes a booking, flat or in an envelope.
func bookingFrom(raw json.RawMessage) (*Booking, error) {
	outer, err := payload(raw)
	if err != nil {
		return nil, err
	}
	o := outer
	if inner, err := objectFrom(outer["booking"]); err == nil {
		o = inner
	}
	b := &Booking{
		ID:          o.text("id", "booking_id"),
		Status:      o.text("status"),
		Title:       o.text("title"),
		Notes:       o.text("notes"),
		Customer:    customerFrom(o),
		HostID:      o.text("business_id", "principal_id"),
		Metadata:    o.strings("metadata"),
		Answers:     o.strings("answers"),
		CheckoutURL: cmp.Or(o.text("checkout_url"), outer.text("checkout_url")),
		SeriesID:    o.text("series_id", "booking_series_id"),
	}
	if b.ID == "" {
		return nil, errNoBooking
	}
	b.Participants = participantsFrom(o["participants"])
	b.extractExtras()
	return b, b.readTimes(o)
}

func (b *Booking) readTimes(o object) error {
	var errs [3]error
	b.Start, errs[0] = o.time("start_time", "start")
	b.End, errs[1] = o.time("end_time", "end")
	b.CreatedAt, errs[2] = o.time("created_at")
	return errors.Join(errs[:]...)
}

func customerFrom(o object) Person {
	p := Person{Email: o.text("customer_email"), Name: o.text("customer_name")}
	if inner, err := objectFrom(o["customer"]); err == nil {
		p.Email = cmp.Or(p.Email, inner.text("email"))
		p.Name = cmp.Or(p.Name, inner.text("name"))
	}
	return p
}

// participantsFrom decodes a list of participants, which are strings or objects.
func participantsFrom(raw json.RawMessage) []string {
	list, _ := listFrom(raw)
	var out []string
	for _, item := range list {
		s := scalar(item)
		if o, err := objectFrom(item); err == nil {
			s = o.text("email", "id", "name")
		}
		if s != "" {
			out = append(out, s)
		}
	}
	return out
}

// DecodeBooking decodes a booking, flat or under `booking` or `data`, from a source other
// than an answer, such as a webhook. The error names the invalid field, not its content.
func DecodeBooking(raw json.RawMessage) (Booking, error) {
	b, err := bookingFrom(raw)
	if err != nil {
		return Booking{}, err
	}
	return *b, nil
}
