package scheduling

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// Booking is an existing booking with its people.
type Booking struct {
	vennioclient.Booking
	Hosts  []Host                // the owner first
	Guests []vennioclient.Person // the customer first
}

// IsAt reports whether the booking has exactly this time.
func (b Booking) IsAt(start, end time.Time) bool {
	return b.Start.Equal(start) && b.End.Equal(end)
}

// ErrNoBooking is the error of reading a booking that Vennio does not know.
var ErrNoBooking = errors.New("no booking at Vennio has this id")

// ReadBooking reads a booking, with the names of its hosts that people see.
func (s *Service) ReadBooking(ctx context.Context, id string) (Booking, error) {
	b, err := s.readBooking(ctx, id)
	if err != nil {
		return b, err
	}
	b.Hosts, err = s.WithNames(ctx, b.Hosts)
	return b, err
}

// readBooking reads a booking without asking for the names of its hosts.
func (s *Service) readBooking(ctx context.Context, id string) (Booking, error) {
	b, err := s.Vennio.GetBooking(ctx, strings.TrimSpace(id))
	switch {
	case errors.Is(err, vennioclient.ErrOtherBooking):
		return Booking{}, otherBooking(err)
	case vennioclient.KindOf(err) == vennioclient.KindNotFound:
		return Booking{}, &Refusal{Code: schemas.CodeNotFound, Message: "Vennio knows no booking by this booking_id.", Cause: fmt.Errorf("%w: %w", ErrNoBooking, err)}
	case err != nil:
		return Booking{}, err
	}
	return s.WithPeople(*b), nil
}

func otherBooking(err error) error {
	return &Refusal{
		Code: schemas.CodeUnavailable, Cause: err,
		Message: "Vennio answered with another booking than the one asked for, so nothing is known about this one. Nothing was changed or recorded.",
		Next:    "Make the same call once more. If it happens again, tell the user that Vennio mixes up bookings, and to look at this one in Vennio itself.",
	}
}

// reread reads a booking again after a write. Vennio's answer to a repeated write is a stored one; the
// booking may have been paid, moved or cancelled since. Where reading is not possible (with a
// publishable key), the stored answer is used.
func (s *Service) reread(ctx context.Context, stored *vennioclient.Booking) *vennioclient.Booking {
	now, err := s.Vennio.GetBooking(ctx, stored.ID)
	if err != nil { // also if Vennio answers with another booking
		return stored
	}
	now.CheckoutURL = cmp.Or(now.CheckoutURL, stored.CheckoutURL)
	return now
}

// afterWrite reads a booking again after it was changed. A failure to ask for names does not hide the
// result of the write: the hosts keep the names from before.
func (s *Service) afterWrite(ctx context.Context, before Booking) Booking {
	b := s.WithPeople(*s.reread(ctx, &before.Booking))
	named, err := s.WithNames(ctx, b.Hosts)
	if err == nil {
		b.Hosts = named
		return b
	}
	for i, h := range b.Hosts {
		if at := slices.IndexFunc(before.Hosts, func(was Host) bool { return idKey(was.ID) == idKey(h.ID) }); at >= 0 {
			b.Hosts[i] = before.Hosts[at]
		}
	}
	return b
}

// WithPeople finds the hosts and the guests of a booking, each once. Vennio's participants contain
// both: an id, an address or "Name <either>", possibly after a kind such as "user:".
func (s *Service) WithPeople(b vennioclient.Booking) Booking {
	out := Booking{Booking: b}
	seen := map[string]bool{"": true}
	isNew := func(id string) bool {
		id = strings.ToLower(id)
		was := seen[id]
		seen[id] = true
		return !was
	}
	if isNew(b.HostID) {
		out.Hosts = append(out.Hosts, s.hostOf(b.HostID, b.HostID))
	}
	customer := vennioclient.Person{Name: sanitize.Line(b.Customer.Name, 100), Email: sanitize.Line(b.Customer.Email, 254)}
	if isNew(cmp.Or(customer.Email, customer.Name)) {
		out.Guests = append(out.Guests, customer)
	}
	for _, p := range b.Participants {
		name, id := parseParticipant(sanitize.Line(p, 400))
		_, isSet := s.Hosts.Find(id)
		switch isHost := isSet || !strings.Contains(id, "@") && (name != "" || consent.IsUUID(id)); {
		case !isNew(id):
		case isHost:
			out.Hosts = append(out.Hosts, s.hostOf(id, name))
		default:
			out.Guests = append(out.Guests, vennioclient.Person{Name: name, Email: id})
		}
	}
	return out
}

