package tools

import (
	"context"
	"strings"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/plain"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// standing is a booking that exists and is to be changed.
type standingBooking struct {
	vennioclient.Booking
	hosts  []Host
	guests []vennioclient.Person // the customer first
}

func (d Deps) readBooking(ctx context.Context, id string) (standingBooking, error) {
	b, err := d.Vennio.GetBooking(ctx, strings.TrimSpace(id))
	if err != nil {
		return standingBooking{}, d.noBooking(err)
	}
	return d.asStanding(*b), nil
}

func (d Deps) asStanding(b vennioclient.Booking) standingBooking {
	hosts, guests := d.parties(b)
	return standingBooking{b, hosts, guests}
}

// request is the booking as one would ask for it, to see whom Vennio writes to.
func (b standingBooking) request() vennioclient.BookingRequest {
	r := vennioclient.BookingRequest{Hosts: hostIDs(b.hosts), Start: b.Start, End: b.End}
	if len(b.guests) > 0 {
		r.Customer, r.Others = b.guests[0], b.guests[1:]
	}
	return r
}

// toldOf lists the attendees and whom of them Vennio writes to about a change.
func (d Deps) toldOf(b standingBooking) []schemas.Told {
	if len(b.guests) == 0 {
		return nil
	}
	return d.told(b.request(), b.Status)
}

// open refuses what can no longer be changed.
func (d Deps) open(b standingBooking) error {
	switch {
	case b.Status == vennioclient.StatusCancelled:
		return refuse(schemas.CodeBookingClosed, "This booking is cancelled, so it cannot be changed.", "")
	case !b.End.IsZero() && !b.End.After(d.Now()):
		return refuse(schemas.CodeBookingClosed, "This booking is over, so it cannot be changed.", "")
	case b.Start.IsZero():
		return refuse(schemas.CodeBookingClosed, "Vennio did not tell when this booking is, so it cannot be changed here.", "Have the person change it in Vennio.")
	}
	return nil
}

// actOn is what a person agrees to about a booking that exists.
func (d Deps) actOn(tool string, b standingBooking, loc *time.Location) consent.Act {
	a := consent.Act{
		Tool: tool, Tenant: d.Tenant, BookingID: b.ID, Start: b.Start, End: b.End, Zone: loc.String(),
		Title: plain.Line(b.Title, 120),
	}
	for _, h := range b.hosts {
		a.Hosts = append(a.Hosts, consent.Party{Name: plain.Line(h.Name, 100), ID: h.ID})
	}
	confirmed := b
	confirmed.Status = vennioclient.StatusConfirmed // whom it concerned is the same once it is cancelled
	for _, t := range d.toldOf(confirmed) {
		a.Attendees = append(a.Attendees, consent.Attendee{Name: t.Name, Email: t.Email, Mailed: t.Mailed})
	}
	return a
}

// proposalOn shows an act on a booking that exists.
func (d Deps) proposalOn(action string, a consent.Act, b standingBooking, loc, guest *time.Location) *schemas.Proposal {
	p := &schemas.Proposal{
		Action: action, SlotID: a.SlotID, BookingID: plain.Line(a.BookingID, 100), Title: a.Title,
		Description: times.Label(a.Start, a.End, loc), GuestLocal: times.GuestLabel(a.Start, a.End, loc, guest),
		Start: times.UTC(a.Start), End: times.UTC(a.End), Repeat: a.Repeat,
		Hosts: d.hostsTold(b.hosts),
	}
	p.Attendees = toldIn(a)
	if !a.WasStart.IsZero() {
		p.Was = times.Label(a.WasStart, a.WasEnd, loc)
	}
	return p
}

// toldIn lists the attendees as they were agreed to.
func toldIn(a consent.Act) (all []schemas.Told) {
	for _, t := range a.Attendees {
		all = append(all, schemas.Told{Email: t.Email, Name: t.Name, Mailed: t.Mailed})
	}
	return all
}

// changed tells a booking after a change.
func (d Deps) changed(b standingBooking, loc *time.Location, g *consent.Grant) *schemas.ChangeResult {
	out := &schemas.ChangeResult{Booking: d.booking(b.Booking, loc), Changed: g != nil}
	if g != nil {
		out.Consent = &schemas.ConsentOnFile{GivenBy: g.GivenBy, Statement: g.Words, Rung: string(g.Rung)}
	}
	return out
}
