// Package approve is the page on which a person agrees to a booking, or does
// not: plain HTML, no script. Opening it changes nothing, so link previews are
// harmless; agreeing is a POST with a token that only the opened page carries.
package approve

import (
	"cmp"
	_ "embed"
	"errors"
	"html/template"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/plain"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
)

// Path is where the page is mounted; what follows is the id of a proposal.
const Path = "/approve/"

//go:embed page.html
var source string

var layout = sync.OnceValue(func() *template.Template { return template.Must(template.New("page").Parse(source)) })

// page is what the layout shows.
type page struct {
	Heading, Lead string
	Facts         []fact
	Notes         string
	Token         string // empty: there is nothing to decide any more
	Until         string
}

type fact struct {
	Name, Text, Small string
	Long              bool
}

// Page answers GET and POST under Path.
type Page struct {
	// HTTPS: people reach the page over TLS, though a proxy may take that off.
	HTTPS bool

	ledger *consent.Ledger
	tokens tokens
}

// New returns the page over a ledger. secret authenticates its tokens; while it
// is rotated, others are further ones under which they are taken.
func New(ledger *consent.Ledger, secret []byte, others ...[]byte) *Page {
	return &Page{ledger: ledger, tokens: newTokens(append([][]byte{secret}, others...))}
}

// ServeHTTP shows a proposal, or takes the answer to it.
func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	guard(w.Header())
	id := strings.TrimPrefix(r.URL.Path, Path)
	proposal, err := p.ledger.Proposal(r.Context(), id)
	switch {
	case errors.Is(err, consent.ErrNoProposal):
		write(w, http.StatusNotFound, page{Heading: "Nothing to approve", Lead: "There is no such request, or its data was erased."})
	case err != nil:
		failed(w, err)
	case r.Method == http.MethodPost:
		p.decide(w, r, proposal)
	case r.Method == http.MethodGet, r.Method == http.MethodHead:
		write(w, http.StatusOK, p.view(w, r, proposal))
	default:
		w.Header().Set("Allow", "GET, HEAD, POST")
		write(w, http.StatusMethodNotAllowed, page{Heading: "Nothing was changed", Lead: "This page can be opened and answered, no more."})
	}
}

func (p *Page) decide(w http.ResponseWriter, r *http.Request, proposal consent.Proposal) {
	const most = 16 << 10
	r.Body = http.MaxBytesReader(w, r.Body, most)
	if r.ParseForm() != nil || !p.tokens.fits(r, proposal.ID) {
		shown := p.view(w, r, proposal)
		shown.Lead = "Nothing was changed: this form had been open too long or came from elsewhere. Please look again and decide."
		write(w, http.StatusForbidden, shown)
		return
	}
	name := plain.Line(r.PostForm.Get("name"), 100)
	agreed := r.PostForm.Get("decision") == "approve"
	if agreed && name == "" {
		shown := p.view(w, r, proposal)
		shown.Lead = "Please enter your name: the record says who agreed."
		write(w, http.StatusUnprocessableEntity, shown)
		return
	}
	words := map[bool]string{true: "Approve", false: "Decline"}[agreed]
	after, err := p.ledger.Answer(r.Context(), proposal.ID, consent.Answer{
		Agreed: agreed, By: cmp.Or(name, "a person on the page"), Words: words, Rung: consent.OnPage,
	})
	switch {
	case err == nil, errors.Is(err, consent.ErrAnswered), errors.Is(err, consent.ErrExpired):
		if err != nil {
			after, err = p.ledger.Proposal(r.Context(), proposal.ID)
		}
		if err == nil {
			write(w, http.StatusOK, p.view(w, r, after))
			return
		}
	case errors.Is(err, consent.ErrTampered):
		write(w, http.StatusInternalServerError, page{
			Heading: "This question cannot be answered",
			Lead:    "Nothing was changed: the stored question does not match the consent ledger. Tell this server's operator to run vennio-mcp ledger verify.",
		})
		return
	default:
	}
	failed(w, err)
}

// failed says that the ledger did not answer: for now, or because of a mistake.
func failed(w http.ResponseWriter, err error) {
	if errors.Is(err, consent.ErrAway) {
		w.Header().Set("Retry-After", "5")
		write(w, http.StatusServiceUnavailable, page{Heading: "Please try again", Lead: "The record of approvals cannot be used for now. Open this page again in a minute: it shows whether your answer was taken."})
		return
	}
	write(w, http.StatusInternalServerError, page{Heading: "That did not work", Lead: "Please open this page again in a moment: it shows whether your answer was taken."})
}

// view shows everything that will be written, and the form while it is open.
func (p *Page) view(w http.ResponseWriter, r *http.Request, proposal consent.Proposal) page {
	shown := page{Facts: facts(proposal.Act), Notes: plain.Mask(plain.Folded(proposal.Act.Notes, 2000))}
	switch proposal.State {
	case consent.StateOpen:
		q := questionOf(proposal.Act)
		shown.Heading, shown.Lead = q.heading, q.lead
		shown.Token = p.tokens.issue(w, r, proposal.ID, p.HTTPS)
		loc, _ := times.Zone(proposal.Act.Zone)
		shown.Until = times.Clock(proposal.Expires.Truncate(time.Minute), loc) + " (" + proposal.Act.Zone + ")"
	case consent.StateApproved:
		shown.Heading, shown.Lead = "Approved", "Tell the assistant to go on. You can close this page."
	case consent.StateUsed:
		shown.Heading, shown.Lead = "Approved, and used", "The assistant has used your approval. It cannot be used again."
	case consent.StateDeclined:
		shown.Heading, shown.Lead = "Declined", "Nothing was changed. You can close this page."
	default:
		shown.Heading, shown.Lead = "Too late", "This request has expired. Nothing was written under it; the assistant can ask again."
	}
	return shown
}

func write(w http.ResponseWriter, status int, shown page) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_ = layout().Execute(w, shown)
}
