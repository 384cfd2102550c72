package tools

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/scheduling"
	"github.com/vennio-mcp/vennio-mcp/internal/tenant"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// This file is the conversation in which a person consents to a write: by a form or a link in the
// client, on the approval page, or as the agent states.

// Conversation is what the tools use to obtain a person's consent.
type Conversation struct {
	Policy consent.Policy // the consent methods that count
	Keys   tenant.Keyring // the tenant's; authenticates the states and cursors that clients return
	// ApprovalURL returns the address of the page on which a person can answer a proposal; nil: no page
	// is served.
	ApprovalURL func(proposalID string) (string, error)
	// TrustedConnection reports whether forms and cards that are answered over the connection count under
	// the policy human: over stdio, and for callers with the scope vennio:ask. An agent that opens a
	// connection itself could answer its own question. nil: every connection is trusted.
	TrustedConnection func(context.Context) bool
	Card              CardMode // whether cards are shown and can approve
	FormCard          bool     // clients that can show forms as cards are asked to
	// CallerName returns the name of the caller's token, which is recorded with answers to forms. It is
	// empty if callers are not authenticated; nil: they never are.
	CallerName func(context.Context) string
	// Present opens the page of a proposal in the person's own browser, and reports whether it did.
	// nil: only the agent passes on the address.
	Present func(proposalID string) bool
	// Requested announces a proposal that waits for a person outside the client, whose name is empty
	// if unknown. It may be called more than once for a proposal; nil: nothing is announced.
	Requested func(ctx context.Context, p consent.Proposal, client string)
	// Caller identifies the caller, so that the requests of each caller can be limited; nil: all calls
	// come from one caller. Only a keyed hash of it is stored.
	Caller  func(context.Context) string
	AskTime time.Duration // time for a person to answer in the client; 0: defaultAskTime
}

// defaultAskTime limits a call whose client declares elicitation and never answers.
const defaultAskTime = 2 * time.Minute

func (d *Deps) askTime() time.Duration { return cmp.Or(d.AskTime, defaultAskTime) }

// writeRequest is a write to which a person is to consent.
type writeRequest struct {
	act      consent.Act
	proposal *schemas.Proposal
	starts   []time.Time // of the meetings of a series; none: a single meeting
	prices   []string    // to be paid
}

// writeTimeout limits a write, all attempts included.
const writeTimeout = 2 * time.Minute

// withConsent writes what was prepared once a person has consented. After the write has begun, the
// cancellation of the call no longer stops it, because its outcome must be known.
func withConsent[Prepared, Out any](
	ctx context.Context, d *Deps, req writeRequest, reported schemas.Consent, prepared Prepared, write func(context.Context, Prepared, consent.Grant) (Out, error),
) (out Out, err error) {
	grant, err := d.obtainConsent(ctx, req, reported)
	if err != nil {
		return out, err
	}
	if err := ctx.Err(); err != nil {
		return out, err
	}
	ctx, done := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
	defer done()
	return write(ctx, prepared, grant)
}

// obtainConsent returns the grant for a write: an existing one, or one that a person gives now.
// Otherwise the error says how a person can give it: it is *Awaiting if nobody was asked or nobody has
// answered yet.
//
// The operator's policy decides whether the agent's report of consent is enough. If it is not, the
// server asks the person itself, whatever the report says.
func (d *Deps) obtainConsent(ctx context.Context, req writeRequest, reported schemas.Consent) (consent.Grant, error) {
	if err := d.checkAnswerFor(ctx, req.act); err != nil {
		return consent.Grant{}, err
	}
	if err := d.Permit(ctx, req.act, req.starts, req.prices); err != nil {
		return consent.Grant{}, err
	}
	report, err := consent.CheckAttestation(consent.Attestation{Granted: reported.Granted, GivenBy: reported.GivenBy, Words: reported.Statement})
	if err != nil {
		return consent.Grant{}, err
	}
	grant, err := d.findGrant(ctx, req.act)
	included := d.Rollout.Includes(req.act)
	switch {
	case err != nil:
		return consent.Grant{}, err
	case d.Approved != nil:
		return d.approvedGrant(req.act, grant, included)
	case !included && (grant == nil || grant.Outcome == consent.Unsent):
		return consent.Grant{}, &scheduling.Refusal{
			Code: schemas.CodePreview, Instead: schemas.Instead{Proposal: req.proposal},
			Message: fmt.Sprintf("This call changed nothing: this server writes for %s of its hosts so far, and this one is not among them. What it would have written is shown.", d.Rollout),
		}
	case grant != nil:
		return *grant, nil
	case !d.statementCounts(ctx):
		return d.askPerson(ctx, req, report.GivenBy)
	}
	return d.acceptStatement(ctx, req, report)
}

