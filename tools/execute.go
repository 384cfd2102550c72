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

// Execute writes to Vennio what a person approved outside a call, on the page or in the terminal: it
// makes the call that the agent made, which finds the person's consent in the ledger. The agent's own
// repeated call uses the same grant and the same idempotency key, so that both make one booking, and
// reports it.
//
// The outcome is in the ledger (consent.Ledger.Result). If the act can never be written, for example
// because the slot has expired, the consent is withdrawn. The error is that of the call, or
// ErrElsewhere.
func (d *Deps) Execute(ctx context.Context, approved consent.Proposal) error {
	if !d.Covers(approved) {
		return ErrElsewhere
	}
	act, run := approved.Act, *d
	run.Approved = &act
	out, err := run.repeatCall(ctx, act)
	if err == nil {
		if w, writes := out.(schemas.WriteResult); writes {
			d.Notify(w.AllWritten())
		}
		return nil
	}
	if isRetryable(err) {
		return err
	}
	// With the settings of this process it is another act than the one that was approved. The process
	// that asked may have the right settings. A booking that has changed since has changed for all.
	if CodeOf(err) == schemas.CodeConsentMismatch && act.BookingID == "" && !errors.Is(err, consent.ErrOtherAct) {
		return errors.Join(ErrElsewhere, err)
	}
	grant, _, found := d.Ledger.FindConsent(ctx, act)
	if found != nil || grant == nil || grant.Outcome != consent.Unsent {
		return err
	}
	if !d.grantCounts(ctx, *grant) { // a process with a weaker policy may execute it
		return errors.Join(ErrElsewhere, err)
	}
	return errors.Join(err, d.Ledger.Abandon(context.WithoutCancel(ctx), *grant, string(CodeOf(err))))
}

// ErrElsewhere is the error of an act that this process does not execute, and leaves to one that can.
var ErrElsewhere = errors.New("the approved act is left to another process, or to the agent's next call")

// Covers reports whether this process may execute what was approved: the question was asked for this
// account, and the operator selected the tool here. A response to a proposal needs the invitation, which
// only the agent's call contains.
func (d *Deps) Covers(p consent.Proposal) bool {
	return p.Act.Tool != toolRespond && (p.Account == "" || p.Account == d.Account) && !d.Selection.ReadOnly && d.Selection.names(p.Act.Tool)
}

// repeatCall makes the call that produced the act.
func (d *Deps) repeatCall(ctx context.Context, act consent.Act) (any, error) {
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
	case toolUpdate:
		in := schemas.UpdateBookingInput{BookingID: act.BookingID, Notes: act.Notes}
		for _, l := range act.Labels {
			in.Labels = append(in.Labels, schemas.Label{Name: l.Name, Value: l.Value})
		}
		return d.updateBooking(ctx, in)
	case toolClosePoll:
		return d.closePoll(ctx, schemas.ClosePollInput{ProposalID: act.BookingID, Timezone: act.Zone})
	case toolShare:
		return d.shareLink(ctx, schemas.ShareLinkInput{
			Title: act.Title, DurationMinutes: act.Minutes, Price: act.Price, Questions: act.Questions, ExpiresInHours: act.ExpiresInHours,
		})
	case toolPropose:
		in := schemas.ProposeTimesInput{Title: act.Title, ExpiresInHours: act.ExpiresInHours}
		for _, t := range act.Times {
			in.SlotIDs = append(in.SlotIDs, t.SlotID)
		}
		for _, a := range act.Attendees {
			in.Voters = append(in.Voters, a.Email)
		}
		return d.proposeTimes(ctx, in)
	}
	return nil, fmt.Errorf("no tool %q is known", act.Tool)
}

// pageTimeout limits how long a page waits for Vennio's answer about bookings.
const pageTimeout = 5 * time.Second

// Booking returns a booking as it is at Vennio, as get_booking does, within 5 seconds.
func (d *Deps) Booking(ctx context.Context, id string) (*schemas.GetBookingResult, error) {
	limited, done := context.WithTimeout(ctx, pageTimeout)
	defer done()
	return d.getBooking(limited, schemas.GetBookingInput{BookingID: id})
}

// Upcoming returns the next bookings of the tenant, at most ten, as list_bookings does, within 5 seconds.
func (d *Deps) Upcoming(ctx context.Context) ([]schemas.Booking, error) {
	limited, done := context.WithTimeout(ctx, pageTimeout)
	defer done()
	found, err := d.listBookings(limited, schemas.ListBookingsInput{Limit: 10})
	if err != nil {
		return nil, err
	}
	return found.Bookings, nil
}
