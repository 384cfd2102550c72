package scheduling

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/slots"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// NewBooking is a booking that is to be made.
type NewBooking struct {
	Hosts      []Host
	Offer      slots.Offer
	Loc, Guest *time.Location // Guest is nil if the guest's zone is not known
	Request    vennioclient.BookingRequest
	Repeat     *Repeat // nil: a single booking
	Act        consent.Act
	Prices     []string // to be paid
}

// Starts are the beginnings of the meetings of a series; none for a single booking.
func (b NewBooking) Starts() []time.Time {
	if b.Repeat == nil {
		return nil
	}
	return b.Repeat.Starts
}

// AgainstPreferences returns the days of the later meetings of a series that the hosts' preferences exclude: a
// monthly series changes its weekday, and a clock change may move a weekly one into a host's lunch. It is empty
// if the preferences exclude the first meeting too, because the person has overridden them.
func (s *Service) AgainstPreferences(b NewBooking) []string {
	excluding := s.Excluding(b.Hosts)
	var against []time.Time
	for i, start := range b.Starts() {
		if slots.Allow(excluding, vennioclient.Slot{Start: start, End: start.Add(b.Offer.Duration)}) {
			continue
		}
		if i == 0 {
			return nil
		}
		against = append(against, start)
	}
	return Days(against, b.Loc)
}

// Repeat is a repetition of a booking and the beginning of each meeting.
type Repeat struct {
	times.Repeat
	Starts []time.Time
}

// PrepareBooking opens the slot id and resolves everything that would be written, without writing.
func (s *Service) PrepareBooking(ctx context.Context, in schemas.BookSlotInput) (b NewBooking, err error) {
	if b.Hosts, err = s.ResolveHosts(ctx, in.Hosts); err != nil {
		return b, err
	}
	if b.Offer, err = s.openSlot(in.SlotID, b.Hosts); err != nil {
		return b, err
	}
	if b.Loc, b.Guest, err = offerZones(b.Offer); err != nil {
		return b, err
	}
	if err = s.useSentNames(ctx, b.Hosts, in.SlotID); err != nil {
		return b, err
	}
	b.Prices = s.prices(b.Hosts)
	if in.Repeat != "" {
		if len(b.Prices) > 0 {
			return b, refuse(schemas.CodeInvalidArguments, "repeat is not possible with a host who charges: each booking is paid by itself.", "Book the days one by one, each with the person's consent.")
		}
		if b.Repeat, err = parseRepeat(in.Repeat, b.Offer.Start, b.Loc); err != nil {
			return b, err
		}
	}
	b.Request = bookingRequest(in, b.Offer, b.Hosts)
	b.Act = consent.Act{
		Tool: ToolBook, Tenant: s.Tenant, SlotID: slots.Normalize(in.SlotID), Start: b.Request.Start, End: b.Request.End, Zone: b.Offer.Zone,
		GuestZone: b.Offer.Guest, Title: b.Request.Title, Notes: b.Request.Notes, Price: strings.Join(b.Prices, " and "),
		Hosts: parties(b.Hosts), Attendees: s.attendees(b.Request),
	}
	if b.Repeat != nil {
		b.Act.Repeat, b.Act.Count = b.Repeat.Text()+": "+JoinDays(Days(b.Repeat.Starts, b.Loc)), len(b.Repeat.Starts)
	}
	return b, nil
}

// openSlot returns what a slot id of find_slots contains, if it was made for these hosts.
func (s *Service) openSlot(id string, hosts []Host) (slots.Offer, error) {
	offer, err := s.Slots.Open(id, HostIDs(hosts))
	switch {
	case err == nil:
		return offer, nil
	case errors.Is(err, slots.ErrExpired):
		return offer, refuse(schemas.CodeSlotExpired, "", "")
	case errors.Is(err, slots.ErrFuture):
		return offer, refuse(schemas.CodeUnknownSlot, "This slot_id was issued more than 15 minutes in the future: the clock of this server, or of another one that shares its secret, is wrong.",
			"If an earlier call may have booked it, have the person look in Vennio first. Tell the user that the server's clock must be checked. "+SearchAgain)
	}
	return offer, refuse(schemas.CodeUnknownSlot, "", "")
}

// offerZones returns the zone in which an offer was shown and the guest's zone, nil if it is not known.
func offerZones(o slots.Offer) (loc, guest *time.Location, err error) {
	if loc, err = times.Zone(o.Zone); err == nil && o.Guest != "" {
		guest, err = times.Zone(o.Guest)
	}
	return loc, guest, err
}

// useSentNames gives the hosts the names under which this slot was sent to Vennio before. A repeated
// call is then the same act, and the same bytes under its idempotency key, even if a host has been
// renamed in the meantime.
func (s *Service) useSentNames(ctx context.Context, hosts []Host, slotID string) error {
	if !slices.ContainsFunc(hosts, s.nameFromVennio) {
		return nil
	}
	sent, err := s.Ledger.SentUnder(ctx, s.Tenant, slots.Normalize(slotID))
	if err != nil || sent == nil || len(sent.Hosts) != len(hosts) {
		return err
	}
	for i, h := range sent.Hosts {
		if hosts[i].ID == h.ID {
			hosts[i].Name = h.Name
		}
	}
	return nil
}

// prices are the prices of the hosts in whose calendars the booking is entered.
func (s *Service) prices(hosts []Host) (all []string) {
	for i, h := range hosts {
		if h.Price != "" && s.InCalendar(i) {
			all = append(all, sanitize.Line(h.Price, 40))
		}
	}
	return all
}

