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

// attempt is one sending of the write that a grant allows.
type attempt struct {
	grant   string
	n       int // 1 is the first
	outcome Outcome
}

func (a *attempt) columns() []any { return []any{&a.grant, &a.n, &a.outcome} }

// attempts returns the attempts of a grant in their order.
func (tx *transaction) attempts(grant string) ([]attempt, error) {
	return sqldb.All(tx.Tx, (*attempt).columns, `SELECT grant_id, n, outcome FROM sends WHERE grant_id = ? ORDER BY n`, grant)
}

// Quota is how many bookings may be sent for the grants given in a period, its end
// excluded. Both ends begin a quarter of an hour, as every day does in every time
// zone. A series counts with each of its days. A booking that is certainly not done
// does not count; one that was cancelled later does.
type Quota struct {
	Most     int // 0: any number
	From, To time.Time
}

// ErrQuota refuses a write that exceeds a Quota.
var ErrQuota = errors.New("the allowed number of bookings was sent")

// SentWithin counts the bookings that were sent for a tenant under the grants
// given in the quota's period.
func (l *Ledger) SentWithin(ctx context.Context, tenant string, q Quota) (n int, err error) {
	err = l.read(ctx, func(tx *transaction) error {
		n, err = tx.sentBookings(tenant, q)
		return err
	})
	return n, err
}

const sumOfBookings = `SELECT CAST(COALESCE(SUM(n), 0) AS BIGINT) FROM sent_bookings WHERE tenant = ? AND slice >= ? AND slice < ?`

func (tx *transaction) sentBookings(tenant string, q Quota) (int, error) {
	n, err := sqldb.One(tx.Tx, sqldb.Column[int], sumOfBookings, tenant, sqldb.Text(q.From), sqldb.Text(q.To))
	if err != nil {
		return 0, err
	}
	return *n, nil
}

// checkQuota refuses the first sending of a grant that would exceed a quota. The guard
// checks this again when the sending is stored.
func (tx *transaction) checkQuota(g Grant, q Quota) ([]guard, error) {
	if q.Most == 0 || g.Outcome != Unsent || g.At.Before(q.From) || !g.At.Before(q.To) || g.bookings == 0 {
		return nil, nil
	}
	sent, err := tx.sentBookings(g.tenant, q)
	if err == nil && sent+g.bookings > q.Most {
		err = ErrQuota
	}
	args := []any{g.tenant, sqldb.Text(q.From), sqldb.Text(q.To), q.Most - g.bookings}
	return []guard{{"quota\n" + g.tenant, `(` + sumOfBookings + `) <= ?`, args}}, err
}

// SendWithin records that the write which g allows is about to be sent, and returns g as
// it is then stored. It must have returned before anything is sent: should the
// process end on the way, the grant is stored as sent, and the same key settles it.
// A grant of Statement is stored too, unless the act has another one by now, which is
// then sent; all errors of Statement are possible as well.
//
// A sent or unknown grant may be sent again. ErrQuota: the quota is used up. ErrSettled:
// done or not done; the result says which. ErrExpired: it was not sent in time.
// ErrDeclined: a person declined before it was sent. ErrOtherAct: another act was sent
// under the slot id meanwhile. ErrNoGrant: unknown, or erased. ErrTampered: it differs
// from its entries in the ledger.
func (l *Ledger) SendWithin(ctx context.Context, g Grant, q Quota) (Grant, error) {
	given := g
	var late error
	err := l.update(ctx, func(tx *transaction) (err error) {
		g, late = given, nil
		stored, err := tx.grant(`g.id = ?`, given.ID)
		if err != nil {
			return err
		}
		if stored != nil || given.statement == nil { // a statement is stored and used once
			g, late, err = tx.sendStored(stored, q)
			return err
		}
		a, err := tx.attestation(*given.statement, given.GivenBy, given.Words)
		if err != nil {
			return err
		}
		if a.stored {
			g, late, err = tx.sendStored(&a.grant, q)
			return err
		}
		a.grant.ID, a.grant.At, a.grant.Expires = given.ID, given.At, given.Expires
		g, err = tx.sendAttested(a, q)
		return err
	})
	err = cmp.Or(err, late)
	if errors.Is(err, ErrSettled) && g.Outcome == Done {
		l.notify(ctx, Event{EventRepeated, g.Method})
	}
	return g, err
}

