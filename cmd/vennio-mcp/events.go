package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/vennio-mcp/vennio-mcp/internal/config"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
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

// withInbox runs a command on the events of the tenant that the command line names.
func (p program) withInbox(do func(*cobra.Command, *webhooks.Inbox, []string) error) func(*cobra.Command, []string) error {
	return p.withInboxes(func(c *cobra.Command, all *webhooks.Service, args []string) error {
		return do(c, all.Of(tenantIn(c)), args)
	})
}

// withInboxes runs a command that may select the events of all tenants.
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
	return p.appOptions(cfg).OpenWebhooks(cfg, db, webhooks.Options{Ledger: p.ledger(cfg, db)})
}

// eventLine is an event as --json shows it; instants are RFC 3339 in UTC.
type eventLine struct {
	Tenant    string          `json:"tenant,omitempty"` // absent for the default one
	ID        string          `json:"id"`
	Type      string          `json:"type"`
	At        time.Time       `json:"at,omitzero"` // absent if Vennio sent none
	Received  time.Time       `json:"received"`
	Booking   string          `json:"booking,omitempty"`
	Erased    time.Time       `json:"erased,omitzero"` // when the body was erased, together with a person's data
	Body      json.RawMessage `json:"body,omitempty"`
	FollowUps []taskLine      `json:"follow_ups,omitempty"`
}

// taskLine is a follow-up as --json shows it.
type taskLine struct {
	ID     int64     `json:"id"`
	Tenant string    `json:"tenant,omitempty"`
	Event  string    `json:"event"`
	To     string    `json:"to"`
	State  string    `json:"state"`
	Tries  int       `json:"tries"`
	Next   time.Time `json:"next,omitzero"`
	Ended  time.Time `json:"ended,omitzero"`
	Why    string    `json:"why,omitempty"`
}

func (p program) listEventsCommand() *cobra.Command {
	limit := 50
	var wanted webhooks.EventFilter
	c := &cobra.Command{
		Use: "list", Short: "List events, the newest first", Args: noArguments,
		RunE: p.withInboxes(func(c *cobra.Command, in *webhooks.Service, _ []string) error {
			wanted.Limit = limit
			list := in.Of(tenantIn(c)).List
			if allTenants(c) {
				list = in.List
			}
			found, err := list(c.Context(), wanted)
			if err != nil {
				return err
			}
			return p.printEvents(c, found)
		}),
	}
	p.eventsFlags(c, &wanted)
	numberFlag(c, &limit, "limit", 0, 1_000_000, "how many to list at most; 0: all")
	return withAllTenants(c)
}

func (p program) printEvents(c *cobra.Command, found []webhooks.Event) error {
	if asJSON(c) {
		return printLines(p, found, eventLineOf)
	}
	if len(found) == 0 {
		nothing := "No events."
		if cfg, err := p.config(c); err == nil && isSandboxStore(cfg, commandStore(cfg)) {
			nothing += " (The sandbox's events are received while vennio-mcp serve runs without VENNIO_API_KEY.)"
		}
		_, err := fmt.Fprintln(p.out, nothing)
		return err
	}
	for _, e := range found {
		_, _ = fmt.Fprintf(p.out, "%s  %s%-24s %-36s %s\n", e.Received.Format(time.RFC3339), column(c, e.Tenant), sanitize.Line(e.Type, 40), e.ID, sanitize.Line(e.Booking, 80))
	}
	return nil
}

// column returns the column with the tenant, if several are shown.
func column(c *cobra.Command, tenant string) string {
	if !allTenants(c) {
		return ""
	}
	return fmt.Sprintf("%-16s ", cmp.Or(tenant, "-"))
}

