package main

import (
	"context"
	"net/http"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/config"
	"github.com/vennio-mcp/vennio-mcp/internal/observe"
	"github.com/vennio-mcp/vennio-mcp/internal/store"
)

// startTraces exports traces, where OpenTelemetry's variables ask for it.
func (p program) startTraces(ctx context.Context, a *assembled) (err error) {
	a.spans, err = observe.NewTraces(ctx, p.getenv, version(), a.log)
	a.closing(func() {
		if err := a.spans.Close(500 * time.Millisecond); err != nil {
			a.log.Warn().Err(err).Msg("the last traces were not exported")
		}
	})
	return err
}

// watched is a way to Vennio on which every request is seen.
func (a *assembled) watched(t http.RoundTripper) http.RoundTripper {
	return a.spans.Transport(observe.Transport(t, a.log, a.watch))
}

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
