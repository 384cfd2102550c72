package main

import (
	"context"
	"net/http"
	"sync"

	"github.com/vennio-mcp/vennio-mcp/internal/config"
	"github.com/vennio-mcp/vennio-mcp/internal/webhooks"
)

// adopt asks Vennio about subscriptions that were made with another key than the
// one of now: those it lists are of the same account. It does not hold up the
// start; stop waits for it.
func (a *assembled) adopt(ctx context.Context, cfg config.Config, in *webhooks.Service) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var asking sync.WaitGroup
	asking.Go(func() {
		tenants, _ := in.SubscribedTenants(ctx) // a store that cannot be read is told of by whoever needs it
		for _, tenant := range tenants {
			own, ok := cfg.Of(tenant)
			if !ok || own.Sandbox() {
				continue
			}
			if odd, err := adopted(ctx, hooks{tenant: tenant, cfg: own, inbox: in.Of(tenant)}); odd && ctx.Err() == nil {
				a.log.Warn().Err(err).Str("tenant", tenant).Msg("there are webhook subscriptions that were made with another key, and Vennio does not list them in this account: " +
					"their secrets do not count; see vennio-mcp webhooks list" + forTenant(tenant))
			}
		}
	})
	return func() {
		cancel()
		asking.Wait()
	}
}

// adopted reports whether there are subscriptions of another account.
func adopted(ctx context.Context, h hooks) (odd bool, err error) {
	if odd, err = h.inbox.HasOtherAccounts(ctx); err != nil || !odd {
		return false, err
	}
	if h.vennio, err = newClient(h.cfg, http.DefaultTransport); err != nil {
		return true, err
	}
	if _, err = h.listed(ctx); err != nil {
		return true, err
	}
	return h.inbox.HasOtherAccounts(ctx)
}
