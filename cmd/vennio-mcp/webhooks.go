package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/vennio-mcp/vennio-mcp/internal/app"
	"github.com/vennio-mcp/vennio-mcp/internal/auth"
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

// tenantSubscriptions is what the webhooks commands use for one tenant.
type tenantSubscriptions struct {
	program
	tenant string
	vennio *vennioclient.Client
	inbox  *webhooks.Inbox
	cfg    config.Config // of the tenant
	gone   bool          // the settings have no key for the tenant, but subscriptions are stored; vennio is nil
	others []string      // the names of all other tenants; that of the default one is empty
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
		RunE: p.withSubscriptions(func(ctx context.Context, h tenantSubscriptions, _ []string) error {
			return h.register(ctx, url, kinds)
		}),
	}
	textFlag(c, &url, "url", "url", "where Vennio reaches vennio-mcp serve: https, or http on loopback; its path is usually "+webhooks.Path+", with /NAME of a tenant (default: that, at VENNIO_MCP_PUBLIC_URL)")
	textFlag(c, &kinds, "events", "list", "types with commas between; * stands for anything: booking.* (default: all that Vennio documents)")
	return c
}

// withSubscriptions runs a command for the tenant that the command line names, or for all, one after the
// other.
func (p program) withSubscriptions(do func(context.Context, tenantSubscriptions, []string) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		cfg, err := p.config(c)
		if err != nil {
			return err
		}
		if commandStore(cfg) == "" {
			return fmt.Errorf("the secret cannot be kept: %w", sqldb.ErrNoFolder)
		}
		db := sqldb.Open(commandStore(cfg))
		defer func() { _ = db.Close() }()
		in, err := p.openWebhooks(cfg, db)
		if err != nil {
			return err
		}
		chosen, err := selectTenants(c, cfg, in)
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

// register checks first whether the secret can be stored, because Vennio shows it only once.
func (h tenantSubscriptions) register(ctx context.Context, url, kinds string) error {
	if url == "" && h.cfg.Serve.PublicURL != "" {
		url = h.cfg.Serve.PublicURL + webhooks.PathOf(h.tenant)
	}
	types, err := selectTypes(kinds, h.cfg.Dialect)
	switch {
	case h.gone:
		return usageError{errors.New("the settings have no key for this tenant: nothing can be subscribed for it")}
	case url == "":
		return usageError{errors.New("give the address at which Vennio reaches vennio-mcp serve: --url https://your.host" + webhooks.PathOf(h.tenant))}
	case err != nil:
		return err
	case h.isOtherTenants(url):
		return usageError{fmt.Errorf("--url %s: this address receives another tenant's events; give https://your.host%s", sanitize.Line(url, 200), webhooks.PathOf(h.tenant))}
	case loopbackURL(url) && !loopbackURL(h.cfg.APIURL):
		return usageError{fmt.Errorf("--url %s: %s cannot reach this machine by that address; give the https address of a proxy or tunnel before vennio-mcp serve", sanitize.Line(url, 200), h.cfg.APIURL)}
	}
	before, err := h.inbox.Subscriptions(ctx)
	if err == nil {
		err = app.RetryWrite(func() error { return h.inbox.Unregister(ctx, "") }) // changes nothing, but needs the same lock as the write to come
	}
	if err != nil {
		return fmt.Errorf("nothing was done: the secret could not be kept: %w", err)
	}
	made, err := app.Subscribe(ctx, h.vennio, h.inbox, url, types)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(h.out, "Subscribed as %s: Vennio delivers %d types of event to %s\n", made.ID, len(types), sanitize.Line(made.URL, 200))
	_, _ = fmt.Fprintf(h.out, "The secret that signs them is kept in %s\n", h.storeName())
	h.printNextSteps(url, before)
	return nil
}

// isOtherTenants reports whether an address receives another tenant's events. It would refuse the
// signatures of this tenant's.
func (h tenantSubscriptions) isOtherTenants(raw string) bool {
	u, err := url.Parse(raw)
	return err == nil && slices.ContainsFunc(h.others, func(other string) bool { return strings.HasSuffix(u.Path, webhooks.PathOf(other)) })
}

// storeName names the store of the secrets for a person. It does not give the address of a database, which
// may contain a password.
func (h tenantSubscriptions) storeName() string {
	if h.cfg.DatabaseURL != "" {
		return "the database of VENNIO_MCP_DATABASE_URL"
	}
	return h.cfg.StateDir
}

// printNextSteps prints the commands that a person needs after registering.
func (h tenantSubscriptions) printNextSteps(url string, before []webhooks.Subscription) {
	_, _ = fmt.Fprintln(h.out, "\nNext")
	if address, err := serveAddress(url); err == nil {
		_, _ = fmt.Fprintf(h.out, "  vennio-mcp serve --addr %s   receives them\n", address)
	} else {
		_, _ = fmt.Fprintf(h.out, "  vennio-mcp serve            receives them at %s; let your proxy forward %s to it\n", webhooks.PathOf(h.tenant), sanitize.Line(url, 200))
	}
	_, _ = fmt.Fprintln(h.out, "  vennio-mcp doctor           checks whether they arrive")
	_, _ = fmt.Fprintf(h.out, "  vennio-mcp events list%s      shows them\n", forTenant(h.tenant))
	for _, old := range before {
		_, _ = fmt.Fprintf(h.out, "  vennio-mcp webhooks remove %s%s   ends the older subscription to %s, once this one works\n", old.ID, forTenant(h.tenant), sanitize.Line(old.URL, 200))
	}
}

// selectTypes returns the event types that a list of patterns selects. An empty list selects those that are
// documented for the dialect.
func selectTypes(kinds string, d vennioclient.Dialect) (types []string, err error) {
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
			return nil, usageError{fmt.Errorf("--events %s: there is no such type of event; the types are %s", sanitize.Quote(kind, 60), joinTypes(webhook.Types()))}
		}
	}
	slices.Sort(types)
	return slices.Compact(types), nil
}

