package sandbox

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"time"
)

// Status values: the first two are documented.
const (
	statusConfirmed = "confirmed"
	statusPending   = "pending_payment"
	statusCancelled = "cancelled"
)

// Booking is a stored booking.
type Booking struct {
	ID, HostID string
	// Status is confirmed, pending_payment or cancelled.
	Status                      string
	Start, End, CreatedAt       time.Time
	CustomerEmail, CustomerName string
	Title, Notes                string
	Participants                []string // unchanged, in the guide's dialect
	Metadata                    map[string]string
	SeriesID                    string            // "" unless it is part of a series
	CheckoutURL                 string            // "" unless payment is pending
	Price                       string            // as in Host.Price; "" if the booking is free
	Answers                     map[string]string // to the questions of a Venn Link
	// IdempotencyKey is the key of the request that created it, or "".
	IdempotencyKey string
}

func (b *Booking) span() span { return span{b.Start, b.End} }

// copied returns a deep copy of b.
func (b *Booking) copied() Booking {
	out := *b
	out.Participants, out.Metadata, out.Answers = slices.Clone(b.Participants), maps.Clone(b.Metadata), maps.Clone(b.Answers)
	return out
}

func (b *Booking) json() bookingJSON {
	out := bookingJSON{
		ID: b.ID, BusinessID: b.HostID, Status: b.Status,
		StartTime: stamp(b.Start, time.UTC), EndTime: stamp(b.End, time.UTC),
		CustomerEmail: b.CustomerEmail, CustomerName: b.CustomerName,
		Title: b.Title, Notes: b.Notes, Participants: b.Participants, Metadata: b.Metadata,
		Answers: b.Answers, SeriesID: b.SeriesID, CheckoutURL: b.CheckoutURL, CreatedAt: stamp(b.CreatedAt, time.UTC),
	}
	if out.Metadata == nil {
		out.Metadata = map[string]string{}
	}
	return out
}

// findBooking returns a booking or nil. The caller must hold s.mu.
func (s *Server) findBooking(id string) *Booking {
	return find(s.data.Bookings, func(b *Booking) bool { return b.ID == id })
}

func (b *Booking) overdue(now time.Time) bool {
	return b.Status == statusPending && now.Sub(b.CreatedAt) >= holdLifetime
}

// expireUnpaid cancels the bookings that were not paid in time, and reports whether there were
// any. Only s.expire may call it.
func (s *Server) expireUnpaid(now time.Time) (changed bool) {
	for _, b := range s.data.Bookings {
		if b.overdue(now) {
			s.markCancelled(b)
			changed = true
		}
	}
	return changed
}

// markCancelled cancels a booking. The caller must hold s.mu.
func (s *Server) markCancelled(b *Booking) {
	b.Status, b.CheckoutURL = statusCancelled, ""
	s.publishBooking(bookingCancelled, b)
}

// markPaid confirms a booking after its payment. The caller must hold s.mu.
func (s *Server) markPaid(b *Booking) {
	b.Status, b.CheckoutURL = statusConfirmed, ""
	s.publishBooking(bookingConfirmed, b)
}

// bookingBody is the body of POST /v1/bookings in both dialects. participants, start and
// end belong to the guide's dialect.
type bookingBody struct {
	BusinessID    string            `json:"business_id"`
	PrincipalID   string            `json:"principal_id"`
	CustomerEmail string            `json:"customer_email"`
	CustomerName  string            `json:"customer_name"`
	StartTime     string            `json:"start_time"`
	EndTime       string            `json:"end_time"`
	Participants  []string          `json:"participants"`
	Start         string            `json:"start"`
	End           string            `json:"end"`
	Title         string            `json:"title"`
	Notes         string            `json:"notes"`
	Metadata      map[string]string `json:"metadata"`
	Recurrence    *recurrenceBody   `json:"recurrence"`
	ConsentID     string            `json:"consent_id"`

	price   string            // of the host or of the Venn Link, as in Host.Price
	answers map[string]string // to the questions of a Venn Link
}

