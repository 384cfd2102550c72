package sandbox

import (
	"cmp"
	"maps"
	"net/http"
	"time"
)

// endOfTime is later than any booking.
var endOfTime = time.Date(9999, time.December, 31, 0, 0, 0, 0, time.UTC)

// listBookings answers GET /v1/bookings.
func (s *Server) listBookings(c *call) (answer, error) {
	f := newForm(c.query, "business_id", "principal_id", "series_id", "status", "from", "to", "limit", "cursor")
	page, within := f.page(), span{f.instant("from", time.Time{}), f.instant("to", endOfTime)}
	if err := f.err(); err != nil {
		return answer{}, err
	}
	hostID := ""
	if ref, _ := f.first("business_id", "principal_id"); ref != "" {
		h := findHost(ref)
		if h == nil {
			return answer{}, unknownPrincipal(ref)
		}
		hostID = h.ID
	}
	series, status := f.values.Get("series_id"), f.values.Get("status")
	found, more, err := paginate(s.bookings, page, func(b *Booking) string { return b.ID }, func(b *Booking) bool {
		return cmp.Or(hostID, b.HostID) == b.HostID && cmp.Or(series, b.SeriesID) == b.SeriesID && cmp.Or(status, b.Status) == b.Status && b.span().overlaps(within)
	})
	if err != nil {
		return answer{}, err
	}
	out := bookingPage{Bookings: make([]bookingJSON, 0, len(found)), Pagination: more}
	for _, b := range found {
		out.Bookings = append(out.Bookings, b.json())
	}
	return answer{status: http.StatusOK, body: out}, nil
}

// theBooking finds the booking that the path names.
func (s *Server) theBooking(c *call) (*Booking, error) {
	b := s.findBooking(c.id())
	if b == nil {
		return nil, refuse(notFound, "There is no booking "+c.id()+".")
	}
	return b, nil
}

func (s *Server) readBooking(c *call) (answer, error) {
	b, err := s.theBooking(c)
	if err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusOK, body: bookingEnvelope{b.json()}}, nil
}

// updateBody is what PATCH takes. What is absent stays as it is.
type updateBody struct {
	StartTime string            `json:"start_time"`
	EndTime   string            `json:"end_time"`
	Start     string            `json:"start"`
	End       string            `json:"end"`
	Notes     *string           `json:"notes"`
	Metadata  map[string]string `json:"metadata"`
}

// updateBooking answers PATCH /v1/bookings/{id}.
func (s *Server) updateBooking(c *call) (answer, error) {
	b, err := s.theBooking(c)
	if err != nil {
		return answer{}, err
	}
	var in updateBody
	if err := decode(c.body, &in); err != nil {
		return answer{}, err
	}
	metadata := maps.Clone(b.Metadata)
	if metadata == nil {
		metadata = map[string]string{}
	}
	maps.Copy(metadata, in.Metadata)
	wrong := misfits{}
	wrong.metadata(metadata)
	when := in.span(wrong, b)
	if err := wrong.err(); err != nil {
		return answer{}, err
	}
	if b.Status == statusCancelled {
		return answer{}, refuse(unprocessable, "This booking is cancelled.")
	}
	if !when.equal(b.span()) {
		if err := s.movable(c, b, when); err != nil {
			return answer{}, err
		}
	}
	b.Start, b.End, b.Metadata = when.start, when.end, metadata
	if in.Notes != nil {
		b.Notes = *in.Notes
	}
	s.tellBooking(bookingUpdated, b)
	return answer{http.StatusOK, bookingEnvelope{b.json()}, true}, nil
}

// movable refuses a time to which b cannot be moved. The time that it has counts
// as free.
func (s *Server) movable(c *call, b *Booking, to span) error {
	h := findHost(b.HostID)
	if err := s.connected([]*host{h}); err != nil {
		return err
	}
	return s.claimable(c, h, to, b)
}

// span is when the booking will be: a new start alone moves it as it is.
func (in *updateBody) span(wrong misfits, b *Booking) span {
	start, end := cmp.Or(in.StartTime, in.Start), cmp.Or(in.EndTime, in.End)
	when := b.span()
	if start != "" {
		when.start = wrong.instant("start_time", start)
		when.end = when.start.Add(b.End.Sub(b.Start))
	}
	if end != "" {
		when.end = wrong.instant("end_time", end)
	}
	if len(wrong) == 0 && when.empty() {
		wrong["end_time"] = "must be after start_time"
	}
	return when
}

// cancelBooking answers DELETE /v1/bookings/{id}. With scope=series it cancels
// all future confirmed bookings of the series.
func (s *Server) cancelBooking(c *call) (answer, error) {
	f := newForm(c.query, "scope")
	scope := f.oneOf("scope", "single", "single", "series")
	if err := f.err(); err != nil {
		return answer{}, err
	}
	b, err := s.theBooking(c)
	if err != nil {
		return answer{}, err
	}
	if scope == "series" {
		return s.cancelSeries(c, b)
	}
	changed := b.Status != statusCancelled
	if changed {
		s.markCancelled(b)
	}
	return answer{http.StatusOK, bookingEnvelope{b.json()}, changed}, nil
}

type cancelledSeries struct {
	ID             string `json:"id"`
	CancelledCount int    `json:"cancelled_count"`
}

type cancelledEnvelope struct {
	BookingSeries cancelledSeries `json:"booking_series"`
	Bookings      []bookingJSON   `json:"bookings"`
}

func (s *Server) cancelSeries(c *call, of *Booking) (answer, error) {
	if of.SeriesID == "" {
		return answer{}, refuse(unprocessable, "This booking is not part of a series.")
	}
	out := cancelledEnvelope{cancelledSeries{ID: of.SeriesID}, []bookingJSON{}}
	for _, b := range s.bookings {
		if b.SeriesID == of.SeriesID && b.Status == statusConfirmed && b.Start.After(c.now) {
			s.markCancelled(b)
			out.Bookings = append(out.Bookings, b.json())
		}
	}
	out.BookingSeries.CancelledCount = len(out.Bookings)
	changed := len(out.Bookings) > 0
	if changed {
		s.tell(seriesCancelled, eventData{BookingSeries: &out.BookingSeries})
	}
	return answer{http.StatusOK, out, changed}, nil
}
