package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/internal/webhooks"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/sandbox"
)

const demoAbout = `Plays the whole job: this program starts itself as an MCP server, connects to it
with a real MCP client over HTTP, finds and books a slot in a sandbox of Vennio,
hears of it by webhook, moves it and cancels it. Needs no key and no network. The
exit code is 1 if anything is not as it says.`

func (p program) demoCommand() *cobra.Command {
	return &cobra.Command{
		Use: "demo", Short: "Watch an agent book, move and cancel a meeting, in the sandbox", Long: demoAbout, Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(c.Context(), time.Minute)
			defer cancel()
			d, err := p.setUp(ctx)
			if err != nil {
				return err
			}
			defer d.close()
			if d.agent, err = p.startAgent(ctx, d.env); err != nil {
				return err
			}
			return d.play(ctx)
		},
	}
}

// demo is one performance.
type demo struct {
	*stage
	here   program // with the settings of the demo
	agent  *agent
	vennio *box
	sink   *demoSink
	human  *demoPerson
	state  string
	env    []string // the settings of the demo
	close  func()
}

// setUp makes all but the server and the agent.
func (p program) setUp(ctx context.Context) (*demo, error) {
	d := &demo{stage: &stage{out: p.out, colour: p.coloured(p.out)}}
	state, err := os.MkdirTemp("", "vennio-mcp-demo") // nothing made up enters the person's ledger
	if err != nil {
		return nil, err
	}
	d.state = state
	d.close = func() { _ = os.RemoveAll(state) }
	d.vennio, err = p.startSandbox(ctx, "127.0.0.1:0")
	if err == nil {
		d.sink, err = startDemoSink(ctx)
	}
	if err == nil {
		d.env, err = demoSettings(d.vennio, d.sink, state)
	}
	d.here = program{getenv: settings(d.env), in: strings.NewReader(""), out: new(bytes.Buffer), errs: p.errs, now: p.now}
	if err == nil {
		err = makeTables(ctx, state)
	}
	d.close = func() {
		if d.agent != nil {
			d.agent.close()
		}
		if d.sink != nil {
			d.sink.close()
		}
		if d.vennio != nil {
			d.vennio.close()
		}
		_ = os.RemoveAll(state)
	}
	if err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

// makeTables spares the server and the commands beside it to wait for each other
// at the start.
func makeTables(ctx context.Context, state string) error {
	db := sqldb.Open(state)
	in, err := webhooks.Open(db, webhooks.Options{})
	if err == nil {
		_, err = in.DeadLetters(ctx)
	}
	return errors.Join(err, db.Close())
}

var ada = []schemas.Attendee{{Email: "ada@example.com", Name: "Ada Byron"}, {Email: "grace@example.com", Name: "Grace Hopper"}}

func (d *demo) play(ctx context.Context) error {
	d.title("vennio-mcp: an agent books a meeting, in a sandbox of Vennio. Nothing here is real.")
	if err := errors.Join(d.subscribes(ctx), d.pairs(ctx)); err != nil {
		return err
	}
	found, err := d.findsSlots(ctx)
	if err != nil {
		return err
	}
	scenes := []func(context.Context, []schemas.Slot) error{d.isRefused, d.books, d.hears, d.repeats, d.losesASlot, d.moves, d.cancels}
	for _, scene := range scenes {
		if err := scene(ctx, found); err != nil {
			return fmt.Errorf("the demo did not go as it says: %w", err)
		}
	}
	d.title("All as it says. Next: connect your own client, see README.md; or vennio-mcp --help.")
	return nil
}

// held are the bookings that Vennio holds of ours, cancelled ones left out.
func (d *demo) held() (held []sandbox.Booking) {
	return slices.DeleteFunc(d.vennio.Bookings(), func(b sandbox.Booking) bool { return b.Status == "cancelled" })
}

func (d *demo) findsSlots(ctx context.Context) ([]schemas.Slot, error) {
	d.person("Find half an hour with Alice for Ada, who is in New York.")
	found, err := call[schemas.FindSlotsResult](ctx, d.stage, d.agent, "find_slots", schemas.FindSlotsInput{
		Hosts: []schemas.HostRef{"Alice"}, DurationMinutes: 30, Timezone: "Europe/London", GuestTimezone: "America/New_York",
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
	d.narrate("An agent that claims a consent which nobody gave gets nowhere.")
	claimed := meeting(found[1])
	claimed["consent"] = schemas.Consent{Granted: true, GivenBy: "Ada Byron", Statement: "Yes, book it."}
	got, err := call[schemas.AwaitingConsent](ctx, d.stage, d.agent, "book_slot", claimed)
	if err != nil {
		return err
	}
	if got.Status != schemas.StatusAwaiting || len(d.held()) != 0 {
		return errors.New("a booking was made without consent")
	}
	return d.proved("nothing was written: Vennio holds %d bookings of ours", len(d.held()))
}

func (d *demo) books(ctx context.Context, found []schemas.Slot) error {
	d.person("The second one, please. Let me see the page.")
	asked, err := call[schemas.AwaitingConsent](ctx, d.stage, d.agent, "book_slot", meeting(found[1]))
	if err != nil {
		return err
	}
	if asked.ApprovalURL == "" {
		return errNobodyAsked
	}
	if err := d.human.approves(ctx, asked.ApprovalURL, "Booked"); err != nil {
		return err
	}
	held := d.held()
	if len(held) != 1 || held[0].Start.UTC().Format(time.RFC3339) != found[1].Start {
		return errors.New("the booking was not made")
	}
	return d.proved("the approval made the booking, at the time the person chose")
}

func (d *demo) repeats(ctx context.Context, found []schemas.Slot) error {
	d.narrate("The agent makes the same call again, and once more, since the answer got lost on the way.")
	before := d.vennio.Writes()
	for range 2 {
		got, err := call[schemas.BookSlotResult](ctx, d.stage, d.agent, "book_slot", meeting(found[1]))
		if err != nil {
			return err
		}
		if got.Error != nil || got.Status != "confirmed" || d.vennio.Writes() != before {
			return errors.New("the same call booked again")
		}
	}
	return d.proved("the same booking, not a second one: Vennio holds %d", len(d.held()))
}

func (d *demo) losesASlot(ctx context.Context, found []schemas.Slot) error {
	d.person("And the third one too, please.")
	asked, err := call[schemas.AwaitingConsent](ctx, d.stage, d.agent, "book_slot", meeting(found[2]))
	if err != nil {
		return err
	}
	d.narrate("In the same second somebody else takes that time.")
	start, err1 := time.Parse(time.RFC3339, found[2].Start)
	end, err2 := time.Parse(time.RFC3339, found[2].End)
	if err := errors.Join(err1, err2, d.vennio.Take(d.vennio.hostID(), start, end)); err != nil {
		return err
	}
	if err := d.human.approves(ctx, asked.ApprovalURL, "Not booked"); err != nil {
		return err
	}
	got, err := call[schemas.BookSlotResult](ctx, d.stage, d.agent, "book_slot", meeting(found[2]))
	if err != nil {
		return err
	}
	if got.Error == nil || got.Error.Code != schemas.CodeSlotTaken || len(got.Alternatives) == 0 {
		return errors.New("a taken slot came without alternatives")
	}
	return d.proved("nothing was double-booked, and %d other times came in the answer", len(got.Alternatives))
}

func meeting(s schemas.Slot) map[string]any {
	return map[string]any{
		"slot_id": s.SlotID, "title": "Analytical engines", "attendees": ada, "hosts": []string{"Alice"},
		"notes": strings.Join([]string{"Agenda:", "1. punched cards"}, "\n"), "consent": schemas.Consent{},
	}
}
