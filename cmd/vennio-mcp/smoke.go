package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/vennio-mcp/vennio-mcp/internal/config"
	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/scheduling"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/tools"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

const smokeAbout = `The acceptance run: finds slots and books them through this program's own tools,
waits for Vennio's booking.created about each, cancels all of them, and reports how
long each step took.

Without a key it runs in the built-in sandbox: nobody is asked, nothing is real, and
its consent ledger is kept in memory and ends with the run. With a key it shows the
bookings and asks for your approval first (or takes --yes), and records it in the
consent ledger. The exit code is 0 if everything passed, else 1. A booking that was
made is cancelled whatever else fails, on Ctrl-C too.`

type smokeFlags struct {
	bookings                   int
	live, yes, asJSON          bool
	attendee, name             string
	eventsURL, eventsAddr      string
	within                     time.Duration
	onSandbox, onLoopbackThere bool // the built-in sandbox answers; Vennio is on this machine
}

func (p program) smokeCommand() *cobra.Command {
	var f smokeFlags
	c := &cobra.Command{
		Use: "smoke", Short: "Acceptance run: book, receive the event, cancel, and report latencies", Long: smokeAbout, Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := p.config(c)
			if err != nil {
				return err
			}
			f.onSandbox, f.onLoopbackThere = cfg.Sandbox(), loopbackURL(cfg.APIURL)
			if err := f.check(cfg); err != nil {
				return usageError{err}
			}
			return p.smoke(c.Context(), cfg, f)
		},
	}
	f.bookings, f.within, f.eventsAddr = 5, 30*time.Second, "127.0.0.1:0"
	numberFlag(c, &f.bookings, "bookings", 1, 10, "how many bookings to make, 1 to 10")
	c.Flags().BoolVar(&f.live, "live", false, "run with a key that is not a test key: real bookings, and Vennio e-mails the attendee")
	c.Flags().BoolVar(&f.yes, "yes", false, "approve the bookings here instead of being asked; the sandbox asks nobody")
	textFlag(c, &f.attendee, "attendee", "address", "e-mail address that the bookings are for (default smoke@example.com; required with --live)")
	textFlag(c, &f.name, "name", "name", "your name, for the record (default: the user's; in the sandbox, else: the operator)")
	durationFlag(c, &f.within, "within", "how long to wait for each booking.created")
	textFlag(c, &f.eventsURL, "events-url", "url", "https address at which Vennio reaches --events-addr, for a subscription that ends with the run")
	textFlag(c, &f.eventsAddr, "events-addr", "address", "loopback address at which to receive events; port 0 takes a free one")
	c.Flags().BoolVar(&f.asJSON, "json", false, "print the result as JSON")
	return c
}

// check refuses runs that could do harm or prove nothing.
func (f *smokeFlags) check(cfg config.Config) error {
	kind := vennioclient.KeyKind(cfg.APIKey.Reveal())
	switch {
	case cfg.Tools.ReadOnly:
		return errors.New("VENNIO_READ_ONLY is set, and this run books: unset it for the run")
	case f.onSandbox && f.live:
		return errors.New("--live needs a key, and there is none: set VENNIO_API_KEY in the environment, or omit --live to run in the sandbox")
	case f.onSandbox:
	case kind.Publishable():
		return errors.New("a publishable key cannot cancel what it books: use a test secret key (vennio_sk_test_…)")
	case !kind.Test() && !f.live:
		return fmt.Errorf("the key is %s, not a test key: the bookings would be real, and Vennio would e-mail people. Use a test key (vennio_sk_test_…), or give --live if real bookings are intended", kind)
	case !kind.Test() && f.attendee == "":
		return errors.New("with --live, name the person whom Vennio may e-mail: --attendee you@your.domain")
	}
	if f.eventsURL != "" && strings.HasSuffix(f.eventsAddr, ":0") {
		return errors.New("--events-url needs --events-addr: the address on this machine to which it is forwarded, such as 127.0.0.1:8090")
	}
	f.live = !f.onSandbox && !kind.Test()
	return loopbackOnly(f.eventsAddr)
}

// smoke does the run and reports its result.
func (p program) smoke(ctx context.Context, cfg config.Config, f smokeFlags) error {
	r := &smokeRun{program: p, smokeFlags: f, person: p.person(f.name)}
	if r.person == "" && f.onSandbox {
		r.person = "the operator"
	}
	if r.person == "" {
		return usageError{errors.New("give your name with --name, for the record")}
	}
	r.attendee = cmp.Or(r.attendee, "smoke@example.com")
	cfg.Consent, cfg.Tools, cfg.Canary = consent.PolicyHuman, tools.Selection{}, scheduling.Rollout{}
	if f.onSandbox {
		cfg.StateDir = "" // a sandbox in memory: the run leaves nothing in the one that clients use
	}
	if cfg.LogLevel != "debug" {
		cfg.LogLevel = "disabled" // the result reports what failed
	}
	stop, err := r.open(ctx, cfg)
	if err != nil {
		return err
	}
	defer stop()
	if err := r.find(ctx); err != nil {
		return err
	}
	agreed, err := r.askApproval(ctx)
	if err != nil || !agreed {
		return err
	}
	r.execute(ctx)
	return r.report()
}