// approvedGrant returns the grant of the act that Execute executes, or an error if it no longer
// counts or another act would be written. Nobody is asked.
func (d *Deps) approvedGrant(act consent.Act, grant *consent.Grant, included bool) (consent.Grant, error) {
	switch {
	case grant == nil && act.Digest() != d.Approved.Digest():
		return consent.Grant{}, &scheduling.Refusal{Code: schemas.CodeConsentMismatch}
	case grant == nil:
		return consent.Grant{}, &scheduling.Refusal{Code: schemas.CodeConsentExpired}
	case !included && grant.Outcome == consent.Unsent:
		return consent.Grant{}, scheduling.NotAllowed("this server does not write for this host yet.")
	}
	return *grant, nil
}

// acceptStatement returns a grant on the agent's statement, or a preview if it states that nobody has
// agreed. Under every policy a person's refusal outranks the statement: the server then asks the
// person, if it may.
func (d *Deps) acceptStatement(ctx context.Context, req writeRequest, report consent.Attestation) (grant consent.Grant, err error) {
	if report.Granted {
		grant, err = d.Ledger.Statement(ctx, req.act, report.GivenBy, report.Words)
	} else {
		err = d.Ledger.Refused(ctx, req.act)
	}
	switch {
	case errors.Is(err, consent.ErrDeclined):
		return d.askPerson(ctx, req, report.GivenBy)
	case err == nil && !report.Granted:
		a := awaiting(req, schemas.CodeConsentRequired, "", "Show the person what would be "+req.proposal.Done()+" and ask. If they agree, make the same call with consent {granted: true, given_by: their name, statement: their words}. Never fill these in for them.")
		if declaresCards(ctx) && d.cardCounts(ctx, d.Policy) {
			if p, err := d.Ledger.Ask(ctx, req.act, d.asker(ctx)); err == nil { // without a card, the agent asks
				a.Card = d.cardKey(ctx, p)
			}
		}
		err = a
	}
	return grant, err
}

// consentRule is the sentence of a writing tool's description about the consent to send.
func consentRule(p consent.Policy) string {
	switch p {
	case consent.PolicyAttested:
		return "Show the person all; send consent {granted: true} only if they agree. false previews."
	case consent.PolicyHuman:
		return "Send consent {granted: false}: the person approves in the client or on a page you give them."
	case consent.PolicySigned:
		return "Send consent {granted: false}: the person signs with a passkey on a page you give them."
	default:
		return "Send consent {granted: false}: the server asks the person or previews; on their yes send true."
	}
}

// Awaiting is the error of a write that waits for a person's consent. Its result is not an error,
// because nothing failed.
type Awaiting struct {
	Reason      schemas.Code
	Message     string
	Proposal    *schemas.Proposal
	ApprovalURL string // empty: there is no page
	Next        string
	Card        *CardKey // nil: no card can answer
}

func (a *Awaiting) Error() string { return string(a.Reason) + ": " + a.Message }

func (a *Awaiting) result() *schemas.AwaitingConsent {
	out := &schemas.AwaitingConsent{
		Status:  schemas.StatusAwaiting,
		Instead: schemas.Instead{Proposal: a.Proposal, Message: a.Message, Reason: a.Reason, ApprovalURL: a.ApprovalURL},
		Next:    a.Next,
	}
	if a.Card != nil {
		out.Meta = map[string]any{metaConsent: a.Card}
	}
	return out
}

// awaitingReasons say why a write waits for a person.
var awaitingReasons = map[schemas.Code]string{
	schemas.CodeConsentRequired:   "a person must agree to it first.",
	schemas.CodeApprovalNeeded:    "on this server the person must approve it themselves; an agent's word is not enough.",
	schemas.CodeConsentUnanswered: "the person was asked in this client and gave no answer.",
}

func awaiting(req writeRequest, reason schemas.Code, approvalURL, next string) *Awaiting {
	return &Awaiting{
		Reason: reason, Message: "NOT " + strings.ToUpper(req.proposal.Done()) + " YET: " + awaitingReasons[reason],
		Proposal: req.proposal, ApprovalURL: approvalURL, Next: next,
	}
}

