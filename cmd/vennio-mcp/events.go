package main

import (
	"github.com/spf13/cobra"

	"github.com/vennio-mcp/vennio-mcp/internal/config"
	"github.com/vennio-mcp/vennio-mcp/internal/observe"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/internal/webhooks"
)

const eventsAbout = `Shows what Vennio told this machine by webhook, and what became of telling others.
Replayed and retried follow-ups are carried out by vennio-mcp serve, now if it runs
on the same state folder, else when it starts.`

func (p program) eventsCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "events", Short: "List, show and replay what Vennio told by webhook; see to dead letters", Long: eventsAbout,
	}
	c.PersistentFlags().Bool("json", false, "print JSON lines")
	addTenantFlag(c.PersistentFlags())
	c.AddCommand(p.listEventsCommand(), p.showEventCommand(), p.replayCommand(), p.deadCommand(), p.retryCommand(), p.dropCommand())
	return c
}

// withInbox runs a command on the inbox of the tenant that is named.
func (p program) withInbox(do func(*cobra.Command, *webhooks.Inbox, []string) error) func(*cobra.Command, []string) error {
	return p.withInboxes(func(c *cobra.Command, all *webhooks.Office, args []string) error {
		return do(c, all.Of(tenantIn(c)), args)
	})
}

// withInboxes runs a command that can mean those of all tenants.
func (p program) withInboxes(do func(*cobra.Command, *webhooks.Office, []string) error) func(*cobra.Command, []string) error {
	return p.withStore(func(c *cobra.Command, cfg config.Config, db *sqldb.DB, args []string) error {
		in, err := p.inbox(cfg, db, observe.Logger(p.errs, cfg.LogLevel, p.logFormat(cfg.LogFormat)))
		if err != nil {
			return err
		}
		if err := inboxHas(c.Context(), cfg, in, tenantIn(c)); err != nil {
			return err
		}
		return do(c, in, args)
	})
}