func (s *Server) createBooking(c *call) (answer, error) {
	var in bookingBody
	if err := decode(c.body, &in); err != nil {
		return answer{}, err
	}
	h, when, repeat, err := in.read()
	if err != nil {
		return answer{}, err
	}
	in.price = h.Price
	return s.order(c, in, h, when, repeat)
}

// order makes the booking or the series, if it can be booked.
func (s *Server) order(c *call, in bookingBody, h *host, when span, repeat *recurrence) (answer, error) {
	if err := s.checkBookable(c, in, h, when); err != nil {
		return answer{}, err
	}
	if repeat != nil {
		return s.createSeries(c, in, h, repeat.spans(when)), nil
	}
	return answer{http.StatusCreated, bookingEnvelope{s.book(c, in, h, when, "").json()}, true}, nil
}

// read checks the body and returns the host, the time and the recurrence.
func (in *bookingBody) read() (h *host, when span, repeat *recurrence, err error) {
	h, guests, err := in.host()
	if err != nil {
		return nil, span{}, nil, err
	}
	wrong := fieldErrors{}
	if in.CustomerEmail == "" && len(guests) > 0 {
		in.CustomerEmail = guests[0]
	}
	switch {
	case in.BusinessID+in.PrincipalID == "" && len(in.Participants) == 0:
		wrong["business_id"] = "is required"
		wrong.email("customer_email", in.CustomerEmail)
	case in.CustomerEmail == "" && len(in.Participants) > 0:
		wrong["participants"] = "must name a guest besides the host"
	default:
		wrong.email("customer_email", in.CustomerEmail)
	}
	if in.Start+in.End != "" && in.StartTime+in.EndTime == "" {
		when = wrong.span("start", in.Start, "end", in.End)
	} else {
		when = wrong.span("start_time", in.StartTime, "end_time", in.EndTime)
	}
	wrong.metadata(in.Metadata)
	if in.Recurrence != nil {
		repeat = in.Recurrence.read(wrong, h, when)
	}
	return h, when, repeat, wrong.err()
}

// host returns the host to book: the one named, the first host among the participants, or
// the default host. All other participants are guests.
func (in *bookingBody) host() (*host, []string, error) {
	who, guests, err := splitParticipants(in.Participants)
	if err != nil {
		return nil, nil, err
	}
	if ref := cmp.Or(in.BusinessID, in.PrincipalID); ref != "" {
		h := findHost(ref)
		if h == nil {
			return nil, nil, unknownPrincipal(ref)
		}
		return h, guests, nil
	}
	if len(who) == 0 {
		return hosts[0], guests, nil
	}
	for _, other := range who[1:] {
		guests = append(guests, other.Email)
	}
	return who[0], guests, nil
}

// checkBookable refuses a valid request that cannot be booked.
func (s *Server) checkBookable(c *call, in bookingBody, h *host, when span) error {
	if _, _, err := s.accessOf(c, in.ConsentID, h); err != nil {
		return err
	}
	if err := s.connected([]*host{h}); err != nil {
		return err
	}
	return s.checkFree(c, h, when, nil)
}

// checkFree refuses times that are past or not free, ignoring the booking but.
func (s *Server) checkFree(c *call, h *host, when span, but *Booking) error {
	if when.start.Before(c.now) {
		return refuse(timeInPast, "")
	}
	if !s.available(h, when, but) {
		return refuse(slotUnavailable, "")
	}
	return nil
}

// book adds a booking.
func (s *Server) book(c *call, in bookingBody, h *host, when span, series string) *Booking {
	b := &Booking{
		ID: s.uuid(), HostID: h.ID, Status: statusConfirmed, Start: when.start, End: when.end, CreatedAt: c.now.Truncate(time.Second),
		CustomerEmail: in.CustomerEmail, CustomerName: in.CustomerName, Title: in.Title, Notes: in.Notes,
		Participants: in.Participants, Metadata: in.Metadata, SeriesID: series, IdempotencyKey: c.idempotencyKey,
		Price: in.price, Answers: in.answers,
	}
	if b.Price != "" {
		b.Status, b.CheckoutURL = statusPending, s.pageURL(c.request, "/checkout/"+b.ID)
	}
	s.data.Bookings = append(s.data.Bookings, b)
	s.publishBooking(bookingCreated, b)
	return b
}

