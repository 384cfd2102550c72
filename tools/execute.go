package tools

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
// the slot has expired for example, the consent is retired. The error is that of the call, or
// ErrElsewhere.
func (d Deps) Execute(ctx context.Context, approved consent.Proposal) error {
	if !d.Covers(approved) {
		return ErrElsewhere
	}
	act := approved.Act
	d.executing = &act
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
	if foreign(err, act) {
		return errors.Join(ErrElsewhere, err)
	}
	grant, _, found := d.Ledger.Standing(ctx, act)
	if found != nil || grant == nil || grant.Outcome != consent.Unsent {
		return err
	}
	return errors.Join(err, d.Ledger.Abandon(context.WithoutCancel(ctx), *grant, string(CodeOf(err))))
}

// ErrElsewhere is the error of an act that this process does not carry out, and leaves to one that can.
var ErrElsewhere = errors.New("the approved act is left to another process, or to the agent's next call")

// Covers reports whether this process may carry out what was approved: it was asked for this account,
// and the operator has the tool switched on here.
func (d Deps) Covers(p consent.Proposal) bool {
	return (p.Account == "" || p.Account == d.Account) && !d.Selection.ReadOnly &&
		(len(d.Selection.Names) == 0 || slices.Contains(d.Selection.Names, p.Act.Tool))
}

// foreign: with the settings of this process the act is not the one that was approved. Another process
// may have those of the one that asked. A booking that changed since changed for all.
func foreign(err error, act consent.Act) bool {
	return CodeOf(err) == schemas.CodeConsentMismatch && act.BookingID == "" && !errors.Is(err, consent.ErrOtherAct)
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
