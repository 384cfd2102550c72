package consent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
)

const (
	// keepFor is how long a call waits for the record of its outcome: a client gives
	// a call up after a minute.
	keepFor     = 20 * time.Second
	settleAgain = 500 * time.Millisecond // between two tries
	// leftAtOnce bounds how many grants one look at what is left returns.
	leftAtOnce = 1000
)

// unsettled is an outcome that could not be kept yet.
type unsettled struct {
	grant                        Grant
	outcome                      Outcome
	bookingID, requestID, detail string
}

// Keep is Settle that is tried again while the store is away: until ctx ends, and
// for KeepFor at most. What could not be kept by then is kept by Flush.
func (l *Ledger) Keep(ctx context.Context, g Grant, o Outcome, bookingID, requestID, detail string) error {
	limited, done := context.WithTimeout(ctx, cmp.Or(l.KeepFor, keepFor))
	defer done()
	for {
		err := l.Settle(limited, g, o, bookingID, requestID, detail)
		if err == nil || settledOtherwise(err) {
			return err
		}
		select {
		case <-time.After(settleAgain):
			continue
		case <-limited.Done():
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		l.unsettled = append(l.unsettled, unsettled{g, o, bookingID, requestID, detail})
		return err
	}
}

// settledOtherwise: trying again changes nothing.
func settledOtherwise(err error) bool {
	return slices.ContainsFunc([]error{ErrSettled, ErrInDoubt, ErrNotSent, ErrNoGrant}, func(e error) bool { return errors.Is(err, e) })
}

// Flush keeps the outcomes that Keep could not. Its error is the store's. What the
// store refuses although it is not away is left to a look at Vennio.
func (l *Ledger) Flush(ctx context.Context) error {
	l.flushing.Lock()
	defer l.flushing.Unlock()
	for {
		l.mu.Lock()
		if len(l.unsettled) == 0 {
			l.mu.Unlock()
			return nil
		}
		next := l.unsettled[0]
		l.mu.Unlock()
		err := l.Settle(ctx, next.grant, next.outcome, next.bookingID, next.requestID, next.detail)
		if errors.Is(err, ErrAway) || ctx.Err() != nil {
			return err
		}
		l.mu.Lock()
		l.unsettled = l.unsettled[1:]
		l.mu.Unlock()
		if err != nil && !settledOtherwise(err) {
			return err
		}
	}
}

// Left is a grant that was sent and of which it is not known what became. Its act
// is empty if it was erased.
type Left struct {
	Tenant string
	Grant  Grant
	Act    Act
	Age    time.Duration // since the grant was given
}

// LeftSent returns the grants that stand as sent for at least so long after they
// were given, of all tenants, the oldest first: their process died, or its store
// was away.
func (l *Ledger) LeftSent(ctx context.Context, age time.Duration) ([]Left, error) {
	return l.left(ctx, func(w *work) ([]sqldb.Grant, error) { return w.GrantsLeftSent(w.now.Add(-age), leftAtOnce) })
}

// LeftUnknown returns the grants of which it was noted that it is not known what
// became, between two ages.
func (l *Ledger) LeftUnknown(ctx context.Context, from, to time.Duration) ([]Left, error) {
	return l.left(ctx, func(w *work) ([]sqldb.Grant, error) {
		return w.GrantsLeftUnknown(w.now.Add(-to), w.now.Add(-from), leftAtOnce)
	})
}

func (l *Ledger) left(ctx context.Context, find func(*work) ([]sqldb.Grant, error)) (all []Left, err error) {
	err = l.look(ctx, func(w *work) error {
		found, err := find(w)
		if err != nil {
			return err
		}
		for _, g := range found {
			left := Left{Tenant: g.Tenant, Grant: grant(g), Age: w.now.Sub(g.At)}
			if g.Act.JSON != "" {
				if left.Act, err = parseAct(g.Act.JSON); err != nil {
					return fmt.Errorf("the act of consent %s cannot be read: %w", g.ID, err)
				}
			}
			all = append(all, left)
		}
		return nil
	})
	return all, err
}

// HasBooking reports whether a booking of Vennio's is that of another grant.
func (l *Ledger) HasBooking(ctx context.Context, tenant, bookingID, otherThan string) (taken bool, err error) {
	err = l.look(ctx, func(w *work) error {
		found, err := w.GrantsOfBooking(tenant, bookingID)
		taken = slices.ContainsFunc(found, func(g sqldb.Grant) bool { return g.ID != otherThan })
		return err
	})
	return taken, err
}

// Resolve notes what a read has shown of a grant that was sent: Done, with Vennio's
// booking id, or Unknown. What is settled already stays as it is. GiveUp notes that
// it was not done.
func (l *Ledger) Resolve(ctx context.Context, g Grant, o Outcome, bookingID, detail string) error {
	return l.change(ctx, func(w *work) error {
		kept, err := w.Grant(g.ID)
		if err != nil || kept == nil || kept.Outcome == string(Done) || kept.Outcome == string(NotDone) {
			return err
		}
		sends, err := w.Sends(g.ID)
		if err != nil {
			return err
		}
		s := settlement{outcome: o, booking: bookingID, detail: sanitize.Line(detail, 500)}
		if kept.Act.Digest == "" { // erased
			s.booking, s.detail = "", ""
		}
		for _, send := range slices.Backward(sends) {
			if send.Outcome != string(Sent) && (o != Done || send.Outcome != string(Unknown)) {
				continue
			}
			s.attempt = send.N
			if _, err := w.settle(*kept, s); err != nil || o == Done { // one attempt that was done is enough
				return err
			}
			if kept, err = w.Grant(g.ID); err != nil {
				return err
			}
		}
		return nil
	})
}
