package tools

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// standingBooking is a booking that exists and is to be changed.
type standingBooking struct {
	vennioclient.Booking
	hosts  []Host
	guests []vennioclient.Person // the customer first
}

// What is said where a booking is no longer what a person agreed to.
const (
	changedSince = "This call changed nothing: the booking has been changed since the person was asked."
	lookAgain    = "Look at the booking again, show the person how it stands now, and ask anew."
)

// readBooking reads a booking, its hosts by the names that people see.
func (d Deps) readBooking(ctx context.Context, id string) (standingBooking, error) {
	b, err := d.stateOf(ctx, id)
	if err != nil {
		return b, err
	}
	b.hosts, err = d.named(ctx, b.hosts)
	return b, err
}

// stateOf reads a booking for its status and time alone.
func (d Deps) stateOf(ctx context.Context, id string) (standingBooking, error) {
	b, err := d.Vennio.GetBooking(ctx, strings.TrimSpace(id))
	if err != nil {
		return standingBooking{}, d.noBooking(err)
	}
	return d.asStanding(*b), nil
}

// afterwards is how a booking stands after a change. What was written is told, whether Vennio can be
// asked for names or not: the hosts of before keep theirs.
func (d Deps) afterwards(ctx context.Context, before standingBooking) standingBooking {
	b := d.asStanding(*d.asItIsNow(ctx, &before.Booking))
	named, err := d.named(ctx, b.hosts)
	if err == nil {
		b.hosts = named
		return b
	}
	for i, h := range b.hosts {
		if at := slices.IndexFunc(before.hosts, func(was Host) bool { return idKey(was.ID) == idKey(h.ID) }); at >= 0 {
			b.hosts[i] = before.hosts[at]
		}
	}
	return b
}

// asAgreed gives the hosts of an act the names under which a person agreed to it, if they are the
// same hosts: a host who is renamed meanwhile makes no other act.
func asAgreed(act *consent.Act, agreed consent.Act) {
	if slices.EqualFunc(act.Hosts, agreed.Hosts, func(a, b consent.Party) bool { return a.ID == b.ID }) {
		act.Hosts = slices.Clone(agreed.Hosts)
	}
}

func (d Deps) asStanding(b vennioclient.Booking) standingBooking {
	hosts, guests := d.parties(b)
	return standingBooking{b, hosts, guests}
}

// metaZone is the key of a booking's metadata for the zone in which its time was found.
const metaZone = "mcp_timezone"

// zoneOf is the zone in which a booking's time was found, else the server's. Others can
// write into the metadata too.
func (d Deps) zoneOf(b standingBooking) *time.Location {
	if loc, err := times.Zone(b.Metadata[metaZone]); err == nil {
		return loc
	}
	return d.Zone
}

// told lists the attendees and whom of them Vennio may write to about a change.
func (b standingBooking) told(d Deps) []schemas.Told {
	if len(b.guests) == 0 {
		return []schemas.Told{}
	}
	r := vennioclient.BookingRequest{Hosts: hostIDs(b.hosts), Customer: b.guests[0], Others: b.guests[1:]}
	return d.told(r, vennioclient.StatusConfirmed)
}

// open refuses what can no longer be changed.
func (d Deps) open(b standingBooking) error {
	switch {
	case b.Status == vennioclient.StatusCancelled:
		return refuse(schemas.CodeBookingClosed, "This booking is cancelled, so it cannot be changed.", "")
	case !b.End.After(b.Start), b.Start.IsZero():
		return refuse(schemas.CodeBookingClosed, "Vennio did not tell when this booking is, so it cannot be changed here.", "Have the person change it in Vennio.")
	case !b.End.After(d.Now()):
		return refuse(schemas.CodeBookingClosed, "This booking is over, so it cannot be changed.", "")
	}
	return nil
}

// actOn is what a person agrees to about a booking that exists.
func (d Deps) actOn(tool string, b standingBooking, loc *time.Location) consent.Act {
	a := consent.Act{
		Tool: tool, Tenant: d.Tenant, BookingID: b.ID, Start: b.Start, End: b.End, Zone: loc.String(),
		Title: sanitize.Line(b.Title, 120),
	}
	a.Hosts = asParties(b.hosts)
	for _, t := range b.told(d) {
		a.Attendees = append(a.Attendees, consent.Attendee{Name: t.Name, Email: t.Email, Mailed: t.Mailed})
	}
	return a
}

// asParties are hosts as acts have them.
func asParties(hosts []Host) (all []consent.Party) {
	for _, h := range hosts {
		all = append(all, consent.Party{Name: h.Name, ID: h.ID})
	}
	return all
}

// settleOld settles an act that was sent so long ago that a call about it is a
// matter of its own: it stands as it did, and the write can no longer arrive.
func (d Deps) settleOld(ctx context.Context, act consent.Act) error {
	grant, _, err := d.Ledger.Standing(ctx, act)
	if err != nil || grant == nil || grant.Outcome == consent.Unsent || grant.Outcome == consent.Done {
		return ledgerRefused(err)
	}
	if d.Now().Sub(grant.At) < consent.Repeatable {
		return nil
	}
	return ledgerRefused(d.Ledger.GiveUp(ctx, *grant, "a later read shows that it was not done"))
}

// proposalOn shows an act on a booking that exists.
func (d Deps) proposalOn(action string, a consent.Act, b standingBooking, loc, guest *time.Location) *schemas.Proposal {
	p := &schemas.Proposal{
		Action: action, SlotID: a.SlotID, BookingID: sanitize.Line(a.BookingID, 100), Title: a.Title,
		Description: times.Label(a.Start, a.End, loc), GuestLocal: times.GuestLabel(a.Start, a.End, loc, guest),
		Start: times.UTC(a.Start), End: times.UTC(a.End), Repeat: a.Repeat,
		Hosts: d.hostsTold(b.hosts), Attendees: toldIn(a),
	}
	if !a.WasStart.IsZero() {
		p.Was = times.Label(a.WasStart, a.WasEnd, loc)
	}
	return p
}

// toldIn lists the attendees as they were agreed to.
func toldIn(a consent.Act) []schemas.Told {
	all := []schemas.Told{}
	for _, t := range a.Attendees {
		all = append(all, schemas.Told{Email: t.Email, Name: t.Name, Mailed: t.Mailed})
	}
	return all
}

// addresses are those of the attendees to whom Vennio may write, and of the others.
func addresses(all []schemas.Told) (mailed, not []string) {
	for _, t := range all {
		if t.Mailed {
			mailed = append(mailed, t.Email)
		} else {
			not = append(not, t.Email)
		}
	}
	return within(mailed), within(not)
}

// changed tells a booking after a change under g, or as it stood before where g
// is nil.
func (d Deps) changed(b standingBooking, loc *time.Location, g *consent.Grant) *schemas.ChangeResult {
	out := &schemas.ChangeResult{Booking: d.booking(b, loc)}
	out.Hosts, out.Attendees = within(out.Hosts), within(out.Attendees)
	if g != nil {
		out.Consent = &schemas.ConsentOnFile{GivenBy: g.GivenBy, Statement: g.Words, Method: string(g.Rung)}
	}
	return out
}
