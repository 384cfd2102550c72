package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/vennio-mcp/vennio-mcp/internal/app"
	"github.com/vennio-mcp/vennio-mcp/internal/config"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/internal/webhooks"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/tools"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/sandbox"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/webhook"
)

const demoAbout = `Shows the whole job: this program starts itself as an MCP server, connects to it
with a real MCP client over HTTP, finds and books a slot in a sandbox of Vennio,
receives the event by webhook, moves the booking and cancels it. It needs no key and
no network. Every statement is checked: the exit code is 1 if one is not true.`

func (p program) demoCommand() *cobra.Command {
	polls := false
	c := &cobra.Command{
		Use: "demo", Short: "Show an agent that books, moves and cancels a meeting in the sandbox", Long: demoAbout, Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(c.Context(), time.Minute)
			defer cancel()
			d, err := p.newDemo(ctx)
			if err != nil {
				return err
			}
			defer d.close()
			if d.agent, err = p.startAgent(ctx, d.env); err != nil {
				return err
			}
			if polls {
				return d.playPolls(ctx)
			}
			return d.play(ctx)
		},
	}
	c.Flags().BoolVar(&polls, "polls", false, "show instead a poll that five people answer, and a link to a paid booking")
	return c
}

// demo is one run of the demo.
type demo struct {
	*transcript
	here    program // with the settings of the demo
	agent   *agent
	vennio  *app.Sandbox
	sink    *demoSink
	browser *demoBrowser
	state   string
	env     []string // the settings of the demo
	close   func()
}

// newDemo starts everything except the server and the agent.
func (p program) newDemo(ctx context.Context) (*demo, error) {
	d := &demo{transcript: &transcript{out: p.out, colour: p.coloured(p.out)}}
	state, err := os.MkdirTemp("", "vennio-mcp-demo") // the person's own ledger gets no invented entries
	if err != nil {
		return nil, err
	}
	d.state = state
	d.vennio, err = app.StartSandbox(ctx, "127.0.0.1:0", p.clock(), nil)
	if err == nil {
		d.sink, err = startDemoSink(ctx)
	}
	if err == nil {
		d.env, err = demoSettings(d.vennio, d.sink, state)
	}
	d.here = program{getenv: envLookup(d.env), in: strings.NewReader(""), out: new(bytes.Buffer), errs: p.errs, now: p.now}
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
			d.vennio.Close()
		}
		_ = os.RemoveAll(state)
	}
	if err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

// makeTables creates the tables before the server and the commands start, so that they do not wait for
// each other.
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
	if err := errors.Join(d.subscribe(ctx), d.pairBrowser(ctx)); err != nil {
		return err
	}
	found, err := d.findSlots(ctx)
	if err != nil {
		return err
	}
	scenes := []func(context.Context, []schemas.Slot) error{d.tryWithoutConsent, d.book, d.receiveEvent, d.repeatCall, d.loseSlot, d.reschedule, d.cancel}
	for _, scene := range scenes {
		if err := scene(ctx, found); err != nil {
			return fmt.Errorf("the demo failed: %w", err)
		}
	}
	d.title("All statements were checked. Next: vennio-mcp install connects your own client, and vennio-mcp setup a Vennio account (README.md).")
	return nil
}

// bookings returns the bookings of the demo at Vennio, without cancelled ones.
func (d *demo) bookings() (held []sandbox.Booking) {
	return slices.DeleteFunc(d.vennio.Bookings(), func(b sandbox.Booking) bool { return b.Status == "cancelled" })
}

