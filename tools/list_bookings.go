package tools

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

const (
	listed      = 5     // bookings told where no limit is given
	listedDays  = 365   // the window where it has no end
	peopleShown = 3     // of those who attend, and of those who host, each booking
	shownSize   = 5_000 // bytes of bookings, as JSON, in one answer: with the rest under 2,000 tokens
)

// ListBookings tells the bookings to come.
func ListBookings(d Deps) Tool {
	return define(d, Spec{
		Name: "list_bookings", Title: "List bookings", Effect: Reads,
		Description: "List the hosts' bookings to come; only reads. " +
			"Use it for an agenda or to find a booking_id; get_booking for one in full; find_slots for free times.",
	}, d.listBookings)
}

func (d Deps) listBookings(ctx context.Context, in schemas.ListBookingsInput) (*schemas.ListBookingsResult, error) {
	q, err := d.listing(ctx, in)
	if err != nil {
		return nil, err
	}
	found, cut, err := d.gather(ctx, q)
	if err != nil {
		return nil, err
	}
	out := &schemas.ListBookingsResult{
		Now: at(d.Now(), q.window.Loc), Window: windowTold(search{window: q.window}),
		Bookings: []schemas.Booking{}, Total: len(found),
	}
	rest, size := q.rest(found), 0
	for i, b := range rest {
		standing := d.asStanding(b)
		if standing.hosts, err = d.named(ctx, standing.hosts); err != nil {
			return nil, err
		}
		told := brief(d.booking(standing, q.window.Loc))
		raw, _ := json.Marshal(told) // plain strings
		if size += len(raw); i == q.limit || i > 0 && size > shownSize {
			out.NextCursor = d.cursor(q, placeOf(rest[i-1]))
			break
		}
		out.Bookings = append(out.Bookings, told)
	}
	out.Note = q.note(in, out, cut)
	return out, nil
}

// listing is one question for bookings, understood.
type listing struct {
	hosts  []Host // none: the whole account
	window times.Window
	status string
	limit  int
	after  place // the last booking of the page before; the zero place is before all
	asked  []string
}

// listing understands the arguments. Its error names all that was not understood.
func (d Deps) listing(ctx context.Context, in schemas.ListBookingsInput) (q listing, err error) {
	loc, badZone := d.zone("timezone", in.Timezone, d.Zone)
	window, badWindow := times.ParseWindow(times.WindowInput{
		When: in.When, From: in.From, To: in.To, WeekStart: d.WeekStart, Loc: cmp.Or(loc, d.Zone), Now: d.Now(),
		DefaultDays: listedDays, MaxDays: listedDays + 1, MaxAhead: maxAhead,
	})
	badWindow = phraseRefused(badWindow, in.When, in.From+in.To)
	hosts, badHosts := []Host(d.Hosts), error(nil)
	if len(in.Hosts) > 0 {
		hosts, badHosts = d.hostsMeant(ctx, in.Hosts)
	}
	if err := together(badZone, badHosts, badWindow); err != nil {
		return listing{}, err
	}
	q = listing{hosts: hosts, window: window, status: in.Status, limit: cmp.Or(in.Limit, listed)}
	q.asked = append([]string{strings.TrimSpace(in.When), strings.TrimSpace(in.From), strings.TrimSpace(in.To), in.Status, window.Loc.String()}, hostIDs(hosts)...)
	q.after, err = d.placeIn(q, in.Cursor)
	return q, err
}

// wants filters what Vennio did not, or may not have: its filters are known in
// part only (vennio-api.md, Bookings). A booking whose times Vennio left out is
// not hidden.
func (q listing) wants(b vennioclient.Booking) bool {
	if !b.Start.IsZero() && (!b.Start.Before(q.window.To) || !b.End.After(q.window.From) || !q.window.Touches(b.Start, b.End)) {
		return false
	}
	switch q.status {
	case "":
		return b.Status != vennioclient.StatusCancelled
	case "any":
		return true
	}
	return b.Status == q.status
}

// rest is what follows after the page before.
func (q listing) rest(sorted []vennioclient.Booking) []vennioclient.Booking {
	i := slices.IndexFunc(sorted, func(b vennioclient.Booking) bool { return placeOf(b).compare(q.after) > 0 })
	if i < 0 {
		return nil
	}
	return sorted[i:]
}

// brief is enough to recognise a booking: get_booking tells all of it.
func brief(b schemas.Booking) schemas.Booking {
	b.Title = sanitize.Line(b.Title, 80)
	b.Hosts, b.Attendees = few(b.Hosts), few(b.Attendees)
	return b
}

// few names the first people and counts the rest.
func few(people []string) []string {
	shown := []string{}
	for _, p := range people[:min(len(people), peopleShown)] {
		shown = append(shown, sanitize.Line(p, 80))
	}
	if more := len(people) - peopleShown; more > 0 {
		shown = append(shown, fmt.Sprintf("%d more", more))
	}
	return shown
}

// note says what the person or the model might otherwise not know.
func (q listing) note(in schemas.ListBookingsInput, out *schemas.ListBookingsResult, cut bool) string {
	var say []string
	if in.Timezone == "" {
		say = append(say, fmt.Sprintf("No timezone was given: times are in %s, the server's default.", q.window.Loc))
	}
	if note := in.Note(in.Limit); note != "" {
		say = append(say, note)
	}
	if q.window.Cut {
		say = append(say, "The window began in the past and was cut to the future.")
	}
	if q.window.Hint != "" {
		say = append(say, q.window.Hint+".")
	}
	if cut {
		say = append(say, fmt.Sprintf("Vennio lists more than the %d pages that are looked through, so some bookings may be missing: name one host, or look in Vennio.", listPages))
	}
	if slices.ContainsFunc(out.Bookings, func(b schemas.Booking) bool { return b.Status == vennioclient.StatusPendingPayment }) {
		say = append(say, "pending_payment is NOT confirmed until paid.")
	}
	if out.Total == 0 {
		say = append(say, "Nothing more is booked here from now on; that is no error.")
	} else if in.Status == "" {
		say = append(say, "Cancelled ones are left out.")
	}
	return strings.Join(say, " ")
}

// placeOf is where a booking stands in the list.
func placeOf(b vennioclient.Booking) place {
	return place{start: b.Start.Truncate(time.Second), id: digest(b.ID)}
}
