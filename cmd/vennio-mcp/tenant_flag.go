package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/vennio-mcp/vennio-mcp/internal/config"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/webhooks"
)

const (
	tenantFlag = "tenant"
	tenantHelp = "a tenant of the settings file (default: the account of VENNIO_API_KEY)"

	allTenantsFlag = "all-tenants"
	allTenantsHelp = "of the default tenant and all others"
)

// addTenantFlag lets a command take --tenant.
func addTenantFlag(flags *pflag.FlagSet) {
	flags.Var(textValue(new(string), "tenant", ""), tenantFlag, tenantHelp)
}

// tenantIn returns the tenant that the command line names; empty for the default one.
func tenantIn(c *cobra.Command) string {
	if f := c.Flags().Lookup(tenantFlag); f != nil {
		return f.Value.String()
	}
	return ""
}

// allTenants reports whether the command line has --all-tenants.
func allTenants(c *cobra.Command) bool {
	all, _ := c.Flags().GetBool(allTenantsFlag)
	return all
}

// withAllTenants lets a command take --all-tenants instead of --tenant.
func withAllTenants(c *cobra.Command) *cobra.Command {
	c.Flags().Bool(allTenantsFlag, false, allTenantsHelp)
	c.PreRunE = func(c *cobra.Command, _ []string) error {
		if allTenants(c) && c.Flags().Changed(tenantFlag) {
			return usageError{errors.New("--" + allTenantsFlag + " and --" + tenantFlag + " contradict each other: omit one")}
		}
		return nil
	}
	return c
}

// inboxHas refuses a tenant that is neither in the settings nor in the stored events: a tenant that was
// removed from the settings may still have dead letters.
func inboxHas(ctx context.Context, cfg config.Config, in *webhooks.Service, tenant string) error {
	if _, ok := cfg.Of(tenant); ok {
		return nil
	}
	known, err := in.HasEvents(ctx, tenant)
	if err != nil || known {
		return err
	}
	return noTenant(cfg, tenant)
}

func noTenant(cfg config.Config, tenant string) error {
	names := make([]string, len(cfg.Tenants))
	for i, t := range cfg.Tenants {
		names[i] = t.Name
	}
	there := "there are none"
	if len(names) > 0 {
		there = "there are " + strings.Join(names, ", ")
	}
	return usageError{fmt.Errorf("--tenant %s: the settings file (VENNIO_MCP_SETTINGS) has no such tenant; %s", sanitize.Quote(tenant, 64), there)}
}

// forTenant returns the flag that names a tenant, to be appended to a command.
func forTenant(tenant string) string {
	if tenant == "" {
		return ""
	}
	return " --" + tenantFlag + " " + tenant
}
