package main

import (
	"cmp"
	"context"
	"net/url"
	"sync"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/app"
	"github.com/vennio-mcp/vennio-mcp/internal/config"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/internal/webhooks"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/webhook"
)

type eventWatcher struct {
	how      string // how events are received, in words for the person
	at       string // address that it listens on; empty if it does not listen
	disabled bool   // no events are received: there is no subscription
	close    func(context.Context) error

	mu       sync.Mutex
	received map[string]time.Time // by booking id
	changed  chan struct{}        // closed when received grows, and replaced
}

func newEventWatcher(how string) *eventWatcher {
	return &eventWatcher{how: how, received: map[string]time.Time{}, changed: make(chan struct{}), close: func(context.Context) error { return nil }}
}

// watchEvents receives events by a subscription for this run if Vennio can reach this machine, and
// otherwise reads those that a running server stores.
func (r *smokeRun) watchEvents(ctx context.Context, a *app.App, cfg config.Config) (*eventWatcher, error) {
	if r.onSandbox || r.onLoopbackThere || r.eventsURL != "" {
		return r.ownSubscription(ctx, a)
	}
	all, err := r.appOptions(cfg).OpenWebhooks(cfg, a.Store, webhooks.Options{})
	if err != nil {
		return nil, err
	}
	in := all.Of("")
	kept, err := in.Subscriptions(ctx)
	if err != nil {
		return nil, err
	}
	if len(kept)+len(cfg.WebhookSecrets) == 0 {
		e := newEventWatcher("NOT checked, since Vennio cannot reach this machine: register a webhook and let vennio-mcp serve run (docs/events.md), or give --events-url")
		e.disabled = true
		return e, nil
	}
	return storedEvents(in, r.clock()), nil
}

// ownSubscription makes a subscription that ends with the run, and an inbox that checks the signatures.
func (r *smokeRun) ownSubscription(ctx context.Context, a *app.App) (*eventWatcher, error) {
	db := sqldb.Open("")
	in, err := webhooks.Open(db, webhooks.Options{Now: r.clock()})
	if err != nil {
		return nil, err
	}
	if _, err := in.DeadLetters(ctx); err != nil { // creates the tables now, so that no event waits for them
		return nil, err
	}
	e := newEventWatcher("by a subscription for this run, with signatures checked")
	in.Of("").Watch(func(_ context.Context, ev webhook.Event) {
		if b, ok := ev.Booking(); ok && ev.Type == webhook.BookingCreated {
			e.receive(b.ID, time.Now())
		}
	})
	at, stop, err := app.Listen(ctx, r.eventsAddr, in.Handler(), hostOf(r.eventsURL))
	if err != nil {
		_ = db.Close()
		return nil, listenError("--events-addr", r.eventsAddr, err)
	}
	made, err := app.Subscribe(ctx, a.Vennio, in.Of(""), cmp.Or(r.eventsURL, at+webhooks.Path), []string{string(webhook.BookingCreated)})
	if err != nil {
		stop()
		_ = db.Close()
		return nil, err
	}
	e.at = at
	e.close = func(ctx context.Context) error {
		err := a.Vennio.DeleteWebhook(ctx, app.NewIdempotencyKey(), made.ID)
		stop()
		_ = db.Close()
		return err
	}
	return e, nil
}

func hostOf(address string) string {
	if u, err := url.Parse(address); err == nil {
		return u.Hostname()
	}
	return ""
}

// storedEvents polls the store, in which a server that runs at the same time stores events.
func storedEvents(in *webhooks.Inbox, now func() time.Time) *eventWatcher {
	const every = 100 * time.Millisecond
	e := newEventWatcher("as a running vennio-mcp serve stores them in this state folder")
	began := now()
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for ctx.Err() == nil {
			found, _ := in.List(ctx, webhooks.EventFilter{Type: string(webhook.BookingCreated), Since: began}) // a store that is busy is polled again
			for _, ev := range found {
				e.receive(ev.Booking, ev.Received)
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
			}
		}
	})
	e.close = func(context.Context) error {
		stop()
		running.Wait()
		return nil
	}
	return e
}

func (e *eventWatcher) receive(booking string, at time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, twice := e.received[booking]; twice {
		return
	}
	e.received[booking] = at
	close(e.changed)
	e.changed = make(chan struct{})
}

// awaitCreated waits for the booking.created event of a booking, at most until the deadline by.
func (e *eventWatcher) awaitCreated(ctx context.Context, booking string, by time.Time) (time.Time, bool) {
	ctx, done := context.WithDeadline(ctx, by)
	defer done()
	for {
		e.mu.Lock()
		at, ok := e.received[booking]
		changed := e.changed
		e.mu.Unlock()
		if ok {
			return at, true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return time.Time{}, false
		}
	}
}
