package main

import (
	"errors"
	"slices"

	"github.com/spf13/cobra"

	"github.com/vennio-mcp/vennio-mcp/internal/config"
	"github.com/vennio-mcp/vennio-mcp/internal/webhooks"
)

// hooksOf are those whom a command line means: the tenant that is named, else the
// default one; or all. One whom the settings have no more, or without a key, is
// meant as long as subscriptions are kept.
func hooksOf(c *cobra.Command, cfg config.Config, in *webhooks.Service) (chosen []hooks, err error) {
	kept, err := in.SubscribedTenants(c.Context())
	if err != nil {
		return nil, err
	}
	named := []string{tenantIn(c)}
	if allTenants(c) {
		named = everyone(cfg, kept)
	}
	for _, name := range named {
		own, ok := cfg.Of(name)
		if gone := !ok || own.Sandbox(); gone && slices.Contains(kept, name) {
			chosen = append(chosen, hooks{tenant: name, cfg: cfg, gone: true})
			continue
		}
		switch {
		case !ok:
			return nil, noTenant(cfg, name)
		case own.Sandbox() && len(cfg.Tenants) > 0:
			return nil, usageError{errors.New("there is no VENNIO_API_KEY, so there is no default tenant: name a tenant with --tenant NAME")}
		case own.Sandbox():
			return nil, errNoVennio
		}
		chosen = append(chosen, hooks{tenant: name, cfg: own, others: othersThan(name, cfg)})
	}
	if len(chosen) == 0 {
		return nil, errNoVennio
	}
	return chosen, nil
}

// everyone is all tenants with a key, and those of whom subscriptions are kept.
func everyone(cfg config.Config, kept []string) (named []string) {
	if !cfg.Sandbox() {
		named = append(named, "")
	}
	for _, t := range cfg.Tenants {
		named = append(named, t.Name)
	}
	for _, name := range kept {
		if !slices.Contains(named, name) {
			named = append(named, name)
		}
	}
	return named
}

var errNoVennio = usageError{errors.New("there is no Vennio to subscribe at: set VENNIO_API_KEY (without it, vennio-mcp serve receives the events of its built-in sandbox by itself)")}

// othersThan are the names of all tenants but one, the default one's included.
func othersThan(name string, cfg config.Config) (others []string) {
	if name != "" {
		others = append(others, "")
	}
	for _, t := range cfg.Tenants {
		if t.Name != name {
			others = append(others, t.Name)
		}
	}
	return others
}
