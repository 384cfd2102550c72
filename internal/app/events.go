package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/rs/zerolog"

	"github.com/vennio-mcp/vennio-mcp/internal/config"
	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/internal/webhooks"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/webhook"
)

// RescueVariable shortens webhooks' Options.RescueAfter for the tests that kill processes. It is not a
// setting for operators.
const RescueVariable = "VENNIO_MCP_RESCUE_AFTER"

// OpenWebhooks returns the webhook events of all tenants of the settings, in db. The settings complete w.
func (o Options) OpenWebhooks(cfg config.Config, db *sqldb.DB, w webhooks.Options) (*webhooks.Service, error) {
	w.Keep, w.Now, w.Tenant = cfg.EventsKeep, o.Now, webhooksTenant("", cfg)
	w.RescueAfter, _ = time.ParseDuration(o.Getenv(RescueVariable))
	w.Log = slog.New(zerolog.NewSlogHandler(o.Log.Level(max(o.Log.GetLevel(), zerolog.WarnLevel))))
	for _, t := range cfg.Tenants {
		w.Others = append(w.Others, webhooksTenant(t.Name, t.Config))
	}
	return webhooks.Open(db, w)
}

// webhooksTenant returns what the settings say about a tenant's events.
func webhooksTenant(name string, cfg config.Config) webhooks.Tenant {
	t := webhooks.Tenant{Identity: cfg.Identity(name), Sinks: cfg.Sinks, Zone: cfg.Zone}
	for _, s := range cfg.WebhookSecrets {
		t.Secrets = append(t.Secrets, s.Reveal())
	}
	return t
}

// attemptResults are the names of the results of a delivery attempt in the metrics.
var attemptResults = map[webhooks.TaskState]string{webhooks.Done: "delivered", webhooks.Waiting: "failed", webhooks.Dead: "dead"}

// openWebhooks opens the webhook events of a server. They are counted, and notify subscribers of resources.
func (a *App) openWebhooks() (err error) {
	a.webhooks, err = a.options.OpenWebhooks(a.cfg, a.Store, webhooks.Options{
		Ledger:     a.Ledger,
		Page:       a.Links.Proposal,
		OnDelivery: func(r webhooks.Result) { a.metrics.Delivery(string(r)) },
		OnFollowUp: func(sink string, how webhooks.TaskState) { a.metrics.FollowUp(sink, attemptResults[how]) },
	})
	if err != nil {
		return err
	}
	a.metrics.DeadLetters(func(ctx context.Context) (int, error) {
		dead, err := a.webhooks.DeadLetters(ctx) // River's client lists jobs, but does not count them
		return len(dead), err
	})
	for tenant, notifier := range a.notifiers {
		a.webhooks.Of(tenant).Watch(func(_ context.Context, e webhook.Event) { notifier.EventReceived(e) })
	}
	return nil
}

// requested queues the event that a request waits for a person, for the sinks of its tenant. The call that
// made the request does not depend on it.
func (a *App) requested(ctx context.Context, tenant string, p consent.Proposal, client string) {
	if a.webhooks == nil {
		return
	}
	if err := a.webhooks.Of(tenant).Request(ctx, p, client); err != nil {
		a.warn(err)
	}
}

// followUpStop is how long the job engine may take to stop; without a limit it waits for a database that
// is unavailable.
const followUpStop = 4 * time.Second

// executeFollowUps executes follow-ups of events in the background until stop, which waits for those that
// are running.
func (a *App) executeFollowUps(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	ended, late := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		if err := a.webhooks.Run(ctx); err != nil && ctx.Err() == nil {
			a.log.Error().Err(err).Msg("events are stored, but no follow-up is executed: the settings are refused")
		}
	}()
	context.AfterFunc(ctx, func() { time.AfterFunc(followUpStop, func() { close(late) }) })
	return func() {
		cancel()
		select {
		case <-ended:
		case <-late:
		}
	}
}

// reconcileSubscriptions asks Vennio, in the background, about subscriptions that were made with another
// API key than the present one: those that Vennio lists are of the same account. stop waits for the end.
func (a *App) reconcileSubscriptions(ctx context.Context) (stop func()) {
	return inBackground(ctx, func(ctx context.Context) {
		tenants, _ := a.webhooks.SubscribedTenants(ctx) // calls that need the store report that it cannot be read
		for _, tenant := range tenants {
			own, ok := a.cfg.Of(tenant)
			if !ok || own.Sandbox() {
				continue
			}
			if others, err := otherAccounts(ctx, own, a.options.Version, a.webhooks.Of(tenant)); others && ctx.Err() == nil {
				command := "vennio-mcp webhooks list"
				if tenant != "" {
					command += " --tenant " + tenant
				}
				a.log.Warn().Err(err).Str("tenant", tenant).Msg("there are webhook subscriptions that were made with another key, and Vennio does not list them in this account: " +
					"their secrets do not count; see " + command)
			}
		}
	})
}

