package events

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/jobs"
	"github.com/vennio-mcp/vennio-mcp/internal/store"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/webhook"
)

// MinKeep is how long events are kept at least (vennio-api.md, Webhooks: team
// guidelines), and by default.
const MinKeep = 7 * 24 * time.Hour

// Watcher hears of an event that was just stored, once for each, in the process
// that received it. It is called while Vennio waits for its answer: it must be
// quick, and nothing is repeated if the process dies. What must not be lost is
// told to a sink.
type Watcher func(context.Context, webhook.Event)

// Options says what an Inbox does. The zero value stores events and tells
// nobody, since without a secret none is accepted.
type Options struct {
	Sinks      []Sink
	Secrets    []string        // that sign deliveries, beside those of registered subscriptions; two while one is rotated
	Keep       time.Duration   // of events, dead letters and finished follow-ups; MinKeep
	Ledger     *consent.Ledger // whose open consents close when calendar access is revoked; nil: none
	Zone       *time.Location  // in which people are told times; UTC
	OnDelivery func(result Result)
	OnFollowUp func(sink string, how jobs.State) // "calendar access" stands for what is done here about revoked access
	Now        func() time.Time
	Log        *slog.Logger

	Transport http.RoundTripper // to sinks; http.DefaultTransport
	Rest      time.Duration     // see jobs.Options
}

// Inbox is the events kept in a store. It is safe for concurrent use, and so are
// several over one store, in one process or in several.
type Inbox struct {
	db      *store.DB
	o       Options
	queue   *jobs.Queue
	sinks   []recipient
	intake  *intake
	batches batches

	mu       sync.Mutex
	watchers []Watcher
}

// Open returns the Inbox kept in db. It touches nothing; the error names a sink
// that cannot be.
func Open(db *store.DB, o Options) (*Inbox, error) {
	o.Keep = max(o.Keep, MinKeep)
	o.Zone = cmp.Or(o.Zone, time.UTC)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.OnDelivery == nil {
		o.OnDelivery = func(Result) {}
	}
	if o.OnFollowUp == nil {
		o.OnFollowUp = func(string, jobs.State) {}
	}
	b := &Inbox{db: db, o: o}
	lanes, err := b.addSinks()
	if err != nil {
		return nil, err
	}
	b.queue, err = jobs.Open(db, jobs.Options{Lanes: lanes, Keep: o.Keep, Rest: o.Rest, Upkeep: b.prune, Log: o.Log, OnTry: b.tried})
	if err != nil {
		return nil, err
	}
	b.intake = newIntake(b)
	b.batches.write = b.write
	return b, nil
}

func (b *Inbox) tried(t jobs.Task, how jobs.State) {
	if t.To == access {
		t.To = "calendar access"
	}
	b.o.OnFollowUp(t.To, how)
}

// addSinks builds the sinks and returns all who do follow-ups.
func (b *Inbox) addSinks() (lanes []jobs.Lane, err error) {
	names := map[string]bool{}
	for _, s := range b.o.Sinks {
		r, err := s.build(b.o.Transport, b.o.Zone, b.o.Now)
		if err != nil {
			return nil, fmt.Errorf("sink %s: %w", s.Name, err)
		}
		if names[s.Name] {
			return nil, fmt.Errorf("sink %s: the name is taken by another", s.Name)
		}
		names[s.Name] = true
		b.sinks = append(b.sinks, recipient{s, r})
		lanes = append(lanes, jobs.Lane{Name: s.Name, Pause: s.Pause})
	}
	if b.o.Ledger != nil {
		lanes = append(lanes, jobs.Lane{Name: access})
	}
	return lanes, nil
}

// Watch adds a watcher.
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

// Run carries out follow-ups until ctx ends. One process at a time does, of all
// that share a store; the others wait to take over.
func (b *Inbox) Run(ctx context.Context) error { return b.queue.Work(ctx, b.follow) }

// prune forgets events whose time is up, unless something is still to be done
// for them or a dead letter waits.
func (b *Inbox) prune(ctx context.Context) error {
	return b.db.Write(ctx, func(tx *store.Tx) error {
		unfinished, err := b.queue.Unfinished(ctx, tx)
		if err != nil {
			return err
		}
		_, err = tx.PruneEvents(b.o.Now().Add(-b.o.Keep), unfinished)
		return err
	})
}
