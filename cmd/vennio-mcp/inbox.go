package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/rs/zerolog"

	"github.com/vennio-mcp/vennio-mcp/internal/config"
	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/internal/webhooks"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/webhook"
)

// inbox is all tenants' inboxes of webhook events as the settings want them, for commands
// that only look into them.
func (p program) inbox(cfg config.Config, db *sqldb.DB, log zerolog.Logger) (*webhooks.Service, error) {
	return p.openInbox(cfg, db, log, webhooks.Options{Ledger: consent.New(db, p.now)})
}

// results are what the metrics call the end of a try.
var results = map[webhooks.TaskState]string{webhooks.Done: "delivered", webhooks.Waiting: "failed", webhooks.Dead: "dead"}

// inbox is the server's: what it takes is counted, and changes what the tools and
// resources say.
func (a *assembled) inbox(p program, cfg config.Config) (*webhooks.Service, error) {
	in, err := p.openInbox(cfg, a.store, a.log, webhooks.Options{
		Ledger:     a.ledger,
		Page:       a.links.to,
		OnDelivery: func(r webhooks.Result) { a.watch.Delivery(string(r)) },
		OnFollowUp: func(sink string, how webhooks.TaskState) { a.watch.FollowUp(sink, results[how]) },
	})
	if err != nil {
		return nil, err
	}
	a.stopped, a.inboxes = in.Stopped, in
	a.watch.DeadLetters(in.CountDeadLetters)
	for tenant, notifier := range a.notifiers {
		in.Of(tenant).Watch(func(_ context.Context, e webhook.Event) { notifier.Heard(e) })
	}
	return in, nil
}

// requested queues for a tenant's sinks that a request waits for a person. The call that made the
// request does not depend on it.
func (a *assembled) requested(ctx context.Context, tenant string, p consent.Proposal, client string) {
	if a.inboxes == nil {
		return
	}
	if err := a.inboxes.Of(tenant).Request(ctx, p, client); err != nil {
		a.warn(err)
	}
}

// rescueVariable shortens DispatcherOptions.RescueAfter for the tests that kill processes. It is not
// a setting for operators.
const rescueVariable = "VENNIO_MCP_RESCUE_AFTER"

func (p program) openInbox(cfg config.Config, db *sqldb.DB, log zerolog.Logger, o webhooks.Options) (*webhooks.Service, error) {
	o.Keep, o.Now, o.Tenant = cfg.EventsKeep, p.now, eventsOf("", cfg)
	o.RescueAfter, _ = time.ParseDuration(p.getenv(rescueVariable))
	o.Log = slog.New(zerolog.NewSlogHandler(log.Level(max(log.GetLevel(), zerolog.WarnLevel))))
	for _, t := range cfg.Tenants {
		o.Others = append(o.Others, eventsOf(t.Name, t.Config))
	}
	return webhooks.Open(db, o)
}

// eventsOf is what the settings say of a tenant's events.
func eventsOf(name string, cfg config.Config) webhooks.Tenant {
	t := webhooks.Tenant{Name: name, Zone: cfg.Zone, Account: cfg.Identity(name).Account}
	for _, s := range cfg.Sinks {
		t.Sinks = append(t.Sinks, s.Reveal())
	}
	for _, s := range cfg.WebhookSecrets {
		t.Secrets = append(t.Secrets, s.Reveal())
	}
	return t
}

// followStop is how long the job engine may take to stop, once the server is told
// to: it waits longer for a database that is away.
const followStop = 4 * time.Second

// follow carries out follow-ups until stop, which waits for those under way.
func (a *assembled) follow(ctx context.Context, in *webhooks.Service) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	ended, late := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		if err := in.Run(ctx); err != nil && ctx.Err() == nil {
			a.log.Error().Err(err).Msg("events are stored, but no follow-up is carried out: the settings are refused")
		}
	}()
	context.AfterFunc(ctx, func() { time.AfterFunc(followStop, func() { close(late) }) })
	return func() {
		cancel()
		select {
		case <-ended:
		case <-late:
		}
	}
}
