package webhooks

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/jobs"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/webhook"
)

// MinKeep is how long events are kept at least (vennio-api.md, Webhooks: team
// guidelines), and by default.
const MinKeep = 7 * 24 * time.Hour

// Watcher hears of a tenant's event that was just stored, once for each, in the
// process that received it. It is called while Vennio waits for its answer: it must be
// quick, and nothing is repeated if the process dies. What must not be lost is
// told to a sink.
type Watcher func(context.Context, webhook.Event)

// Tenant is who has a Vennio account, and so events, of their own.
type Tenant struct {
	Name    string         // a-z, 0-9 and .-_; empty for the default one
	Sinks   []Sink         // who is told of this tenant's events, and of no other's
	Secrets []string       // that sign its deliveries, beside those of its registered subscriptions; two while one is rotated
	Zone    *time.Location // in which people are told times; UTC
	Account string         // tells its Vennio account from others: a subscription made for another does not count
}

// Options says what an Office does. The zero value stores events and tells
// nobody, since without a secret none is accepted.
type Options struct {
	Tenant                                                       // the default one
	Others     []Tenant                                          // with names
	Keep       time.Duration                                     // of events, dead letters and finished follow-ups; MinKeep
	Ledger     *consent.Ledger                                   // whose open consents close when calendar access is revoked; nil: none
	Page       func(proposal string) (address string, err error) // where a person answers a request; nil: none are told of
	OnDelivery func(result Result)
	OnFollowUp func(sink string, how jobs.State) // "calendar access" stands for what is done here about revoked access
	Now        func() time.Time                  // nil: the store's clock for what several processes judge, and this machine's for the rest
	Log        *slog.Logger

	Transport http.RoundTripper // to sinks; http.DefaultTransport
	Rest      time.Duration     // see jobs.Options

	BodyTimeout time.Duration // for a delivery's body to arrive; large ones get more (default: 2 s)
	WaitTimeout time.Duration // for memory for a body, at most twice for each delivery (default: 2 s)

	// UnsignedRate is how many requests a second, of all senders together, are told
	// that they are not signed, and twice as many at once; the others are told that
	// they are too many (default: 200).
	UnsignedRate float64
}

// Inbox is one tenant's events kept in a store, and nothing of another's: what
// concerns all is the [Office]'s. It is safe for concurrent use.
type Inbox struct {
	all     *Office
	tenant  string
	known   bool // to the settings
	account string
	secrets []string
	sinks   []recipient

	mu       sync.Mutex
	watchers []Watcher
}

// Office is what the inboxes of all tenants have in common. It is safe for
// concurrent use, and so are several over one store, in one process or in several.
type Office struct {
	db      *sqldb.DB
	o       Options
	queue   *jobs.Queue
	inboxes map[string]*Inbox // by tenant; not changed after Open
	intake  *intake
	batches batches
}

// Open returns the Office over db; [Office.Of] has the Inbox of each tenant. It
// touches nothing; the error names a sink that cannot be.
func Open(db *sqldb.DB, o Options) (*Office, error) {
	o.Keep = max(o.Keep, MinKeep)
	o.BodyTimeout = cmp.Or(o.BodyTimeout, defaultBodyTimeout)
	o.WaitTimeout = cmp.Or(o.WaitTimeout, defaultWaitTimeout)
	o.UnsignedRate = cmp.Or(o.UnsignedRate, defaultUnsignedRate)
	if o.OnDelivery == nil {
		o.OnDelivery = func(Result) {}
	}
	if o.OnFollowUp == nil {
		o.OnFollowUp = func(string, jobs.State) {}
	}
	f := &Office{db: db, o: o, inboxes: map[string]*Inbox{}}
	lanes, err := f.furnish()
	if err != nil {
		return nil, err
	}
	f.queue, err = jobs.Open(db, jobs.Options{Lanes: lanes, Keep: o.Keep, Rest: o.Rest, Upkeep: f.prune, Log: o.Log, OnTry: f.tried})
	if err != nil {
		return nil, err
	}
	f.intake = newIntake(f)
	f.batches.write = f.write
	return f, nil
}

func (b *Office) tried(t jobs.Task, how jobs.State) {
	if t.To == access {
		t.To = "calendar access"
	}
	b.o.OnFollowUp(t.To, how)
}

// now is the time of a transaction, by which all processes judge alike.
func (b *Office) now(tx *sqldb.Tx) (time.Time, error) {
	if b.o.Now != nil {
		return b.o.Now(), nil
	}
	return tx.Now()
}

// here is the time of this machine, for what no other process judges.
func (b *Office) here() time.Time {
	if b.o.Now != nil {
		return b.o.Now()
	}
	return time.Now()
}

// Watch adds a watcher of this tenant's events.
func (b *Inbox) Watch(w Watcher) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.watchers = append(b.watchers, w)
}

func (b *Inbox) tell(ctx context.Context, e webhook.Event) {
	b.mu.Lock()
	watchers := b.watchers
	b.mu.Unlock()
	for _, w := range watchers {
		w(ctx, e)
	}
}

// Run carries out the follow-ups of all tenants until ctx ends. One process at a
// time does, of all that share a state folder; the others wait to take over.
func (b *Office) Run(ctx context.Context) error { return b.queue.Work(ctx, b.follow) }

// Stopped says why this process carries out no follow-ups although Run was
// called; nil: it does, or is about to, or another process of the state folder does.
func (b *Office) Stopped() error { return b.queue.Stopped() }

// prune forgets events whose time is up, unless something is still to be done
// for them or a dead letter waits.
func (b *Office) prune(ctx context.Context) error {
	return b.db.Write(ctx, func(tx *sqldb.Tx) error {
		unfinished, err := b.queue.Unfinished(ctx, tx)
		if err != nil {
			return err
		}
		now, err := b.now(tx)
		if err != nil {
			return err
		}
		_, err = tx.PruneEvents(now.Add(-b.o.Keep), unfinished)
		return err
	})
}