// person returns the name of the user, as --name or the environment gives it; it may be empty.
func (p program) person(name string) string {
	return sanitize.First(100, name, p.getenv("USER"), p.getenv("USERNAME"))
}

// askApproval shows what will be booked and asks the person for approval. In the sandbox nobody is asked,
// since nothing in it is real.
func (r *smokeRun) askApproval(ctx context.Context) (bool, error) {
	out := r.out
	if r.asJSON {
		out = r.errs
	}
	_, _ = fmt.Fprintf(out, "%s\n\n", r.headline())
	for i, t := range r.trials {
		_, _ = fmt.Fprintf(out, "%4d  %s – %s (%s)\n", i+1, t.slot.StartLocal, t.slot.EndLocal, t.slot.Timezone)
	}
	_, _ = fmt.Fprintf(out, "\n%q, for %s <%s>. %s\n\n", smokeTitle, r.person, r.attendee, r.consequences())
	switch {
	case r.onSandbox:
		r.statement = "ran vennio-mcp smoke on the sandbox"
		return true, nil
	case r.yes:
		r.statement = "--yes on the command line"
		return true, nil
	case !isTerminal(r.in):
		return false, usageError{errors.New("standard input is not a terminal, so nobody can approve: give --yes, or run this in a terminal")}
	}
	terminal := console{in: r.in, out: r.errs}
	answer, _ := terminal.prompt(ctx, "Book and cancel these? [yes/no] ", false) // no answer is no approval
	if r.statement = strings.ToLower(answer); r.statement != "yes" && r.statement != "y" {
		return false, errors.New("not approved: nothing was booked")
	}
	return true, nil
}

func (r *smokeRun) headline() string {
	where := "at " + r.at
	if r.onSandbox {
		where = "in the built-in sandbox: nothing here is real"
	}
	return fmt.Sprintf("vennio-mcp smoke: %d × 30 minutes with %s, %s", len(r.trials), sanitize.Line(r.host, 100), where)
}

// consequences says which people are notified, and how events are checked.
func (r *smokeRun) consequences() string {
	mail := "Vennio sends no e-mail about them (test key)."
	switch {
	case r.onSandbox:
		mail = "No e-mail is sent."
	case r.live:
		mail = "LIVE: they are real. They are in the host's calendar until they are cancelled, and Vennio e-mails " + r.attendee + "."
	}
	return mail + " All are cancelled at the end. Events: " + r.events.how + "."
}

// cleanUp bounds the cancelling, which goes on when the run was stopped.
const cleanUp = 2 * time.Minute

const smokeTitle = "Smoke test (vennio-mcp)"

type smokeRun struct {
	program
	smokeFlags
	ledger    *consent.Ledger
	agent     *agent
	events    *eventWatcher
	at        string // address of Vennio
	host      string // name of the host whose time is booked
	person    string // name of the person who approved
	statement string // how: the words for the record
	trials    []*trial
}

// trial is one booking of a run.
type trial struct {
	slot    schemas.Slot
	booking string // its id; empty: none was made
	status  string
	failed  []string
	sent    time.Time // when it was booked

	find, book, event, cancel time.Duration // 0: did not come to that
}

func (t *trial) fail(format string, args ...any) {
	t.failed = append(t.failed, fmt.Sprintf(format, args...))
}

// open starts everything that a run needs; stop ends it.
func (r *smokeRun) open(ctx context.Context, cfg config.Config) (stop func(), err error) {
	a, err := r.newApp(ctx, cfg)
	if err != nil {
		return nil, err
	}
	r.ledger, r.at = a.Ledger, cfg.APIURL
	if r.agent, err = inProcessAgent(ctx, a.Server, "vennio-mcp smoke"); err == nil {
		r.events, err = r.watchEvents(ctx, a, cfg)
	}
	if err != nil {
		a.Close()
		return nil, err
	}
	return func() {
		limited, done := context.WithTimeout(context.WithoutCancel(ctx), cleanUp)
		defer done()
		if err := r.events.close(limited); err != nil {
			_, _ = fmt.Fprintln(r.errs, "vennio-mcp: the subscription of the run could not be ended; see vennio-mcp webhooks list:", sanitize.Mask(err.Error()))
		}
		r.agent.close()
		a.Close()
	}, nil
}

// find searches a slot for each booking; no two overlap.
func (r *smokeRun) find(ctx context.Context) error {
	from := r.clock()().Add(24 * time.Hour)
	in := schemas.FindSlotsInput{From: from.Format(time.RFC3339), To: from.AddDate(0, 0, 14).Format(time.RFC3339), Limit: 10}
	for i := range r.bookings {
		began := time.Now()
		found, _, err := toolCall[schemas.FindSlotsResult](ctx, r.agent, "find_slots", in)
		took := time.Since(began)
		switch {
		case err != nil:
			return err
		case found.Error != nil:
			return fmt.Errorf("no times could be found: %s", found.Error.Message)
		case i >= len(found.Slots):
			return fmt.Errorf("only %d times are free within two weeks: lower --bookings, or free some", len(found.Slots))
		}
		r.host = found.Hosts[0]
		taken := func(s schemas.Slot) bool {
			return slices.ContainsFunc(r.trials, func(t *trial) bool { return s.Start < t.slot.End && t.slot.Start < s.End })
		}
		free := slices.DeleteFunc(found.Slots, taken) // all are in UTC, so their texts sort as the instants do
		if len(free) == 0 {
			return errors.New("too few times are free within two weeks: lower --bookings")
		}
		r.trials = append(r.trials, &trial{slot: free[0], find: took})
	}
	return nil
}

