package webhooks

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/internal/tenant"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/webhook"
)

// MinKeep is the minimum and default retention of events (vennio-api.md, Webhooks: team
// guidelines).
const MinKeep = 7 * 24 * time.Hour

// Watcher is called once for each newly stored event of a tenant, in the process that received
// it, before the delivery is answered. It must be fast, and is not called again if the process
// ends. Use a sink for what must not be lost.
type Watcher func(context.Context, webhook.Event)

// Tenant is the webhook configuration of a tenant.
type Tenant struct {
	tenant.Identity                // subscriptions that another account registered are ignored
	Sinks           []Sink         // receive only this tenant's events
	Secrets         []string       // sign its deliveries, in addition to those of its registered subscriptions; two during a rotation
	Zone            *time.Location // of times in texts for people; default UTC
}

// Options configures a Service. The zero value stores events and has no sinks, but accepts no
// deliveries, because there is no secret.
type Options struct {
	Tenant                                                       // the default one
	Others     []Tenant                                          // with names
	Keep       time.Duration                                     // retention of events, dead letters and finished tasks; default MinKeep
	Ledger     *consent.Ledger                                   // closes open consents when calendar access is revoked; may be nil
	Page       func(proposal string) (address string, err error) // address of the approval page of a request; nil: requests are not sent to sinks
	OnDelivery func(result Result)
	OnFollowUp func(sink string, state TaskState) // sink is "calendar access" for the follow-up of a revocation
	Now        func() time.Time                   // nil: the database's clock for times that several processes compare, this machine's for others
	Log        *slog.Logger

	Poll        time.Duration // see DispatcherOptions
	RescueAfter time.Duration // see DispatcherOptions

	BodyTimeout time.Duration // to read the body of a delivery; larger bodies get more; default 2 s
	WaitTimeout time.Duration // for memory for a body, at most twice for each delivery; default 2 s

	// UnsignedRate is the number of unsigned requests per second, of all senders together, that
	// get an answer with the reason; the burst is twice that. Further ones are answered with
	// 429. Default 200.
	UnsignedRate float64
}

// Service is the part of webhook processing that the tenants share. It is safe for concurrent
// use, as are several over one database, in one process or in several.
type Service struct {
	db         *sqldb.DB
	o          Options
	dispatcher *Dispatcher
	inboxes    map[string]*Inbox // by tenant; not changed after Open
	receiver   *receiver
	writer     batchWriter
}

// Inbox has the events of one tenant. It is safe for concurrent use.
type Inbox struct {
	service    *Service
	tenant     string
	configured bool
	account    string
	secrets    []string
	sinks      []configuredSink

	mu       sync.Mutex
	watchers []Watcher
}

// Open returns the Service over db, without accessing db. The error names an invalid sink.
func Open(db *sqldb.DB, o Options) (*Service, error) {
	o.Keep = max(o.Keep, MinKeep)
	o.BodyTimeout = cmp.Or(o.BodyTimeout, defaultBodyTimeout)
	o.WaitTimeout = cmp.Or(o.WaitTimeout, defaultWaitTimeout)
	o.UnsignedRate = cmp.Or(o.UnsignedRate, defaultUnsignedRate)
	if o.OnDelivery == nil {
		o.OnDelivery = func(Result) {}
	}
	if o.OnFollowUp == nil {
		o.OnFollowUp = func(string, TaskState) {}
	}
	s := &Service{db: db, o: o, inboxes: map[string]*Inbox{}}
	var queues []Queue
	for _, t := range append([]Tenant{o.Tenant}, o.Others...) {
		more, err := s.addTenant(t)
		if err != nil && t.Name != "" {
			err = fmt.Errorf("tenant %s: %w", t.Name, err)
		}
		if err != nil {
			return nil, err
		}
		queues = append(queues, more...)
	}
	if o.Ledger != nil {
		queues = append(queues, Queue{Name: accessQueue})
	}
	var err error
	s.dispatcher, err = NewDispatcher(db, DispatcherOptions{
		Queues: queues, Keep: o.Keep, Poll: o.Poll, RescueAfter: o.RescueAfter, Maintain: s.prune, Log: o.Log, OnAttempt: s.onAttempt,
	})
	if err != nil {
		return nil, err
	}
	s.receiver = newReceiver(s)
	s.writer.write = s.writeBatch
	return s, nil
}

func (s *Service) addTenant(t Tenant) (queues []Queue, err error) {
	if s.inboxes[t.Name] != nil {
		return nil, errors.New("another tenant has the same name")
	}
	b := &Inbox{service: s, tenant: t.Name, configured: true, account: t.Account, secrets: t.Secrets}
	s.inboxes[t.Name] = b
	names := map[string]bool{}
	for _, sink := range t.Sinks {
		sender, err := sink.newSender(cmp.Or(t.Zone, time.UTC), s.localNow)
		if err != nil {
			return nil, fmt.Errorf("sink %s: %w", sink.Name, err)
		}
		if names[sink.Name] {
			return nil, fmt.Errorf("sink %s: another sink has the same name", sink.Name)
		}
		names[sink.Name] = true
		b.sinks = append(b.sinks, configuredSink{sink, sender})
		queues = append(queues, Queue{Tenant: t.Name, Name: sink.Name, Pause: sink.Pause})
	}
	return queues, nil
}

// Of returns the Inbox of a tenant. A tenant that is not configured accepts no events and has
// no sinks, but its stored events can be read.
func (s *Service) Of(tenant string) *Inbox {
	if b := s.inboxes[tenant]; b != nil {
		return b
	}
	return &Inbox{service: s, tenant: tenant}
}

func (s *Service) onAttempt(t Task, state TaskState) {
	if t.To == accessQueue {
		t.To = "calendar access"
	}
	s.o.OnFollowUp(t.To, state)
}

// now returns the time of a transaction, which all processes agree on.
func (s *Service) now(tx *sqldb.Tx) (time.Time, error) {
	if s.o.Now != nil {
		return s.o.Now(), nil
	}
	return tx.Now()
}

// localNow returns this machine's time, for times that other processes do not compare.
func (s *Service) localNow() time.Time {
	if s.o.Now != nil {
		return s.o.Now()
	}
	return time.Now()
}

func (s *Service) logError(ctx context.Context, message string, err error) {
	if s.o.Log != nil {
		s.o.Log.ErrorContext(ctx, message, "error", err)
	}
}

// Watch adds a watcher of the tenant's events.
func (b *Inbox) Watch(w Watcher) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.watchers = append(b.watchers, w)
}

func (b *Inbox) notifyWatchers(ctx context.Context, e webhook.Event) {
	b.mu.Lock()
	watchers := b.watchers
	b.mu.Unlock()
	for _, w := range watchers {
		w(ctx, e)
	}
}

// Run carries out the follow-ups of all tenants until ctx ends. Processes that use the same
// database share them.
func (s *Service) Run(ctx context.Context) error { return s.dispatcher.Run(ctx, s.carryOut) }

// Stopped returns why Run carries out no follow-ups in this process, or nil.
func (s *Service) Stopped() error { return s.dispatcher.Stopped() }

// prune deletes the events that are older than Options.Keep and have no unfinished task or dead
// letter.
func (s *Service) prune(ctx context.Context) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		unfinished, err := s.dispatcher.unfinished(ctx, tx)
		if err != nil {
			return err
		}
		now, err := s.now(tx)
		if err != nil {
			return err
		}
		_, err = pruneEvents(tx, now.Add(-s.o.Keep), unfinished)
		return err
	})
}
