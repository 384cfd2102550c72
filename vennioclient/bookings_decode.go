package vennioclient

import (
	"cmp"
	"encoding/json"
	"errors"
	"strings"
	"time"
)

// Booking is a booking as Vennio holds it. What Vennio left out is zero.
type Booking struct {
	ID         string
	Status     string    // StatusConfirmed or another; unknown ones pass through
	Start, End time.Time // UTC
	Title      string
	Notes      string
	Customer   Person
	HostID     string // the business or principal that owns the booking
	// Participants are those that have no field of their own: in the guide's
	// dialect everyone, as Vennio writes them; of a booking made in the reference
	// dialect the further hosts and attendees.
	Participants []string
	Metadata     map[string]string // without what the dialect added
	CheckoutURL  string            // where the customer pays, while StatusPendingPayment
	SeriesID     string
	CreatedAt    time.Time // UTC

	kept extras // what unfold took out of the notes and the metadata
}

// Statuses that Vennio documents (vennio-api.md, Bookings). Nothing is confirmed
// until StatusConfirmed.
const (
	StatusConfirmed      = "confirmed"
	StatusPendingPayment = "pending_payment"
	StatusCancelled      = "cancelled"
)

var errNoBooking = errors.New("the answer holds no booking with an id")

// ErrOtherBooking is the cause (errors.Is) of a KindMalformed: Vennio answered with
// another booking than the one that was asked for, so the answer says nothing about it.
var ErrOtherBooking = errors.New("the answer is about another booking than the one asked for")

// bookingOf reads the booking with this id.
func bookingOf(id string) func(json.RawMessage) (*Booking, error) {
	return func(raw json.RawMessage) (*Booking, error) {
		b, err := bookingFrom(raw)
		if err == nil && !strings.EqualFold(b.ID, id) { // UUIDs may come back in lower case
			return nil, ErrOtherBooking
		}
		return b, err
	}
}

// namesOther: the answer to a cancellation, whose form is not published, holds a
// booking, and not the one with this id.
func namesOther(raw json.RawMessage, id string) bool {
	outer, err := payload(raw)
	if err != nil {
		return false
	}
	o, err := objectFrom(outer["booking"])
	if err != nil {
		if o = outer; o.field("booking_id", "start", "start_time", "status") == nil {
			return false // an id of something else
		}
	}
	named := o.text("booking_id", "id")
	return named != "" && !strings.EqualFold(named, id)
}

// bookingFrom reads a booking, flat or in an envelope.
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
		CheckoutURL: cmp.Or(o.text("checkout_url"), outer.text("checkout_url")),
		SeriesID:    o.text("series_id", "booking_series_id"),
	}
	if b.ID == "" {
		return nil, errNoBooking
	}
	b.Participants = participantsFrom(o["participants"])
	b.unfold()
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

// participantsFrom reads a list of participants: texts, or objects that name them.
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

func bookingPageFrom(raw json.RawMessage) (*BookingPage, error) {
	all, next, err := listOf(raw, "bookings", DecodeBooking)
	return &BookingPage{Bookings: all, NextCursor: next}, err
}
