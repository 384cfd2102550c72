package main

import (
	"context"
	"slices"

	"github.com/vennio-mcp/vennio-mcp/internal/auth"
	"github.com/vennio-mcp/vennio-mcp/internal/config"
	"github.com/vennio-mcp/vennio-mcp/internal/mcpserver"
	"github.com/vennio-mcp/vennio-mcp/internal/resources"
	"github.com/vennio-mcp/vennio-mcp/tools"
)

// tenant makes the server of a caller's tenant. The context is of the call that
// came first; what is made outlives it.
func (a *assembled) tenant(p program, cfg config.Config) func(context.Context, auth.Caller) (mcpserver.Tenant, error) {
	return func(ctx context.Context, c auth.Caller) (mcpserver.Tenant, error) {
		mine := settingsOf(cfg, c)
		made := mcpserver.Tenant{Server: a.mcp, Subscriptions: a.feed, Writes: writes(mine.Tools), Rate: float64(mine.Serve.Rate)}
		if c.Tenant == "" && a.mcp != nil {
			return made, nil
		}
		if made.Subscriptions = a.feeds[c.Tenant]; made.Subscriptions == nil { // they bring a key of their own
			made.Subscriptions = mcpserver.NewSubscriptions(resources.Known)
			made.Close = func() { a.settlers.remove(c.Tenant) }
		}
		var err error
		made.Server, err = a.newTenantServer(context.WithoutCancel(ctx), p, mine, c.Tenant, made.Subscriptions)
		return made, err
	}
}

// settingsOf are those of a caller's tenant: of the settings file, or the common
// ones with the key that the caller brought.
func settingsOf(cfg config.Config, c auth.Caller) config.Config {
	if own, ok := cfg.Of(c.Tenant); ok && c.Tenant != "" {
		return own
	}
	if c.Key != "" {
		cfg = cfg.ForTenant()
		cfg.APIKey = config.Secret(c.Key)
	}
	return cfg
}

// writes tells the tools that need the scope to book.
func writes(chosen tools.Selection) func(string) bool {
	var names []string
	for _, t := range tools.Catalog(tools.Deps{Selection: chosen}) {
		if !*t.Annotations.ReadOnlyHint {
			names = append(names, t.Name)
		}
	}
	return func(tool string) bool { return slices.Contains(names, tool) }
}
