// Package approval serves the pages on which people approve or decline what an agent wants to write, and
// pairs the browsers in which they may do so. The pages are plain HTML; only those that use a passkey have a
// script. Opening one changes nothing, so link previews are harmless. The process that receives an approval
// executes it, and the page shows the result.
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
	"github.com/vennio-mcp/vennio-mcp/internal/tenant"
	"github.com/vennio-mcp/vennio-mcp/schemas"
)

// Path is the path of the pages. The id of a proposal follows; with CalendarSuffix after it, the address
// is that of the booking's calendar file.
const (
	Path           = "/approvals/"
	CalendarSuffix = ".ics"
)

//go:embed page.html
var source string

var layout = sync.OnceValue(func() *template.Template { return template.Must(template.New("page").Parse(source)) })

// Account executes approved acts in one tenant's Vennio account, and reads from it.
type Account interface {
	// Covers reports whether this process may execute an approval with this account.
	Covers(p consent.Proposal) bool
	// Execute writes an act whose approval is recorded. Afterwards the ledger has the result.
	Execute(ctx context.Context, approved consent.Proposal) error
	// Booking returns the current state of a booking.
	Booking(ctx context.Context, id string) (*schemas.GetBookingResult, error)
	// Upcoming returns the next bookings.
	Upcoming(ctx context.Context) ([]schemas.Booking, error)
}

// Pages serves the pages under Path. Use New to create one, and set the fields before the first request.
type Pages struct {
	// AccountOf returns the account of a tenant, or an error if this process has no key for it. If it is
	// nil, this process only records approvals and another one executes them.
	AccountOf func(tenant string) (Account, error)
	// Sandbox adds a remark that nothing on the page is real.
	Sandbox bool
	// PolicyOf returns the consent policy of a tenant. The stricter of it and the policy under which the
	// request was made applies (see answering). nil stands for a policy that accepts every browser.
	PolicyOf func(tenant string) consent.Policy
	// PublicURL is the URL under which people reach the pages; empty: that of each request.
	PublicURL string
	// Keys authenticate the nonces of signatures. New sets keys that are valid in this process only.
	Keys tenant.Keyring
	// Pairings stores the paired browsers. If it is nil, no browser can be paired.
	Pairings *Pairings
	// SignIn pairs browsers by signing in; nil if that is not possible. It needs Pairings.
	SignIn *SignIn
	// HTTPS says that people reach the pages over TLS, which a proxy may terminate.
	HTTPS bool
	// Warn is called with the reason for which an approved act could not be written; it may be nil.
	Warn func(error)

	ledger   *consent.Ledger
	sameSite *http.CrossOriginProtection

	mu   sync.Mutex
	next map[string]upcoming // by tenant
}

// New returns the pages over a ledger.
func New(ledger *consent.Ledger) *Pages {
	return &Pages{ledger: ledger, sameSite: http.NewCrossOriginProtection(), Keys: tenant.TemporaryKeyring()}
}

// ServeHTTP serves every page under Path.
func (p *Pages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	secure(w.Header())
	if strings.HasPrefix(r.URL.Path, PasskeyPath) {
		p.changePasskey(w, r)
		return
	}
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
			p.overview(w, r)
			return
		}
	}
	p.proposal(w, r)
}

// proposal shows one proposal, or receives the answer to it.
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
	by, may := p.mayAnswer(w, r, proposal)
	switch {
	case !may:
	case r.Method == http.MethodPost && !calendar:
		p.decide(w, r, proposal, grant, by)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD, POST")
		write(w, http.StatusMethodNotAllowed, page{Heading: "Nothing was changed", Lead: "This page can only be opened and answered."})
	case calendar:
		p.calendar(w, proposal, grant)
	default:
		write(w, http.StatusOK, p.question(r, proposal, grant, by))
	}
}

// question returns the page of a proposal for the one who may answer it.
func (p *Pages) question(r *http.Request, proposal consent.Proposal, grant *consent.Grant, by answering) page {
	shown := p.view(r.Context(), proposal, grant)
	shown.Name, shown.SignedIn = by.browser.Name, by.browser.Subject != ""
	if shown.Verb != "" && by.signs() {
		p.addSigning(&shown, r, proposal, by)
	}
	return shown
}

