package consent

import (
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
)

// Life is how long a question waits for its answer, and a yes for its use.
const Life = 10 * time.Minute

// What a Ledger refuses. Nothing has changed then.
var (
	ErrNoProposal = errors.New("there is no such proposal")
	ErrNoGrant    = errors.New("there is no such consent")
	ErrAnswered   = errors.New("the proposal was answered before")
	ErrExpired    = errors.New("the proposal or the consent has expired")
	ErrSettled    = errors.New("what was agreed is settled: see how it stands")
	ErrOtherAct   = errors.New("something else was agreed and sent under this slot id") // an [*OtherActError] says what
	ErrNotHuman   = errors.New("only a person asked by the server answers a proposal")
	ErrNotSent    = errors.New("what was never sent cannot be settled")
)

// ErrInDoubt is Settle's error for an attempt that failed for certain while
// another one under the same key may have been carried out. What is known of
// this attempt is kept, and the grant stands as sent or unknown.
var ErrInDoubt = errors.New("another attempt under this consent may have been carried out")

// ErrAway is among the errors of what failed because the store could not be had:
// the same may succeed in a moment. Should it have changed something after all,
// the same call finds it.
var ErrAway = sqldb.ErrAway

// Ledger is the record of who was asked, who agreed, and what became of it. It
// is safe for concurrent use, and so are several over one store, in one process
// or in several.
type Ledger struct {
	KeepFor time.Duration // how long Keep tries to keep an outcome; 20 s

	db       *sqldb.DB
	now      func() time.Time
	watchers []Watcher

	mu        sync.Mutex
	answered  chan struct{} // closed by the next answer given through this Ledger
	unsettled []unsettled   // what Flush is to keep
	flushing  sync.Mutex
}

// New returns the Ledger kept in db. now is the clock, nil the store's, by which all
// processes judge alike; its instants count to the millisecond.
func New(db *sqldb.DB, now func() time.Time, watchers ...Watcher) *Ledger {
	return &Ledger{db: db, now: now, watchers: watchers, answered: make(chan struct{})}
}

// work is a transaction, the instant at which it happens, and what it records.
type work struct {
	*sqldb.Tx
	now    time.Time
	events []Event
}

// change runs do as one: everything it changes happens, or nothing. Nobody else
// changes anything meanwhile.
func (l *Ledger) change(ctx context.Context, do func(*work) error) error {
	var w *work
	err := l.db.Write(ctx, func(tx *sqldb.Tx) (err error) {
		if w, err = l.at(tx); err != nil {
			return err
		}
		return do(w)
	})
	if err == nil {
		l.tell(ctx, w.events...)
	}
	return err
}

// look runs do on one state of the ledger.
func (l *Ledger) look(ctx context.Context, do func(*work) error) error {
	return l.db.Read(ctx, func(tx *sqldb.Tx) error {
		w, err := l.at(tx)
		if err != nil {
			return err
		}
		return do(w)
	})
}

func (l *Ledger) at(tx *sqldb.Tx) (w *work, err error) {
	var now time.Time
	if l.now != nil {
		now = l.now()
	} else if now, err = tx.Now(); err != nil {
		return nil, err
	}
	return &work{Tx: tx, now: now.UTC().Truncate(time.Millisecond)}, nil
}

// keep returns the record of a, made if there is none.
func (w *work) keep(a Act) (sqldb.Act, error) {
	kept, err := w.ActByDigest(a.Digest())
	if kept != nil || err != nil {
		return deref(kept), err
	}
	act := sqldb.Act{ID: rand.Text(), Digest: a.Digest(), Salt: salt(), JSON: a.canonical()}
	return act, w.AddAct(act)
}

// slotFree refuses an act if another was sent under its slot id.
func (w *work) slotFree(tenant, slotID, act string) error {
	if slotID == "" {
		return nil
	}
	sent, err := w.SentGrant(tenant, slotID)
	if err == nil && sent != nil && sent.Act.ID != act {
		err = otherAct(*sent)
	}
	return err
}

// OtherActError is an ErrOtherAct that says what was sent under the slot id, as far as it was not
// erased.
type OtherActError struct {
	Act       Act    // zero if its data was erased
	BookingID string // at Vennio; empty while the outcome is unknown
}

func (*OtherActError) Error() string { return ErrOtherAct.Error() }

// Is makes it an ErrOtherAct.
func (*OtherActError) Is(target error) bool { return target == ErrOtherAct }

func otherAct(sent sqldb.Grant) error {
	e := &OtherActError{BookingID: sent.BookingID}
	if sent.Act.JSON != "" {
		act, err := parseAct(sent.Act.JSON)
		if err != nil {
			return err
		}
		e.Act = act
	}
	return e
}

// lapsed: it was not sent in its time, and that is not on record yet.
func (w *work) lapsed(g *sqldb.Grant) bool {
	return g.Outcome == string(Unsent) && !g.Expires.After(w.now)
}

func deref[T any](p *T) T {
	if p == nil {
		return *new(T)
	}
	return *p
}