// errTaken is the error of a call whose act a person approved while somebody else booked the time. It
// would be useless to ask the person again.
var errTaken = &vennioclient.Error{Kind: vennioclient.KindSlotTaken}

// findGrant returns the grant that counts for an act, nil if there is none. A grant that was sent is
// settled whatever the policy is by now. The error says that the person declined, or that something
// else was booked under the slot id.
func (d *Deps) findGrant(ctx context.Context, act consent.Act) (*consent.Grant, error) {
	grant, proposal, err := d.Ledger.FindConsent(ctx, act)
	switch {
	case err != nil:
		return nil, err
	case grant != nil && (grant.Outcome != consent.Unsent || d.grantCounts(ctx, *grant)):
		return grant, nil
	case proposal != nil && proposal.State == consent.StateDeclined:
		if err := d.Ledger.Refused(ctx, act); err != nil {
			return nil, err
		}
		return nil, &scheduling.Refusal{Code: schemas.CodeConsentDeclined}
	case grant == nil && proposal != nil && proposal.State == consent.StateUsed:
		_, used, err := d.Ledger.Result(ctx, proposal.ID)
		if err == nil && used != nil && used.Outcome == consent.NotDone && used.Detail == string(vennioclient.KindSlotTaken) && d.Now().Sub(used.At) < consent.Lifetime {
			err = errTaken
		}
		return nil, err
	}
	return nil, nil
}

// grantCounts reports whether a grant is enough to write. Where the server can and must ask the
// person, a statement that the agent made through another client does not replace the question
// (requirement C3).
func (d *Deps) grantCounts(ctx context.Context, g consent.Grant) bool {
	return d.Policy.Accepts(g) && (g.Method != consent.Attested || d.statementCounts(ctx))
}

// statementCounts reports whether the agent's statement is enough: under the policy attested, and under
// ask if the client cannot ask. If the server cannot know whether it can, the person is asked outside
// the client.
func (d *Deps) statementCounts(ctx context.Context) bool {
	return d.Policy == consent.PolicyAttested || d.Policy == consent.PolicyAsk && !d.canAsk(ctx) && !capabilitiesUnknown(ctx)
}

// canAsk reports whether the client declared that it can show a form or a card, or open the approval
// page if there is one. The server sends nothing that the client did not declare (requirement P6).
func (d *Deps) canAsk(ctx context.Context) bool {
	can := capabilities(ctx).Elicitation
	return d.showsForms(ctx, can) || can != nil && can.URL != nil && d.ApprovalURL != nil || declaresCards(ctx) && d.cardCounts(ctx, d.Policy)
}

// capabilities returns what the client declared: since 2026-07-28 with this request, before that with
// initialize.
func capabilities(ctx context.Context) (declared mcp.ClientCapabilities) {
	if info := server.RequestProtocolInfoFromContext(ctx); info != nil && info.Modern {
		if info.ClientCapabilities != nil {
			declared = *info.ClientCapabilities
		}
	} else if session, ok := server.ClientSessionFromContext(ctx).(server.SessionWithClientInfo); ok {
		declared = session.GetClientCapabilities()
	}
	return declared
}

// capabilitiesUnknown reports whether the client declared its capabilities with another request, of
// which a stateless server keeps nothing. Since 2026-07-28 each request declares them.
func capabilitiesUnknown(ctx context.Context) bool {
	session, ok := server.ClientSessionFromContext(ctx).(interface{ Stateless() bool })
	return ok && session.Stateless() && !server.IsModernRequest(ctx)
}

// showsForms reports whether the client shows forms and their answers count. An empty capability means
// forms (MCP 2025-11-25, Elicitation).
func (d *Deps) showsForms(ctx context.Context, e *mcp.ElicitationCapability) bool {
	return d.connectionCounts(ctx, d.Policy) && e != nil && (e.Form != nil || e.URL == nil)
}

// connectionCounts reports whether a policy accepts that the client passes on the answer of a person.
func (d *Deps) connectionCounts(ctx context.Context, policy consent.Policy) bool {
	return policy != consent.PolicySigned && (policy != consent.PolicyHuman || d.trusted(ctx))
}

// trusted reports whether forms and cards that are answered over the connection count under human.
func (d *Deps) trusted(ctx context.Context) bool {
	return d.TrustedConnection == nil || d.TrustedConnection(ctx)
}

