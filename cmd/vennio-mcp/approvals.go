package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/vennio-mcp/vennio-mcp/internal/app"
	"github.com/vennio-mcp/vennio-mcp/internal/approval"
	"github.com/vennio-mcp/vennio-mcp/internal/config"
	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
)

const approvalsAbout = `Lists the bookings, changes and cancellations that wait for a person's approval, the newest
first. In a terminal it asks about each of them; approve and decline answer one by its id.
Answering needs a terminal; listing does not.`

// approvalsPage is how many requests are listed at once unless --limit says otherwise.
const approvalsPage = 20

func (p program) approvalsCommand() *cobra.Command {
	var name, after string
	var asJSON bool
	limit := approvalsPage
	c := &cobra.Command{
		Use: "approvals", Short: "List requests that wait for a person's approval, and approve or decline them", Long: approvalsAbout,
		RunE: p.withApprovals(func(c *cobra.Command, l approvals, _ []string) error {
			if asJSON {
				return p.openAsJSON(c, l, after, limit)
			}
			return p.listOpen(c, l, after, limit, name)
		}),
	}
	numberFlag(c, &limit, "limit", 1, 1000, "how many to list, 1 to 1000")
	textFlag(c, &after, "after", "id", "list the requests that are older than this one, the last of the page before")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON lines, and ask nothing")
	c.PersistentFlags().Var(textValue(&name, "name", ""), "name", "your name, for the record (default: the user's)")
	_ = c.RegisterFlagCompletionFunc("after", p.completeIDs(p.openRequestIDs))
	c.AddCommand(p.answerCommand("approve", true, &name), p.answerCommand("decline", false, &name), p.linkCommand(), p.browsersCommand(), p.unpairCommand())
	return c
}

// listOpen lists one page of open requests, and in a terminal asks about each of them.
func (p program) listOpen(c *cobra.Command, l approvals, after string, limit int, name string) error {
	open, more, err := openPage(c, l, after, limit)
	switch {
	case err != nil:
		return err
	case len(open) == 0 && after != "":
		_, err = fmt.Fprintln(p.out, "No older request waits for an answer.")
		return err
	case len(open) == 0:
		_, err = fmt.Fprintln(p.out, "No request waits for an answer.")
		return err
	}
	in := bufio.NewScanner(p.in)
	for _, proposal := range open {
		_, _ = fmt.Fprintf(p.out, "\n%s\n  %s\n%s", proposal.ID, proposal.Act.Question(), approval.Text(proposal.Act))
		switch own, _ := l.cfg.Of(proposal.Act.Tenant); {
		case consent.Strictest(proposal.Policy, own.Consent) == consent.PolicySigned:
			_, _ = fmt.Fprintf(p.out, "  It is answered with a passkey on its page: %s.\n", l.pageOf(proposal.ID))
		case p.onTerminal():
			if err := p.askHere(c, l, in, proposal, name); err != nil {
				return err
			}
		}
	}
	if more > 0 {
		_, err = fmt.Fprintf(p.out, "\n%d more, older: %s\n", more, pageCommand(limit, open[len(open)-1].ID))
	}
	return err
}

func openPage(c *cobra.Command, l approvals, after string, limit int) ([]consent.Proposal, int, error) {
	open, more, err := l.OpenPage(c.Context(), after, limit)
	if errors.Is(err, consent.ErrNoProposal) {
		err = usageError{fmt.Errorf("--after %s: there is no request of this id; vennio-mcp approvals lists those that wait", sanitize.Quote(after, 40))}
	}
	return open, more, err
}

// requestLine is an open request as --json shows it.
type requestLine struct {
	ID        string             `json:"id"`
	Tenant    string             `json:"tenant,omitempty"` // absent for the default one
	Tool      string             `json:"tool"`
	Question  string             `json:"question"`
	Title     string             `json:"title"`
	Start     time.Time          `json:"start"`
	End       time.Time          `json:"end"`
	Timezone  string             `json:"timezone"`
	Hosts     []consent.Host     `json:"hosts"`
	Attendees []consent.Attendee `json:"attendees"`
	Booking   string             `json:"booking,omitempty"` // of a change or a cancellation
	Asked     time.Time          `json:"asked"`
	Expires   time.Time          `json:"expires"`
}

