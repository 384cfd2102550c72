package tools

import (
	"context"
	"time"

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
	loc    *time.Location         // in which the person is asked and told
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
	asked, err := d.zone("timezone", in.Timezone, nil)
	if err != nil {
		return cancellation{}, err
	}
	c, err := d.readCancellation(ctx, in.BookingID, scope, asked)
	if err != nil {
		return c, err
	}
	if c.hosts, err = d.named(ctx, c.hosts); err != nil {
		return c, err
	}
	c.act.Hosts = asParties(c.hosts)
	sent, err := d.Ledger.SentOn(ctx, d.Tenant, toolCancel, c.ID, func(a consent.Act) bool { return (a.Repeat != "") == (scope == vennioclient.CancelSeries) })
	if err != nil {
		return c, ledgerRefused(err)
	}
	if sent != nil {
		c.act, c.sent = *sent, true
		if loc, err := times.Zone(sent.Zone); err == nil {
			c.loc = loc
		}
	}
	return c, nil
}

// readCancellation reads what is to be cancelled, as it stands now. It is told in loc;
// where that is nil, in the zone in which the meeting was found. The caller names the zone
// of get_booking and list_bookings, since no session is kept from which it could be known.
func (d Deps) readCancellation(ctx context.Context, id string, scope vennioclient.CancelScope, loc *time.Location) (c cancellation, err error) {
	if c.standingBooking, err = d.stateOf(ctx, id); err != nil {
		return c, err
	}
	if c.loc = loc; loc == nil {
		c.loc = d.zoneOf(c.standingBooking)
	}
	c.scope, c.act = scope, d.actOn(toolCancel, c.standingBooking, c.loc)
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
	c.act.Repeat = wholeSeries(c.series, c.loc)
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
	out := d.changed(c.standingBooking, c.loc, nil)
	out.Next = "Tell the person that it was cancelled before."
	if c.scope == vennioclient.CancelSeries {
		out.Next = "Tell the person that no confirmed booking of this series lies ahead. Unpaid ones are not cancelled with a series: cancel them one by one."
	}
	return out
}

func (d Deps) cancelProposal(c cancellation) *schemas.Proposal {
	p := d.proposalOn(schemas.ActionCancel, c.act, c.standingBooking, c.loc, nil)
	if c.act.Repeat != "" {
		p.Description = times.Day(c.act.Start, c.loc) + " – " + times.Day(c.act.End, c.loc)
	}
	return p
}

// cancel cancels under a grant, if all still stands as the person was shown it.
func (d Deps) cancel(ctx context.Context, c cancellation, g consent.Grant) (*schemas.ChangeResult, error) {
	now, err := d.readCancellation(ctx, c.ID, c.scope, c.loc)
	asAgreed(&now.act, c.act)
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
		if after, err := d.readCancellation(ctx, c.ID, c.scope, c.loc); err == nil && after.gone() {
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
	after := d.afterwards(ctx, c.standingBooking)
	out := d.changed(after, c.loc, &g)
	out.Changed, out.Series = fresh, c.act.Repeat
	for _, b := range c.series {
		if b.ID != c.ID {
			out.WroteToo(schemas.Written{ID: b.ID, Status: vennioclient.StatusCancelled, Start: times.UTC(b.Start), End: times.UTC(b.End)})
		}
	}
	out.Mailed, out.NotMailed = addresses(toldIn(c.act))
	out.Next = "Tell the person that it is cancelled; whom Vennio does not write to, they must tell."
	switch {
	case !fresh && after.Status == vennioclient.StatusCancelled:
		out.Next = "Tell the person that it had already been cancelled, and that this call changed nothing more."
	case c.act.Repeat != "":
		out.Next = "Tell the person that these bookings are cancelled; whom Vennio does not write to, they must tell."
	case after.Status != vennioclient.StatusCancelled:
		out.Next = "Vennio took the cancellation and still shows another status: tell the person, and look again later."
	}
	return out
}
