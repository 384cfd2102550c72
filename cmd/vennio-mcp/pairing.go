package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/vennio-mcp/vennio-mcp/internal/app"
	"github.com/vennio-mcp/vennio-mcp/internal/approval"
	"github.com/vennio-mcp/vennio-mcp/internal/config"
	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
)

const linkAbout = `Prints a link that pairs the browser in which it is opened, once and for ten minutes. In a paired
browser you approve and decline what assistants want to write, and see all requests and upcoming bookings.

The link is a secret between you and your browser: the command needs a terminal, and no assistant may see
the link. Without VENNIO_MCP_PUBLIC_URL the pages are served on this machine until Ctrl-C.`

func (p program) linkCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "link", Short: "Pair a browser in which to approve, and show all requests there", Long: linkAbout, Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := p.config(c)
			if err != nil {
				return err
			}
			if err := p.pairable(c, cfg); err != nil {
				return err
			}
			return p.link(c, cfg, tenantIn(c))
		},
	}
	addTenantFlag(c.Flags())
	return c
}

// pairable returns an error if the link could reach somebody else, or no store can keep it.
func (p program) pairable(c *cobra.Command, cfg config.Config) error {
	if _, ok := cfg.Of(tenantIn(c)); !ok {
		return noTenant(cfg, tenantIn(c))
	}
	switch {
	case !p.onTerminal():
		return usageError{errors.New("the link is for a person: run this in a terminal, with neither input nor output redirected")}
	case cfg.Store() == "":
		return sqldb.ErrNoFolder
	}
	return nil
}

func (p program) link(c *cobra.Command, cfg config.Config, tenant string) error {
	ctx := c.Context()
	l, settling, done, err := p.approvalLinks(ctx, cfg)
	if err != nil {
		return err
	}
	defer done()
	// The policy of this terminal may be weaker than that of the server that asked. The person has a paired
	// browser here, so the strictest policy always applies.
	l.Pages.PolicyOf = func(string) consent.Policy { return consent.PolicyHuman }
	if cfg.Serve.PublicURL != "" {
		l.SetBase(cfg.Serve.PublicURL)
	}
	address, err := l.Pairing(ctx, tenant, "")
	if err != nil {
		return err
	}
	if cfg.Serve.PublicURL != "" {
		_, err = fmt.Fprintf(p.out, "Open this in your browser, once, within %s:\n%s\n", app.LinkLife, address)
		return err
	}
	_, _ = fmt.Fprintf(p.out, "Open this in your browser, once, within %s:\n%s\nThe pages are served until you press Ctrl-C.\n", app.LinkLife, address)
	defer settling()()
	<-ctx.Done()
	return nil
}

// approvalLinks returns links to pages on the store that servers use. With a key this process executes what
// is approved. Without one, for example if only a client's settings name it, a running server does within
// half a minute.
func (p program) approvalLinks(ctx context.Context, cfg config.Config) (l *app.Links, settling func() (stop func()), done func(), err error) {
	if cfg.Real() {
		a, err := app.New(ctx, cfg, p.appOptions(cfg))
		if err != nil {
			return nil, nil, nil, err
		}
		return a.Links, func() func() { return a.Settle(ctx) }, a.Close, nil
	}
	db := sqldb.Open(cfg.Store())
	pages := approval.New(consent.New(db, p.now))
	pages.Pairings = approval.NewPairings(db, p.clock())
	l = &app.Links{Pages: pages}
	done = func() {
		l.Close()
		_ = db.Close()
	}
	return l, func() func() { return func() {} }, done, nil
}

// browserLine is a paired browser as --json shows it.
type browserLine struct {
	Tenant  string    `json:"tenant,omitempty"` // absent for the default one
	ID      string    `json:"id"`
	Name    string    `json:"name"` // of the person, as they gave it
	Paired  time.Time `json:"paired"`
	Expires time.Time `json:"expires"`
	Subject string    `json:"subject,omitempty"` // the sub with which the person signed in; absent for a link
}

func (p program) browsersCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use: "browsers", Short: "List the paired browsers", Args: noArguments,
		RunE: p.withStore(func(c *cobra.Command, cfg config.Config, db *sqldb.DB, _ []string) error {
			if _, ok := cfg.Of(tenantIn(c)); !ok {
				return noTenant(cfg, tenantIn(c))
			}
			all, err := approval.NewPairings(db, p.clock()).Browsers(c.Context(), tenantIn(c))
			if err != nil {
				return err
			}
			if asJSON {
				for _, b := range all {
					if err := p.printLine(browserLine{tenantIn(c), b.ID, b.Name, b.At, b.Expires, b.Subject}); err != nil {
						return err
					}
				}
				return nil
			}
			if len(all) == 0 {
				_, err := fmt.Fprintln(p.out, "No browser is paired. To pair one: vennio-mcp approvals link"+forTenant(tenantIn(c)))
				return err
			}
			for _, b := range all {
				how := "by a link"
				if b.Subject != "" {
					how = "signed in as " + sanitize.Quote(b.Subject, 100)
				}
				_, _ = fmt.Fprintf(p.out, "%s  %s  paired %s, until %s, %s\n", b.ID, sanitize.Quote(b.Name, 100), b.At.Format(time.DateOnly), b.Expires.Format(time.DateOnly), how)
			}
			return nil
		}),
	}
	addTenantFlag(c.Flags())
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON lines")
	return c
}

func (p program) unpairCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "unpair ID", Short: "End the pairing of a browser", Args: oneID("approvals browsers"), ValidArgsFunction: p.completeIDs(p.browserIDs),
		RunE: p.withStore(func(c *cobra.Command, _ config.Config, db *sqldb.DB, args []string) error {
			err := approval.NewPairings(db, p.clock()).Revoke(c.Context(), tenantIn(c), args[0])
			if errors.Is(err, approval.ErrNoPairing) {
				return usageError{fmt.Errorf("no paired browser has the id %s; vennio-mcp approvals browsers%s lists them", sanitize.Quote(args[0], 40), forTenant(tenantIn(c)))}
			}
			if err == nil {
				_, err = fmt.Fprintf(p.out, "Browser %s is no longer paired.\n", args[0])
			}
			return err
		}),
	}
	addTenantFlag(c.Flags())
	return c
}
