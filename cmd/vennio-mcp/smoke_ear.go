package main

import (
	"cmp"
	"context"
	"net/url"
	"sync"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/config"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/internal/webhooks"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/webhook"
)

// ear hears of bookings that were made.
type ear struct {
	how   string // in words, for the person
	at    string // where it listens; "": nowhere
	deaf  bool   // it hears nothing: nobody is subscribed
	close func(context.Context) error

	mu    sync.Mutex
	heard map[string]time.Time // by booking id
	news  chan struct{}        // closed when heard grew
}

func newEar(how string) *ear {
	return &ear{how: how, heard: map[string]time.Time{}, news: make(chan struct{}), close: func(context.Context) error { return nil }}
}

// listen chooses how to hear: by a subscription of its own where Vennio can reach
// this machine, else from what a running server stores.
func (r *smokeRun) listen(ctx context.Context, a *assembled, cfg config.Config) (*ear, error) {
	if r.onSandbox || r.onLoopbackThere || r.eventsURL != "" {
		return r.ownEar(ctx, a)
	}
	all, err := r.openInbox(cfg, a.store, a.log, webhooks.Options{})
	if err != nil {
		return nil, err
	}
	in := all.Of("")
	kept, err := in.Subscriptions(ctx)
	if err != nil {
		return nil, err
	}
	if len(kept)+len(cfg.WebhookSecrets) == 0 {
		e := newEar("NOT checked, since Vennio cannot reach this machine: register a webhook and let vennio-mcp serve run (docs/events.md), or give --events-url")
		e.deaf = true
		return e, nil
	}
	return inboxEar(in, r.clock()), nil
}

// ownEar is a subscription that ends with the run, and an inbox of its own that
// checks the signatures.
func (r *smokeRun) ownEar(ctx context.Context, a *assembled) (*ear, error) {
	db := sqldb.Open("")
	in, err := webhooks.Open(db, webhooks.Options{Now: r.clock()})
	if err != nil {
		return nil, err
	}
	if _, err := in.DeadLetters(ctx); err != nil { // makes its tables now, so that no event waits for it
		return nil, err
	}
	e := newEar("by a subscription of the run's own, signed")
	in.Of("").Watch(func(_ context.Context, ev webhook.Event) {
		if b, ok := ev.Booking(); ok && ev.Type == webhook.BookingCreated {
			e.hear(b.ID, time.Now())
		}
	})
	at, stop, err := listen(ctx, r.eventsAddr, in.Handler(), hostOf(r.eventsURL))
	if err != nil {
		_ = db.Close()
		return nil, listenError("--events-addr", r.eventsAddr, err)
	}
	made, err := subscribe(ctx, a.vennio, in.Of(""), cmp.Or(r.eventsURL, at+webhooks.Path), []string{string(webhook.BookingCreated)})
	if err != nil {
		stop()
		_ = db.Close()
		return nil, err
	}
	e.at = at
	e.close = func(ctx context.Context) error {
		err := a.vennio.DeleteWebhook(ctx, newKey(), made.ID)
		stop()
		_ = db.Close()
		return err
	}
	return e, nil
}

// hostOf is the host that requests for an address name; "" where there is none.
func hostOf(address string) string {
	if u, err := url.Parse(address); err == nil {
		return u.Hostname()
	}
	return ""
}

// inboxEar looks into the store, where a server that runs beside puts the events.
func inboxEar(in *webhooks.Inbox, now func() time.Time) *ear {
	const every = 100 * time.Millisecond
	e := newEar("as a running vennio-mcp serve stores them in this state folder")
	began := now()
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for ctx.Err() == nil {
			found, _ := in.List(ctx, sqldb.EventsWanted{Type: string(webhook.BookingCreated), Since: began}) // a busy store is asked again
			for _, ev := range found {
				e.hear(ev.Booking, ev.Received)
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

func (e *ear) hear(booking string, at time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, twice := e.heard[booking]; twice {
		return
	}
	e.heard[booking] = at
	close(e.news)
	e.news = make(chan struct{})
}

// created waits until a booking's booking.created was heard, at most until by.
func (e *ear) created(ctx context.Context, booking string, by time.Time) (time.Time, bool) {
	ctx, done := context.WithDeadline(ctx, by)
	defer done()
	for {
		e.mu.Lock()
		at, ok := e.heard[booking]
		news := e.news
		e.mu.Unlock()
		if ok {
			return at, true
		}
		select {
		case <-news:
		case <-ctx.Done():
			return time.Time{}, false
		}
	}
}