// hostOf returns the host that the operator set with this id, or else one with the given name.
func (s *Service) hostOf(id, name string) Host {
	if set, ok := s.Hosts.Find(id); ok {
		return set
	}
	if name = SafeName(name); name != "" {
		return Host{Name: name, ID: id, foreign: true}
	}
	return Host{Name: sanitize.Line(id, 100), ID: id}
}

// parseParticipant splits "user:Name <id>".
func parseParticipant(participant string) (name, id string) {
	name, id, named := strings.Cut(participant, "<")
	if !named {
		name, id = "", participant
	}
	id = strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(id), ">"))
	if _, bare, kind := strings.Cut(id, ":"); kind {
		id = bare
	}
	return strings.TrimSpace(name), id
}

// ShownHosts lists the hosts of a booking for people and models. In the guide's dialect the owner's id
// repeats a host who is named by an address, so an owner without another name is left out.
func (b Booking) ShownHosts() []string {
	shown := []string{}
	for i, h := range b.Hosts {
		redundant := h.Unnamed() || h.foreign && slices.ContainsFunc(b.Hosts, func(h Host) bool { return strings.Contains(h.ID, "@") })
		if i > 0 || len(b.Hosts) == 1 || !redundant {
			shown = append(shown, h.Shown())
		}
	}
	return shown
}

// RefuseUnchangeable returns the error of a change to a booking that can no longer be changed.
func (s *Service) RefuseUnchangeable(b Booking) error {
	switch {
	case b.Status == vennioclient.StatusCancelled:
		return refuse(schemas.CodeBookingClosed, "This booking is cancelled, so it cannot be changed.", "")
	case !b.End.After(b.Start), b.Start.IsZero():
		return refuse(schemas.CodeBookingClosed, "Vennio did not say when this booking is, so it cannot be changed here.", "Have the person change it in Vennio.")
	case !b.End.After(s.Now()):
		return refuse(schemas.CodeBookingClosed, "This booking is over, so it cannot be changed.", "")
	}
	return nil
}

// metaZone is the metadata key for the zone in which the time of a booking was found. Later questions
// about the booking show its time in this zone, whatever the session.
const metaZone = "mcp_timezone"

// zoneOf returns the zone in which the time of a booking or proposal was found, or else the server's
// zone. Others can write the metadata too.
func (s *Service) zoneOf(metadata map[string]string) *time.Location {
	if loc, err := times.Zone(metadata[metaZone]); err == nil {
		return loc
	}
	return s.Zone
}

// attendees lists the guests of a booking, and whom of them Vennio e-mails about it.
func (s *Service) attendees(r vennioclient.BookingRequest) (all []consent.Attendee) {
	mailed, silent := s.Vennio.Dialect().Recipients(r)
	for _, p := range mailed {
		all = append(all, consent.Attendee{Name: p.Name, Email: p.Email, Mailed: !s.NoMail})
	}
	for _, p := range silent {
		all = append(all, consent.Attendee{Name: p.Name, Email: p.Email})
	}
	return all
}

// MaxListPages is the number of pages that are read in all, over all hosts. Vennio lists bookings in no
// documented order, so all pages are read before the first booking is shown.
const MaxListPages = 20

const listPage = 100

