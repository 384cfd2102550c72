package tools

import (
	"context"
	"errors"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// CancelBooking cancels a booking, or the rest of its series, once a person has
// agreed.
func CancelBooking(d Deps) Tool {
	return define(d, Spec{
		Name: toolCancel, Title: "Cancel a booking", Effect: Changes,
		Description: "Cancel a booking, or all future ones of its series. First show the person what would be cancelled and ask: " +
			"without their consent nothing changes. It cannot be undone; to meet at another time use reschedule_booking instead. " +
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
}

func (d Deps) cancelBooking(ctx context.Context, in schemas.CancelBookingInput) (*schemas.ChangeResult, error) {
	c, err := d.understandCancellation(ctx, in)
	if err != nil {
		return nil, err
	}
	pending, err := d.pending(ctx, c.act)
	switch {
	case err != nil:
		return nil, err
	case c.gone() && !pending:
		out := d.changed(c.standingBooking, d.Zone, nil)
		out.Next = "Tell the person that it was cancelled before."
		return out, nil
	case !c.gone() && c.scope == vennioclient.CancelSingle:
		if err := d.open(c.standingBooking); err != nil {
			return nil, err
		}
	}
	grant, err := d.agree(ctx, deed{act: c.act, asked: d.proposalOn(schemas.ActionCancel, c.act, c.standingBooking, d.Zone, nil)}, in.Gate)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	write, done := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
	defer done()
	return d.cancel(write, c, grant)
}

func (d Deps) understandCancellation(ctx context.Context, in schemas.CancelBookingInput) (c cancellation, err error) {
	if c.standingBooking, err = d.readBooking(ctx, in.BookingID); err != nil {
		return c, err
	}
	c.act = d.actOn(toolCancel, c.standingBooking, d.Zone)
	c.scope = vennioclient.CancelSingle
	if in.Scope != schemas.CancelSeries {
		return c, nil
	}
	c.scope = vennioclient.CancelSeries
	if c.SeriesID == "" {
		return c, refuse(schemas.CodeInvalidArguments, "scope: this booking is not part of a series.", "Leave scope out to cancel this one booking.")
	}
	if c.series, err = d.future(ctx, c.SeriesID); err != nil {
		return c, err
	}
	c.act.Repeat = d.wholeSeries(c.series)
	return c, nil
}

// gone: nothing is left to cancel.
func (c cancellation) gone() bool {
	if c.scope == vennioclient.CancelSeries {
		return len(c.series) == 0
	}
	return c.Status == vennioclient.StatusCancelled
}

// pending: the act was sent, and this call can say more of it or settle it.
func (d Deps) pending(ctx context.Context, act consent.Act) (bool, error) {
	grant, _, err := d.Ledger.Standing(ctx, act)
	if err != nil && !errors.Is(err, consent.ErrOtherAct) {
		return false, ledgerRefused(err)
	}
	return grant != nil && grant.Outcome != consent.Unsent, nil
}

// cancel cancels under a grant.
func (d Deps) cancel(ctx context.Context, c cancellation, g consent.Grant) (*schemas.ChangeResult, error) {
	g, now, err := d.carryOut(ctx, g, func(g consent.Grant) (*vennioclient.Booking, error) {
		var failed error
		if g.Outcome != consent.Done {
			failed = d.Vennio.CancelBooking(ctx, vennioclient.IdempotencyKey(g.Key()), c.ID, c.scope)
		}
		if failed != nil && vennioclient.OutcomeOf(failed) != vennioclient.Unknown {
			return nil, failed
		}
		now, err := d.Vennio.GetBooking(ctx, c.ID)
		switch {
		case err == nil && (failed == nil || now.Status == vennioclient.StatusCancelled):
			return now, nil // a read settles what is in doubt
		case failed == nil:
			gone := c.Booking
			gone.Status = vennioclient.StatusCancelled
			return &gone, nil
		}
		return nil, failed
	})
	if err != nil {
		if r, refused := d.notChanged(err); refused {
			return nil, r
		}
		return nil, err
	}
	out := d.changed(d.asStanding(*now), d.Zone, &g)
	out.Series = c.act.Repeat
	for _, b := range c.series {
		out.WroteToo(b.ID)
	}
	out.Told = toldIn(c.act)
	out.Next = "Tell the person that it is cancelled, and who was not e-mailed."
	if now.Status != vennioclient.StatusCancelled && c.scope == vennioclient.CancelSingle {
		out.Next = "Vennio took the cancellation and still shows another status: tell the person, and look again with get_booking."
	}
	return out, nil
}