func (p program) showEventCommand() *cobra.Command {
	return &cobra.Command{
		Use: "show ID", Short: "Show an event as it was received, and its follow-ups", Args: oneID("events list"), ValidArgsFunction: p.completeInInbox(eventIDs),
		RunE: p.withInbox(func(c *cobra.Command, in *webhooks.Inbox, args []string) error {
			e, tasks, err := in.Show(c.Context(), args[0])
			if err != nil {
				return unknownEvent(err, args[0])
			}
			if asJSON(c) {
				line := eventLineOf(e)
				line.Body = e.Body // empty after it was erased
				for _, t := range tasks {
					line.FollowUps = append(line.FollowUps, taskLineOf(t))
				}
				return p.printLine(line)
			}
			_, _ = fmt.Fprintf(p.out, "%s\n  type      %s\n  received  %s\n", e.ID, sanitize.Line(e.Type, 100), e.Received.Format(time.RFC3339))
			if !e.Erased.IsZero() {
				_, _ = fmt.Fprintf(p.out, "  erased    %s, together with a person's data\n", e.Erased.Format(time.RFC3339))
			}
			for _, t := range tasks {
				_, _ = fmt.Fprintf(p.out, "  %-9s %s, %d tries%s\n", t.Task.To, t.State, t.Tries, because(t.Why))
			}
			_, err = fmt.Fprintf(p.out, "%s\n", sanitize.Block(string(e.Body), 1<<20))
			return err
		}),
	}
}

// eventsFlags adds the flags that select events.
func (p program) eventsFlags(c *cobra.Command, w *webhooks.EventFilter) {
	textFlag(c, &w.Type, "type", "type", "events of this type; * matches anything, as in booking.*")
	p.momentFlag(c, &w.Since, "since", "events received since")
	p.momentFlag(c, &w.Until, "until", "events received before")
}

func eventLineOf(e webhooks.Event) eventLine {
	return eventLine{Tenant: e.Tenant, ID: e.ID, Type: e.Type, At: e.At, Received: e.Received, Booking: e.Booking, Erased: e.Erased}
}

func taskLineOf(r webhooks.TaskRecord) taskLine {
	line := taskLine{ID: r.ID, Tenant: r.Task.Tenant, Event: r.Task.Event, To: r.Task.To, State: string(r.State), Tries: r.Tries, Ended: r.Ended, Why: r.Why}
	if r.State == webhooks.Waiting {
		line.Next = r.Next
	}
	return line
}

func because(why string) string {
	if why == "" {
		return ""
	}
	return ": " + sanitize.Mask(sanitize.Line(why, 200))
}

func unknownEvent(err error, id string) error {
	if errors.Is(err, webhooks.ErrNoEvent) {
		return usageError{fmt.Errorf("there is no event %s; vennio-mcp events list shows what there is", sanitize.Quote(id, 80))}
	}
	return err
}

func asJSON(c *cobra.Command) bool {
	yes, _ := c.Flags().GetBool("json")
	return yes
}