// execute books all, waits for the events, and cancels whatever was booked.
func (r *smokeRun) execute(ctx context.Context) {
	defer func() {
		limited, done := context.WithTimeout(context.WithoutCancel(ctx), cleanUp)
		defer done()
		for _, t := range r.trials {
			r.cancel(limited, t)
		}
	}()
	for _, t := range r.trials {
		r.book(ctx, t)
	}
	for _, t := range r.trials {
		r.awaitEvent(ctx, t)
	}
}

func (r *smokeRun) book(ctx context.Context, t *trial) {
	if ctx.Err() != nil {
		t.fail("not booked: the run was stopped")
		return
	}
	in := schemas.BookSlotInput{
		SlotID: t.slot.SlotID, Title: smokeTitle, Attendees: []schemas.Attendee{{Email: r.attendee, Name: r.person}}, ConsentArgument: r.consent(),
	}
	sent := func(a consent.Act) bool { return a.Tool == "book_slot" && a.SlotID == t.slot.SlotID }
	for range 2 { // if the outcome is unknown, the same call settles it
		got, took, err := callWithApproval[schemas.BookSlotResult](ctx, r, "book_slot", in, sent, &t.sent)
		t.book, t.booking, t.status = took, got.BookingID, got.Status
		switch {
		case err != nil:
			t.fail("not booked: %v", err)
		case got.Error == nil:
			return
		case got.Error.Code == schemas.CodeOutcomeUnknown:
			ctx = context.WithoutCancel(ctx)
			continue
		default:
			t.fail("not booked: %s", got.Error.Message)
		}
		return
	}
	t.fail("whether it was booked is not known: look for %q in Vennio", smokeTitle)
}

// awaitEvent waits for the event about a booking; the limit counts from when the booking was sent.
func (r *smokeRun) awaitEvent(ctx context.Context, t *trial) {
	if t.booking == "" || r.events.disabled {
		return
	}
	at, ok := r.events.awaitCreated(ctx, t.booking, t.sent.Add(r.within))
	switch {
	case ok:
		t.event = max(at.Sub(t.sent), time.Microsecond)
	case ctx.Err() != nil:
		t.fail("booking.created was not waited for: the run was stopped")
	default:
		t.fail("no booking.created within %s", r.within)
	}
}

func (r *smokeRun) cancel(ctx context.Context, t *trial) {
	if t.booking == "" {
		return
	}
	about := func(a consent.Act) bool { return a.Tool == "cancel_booking" && a.BookingID == t.booking }
	got, took, err := callWithApproval[schemas.ChangeResult](ctx, r, "cancel_booking", schemas.CancelBookingInput{BookingID: t.booking, ConsentArgument: r.consent()}, about, new(time.Time))
	t.cancel = took
	switch {
	case err != nil:
		t.fail("NOT CANCELLED, booking %s: %v", t.booking, err)
	case got.Error != nil:
		t.fail("NOT CANCELLED, booking %s: %s", t.booking, got.Error.Message)
	}
}

func (r *smokeRun) consent() schemas.ConsentArgument {
	return schemas.ConsentArgument{Consent: schemas.Consent{Granted: true, GivenBy: r.person, Statement: r.statement}}
}

// callWithApproval makes a call that writes. The first call makes a request, the approval that the person
// gave before answers it if it is for exactly the intended act, and the second call writes. took is the
// duration of the call that wrote, and sent when it began.
func callWithApproval[Out any, PO interface {
	*Out
	schemas.Result
	Awaiting() bool
}](ctx context.Context, r *smokeRun, tool string, in any, meant func(consent.Act) bool, sent *time.Time) (out Out, took time.Duration, err error) {
	for range 2 {
		*sent = time.Now()
		out, _, err = toolCall[Out](ctx, r.agent, tool, in)
		took = time.Since(*sent)
		if err != nil || !PO(&out).Awaiting() {
			break
		}
		if err := r.approve(ctx, meant); err != nil {
			return out, 0, err
		}
	}
	return out, took, err
}

// approve approves the one request that is intended.
func (r *smokeRun) approve(ctx context.Context, meant func(consent.Act) bool) error {
	open, err := r.ledger.Open(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(open, func(p consent.Proposal) bool { return meant(p.Act) })
	if i < 0 {
		return errors.New("the server asked for something other than what was approved")
	}
	_, err = r.ledger.Answer(ctx, open[i].ID, consent.Answer{Agreed: true, By: r.person, Words: r.statement, Method: consent.InTerminal, Trusted: true})
	return err
}
