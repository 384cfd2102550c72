// Package approval is the page on which a person approves or declines what an agent wants to write:
// plain HTML, no script. Opening it changes nothing, so link previews are harmless. An approval is
// carried out by the process that takes it, and the page shows what became of it.
package approval

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"html/template"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/schemas"
)

// Path is where the pages are mounted. The id of a proposal follows; with CalendarSuffix after it,
// the address is that of the booking's calendar file.
const (
	Path           = "/approvals/"
	CalendarSuffix = ".ics"
)

//go:embed page.html
var source string

var layout = sync.OnceValue(func() *template.Template { return template.Must(template.New("page").Parse(source)) })

// Account carries out what was approved, with one tenant's account at Vennio, and reads from it.
type Account interface {
	// Covers reports whether an approval is to be carried out with this account, and may be here.
	Covers(p consent.Proposal) bool
	// Execute writes an act whose approval is on record; what became of it is in the ledger then.
	Execute(ctx context.Context, approved consent.Proposal) error
	// Booking is how a booking stands at Vennio.
	Booking(ctx context.Context, id string) (*schemas.GetBookingResult, error)
	// Upcoming are the next bookings.
	Upcoming(ctx context.Context) ([]schemas.Booking, error)
}

// Pages answers GET and POST under Path. Its zero value shows nothing; New makes one.
type Pages struct {
	// AccountOf returns the account of a tenant, or an error if this process has no key for it. nil:
	// approvals are recorded here and carried out elsewhere.
	AccountOf func(tenant string) (Account, error)
	// Sandbox: nothing that is approved here is real.
	Sandbox bool
	// PolicyOf is what counts as consent for a tenant: under consent.PolicyHuman, here or where the
	// request was made, only a paired browser may see and answer requests. nil: any browser that has
	// the address may.
	PolicyOf func(tenant string) consent.Policy
	// Pairings are the browsers that may; nil: no browser is ever paired.
	Pairings *Pairings
	// SignIn pairs browsers too, beside links; nil: it does not. It needs Pairings.
	SignIn *SignIn
	// HTTPS: people reach the pages over TLS, though a proxy may take that off.
	HTTPS bool
	// Warn is called with the reason why an approved act could not be written; may be nil.
	Warn func(error)

	ledger   *consent.Ledger
	sameSite *http.CrossOriginProtection

	mu   sync.Mutex
	next map[string]upcoming // by tenant
}

// New returns the pages over a ledger.
func New(ledger *consent.Ledger) *Pages {
	return &Pages{ledger: ledger, sameSite: http.NewCrossOriginProtection()}
}

// ServeHTTP serves every page under Path.
func (p *Pages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	secure(w.Header())
	if p.Pairings != nil {
		switch path := r.URL.Path; {
		case strings.HasPrefix(path, pairPath):
			p.pair(w, r)
			return
		case strings.HasPrefix(path, bookingPath):
			p.bookingFile(w, r)
			return
		case path == signInPath && p.SignIn != nil:
			p.signIn(w, r)
			return
		case path == SignedInPath && p.SignIn != nil:
			p.signedIn(w, r)
			return
		case path == Path, path+"/" == Path:
			p.inbox(w, r)
			return
		}
	}
	p.proposal(w, r)
}

// proposal shows one proposal, or takes the answer to it.
func (p *Pages) proposal(w http.ResponseWriter, r *http.Request) {
	id, calendar := strings.CutSuffix(strings.TrimPrefix(r.URL.Path, Path), CalendarSuffix)
	proposal, grant, err := p.ledger.Result(r.Context(), id)
	switch {
	case errors.Is(err, consent.ErrNoProposal):
		write(w, http.StatusNotFound, page{Heading: "Nothing to approve", Lead: "There is no such request, or its data was erased."})
	case err != nil:
		failed(w, err)
	}
	if err != nil {
		return
	}
	who, may := p.mayAnswer(w, r, proposal)
	switch {
	case !may:
	case r.Method == http.MethodPost && !calendar:
		p.decide(w, r, proposal, grant, who)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD, POST")
		write(w, http.StatusMethodNotAllowed, page{Heading: "Nothing was changed", Lead: "This page can be opened and answered, nothing else."})
	case calendar:
		p.calendar(w, proposal, grant)
	default:
		shown := p.view(r.Context(), proposal, grant)
		shown.Name, shown.SignedIn = who.Name, who.Subject != ""
		write(w, http.StatusOK, shown)
	}
}