// ListBookings returns the bookings of the hosts that keep accepts, each once; without hosts those of
// the whole account. It reports whether there are more than can be read.
func (s *Service) ListBookings(ctx context.Context, hosts []Host, keep func(vennioclient.Booking) bool) (found []vennioclient.Booking, cut bool, err error) {
	if len(hosts) == 0 {
		hosts = []Host{{}}
	}
	pages, kept := MaxListPages, map[string]bool{}
	for _, h := range hosts {
		more, err := s.eachBooking(ctx, h, &pages, func(b vennioclient.Booking) {
			if !kept[b.ID] && keep(b) {
				kept[b.ID] = true
				found = append(found, b)
			}
		})
		if err != nil {
			return nil, false, err
		}
		cut = cut || more
	}
	return found, cut, nil
}

// eachBooking reads the bookings of one host and takes the pages from the number that remains. It
// stops at a page that contains nothing new, because Vennio then does not page. It reports whether
// there are more bookings than these pages.
func (s *Service) eachBooking(ctx context.Context, h Host, pages *int, each func(vennioclient.Booking)) (cut bool, err error) {
	q, seen := vennioclient.BookingsQuery{Host: h.ID, Limit: listPage}, map[string]bool{}
	for ; *pages > 0; *pages-- {
		page, err := s.Vennio.ListBookings(ctx, q)
		if err != nil {
			return false, err
		}
		before := len(seen)
		for _, b := range page.Bookings {
			seen[b.ID] = true
			if belongsTo(b, h) {
				each(b)
			}
		}
		if q.Cursor = page.NextCursor; q.Cursor == "" || len(seen) == before {
			*pages--
			return false, nil
		}
	}
	return true, nil
}

// belongsTo reports whether a booking is the host's, or cannot be distinguished: in the guide's
// dialect a host is an address, and in Vennio's answers an id.
func belongsTo(b vennioclient.Booking, h Host) bool {
	return h.ID == "" || b.HostID == "" || strings.EqualFold(b.HostID, h.ID) || strings.Contains(h.ID, "@") != strings.Contains(b.HostID, "@")
}

// Our series have at most times.MaxOccurrences bookings; those of others may be longer.
const seriesPages, seriesPage = 10, 100

// futureOf returns the confirmed bookings of a series that are still to come, in order. These are the
// ones that a cancellation of the series cancels (vennio-api.md, Bookings).
func (s *Service) futureOf(ctx context.Context, series string) (future []vennioclient.Booking, err error) {
	all, err := s.ReadSeries(ctx, series)
	return slices.DeleteFunc(all, func(b vennioclient.Booking) bool {
		return b.Status != vennioclient.StatusConfirmed || !b.Start.After(s.Now())
	}), err
}

// ReadSeries returns the bookings of a series in order.
func (s *Service) ReadSeries(ctx context.Context, series string) (all []vennioclient.Booking, err error) {
	q := vennioclient.BookingsQuery{SeriesID: series, Limit: seriesPage}
	for range seriesPages {
		page, err := s.Vennio.ListBookings(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, b := range page.Bookings {
			if b.SeriesID == series {
				all = append(all, b)
			}
		}
		if q.Cursor = page.NextCursor; q.Cursor == "" {
			return byStart(all), nil
		}
	}
	return nil, refuse(schemas.CodeRejected, "This series has more bookings than can be shown to a person here.", "Have the person cancel it in Vennio, or cancel its bookings one by one.")
}

// byStart sorts bookings by their start and removes repetitions.
func byStart(all []vennioclient.Booking) []vennioclient.Booking {
	slices.SortFunc(all, func(a, b vennioclient.Booking) int { return a.Start.Compare(b.Start) })
	return slices.CompactFunc(all, func(a, b vennioclient.Booking) bool { return a.ID == b.ID })
}

// Days lists the days on which meetings begin, as people read them.
func Days(starts []time.Time, loc *time.Location) []string {
	days := make([]string, len(starts))
	for i, at := range starts {
		days[i] = times.Day(at, loc)
	}
	return days
}

// JoinDays joins as many days as a person will read: the first ones and the last.
func JoinDays(days []string) string {
	const most = 60
	if n := len(days); n > most {
		return strings.Join(days[:most-1], ", ") + ", … " + days[n-1]
	}
	return strings.Join(days, ", ")
}
