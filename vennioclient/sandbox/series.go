package sandbox

import (
	"cmp"
	"fmt"
	"net/http"
	"time"
)

// recurrenceBody has either count or until_date (documented).
type recurrenceBody struct {
	Frequency string `json:"frequency"`
	Count     *int   `json:"count"`
	UntilDate string `json:"until_date"`
	Timezone  string `json:"timezone"`
}

// recurrence keeps the local time in its zone across clock changes.
type recurrence struct {
	frequency string
	count     int       // 0: until decides
	until     time.Time // the last date, inclusive, as midnight UTC
	zone      *time.Location
}

// stride is the number of days or months between occurrences.
var stride = map[string]struct{ days, months int }{
	"weekly":   {days: 7},
	"biweekly": {days: 14},
	"monthly":  {months: 1},
}

func (in *recurrenceBody) read(wrong fieldErrors, h *host, first span) *recurrence {
	r := &recurrence{frequency: in.Frequency}
	if _, known := stride[in.Frequency]; !known {
		wrong["recurrence.frequency"] = "must be one of weekly, biweekly, monthly"
	}
	var err error
	if r.zone, err = loadZone(cmp.Or(in.Timezone, h.Timezone)); err != nil {
		wrong["recurrence.timezone"] = "must be an IANA time zone, such as Europe/London"
	}
	switch {
	case (in.Count == nil) == (in.UntilDate == ""):
		wrong["recurrence"] = "must have a count or an until_date, and not both"
	case in.Count != nil && (*in.Count < 1 || *in.Count > maxOccurrences):
		wrong["recurrence.count"] = fmt.Sprintf("must be from 1 to %d", maxOccurrences)
	case in.Count != nil:
		r.count = *in.Count
	default:
		if r.until, err = time.Parse(time.DateOnly, in.UntilDate); err != nil {
			wrong["recurrence.until_date"] = "must be a date, such as 2026-06-30"
		}
	}
	if len(wrong) == 0 {
		if n := len(r.spans(first)); n == 0 || n > maxOccurrences {
			wrong["recurrence.until_date"] = fmt.Sprintf("must leave 1 to %d occurrences", maxOccurrences)
		}
	}
	return r
}

// spans returns the occurrences, at most one more than allowed.
func (r *recurrence) spans(first span) []span {
	start, length, step := first.start.In(r.zone), first.end.Sub(first.start), stride[r.frequency]
	limit := cmp.Or(r.count, maxOccurrences+1)
	var out []span
	for i := 0; len(out) < limit; i++ {
		y, m, d := start.Date()
		h, mi, s := start.Clock()
		at := time.Date(y, m+time.Month(i*step.months), d+i*step.days, h, mi, s, start.Nanosecond(), r.zone)
		if r.count == 0 && dateOf(at, r.zone).After(r.until) {
			break
		}
		if step.months > 0 && at.Day() != d {
			continue // this month has no such day
		}
		out = append(out, span{at, at.Add(length)})
	}
	return out
}

// series is a stored series. Its bookings have its id.
type series struct {
	ID, Frequency    string
	Created, Skipped int
}

func (r *series) json() seriesJSON {
	return seriesJSON{r.ID, r.Frequency, r.Created, r.Skipped}
}

// createSeries books each occurrence that is free and skips the others.
func (s *Server) createSeries(c *call, in bookingBody, h *host, occurrences []span) answer {
	made := &series{ID: s.uuid(), Frequency: in.Recurrence.Frequency}
	var out seriesEnvelope
	for _, when := range occurrences {
		if !s.available(h, when, nil) {
			made.Skipped++
			continue
		}
		made.Created++
		out.Bookings = append(out.Bookings, s.book(c, in, h, when, made.ID).json())
	}
	s.data.Series = append(s.data.Series, made)
	out.BookingSeries = made.json()
	return answer{http.StatusCreated, out, true}
}

// listSeries answers GET /v1/booking-series.
func (s *Server) listSeries(c *call) (answer, error) {
	f := newForm(c.query, "limit", "cursor")
	page := f.page()
	if err := f.err(); err != nil {
		return answer{}, err
	}
	return paginate(s.data.Series, page, func(r *series) string { return r.ID }, nil, (*series).json, func(all []seriesJSON, end pagination) any { return seriesPage{all, end} })
}

// readSeries answers GET /v1/booking-series/{id}, with all bookings of the series.
func (s *Server) readSeries(c *call) (answer, error) {
	r := find(s.data.Series, func(r *series) bool { return r.ID == c.id() })
	if r == nil {
		return answer{}, refuse(notFound, "There is no booking series "+c.id()+".")
	}
	out := seriesEnvelope{BookingSeries: r.json(), Bookings: []bookingJSON{}}
	for _, b := range s.data.Bookings {
		if b.SeriesID == c.id() {
			out.Bookings = append(out.Bookings, b.json())
		}
	}
	return answer{status: http.StatusOK, body: out}, nil
}
