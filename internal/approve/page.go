// Package approve is the page on which a person approves or declines what an agent wants to write:
// plain HTML, no script. Opening it changes nothing, so link previews are harmless. An approval is
// carried out by the process that takes it, and the page shows what became of it.
package approve

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
	"github.com/vennio-mcp/vennio-mcp/internal/plain"
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

// Writer carries out what was approved, with the account of one tenant.
type Writer interface {
	// Execute writes an act whose approval is on record; what became of it is in the ledger then.
	Execute(ctx context.Context, act consent.Act) error
	// BookingStatus is how a booking stands at Vennio, and where it can be paid while it is not; both
	// are empty where that cannot be known now.
	BookingStatus(ctx context.Context, id string) (status, checkoutURL string)
}

// Pages answers GET and POST under Path. Its zero value shows nothing; New makes one.
type Pages struct {
	// WriterOf returns the Writer of a tenant, or an error if this process has no key for it. nil:
	// approvals are recorded and carried out elsewhere.
	WriterOf func(tenant string) (Writer, error)
	// Sandbox: nothing that is approved here is real.
	Sandbox bool
	// Warn is told why an approved act could not be written; may be nil.
	Warn func(error)

	ledger   *consent.Ledger
	sameSite *http.CrossOriginProtection
}

// New returns the pages over a ledger.
func New(ledger *consent.Ledger) *Pages {
	return &Pages{ledger: ledger, sameSite: http.NewCrossOriginProtection()}
}

// ServeHTTP shows a proposal, or takes the answer to it.
func (p *Pages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	secure(w.Header())
	id, calendar := strings.CutSuffix(strings.TrimPrefix(r.URL.Path, Path), CalendarSuffix)
	proposal, grant, err := p.ledger.Result(r.Context(), id)
	switch {
	case errors.Is(err, consent.ErrNoProposal):
		write(w, http.StatusNotFound, page{Heading: "Nothing to approve", Lead: "There is no such request, or its data was erased."})
	case err != nil:
		failed(w, err)
	case r.Method == http.MethodPost && !calendar:
		p.decide(w, r, proposal)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD, POST")
		write(w, http.StatusMethodNotAllowed, page{Heading: "Nothing was changed", Lead: "This page can be opened and answered, nothing else."})
	case calendar:
		p.calendar(w, proposal, grant)
	default:
		write(w, http.StatusOK, p.view(r.Context(), proposal, grant))
	}
}

func (p *Pages) decide(w http.ResponseWriter, r *http.Request, proposal consent.Proposal) {
	const most = 16 << 10
	r.Body = http.MaxBytesReader(w, r.Body, most)
	if p.sameSite.Check(r) != nil || r.ParseForm() != nil {
		shown := p.view(r.Context(), proposal, nil)
		shown.Lead = "Nothing was changed: this answer did not come from this page. Please look again and decide."
		write(w, http.StatusForbidden, shown)
		return
	}
	name, decision := plain.Line(r.PostForm.Get("name"), 100), r.PostForm.Get("decision")
	switch {
	case decision != "approve" && decision != "decline":
		shown := p.view(r.Context(), proposal, nil)
		shown.Lead = "Nothing was changed: the answer was neither Approve nor Decline. Please choose one."
		write(w, http.StatusUnprocessableEntity, shown)
		return
	case decision == "approve" && name == "":
		shown := p.view(r.Context(), proposal, nil)
		shown.Lead = "Nothing was changed: please enter your name. The record says who agreed."
		write(w, http.StatusUnprocessableEntity, shown)
		return
	}
	answer := consent.Answer{Agreed: decision == "approve", By: cmp.Or(name, "a person on the page"), Words: "Decline", Rung: consent.OnPage}
	if answer.Agreed {
		answer.Words = "Approve"
	}
	_, err := p.ledger.Answer(r.Context(), proposal.ID, answer)
	switch {
	case err == nil && answer.Agreed:
		p.execute(r.Context(), proposal.Act)
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
func (p *Pages) execute(ctx context.Context, act consent.Act) {
	writer := p.writer(act.Tenant)
	if writer == nil {
		return // a process that has the tenant's key does it
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := writer.Execute(context.WithoutCancel(ctx), act); err != nil && p.Warn != nil {
			p.Warn(err)
		}
	}()
	select {
	case <-done:
	case <-time.After(executeTime):
	}
}

// writer is that of a tenant, nil if this process has none.
func (p *Pages) writer(tenant string) Writer {
	if p.WriterOf == nil {
		return nil
	}
	w, err := p.WriterOf(tenant)
	if err != nil {
		return nil
	}
	return w
}

// failed says that the ledger did not answer: for now, or because of a fault.
func failed(w http.ResponseWriter, err error) {
	switch {
	case errors.Is(err, consent.ErrTampered):
		write(w, http.StatusInternalServerError, page{
			Heading: "This request cannot be answered",
			Lead:    "Nothing was changed: the stored request does not match the consent ledger. Tell this server's operator to run vennio-mcp ledger verify.",
		})
	case errors.Is(err, consent.ErrAway):
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