func (p program) openAsJSON(c *cobra.Command, l approvals, after string, limit int) error {
	open, _, err := openPage(c, l, after, limit)
	if err != nil {
		return err
	}
	return printLines(p, open, func(r consent.Proposal) requestLine {
		a := r.Act
		return requestLine{r.ID, a.Tenant, a.Tool, a.Question(), a.Title, a.Start.UTC(), a.End.UTC(), a.Zone, a.Hosts, a.Attendees, a.BookingID, r.At, r.Expires}
	})
}

// pageCommand returns the command that lists the requests older than one.
func pageCommand(limit int, after string) string {
	if limit == approvalsPage {
		return "vennio-mcp approvals --after " + after
	}
	return fmt.Sprintf("vennio-mcp approvals --limit %d --after %s", limit, after)
}

func (p program) answerCommand(verb string, agreed bool, name *string) *cobra.Command {
	return &cobra.Command{
		Use: verb + " ID", Short: strings.ToUpper(verb[:1]) + verb[1:] + " one request", Args: oneID("approvals"), ValidArgsFunction: p.completeIDs(p.openRequestIDs),
		RunE: p.withApprovals(func(c *cobra.Command, l approvals, args []string) error {
			return p.answer(c, l, args[0], agreed, *name)
		}),
	}
}

// askHere asks about one request in the terminal. Any answer but yes and no leaves it open.
func (p program) askHere(c *cobra.Command, l approvals, in *bufio.Scanner, asked consent.Proposal, name string) error {
	_, _ = fmt.Fprint(p.out, asked.Act.Question()+" [yes/no/later] ")
	if !in.Scan() {
		return in.Err()
	}
	switch strings.ToLower(strings.TrimSpace(in.Text())) {
	case "yes", "y":
		return p.answer(c, l, asked.ID, true, name)
	case "no", "n":
		return p.answer(c, l, asked.ID, false, name)
	}
	_, err := fmt.Fprintln(p.out, "The request stays open.")
	return err
}

// onTerminal reports whether standard input and output are both a terminal. This excludes programs that
// only start commands; a program with a shell can create a terminal (docs/consent.md).
func (p program) onTerminal() bool { return isTerminal(p.in) && isTerminal(p.out) }

func (p program) answer(c *cobra.Command, l approvals, id string, agreed bool, name string) error {
	if !p.onTerminal() {
		return usageError{errors.New("a person must answer in a terminal: run this there, with neither input nor output redirected, or open the approval page")}
	}
	who := p.person(name)
	if who == "" {
		return usageError{errors.New("give your name with --name, for the record")}
	}
	words := "decline"
	if agreed {
		words = "approve"
	}
	after, err := l.Answer(c.Context(), id, consent.Answer{Agreed: agreed, By: who, Words: words, Method: consent.InTerminal, Policy: l.policyOf(c.Context(), id), Trusted: true})
	switch {
	case errors.Is(err, consent.ErrNoProposal):
		return usageError{fmt.Errorf("no open request has the id %s; vennio-mcp approvals lists the open ones", sanitize.Quote(id, 40))}
	case errors.Is(err, consent.ErrUnsigned):
		return usageError{fmt.Errorf("this request is answered only with a passkey on its page: %s", l.pageOf(id))}
	case errors.Is(err, consent.ErrAnswered), errors.Is(err, consent.ErrExpired):
		return fmt.Errorf("%w: it is %s; vennio-mcp ledger show %s lists what happened", err, after.State, after.ID)
	case err != nil:
		return err
	}
	if agreed {
		return p.executeHere(c.Context(), l, after)
	}
	_, err = fmt.Fprintf(p.out, "%s: %s\n", after.State, after.ID)
	return err
}

