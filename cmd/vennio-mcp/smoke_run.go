package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/mark3labs/mcp-go/client"

	"github.com/vennio-mcp/vennio-mcp/internal/config"
	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/schemas"
)

// cleanUp bounds the cancelling, which goes on when the run was stopped.
const cleanUp = 2 * time.Minute

const smokeTitle = "Smoke test (vennio-mcp)"

// smokeRun is one acceptance run.
type smokeRun struct {
	program
	smokeFlags
	ledger *consent.Ledger
	agent  *agent
	ear    *ear
	at     string // Vennio's address
	host   string // whose time is booked
	person string // who agreed
	words  string // and how
	trials []*trial
}

// trial is one booking of a run.
type trial struct {
	slot    schemas.Slot
	booking string // its id; empty: none was made
	status  string
	failed  []string
	sent    time.Time // when it was booked

	find, book, event, cancel time.Duration // 0: did not come to that
}

func (t *trial) fail(format string, args ...any) {
	t.failed = append(t.failed, fmt.Sprintf(format, args...))
}

// open starts all that a run needs; stop ends it.
func (r *smokeRun) open(ctx context.Context, cfg config.Config) (stop func(), err error) {
	a, err := r.assemble(ctx, cfg)
	if err != nil {
		return nil, err
	}
	r.ledger, r.at = a.ledger, cfg.APIURL
	mcp, err := client.NewInProcessClient(a.mcp)
	if err == nil {
		r.agent = &agent{mcp: mcp}
		err = errors.Join(mcp.Start(ctx), r.agent.greet(ctx))
	}
	if err == nil {
		r.ear, err = r.listen(ctx, a, cfg)
	}
	if err != nil {
		a.close()
		return nil, err
	}
	return func() {
		limited, done := context.WithTimeout(context.WithoutCancel(ctx), cleanUp)
		defer done()
		if err := r.ear.close(limited); err != nil {
			_, _ = fmt.Fprintln(r.errs, "vennio-mcp: the run's subscription was not ended; see vennio-mcp webhooks list:", sanitize.Mask(err.Error()))
		}
		r.agent.close()
		a.close()
	}, nil
}

// find looks for a time for each booking, none of which meets another.
func (r *smokeRun) find(ctx context.Context) error {
	from := r.clock()().Add(24 * time.Hour)
	in := schemas.FindSlotsInput{From: from.Format(time.RFC3339), To: from.AddDate(0, 0, 14).Format(time.RFC3339), Limit: 10}
	for i := range r.bookings {
		began := time.Now()
		found, _, err := toolCall[schemas.FindSlotsResult](ctx, r.agent, "find_slots", in)
		took := time.Since(began)
		switch {
		case err != nil:
			return err
		case found.Error != nil:
			return fmt.Errorf("no times could be found: %s", found.Error.Message)
		case i >= len(found.Slots):
			return fmt.Errorf("only %d times are free within two weeks: lower --bookings, or free some", len(found.Slots))
		}
		r.host = found.Hosts[0]
		taken := func(s schemas.Slot) bool {
			return slices.ContainsFunc(r.trials, func(t *trial) bool { return s.Start < t.slot.End && t.slot.Start < s.End })
		}
		free := slices.DeleteFunc(found.Slots, taken) // all in UTC: their text sorts as they do
		if len(free) == 0 {
			return errors.New("too few times are free within two weeks: lower --bookings")
		}
		r.trials = append(r.trials, &trial{slot: free[0], find: took})
	}
	return nil
}

// carryOut books all, waits for the events, and cancels whatever was booked.
func (r *smokeRun) carryOut(ctx context.Context) {
	defer func() {
		limited, done := context.WithTimeout(context.WithoutCancel(ctx), cleanUp)
		defer done()
		for _, t := range r.trials {
			r.cancel(limited, t)
		}
	}()
	for _, t := range r.trials {
		r.book(ctx, t)
	}
	for _, t := range r.trials {
		r.hear(ctx, t)
	}
}