// otherAccounts reports whether there are subscriptions of another account, after asking Vennio if need be.
func otherAccounts(ctx context.Context, cfg config.Config, version string, in *webhooks.Inbox) (bool, error) {
	if others, err := in.HasOtherAccounts(ctx); err != nil || !others {
		return false, err
	}
	vennio, err := NewClient(cfg, version)
	if err == nil {
		_, err = ListSubscriptions(ctx, vennio, in)
	}
	if err != nil {
		return true, err
	}
	return in.HasOtherAccounts(ctx)
}

// NewClient returns a client of the Vennio of the settings, which retries as vennioclient does by default.
func NewClient(cfg config.Config, version string) (*vennioclient.Client, error) {
	return vennioclient.New(cfg.APIKey.Reveal(), vennioclient.WithBaseURL(cfg.APIURL), vennioclient.WithDialect(cfg.Dialect),
		vennioclient.WithUserAgent("vennio-mcp/"+version), vennioclient.WithHTTPClient(&http.Client{Timeout: cfg.Timeout, Transport: http.DefaultTransport}))
}

// ListSubscriptions returns the subscriptions that Vennio lists, and records that those which are stored
// too belong to this account, whichever key they were made with.
func ListSubscriptions(ctx context.Context, vennio *vennioclient.Client, in *webhooks.Inbox) ([]vennioclient.Webhook, error) {
	listed, err := vennio.ListWebhooks(ctx)
	if err != nil {
		return nil, fmt.Errorf("vennio does not list its subscriptions: %w%s", err, NextStep(err))
	}
	ids := make([]string, len(listed))
	for i, w := range listed {
		ids[i] = w.ID
	}
	_, err = in.AssignAccount(ctx, ids)
	return listed, err
}

// Subscribe makes a subscription at Vennio and stores its secret. If the secret cannot be stored, it
// deletes the subscription, because none of its events could be verified.
func Subscribe(ctx context.Context, vennio *vennioclient.Client, in *webhooks.Inbox, url string, types []string) (*vennioclient.Webhook, error) {
	return subscribe(ctx, vennio, in, vennioclient.WebhookRequest{URL: url, Events: types, Description: "vennio-mcp"})
}

func subscribe(ctx context.Context, vennio *vennioclient.Client, in *webhooks.Inbox, wanted vennioclient.WebhookRequest) (*vennioclient.Webhook, error) {
	made, err := vennio.CreateWebhook(ctx, NewIdempotencyKey(), wanted)
	switch {
	case vennioclient.OutcomeOf(err) == vennioclient.Unknown:
		return nil, fmt.Errorf("the subscription may have been made, but its secret is lost: end it with vennio-mcp webhooks list and remove, then register again: %w", err)
	case err != nil:
		return nil, fmt.Errorf("nothing was subscribed: %w%s", err, NextStep(err))
	}
	if err := RetryWrite(func() error { return in.Register(ctx, made.ID, made.URL, made.Secret.Reveal()) }); err != nil {
		undone := vennio.DeleteWebhook(context.WithoutCancel(ctx), NewIdempotencyKey(), made.ID)
		return nil, errors.Join(fmt.Errorf("the secret could not be kept, so the subscription %s was ended again: %w", made.ID, err), undone)
	}
	return made, nil
}

// RetryWrite tries a write to the store up to four times: a server that starts at the same time creates
// its tables, and may lock the store for longer than one write waits (5 s).
func RetryWrite(write func() error) (err error) {
	for range 4 {
		if err = write(); err == nil {
			return nil
		}
	}
	return err
}

// NewIdempotencyKey returns a key for one write that the operator or the program itself intends.
func NewIdempotencyKey() vennioclient.IdempotencyKey {
	return vennioclient.IdempotencyKey("mcp-" + rand.Text())
}

// NextStep returns the next step after an error of Vennio, to be appended to its text, or "".
func NextStep(err error) string {
	switch vennioclient.KindOf(err) {
	case vennioclient.KindForbidden:
		return "; use a secret key (vennio_sk_…)"
	case vennioclient.KindUnauthorized:
		return "; check VENNIO_API_KEY"
	case vennioclient.KindNetwork, vennioclient.KindUnavailable:
		return "; vennio-mcp doctor may find the reason"
	default:
		return ""
	}
}

// DocumentedEvents returns the types of events that are documented for the dialect (docs/vennio-api.md,
// Two dialects). Vennio may refuse others.
func DocumentedEvents(d vennioclient.Dialect) (names []string) {
	for _, t := range webhook.Types() {
		if t != webhook.ConsentChanged || d == vennioclient.Guide {
			names = append(names, string(t))
		}
	}
	return names
}
