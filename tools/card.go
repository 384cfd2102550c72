package tools

import (
	"context"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/vennio-mcp/vennio-mcp/internal/approval"
	"github.com/vennio-mcp/vennio-mcp/internal/auth"
	"github.com/vennio-mcp/vennio-mcp/internal/cards"
	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/scheduling"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// This file is the consent on a card in the chat (MCP Apps, SEP-1865): the key with which a card
// answers, and the two tools that only cards call.
//
// A server cannot tell the call of a card from the call of a model, and models can call tools that
// are meant for cards only. Therefore the answer must bring a key that the server puts into the _meta
// of the result, and the key counts only in the _meta of the request: hosts fill that in, and models
// write arguments. The key is single-use and bound to the request, the caller and the OAuth client. It
// is not bound to the session, because ChatGPT opens another one for its cards.

// CardMode is the operator's choice of what cards do.
type CardMode string

// The modes. The zero value is CardOff.
const (
	CardOn   CardMode = "on"
	CardLink CardMode = "link" // cards cannot answer; they link to the approval page
	CardOff  CardMode = "off"
)

func (m CardMode) shown() bool { return m == CardOn || m == CardLink }

// The names in _meta. The prefix is ours (MCP 2025-11-25, _meta).
const (
	metaConsent  = "io.github.vennio-mcp/consent"     // of a result: a CardKey
	metaCalendar = "io.github.vennio-mcp/calendar"    // of a result: a file to add the booking to a calendar (RFC 5545)
	metaDays     = "io.github.vennio-mcp/days"        // of find_slots: see dayStrip
	metaKey      = "io.github.vennio-mcp/consent-key" // of a request: the key of a CardKey
)

// CardKey lets the card that shows a result answer its proposal.
type CardKey struct {
	ProposalID string `json:"proposal_id"`
	Key        string `json:"key"`
	Expires    string `json:"expires"` // RFC 3339, UTC
}

// extensionUI is the identifier of MCP Apps in the extensions of clients and servers.
const extensionUI = "io.modelcontextprotocol/ui"

// Extensions returns the extensions of cards that the server declares.
func (d *Deps) Extensions() map[string]any {
	extensions := map[string]any{}
	if d.Card.shown() {
		ui := map[string]any{}
		if d.FormCard {
			ui["elicitation"] = map[string]any{}
		}
		extensions[extensionUI] = ui
	}
	return extensions
}

// declaredUI returns what the client declared about cards; false: that it shows none.
func declaredUI(ctx context.Context) (ui map[string]any, ok bool) {
	if ui, ok = capabilities(ctx).Extensions[extensionUI].(map[string]any); !ok {
		return nil, false
	}
	types, listed := ui["mimeTypes"].([]any)
	return ui, !listed || slices.Contains(types, any(cards.MIMEType))
}

func declaresCards(ctx context.Context) bool {
	_, ok := declaredUI(ctx)
	return ok
}

// formMeta is the _meta of a form that the client may show as a card (SEP-3118, a draft); nil if the
// operator or the client does not want that. The client then shows the form itself. The answer is that
// of a form in either case, because only the client can give it.
func (d *Deps) formMeta(ctx context.Context) *mcp.Meta {
	ui, shows := declaredUI(ctx)
	if _, asCard := ui["elicitation"].(map[string]any); !shows || !asCard || !d.FormCard || !d.Card.shown() {
		return nil
	}
	return &mcp.Meta{AdditionalFields: map[string]any{"ui": map[string]any{"resourceUri": cards.BookingURI}}}
}

// HideCards returns hooks that leave the cards and their tools out of the lists of clients that did not
// declare cards. Such clients can still use them, because some show cards without declaring it
// (claude.ai).
func HideCards() *server.Hooks {
	hooks := &server.Hooks{}
	hooks.AddAfterListTools(func(ctx context.Context, _ any, _ *mcp.ListToolsRequest, list *mcp.ListToolsResult) {
		if !declaresCards(ctx) {
			list.Tools = slices.DeleteFunc(list.Tools, func(t mcp.Tool) bool { return t.Name == toolShow || t.Name == toolAnswer })
		}
	})
	hooks.AddAfterListResources(func(ctx context.Context, _ any, _ *mcp.ListResourcesRequest, list *mcp.ListResourcesResult) {
		if !declaresCards(ctx) {
			list.Resources = slices.DeleteFunc(list.Resources, func(r mcp.Resource) bool { return r.MIMEType == cards.MIMEType })
		}
	})
	return hooks
}

// cardMeta adds the address of a tool's card, and who may call the tool, to the _meta of the tool and
// of its results. ChatGPT reads it from results; some hosts read only the flat name, and some show no
// card without the visibility.
func (d *Deps) cardMeta(s spec, fields map[string]any) map[string]any {
	if !d.Card.shown() || s.card == "" && !s.forCards {
		return fields
	}
	if fields == nil {
		fields = map[string]any{}
	}
	if s.forCards {
		fields["ui"] = map[string]any{"visibility": []string{"app"}}
		return fields
	}
	fields["ui"] = map[string]any{"resourceUri": s.card, "visibility": []string{"model", "app"}}
	fields["ui/resourceUri"] = s.card
	return fields
}

// cardCounts reports whether a policy accepts the answer of a card over this connection.
func (d *Deps) cardCounts(ctx context.Context, policy consent.Policy) bool {
	return d.Card == CardOn && policy.Counts(consent.OnCard) && d.connectionCounts(ctx, policy)
}

// cardKey returns a new key for the card of a proposal, which voids the key before; nil if a card
// cannot answer it.
func (d *Deps) cardKey(ctx context.Context, p consent.Proposal) *CardKey {
	if !d.cardCounts(ctx, consent.Strictest(d.Policy, p.Policy)) {
		return nil
	}
	key, err := d.Ledger.IssueCardKey(ctx, p.ID, d.cardHolder(ctx))
	if err != nil { // it was answered, or the page remains
		return nil
	}
	return &CardKey{p.ID, key, times.UTC(p.Expires)}
}

// cardHolder identifies the caller and the OAuth client to whom a key is issued, by a keyed hash.
func (d *Deps) cardHolder(ctx context.Context) string {
	caller := ""
	if d.Caller != nil {
		caller = d.Caller(ctx)
	}
	return hex.EncodeToString(d.Keys.Sign("vennio-mcp card holder v1\x00" + d.Tenant + "\x00" + caller + "\x00" + auth.From(ctx).Client))
}

type cardKeyKey struct{}

// withCardKey stores the key that came in the _meta of a request. Nothing that a model writes, such as
// the arguments, is looked at.
func withCardKey(ctx context.Context, req mcp.CallToolRequest) context.Context {
	if req.Params.Meta == nil {
		return ctx
	}
	key, _ := req.Params.Meta.AdditionalFields[metaKey].(string)
	return context.WithValue(ctx, cardKeyKey{}, key)
}

// showConsent defines the tool with which a card reads a request. It never returns a key.
func showConsent(d *Deps) Tool {
	return define(d, spec{
		name: toolShow, title: "Show a request for consent", effect: reads, forCards: true,
		description: "For cards only: show a request for a person's consent, its facts and its outcome, as the approval page does. " +
			"It changes nothing and returns no key; consent is asked for by the tools that write.",
	}, func(ctx context.Context, in schemas.ShowConsentInput) (*schemas.ConsentResult, error) {
		return d.consentResult(ctx, in.ProposalID)
	})
}

func answerConsent(d *Deps) Tool {
	return define(d, spec{
		name: toolAnswer, title: "Answer a request for consent", effect: adds, forCards: true,
		description: "For cards only: record the button that a person pressed on the card of a request, and carry it out if they approved. " +
			"Without the card's key, which no model has, it changes nothing.",
	}, d.answerConsent)
}

// answerConsent records the answer of a person on a card. An approval executes the act, as on the page.
func (d *Deps) answerConsent(ctx context.Context, in schemas.AnswerConsentInput) (*schemas.ConsentResult, error) {
	p, _, err := d.ownProposal(ctx, in.ProposalID)
	if err != nil {
		return nil, err
	}
	refused := func(message string) error {
		return &scheduling.Refusal{
			Code: schemas.CodeNotAllowed, Message: "This call changed nothing: " + message, Next: "The person can answer on the approval page.",
			Instead: schemas.Instead{ApprovalURL: d.approvalPage(p.ID)},
		}
	}
	if !d.cardCounts(ctx, consent.Strictest(d.Policy, p.Policy)) {
		return nil, refused("over this connection the answer of a card does not count.")
	}
	key, _ := ctx.Value(cardKeyKey{}).(string)
	answer := consent.Answer{
		Agreed: in.Answer == schemas.AnswerApprove, By: d.answeredBy(ctx), Words: "Decline", Method: consent.OnCard, Policy: d.Policy,
		Trusted: d.trusted(ctx),
		Card:    consent.CardKey{Key: key, Holder: d.cardHolder(ctx)},
	}
	if answer.Agreed {
		answer.Words = "Approve"
	}
	keep := context.WithoutCancel(ctx) // the answer of a person is recorded and executed even if the client hangs up
	switch _, err := d.Ledger.Answer(keep, p.ID, answer); {
	case errors.Is(err, consent.ErrCardKey):
		return nil, refused("only the newest card of a request can answer it, once, with the key that its host received.")
	case errors.Is(err, consent.ErrAnswered), errors.Is(err, consent.ErrExpired), errors.Is(err, consent.ErrOtherAct): // the state says so
	case err != nil:
		return nil, err
	case answer.Agreed:
		if err := d.Execute(keep, p); err != nil && CodeOf(err) == schemas.CodeInternal && d.Warn != nil {
			d.Warn(err) // other reasons are in the ledger
		}
	}
	return d.consentResult(keep, p.ID)
}

// ownProposal returns a proposal of this tenant with its grant, nil if nobody approved it.
func (d *Deps) ownProposal(ctx context.Context, id string) (consent.Proposal, *consent.Grant, error) {
	p, g, err := d.Ledger.Result(ctx, id)
	if errors.Is(err, consent.ErrNoProposal) || err == nil && p.Act.Tenant != d.Tenant {
		err = &scheduling.Refusal{Code: schemas.CodeNotFound, Message: "There is no such request, or its data was erased.", Next: "Make the call again that asked for consent."}
	}
	return p, g, err
}

// consentResult describes a proposal as it is now.
func (d *Deps) consentResult(ctx context.Context, id string) (*schemas.ConsentResult, error) {
	p, g, err := d.ownProposal(ctx, id)
	if err != nil {
		return nil, err
	}
	out := &schemas.ConsentResult{
		ProposalID: p.ID, State: string(p.State), Question: p.Act.Question(), Proposal: d.proposalOf(p.Act), Expires: times.UTC(p.Expires),
	}
	if p.State == consent.StateOpen {
		out.ApprovalURL = d.approvalPage(p.ID)
	}
	verb := p.Act.Verb()
	switch {
	case g != nil:
		d.describeOutcome(ctx, out, verb, *g)
	case p.State == consent.StateOpen:
		out.Heading, out.Message = verb+" this?", "Nothing is "+out.Proposal.Done()+" until a person approves."
	case p.State == consent.StateDeclined:
		out.Heading, out.Message = "Declined", "Nothing was changed."
	case p.State == consent.StateExpired:
		out.Heading, out.Message = "Too late", "This request has expired. Nothing was changed; the assistant can ask again."
	default: // its data was erased a moment ago
		out.State, out.Heading, out.Message = string(consent.Unknown), "Not known", "The result of this request is no longer stored."
	}
	return out, nil
}

// describeOutcome describes what became of an approval.
func (d *Deps) describeOutcome(ctx context.Context, out *schemas.ConsentResult, verb string, g consent.Grant) {
	done := out.Proposal.Done()
	switch g.Outcome {
	case consent.Done:
		out.State, out.Heading, out.Message, out.BookingID = string(consent.Done), strings.ToUpper(done[:1])+done[1:], "It is done.", g.BookingID
		if verb != "Book" {
			return
		}
		if b, err := d.Booking(ctx, g.BookingID); err == nil && b.CheckoutURL != "" {
			out.Heading, out.Message, out.CheckoutURL = "Held, not paid yet", "It is confirmed only once it is paid.", b.CheckoutURL
		} else if err == nil {
			out.Message, out.Meta = "Status: "+b.Status+".", b.Meta
		}
	case consent.NotDone:
		out.State, out.Heading, out.Message = string(consent.NotDone), "Not "+done, "Nothing was changed: "+approval.Because(g.Detail)
	case consent.Unknown:
		out.State, out.Heading = string(consent.Unknown), "Not known yet"
		out.Message = "Vennio gave no clear answer, so this may or may not have been done. The server keeps checking, and it cannot be done twice."
	default:
		out.State, out.Heading, out.Message = string(consent.StateApproved), "Being "+done+" …", "A person approved it, and it is sent to Vennio."
	}
}

// proposalOf shows the act of a stored proposal.
func (d *Deps) proposalOf(act consent.Act) *schemas.Proposal {
	hosts := make([]scheduling.Host, len(act.Hosts))
	for i, h := range act.Hosts {
		hosts[i] = scheduling.Host{Name: h.Label(100, consent.PersonName), ID: h.ID}
	}
	loc, guest := act.Zones()
	return d.proposal(act, hosts, loc, guest)
}

// calendarMeta is the _meta with the calendar file of a confirmed booking, nil without cards.
func (d *Deps) calendarMeta(id, status, title string, start, end time.Time) map[string]any {
	if !d.Card.shown() || status != vennioclient.StatusConfirmed || start.IsZero() || !end.After(start) {
		return nil
	}
	return map[string]any{metaCalendar: approval.CalendarFile(id, title, start, end, d.Now())}
}
