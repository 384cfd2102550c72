package tools

import (
	"context"
	"errors"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/slots"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// RescheduleBooking moves a booking to a slot that find_slots offered, once a
// person has agreed.
func RescheduleBooking(d Deps) Tool {
	return define(d, Spec{
		Name: toolReschedule, Title: "Move a booking", Effect: Changes, Needs: toolFind,
		Description: "Move a booking to a slot from find_slots, called with reschedule_of. " + consentRule(d.Policy) +
			" Vennio may e-mail attendees. Repeating the call changes nothing more. " +
			"A taken slot returns others, needing new consent.",
	}, d.rescheduleBooking)
}

const toolReschedule = "reschedule_booking"

// move is a rescheduling under way.
type move struct {
	standingBooking
	offer      slots.Offer
	loc, guest *time.Location
	act        consent.Act
}

func (d Deps) rescheduleBooking(ctx context.Context, in schemas.RescheduleBookingInput) (*schemas.ChangeResult, error) {
	m, err := d.understandMove(ctx, in)
	if err != nil {
		return nil, err
	}
	if m.act.Tool == "" { // not sent before
		if err := d.open(m.standingBooking); err != nil {
			return nil, err
		}
		if m.stands(m.offer.Start, m.offer.End()) {
			out := d.changed(m.standingBooking, m.loc, nil)
			out.Next = "Tell the person that it stands at this time already."
			return out, nil
		}
		m.act = d.moveAct(m, in)
	}
	to := deed{act: m.act, asked: d.proposalOn(schemas.ActionReschedule, m.act, m.standingBooking, m.loc, m.guest)}
	out, err := agreed(ctx, d, to, in.Consent, func(ctx context.Context, g consent.Grant) (*schemas.ChangeResult, error) { return d.move(ctx, m, g) })
	if errors.Is(err, errTaken) {
		return nil, d.notMoved(ctx, m, err)
	}
	return out, err
}

// understandMove resolves the arguments. The act is empty unless something was
// sent under this slot id for this booking before: by now the booking may stand
// at the new time, so that what was agreed can be told from the ledger alone.
func (d Deps) understandMove(ctx context.Context, in schemas.RescheduleBookingInput) (m move, err error) {
	if m.standingBooking, err = d.readBooking(ctx, in.BookingID); err != nil {
		return m, err
	}
	if m.offer, err = d.Slots.Open(in.SlotID, hostIDs(m.hosts)); err != nil {
		return m, slotRefused(err)
	}
	if m.loc, m.guest, err = zonesOf(m.offer); err != nil {
		return m, err
	}
	sent, err := d.Ledger.SentUnder(ctx, d.Tenant, slots.Normalize(in.SlotID))
	if err != nil {
		return m, ledgerRefused(err)
	}
	if sent != nil && sent.Tool == toolReschedule && sent.BookingID == m.ID {
		m.act = *sent
	}
	return m, nil
}

func (d Deps) moveAct(m move, in schemas.RescheduleBookingInput) consent.Act {
	a := d.actOn(toolReschedule, m.standingBooking, m.loc)
	a.SlotID, a.GuestZone = slots.Normalize(in.SlotID), m.offer.Guest
	a.WasStart, a.WasEnd, a.Start, a.End = a.Start, a.End, m.offer.Start, m.offer.End()
	return a
}

// stands: the booking is at this time.
func (b standingBooking) stands(start, end time.Time) bool {
	return b.Start.Equal(start) && b.End.Equal(end)
}

// move moves under a grant, if the booking still stands as the person was shown it.
func (d Deps) move(ctx context.Context, m move, g consent.Grant) (*schemas.ChangeResult, error) {
	now, err := d.stateOf(ctx, m.ID)
	if err != nil {
		return nil, notRead(g, err)
	}
	there := now.stands(m.act.Start, m.act.End)
	asShown := now.stands(m.act.WasStart, m.act.WasEnd) && now.Status != vennioclient.StatusCancelled
	if g.Outcome != consent.Done && !there && !asShown {
		return nil, refuse(schemas.CodeConsentMismatch, changedSince, lookAgain)
	}
	fresh := g.Outcome == consent.Unsent && !there
	g, _, err = d.carryOut(ctx, g, func(g consent.Grant) (*vennioclient.Booking, error) {
		if g.Outcome == consent.Done || there {
			return &now.Booking, nil // a read settles it
		}
		moved, err := d.Vennio.UpdateBooking(ctx, vennioclient.IdempotencyKey(g.Key()), m.ID, m.update(now))
		if err != nil {
			if after, bad := d.stateOf(ctx, m.ID); bad == nil && after.stands(m.act.Start, m.act.End) {
				return &after.Booking, nil
			}
		}
		return moved, err
	})
	if err != nil {
		return nil, d.notMoved(ctx, m, err)
	}
	return d.movedTo(ctx, m, g, fresh), nil
}

// update is what is written of a move: the time, and the zone in which it was found where
// the booking names another. The metadata of bookings that are not ours stay as they are.
func (m move) update(now standingBooking) vennioclient.BookingUpdate {
	u := vennioclient.BookingUpdate{Start: m.act.Start, End: m.act.End}
	if zone := now.Metadata[metaZone]; zone != "" && zone != m.act.Zone {
		u.Metadata, u.Of = map[string]string{metaZone: m.act.Zone}, &now.Booking
	}
	return u
}

func (d Deps) movedTo(ctx context.Context, m move, g consent.Grant, fresh bool) *schemas.ChangeResult {
	known := m.standingBooking // counts where it cannot be read again
	if fresh {
		known.Start, known.End = m.act.Start, m.act.End
	}
	after := d.afterwards(ctx, known)
	out := d.changed(after, m.loc, &g)
	out.Changed = fresh
	out.Was = times.Label(m.act.WasStart, m.act.WasEnd, m.loc)
	out.Mailed, out.NotMailed = addresses(toldIn(m.act))
	out.Next = "Tell the person that it was moved; whom Vennio does not write to, they must tell."
	if !fresh {
		out.Next = "Tell the person that it had already been moved, and that this call changed nothing more."
	}
	if !after.stands(m.act.Start, m.act.End) || after.Status == vennioclient.StatusCancelled {
		out.Next = "It was moved as agreed and has been changed since: tell the person how it stands now."
	}
	return out
}

// notMoved turns a failed move into what is true: not done, or not known.
func (d Deps) notMoved(ctx context.Context, m move, err error) error {
	told := notChanged(err, refusals)
	r, ok := errors.AsType[*Refusal](told)
	if !ok || r.Code != schemas.CodeSlotTaken {
		return told
	}
	around := search{
		hosts: m.hosts, duration: m.offer.Duration, guest: m.guest, old: &m.standingBooking,
		window: times.Window{From: m.act.Start, Loc: m.loc},
	}
	if r.Instead.Alternatives = d.nearest(ctx, around); len(r.Instead.Alternatives) == 0 {
		r.Next = searchAgain
	}
	return r
}
