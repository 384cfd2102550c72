// Package consent decides whether a person has agreed to a write, records who
// agreed to what and what became of it, and derives from the consent the
// idempotency key of the write.
//
// Consent to book is a person's approval of one booking. It has nothing to do
// with calendar access, Vennio's permission between people.
//
// # From question to outcome
//
// An [Act] is everything a person agrees to; an act that differs in anything is
// another act. [Ledger.Ask] makes a [Proposal], the question to a person, and
// [Ledger.Answer] takes the answer. An approval makes a [Grant], and so does an
// agent's statement ([Ledger.Statement]). A grant is valid for
// [Lifetime] and is used once: [Ledger.SendWithin] records that its write is about to be
// sent, and [Ledger.Settle] what became of it. A write whose outcome is unknown can be sent
// again under the same key. One that certainly did not happen cannot, and needs a
// new consent. Of the acts under one slot id at most one is ever sent.
//
// # How often people are asked
//
// [Ledger.Ask] enforces [AskLimits]. A refusal closes more than its act: it closes
// the slot or booking that the act is about for some time ([RefusedError]). Both
// are computed from the stored proposals, so that all processes that share a
// database count alike.
//
// # What happens at the same time
//
// A transaction reads a snapshot, decides, and stores its changes only if nothing that
// conflicts was committed meanwhile; otherwise it decides again. Two entries never have
// the same number in the chain of an act, so decisions about one act always conflict.
// Where a rule looks at other acts, a guard repeats it when the changes are stored.
//
// # What is proven, and what can be erased
//
// Every change appends an entry to the ledger in the same transaction. The entries
// about one act are chained by hashes, and seals, which are written a moment later, fix
// the order of all entries ([Ledger.Seal]). Entries contain no personal data, only a
// salted commitment to the details, which are stored separately. Therefore [Ledger.Erase] can delete a
// person's details and [Ledger.Verify] can still prove that nothing else was
// changed, deleted or inserted. The stored acts, proposals, grants and attempts
// follow from the entries: Verify compares all of them; SendWithin compares a grant, and
// Answer a proposal, before it uses it. Because the hashes contain no secret key,
// the ledger cannot reveal that the owner of the database rewrote all of it: for
// that, keep an [Ledger.Export], or its last hash, elsewhere.
package consent

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/passkey"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
)

// Lifetime is how long a question waits for its answer, and how long a consent can be
// used.
const Lifetime = 10 * time.Minute

// Errors of a Ledger. A call that returns one of them has changed nothing, unless
// its documentation says otherwise.
var (
	ErrNoProposal = errors.New("there is no such proposal")
	ErrNoGrant    = errors.New("there is no such consent")
	ErrAnswered   = errors.New("the request was answered before")
	ErrExpired    = errors.New("the request or the consent has expired")
	ErrSettled    = errors.New("the outcome of this consent is already recorded")
	ErrOtherAct   = errors.New("something else was agreed and sent under this slot id") // an [*OtherActError] describes it
	ErrDeclined   = errors.New("the person did not agree")
	ErrNotHuman   = errors.New("only a person asked by the server answers a proposal")
	ErrNotSent    = errors.New("a consent that was never sent cannot be settled")
)

// ErrInDoubt is Settle's error for an attempt that certainly failed while another
// one under the same key may have been executed. Settle has recorded the failed
// attempt; the grant remains sent or unknown.
var ErrInDoubt = errors.New("another attempt under this consent may have been executed")

// ErrUnavailable is among the errors of calls that failed because the database was
// unavailable: the same call may succeed in a moment. If the failed call changed
// something after all, the repeated one finds it.
var ErrUnavailable = sqldb.ErrUnavailable

// Ledger records who was asked, who agreed, and what became of it. It is safe for
// concurrent use. Several Ledgers, in one process or in several, may share a
// database.
type Ledger struct {
	RetryFor time.Duration // how long SettleWithRetry tries to record an outcome; 20 s if zero

	db       *sqldb.DB
	now      func() time.Time
	watchers []Watcher
	pinned   map[string][]passkey.Credential // by tenant

	mu       sync.Mutex
	answered chan struct{} // closed by the next answer through this Ledger
	pending  []settlement  // outcomes that Flush has to record
	flushing sync.Mutex

	appended chan struct{} // holds a token if entries were appended that nobody seals yet
}

// New returns the Ledger stored in db. now is the clock; if nil, the database's
// clock is used, so that all processes judge alike. Instants are truncated to the
// millisecond. Closing db first seals the entries that were appended through the Ledger,
// for a second at most.
func New(db *sqldb.DB, now func() time.Time, watchers ...Watcher) *Ledger {
	l := &Ledger{db: db, now: now, watchers: watchers, answered: make(chan struct{}), appended: make(chan struct{}, 1)}
	if !db.Volatile() {
		db.BeforeClose(l.sealLast)
	}
	return l
}

// transaction is a database transaction with the instant that all its decisions
// use. The statements of each record are its methods, next to the record's type.
type transaction struct {
	*sqldb.Tx
	now    time.Time
	pinned map[string][]passkey.Credential // by tenant
	ends   map[string]chainEnd             // of the chains to which entries were added, by id
	events []Event                         // for the watchers, after the commit
}

