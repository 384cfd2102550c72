package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/vennio-mcp/vennio-mcp/internal/config"
	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/scheduling"
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

// smokeFlags are what the command line says of a run.
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

// check refuses runs that could do harm or show nothing.
func (f *smokeFlags) check(cfg config.Config) error {
	kind := vennioclient.KeyKind(cfg.APIKey.Reveal())
	switch {
	case cfg.Tools.ReadOnly:
		return errors.New("VENNIO_READ_ONLY is set, and this run books: unset it for the run")
	case f.onSandbox:
	case kind.Publishable():
		return errors.New("a publishable key cannot cancel what it books: use a test secret key (vennio_sk_test_…)")
	case !kind.Test() && !f.live:
		return fmt.Errorf("the key is %s, not a test key: the bookings would be real, and Vennio would e-mail people. Use a test key (vennio_sk_test_…), or say --live if that is meant", kind)
	case !kind.Test() && f.attendee == "":
		return errors.New("with --live, name the person to whom Vennio may write: --attendee you@your.domain")
	}
	if f.eventsURL != "" && strings.HasSuffix(f.eventsAddr, ":0") {
		return errors.New("--events-url needs --events-addr: the address on this machine that it leads to, such as 127.0.0.1:8090")
	}
	f.live = !f.onSandbox && !kind.Test()
	return loopbackOnly(f.eventsAddr)
}

// smoke does the run and tells its result.
func (p program) smoke(ctx context.Context, cfg config.Config, f smokeFlags) error {
	r := &smokeRun{program: p, smokeFlags: f, person: p.person(f.name)}
	if r.person == "" && f.onSandbox {
		r.person = "the operator"
	}
	if r.person == "" {
		return usageError{errors.New("say who you are with --name, for the record")}
	}
	if r.attendee == "" {
		r.attendee = "smoke@example.com"
	}
	cfg.Consent, cfg.Tools, cfg.Canary = consent.PolicyHuman, tools.Selection{}, scheduling.Rollout{}
	if cfg.LogLevel != "debug" {
		cfg.LogLevel = "disabled" // what goes wrong stands in the result
	}
	stop, err := r.open(ctx, cfg)
	if err != nil {
		return err
	}
	defer stop()
	if err := r.find(ctx); err != nil {
		return err
	}
	agreed, err := r.agrees(ctx)
	if err != nil || !agreed {
		return err
	}
	r.carryOut(ctx)
	return r.report()
}

// person is who sits at this terminal, as far as known.
func (p program) person(name string) string {
	who := sanitize.Line(name, 100)
	for _, variable := range []string{"USER", "USERNAME"} {
		if who == "" {
			who = sanitize.Line(p.getenv(variable), 100)
		}
	}
	return who
}

// agrees shows what will be booked and takes the person's yes. On the sandbox
// nobody is asked: nothing of it is real.
func (r *smokeRun) agrees(ctx context.Context) (bool, error) {
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
		r.words = "ran vennio-mcp smoke on the sandbox"
		return true, nil
	case r.yes:
		r.words = "--yes on the command line"
		return true, nil
	case !isTerminal(r.in):
		return false, usageError{errors.New("nobody is here to agree: say --yes, or run it in a terminal")}
	}
	_, _ = fmt.Fprint(r.errs, "Book and cancel these? [yes/no] ")
	if r.words = r.typed(ctx); r.words != "yes" && r.words != "y" {
		return false, errors.New("not agreed: nothing was booked")
	}
	return true, nil
}

// typed is the line that the person types, "" if none comes before ctx ends.
func (r *smokeRun) typed(ctx context.Context) string {
	line := make(chan string, 1)
	go func() {
		in := bufio.NewScanner(r.in)
		_ = in.Scan() // nothing typed is no yes
		line <- strings.ToLower(strings.TrimSpace(in.Text()))
	}()
	select {
	case said := <-line:
		return said
	case <-ctx.Done():
		return ""
	}
}

func (r *smokeRun) headline() string {
	where := "at " + r.at
	if r.onSandbox {
		where = "in the built-in sandbox: nothing here is real"
	}
	return fmt.Sprintf("vennio-mcp smoke: %d × 30 minutes with %s, %s", len(r.trials), sanitize.Line(r.host, 100), where)
}

// consequences say who hears of it.
func (r *smokeRun) consequences() string {
	mail := "Vennio e-mails nobody about them (test key)."
	switch {
	case r.onSandbox:
		mail = "Nobody is e-mailed."
	case r.live:
		mail = "LIVE: they are real. They stand in the host's calendar until cancelled, and Vennio e-mails " + r.attendee + "."
	}
	return mail + " All are cancelled at the end. Events: " + r.ear.how + "."
}
