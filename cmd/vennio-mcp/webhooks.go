package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/vennio-mcp/vennio-mcp/internal/app"
	"github.com/vennio-mcp/vennio-mcp/internal/config"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/internal/webhooks"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/webhook"
)

const webhooksAbout = `Subscribes vennio-mcp serve to Vennio's events, so that it learns of changes made
elsewhere. The secret that signs them is kept in the state folder, or in the database
if one is set, and is never shown. Each tenant of the settings file has its own
subscriptions.`

// hooks are what the webhooks commands work on: those of one tenant.
type hooks struct {
	program
	tenant string
	vennio *vennioclient.Client
	inbox  *webhooks.Inbox
	cfg    config.Config // the tenant's
	gone   bool          // the settings have no key of the tenant's, but subscriptions are kept: there is no vennio
	others []string      // all other tenants; the default one's name is empty
}

func (p program) webhooksCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "webhooks", Short: "Subscribe to Vennio's events; list and end subscriptions", Long: webhooksAbout,
	}
	addTenantFlag(c.PersistentFlags())
	c.AddCommand(p.registerCommand(), p.listWebhooksCommand(), p.removeWebhookCommand())
	return c
}

func (p program) registerCommand() *cobra.Command {
	var url, kinds string
	c := &cobra.Command{
		Use: "register --url URL", Short: "Subscribe: Vennio will deliver events to that address", Args: noArguments,
		Example: "  vennio-mcp webhooks register --url https://your.host" + webhooks.Path,
		RunE: p.withHooks(func(ctx context.Context, h hooks, _ []string) error {
			return h.register(ctx, url, kinds)
		}),
	}
	textFlag(c, &url, "url", "url", "where Vennio reaches vennio-mcp serve: https, or http on loopback; its path is usually "+webhooks.Path+", with /NAME of a tenant (default: that, at VENNIO_MCP_PUBLIC_URL)")
	textFlag(c, &kinds, "events", "list", "types with commas between; * stands for anything: booking.* (default: all that Vennio documents)")
	return c
}

// withHooks runs a command on Vennio and the store, for the tenant that is named,
// or for one after the other.
func (p program) withHooks(do func(context.Context, hooks, []string) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		cfg, err := p.config(c)
		if err != nil {
			return err
		}
		if cfg.Store() == "" {
			return fmt.Errorf("the secret cannot be kept: %w", sqldb.ErrNoFolder)
		}
		db := sqldb.Open(cfg.Store())
		defer func() { _ = db.Close() }()
		in, err := p.openWebhooks(cfg, db)
		if err != nil {
			return err
		}
		chosen, err := hooksOf(c, cfg, in)
		if err != nil {
			return err
		}
		var failed error
		for _, h := range chosen {
			h.program, h.inbox = p, in.Of(h.tenant)
			if !h.gone {
				h.vennio, err = app.NewClient(h.cfg, version())
			}
			if err == nil {
				err = do(c.Context(), h, args)
			}
			if err != nil && len(chosen) > 1 {
				err = fmt.Errorf("%s: %w", cmp.Or(h.tenant, "the default tenant"), err)
			}
			failed = errors.Join(failed, err)
		}
		return failed
	}
}

// register looks first whether the secret can be kept: Vennio shows it once.
func (h hooks) register(ctx context.Context, url, kinds string) error {
	if url == "" && h.cfg.Serve.PublicURL != "" {
		url = h.cfg.Serve.PublicURL + webhooks.PathOf(h.tenant)
	}
	types, err := chosen(kinds, h.cfg.Dialect)
	switch {
	case h.gone:
		return usageError{errors.New("the settings have no key for this tenant: nothing can be subscribed for it")}
	case url == "":
		return usageError{errors.New("give the address at which Vennio reaches vennio-mcp serve: --url https://your.host" + webhooks.PathOf(h.tenant))}
	case err != nil:
		return err
	case h.elsewhere(url):
		return usageError{fmt.Errorf("--url %s: that is where another tenant's events are taken; give https://your.host%s", sanitize.Line(url, 200), webhooks.PathOf(h.tenant))}
	case loopbackURL(url) && !loopbackURL(h.cfg.APIURL):
		return usageError{fmt.Errorf("--url %s: %s cannot reach this machine by that address; give the https address of a proxy or tunnel before vennio-mcp serve", sanitize.Line(url, 200), h.cfg.APIURL)}
	}
	before, err := h.inbox.Subscriptions(ctx)
	if err == nil {
		err = app.RetryWrite(func() error { return h.inbox.Unregister(ctx, "") }) // a write like the one to come, of nothing
	}
	if err != nil {
		return fmt.Errorf("nothing was done: the secret could not be kept: %w", err)
	}
	made, err := app.Subscribe(ctx, h.vennio, h.inbox, url, types)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(h.out, "Subscribed as %s: Vennio delivers %d types of event to %s\n", made.ID, len(types), sanitize.Line(made.URL, 200))
	_, _ = fmt.Fprintf(h.out, "The secret that signs them is kept in %s\n", h.keeps())
	h.next(url, before)
	return nil
}

// elsewhere: the address is another tenant's, where no signature of this one's
// would be taken.
func (h hooks) elsewhere(raw string) bool {
	u, err := url.Parse(raw)
	return err == nil && slices.ContainsFunc(h.others, func(other string) bool { return strings.HasSuffix(u.Path, webhooks.PathOf(other)) })
}

// keeps is where the secrets are, in words: an address may have a password in it.
func (h hooks) keeps() string {
	if h.cfg.DatabaseURL != "" {
		return "the database of VENNIO_MCP_DATABASE_URL"
	}
	return h.cfg.StateDir
}

// next says what is still to be done.
func (h hooks) next(url string, before []webhooks.Subscription) {
	_, _ = fmt.Fprintln(h.out, "\nNext")
	if address, err := serveAddress(url); err == nil {
		_, _ = fmt.Fprintf(h.out, "  vennio-mcp serve --addr %s   takes them\n", address)
	} else {
		_, _ = fmt.Fprintf(h.out, "  vennio-mcp serve            takes them at %s; let your proxy pass %s on to it\n", webhooks.PathOf(h.tenant), sanitize.Line(url, 200))
	}
	_, _ = fmt.Fprintln(h.out, "  vennio-mcp doctor           looks whether they come")
	_, _ = fmt.Fprintf(h.out, "  vennio-mcp events list%s      shows them\n", forTenant(h.tenant))
	for _, old := range before {
		_, _ = fmt.Fprintf(h.out, "  vennio-mcp webhooks remove %s%s   ends the older subscription to %s, once this one works\n", old.ID, forTenant(h.tenant), sanitize.Line(old.URL, 200))
	}
}

// chosen are the event types meant; by default those that are documented for the
// dialect (vennio-api.md, Two dialects).
func chosen(kinds string, d vennioclient.Dialect) (types []string, err error) {
	if kinds == "" {
		return app.DocumentedEvents(d), nil
	}
	for kind := range strings.SplitSeq(kinds, ",") {
		matched := 0
		for _, t := range webhook.Types() {
			if fits, err := path.Match(strings.TrimSpace(kind), string(t)); err == nil && fits {
				types, matched = append(types, string(t)), matched+1
			}
		}
		if matched == 0 {
			return nil, usageError{fmt.Errorf("--events %s: there is no such type of event; the types are %s", sanitize.Quote(kind, 60), strings.Join(names(webhook.Types()), ", "))}
		}
	}
	slices.Sort(types)
	return slices.Compact(types), nil
}

func names(types []webhook.Type) (all []string) {
	for _, t := range types {
		all = append(all, string(t))
	}
	return all
}