// reply is the answer of a person, or why there is none, as the ledger records it. unable: a client
// that declared elicitation answered with an error. A client that only opens a link reports whether
// the person opened it; their answer is the button that they press on the page.
type reply string

const (
	accepted       reply = "accepted in the client"
	declined       reply = "declined in the client"
	notTicked      reply = "accepted in the client without ticking the box"
	dismissed      reply = "cancelled in the client"
	unanswered     reply = "no answer"
	unable         reply = "the client could not ask"
	answeredOnPage reply = "answered on the page"
	opened         reply = "opened the page and did not answer in time"
)

// askPerson asks in the client if that is possible and was not tried in vain, and otherwise says where
// a person can consent. name is the person whom the agent named, possibly empty.
func (d *Deps) askPerson(ctx context.Context, req writeRequest, name string) (consent.Grant, error) {
	proposal, err := d.Ledger.Ask(ctx, req.act, d.asker(ctx))
	if err != nil {
		return consent.Grant{}, err
	}
	q, can := d.elicitationFor(ctx, proposal, req)
	if !can || proposal.Unanswered != "" {
		return consent.Grant{}, d.approvalRequired(ctx, proposal, req, schemas.CodeApprovalNeeded)
	}
	got, err := d.ask(ctx, proposal, q)
	if err != nil {
		if ctx.Err() != nil { // the client is gone
			d.announce(ctx, proposal)
		}
		return consent.Grant{}, err
	}
	keep := context.WithoutCancel(ctx) // the answer of a person is recorded even if the client hangs up
	switch got {
	case accepted, declined, notTicked:
		_, err = d.Ledger.Answer(keep, proposal.ID, consent.Answer{
			Agreed: got == accepted, By: d.answeredBy(ctx), Claimed: name, Words: string(got), Method: consent.InClient, Policy: d.Policy,
			Trusted: d.trusted(ctx),
		})
	default: // no person has answered here
	}
	if got != accepted && got != declined && got != notTicked && got != answeredOnPage || errors.Is(err, consent.ErrUnsigned) {
		if err = d.Ledger.Withdraw(keep, proposal.ID, string(got)); err == nil {
			return consent.Grant{}, d.approvalRequired(ctx, proposal, req, schemas.CodeConsentUnanswered)
		}
	}
	// ErrAnswered: the person answered before, on the page or in another form.
	if err != nil && !errors.Is(err, consent.ErrAnswered) {
		return consent.Grant{}, err
	}
	grant, err := d.findGrant(ctx, req.act)
	switch {
	case err != nil:
		return consent.Grant{}, err
	case grant == nil:
		return consent.Grant{}, &scheduling.Refusal{Code: schemas.CodeConsentExpired}
	}
	return *grant, nil
}

// asker identifies the caller for the ledger's limits by a keyed hash, so that the ledger does not
// contain the identity. When the signing secret is rotated, counting starts again.
func (d *Deps) asker(ctx context.Context) consent.Asker {
	caller := ""
	if d.Caller != nil {
		caller = d.Caller(ctx)
	}
	hash := d.Keys.Sign("vennio-mcp caller v1\x00" + d.Tenant + "\x00" + caller)
	return consent.Asker{Caller: hex.EncodeToString(hash[:16]), Client: clientName(ctx), Limits: d.Limits.Asking, Account: d.Account, Policy: d.Policy}
}

// answeredBy names who answered in the client, as far as the connection shows: the name of the caller's
// token over HTTP, otherwise the client.
func (d *Deps) answeredBy(ctx context.Context) string {
	if d.CallerName != nil {
		if name := d.CallerName(ctx); name != "" {
			return sanitize.Line(name, 60) + ", in the client"
		}
	}
	return "a person in " + cmp.Or(clientName(ctx), "the client")
}

// clientName is the name by which the client identifies itself, empty if unknown.
func clientName(ctx context.Context) string {
	client := ""
	if info := server.RequestProtocolInfoFromContext(ctx); info != nil && info.ClientInfo != nil {
		client = info.ClientInfo.Name
	} else if session, ok := server.ClientSessionFromContext(ctx).(server.SessionWithClientInfo); ok {
		client = session.GetClientInfo().Name
	}
	return sanitize.Line(client, 60)
}

