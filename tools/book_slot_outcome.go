package tools

import (
	"context"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/plain"
	"github.com/vennio-mcp/vennio-mcp/internal/slots"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// booked tells what Vennio made of it.
func (d Deps) booked(b booking, g consent.Grant, made *vennioclient.Booking) *schemas.BookSlotResult {
	start, end := made.Start, made.End
	if start.IsZero() || !end.After(start) {
		start, end = b.request.Start, b.request.End
	}
	out := &schemas.BookSlotResult{
		Status:      plain.Line(made.Status, 40),
		BookingID:   plain.Line(made.ID, 100),
		Title:       b.request.Title,
		Description: times.Label(start, end, b.loc),
		Start:       times.UTC(start),
		End:         times.UTC(end),
		Hosts:       d.hostsTold(b.hosts),
		Attendees:   d.told(b.request),
		Consent:     schemas.ConsentOnFile{GivenBy: g.GivenBy, Statement: g.Words, Rung: string(g.Rung)},
	}
	if made.Status == vennioclient.StatusPendingPayment {
		out.CheckoutURL = plain.Line(made.CheckoutURL, 2000)
	}
	out.Next = whatNext(out)
	return out
}

func whatNext(out *schemas.BookSlotResult) string {
	switch out.Status {
	case vennioclient.StatusConfirmed:
		return "Tell the person it is booked, and who was not e-mailed."
	case vennioclient.StatusPendingPayment:
		return "Say that it is not confirmed, and give the customer the payment link. After payment, the same call shows the new status."
	case vennioclient.StatusCancelled:
		return "This booking was made and has since been cancelled. To book anew call find_slots and ask again."
	}
	return "Tell the person this status as it is; do not call it confirmed."
}

// notBooked turns a failed write into what is true: not done, or not known.
func (d Deps) notBooked(ctx context.Context, b booking, err error) error {
	if vennioclient.OutcomeOf(err) == vennioclient.Unknown {
		return &Refusal{Code: schemas.CodeOutcomeUnknown, Cause: err}
	}
	if vennioclient.KindOf(err) != vennioclient.KindSlotTaken {
		return err
	}
	taken := &Refusal{Code: schemas.CodeSlotTaken, Cause: err}
	taken.Instead.Alternatives = d.alternatives(ctx, b)
	if len(taken.Instead.Alternatives) == 0 {
		taken.Next = searchAgain
	}
	return taken
}

// alternatives are the free times nearest to the one that was taken, read
// afresh. None where the search fails: the refusal then names find_slots.
func (d Deps) alternatives(ctx context.Context, b booking) []schemas.Slot {
	const before, after = 2 * 24 * time.Hour, 7 * 24 * time.Hour
	from := b.request.Start.Add(-before)
	if now := d.Now(); from.Before(now) {
		from = now
	}
	q := search{
		hosts: b.hosts, duration: b.offer.Duration,
		window: times.Window{From: from, To: b.request.Start.Add(after), Loc: b.loc},
	}
	found, err := d.free(ctx, q)
	if err != nil {
		return nil
	}
	return d.tell(q, slots.Nearest(found, defaultLimit, b.request.Start))
}
