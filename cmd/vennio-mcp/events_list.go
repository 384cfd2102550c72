package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/webhooks"
)

// eventLine is an event as --json shows it; instants are RFC 3339 in UTC.
type eventLine struct {
	Tenant    string          `json:"tenant,omitempty"` // absent for the default one
	ID        string          `json:"id"`
	Type      string          `json:"type"`
	At        *time.Time      `json:"at,omitempty"` // absent if Vennio does not say
	Received  time.Time       `json:"received"`
	Booking   string          `json:"booking,omitempty"`
	Erased    *time.Time      `json:"erased,omitempty"` // the body was, together with a person's data
	Body      json.RawMessage `json:"body,omitempty"`
	FollowUps []taskLine      `json:"follow_ups,omitempty"`
}

// taskLine is a follow-up as --json shows it.
type taskLine struct {
	ID     int64      `json:"id"`
	Tenant string     `json:"tenant,omitempty"`
	Event  string     `json:"event"`
	To     string     `json:"to"`
	State  string     `json:"state"`
	Tries  int        `json:"tries"`
	Next   *time.Time `json:"next,omitempty"`
	Ended  *time.Time `json:"ended,omitempty"`
	Why    string     `json:"why,omitempty"`
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
		for _, e := range found {
			if err := p.printLine(lineOf(e)); err != nil {
				return err
			}
		}
		return nil
	}
	if len(found) == 0 {
		nothing := "No events."
		if cfg, err := p.config(c); err == nil && !cfg.Real() {
			nothing += " (Without VENNIO_API_KEY, serve keeps its sandbox's events in memory, where this command does not see them.)"
		}
		_, err := fmt.Fprintln(p.out, nothing)
		return err
	}
	for _, e := range found {
		_, _ = fmt.Fprintf(p.out, "%s  %s%-24s %-36s %s\n", e.Received.Format(time.RFC3339), column(c, e.Tenant), sanitize.Line(e.Type, 40), e.ID, sanitize.Line(e.Booking, 80))
	}
	return nil
}

// column names the tenant where several are shown.
func column(c *cobra.Command, tenant string) string {
	if !allTenants(c) {
		return ""
	}
	return fmt.Sprintf("%-16s ", cmp.Or(tenant, "-"))
}

func (p program) showEventCommand() *cobra.Command {
	return &cobra.Command{
		Use: "show ID", Short: "Show an event as it was received, and its follow-ups", Args: oneID("events list"), ValidArgsFunction: p.completeIDs(p.eventIDs),
		RunE: p.withInbox(func(c *cobra.Command, in *webhooks.Inbox, args []string) error {
			e, tasks, err := in.Show(c.Context(), args[0])
			if err != nil {
				return unknownEvent(err, args[0])
			}
			if asJSON(c) {
				line := lineOf(e)
				line.Body = e.Body // none, once it was erased
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

// eventsFlags are the flags that choose events.
func (p program) eventsFlags(c *cobra.Command, w *webhooks.EventFilter) {
	textFlag(c, &w.Type, "type", "type", "events of this type; * matches anything, as in booking.*")
	p.momentFlag(c, &w.Since, "since", "events received since")
	p.momentFlag(c, &w.Until, "until", "events received before")
}

func lineOf(e webhooks.Event) eventLine {
	line := eventLine{Tenant: e.Tenant, ID: e.ID, Type: e.Type, Received: e.Received, Booking: e.Booking}
	if !e.At.IsZero() {
		line.At = new(e.At)
	}
	if !e.Erased.IsZero() {
		line.Erased = new(e.Erased)
	}
	return line
}

func taskLineOf(r webhooks.TaskRecord) taskLine {
	line := taskLine{ID: r.ID, Tenant: r.Task.Tenant, Event: r.Task.Event, To: r.Task.To, State: string(r.State), Tries: r.Tries, Why: r.Why}
	if r.State == webhooks.Waiting {
		line.Next = new(r.Next)
	}
	if !r.Ended.IsZero() {
		line.Ended = new(r.Ended)
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