// approvalRequired is the result of a write that waits for a person who was not asked in the client or
// did not answer: it contains the address of the approval page. It never mentions the command line,
// which a model with a shell could run.
func (d *Deps) approvalRequired(ctx context.Context, p consent.Proposal, req writeRequest, reason schemas.Code) error {
	d.announce(ctx, p)
	key := d.cardKey(ctx, p)
	again := " Their approval carries it out; make exactly the same call again to learn the result."
	url := d.approvalPage(p.ID)
	if strings.HasPrefix(url, "http://localhost:") && !d.Sandbox { // the page ends with this process, the request does not
		again += " If the page no longer opens, the person finds the request among the approvals on this machine."
	}
	next := "Give the person the approval page as it is; it is open for 10 minutes, and you cannot approve it for them." + again
	switch {
	case key != nil && declaresCards(ctx):
		next = "The person answers on the card with this result; you cannot answer for them."
		if url != "" {
			next += " If they see no card, give them the approval page as it is; both are open for 10 minutes."
		}
		next += again
	case url == "" && d.Sandbox: // only this process has the sandbox's ledger
		next = "Tell the person that this server has no way to ask them: its operator must serve the approval page, or they must use a client that can ask."
	case url == "" && d.Policy == consent.PolicySigned:
		next = "Tell the person that the request waits for 10 minutes, and that only they can approve it, with their passkey, on the approval page. This server cannot show that page now: its operator must set its public URL." + again
	case url == "":
		next = "Tell the person that the request waits for 10 minutes and that you cannot approve it: they can approve it in a terminal on the machine of this server, as its documentation says, or use a client that can ask them." + again
	case d.Present != nil && d.Present(p.ID):
		next = "The request was opened in the person's browser. If they do not see it, give them the approval page as it is; it is open for 10 minutes, and you cannot approve it for them." + again
	}
	a := awaiting(req, reason, url, next)
	a.Card = key
	return a
}

// announce announces a proposal that waits outside the client.
func (d *Deps) announce(ctx context.Context, p consent.Proposal) {
	if d.Requested != nil {
		d.Requested(context.WithoutCancel(ctx), p, clientName(ctx))
	}
}

// approvalPage is the address of the page for a proposal, empty if there is none.
func (d *Deps) approvalPage(proposal string) string {
	if d.ApprovalURL == nil {
		return ""
	}
	url, err := d.ApprovalURL(proposal)
	if err != nil {
		if d.Warn != nil {
			d.Warn(fmt.Errorf("the approval page: %w", err))
		}
		return ""
	}
	return url
}

// approveField is the only field of a form: a checkbox that the person must tick. Clients that accept
// forms automatically (Codex in full-access mode) leave it empty, which is a refusal.
const approveField = "approve"

// elicitationFor is a form if the client shows forms, otherwise a link to the approval page if the
// client opens links. It returns false if the client can do neither.
func (d *Deps) elicitationFor(ctx context.Context, p consent.Proposal, req writeRequest) (mcp.ElicitationParams, bool) {
	can := capabilities(ctx).Elicitation
	if d.showsForms(ctx, can) {
		return mcp.ElicitationParams{
			Meta: d.formMeta(ctx), Message: promptText(req),
			RequestedSchema: map[string]any{
				"type": "object",
				"properties": map[string]any{approveField: map[string]any{
					"type": "boolean", "title": "Yes, " + strings.ToLower(req.act.Verb()) + " it", "description": "Tick to agree to exactly this; leave it empty to refuse.",
				}},
				"required": []string{approveField},
			},
		}, true
	}
	url := ""
	if can != nil && can.URL != nil {
		url = d.approvalPage(p.ID)
	}
	return mcp.ElicitationParams{
		Mode: mcp.ElicitationModeURL, ElicitationID: p.ID, URL: url, Message: promptText(req) + "\n\nOpen the page to approve or decline.",
	}, url != ""
}

// promptNotes limits the notes in a form, because more would push the facts out of view. The approval
// page shows all of them.
const promptNotes = 300

// promptText describes a write to the person in the server's words: one complete sentence, and below
// it all facts, with every name quoted (requirement C8) and an excerpt of the notes on one line.
func promptText(req writeRequest) string {
	const nameLength = 98 // 100 with the quotation marks
	p := *req.proposal
	p.SlotID, p.BookingID, p.Notes = "", "", ""
	p.Hosts = slices.Clone(p.Hosts)
	for i, h := range p.Hosts {
		p.Hosts[i].Name = sanitize.Quote(h.Name, nameLength)
		if len(req.act.Hosts) == len(p.Hosts) {
			p.Hosts[i].Name = req.act.Hosts[i].Label(nameLength, sanitize.Quote)
		}
	}
	facts := p.Facts()
	if req.act.Notes != "" {
		facts += "\n  Notes: " + sanitize.Excerpt(req.act.Notes, promptNotes)
	}
	return req.act.Question() + "\n\n" + facts
}