func (p *Pages) decide(w http.ResponseWriter, r *http.Request, proposal consent.Proposal, grant *consent.Grant, who sqldb.PairedBrowser) {
	const most = 16 << 10
	r.Body = http.MaxBytesReader(w, r.Body, most)
	if p.sameSite.Check(r) != nil || r.ParseForm() != nil {
		shown := p.view(r.Context(), proposal, grant)
		shown.Lead = "Nothing was changed: this answer did not come from this page. Please look again and decide."
		write(w, http.StatusForbidden, shown)
		return
	}
	name, decision := cmp.Or(sanitize.Line(r.PostForm.Get("name"), 100), who.Name), r.PostForm.Get("decision")
	if who.Subject != "" {
		name = who.Name // who signed in answers under the name that the issuer says
	}
	switch {
	case decision != "approve" && decision != "decline":
		shown := p.view(r.Context(), proposal, grant)
		shown.Lead = "Nothing was changed: the answer was neither Approve nor Decline. Please choose one."
		write(w, http.StatusUnprocessableEntity, shown)
		return
	case decision == "approve" && name == "":
		shown := p.view(r.Context(), proposal, grant)
		shown.Lead = "Nothing was changed: please enter your name. The record says who agreed."
		write(w, http.StatusUnprocessableEntity, shown)
		return
	}
	answer := consent.Answer{Agreed: decision == "approve", By: cmp.Or(name, "a person on the page"), Words: "Decline", Method: consent.OnPage}
	if answer.Agreed {
		answer.Words = "Approve"
	}
	_, err := p.ledger.Answer(r.Context(), proposal.ID, answer)
	switch {
	case err == nil && answer.Agreed:
		p.execute(r.Context(), proposal)
	case err == nil, errors.Is(err, consent.ErrAnswered), errors.Is(err, consent.ErrExpired), errors.Is(err, consent.ErrOtherAct):
	default:
		failed(w, err)
		return
	}
	// The result has an address of its own: reloading it answers nothing again.
	http.Redirect(w, r, Path+proposal.ID, http.StatusSeeOther)
}

// executeTime is how long the page waits for the write before it shows that it is under way.
const executeTime = 20 * time.Second

// execute writes what was approved. The write goes on when the person closes the page; the ledger
// knows what became of it.
func (p *Pages) execute(ctx context.Context, approved consent.Proposal) {
	account := p.writer(approved)
	if account == nil {
		return // a process that has the account's key does it
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := account.Execute(context.WithoutCancel(ctx), approved); err != nil && p.Warn != nil {
			p.Warn(err)
		}
	}()
	select {
	case <-done:
	case <-time.After(executeTime):
	}
}

// writer is the account with which this process carries out an approval; nil: it does not.
func (p *Pages) writer(approved consent.Proposal) Account {
	if a := p.account(approved.Act.Tenant); a != nil && a.Covers(approved) {
		return a
	}
	return nil
}

// account is that of a tenant, nil if this process has no key for it.
func (p *Pages) account(tenant string) Account {
	if p.AccountOf == nil {
		return nil
	}
	a, err := p.AccountOf(tenant)
	if err != nil {
		return nil
	}
	return a
}

// failed says that the ledger did not answer: for now, or because of a fault.
func failed(w http.ResponseWriter, err error) {
	switch {
	case errors.Is(err, consent.ErrTampered):
		write(w, http.StatusInternalServerError, page{
			Heading: "This request cannot be answered",
			Lead:    "Nothing was changed: the stored request does not match the consent ledger. Tell this server's operator to run vennio-mcp ledger verify.",
		})
	case errors.Is(err, consent.ErrUnavailable):
		w.Header().Set("Retry-After", "5")
		write(w, http.StatusServiceUnavailable, page{
			Heading: "Please try again", Refresh: 5,
			Lead: "The record of approvals cannot be used for now. This page shows in a moment whether your answer was taken.",
		})
	default:
		write(w, http.StatusInternalServerError, page{Heading: "That did not work", Lead: "Please open this page again in a moment: it shows whether your answer was taken."})
	}
}

func write(w http.ResponseWriter, status int, shown page) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_ = layout().Execute(w, shown)
}

// secure sets the headers of a page that must not be framed, cached, sniffed or named to other
// sites. Its own form may name it: with no-referrer a browser sends Origin: null, which serve
// refuses.
func secure(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Cache-Control", "no-store")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
}