func (d *demo) findSlots(ctx context.Context) ([]schemas.Slot, error) {
	d.personSays("Find half an hour with Alice for Ada, who is in New York.")
	found, err := call[schemas.FindSlotsResult](ctx, d.transcript, d.agent, "find_slots", schemas.FindSlotsInput{
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

func (d *demo) tryWithoutConsent(ctx context.Context, found []schemas.Slot) error {
	d.narrate("An agent claims a consent that nobody gave. Nothing is written.")
	claimed := meeting(found[1])
	claimed["consent"] = schemas.Consent{Granted: true, GivenBy: "Ada Byron", Statement: "Yes, book it."}
	got, err := call[schemas.AwaitingConsent](ctx, d.transcript, d.agent, "book_slot", claimed)
	if err != nil {
		return err
	}
	if got.Status != schemas.StatusAwaiting || len(d.bookings()) != 0 {
		return errors.New("a booking was made without consent")
	}
	return d.ok("nothing was written: Vennio holds %d bookings of ours", len(d.bookings()))
}

func (d *demo) book(ctx context.Context, found []schemas.Slot) error {
	d.personSays("The second one, please. Let me see the page.")
	asked, err := call[schemas.AwaitingConsent](ctx, d.transcript, d.agent, "book_slot", meeting(found[1]))
	if err != nil {
		return err
	}
	if asked.ApprovalURL == "" {
		return errNotAsked
	}
	if err := d.browser.approve(ctx, asked.ApprovalURL, "Booked"); err != nil {
		return err
	}
	held := d.bookings()
	if len(held) != 1 || held[0].Start.UTC().Format(time.RFC3339) != found[1].Start {
		return errors.New("the booking was not made")
	}
	return d.ok("the approval made the booking, at the time the person chose")
}

func (d *demo) repeatCall(ctx context.Context, found []schemas.Slot) error {
	d.narrate("The agent repeats the same call twice, as if the answer had been lost.")
	before := d.vennio.Writes()
	for range 2 {
		got, err := call[schemas.BookSlotResult](ctx, d.transcript, d.agent, "book_slot", meeting(found[1]))
		if err != nil {
			return err
		}
		if got.Error != nil || got.Status != "confirmed" || d.vennio.Writes() != before {
			return errors.New("the same call booked again")
		}
	}
	return d.ok("the same booking, not a second one: Vennio holds %d", len(d.bookings()))
}

func (d *demo) loseSlot(ctx context.Context, found []schemas.Slot) error {
	d.personSays("And the third one too, please.")
	asked, err := call[schemas.AwaitingConsent](ctx, d.transcript, d.agent, "book_slot", meeting(found[2]))
	if err != nil {
		return err
	}
	d.narrate("In the same second somebody else takes that time.")
	start, err1 := time.Parse(time.RFC3339, found[2].Start)
	end, err2 := time.Parse(time.RFC3339, found[2].End)
	if err := errors.Join(err1, err2, d.vennio.Take(aliceID(), start, end)); err != nil {
		return err
	}
	if err := d.browser.approve(ctx, asked.ApprovalURL, "Not booked"); err != nil {
		return err
	}
	got, err := call[schemas.BookSlotResult](ctx, d.transcript, d.agent, "book_slot", meeting(found[2]))
	if err != nil {
		return err
	}
	if got.Error == nil || got.Error.Code != schemas.CodeSlotTaken || len(got.Alternatives) == 0 {
		return errors.New("a taken slot came without alternatives")
	}
	return d.ok("nothing was double-booked, and %d other times came in the answer", len(got.Alternatives))
}

func meeting(s schemas.Slot) map[string]any {
	return map[string]any{
		"slot_id": s.SlotID, "title": "Analytical engines", "attendees": ada, "hosts": []string{"Alice"},
		"notes": strings.Join([]string{"Agenda:", "1. punched cards"}, "\n"), "consent": schemas.Consent{},
	}
}

// runCommand runs a command of this program with the settings of the demo, and shows it with the first
// paragraph of its output.
func (d *demo) runCommand(ctx context.Context, args ...string) (string, error) {
	out, errs, p := new(bytes.Buffer), new(bytes.Buffer), d.here
	p.out, p.errs = out, errs
	if p.run(ctx, args) != 0 {
		return "", fmt.Errorf("vennio-mcp %s: %s", strings.Join(args, " "), strings.TrimSpace(errs.String()))
	}
	printed, _, _ := strings.Cut(out.String(), "\n\n")
	d.showCommand(args, printed)
	return printed, nil
}

func (d *demo) subscribe(ctx context.Context) error {
	d.narrate("The operator of the server subscribes it to Vennio's events.")
	_, err := d.runCommand(ctx, "webhooks", "register", "--url", d.agent.url+webhooks.Path)
	return err
}

// receiveEvent shows that the event about the booking is stored and forwarded to a sink, and that an
// event without Vennio's signature is refused.
func (d *demo) receiveEvent(ctx context.Context, _ []schemas.Slot) error {
	d.narrate("Vennio sends the event by webhook. The server checks the signature, stores the event, and forwards it to a sink: here a CRM.")
	if err := d.awaitEvent(ctx, webhook.BookingCreated); err != nil {
		return err
	}
	listed, err := d.runCommand(ctx, "events", "list")
	if err != nil {
		return err
	}
	status, err := d.postForgedEvent(ctx)
	switch {
	case err != nil:
		return err
	case strings.Count(listed, d.bookings()[0].ID) != 1:
		return errors.New("the event is not in the inbox")
	case status != http.StatusUnauthorized:
		return fmt.Errorf("an event without Vennio's signature was answered with %d", status)
	}
	return d.ok("stored once and forwarded; an event without Vennio's signature is refused (%d)", status)
}

func (d *demo) awaitEvent(ctx context.Context, want webhook.Type) error {
	ctx, done := context.WithTimeout(ctx, 20*time.Second)
	defer done()
	select {
	case got := <-d.sink.events:
		d.showEvent(got.String())
		if got.Type != string(want) {
			return fmt.Errorf("the sink received %s, not %s", got.Type, want)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("the sink did not receive %s", want)
	}
}

// postForgedEvent posts an event that Vennio did not sign.
func (d *demo) postForgedEvent(ctx context.Context) (status int, err error) {
	forged := `{"id":"evt_forged","type":"booking.created","data":{}}`
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.agent.url+webhooks.Path, strings.NewReader(forged))
	if err != nil {
		return 0, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, resp.Body.Close()
}

func (d *demo) reschedule(ctx context.Context, _ []schemas.Slot) error {
	d.personSays("Ada cannot come that day. What is free after it?")
	old := d.bookings()[0]
	found, err := call[schemas.FindSlotsResult](ctx, d.transcript, d.agent, "find_slots", schemas.FindSlotsInput{
		RescheduleOf: old.ID, From: old.Start.AddDate(0, 0, 1).Format(time.DateOnly), Timezone: "Europe/London", Limit: 1,
	})
	if err != nil {
		return err
	}
	if len(found.Slots) != 1 {
		return errors.New("no other time was offered")
	}
	d.personSays("That one, please.")
	got, err := callApproved[schemas.ChangeResult](ctx, d, "reschedule_booking", schemas.RescheduleBookingInput{BookingID: old.ID, SlotID: found.Slots[0].SlotID}, "Moved")
	if err != nil {
		return err
	}
	if now := d.bookings(); got.Error != nil || len(now) != 1 || now[0].ID != old.ID || now[0].Start.Equal(old.Start) {
		return errors.New("the booking was not moved")
	}
	if err := d.awaitEvent(ctx, webhook.BookingUpdated); err != nil {
		return err
	}
	return d.ok("moved under a new consent, and the event was forwarded")
}

func (d *demo) cancel(ctx context.Context, _ []schemas.Slot) error {
	d.personSays("Now she is ill. Cancel it, please.")
	got, err := callApproved[schemas.ChangeResult](ctx, d, "cancel_booking", schemas.CancelBookingInput{BookingID: d.bookings()[0].ID}, "Cancelled")
	if err != nil {
		return err
	}
	if got.Error != nil || len(d.bookings()) != 0 {
		return errors.New("the booking was not cancelled")
	}
	if err := d.awaitEvent(ctx, webhook.BookingCancelled); err != nil {
		return err
	}
	if _, err := d.runCommand(ctx, "ledger", "verify"); err != nil {
		return err
	}
	return d.ok("cancelled, and every approval and refusal is on record")
}

// demoSink stands for another program that receives events.
type demoSink struct {
	url    string
	events chan sinkEvent
	close  func()
}

// sinkEvent is the part of an event that the demo shows (docs/events.md).
type sinkEvent struct {
	Type string `json:"type"`
	Data struct {
		Booking struct {
			Name   string    `json:"customer_name"`
			Start  time.Time `json:"start_time"`
			Status string    `json:"status"`
		} `json:"booking"`
	} `json:"data"`
}

func (e sinkEvent) String() string {
	b := e.Data.Booking
	return fmt.Sprintf("the CRM receives: %s, %s, %s, %s", e.Type, sanitize.Line(b.Name, 60), b.Start.UTC().Format("Mon 2 Jan 2006, 15:04 MST"), b.Status)
}

func startDemoSink(ctx context.Context) (*demoSink, error) {
	s := &demoSink{events: make(chan sinkEvent, 16)}
	var err error
	s.url, s.close, err = app.Listen(ctx, "127.0.0.1:0", s)
	return s, err
}

// ServeHTTP receives an event, and answers with the id of a record as a CRM would.
func (s *demoSink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var e sinkEvent
	if json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&e) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	s.events <- e
	_, _ = w.Write([]byte(`{"id":"4711"}`))
}

// demoSettings returns the settings of the demo, with all that this process inherited unset.
func demoSettings(vennio *app.Sandbox, sink *demoSink, state string) (env []string, err error) {
	for _, s := range config.Settings() {
		for _, name := range s.Env {
			env = append(env, name+"=")
		}
	}
	file := filepath.Join(state, "settings.yml")
	sinks := fmt.Sprintf("sinks: [{name: crm, type: http, url: %q, secret: demo, events: [booking.*]}]\n", sink.url)
	return append(env,
		"VENNIO_API_URL="+vennio.URL, "VENNIO_API_KEY="+sandbox.DefaultKey(), "VENNIO_HOSTS="+sandboxHostsSetting(), "VENNIO_MCP_SETTINGS="+file,
		"VENNIO_SIGNING_SECRET=only for the demonstration", "VENNIO_TIMEZONE=Europe/London", "VENNIO_CONSENT=human", "VENNIO_TOOLSETS="+strings.Join(tools.Toolsets(), ","), "VENNIO_STATE_DIR="+state), os.WriteFile(file, []byte(sinks), 0o600)
}

// envLookup returns a function that looks up variables in a list, of which the last entry wins, as os.Getenv does.
func envLookup(env []string) func(string) string {
	return func(name string) (value string) {
		for _, s := range env {
			if k, v, _ := strings.Cut(s, "="); k == name {
				value = v
			}
		}
		return value
	}
}

func aliceID() string { return sandbox.Hosts()[0].ID }

// sandboxHostsSetting returns the hosts of the sandbox in the form of VENNIO_HOSTS.
func sandboxHostsSetting() (list string) {
	for _, h := range sandbox.Hosts() {
		list += h.Name + "=" + h.ID + ","
	}
	return list
}