func (p *Pages) decide(w http.ResponseWriter, r *http.Request, proposal consent.Proposal, grant *consent.Grant, by answering) {
	again := func(status int, lead string) {
		shown := p.question(r, proposal, grant, by)
		shown.Lead, shown.Problem = lead, true
		write(w, status, shown)
	}
	if !p.readForm(w, r, mostForm) {
		again(http.StatusForbidden, "Nothing was changed: this answer did not come from this page. Please look again and decide.")
		return
	}
	name, decision := cmp.Or(sanitize.Line(r.PostForm.Get("name"), 100), by.browser.Name), r.PostForm.Get("decision")
	if by.browser.Subject != "" {
		name = by.browser.Name // people who signed in answer under the name that the issuer gives
	}
	answer := consent.Answer{Agreed: decision == "approve", By: cmp.Or(name, "a person on the page"), Words: "Decline", Method: consent.OnPage, Policy: by.policy, Trusted: by.trusted()}
	if answer.Agreed {
		answer.Words = "Approve"
	}
	switch {
	case decision != "approve" && decision != "decline":
		again(http.StatusUnprocessableEntity, "Nothing was changed: the answer was neither Approve nor Decline. Please choose one.")
		return
	case by.signs() && (answer.Agreed || !by.paired || r.PostForm.Get("passkey") != ""):
		if err := p.sign(r, proposal, &answer); err != nil {
			status, lead, _ := passkeyProblem(err)
			again(status, lead)
			return
		}
	case answer.Agreed && name == "":
		again(http.StatusUnprocessableEntity, "Nothing was changed: please enter your name. The record shows who approved.")
		return
	}
	_, err := p.ledger.Answer(r.Context(), proposal.ID, answer)
	status, lead, ofPasskey := passkeyProblem(err)
	switch {
	case ofPasskey:
		again(status, lead)
		return
	case err == nil && answer.Agreed:
		p.execute(r.Context(), proposal)
	case err == nil, errors.Is(err, consent.ErrAnswered), errors.Is(err, consent.ErrExpired), errors.Is(err, consent.ErrOtherAct):
	default:
		failed(w, err)
		return
	}
	// A redirect to the result: reloading it does not send the answer again.
	http.Redirect(w, r, Path+proposal.ID, http.StatusSeeOther)
}

// readForm reads a form of these pages, of at most so many bytes. It returns false if it came from another site or cannot be read.
func (p *Pages) readForm(w http.ResponseWriter, r *http.Request, most int64) bool {
	r.Body = http.MaxBytesReader(w, r.Body, most)
	return p.sameSite.Check(r) == nil && r.ParseForm() == nil
}

// mostForm is the maximum size of a form in bytes, and mostPasskeyForm that of one with a new passkey, which comes with
// certificates.
const mostForm, mostPasskeyForm = 16 << 10, 64 << 10

// executeTime is the time that the page waits for the write before it shows that it is in progress.
const executeTime = 20 * time.Second

// execute writes an approved act. The write continues when the person closes the page; the ledger gets
// the result.
func (p *Pages) execute(ctx context.Context, approved consent.Proposal) {
	account := p.writer(approved)
	if account == nil {
		return // a process with the account's key executes it
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

// writer returns the account with which this process executes an approval, or nil if another process does.
func (p *Pages) writer(approved consent.Proposal) Account {
	if a := p.account(approved.Act.Tenant); a != nil && a.Covers(approved) {
		return a
	}
	return nil
}

// account returns the account of a tenant, or nil if this process has no key for it.
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

// failed explains that the ledger could not be used.
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
			Lead: "The record of approvals is not available right now, so it is not known whether your answer was saved.",
		})
	default:
		write(w, http.StatusInternalServerError, page{Heading: "That did not work", Lead: "Please open this page again in a moment. It will show whether your answer was saved."})
	}
}

func write(w http.ResponseWriter, status int, shown page) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if shown.Passkey != nil {
		w.Header().Set("Content-Security-Policy", contentSecurity+scriptSource())
	}
	w.WriteHeader(status)
	_ = layout().Execute(w, shown)
}

const contentSecurity = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

// secure sets the headers of a page that must not be framed, cached, sniffed or sent to other sites as a
// referrer. Requests to this site may have a referrer: with no-referrer, browsers send Origin: null, which
// the server refuses.
func secure(h http.Header) {
	h.Set("Content-Security-Policy", contentSecurity)
	h.Set("Referrer-Policy", "same-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Cache-Control", "no-store")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
}

// OnLoopback serves the pages under one address only. A request for another host comes from a web page
// whose name resolves to this machine (DNS rebinding).
func OnLoopback(address string, page http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host != address {
			http.Error(w, "unknown host", http.StatusForbidden)
			return
		}
		page.ServeHTTP(w, r)
	})
}