func (p program) printLine(v any) error {
	enc := json.NewEncoder(p.out)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// printLines prints a JSON line for each element.
func printLines[T, L any](p program, all []T, lineOf func(T) L) error {
	for _, one := range all {
		if err := p.printLine(lineOf(one)); err != nil {
			return err
		}
	}
	return nil
}

// replayed is the result of a replay as --json shows it.
type replayed struct {
	Events    int  `json:"events"`
	FollowUps int  `json:"follow_ups"`
	NoSink    bool `json:"no_sink,omitempty"` // the tenant has no sink
}

// replay selects events whose follow-ups are executed again, and the sink.
type replay struct {
	id, sink string
	wanted   webhooks.EventFilter
}

func (p program) replayCommand() *cobra.Command {
	var r replay
	c := &cobra.Command{
		Use: "replay", Short: "Execute the follow-ups of events again: by id, type or time", Args: noArguments,
		RunE: p.withInbox(func(c *cobra.Command, in *webhooks.Inbox, _ []string) error {
			done, err := p.replay(c.Context(), in, r)
			if errors.Is(err, webhooks.ErrNoSink) {
				return usageError{fmt.Errorf("%w; sinks are set in the settings file (VENNIO_MCP_SETTINGS)", err)}
			}
			if err != nil {
				return unknownEvent(err, r.id)
			}
			if done.NoSink = !in.HasSinks(); asJSON(c) {
				return p.printLine(done)
			}
			_, _ = fmt.Fprintf(p.out, "Events: %d. Follow-ups queued: %d; vennio-mcp serve executes them.\n", done.Events, done.FollowUps)
			if done.NoSink {
				_, _ = fmt.Fprintln(p.out, "No sink is configured for this tenant, so nothing is sent to other programs: name sinks in the settings file (VENNIO_MCP_SETTINGS; docs/events.md).")
			}
			return nil
		}),
	}
	textFlag(c, &r.id, "id", "id", "one event")
	p.eventsFlags(c, &r.wanted)
	textFlag(c, &r.sink, "sink", "name", "send to this sink only (default: all sinks of the event's type)")
	_ = c.RegisterFlagCompletionFunc("id", p.completeInInbox(eventIDs))
	return c
}

func (p program) replay(ctx context.Context, in *webhooks.Inbox, r replay) (done replayed, err error) {
	switch selected := r.wanted != (webhooks.EventFilter{}); {
	case r.id == "" && !selected:
		return done, usageError{errors.New("choose events with --id, --type, --since or --until")}
	case r.id != "" && selected:
		return done, usageError{errors.New("--id names one event: omit --type, --since and --until")}
	case r.id != "":
		done.FollowUps, err = in.ReplayOne(ctx, r.id, r.sink)
		done.Events = 1
		return done, err
	}
	done.Events, done.FollowUps, err = in.Replay(ctx, r.wanted, r.sink)
	return done, err
}

func (p program) deadCommand() *cobra.Command {
	return withAllTenants(&cobra.Command{
		Use: "dead", Short: "List the follow-ups that failed permanently, the oldest first", Args: noArguments,
		RunE: p.withInboxes(func(c *cobra.Command, in *webhooks.Service, _ []string) error {
			list := in.Of(tenantIn(c)).DeadLetters
			if allTenants(c) {
				list = in.DeadLetters
			}
			dead, err := list(c.Context())
			if err != nil {
				return err
			}
			if asJSON(c) {
				return printLines(p, dead, taskLineOf)
			}
			if len(dead) == 0 {
				_, err := fmt.Fprintln(p.out, "No dead letters.")
				return err
			}
			for _, d := range dead {
				_, _ = fmt.Fprintf(p.out, "%6d  %s%-16s %-36s %d tries%s\n", d.ID, column(c, d.Task.Tenant), d.Task.To, sanitize.Line(d.Task.Event, 80), d.Tries, because(d.Why))
			}
			return nil
		}),
	})
}

func (p program) retryCommand() *cobra.Command {
	var all bool
	c := &cobra.Command{
		Use: "retry ID", Short: "Try a dead letter again, or with --all every one", ValidArgsFunction: p.completeInInbox(deadLetterIDs),
		Args: func(c *cobra.Command, args []string) error {
			if all && len(args) == 0 {
				return nil
			}
			return oneID("events dead")(c, args)
		},
		RunE: p.withInbox(func(c *cobra.Command, in *webhooks.Inbox, args []string) error {
			if !all {
				return p.onDeadLetter(c, args[0], in.Retry, "retried", "Queued again")
			}
			dead, err := in.DeadLetters(c.Context())
			if err != nil {
				return err
			}
			n := 0
			for _, d := range dead {
				switch err := in.Retry(c.Context(), d.ID); {
				case errors.Is(err, webhooks.ErrNoDeadLetter): // another command retried or dropped it meanwhile
				case err != nil:
					return err
				default:
					n++
				}
			}
			if asJSON(c) {
				return p.printLine(map[string]int{"retried": n})
			}
			_, err = fmt.Fprintf(p.out, "Queued again: %d\n", n)
			return err
		}),
	}
	c.Flags().BoolVar(&all, "all", false, "every dead letter of the tenant")
	return c
}

func (p program) dropCommand() *cobra.Command {
	return &cobra.Command{
		Use: "drop ID", Short: "Delete a dead letter", Args: oneID("events dead"), ValidArgsFunction: p.completeInInbox(deadLetterIDs),
		RunE: p.withInbox(func(c *cobra.Command, in *webhooks.Inbox, args []string) error {
			return p.onDeadLetter(c, args[0], in.Drop, "dropped", "Dropped")
		}),
	}
}

// onDeadLetter changes one dead letter. key is the member of the result with --json, done its text without.
func (p program) onDeadLetter(c *cobra.Command, said string, do func(context.Context, int64) error, key, done string) error {
	id, err := strconv.ParseInt(said, 10, 64)
	if err == nil {
		err = do(c.Context(), id)
	} else {
		err = webhooks.ErrNoDeadLetter
	}
	if errors.Is(err, webhooks.ErrNoDeadLetter) {
		return usageError{fmt.Errorf("there is no dead letter %s; vennio-mcp events dead shows what there is", sanitize.Quote(said, 40))}
	}
	if err != nil {
		return err
	}
	if asJSON(c) {
		return p.printLine(map[string]int64{key: id})
	}
	_, err = fmt.Fprintf(p.out, "%s: %d\n", done, id)
	return err
}