// sendStored stores an attempt of a stored grant, nil if there is none. late is an error for the caller
// although the transaction stores something.
func (tx *transaction) sendStored(stored *Grant, q Quota) (g Grant, late, err error) {
	if stored == nil || stored.stored.erased() {
		return Grant{}, nil, ErrNoGrant
	}
	g = *stored
	if err := tx.verifyGrant(g); err != nil {
		return g, nil, err
	}
	if g.lapsed {
		return g, ErrExpired, tx.retire(*g.showLapsed(), whyLapsed)
	}
	guards, err := tx.checkSendable(g)
	if err != nil {
		return g, nil, err
	}
	quota, err := tx.checkQuota(g, q)
	if err != nil {
		return g, nil, err
	}
	if err := tx.enforce(append(guards, quota...)...); err != nil {
		return g, nil, err
	}
	g.Outcome, g.Attempt = Sent, g.Attempt+1
	return g, nil, tx.send(g)
}

// sendAttested stores a new grant and its first attempt.
func (tx *transaction) sendAttested(a attestation, q Quota) (Grant, error) {
	g := a.grant
	if !g.Expires.After(tx.now) {
		return g, ErrExpired
	}
	quota, err := tx.checkQuota(g, q)
	if err != nil {
		return g, err
	}
	if err := errors.Join(tx.enforce(append(a.guards, quota...)...), tx.attest(a)); err != nil {
		return g, err
	}
	g.Outcome, g.Attempt = Sent, 1
	return g, tx.send(g)
}

// checkSendable refuses a grant that cannot be sent. The guards refuse it when the
// sending is stored, if a person has declined meanwhile.
func (tx *transaction) checkSendable(g Grant) ([]guard, error) {
	switch {
	case g.Outcome == Sent || g.Outcome == Unknown:
		return nil, nil
	case g.Outcome == Unsent:
		if err := tx.checkSlot(g.tenant, g.slotID, g.stored.id); err != nil || g.Method != Attested {
			return nil, err
		}
		act, err := g.stored.parse()
		if err != nil {
			return nil, err
		}
		refused, guards, err := tx.refusal(act) // of a person who declined it in another spelling after it was attested
		if err == nil && refused != nil {
			err = refused.RefusedError
		}
		return guards, err
	case g.Attempt > 0:
		return nil, ErrSettled
	case g.Detail == whyDeclined:
		return nil, ErrDeclined
	default: // retired for another reason
		return nil, ErrExpired
	}
}

func (tx *transaction) send(g Grant) error {
	if _, err := tx.record(kindSent, g.tenant, g.stored, details{Grant: g.ID, Attempt: g.Attempt, eventMethod: g.Method}); err != nil {
		return err
	}
	if err := tx.Exec(`INSERT INTO sends (grant_id, n, outcome) VALUES (?, ?, ?)`, g.ID, g.Attempt, Sent); err != nil {
		return err
	}
	if g.ProposalID != "" {
		if err := tx.setProposal(g.ProposalID, StateUsed); err != nil {
			return err
		}
	}
	return tx.updateGrant(g)
}

// Settle records what became of g's attempt, as SendWithin returned it: Done, with
// Vennio's booking id; NotDone, if it is certain that this attempt wrote nothing
// and never will; Unknown. requestID is Vennio's, if it answered; detail is a
// sentence for the operator, without personal data, cut to 500 characters. Pass
// a context that outlives the call: the outcome must be recorded.
//
// One attempt that was done makes the grant done, for good. It is not done only if
// all attempts are not done; then it is used up, and a new consent is needed.
// Repeating a settlement does nothing.
//
// ErrSettled: another outcome is recorded, e.g. another attempt was done; see
// FindConsent. ErrInDoubt: see there. ErrNotSent, ErrNoGrant: nothing to settle.
func (l *Ledger) Settle(ctx context.Context, g Grant, o Outcome, bookingID, requestID, detail string) error {
	return l.settle(ctx, settlement{g.ID, g.Attempt, o, bookingID, requestID, sanitize.Line(detail, 500)})
}

// settlement is the outcome of one attempt of a grant.
type settlement struct {
	grant                    string
	attempt                  int
	outcome                  Outcome
	booking, request, detail string
}