// question is the error of a call that waits for a person: a client of protocol 2026-07-28 receives the
// question as the result, and repeats the call with the answer.
type question struct {
	params mcp.ElicitationParams
	state  string
}

func (*question) Error() string { return "a person is asked" }

const questionID = "agree"

func (q *question) result() *mcp.CallToolResult {
	return server.NewInputRequestBuilder(q.state).Elicit(questionID, q.params).ToolResult()
}

// ask asks the person and waits for the answer. A client of 2026-07-28 receives the error *question,
// and its answer comes with the repeated call; if that call has no answer and the time is over, there
// is none.
func (d *Deps) ask(ctx context.Context, p consent.Proposal, q mcp.ElicitationParams) (reply, error) {
	limited, done := context.WithTimeout(ctx, d.askTime())
	defer done()
	until := d.Now().Add(d.askTime())
	got := answerFrom(ctx)
	switch {
	case got != nil && got.result != nil && d.isSealed(got.state, p.ID):
		return d.interpret(limited, p, q, got.result, until), nil
	case got != nil && got.result != nil:
		return "", errForeignAnswer // it belongs to a question about this act that has expired
	case server.IsModernRequest(ctx) && got != nil && d.Now().Sub(p.At) >= d.askTime():
		return unanswered, nil
	case server.IsModernRequest(ctx):
		return "", &question{q, d.seal(p.ID)}
	}
	end := d.notifyWaiting(limited, p, q, until)
	result, err := elicit(limited, q)
	end()
	switch {
	case err == nil:
		return d.interpret(limited, p, q, result, until), nil
	case ctx.Err() != nil: // the call itself was cancelled
		return "", ctx.Err()
	case limited.Err() != nil:
		return unanswered, nil
	}
	return unable, nil
}

func elicit(ctx context.Context, q mcp.ElicitationParams) (*mcp.ElicitationResult, error) {
	return server.ServerFromContext(ctx).RequestElicitation(ctx, mcp.ElicitationRequest{
		Request: mcp.Request{Method: string(mcp.MethodElicitationCreate)}, Params: q,
	})
}

// interpret returns the reply in an elicitation result. A link that was opened is not an answer; the
// answer on the page is awaited then.
func (d *Deps) interpret(ctx context.Context, p consent.Proposal, q mcp.ElicitationParams, r *mcp.ElicitationResult, until time.Time) reply {
	isLink := q.Mode == mcp.ElicitationModeURL
	switch {
	case r.Action == mcp.ElicitationResponseActionDecline:
		return declined
	case r.Action != mcp.ElicitationResponseActionAccept:
		return dismissed
	case !isLink:
		content, _ := r.Content.(map[string]any)
		if ticked, _ := content[approveField].(bool); ticked {
			return accepted
		}
		return notTicked
	}
	defer d.notifyWaiting(ctx, p, q, until)()
	if d.Ledger.Wait(ctx, q.ElicitationID) != nil {
		return opened
	}
	if session := server.ClientSessionFromContext(ctx); session != nil && !server.IsModernRequest(ctx) {
		_ = server.ServerFromContext(ctx).SendElicitationComplete(ctx, session, q.ElicitationID) // the client then stops showing the link
	}
	return answeredOnPage
}

// notifyWaiting notifies the client that the person's answer is awaited, and until when. The message
// contains nothing that anybody wrote.
func (d *Deps) notifyWaiting(ctx context.Context, p consent.Proposal, q mcp.ElicitationParams, until time.Time) (done func()) {
	what := map[string]string{
		toolBook: "this booking", toolReschedule: "this new time", toolCancel: "this cancellation", toolUpdate: "this change",
		toolPropose: "this proposal", toolRespond: "this response", toolClosePoll: "the end of this poll", toolShare: "this link",
	}[p.Act.Tool]
	where := "in the client"
	if q.Mode == mcp.ElicitationModeURL {
		where = "on the approval page"
	}
	return waiting(ctx, func() string {
		return fmt.Sprintf("Waiting for a person to approve %s %s; %s left.", what, where, roughly(until.Sub(d.Now())))
	})
}
