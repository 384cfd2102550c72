package main

import (
	"context"
	"net/http"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/config"
	"github.com/vennio-mcp/vennio-mcp/internal/observe"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/internal/tenant"
)

// watching begins a server with its eyes: log, metrics, and traces where
// OpenTelemetry's variables ask for them.
func (p program) watching(ctx context.Context, cfg config.Config) (*assembled, error) {
	log := observe.Logger(p.errs, cfg.LogLevel, p.logFormat(cfg.LogFormat))
	for _, w := range cfg.Warnings {
		log.Warn().Msg(w)
	}
	spans, err := observe.NewTraces(ctx, p.getenv, version(), log)
	if err != nil {
		return nil, err
	}
	return &assembled{log: log, watch: observe.NewMetrics(version()), spans: spans, close: func() {
		if err := spans.Close(500 * time.Millisecond); err != nil {
			log.Warn().Err(err).Msg("the last traces were not exported")
		}
	}}, nil
}

// watched is a way to Vennio on which every request is seen.
func (a *assembled) watched(t http.RoundTripper) http.RoundTripper {
	return a.spans.Transport(observe.Transport(t, a.log, a.watch))
}

// watchKey notes since when the tenant's key is in use, and lets the metrics tell
// the age of the default tenant's.
func (a *assembled) watchKey(tenant string, cfg config.Config, now time.Time) {
	first, err := keySince(cfg, now)
	if err != nil {
		a.log.Warn().Err(err).Str("tenant", tenant).Msg("the age of the API key is not known: set VENNIO_API_KEY_CREATED, or key_created of a tenant")
		return
	}
	if tenant == "" {
		a.watch.KeySince(first)
	}
}

// keySince is when the key was made, as far as is known: what the operator says,
// else when it was first used here.
func keySince(cfg config.Config, now time.Time) (time.Time, error) {
	if !cfg.KeyCreated.IsZero() {
		return cfg.KeyCreated, nil
	}
	return tenant.KeySeen(cfg.StateDir, cfg.APIKey.Reveal(), now)
}

// unready says why calls cannot be served just now. Vennio is not asked: when it
// is down, calls are still answered, with the reason.
func (a *assembled) unready(ctx context.Context) (why []string) {
	ctx, done := context.WithTimeout(ctx, 2*time.Second)
	defer done()
	if err := a.store.Probe(ctx); err != nil {
		a.log.Error().Err(err).Msg("the store cannot be written")
		why = append(why, "the store cannot be written: consent cannot be recorded, so nothing can be booked; see vennio-mcp doctor")
	}
	if a.stopped != nil && a.stopped() != nil { // the queue has logged why
		why = append(why, "follow-ups of webhook events cannot be carried out: the job engine does not start; see the log")
	}
	_ = a.store.Now() // reads the database's clock again, where that was long ago
	return why
}

// notes say how far this machine's clock is from the database's, by which consents
// and follow-ups go.
func (a *assembled) notes() []string {
	if ahead := a.store.LastSkew(); ahead.Abs() > sqldb.MaxSkew {
		return []string{sqldb.SkewText(ahead) + ", which decides; run NTP"}
	}
	return nil
}
