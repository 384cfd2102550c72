package vennioclient

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The frequencies of a series (vennio-api.md, Bookings).
const (
	Weekly   = "weekly"
	Biweekly = "biweekly" // every other week
	Monthly  = "monthly"
)

// Recurrence makes a booking a series. Set either Count or Until.
type Recurrence struct {
	Frequency string // Weekly, Biweekly or Monthly
	Count     int    // number of occurrences, including the first
	Until     string // last possible date of an occurrence, YYYY-MM-DD
	Timezone  string // IANA name of the zone in which the local time is kept across clock changes; "" is Vennio's default
}

// Series is a series of bookings.
type Series struct {
	ID, Frequency string
	// Created and Skipped count the occurrences. Vennio skips those whose time is taken
	// without listing them: they are missing from Bookings.
	Created, Skipped int
	// Bookings may be empty after a read, because it is not published whether its answer has
	// them. ListBookings with the id of the series returns them in any case.
	Bookings []Booking
}

// CreateSeries books every occurrence of r.Recurrence that is free. The rules of
// CreateBooking about keys and outcomes apply to the whole series.
func (c *Client) CreateSeries(ctx context.Context, key IdempotencyKey, r BookingRequest) (*Series, error) {
	if r.Recurrence == nil {
		return nil, invalid("recurrence", "must be given; CreateBooking books once")
	}
	body, refused := c.dialect.booking(r)
	if refused != nil {
		return nil, refused
	}
	return call(ctx, c, request{method: http.MethodPost, path: pathBookings, key: key, body: body}, seriesFrom)
}

// recurrenceBody is used in both dialects, because the guide describes no other form.
type recurrenceBody struct {
	Frequency string `json:"frequency"`
	Count     int    `json:"count,omitempty"`
	UntilDate string `json:"until_date,omitempty"`
	Timezone  string `json:"timezone,omitempty"`
}

func (r *Recurrence) body() *recurrenceBody {
	if r == nil {
		return nil
	}
	return &recurrenceBody{r.Frequency, r.Count, r.Until, r.Timezone}
}

func (m argumentErrors) recurrence(r *Recurrence) {
	if r == nil {
		return
	}
	switch r.Frequency {
	case Weekly, Biweekly, Monthly:
	default:
		m["recurrence.frequency"] = "must be weekly, biweekly or monthly"
	}
	switch _, err := time.Parse(time.DateOnly, r.Until); {
	case (r.Count == 0) == (r.Until == ""), r.Count < 0:
		m["recurrence"] = "must have a count of 1 or more, or a last date, and not both"
	case r.Until != "" && err != nil:
		m["recurrence.until"] = "must be a date, such as 2026-06-30"
	}
}

// seriesFrom decodes `booking_series` and `bookings`. Missing counts are derived from the
// bookings.
func seriesFrom(raw json.RawMessage) (*Series, error) {
	o, err := payload(raw)
	if err != nil {
		return nil, err
	}
	bookings, _, err := listOf(o["bookings"], "bookings", DecodeBooking)
	if err != nil {
		return nil, err
	}
	series, err := seriesOf(o, bookings)
	return &series, err
}

// seriesOf decodes `booking_series`, or o itself if it has no such member.
func seriesOf(o object, bookings []Booking) (Series, error) {
	head, err := objectFrom(o.field("booking_series", "series"))
	if err != nil {
		head = o
	}
	s := Series{
		ID: head.text("id", "series_id"), Frequency: head.text("frequency"),
		Created: head.count("created_count", len(bookings)), Skipped: head.count("skipped_count", 0),
		Bookings: bookings,
	}
	for _, b := range bookings {
		s.ID = cmp.Or(s.ID, b.SeriesID)
	}
	if s.ID == "" {
		return Series{}, errors.New("the answer holds no series with an id")
	}
	return s, nil
}

// SeriesQuery pages ListBookingSeries. Zero fields are not sent.
type SeriesQuery struct {
	Limit  int    // the most entries of a page; 0 is Vennio's default
	Cursor string // SeriesPage.NextCursor of the page before
}

// SeriesPage is one page of series.
type SeriesPage struct {
	Series     []Series
	NextCursor string // "" on the last page
}

// ListBookingSeries returns a page of the account's series, usually without their bookings.
func (c *Client) ListBookingSeries(ctx context.Context, q SeriesQuery) (*SeriesPage, error) {
	return readPage(ctx, c, pathSeries, "booking_series", pageQuery(q.Limit, q.Cursor), readSeriesFrom, func(all []Series, next string) *SeriesPage { return &SeriesPage{all, next} })
}

// BookingSeries reads one series. An answer about another series is a KindMalformed.
func (c *Client) BookingSeries(ctx context.Context, id string) (*Series, error) {
	path, refused := itemPath(pathSeries, id)
	if refused != nil {
		return nil, refused
	}
	return call(ctx, c, get(path, nil), func(raw json.RawMessage) (*Series, error) {
		s, err := readSeriesFrom(raw)
		if err == nil && !strings.EqualFold(s.ID, id) {
			err = errors.New("the answer is about another series than the requested one")
		}
		return &s, err
	})
}

// readSeriesFrom decodes a series whose bookings may be missing.
func readSeriesFrom(raw json.RawMessage) (Series, error) {
	o, err := payload(raw)
	if err != nil {
		return Series{}, err
	}
	from := o
	if head, err := objectFrom(o.field("booking_series", "series")); err == nil && o.field("bookings") == nil {
		from = head
	}
	bookings, err := listIn(from, "bookings", DecodeBooking)
	if err != nil {
		return Series{}, err
	}
	return seriesOf(o, bookings)
}

// count returns a field that is a non-negative integer, or otherwise.
func (o object) count(name string, otherwise int) int {
	n, err := strconv.Atoi(o.text(name))
	if err != nil || n < 0 {
		return otherwise
	}
	return n
}