func (l *Ledger) settle(ctx context.Context, s settlement) error {
	if s.outcome != Done && s.outcome != NotDone && s.outcome != Unknown {
		return fmt.Errorf("%q is not an outcome of an attempt", s.outcome)
	}
	var doubt error
	err := l.update(ctx, func(tx *transaction) error {
		g, err := tx.grant(`g.id = ?`, s.grant)
		if err != nil {
			return err
		}
		if g == nil {
			return ErrNoGrant
		}
		attempts, err := tx.attempts(g.ID)
		if err != nil {
			return err
		}
		doubt, err = tx.settle(g, attempts, s)
		return err
	})
	return cmp.Or(err, doubt)
}

// settle stores a settlement and changes the grant and its attempts accordingly. doubt is
// an error for the caller although the settlement is stored.
func (tx *transaction) settle(g *Grant, attempts []attempt, s settlement) (doubt, err error) {
	if s.attempt < 1 || s.attempt > len(attempts) {
		return nil, ErrNotSent
	}
	if before := attempts[s.attempt-1].outcome; before != s.outcome {
		if before == Done || before == NotDone {
			return nil, ErrSettled
		}
		attempts[s.attempt-1].outcome = s.outcome
		if err := tx.storeSettlement(g, s, overall(attempts)); err != nil {
			return nil, err
		}
	}
	switch now := overall(attempts); {
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

func (tx *transaction) storeSettlement(g *Grant, s settlement, now Outcome) error {
	if g.stored.erased() { // erased while it was under way
		s.booking, s.request, s.detail = "", "", ""
	}
	_, err := tx.record(kindSettled, g.tenant, g.stored, details{
		Grant: g.ID, Attempt: s.attempt, Outcome: s.outcome, Booking: s.booking, Request: s.request, Detail: s.detail, eventMethod: g.Method,
	})
	if err != nil {
		return err
	}
	if err := tx.Exec(`UPDATE sends SET outcome = ? WHERE grant_id = ? AND n = ?`, s.outcome, g.ID, s.attempt); err != nil || g.Outcome == Done {
		return err
	}
	g.Outcome, g.BookingID, g.RequestID, g.Detail = now, s.booking, s.request, s.detail
	return tx.updateGrant(*g)
}

// overall is the outcome of a grant, computed from the outcomes of its attempts.
func overall(attempts []attempt) Outcome {
	for _, o := range []Outcome{Done, Sent, Unknown} {
		if slices.ContainsFunc(attempts, func(a attempt) bool { return a.outcome == o }) {
			return o
		}
	}
	return NotDone
}

const (
	// retryFor is how long a call waits until its outcome is recorded: a client gives
	// a call up after a minute.
	retryFor      = 20 * time.Second
	retryInterval = 500 * time.Millisecond
)

// SettleWithRetry is Settle with retries while the database is unavailable: until ctx ends, and
// for RetryFor at most. After that it leaves the settlement to Flush.
func (l *Ledger) SettleWithRetry(ctx context.Context, g Grant, o Outcome, bookingID, requestID, detail string) error {
	limited, done := context.WithTimeout(ctx, cmp.Or(l.RetryFor, retryFor))
	defer done()
	s := settlement{g.ID, g.Attempt, o, bookingID, requestID, sanitize.Line(detail, 500)}
	for {
		err := l.settle(limited, s)
		if err == nil || isFinal(err) {
			return err
		}
		select {
		case <-time.After(retryInterval):
			continue
		case <-limited.Done():
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		l.pending = append(l.pending, s)
		return err
	}
}

// isFinal reports whether retrying a settlement changes nothing.
func isFinal(err error) bool {
	return slices.ContainsFunc([]error{ErrSettled, ErrInDoubt, ErrNotSent, ErrNoGrant}, func(e error) bool { return errors.Is(err, e) })
}

// Flush records the outcomes that SettleWithRetry could not record. Its error is the database's.
// An outcome that the database refuses although it is available is dropped: a later
// read at Vennio settles it.
func (l *Ledger) Flush(ctx context.Context) error {
	l.flushing.Lock()
	defer l.flushing.Unlock()
	for {
		l.mu.Lock()
		if len(l.pending) == 0 {
			l.mu.Unlock()
			return nil
		}
		next := l.pending[0]
		l.mu.Unlock()
		err := l.settle(ctx, next)
		if errors.Is(err, ErrUnavailable) || ctx.Err() != nil {
			return err
		}
		l.mu.Lock()
		l.pending = l.pending[1:]
		l.mu.Unlock()
		if err != nil && !isFinal(err) {
			return err
		}
	}
}

// Unsettled is a grant that was sent and whose outcome is unknown. Its act is empty if it
// was erased.
type Unsettled struct {
	Tenant string
	Grant  Grant
	Act    Act
	Age    time.Duration // since the grant was given
}

// maxUnsettled bounds how many grants UnsettledSent and UnsettledUnknown return.
const maxUnsettled = 1000

// UnsettledSent returns the grants of all tenants that were given at least age ago and are
// stored as sent, the oldest first: their process ended, or its database was
// unavailable, before the outcome was recorded.
func (l *Ledger) UnsettledSent(ctx context.Context, age time.Duration) ([]Unsettled, error) {
	return l.listUnsettled(ctx, func(tx *transaction) ([]Grant, error) {
		return tx.grants(`g.outcome = 'sent' AND g.at <= ? ORDER BY g.at LIMIT ?`, sqldb.Text(tx.now.Add(-age)), maxUnsettled)
	})
}

// UnsettledUnknown returns the grants of all tenants whose outcome was recorded as
// unknown, of an age between the two, the oldest first.
func (l *Ledger) UnsettledUnknown(ctx context.Context, from, to time.Duration) ([]Unsettled, error) {
	return l.listUnsettled(ctx, func(tx *transaction) ([]Grant, error) {
		return tx.grants(`g.outcome = 'unknown' AND g.at >= ? AND g.at <= ? ORDER BY g.at LIMIT ?`,
			sqldb.Text(tx.now.Add(-to)), sqldb.Text(tx.now.Add(-from)), maxUnsettled)
	})
}

func (l *Ledger) listUnsettled(ctx context.Context, find func(*transaction) ([]Grant, error)) (all []Unsettled, err error) {
	err = l.read(ctx, func(tx *transaction) error {
		found, err := find(tx)
		if err != nil {
			return err
		}
		for _, g := range found {
			unsettled := Unsettled{Tenant: g.tenant, Grant: g, Age: tx.now.Sub(g.At)}
			if !g.stored.erased() {
				if unsettled.Act, err = g.stored.parse(); err != nil {
					return fmt.Errorf("the act of consent %s cannot be read: %w", g.ID, err)
				}
			}
			all = append(all, unsettled)
		}
		return nil
	})
	return all, err
}

// Resolve records what a read at Vennio has shown about a grant that was sent: Done,
// with Vennio's booking id, or Unknown. A settled grant remains unchanged. GiveUp
// records that it was not done.
func (l *Ledger) Resolve(ctx context.Context, g Grant, o Outcome, bookingID, detail string) error {
	return l.settleOpen(ctx, g.ID, func(attempts []attempt) *settlement {
		for _, a := range slices.Backward(attempts) {
			if a.outcome == Sent || o == Done && a.outcome == Unknown {
				return &settlement{attempt: a.n, outcome: o, booking: bookingID, detail: sanitize.Line(detail, 500)}
			}
		}
		return nil
	})
}

// GiveUp settles every attempt of a grant as not done: for a write that can no longer
// arrive and that a read has shown not to have happened. detail is the reason, as for
// Settle. A new consent is needed then. A settled grant remains unchanged.
func (l *Ledger) GiveUp(ctx context.Context, g Grant, detail string) error {
	return l.settleOpen(ctx, g.ID, func(attempts []attempt) *settlement {
		for _, a := range attempts {
			if a.outcome != NotDone {
				return &settlement{attempt: a.n, outcome: NotDone, detail: sanitize.Line(detail, 500)}
			}
		}
		return nil
	})
}

// settleOpen settles a grant as next says, until next returns nil or the grant is
// done or not done.
func (l *Ledger) settleOpen(ctx context.Context, id string, next func([]attempt) *settlement) error {
	return l.update(ctx, func(tx *transaction) error {
		g, err := tx.grant(`g.id = ?`, id)
		if err != nil || g == nil {
			return err
		}
		attempts, err := tx.attempts(id)
		if err != nil {
			return err
		}
		for g.Outcome != Done && g.Outcome != NotDone {
			s := next(attempts)
			if s == nil {
				return nil
			}
			if _, err := tx.settle(g, attempts, *s); err != nil {
				return err
			}
		}
		return nil
	})
}
