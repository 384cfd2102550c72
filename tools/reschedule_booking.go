package tools

import (
	"cmp"
	"context"
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
		Name: toolReschedule, Title: "Move a booking", Effect: Changes,
		Description: "Move a booking to a slot from find_slots, called with reschedule_of. First show the person the old and the new time and ask: " +
			"without their consent nothing changes. Vennio may e-mail attendees. Repeating the call changes nothing more. " +
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
	switch {
	case m.act.Tool != "": // sent before: the same call settles it
	case m.Start.Equal(m.offer.Start) && m.End.Equal(m.offer.End()):
		out := d.changed(m.standingBooking, m.loc, nil)
		out.Next = "Tell the person that it stands at this time already."
		return out, nil
	default:
		if err := d.open(m.standingBooking); err != nil {
			return nil, err
		}
		m.act = d.moveAct(m, in)
	}
	grant, err := d.agree(ctx, deed{act: m.act, asked: d.proposalOn(schemas.ActionReschedule, m.act, m.standingBooking, m.loc, m.guest)}, in.Gate)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	write, done := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
	defer done()
	return d.move(write, m, grant)
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
	if m.loc, err = times.Zone(m.offer.Zone); err != nil {
		return m, err
	}
	if m.offer.Guest != "" {
		if m.guest, err = times.Zone(m.offer.Guest); err != nil {
			return m, err
		}
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

// move moves under a grant.
func (d Deps) move(ctx context.Context, m move, g consent.Grant) (*schemas.ChangeResult, error) {
	g, now, err := d.carryOut(ctx, g, func(g consent.Grant) (*vennioclient.Booking, error) {
		if g.Outcome == consent.Done {
			return d.Vennio.GetBooking(ctx, m.ID)
		}
		moved, err := d.Vennio.UpdateBooking(ctx, vennioclient.IdempotencyKey(g.Key()), m.ID, vennioclient.BookingUpdate{Start: m.act.Start, End: m.act.End})
		if err != nil && vennioclient.OutcomeOf(err) == vennioclient.Unknown {
			if now, bad := d.Vennio.GetBooking(ctx, m.ID); bad == nil && now.Start.Equal(m.act.Start) && now.End.Equal(m.act.End) {
				return now, nil // a read settles it
			}
		}
		return moved, err
	})
	if err != nil {
		return nil, d.notMoved(ctx, m, err)
	}
	after := d.asStanding(*d.asItIsNow(ctx, now))
	out := d.changed(after, m.loc, &g)
	out.Was = times.Label(m.act.WasStart, m.act.WasEnd, m.loc)
	out.Told = d.toldOf(after)
	out.Next = "Tell the person that it was moved, and who was not e-mailed."
	if !after.Start.Equal(m.act.Start) {
		out.Next = "It was moved as agreed and has been changed since: tell the person how it stands now."
	}
	return out, nil
}

// notMoved turns a failed change into what is true: not done, or not known.
func (d Deps) notMoved(ctx context.Context, m move, err error) error {
	r, refused := d.notChanged(err)
	if refused && r.Code == schemas.CodeSlotTaken {
		around := search{
			hosts: m.hosts, duration: m.offer.Duration, guest: m.guest, old: &m.standingBooking,
			window: times.Window{From: m.act.Start, Loc: m.loc},
		}
		if r.Instead.Alternatives = d.nearest(ctx, around); len(r.Instead.Alternatives) == 0 {
			r.Next = searchAgain
		}
	}
	if refused {
		return r
	}
	return err
}

// notChanged is the refusal of a change to a booking; false where err says it
// all itself.
func (d Deps) notChanged(err error) (*Refusal, bool) {
	if is[*Refusal](err) || !is[*vennioclient.Error](err) {
		return nil, false
	}
	if vennioclient.OutcomeOf(err) == vennioclient.Unknown {
		return &Refusal{Code: schemas.CodeOutcomeUnknown, Cause: err}, true
	}
	code := cmp.Or(refusals[vennioclient.KindOf(err)], CodeOf(err))
	r := &Refusal{Code: code, Message: "This call changed nothing. " + table[code].message, Cause: err}
	if code == schemas.CodeNotFound {
		r.Next = "Check the booking_id with the user."
	}
	return r, true
}
