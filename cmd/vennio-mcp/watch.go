package main

import (
	"context"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/config"
	"github.com/vennio-mcp/vennio-mcp/internal/store"
)

// watchKey lets the metrics tell the age of the key in use.
func (a *assembled) watchKey(cfg config.Config, now time.Time) {
	first, err := keySince(cfg, now)
	if err != nil {
		a.log.Warn().Err(err).Msg("the age of the API key is not known: set VENNIO_API_KEY_CREATED")
		return
	}
	a.watch.KeySince(first)
}

// keySince is when the key was made, as far as is known: what the operator says,
// else when it was first used here.
func keySince(cfg config.Config, now time.Time) (time.Time, error) {
	if !cfg.KeyCreated.IsZero() {
		return cfg.KeyCreated, nil
	}
	return store.KeySeen(cfg.StateDir, cfg.APIKey.Reveal(), now)
}

// unready says why calls cannot be served just now. Vennio is not asked: when it
// is down, calls are still answered, with the reason.
func (a *assembled) unready(ctx context.Context) []string {
	ctx, done := context.WithTimeout(ctx, 2*time.Second)
	defer done()
	if err := a.store.Read(ctx, func(*store.Tx) error { return nil }); err != nil {
		a.log.Error().Err(err).Msg("the store cannot be used")
		return []string{"the store cannot be used: consent cannot be recorded, so nothing can be booked; see vennio-mcp doctor"}
	}
	return nil
}
