package main

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/vennio-mcp/vennio-mcp/internal/app"
	"github.com/vennio-mcp/vennio-mcp/internal/auth"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/webhooks"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// hookLine is a subscription as --json shows it. AtVennio and Here say where it
// is known: one that is not here signs with a secret that this machine lacks.
type hookLine struct {
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
		RunE: p.withHooks(func(ctx context.Context, h hooks, _ []string) error {
			lines, err := h.list(ctx)
			if err != nil {
				return err
			}
			if !asJSON {
				return h.print(lines, allTenants(c))
			}
			for _, l := range lines {
				if err := p.printLine(l); err != nil {
					return err
				}
			}
			return nil
		}),
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON lines")
	return withAllTenants(c)
}

// list is what Vennio lists, then what only this machine knows of.
func (h hooks) list(ctx context.Context) ([]hookLine, error) {
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
	var lines []hookLine
	for _, w := range listed {
		here := slices.ContainsFunc(kept, func(s webhooks.Subscription) bool { return s.ID == w.ID })
		lines = append(lines, hookLine{h.tenant, w.ID, w.URL, w.Events, w.CreatedAt, true, here, false})
	}
	for _, s := range kept {
		if !slices.ContainsFunc(listed, func(w vennioclient.Webhook) bool { return w.ID == s.ID }) {
			lines = append(lines, hookLine{Tenant: h.tenant, ID: s.ID, URL: s.URL, Created: s.Created, Here: true, NoKey: h.gone})
		}
	}
	return lines, nil
}

// print tells of one tenant; named: by its name, since there are others.
func (h hooks) print(lines []hookLine, named bool) error {
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
			how = "kept here; the settings have no key for its tenant: remove it"
		case !l.AtVennio:
			how = "GONE at Vennio: remove it, and register again"
		}
		_, _ = fmt.Fprintf(h.out, "%s%-28s  %s  %s\n", whose, sanitize.Line(l.ID, 60), sanitize.Line(l.URL, 120), how)
	}
	return nil
}

func (p program) removeWebhookCommand() *cobra.Command {
	return &cobra.Command{
		Use: "remove ID", Short: "End a subscription and delete its secret", Args: oneID("webhooks list"), ValidArgsFunction: p.completeIDs(p.subscriptionIDs),
		RunE: p.withHooks(func(ctx context.Context, h hooks, args []string) error { return h.remove(ctx, args[0]) }),
	}
}

// remove ends a subscription at Vennio first: while that fails, its secret is
// still needed.
func (h hooks) remove(ctx context.Context, id string) error {
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

// forget is what can be done without the tenant's key.
func (h hooks) forget(ctx context.Context, id string, here bool) error {
	if !here {
		return h.unknown(id)
	}
	if err := h.inbox.Unregister(ctx, id); err != nil {
		return err
	}
	_, err := fmt.Fprintf(h.out, "Deleted here: %s. Vennio was NOT informed, since the settings have no key for its tenant: end it in that account, or Vennio continues to deliver.\n", sanitize.Line(id, 60))
	return err
}

func (h hooks) unknown(id string) error {
	return usageError{fmt.Errorf("there is no subscription %s; vennio-mcp webhooks list%s shows what there is", sanitize.Quote(id, 60), forTenant(h.tenant))}
}

// serveAddress is the address at which serve listens for a URL on loopback.
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
