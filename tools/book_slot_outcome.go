package tools

import (
	"cmp"
	"context"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// book books under a grant.
func (d Deps) book(ctx context.Context, b booking, g consent.Grant) (*schemas.BookSlotResult, error) {
	var series *vennioclient.Series
	read := false // just now
	fresh := g.Outcome != consent.Done
	g, made, err := d.carryOut(ctx, g, func(g consent.Grant) (made *vennioclient.Booking, err error) {
		if g.Outcome == consent.Done && b.repeat == nil {
			if now, err := d.Vennio.GetBooking(ctx, g.BookingID); err == nil {
				read = true
				return now, nil
			} // else (a publishable key may not read) Vennio tells its stored answer again
		}
		b.request.Metadata = onRecord(g)
		b.request.Metadata[metaZone] = b.offer.Zone // whoever cancels it later, in whatever session, is asked in the same zone
		key := vennioclient.IdempotencyKey(g.Key())
		if b.repeat == nil {
			made, err = d.Vennio.CreateBooking(ctx, key, b.request)
			if err == nil && g.Outcome == consent.Done && made.ID != g.BookingID {
				return nil, d.noBooking(vennioclient.ErrOtherBooking)
			}
			return made, err
		}
		made, series, err = d.bookSeries(ctx, key, b)
		return made, err
	})
	switch {
	case err != nil && g.Outcome == consent.Done && is[*vennioclient.Error](err):
		return nil, &Refusal{Code: CodeOf(err), Message: "This was booked before, as booking " + sanitize.Line(g.BookingID, 100) + "; how it stands now cannot be read.", Cause: err}
	case err != nil:
		return nil, d.notBooked(ctx, b, err)
	}
	if !read {
		made = d.asItIsNow(ctx, made)
	}
	out := d.booked(b, g, made)
	if series != nil {
		b.tellSeries(out, series)
		if fresh {
			out.WroteToo(furtherOf(series, made.ID)...)
		}
	}
	return out, nil
}

// booked tells what Vennio made of it.
func (d Deps) booked(b booking, g consent.Grant, made *vennioclient.Booking) *schemas.BookSlotResult {
	start, end := made.Start, made.End
	if start.IsZero() || !end.After(start) {
		start, end = b.request.Start, b.request.End
	}
	out := &schemas.BookSlotResult{
		Status:      sanitize.Line(made.Status, 40),
		BookingID:   sanitize.Line(made.ID, 100),
		Title:       b.request.Title,
		Description: times.Label(start, end, b.loc),
		GuestLocal:  times.GuestLabel(start, end, b.loc, b.guest),
		Start:       times.UTC(start),
		End:         times.UTC(end),
		Hosts:       d.hostsTold(b.hosts),
		Note:        schemas.InCalendars(d.hostsTold(b.hosts)),
		Attendees:   d.told(b.request, made.Status),
		Price:       d.price(b.hosts),
		Consent:     schemas.ConsentOnFile{GivenBy: g.GivenBy, Statement: g.Words, Method: string(g.Rung)},
	}
	if made.Status == vennioclient.StatusPendingPayment {
		out.CheckoutURL = d.Vennio.SafeLink(made.CheckoutURL)
	}
	out.Next = whatNext(out)
	return out
}

func whatNext(out *schemas.BookSlotResult) string {
	switch out.Status {
	case vennioclient.StatusConfirmed:
		return "Tell the person it is booked, and who was not e-mailed."
	case vennioclient.StatusPendingPayment:
		if out.CheckoutURL == "" {
			return "Say that it is not confirmed, and that the host must send a payment link: Vennio gave none."
		}
		return "Say that it is not confirmed, and give the customer the payment link. " + mailOncePaid + " For 2 hours after find_slots the same call shows whether it was paid."
	case vennioclient.StatusCancelled:
		return "This booking was made and has since been cancelled. To book anew call find_slots and ask again."
	}
	return "Tell the person this status as it is; do not call it confirmed."
}

// mailOncePaid says when Vennio writes to the attendees of a booking that is to be paid
// (vennio-api.md, Bookings).
const mailOncePaid = "Vennio e-mails attendees only after payment."

// refusals are what a refused booking is told as, where that differs from a read.
var refusals = map[vennioclient.Kind]schemas.Code{
	vennioclient.KindSlotTaken:  schemas.CodeSlotTaken,
	vennioclient.KindImpossible: schemas.CodeSlotPast,
	vennioclient.KindKeyReused:  schemas.CodeConsentMismatch,
}

// notBooked turns a failed write into what is true: not done, or not known.
func (d Deps) notBooked(ctx context.Context, b booking, err error) error {
	if is[*Refusal](err) || !is[*vennioclient.Error](err) {
		return err // the ledger's
	}
	if vennioclient.OutcomeOf(err) == vennioclient.Unknown {
		return &Refusal{Code: schemas.CodeOutcomeUnknown, Cause: err}
	}
	code := cmp.Or(refusals[vennioclient.KindOf(err)], CodeOf(err))
	r := &Refusal{Code: code, Message: "This call booked nothing. " + table[code].message, Cause: err}
	if code == schemas.CodeSlotTaken {
		around := search{hosts: b.hosts, duration: b.offer.Duration, guest: b.guest, window: times.Window{From: b.request.Start, Loc: b.loc}}
		r.Instead.Alternatives = d.nearest(ctx, around)
		if len(r.Instead.Alternatives) == 0 {
			r.Next = searchAgain
		}
	}
	return r
}