// approvals is the ledger, and the settings for executing what is approved.
type approvals struct {
	*consent.Ledger
	cfg     config.Config
	sandbox bool // the ledger is that of the built-in sandbox
}

// policyOf returns the policy of these settings for the tenant of a request.
func (l approvals) policyOf(ctx context.Context, id string) consent.Policy {
	asked, err := l.Proposal(ctx, id)
	if err != nil {
		return l.cfg.Consent
	}
	own, _ := l.cfg.Of(asked.Act.Tenant)
	return own.Consent
}

// pageOf says where the page of a request is.
func (l approvals) pageOf(id string) string {
	if l.cfg.Serve.PublicURL != "" {
		return l.cfg.Serve.PublicURL + approval.Path + id
	}
	return "the assistant has its address, and the browser of vennio-mcp approvals link lists it"
}

func (p program) withApprovals(do func(*cobra.Command, approvals, []string) error) func(*cobra.Command, []string) error {
	return p.withStore(func(c *cobra.Command, cfg config.Config, db *sqldb.DB, args []string) error {
		return do(c, approvals{p.ledger(cfg, db), cfg, isSandboxStore(cfg, commandStore(cfg))}, args)
	})
}

// A running server looks for approvals every 15 s (app.Intervals). This process waits that long for what it
// cannot write itself.
const (
	elsewhereTime = 25 * time.Second
	elsewhereLook = 500 * time.Millisecond
)

// executeHere writes what was approved in the terminal, with the key of this command if it has one for the
// tenant. Otherwise a running server does, and this process waits for the result.
func (p program) executeHere(ctx context.Context, l approvals, asked consent.Proposal) error {
	if own, ok := l.cfg.Of(asked.Act.Tenant); ok && (!own.Sandbox() || l.sandbox) {
		if err := p.executeWith(ctx, l.cfg, asked); err != nil {
			return err
		}
	}
	late := time.After(elsewhereTime)
	look := time.NewTicker(elsewhereLook)
	defer look.Stop()
	for {
		proposal, grant, err := l.Result(ctx, asked.ID)
		if err != nil {
			return err
		}
		waits := grant != nil && (grant.Outcome == consent.Unsent || grant.Outcome == consent.Sent)
		if !waits {
			heading, lead := approval.Result(proposal, grant)
			_, err := fmt.Fprintf(p.out, "%s. %s\n", heading, lead)
			return err
		}
		select {
		case <-look.C:
		case <-late:
			_, err := fmt.Fprintf(p.out, "Approved, but not executed yet. No running server has executed it, and this command cannot: its key (VENNIO_API_KEY) is another one, is missing, or may not write. The assistant's next call executes it, until %s UTC.\n", grant.Expires.UTC().Format("15:04"))
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// executeWith writes an approved request with the account of its tenant. A refusal of Vennio is recorded
// in the ledger; the error is one of the settings.
func (p program) executeWith(ctx context.Context, cfg config.Config, approved consent.Proposal) error {
	a, err := p.assembler(cfg)(ctx, cfg)
	if err != nil {
		return err
	}
	defer a.Close()
	return a.Execute(ctx, approved)
}

// assembler returns the function that assembles a process which can write what is approved: with the keys of
// the settings, or with the sandbox. It returns nil if the store is that of an account and there is no key.
func (p program) assembler(cfg config.Config) func(context.Context, config.Config) (*app.App, error) {
	switch {
	case cfg.Real():
		return func(_ context.Context, cfg config.Config) (*app.App, error) {
			return app.New(cfg, p.appOptions(cfg))
		}
	case isSandboxStore(cfg, commandStore(cfg)):
		return p.newApp
	}
	return nil
}

// withLedger runs a command on the ledger in the state folder.
func (p program) withLedger(do func(*cobra.Command, *consent.Ledger, []string) error) func(*cobra.Command, []string) error {
	return p.withStore(func(c *cobra.Command, cfg config.Config, db *sqldb.DB, args []string) error {
		return do(c, p.ledger(cfg, db), args)
	})
}

// ledger returns the ledger in a store, with the passkeys that the settings pin.
func (p program) ledger(cfg config.Config, db *sqldb.DB) *consent.Ledger {
	return consent.New(db, p.now).Pin(cfg.Passkeys)
}

// commandStore returns the location of the store that a command reads; empty if there is none. Without an
// API key this is the ledger of an account if there is one, because often only the settings of MCP clients
// name the key; otherwise it is that of the sandbox.
func commandStore(cfg config.Config) string {
	if account := cfg.AccountStore(); !cfg.Real() && account != "" && sqldb.Open(account).Exists() {
		return account
	}
	return cfg.Store()
}

func isSandboxStore(cfg config.Config, location string) bool {
	return !cfg.Real() && location == cfg.SandboxDir()
}

// nameStore says which ledger a command without an API key reads, if both exist.
func (p program) nameStore(cfg config.Config, location string) {
	if !cfg.Real() && !isSandboxStore(cfg, location) && cfg.SandboxDir() != "" && sqldb.Open(cfg.SandboxDir()).Exists() {
		_, _ = fmt.Fprintf(p.errs, "This is the ledger of a Vennio account. The sandbox has its own: set VENNIO_STATE_DIR=%s to read it.\n", cfg.SandboxDir())
	}
}

// withStore runs a command on the store that servers use.
func (p program) withStore(do func(*cobra.Command, config.Config, *sqldb.DB, []string) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		cfg, err := p.config(c)
		if err != nil {
			return err
		}
		location := commandStore(cfg)
		if location == "" {
			return sqldb.ErrNoFolder
		}
		p.nameStore(cfg, location)
		db := sqldb.Open(location)
		defer func() { _ = db.Close() }()
		return do(c, cfg, db, args)
	}
}

const linkAbout = `Prints a link that pairs the browser in which it is opened, once and for ten minutes. In a paired
browser you approve and decline what assistants want to write, and see all requests and upcoming bookings.

The link is a secret between you and your browser: the command needs a terminal, and no assistant may see
the link. Without VENNIO_MCP_PUBLIC_URL the pages are served on this machine until Ctrl-C.`

func (p program) linkCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "link", Short: "Pair a browser in which to approve, and show all requests there", Long: linkAbout, Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := p.config(c)
			if err != nil {
				return err
			}
			if err := p.pairable(c, cfg); err != nil {
				return err
			}
			return p.link(c, cfg, tenantIn(c))
		},
	}
	addTenantFlag(c.Flags())
	return c
}

