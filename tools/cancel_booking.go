package tools

import (
	"context"

	"github.com/vennio-mcp/vennio-mcp/internal/cards"
	"github.com/vennio-mcp/vennio-mcp/internal/scheduling"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// cancelBooking defines the tool that cancels a booking, or the rest of its series, with a person's consent.
func cancelBooking(d *Deps) Tool {
	return define(d, spec{
		name: toolCancel, title: "Cancel a booking", effect: changes, card: cards.BookingURI,
		description: "Cancel a booking, or all future confirmed ones of its series. " + consentRule(d.Policy) +
			" It cannot be undone; to meet at another time use reschedule_booking instead. " +
			"Vennio may e-mail attendees. Repeating the call changes nothing more.",
	}, d.cancelBooking)
}

func (d *Deps) cancelBooking(ctx context.Context, in schemas.CancelBookingInput) (*schemas.ChangeResult, error) {
	loc, err := d.zone("timezone", in.Timezone, nil)
	if err != nil {
		return nil, err
	}
	scope := vennioclient.CancelSingle
	if in.Scope == schemas.CancelSeries {
		scope = vennioclient.CancelSeries
	}
	c, err := d.PrepareCancellation(ctx, in.BookingID, scope, loc)
	if err != nil {
		return nil, err
	}
	if !c.Sent && c.Done() {
		out := changed(c.Booking, c.Loc, nil)
		out.Next = "Tell the person that it was cancelled before."
		if c.Scope == vennioclient.CancelSeries {
			out.Next = "Tell the person that no confirmed booking of this series lies ahead. Unpaid ones are not cancelled with a series: cancel them one by one."
		}
		return out, nil
	}
	proposal := d.proposal(c.Act, c.Hosts, c.Loc, nil)
	if c.Act.Repeat != "" {
		proposal.Description = times.Day(c.Act.Start, c.Loc) + " – " + times.Day(c.Act.End, c.Loc)
	}
	done, err := withConsent(ctx, d, writeRequest{act: c.Act, proposal: proposal}, in.Consent, c, d.Cancel)
	if err != nil {
		return nil, writeFailed(err, writeCancel)
	}
	return cancelled(c, done), nil
}

func cancelled(c scheduling.Cancellation, done scheduling.Changed) *schemas.ChangeResult {
	out := changed(done.Booking, c.Loc, &done.Grant)
	out.Changed, out.Series = done.Fresh, c.Act.Repeat
	for _, b := range c.Series {
		if b.ID != c.ID {
			out.AddWritten(schemas.Written{ID: b.ID, Status: vennioclient.StatusCancelled, Start: times.UTC(b.Start), End: times.UTC(b.End)})
		}
	}
	out.Mailed, out.NotMailed = addresses(c.Act)
	out.Undo = "No call undoes it; find_slots and book_slot make a new booking."
	isCancelled := done.Booking.Status == vennioclient.StatusCancelled
	switch {
	case !done.Fresh && isCancelled:
		out.Next = "Tell the person that it had already been cancelled, and that this call changed nothing more."
	case c.Act.Repeat != "":
		out.Next = "Tell the person that these bookings are cancelled, and that they must inform those to whom Vennio sends no e-mail."
	case !isCancelled:
		out.Next = "Vennio took the cancellation and still shows another status: tell the person, and look again later."
	default:
		out.Next = "Tell the person that it is cancelled, and that they must inform those to whom Vennio sends no e-mail."
	}
	return out
}