func joinTypes(types []webhook.Type) string {
	names := make([]string, len(types))
	for i, t := range types {
		names[i] = string(t)
	}
	return strings.Join(names, ", ")
}

// subscriptionLine is a subscription as --json shows it. AtVennio and Here say where it is known. If it is
// not here, this machine lacks the secret that signs its events.
type subscriptionLine struct {
	Tenant   string    `json:"tenant,omitempty"` // absent for the default one
	ID       string    `json:"id"`
	URL      string    `json:"url"`
	Events   []string  `json:"events,omitempty"` // as Vennio lists them
	Created  time.Time `json:"created,omitzero"`
	AtVennio bool      `json:"at_vennio"`
	Here     bool      `json:"here"`
	NoKey    bool      `json:"no_key,omitempty"` // the settings have no key for the tenant: whether Vennio has it is not known
}

func (p program) listWebhooksCommand() *cobra.Command {
	var asJSON bool
	var c *cobra.Command
	c = &cobra.Command{
		Use: "list", Short: "List the subscriptions at Vennio and here", Args: noArguments,
		RunE: p.withSubscriptions(func(ctx context.Context, h tenantSubscriptions, _ []string) error {
			lines, err := h.list(ctx)
			if err != nil {
				return err
			}
			if !asJSON {
				return h.print(lines, allTenants(c))
			}
			return printLines(p, lines, func(l subscriptionLine) subscriptionLine { return l })
		}),
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON lines")
	return withAllTenants(c)
}

// list returns the subscriptions that Vennio lists, then those that only this machine knows.
func (h tenantSubscriptions) list(ctx context.Context) ([]subscriptionLine, error) {
	kept, err := h.inbox.Subscriptions(ctx)
	if err != nil {
		return nil, err
	}
	var listed []vennioclient.Webhook
	if !h.gone {
		if listed, err = app.ListSubscriptions(ctx, h.vennio, h.inbox); err != nil {
			return nil, err
		}
	}
	var lines []subscriptionLine
	for _, w := range listed {
		here := slices.ContainsFunc(kept, func(s webhooks.Subscription) bool { return s.ID == w.ID })
		lines = append(lines, subscriptionLine{h.tenant, w.ID, w.URL, w.Events, w.CreatedAt, true, here, false})
	}
	for _, s := range kept {
		if !slices.ContainsFunc(listed, func(w vennioclient.Webhook) bool { return w.ID == s.ID }) {
			lines = append(lines, subscriptionLine{Tenant: h.tenant, ID: s.ID, URL: s.URL, Created: s.Created, Here: true, NoKey: h.gone})
		}
	}
	return lines, nil
}

// print prints the subscriptions of one tenant, with its name in each line if named.
func (h tenantSubscriptions) print(lines []subscriptionLine, named bool) error {
	whose := ""
	if named {
		whose = fmt.Sprintf("%-16s ", cmp.Or(h.tenant, "-"))
	}
	if len(lines) == 0 {
		_, err := fmt.Fprintf(h.out, "%sNo subscriptions. To make one: vennio-mcp webhooks register%s --url https://your.host%s\n", whose, forTenant(h.tenant), webhooks.PathOf(h.tenant))
		return err
	}
	for _, l := range lines {
		how := "delivers to this server"
		switch {
		case !l.Here:
			how = "not made from here: its secret is not known"
		case l.NoKey:
			how = "kept here; the settings have no key for its tenant: set the key, or remove it"
		case !l.AtVennio:
			how = "GONE at Vennio: remove it, and register again"
		}
		_, _ = fmt.Fprintf(h.out, "%s%-28s  %s  %s\n", whose, sanitize.Line(l.ID, 60), sanitize.Line(l.URL, 120), how)
	}
	return nil
}

func (p program) removeWebhookCommand() *cobra.Command {
	return &cobra.Command{
		Use: "remove ID", Short: "End a subscription and delete its secret", Args: oneID("webhooks list"), ValidArgsFunction: p.completeInInbox(subscriptionIDs),
		RunE: p.withSubscriptions(func(ctx context.Context, h tenantSubscriptions, args []string) error { return h.remove(ctx, args[0]) }),
	}
}

// remove ends a subscription at Vennio first: if that fails, its secret is still needed.
func (h tenantSubscriptions) remove(ctx context.Context, id string) error {
	kept, err := h.inbox.Subscriptions(ctx)
	if err != nil {
		return err
	}
	here := slices.ContainsFunc(kept, func(s webhooks.Subscription) bool { return s.ID == id })
	if h.gone {
		return h.forget(ctx, id, here)
	}
	err = h.vennio.DeleteWebhook(ctx, app.NewIdempotencyKey(), id)
	gone := vennioclient.KindOf(err) == vennioclient.KindNotFound
	switch {
	case gone && !here:
		return h.unknown(id)
	case err != nil && !gone:
		return fmt.Errorf("the subscription is unchanged, as far as is known: %w%s", err, app.NextStep(err))
	}
	if err := h.inbox.Unregister(ctx, id); err != nil {
		return fmt.Errorf("ended at Vennio, but not deleted here; run this again: %w", err)
	}
	_, err = fmt.Fprintf(h.out, "Ended: %s\n", sanitize.Line(id, 60))
	return err
}

// forget deletes the secret of a subscription here, which is all that is possible without the tenant's key.
func (h tenantSubscriptions) forget(ctx context.Context, id string, here bool) error {
	if !here {
		return h.unknown(id)
	}
	if err := h.inbox.Unregister(ctx, id); err != nil {
		return err
	}
	_, err := fmt.Fprintf(h.out, "Deleted here: %s. Vennio was NOT informed, since the settings have no key for its tenant: end it in that account, or Vennio continues to deliver.\n", sanitize.Line(id, 60))
	return err
}

func (h tenantSubscriptions) unknown(id string) error {
	return usageError{fmt.Errorf("there is no subscription %s; vennio-mcp webhooks list%s shows what there is", sanitize.Quote(id, 60), forTenant(h.tenant))}
}

// serveAddress returns the address at which serve listens for a URL on loopback.
func serveAddress(raw string) (string, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return "", err
	}
	addr, err := netip.ParseAddrPort(u.Host)
	if err != nil || u.Scheme != "http" {
		return "", fmt.Errorf("%s is not on loopback: %w", u.Host, err)
	}
	return addr.String(), nil
}