// pairable returns an error if the link could reach somebody else, or no store can keep it.
func (p program) pairable(c *cobra.Command, cfg config.Config) error {
	if _, ok := cfg.Of(tenantIn(c)); !ok {
		return noTenant(cfg, tenantIn(c))
	}
	switch {
	case !p.onTerminal():
		return usageError{errors.New("the link is for a person: run this in a terminal, with neither input nor output redirected")}
	case commandStore(cfg) == "":
		return sqldb.ErrNoFolder
	}
	return nil
}

func (p program) link(c *cobra.Command, cfg config.Config, tenant string) error {
	ctx := c.Context()
	l, settling, done, err := p.approvalLinks(ctx, cfg)
	if err != nil {
		return err
	}
	defer done()
	// The policy of this terminal may be weaker than that of the server that asked. The person has a paired
	// browser here, so human is the weakest policy.
	l.Pages.PolicyOf = func(tenant string) consent.Policy {
		own, _ := cfg.Of(tenant)
		return consent.Strictest(consent.PolicyHuman, own.Consent)
	}
	if cfg.Serve.PublicURL != "" {
		l.SetBase(cfg.Serve.PublicURL)
	}
	address, err := l.Pairing(ctx, tenant, "")
	if err != nil {
		return err
	}
	if cfg.Serve.PublicURL != "" {
		_, err = fmt.Fprintf(p.out, "Open this in your browser, once, within %s:\n%s\n", app.LinkLife, address)
		return err
	}
	_, _ = fmt.Fprintf(p.out, "Open this in your browser, once, within %s:\n%s\nThe pages are served until you press Ctrl-C.\n", app.LinkLife, address)
	defer settling()()
	<-ctx.Done()
	return nil
}

