package tools

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/schemas"
)

// Execute writes to Vennio what a person approved in this process, on the page or in the terminal:
// it makes the call that the agent made, which finds the person's consent on record. The agent's
// own repeated call uses the same grant and the same idempotency key, so that both make one
// booking, and reports it.
//
// What became of it is in the ledger (consent.Ledger.Result). If it can never be written, because
// the slot has expired for example, the consent is retired. The error is that of the call.
func (d Deps) Execute(ctx context.Context, act consent.Act) error {
	out, err := d.repeatCall(ctx, act)
	if err == nil {
		if w, writes := out.(schemas.Writing); writes && d.Changed != nil {
			d.Changed(w.Wrote())
		}
		return nil
	}
	if retryable(err) {
		return err
	}
	grant, _, found := d.Ledger.Standing(ctx, act)
	if found != nil || grant == nil || grant.Outcome != consent.Unsent {
		return err
	}
	return errors.Join(err, d.Ledger.Abandon(context.WithoutCancel(ctx), *grant, string(CodeOf(err))))
}

// retryable: the same call may succeed while the consent lasts.
func retryable(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || table[CodeOf(err)].retryable
}

// repeatCall makes the call that act came from.
func (d Deps) repeatCall(ctx context.Context, act consent.Act) (any, error) {
	switch act.Tool {
	case toolBook:
		in := schemas.BookSlotInput{SlotID: act.SlotID, Title: act.Title, Notes: act.Notes}
		in.Repeat, _, _ = strings.Cut(act.Repeat, ": ") // the days follow
		for _, h := range act.Hosts {
			in.Hosts = append(in.Hosts, schemas.HostRef(h.ID))
		}
		for _, a := range act.Attendees {
			in.Attendees = append(in.Attendees, schemas.Attendee{Name: a.Name, Email: a.Email})
		}
		return d.bookSlot(ctx, in)
	case toolReschedule:
		return d.rescheduleBooking(ctx, schemas.RescheduleBookingInput{BookingID: act.BookingID, SlotID: act.SlotID})
	case toolCancel:
		in := schemas.CancelBookingInput{BookingID: act.BookingID, Timezone: act.Zone}
		if act.Repeat != "" {
			in.Scope = schemas.CancelSeries
		}
		return d.cancelBooking(ctx, in)
	}
	return nil, fmt.Errorf("no tool %q is known", act.Tool)
}

// readTime is how long a page waits for Vennio to say how bookings stand.
const readTime = 5 * time.Second

// Booking returns how a booking stands at Vennio, as get_booking does.
func (d Deps) Booking(ctx context.Context, id string) (*schemas.GetBookingResult, error) {
	limited, done := context.WithTimeout(ctx, readTime)
	defer done()
	return d.getBooking(limited, schemas.GetBookingInput{BookingID: id})
}

// Upcoming returns the next bookings of the tenant, at most ten, as list_bookings does.
func (d Deps) Upcoming(ctx context.Context) ([]schemas.Booking, error) {
	limited, done := context.WithTimeout(ctx, readTime)
	defer done()
	found, err := d.listBookings(limited, schemas.ListBookingsInput{Limit: 10})
	if err != nil {
		return nil, err
	}
	return found.Bookings, nil
}
