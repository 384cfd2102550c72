package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/vennio-mcp/vennio-mcp/schemas"
)

const demoAbout = `Plays the whole job: this program starts itself as an MCP server over stdio,
connects to it with a real MCP client, and finds and books a slot in a sandbox
of Vennio. Needs no key and no network. The exit code is 1 if anything is not
as it says.`

func (p program) demoCommand() *cobra.Command {
	return &cobra.Command{
		Use: "demo", Short: "Watch an agent find a slot and book it, in the sandbox", Long: demoAbout, Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(c.Context(), time.Minute)
			defer cancel()
			box, err := p.startSandbox(ctx, "127.0.0.1:0")
			if err != nil {
				return err
			}
			defer box.close()
			state, err := os.MkdirTemp("", "vennio-mcp-demo") // nothing made up enters the person's ledger
			if err != nil {
				return err
			}
			defer func() { _ = os.RemoveAll(state) }()
			agent, err := p.startAgent(ctx, box, state)
			if err != nil {
				return err
			}
			defer agent.close()
			d := &demo{stage: newStage(p.out, p.getenv), agent: agent, vennio: box}
			return d.play(ctx)
		},
	}
}

// demo is one performance.
type demo struct {
	*stage
	agent  *agent
	vennio *box
}

var ada = []schemas.Attendee{{Email: "ada@example.com", Name: "Ada Byron"}, {Email: "grace@example.com", Name: "Grace Hopper"}}

func (d *demo) play(ctx context.Context) error {
	d.title("vennio-mcp: an agent books a meeting, in a sandbox of Vennio")
	found, err := d.findsSlots(ctx)
	if err != nil {
		return err
	}
	scenes := []func(context.Context, []schemas.Slot) error{d.isRefused, d.books, d.repeats, d.losesASlot}
	for _, scene := range scenes {
		if err := scene(ctx, found); err != nil {
			return fmt.Errorf("the demo did not go as it says: %w", err)
		}
	}
	d.title("All as it says. Next: connect your own client, see README.md; or vennio-mcp --help.")
	return nil
}

func (d *demo) findsSlots(ctx context.Context) ([]schemas.Slot, error) {
	d.person("Find half an hour with Alice for Ada, who is in New York.")
	found, err := call[schemas.FindSlotsResult](ctx, d.stage, d.agent, "find_slots", schemas.FindSlotsInput{
		Participants: []schemas.HostRef{"Alice"}, DurationMinutes: 30, Timezone: "Europe/London", GuestTimezone: "America/New_York",
	})
	if err != nil {
		return nil, err
	}
	if len(found.Slots) != 3 {
		return nil, fmt.Errorf("want 3 slots, got %d", len(found.Slots))
	}
	return found.Slots, nil
}

func (d *demo) isRefused(ctx context.Context, found []schemas.Slot) error {
	d.narrate("The agent is hasty and books without asking.")
	got, err := call[schemas.BookSlotResult](ctx, d.stage, d.agent, "book_slot", meeting(found[1], nil))
	if err != nil {
		return err
	}
	if got.Error == nil || got.Error.Code != schemas.CodeConsentRequired || d.vennio.Writes() != 0 {
		return errors.New("a booking without consent was not refused")
	}
	return d.proved("nothing was written: Vennio holds %d bookings of ours", d.vennio.Writes())
}

func (d *demo) books(ctx context.Context, found []schemas.Slot) error {
	d.person("The second one. Yes, book it.")
	got, err := call[schemas.BookSlotResult](ctx, d.stage, d.agent, "book_slot", meeting(found[1], yes))
	if err != nil {
		return err
	}
	if got.Error != nil || got.Status != "confirmed" || got.Start != found[1].Start || d.vennio.Writes() != 1 {
		return errors.New("the booking was not made")
	}
	return d.proved("booked once, at the time the person chose")
}

func (d *demo) repeats(ctx context.Context, found []schemas.Slot) error {
	d.narrate("The answer got lost on the way; the agent repeats the same call.")
	before := d.vennio.Writes()
	got, err := call[schemas.BookSlotResult](ctx, d.stage, d.agent, "book_slot", meeting(found[1], yes))
	if err != nil {
		return err
	}
	if got.Error != nil || got.Status != "confirmed" || d.vennio.Writes() != before {
		return errors.New("the same call booked again")
	}
	return d.proved("the same booking, not a second one: Vennio holds %d", d.vennio.Writes())
}

func (d *demo) losesASlot(ctx context.Context, found []schemas.Slot) error {
	d.person("And the third one too, please.")
	d.narrate("In the same second somebody else takes that time.")
	start, err1 := time.Parse(time.RFC3339, found[2].Start)
	end, err2 := time.Parse(time.RFC3339, found[2].End)
	if err := errors.Join(err1, err2, d.vennio.Take(d.vennio.hostID(), start, end)); err != nil {
		return err
	}
	got, err := call[schemas.BookSlotResult](ctx, d.stage, d.agent, "book_slot", meeting(found[2], yes))
	if err != nil {
		return err
	}
	if got.Error == nil || got.Error.Code != schemas.CodeSlotTaken || len(got.Alternatives) == 0 {
		return errors.New("a taken slot came without alternatives")
	}
	return d.proved("nothing was double-booked, and %d other times came in the same answer", len(got.Alternatives))
}

var yes = &schemas.Consent{Granted: true, GivenBy: "Ada Byron", Statement: "Yes, book it."}

func meeting(s schemas.Slot, consent *schemas.Consent) map[string]any {
	call := map[string]any{
		"slot_id": s.SlotID, "title": "Analytical engines", "attendees": ada, "participants": []string{"Alice"},
		"notes": strings.Join([]string{"Agenda:", "1. punched cards"}, "\n"),
	}
	if consent != nil {
		call["consent"] = consent
	}
	return call
}
