package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/vennio-mcp/vennio-mcp/internal/app"
	"github.com/vennio-mcp/vennio-mcp/internal/config"
	"github.com/vennio-mcp/vennio-mcp/internal/doctor"
	"github.com/vennio-mcp/vennio-mcp/internal/mcpclients"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/sandbox"
)

const doctorAbout = `Checks the key and its permissions, the address, the dialect that Vennio understands, hosts
and connected calendars, the keys of the token issuer, clocks, time zones, the store, the
webhook, the same for each tenant of the settings file, and the settings of MCP clients
on this machine, and names the next step for each finding. It changes nothing, except
that it creates the store if there is none. The exit code is 1 if there is a problem,
else 0.`

// doctorTime bounds an examination, whatever does not answer.
const doctorTime = 2 * time.Minute

func (p program) doctorCommand() *cobra.Command {
	var asJSON bool
	var id string
	c := &cobra.Command{
		Use: "doctor", Short: "Check everything the server needs, and name the next steps", Long: doctorAbout, Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			ctx, done := context.WithTimeout(c.Context(), doctorTime)
			defer done()
			checked, err := p.withSettingsOf(id)
			if err != nil {
				return err
			}
			found, err := checked.examine(ctx, c)
			if err != nil {
				return err
			}
			if err := p.report(found, asJSON); err != nil {
				return err
			}
			if doctor.Worst(found) == doctor.Problem {
				return errors.New("the doctor found problems")
			}
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print the findings as JSON")
	choiceFlag(c, &id, "client", "client", "check the settings that install or setup gave this client, instead of those of the environment", clientIDs()...)
	return c
}

// withSettingsOf returns the program with the settings in the entry of a client, instead of those of the
// environment; without a client it returns the program itself.
func (p program) withSettingsOf(id string) (program, error) {
	if id == "" {
		return p, nil
	}
	client, err := p.settingsOf(id)
	if err != nil {
		return p, err
	}
	entry := client.Settings(defaultName)
	if entry == nil {
		return p, fmt.Errorf("%s has no entry %s that starts this program: vennio-mcp setup makes one. Its file is %s", client.Name, defaultName, client.Path)
	}
	settings := map[string]bool{}
	for _, s := range config.Settings() {
		for _, name := range s.Env {
			settings[name] = true
		}
	}
	environment := p.getenv
	p.getenv = func(name string) string {
		if settings[name] {
			return entry[name]
		}
		return environment(name)
	}
	return p, nil
}

// examine looks at what the server would use. Settings that cannot be used are
// findings too.
func (p program) examine(ctx context.Context, c *cobra.Command) ([]doctor.Finding, error) {
	here := mcpclients.Here(p.getenv)
	cfg, err := p.config(c)
	if wrong, ok := errors.AsType[config.Mistakes](err); ok {
		var found []doctor.Finding
		for _, m := range wrong {
			found = append(found, doctor.Finding{Level: doctor.Problem, Check: "settings", Saw: m, Do: "Correct the setting; then the rest is checked."})
		}
		return append(found, doctor.Clients(here)...), nil
	}
	if err != nil {
		return nil, err
	}
	target := p.target("", cfg)
	target.System = here
	if target.Sandbox {
		box, err := app.StartSandbox(ctx, "127.0.0.1:0", p.clock(), nil)
		if err != nil {
			return nil, fmt.Errorf("start the sandbox: %w", err)
		}
		defer box.Close()
		target.Config.APIURL, target.Config.APIKey, target.Config.Hosts = box.URL, config.Secret(sandbox.DefaultKey()), app.SandboxHosts()[:1]
	}
	target.Store = sqldb.Open(cfg.Store())
	defer func() { _ = target.Store.Close() }()
	target.Webhook = target.Subscribed
	for _, t := range cfg.Tenants {
		other := p.target(t.Name, t.Config)
		other.Store = target.Store
		other.Webhook = other.Subscribed
		target.Tenants = append(target.Tenants, other)
	}
	return doctor.Examine(ctx, target), nil
}

// target builds the configuration of doctor for a tenant from its settings.
func (p program) target(tenant string, cfg config.Config) doctor.Target {
	return doctor.Target{
		Tenant: tenant, Config: cfg, Sandbox: !cfg.Real(), Absent: cfg.Sandbox() && cfg.Real(), Now: p.clock(), Transport: http.DefaultTransport,
		KeySince: func() (time.Time, error) { return app.KeyCreated(cfg, p.clock()()) },
	}
}

func (p program) report(found []doctor.Finding, asJSON bool) error {
	for i, f := range found { // causes come from elsewhere
		found[i].Saw, found[i].Do = sanitize.Mask(f.Saw), sanitize.Mask(f.Do)
	}
	if asJSON {
		return p.printJSON(struct {
			Version  string           `json:"version"`
			Verdict  doctor.Level     `json:"verdict"`
			Findings []doctor.Finding `json:"findings"`
		}{version(), doctor.Worst(found), found})
	}
	for _, f := range found {
		if f.Tenant != "" {
			f.Saw = f.Tenant + ": " + f.Saw
		}
		_, _ = fmt.Fprintf(p.out, "%-8s %-15s %s\n", f.Level, f.Check, f.Saw)
		if f.Do != "" {
			_, _ = fmt.Fprintf(p.out, "%24s → %s\n", "", f.Do)
		}
	}
	return nil
}