// approvalLinks returns links to pages on the store that servers use. With a key this process executes what
// is approved. Without one, for example if only a client's settings name it, a running server does within
// half a minute.
func (p program) approvalLinks(ctx context.Context, cfg config.Config) (l *app.Links, settling func() (stop func()), done func(), err error) {
	if assemble := p.assembler(cfg); assemble != nil {
		a, err := assemble(ctx, cfg)
		if err != nil {
			return nil, nil, nil, err
		}
		return a.Links, func() func() { return a.Settle(ctx) }, a.Close, nil
	}
	db := sqldb.Open(commandStore(cfg))
	pages := approval.New(p.ledger(cfg, db))
	pages.PublicURL, pages.Pairings = cfg.Serve.PublicURL, approval.NewPairings(db, p.clock())
	l = &app.Links{Pages: pages}
	done = func() {
		l.Close()
		_ = db.Close()
	}
	return l, func() func() { return func() {} }, done, nil
}

// browserLine is a paired browser as --json shows it.
type browserLine struct {
	Tenant  string    `json:"tenant,omitempty"` // absent for the default one
	ID      string    `json:"id"`
	Name    string    `json:"name"` // of the person, as they gave it
	Paired  time.Time `json:"paired"`
	Expires time.Time `json:"expires"`
	Subject string    `json:"subject,omitempty"` // the sub with which the person signed in; absent for a link
}

func (p program) browsersCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use: "browsers", Short: "List the paired browsers", Args: noArguments,
		RunE: p.withStore(func(c *cobra.Command, cfg config.Config, db *sqldb.DB, _ []string) error {
			if _, ok := cfg.Of(tenantIn(c)); !ok {
				return noTenant(cfg, tenantIn(c))
			}
			all, err := approval.NewPairings(db, p.clock()).Browsers(c.Context(), tenantIn(c))
			if err != nil {
				return err
			}
			if asJSON {
				return printLines(p, all, func(b approval.PairedBrowser) browserLine {
					return browserLine{tenantIn(c), b.ID, b.Name, b.At, b.Expires, b.Subject}
				})
			}
			if len(all) == 0 {
				_, err := fmt.Fprintln(p.out, "No browser is paired. To pair one: vennio-mcp approvals link"+forTenant(tenantIn(c)))
				return err
			}
			for _, b := range all {
				how := "by a link"
				if b.Subject != "" {
					how = "signed in as " + sanitize.Quote(b.Subject, 100)
				}
				_, _ = fmt.Fprintf(p.out, "%s  %s  paired %s, until %s, %s\n", b.ID, sanitize.Quote(b.Name, 100), b.At.Format(time.DateOnly), b.Expires.Format(time.DateOnly), how)
			}
			return nil
		}),
	}
	addTenantFlag(c.Flags())
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON lines")
	return c
}

func (p program) unpairCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "unpair ID", Short: "End the pairing of a browser", Args: oneID("approvals browsers"), ValidArgsFunction: p.completeIDs(p.browserIDs),
		RunE: p.withStore(func(c *cobra.Command, _ config.Config, db *sqldb.DB, args []string) error {
			err := approval.NewPairings(db, p.clock()).Revoke(c.Context(), tenantIn(c), args[0])
			if errors.Is(err, approval.ErrNoPairing) {
				return usageError{fmt.Errorf("no paired browser has the id %s; vennio-mcp approvals browsers%s lists them", sanitize.Quote(args[0], 40), forTenant(tenantIn(c)))}
			}
			if err == nil {
				_, err = fmt.Fprintf(p.out, "Browser %s is no longer paired.\n", args[0])
			}
			return err
		}),
	}
	addTenantFlag(c.Flags())
	return c
}
