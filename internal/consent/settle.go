package consent

import (
	"context"
	"fmt"
	"slices"

	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
)

// Settle notes what became of g's attempt, as Send returned it: Done, with
// Vennio's booking id; NotDone, if it is certain that this attempt wrote nothing
// and never will; Unknown. requestID is Vennio's, if it answered; detail a
// sentence for the operator, without personal data, cut to 500 characters. Pass
// a context that outlives the call that asked: the outcome must be kept.
//
// One attempt that was done makes the grant done, for good. Not done it is only
// if all attempts are: then it is used up, and a new yes is needed. Repeating a
// settlement does nothing.
//
// ErrSettled: it is settled otherwise, e.g. another attempt was done; see
// Standing. ErrInDoubt: see there. ErrNotSent, ErrNoGrant: nothing to settle.
func (l *Ledger) Settle(ctx context.Context, g Grant, o Outcome, bookingID, requestID, detail string) error {
	if o != Done && o != NotDone && o != Unknown {
		return fmt.Errorf("%q settles nothing", o)
	}
	var doubt error
	err := l.change(ctx, func(w *work) error {
		kept, err := w.Grant(g.ID)
		if err != nil {
			return err
		}
		if kept == nil {
			return ErrNoGrant
		}
		s := settlement{g.Attempt, o, bookingID, requestID, sanitize.Line(detail, 500)}
		if kept.Act.Digest == "" { // erased while it was under way
			s.booking, s.request, s.detail = "", "", ""
		}
		doubt, err = w.settle(*kept, s)
		return err
	})
	if err == nil {
		err = doubt
	}
	return err
}

// GiveUp settles a grant that was sent as not done, every attempt of it: for a
// write that can no longer arrive and that a read has shown not to have happened.
// detail says why, as for Settle. A new yes is needed then. What is settled
// already stays as it is.
func (l *Ledger) GiveUp(ctx context.Context, g Grant, detail string) error {
	return l.change(ctx, func(w *work) error {
		for {
			kept, err := w.Grant(g.ID)
			if err != nil || kept == nil || kept.Outcome == string(Done) || kept.Outcome == string(NotDone) {
				return err
			}
			sends, err := w.Sends(g.ID)
			if err != nil {
				return err
			}
			i := slices.IndexFunc(sends, func(s sqldb.Send) bool { return s.Outcome != string(NotDone) })
			if i < 0 {
				return nil
			}
			if _, err := w.settle(*kept, settlement{attempt: i + 1, outcome: NotDone, detail: sanitize.Line(detail, 500)}); err != nil {
				return err
			}
		}
	})
}

type settlement struct {
	attempt                  int
	outcome                  Outcome
	booking, request, detail string
}

// settle returns in doubt what the caller must be told although it was kept.
func (w *work) settle(g sqldb.Grant, s settlement) (doubt, err error) {
	sends, err := w.Sends(g.ID)
	if err != nil {
		return nil, err
	}
	if s.attempt < 1 || s.attempt > len(sends) {
		return nil, ErrNotSent
	}
	attempt := &sends[s.attempt-1]
	before := Outcome(attempt.Outcome)
	if before != s.outcome {
		if before == Done || before == NotDone {
			return nil, ErrSettled
		}
		attempt.Outcome = string(s.outcome)
		if err := w.keepSettlement(g, s, *attempt, overall(sends)); err != nil {
			return nil, err
		}
	}
	switch now := overall(sends); {
	case now == s.outcome:
		return nil, nil
	case now == Done:
		return ErrSettled, nil
	case s.outcome == NotDone:
		return ErrInDoubt, nil
	default: // unknown, with another attempt under way
		return nil, nil
	}
}

func (w *work) keepSettlement(g sqldb.Grant, s settlement, attempt sqldb.Send, now Outcome) error {
	_, err := w.record(kindSettled, g.Act, details{
		Grant: g.ID, Attempt: s.attempt, Outcome: s.outcome, Booking: s.booking, Request: s.request, Detail: s.detail, under: Method(g.Rung),
	})
	if err != nil {
		return err
	}
	if err := w.SetSend(g.ID, attempt); err != nil || g.Outcome == string(Done) {
		return err
	}
	g.Outcome, g.BookingID, g.RequestID, g.Detail = string(now), s.booking, s.request, s.detail
	return w.SetGrant(g)
}

// overall is what became of a grant, from what became of its attempts.
func overall(sends []sqldb.Send) Outcome {
	for _, o := range []Outcome{Done, Sent, Unknown} {
		if slices.ContainsFunc(sends, func(s sqldb.Send) bool { return s.Outcome == string(o) }) {
			return o
		}
	}
	return NotDone
}
