package sandbox

import (
	"cmp"
	"net/http"
	"time"
)

// bookingBody is what POST /v1/bookings takes, in both dialects: the guide's
// fields are participants, start and end.
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
}

// createBooking answers POST /v1/bookings.
func (s *Server) createBooking(c *call) (answer, error) {
	var in bookingBody
	if err := decode(c.body, &in); err != nil {
		return answer{}, err
	}
	h, when, repeat, err := in.read()
	if err != nil {
		return answer{}, err
	}
	if err := s.bookable(c, in, h, when); err != nil {
		return answer{}, err
	}
	if repeat != nil {
		return s.createSeries(c, in, h, repeat.spans(when)), nil
	}
	return answer{http.StatusCreated, bookingEnvelope{s.book(c, in, h, when, "").json()}, true}, nil
}

// read checks the body and settles who is booked, by whom and when.
func (in *bookingBody) read() (h *host, when span, repeat *recurrence, err error) {
	h, guests, err := in.host()
	if err != nil {
		return nil, span{}, nil, err
	}
	wrong := misfits{}
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

// host finds whose calendar is booked: the one named, the first host among the
// participants, or the default host. All other participants are guests.
func (in *bookingBody) host() (*host, []string, error) {
	who, guests, err := sortOut(in.Participants)
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

// bookable refuses what is well formed but cannot be booked.
func (s *Server) bookable(c *call, in bookingBody, h *host, when span) error {
	if _, _, err := s.accessOf(c, in.ConsentID, h); err != nil {
		return err
	}
	if err := s.connected([]*host{h}); err != nil {
		return err
	}
	return s.claimable(c, h, when, nil)
}

// claimable refuses times that are past or not free, as if but were not there.
func (s *Server) claimable(c *call, h *host, when span, but *Booking) error {
	if when.start.Before(c.now) {
		return refuse(timeInPast, "")
	}
	if !s.available(h, when, but) {
		return refuse(slotUnavailable, "")
	}
	return nil
}

// book enters a booking.
func (s *Server) book(c *call, in bookingBody, h *host, when span, series string) *Booking {
	b := &Booking{
		ID: s.uuid(), HostID: h.ID, Status: statusConfirmed, Start: when.start, End: when.end, CreatedAt: c.now.Truncate(time.Second),
		CustomerEmail: in.CustomerEmail, CustomerName: in.CustomerName, Title: in.Title, Notes: in.Notes,
		Participants: in.Participants, Metadata: in.Metadata, SeriesID: series, IdempotencyKey: c.idempotencyKey,
	}
	if h.Price != "" {
		b.Status, b.CheckoutURL = statusPending, s.checkoutURL(c.request, b.ID)
	}
	s.bookings = append(s.bookings, b)
	s.tellBooking(bookingCreated, b)
	return b
}
