package main

import (
	"github.com/spf13/cobra"

	"github.com/vennio-mcp/vennio-mcp/internal/config"
	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/internal/webhooks"
)

const eventsAbout = `Shows the events that Vennio sent by webhook, and the deliveries to sinks that follow
from them. vennio-mcp serve executes replayed and retried follow-ups: at once if it
runs on the same state folder, otherwise when it starts.`

func (p program) eventsCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "events", Short: "List, show and replay webhook events; manage dead letters", Long: eventsAbout,
	}
	c.PersistentFlags().Bool("json", false, "print JSON lines")
	addTenantFlag(c.PersistentFlags())
	c.AddCommand(p.listEventsCommand(), p.showEventCommand(), p.replayCommand(), p.deadCommand(), p.retryCommand(), p.dropCommand())
	return c
}

// withInbox runs a command on the inbox of the tenant that is named.
func (p program) withInbox(do func(*cobra.Command, *webhooks.Inbox, []string) error) func(*cobra.Command, []string) error {
	return p.withInboxes(func(c *cobra.Command, all *webhooks.Service, args []string) error {
		return do(c, all.Of(tenantIn(c)), args)
	})
}

// withInboxes runs a command that can mean those of all tenants.
func (p program) withInboxes(do func(*cobra.Command, *webhooks.Service, []string) error) func(*cobra.Command, []string) error {
	return p.withStore(func(c *cobra.Command, cfg config.Config, db *sqldb.DB, args []string) error {
		in, err := p.openWebhooks(cfg, db)
		if err != nil {
			return err
		}
		if err := inboxHas(c.Context(), cfg, in, tenantIn(c)); err != nil {
			return err
		}
		return do(c, in, args)
	})
}

// openWebhooks opens the webhook events of all tenants for a command.
func (p program) openWebhooks(cfg config.Config, db *sqldb.DB) (*webhooks.Service, error) {
	return p.appOptions(cfg).OpenWebhooks(cfg, db, webhooks.Options{Ledger: consent.New(db, p.now)})
}
