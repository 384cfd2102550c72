package main

import (
	"context"
	"log/slog"
	"sync"

	"github.com/rs/zerolog"

	"github.com/vennio-mcp/vennio-mcp/internal/config"
	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/events"
	"github.com/vennio-mcp/vennio-mcp/internal/store"
)

// inbox is the inbox of webhook events as the settings want it.
func (p program) inbox(cfg config.Config, db *store.DB, log zerolog.Logger, onDelivery func(events.Result)) (*events.Inbox, error) {
	o := events.Options{
		Keep: cfg.EventsKeep, Ledger: consent.New(db, p.clock()), Zone: cfg.Zone, OnDelivery: onDelivery, Now: p.clock(),
		Log: slog.New(zerolog.NewSlogHandler(log.Level(max(log.GetLevel(), zerolog.WarnLevel)))),
	}
	for _, s := range cfg.Sinks {
		o.Sinks = append(o.Sinks, s.Reveal())
	}
	for _, s := range cfg.WebhookSecrets {
		o.Secrets = append(o.Secrets, s.Reveal())
	}
	return events.Open(db, o)
}

// follow carries out follow-ups until stop, which waits for those under way.
func (a *assembled) follow(ctx context.Context, in *events.Inbox) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() {
		if err := in.Run(ctx); err != nil && ctx.Err() == nil {
			a.log.Error().Err(err).Msg("events are stored, but nobody is told: the follow-ups cannot be carried out; restart to try again")
		}
	})
	return func() {
		cancel()
		running.Wait()
	}
}