// InCalendar reports whether Vennio enters a booking in the calendar of the host at this index: in the
// reference dialect a booking belongs to the first host alone (vennio-api.md, Two dialects).
func (s *Service) InCalendar(host int) bool {
	return host == 0 || s.Vennio.Dialect() == vennioclient.Guide
}

func parseRepeat(text string, start time.Time, loc *time.Location) (*Repeat, error) {
	rule, err := times.ParseRepeat(text, start.In(loc))
	if err != nil {
		return nil, refuse(schemas.CodeInvalidArguments, err.Error()+".", "")
	}
	starts, err := rule.Starts(start, loc)
	if err != nil {
		return nil, refuse(schemas.CodeInvalidArguments, err.Error()+".", "")
	}
	return &Repeat{rule, starts}, nil
}

func bookingRequest(in schemas.BookSlotInput, offer slots.Offer, hosts []Host) vennioclient.BookingRequest {
	people := make([]vennioclient.Person, len(in.Attendees))
	for i, a := range in.Attendees {
		people[i] = vennioclient.Person{Email: strings.TrimSpace(a.Email), Name: sanitize.Line(a.Name, 100)}
	}
	names := make([]string, len(hosts)) // as they are: Vennio stores them
	for i, h := range hosts {
		names[i] = h.Name
	}
	return vennioclient.BookingRequest{
		Hosts: offer.Hosts, HostNames: names, Customer: people[0], Others: people[1:],
		Start: offer.Start, End: offer.End(),
		Title: sanitize.Line(in.Title, 120), Notes: sanitize.Block(in.Notes, 2000),
	}
}

// consentMetadata is the consent as Vennio stores it with the booking. Readers of the booking at Vennio
// see who agreed and in what words, and the same slot id under another consent has another body,
// which Vennio refuses (vennio-api.md, Idempotency).
func consentMetadata(g consent.Grant) map[string]string {
	return map[string]string{"mcp_consent_by": g.GivenBy, "mcp_consent_words": g.Words, "mcp_consent_rung": string(g.Method)}
}

// Booked is a booking that was made under a grant.
type Booked struct {
	Grant   consent.Grant
	Booking *vennioclient.Booking // as it is now; of a series the first
	Series  *vennioclient.Series  // nil: a single booking
	Fresh   bool                  // this call made it
}

// Book makes the booking under a grant. A repeated call returns the booking that was made before. The
// error is Vennio's, or a Refusal where the ledger or an earlier result determines it.
func (s *Service) Book(ctx context.Context, b NewBooking, g consent.Grant) (Booked, error) {
	out := Booked{Fresh: g.Outcome != consent.Done}
	current := false // the booking was read during this call
	var made *vennioclient.Booking
	g, err := s.execute(ctx, g, func(g consent.Grant) (id string, err error) {
		if g.Outcome == consent.Done && b.Repeat == nil {
			if now, err := s.Vennio.GetBooking(ctx, g.BookingID); err == nil {
				current, made = true, now
				return now.ID, nil
			} // a publishable key may not read; Vennio then repeats its stored answer
		}
		b.Request.Metadata = consentMetadata(g)
		b.Request.Metadata[metaZone] = b.Offer.Zone
		key := vennioclient.IdempotencyKey(g.Key())
		if b.Repeat != nil {
			made, out.Series, err = s.bookSeries(ctx, key, b)
		} else {
			made, err = s.Vennio.CreateBooking(ctx, key, b.Request)
		}
		switch {
		case err != nil:
			return "", err
		case b.Repeat == nil && g.Outcome == consent.Done && made.ID != g.BookingID:
			return "", otherBooking(vennioclient.ErrOtherBooking)
		}
		return made.ID, nil
	})
	if err != nil {
		if _, isVennio := errors.AsType[*vennioclient.Error](err); isVennio && g.Outcome == consent.Done {
			err = &Refusal{Message: "This was booked before, as booking " + sanitize.Line(g.BookingID, 100) + "; its current state cannot be read.", Cause: err}
		}
		return out, err
	}
	if !current {
		made = s.reread(ctx, made)
	}
	out.Grant, out.Booking = g, made
	return out, nil
}

// bookSeries books each meeting of a series that is free. It returns the first booking; if Vennio
// lists none, a booking that represents the series.
func (s *Service) bookSeries(ctx context.Context, key vennioclient.IdempotencyKey, b NewBooking) (*vennioclient.Booking, *vennioclient.Series, error) {
	b.Request.Recurrence = &vennioclient.Recurrence{Frequency: b.Repeat.Every, Count: b.Repeat.Count, Until: b.Repeat.Until, Timezone: b.Loc.String()}
	series, err := s.Vennio.CreateSeries(ctx, key, b.Request)
	switch {
	case err != nil:
		return nil, nil, err
	case series.Created == 0 && len(series.Bookings) == 0:
		return nil, nil, &vennioclient.Error{Kind: vennioclient.KindSlotTaken, Status: http.StatusConflict, Detail: "no day of the series is free"}
	}
	first := vennioclient.Booking{ID: series.ID, SeriesID: series.ID, Status: vennioclient.StatusConfirmed}
	if all := byStart(series.Bookings); len(all) > 0 {
		series.Bookings, first = all, all[0]
	}
	return &first, series, nil
}