func loopbackURL(raw string) bool {
	u, err := url.Parse(raw)
	return err == nil && auth.LoopbackHost(u.Hostname())
}

// selectTenants returns the tenants that a command line selects: the one that it names, the default one, or
// all. It includes a tenant that the settings no longer have, or for which they have no key, as long as
// subscriptions are stored for it.
func selectTenants(c *cobra.Command, cfg config.Config, in *webhooks.Service) (chosen []tenantSubscriptions, err error) {
	kept, err := in.SubscribedTenants(c.Context())
	if err != nil {
		return nil, err
	}
	named := []string{tenantIn(c)}
	if allTenants(c) {
		named = allWithKey(cfg, kept)
	}
	for _, name := range named {
		own, ok := cfg.Of(name)
		if gone := !ok || own.Sandbox(); gone && slices.Contains(kept, name) {
			chosen = append(chosen, tenantSubscriptions{tenant: name, cfg: cfg, gone: true})
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
		chosen = append(chosen, tenantSubscriptions{tenant: name, cfg: own, others: othersThan(name, cfg)})
	}
	if len(chosen) == 0 {
		return nil, errNoVennio
	}
	return chosen, nil
}

// allWithKey returns the names of all tenants that have a key, and of those that have stored subscriptions.
func allWithKey(cfg config.Config, kept []string) (named []string) {
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

var errNoVennio = usageError{errors.New("there is no Vennio account to subscribe with: set VENNIO_API_KEY (without it, vennio-mcp serve receives the events of its built-in sandbox by itself)")}

// othersThan returns the names of all tenants except one, the default one included.
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