func (r *smokeRun) book(ctx context.Context, t *trial) {
	if ctx.Err() != nil {
		t.fail("not booked: the run was stopped")
		return
	}
	in := schemas.BookSlotInput{
		SlotID: t.slot.SlotID, Title: smokeTitle, Attendees: []schemas.Attendee{{Email: r.attendee, Name: r.person}}, ConsentArgument: r.consent(),
	}
	sent := func(a consent.Act) bool { return a.Tool == "book_slot" && a.SlotID == t.slot.SlotID }
	for range 2 { // where the outcome is not known, the same call settles it
		got, took, err := agreed[schemas.BookSlotResult](ctx, r, "book_slot", in, sent, &t.sent)
		t.book, t.booking, t.status = took, got.BookingID, got.Status
		switch {
		case err != nil:
			t.fail("not booked: %v", err)
		case got.Error == nil:
			return
		case got.Error.Code == schemas.CodeOutcomeUnknown:
			ctx = context.WithoutCancel(ctx)
			continue
		default:
			t.fail("not booked: %s", got.Error.Message)
		}
		return
	}
	t.fail("whether it was booked is not known: look for %q in Vennio", smokeTitle)
}

// hear waits for the event about a booking, from the moment it was sent.
func (r *smokeRun) hear(ctx context.Context, t *trial) {
	if t.booking == "" || r.ear.deaf {
		return
	}
	at, ok := r.ear.created(ctx, t.booking, t.sent.Add(r.within))
	switch {
	case ok:
		t.event = max(at.Sub(t.sent), time.Microsecond)
	case ctx.Err() != nil:
		t.fail("booking.created was not waited for: the run was stopped")
	default:
		t.fail("no booking.created within %s", r.within)
	}
}

func (r *smokeRun) cancel(ctx context.Context, t *trial) {
	if t.booking == "" {
		return
	}
	about := func(a consent.Act) bool { return a.Tool == "cancel_booking" && a.BookingID == t.booking }
	got, took, err := agreed[schemas.ChangeResult](ctx, r, "cancel_booking", schemas.CancelBookingInput{BookingID: t.booking, ConsentArgument: r.consent()}, about, new(time.Time))
	t.cancel = took
	switch {
	case err != nil:
		t.fail("NOT CANCELLED, booking %s: %v", t.booking, err)
	case got.Error != nil:
		t.fail("NOT CANCELLED, booking %s: %s", t.booking, got.Error.Message)
	}
}

func (r *smokeRun) consent() schemas.ConsentArgument {
	return schemas.ConsentArgument{Consent: schemas.Consent{Granted: true, GivenBy: r.person, Statement: r.words}}
}

// agreed makes a call that writes: the server asks, the person's yes from before
// answers for exactly the act meant, and the same call writes. took is what the
// writing call took, sent when it began.
func agreed[Out any, PO interface {
	*Out
	schemas.Result
	Awaiting() bool
}](ctx context.Context, r *smokeRun, tool string, in any, meant func(consent.Act) bool, sent *time.Time) (out Out, took time.Duration, err error) {
	for range 2 {
		*sent = time.Now()
		out, _, err = toolCall[Out](ctx, r.agent, tool, in)
		took = time.Since(*sent)
		if err != nil || !PO(&out).Awaiting() {
			break
		}
		if err := r.answer(ctx, meant); err != nil {
			return out, 0, err
		}
	}
	return out, took, err
}

// answer says the person's yes to the one proposal meant.
func (r *smokeRun) answer(ctx context.Context, meant func(consent.Act) bool) error {
	open, err := r.ledger.Open(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(open, func(p consent.Proposal) bool { return meant(p.Act) })
	if i < 0 {
		return errors.New("the server asked for something else than was agreed")
	}
	_, err = r.ledger.Answer(ctx, open[i].ID, consent.Answer{Agreed: true, By: r.person, Words: r.words, Rung: consent.InTerminal})
	return err
}