// update runs do, which reads one snapshot and then queues changes: either all of them
// take effect or none. If another transaction committed something that conflicts, do runs
// again ([sqldb.DB.Decide]), so it must set all its results in each run.
func (l *Ledger) update(ctx context.Context, do func(*transaction) error) error {
	var tx *transaction
	err := l.db.Decide(ctx, func(raw *sqldb.Tx) (err error) {
		if tx, err = l.begin(raw); err != nil {
			return err
		}
		return do(tx)
	})
	if err != nil {
		return err
	}
	if len(tx.ends) > 0 {
		l.noteAppended()
	}
	l.notify(ctx, tx.events...)
	return nil
}

// guard is a condition that a transaction has found true and that must still be true when
// its changes are stored. Every transaction that can make it false excludes others by the
// same key ([sqldb.Tx.Exclude]); one that only does that needs no condition.
type guard struct {
	key       string
	condition string
	args      []any
}

// enforce queues guards: from then on, one transaction at a time with the same key stores its
// changes. To avoid deadlocks, every transaction locks in the same order: the keys of all its
// guards, sorted, before anything else; then the end of its chain, by its first entry; then
// the other records.
func (tx *transaction) enforce(guards ...guard) error {
	var keys []string
	for _, g := range guards {
		keys = append(keys, g.key)
	}
	slices.Sort(keys)
	if err := each(slices.Compact(keys), tx.Exclude); err != nil {
		return err
	}
	return each(guards, func(g guard) error {
		if g.condition == "" {
			return nil
		}
		return tx.Require(g.condition, g.args...)
	})
}

// read runs do on one snapshot of the database.
func (l *Ledger) read(ctx context.Context, do func(*transaction) error) error {
	return l.db.Read(ctx, func(raw *sqldb.Tx) error {
		tx, err := l.begin(raw)
		if err != nil {
			return err
		}
		return do(tx)
	})
}

func (l *Ledger) begin(raw *sqldb.Tx) (_ *transaction, err error) {
	var now time.Time
	if l.now != nil {
		now = l.now()
	} else if now, err = raw.Now(); err != nil {
		return nil, err
	}
	return &transaction{Tx: raw, now: now.UTC().Truncate(time.Millisecond), pinned: l.pinned, ends: map[string]chainEnd{}}, nil
}

// Event is a change of a consent, without personal data. Method is empty until
// somebody has answered.
type Event struct {
	Kind   EventKind
	Method Method
}

// Watcher is called for each Event after its transaction was committed, in order,
// with the context of the call that caused it. It must return quickly and be safe
// for concurrent use.
type Watcher func(context.Context, Event)

// EventKind is the kind of an Event. The list is closed.
type EventKind string

// The kinds. A cancelled or unanswered question can still be answered elsewhere; a
// dismissed consent is an agent's statement that a person's refusal overruled.
const (
	EventAsked      EventKind = "asked"
	EventAgreed     EventKind = "agreed"
	EventDeclined   EventKind = "declined"
	EventCancelled  EventKind = "cancelled"
	EventUnanswered EventKind = "unanswered"
	EventExpired    EventKind = "expired"
	EventDismissed  EventKind = "dismissed"
	EventSent       EventKind = "sent"
	EventWritten    EventKind = "written"
	EventNotWritten EventKind = "not_written"
	EventUncertain  EventKind = "unknown"  // it is unknown whether it was written
	EventRepeated   EventKind = "repeated" // sent again after it was written: nothing new
)

// EventKinds lists every EventKind.
func EventKinds() []EventKind {
	return []EventKind{
		EventAsked, EventAgreed, EventDeclined, EventCancelled, EventUnanswered, EventExpired, EventDismissed,
		EventSent, EventWritten, EventNotWritten, EventUncertain, EventRepeated,
	}
}

func (l *Ledger) notify(ctx context.Context, events ...Event) {
	for _, e := range events {
		for _, watch := range l.watchers {
			watch(ctx, e)
		}
	}
}

// eventOf returns the event of an entry; false for an erasure, which changes no
// consent.
func eventOf(kind string, d details) (Event, bool) {
	happened := map[string]EventKind{
		kindProposed: EventAsked, kindApproved: EventAgreed, kindAttested: EventAgreed, kindDeclined: EventDeclined,
		kindWithdrawn: EventUnanswered, kindExpired: EventExpired, kindClosed: EventExpired, kindRetired: EventExpired, kindSent: EventSent,
		kindSettled: map[Outcome]EventKind{Done: EventWritten, NotDone: EventNotWritten, Unknown: EventUncertain}[d.Outcome],
	}[kind]
	switch {
	case kind == kindWithdrawn && strings.HasPrefix(d.Why, "cancelled"):
		happened = EventCancelled
	case kind == kindRetired && d.Why == whyDeclined:
		happened = EventDismissed
	}
	return Event{happened, cmp.Or(d.Method, d.eventMethod)}, happened != ""
}
