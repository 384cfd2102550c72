package tools

import (
	"context"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// CancelBooking cancels a booking, or the rest of its series, once a person has
// agreed.
func CancelBooking(d Deps) Tool {
	return define(d, Spec{
		Name: toolCancel, Title: "Cancel a booking", Effect: Changes,
		Description: "Cancel a booking, or all future confirmed ones of its series. " + consentRule(d.Policy) +
			" It cannot be undone; to meet at another time use reschedule_booking instead. " +
			"Vennio may e-mail attendees. Repeating the call changes nothing more.",
	}, d.cancelBooking)
}

const toolCancel = "cancel_booking"

// cancellation is one under way.
type cancellation struct {
	standingBooking
	scope  vennioclient.CancelScope
	series []vennioclient.Booking // what a series still holds, if it is meant
	act    consent.Act
	sent   bool // the act was sent before, lately: this call settles it
}

func (d Deps) cancelBooking(ctx context.Context, in schemas.CancelBookingInput) (*schemas.ChangeResult, error) {
	c, err := d.understandCancellation(ctx, in)
	if err != nil {
		return nil, err
	}
	if !c.sent {
		if c.gone() {
			return d.goneBefore(c), nil
		}
		if err := d.open(c.standingBooking); err != nil && c.scope == vennioclient.CancelSingle {
			return nil, err
		}
		if err := d.settleOld(ctx, c.act); err != nil {
			return nil, err
		}
	}
	to := deed{act: c.act, asked: d.cancelProposal(c)}
	return agreed(ctx, d, to, in.Consent, func(ctx context.Context, g consent.Grant) (*schemas.ChangeResult, error) { return d.cancel(ctx, c, g) })
}

func (d Deps) understandCancellation(ctx context.Context, in schemas.CancelBookingInput) (cancellation, error) {
	scope := vennioclient.CancelSingle
	if in.Scope == schemas.CancelSeries {
		scope = vennioclient.CancelSeries
	}
	c, err := d.readCancellation(ctx, in.BookingID, scope)
	if err != nil {
		return c, err
	}
	sent, err := d.Ledger.SentOn(ctx, d.Tenant, toolCancel, c.ID, func(a consent.Act) bool { return (a.Repeat != "") == (scope == vennioclient.CancelSeries) })
	if err != nil {
		return c, ledgerRefused(err)
	}
	if sent != nil {
		c.act, c.sent = *sent, true
	}
	return c, nil
}

// readCancellation reads what is to be cancelled, as it stands now.
func (d Deps) readCancellation(ctx context.Context, id string, scope vennioclient.CancelScope) (c cancellation, err error) {
	if c.standingBooking, err = d.readBooking(ctx, id); err != nil {
		return c, err
	}
	c.scope, c.act = scope, d.actOn(toolCancel, c.standingBooking, d.Zone)
	if scope == vennioclient.CancelSeries {
		err = d.understandSeries(ctx, &c)
	}
	return c, err
}

// understandSeries: the act names each booking that is to be cancelled, by its
// day and time.
func (d Deps) understandSeries(ctx context.Context, c *cancellation) (err error) {
	if c.SeriesID == "" {
		return refuse(schemas.CodeInvalidArguments, "scope: this booking is not part of a series.", "Leave scope out to cancel this one booking.")
	}
	if c.series, err = d.future(ctx, c.SeriesID); err != nil || len(c.series) == 0 {
		return err
	}
	c.act.Repeat = d.wholeSeries(c.series)
	c.act.Start, c.act.End = c.series[0].Start, c.series[len(c.series)-1].End
	return nil
}

// gone: nothing is left to cancel.
func (c cancellation) gone() bool {
	if c.scope == vennioclient.CancelSeries {
		return len(c.series) == 0
	}
	return c.Status == vennioclient.StatusCancelled
}

func (d Deps) goneBefore(c cancellation) *schemas.ChangeResult {
	out := d.changed(c.standingBooking, d.Zone, nil)
	out.Next = "Tell the person that it was cancelled before."
	if c.scope == vennioclient.CancelSeries {
		out.Next = "Tell the person that no confirmed booking of this series lies ahead. Unpaid ones are not cancelled with a series: cancel them one by one."
	}
	return out
}

func (d Deps) cancelProposal(c cancellation) *schemas.Proposal {
	p := d.proposalOn(schemas.ActionCancel, c.act, c.standingBooking, d.Zone, nil)
	if c.act.Repeat != "" {
		p.Description = times.Day(c.act.Start, d.Zone) + " – " + times.Day(c.act.End, d.Zone)
	}
	return p
}

// cancel cancels under a grant, if all still stands as the person was shown it.
func (d Deps) cancel(ctx context.Context, c cancellation, g consent.Grant) (*schemas.ChangeResult, error) {
	now, err := d.readCancellation(ctx, c.ID, c.scope)
	switch {
	case err != nil:
		return nil, notRead(g, err)
	case !now.gone() && now.act.Digest() != c.act.Digest():
		return nil, refuse(schemas.CodeConsentMismatch, changedSince, lookAgain)
	}
	fresh := g.Outcome == consent.Unsent && !now.gone()
	g, _, err = d.carryOut(ctx, g, func(g consent.Grant) (*vennioclient.Booking, error) {
		if now.gone() {
			return &now.Booking, nil // a read settles it
		}
		failed := d.Vennio.CancelBooking(ctx, vennioclient.IdempotencyKey(g.Key()), c.ID, c.scope)
		if failed == nil {
			return &c.Booking, nil
		}
		if after, err := d.readCancellation(ctx, c.ID, c.scope); err == nil && after.gone() {
			return &after.Booking, nil
		}
		return nil, failed
	})
	if err != nil {
		return nil, notChanged(err, cancelRefusals)
	}
	return d.cancelled(ctx, c, g, fresh), nil
}

func (d Deps) cancelled(ctx context.Context, c cancellation, g consent.Grant, fresh bool) *schemas.ChangeResult {
	after := d.asStanding(*d.asItIsNow(ctx, &c.Booking))
	out := d.changed(after, d.Zone, &g)
	out.Changed, out.Series = fresh, c.act.Repeat
	for _, b := range c.series {
		if b.ID != c.ID {
			out.WroteToo(schemas.Written{ID: b.ID, Status: vennioclient.StatusCancelled, Start: times.UTC(b.Start), End: times.UTC(b.End)})
		}
	}
	out.Mailed, out.NotMailed = addresses(toldIn(c.act))
	out.Next = "Tell the person that it is cancelled; whom Vennio does not write to, they must tell."
	switch {
	case c.act.Repeat != "":
		out.Next = "Tell the person that these bookings are cancelled; whom Vennio does not write to, they must tell."
	case after.Status != vennioclient.StatusCancelled:
		out.Next = "Vennio took the cancellation and still shows another status: tell the person, and look again later."
	}
	return out
}