// endOfTime is later than any booking.
var endOfTime = time.Date(9999, time.December, 31, 0, 0, 0, 0, time.UTC)

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
	return paginate(s.data.Bookings, page, func(b *Booking) string { return b.ID }, func(b *Booking) bool {
		return cmp.Or(hostID, b.HostID) == b.HostID && cmp.Or(series, b.SeriesID) == b.SeriesID && cmp.Or(status, b.Status) == b.Status && b.span().overlaps(within)
	}, func(b *Booking) bookingJSON { return s.shown(c, b) }, func(all []bookingJSON, end pagination) any { return bookingPage{all, end} })
}

// shown is json for the caller of c: the page to pay is at the address of the caller's sandbox, although
// another process may have stored the booking.
func (s *Server) shown(c *call, b *Booking) bookingJSON {
	out := b.json()
	if out.CheckoutURL != "" {
		out.CheckoutURL = s.pageURL(c.request, "/checkout/"+b.ID)
	}
	return out
}

func (s *Server) requestedBooking(c *call) (*Booking, error) {
	b := s.findBooking(c.id())
	if b == nil {
		return nil, refuse(notFound, "There is no booking "+c.id()+".")
	}
	return b, nil
}

func (s *Server) readBooking(c *call) (answer, error) {
	b, err := s.requestedBooking(c)
	if err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusOK, body: bookingEnvelope{s.shown(c, b)}}, nil
}

// updateBody is the body of PATCH. Absent fields are left unchanged.
type updateBody struct {
	StartTime string            `json:"start_time"`
	EndTime   string            `json:"end_time"`
	Start     string            `json:"start"`
	End       string            `json:"end"`
	Notes     *string           `json:"notes"`
	Metadata  map[string]string `json:"metadata"`
}

func (s *Server) updateBooking(c *call) (answer, error) {
	b, err := s.requestedBooking(c)
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
	wrong := fieldErrors{}
	wrong.metadata(metadata)
	when := in.span(wrong, b)
	if err := wrong.err(); err != nil {
		return answer{}, err
	}
	if b.Status == statusCancelled {
		return answer{}, refuse(unprocessable, "This booking is cancelled.")
	}
	if !when.equal(b.span()) {
		if err := s.checkMove(c, b, when); err != nil {
			return answer{}, err
		}
	}
	b.Start, b.End, b.Metadata = when.start, when.end, metadata
	if in.Notes != nil {
		b.Notes = *in.Notes
	}
	s.publishBooking(bookingUpdated, b)
	return answer{http.StatusOK, bookingEnvelope{b.json()}, true}, nil
}

// checkMove refuses a time to which b cannot be moved. Its current time counts as free.
func (s *Server) checkMove(c *call, b *Booking, to span) error {
	h := findHost(b.HostID)
	if err := s.connected([]*host{h}); err != nil {
		return err
	}
	return s.checkFree(c, h, to, b)
}

// span returns the new time of the booking. A new start without an end keeps the length.
func (in *updateBody) span(wrong fieldErrors, b *Booking) span {
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
	b, err := s.requestedBooking(c)
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
	for _, b := range s.data.Bookings {
		if b.SeriesID == of.SeriesID && b.Status == statusConfirmed && b.Start.After(c.now) {
			s.markCancelled(b)
			out.Bookings = append(out.Bookings, b.json())
		}
	}
	out.BookingSeries.CancelledCount = len(out.Bookings)
	changed := len(out.Bookings) > 0
	if changed {
		s.publish(seriesCancelled, eventData{BookingSeries: &out.BookingSeries})
	}
	return answer{http.StatusOK, out, changed}, nil
}
