package tools

import (
	"context"

	"github.com/vennio-mcp/vennio-mcp/internal/cards"
	"github.com/vennio-mcp/vennio-mcp/internal/scheduling"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// rescheduleBooking defines the tool that moves a booking to a slot of find_slots with a person's consent.
func rescheduleBooking(d *Deps) Tool {
	return define(d, spec{
		name: toolReschedule, title: "Move a booking", effect: changes, needs: toolFind, card: cards.BookingURI,
		description: "Move a booking to a slot from find_slots, called with reschedule_of. " + consentRule(d.Policy) +
			" Vennio may e-mail attendees. Repeating the call changes nothing more. " +
			"A taken slot returns others, needing new consent.",
	}, d.rescheduleBooking)
}

func (d *Deps) rescheduleBooking(ctx context.Context, in schemas.RescheduleBookingInput) (*schemas.ChangeResult, error) {
	m, err := d.PrepareMove(ctx, in.BookingID, in.SlotID)
	if err != nil {
		return nil, err
	}
	if m.AtNewTime() {
		out := changed(m.Booking, m.Loc, nil)
		out.Next = "Tell the person that it is at this time already."
		return out, nil
	}
	req := writeRequest{act: m.Act, proposal: d.proposal(m.Act, m.Hosts, m.Loc, m.Guest)}
	done, err := withConsent(ctx, d, req, in.Consent, m, d.Move)
	if err != nil {
		return nil, d.withAlternatives(ctx, writeFailed(err, writeMove), scheduling.Search{
			Hosts: m.Hosts, Duration: m.Offer.Duration, Guest: m.Guest, Moving: &m.Booking, Window: times.Window{From: m.Act.Start, Loc: m.Loc},
		})
	}
	out := changed(done.Booking, m.Loc, &done.Grant)
	out.Changed = done.Fresh
	out.Was = times.Label(m.Act.WasStart, m.Act.WasEnd, m.Loc)
	out.Mailed, out.NotMailed = addresses(m.Act)
	out.Undo = toolReschedule + " again, to the earlier time if find_slots with reschedule_of still offers it."
	switch {
	case !done.Booking.IsAt(m.Act.Start, m.Act.End), done.Booking.Status == vennioclient.StatusCancelled:
		out.Next = "It was moved as agreed and has been changed since: tell the person its current time and status."
	case done.Fresh:
		out.Next = "Tell the person that it was moved, and that they must inform those to whom Vennio sends no e-mail."
	default:
		out.Next = "Tell the person that it had already been moved, and that this call changed nothing more."
	}
	return out, nil
}
