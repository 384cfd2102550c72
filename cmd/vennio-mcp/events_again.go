package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/webhooks"
)

// replayed is what --json shows of a replay.
type replayed struct {
	Events    int  `json:"events"`
	FollowUps int  `json:"follow_ups"`
	NoSink    bool `json:"no_sink,omitempty"` // the tenant has no sink
}

// replay says which events are carried out again, and for whom.
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
	_ = c.RegisterFlagCompletionFunc("id", p.completeIDs(p.eventIDs))
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
		Use: "dead", Short: "List the follow-ups that failed for good, the oldest first", Args: noArguments,
		RunE: p.withInboxes(func(c *cobra.Command, in *webhooks.Service, _ []string) error {
			list := in.Of(tenantIn(c)).DeadLetters
			if allTenants(c) {
				list = in.DeadLetters
			}
			dead, err := list(c.Context())
			if err != nil {
				return err
			}
			if len(dead) == 0 && !asJSON(c) {
				_, err := fmt.Fprintln(p.out, "No dead letters.")
				return err
			}
			for _, d := range dead {
				if asJSON(c) {
					if err := p.printLine(taskLineOf(d)); err != nil {
						return err
					}
					continue
				}
				_, _ = fmt.Fprintf(p.out, "%6d  %s%-16s %-36s %d tries%s\n", d.ID, column(c, d.Task.Tenant), d.Task.To, sanitize.Line(d.Task.Event, 80), d.Tries, because(d.Why))
			}
			return nil
		}),
	})
}

func (p program) retryCommand() *cobra.Command {
	var all bool
	c := &cobra.Command{
		Use: "retry ID", Short: "Try a dead letter again, or with --all every one", ValidArgsFunction: p.completeIDs(p.deadLetterIDs),
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
				case errors.Is(err, webhooks.ErrNoDeadLetter): // somebody else saw to it meanwhile
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
		Use: "drop ID", Short: "Delete a dead letter", Args: oneID("events dead"), ValidArgsFunction: p.completeIDs(p.deadLetterIDs),
		RunE: p.withInbox(func(c *cobra.Command, in *webhooks.Inbox, args []string) error {
			return p.onDeadLetter(c, args[0], in.Drop, "dropped", "Dropped")
		}),
	}
}

// onDeadLetter does something to one dead letter. key is what --json calls it, done what a person reads.
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
