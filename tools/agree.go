package tools

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/mark3labs/mcp-go/server"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// deed is something to be written once a person has agreed to it: as the ledger
// keeps it, and as it is shown.
type deed struct {
	act   consent.Act
	asked *schemas.Proposal
	each  []time.Time // when the meetings of a series begin; none: it is one
	costs []string    // the prices that are to be paid
}

func (to deed) starts() []time.Time {
	if len(to.each) > 0 {
		return to.each
	}
	return []time.Time{to.act.Start}
}

// agree returns the grant under which to may be written: an existing one, or one that a person
// gives now. Otherwise its error says how a person can give it: [*Awaiting] where nobody was
// asked or nobody has answered yet.
//
// The operator's policy decides what the agent's report of consent counts for. Where it is not
// enough, the server asks the person itself, whether the report says granted or not.
func (d Deps) agree(ctx context.Context, to deed, reported schemas.Consent) (consent.Grant, error) {
	if err := d.belongs(ctx, to.act); err != nil {
		return consent.Grant{}, err
	}
	if err := d.permit(ctx, to); err != nil {
		return consent.Grant{}, err
	}
	said, err := consent.Check(consent.Attestation{Granted: reported.Granted, GivenBy: reported.GivenBy, Words: reported.Statement})
	if err != nil {
		return consent.Grant{}, incomplete(err)
	}
	grant, err := d.standing(ctx, to.act)
	switch {
	case err != nil:
		return consent.Grant{}, err
	case d.executing != nil:
		return d.approved(to, grant)
	case !d.Canary.live(to.act) && (grant == nil || grant.Outcome == consent.Unsent):
		return consent.Grant{}, d.Canary.preview(to)
	case grant != nil:
		return *grant, nil
	case !d.attested(ctx):
		return d.askPerson(ctx, to, said.GivenBy)
	}
	return d.onStatement(ctx, to, said)
}

// approved returns the grant of an act that Execute carries out. Nobody is asked: where nothing counts
// any more, or another act would be written, the error says so.
func (d Deps) approved(to deed, grant *consent.Grant) (consent.Grant, error) {
	switch {
	case grant == nil && to.act.Digest() != d.executing.Digest():
		return consent.Grant{}, refuse(schemas.CodeConsentMismatch, "", "")
	case grant == nil:
		return consent.Grant{}, refuse(schemas.CodeConsentExpired, "", "")
	case !d.Canary.live(to.act) && grant.Outcome == consent.Unsent:
		return consent.Grant{}, notAllowed("the canary does not write this.")
	}
	return *grant, nil
}

// onStatement returns a grant on the agent's statement, or the preview where it states that nobody
// has agreed. Under every policy a person's refusal outranks the statement: the person is asked
// themselves then, if they may be.
func (d Deps) onStatement(ctx context.Context, to deed, said consent.Attestation) (given consent.Grant, err error) {
	if said.Granted {
		given, err = d.Ledger.Attest(ctx, to.act, said.GivenBy, said.Words)
	} else {
		err = d.Ledger.Refused(ctx, to.act)
	}
	switch {
	case errors.Is(err, consent.ErrDeclined):
		return d.askPerson(ctx, to, said.GivenBy)
	case err != nil:
		return consent.Grant{}, ledgerRefused(err)
	case !said.Granted:
		return consent.Grant{}, notYet(to, schemas.CodeConsentRequired, "", "Show the person what would be "+to.asked.Done()+" and ask. If they agree, make the same call with consent {granted: true, given_by: their name, statement: their words}. Never fill these in for them.")
	}
	return given, nil
}

// consentRule is the sentence of a writing tool's description that says which consent to send,
// which depends on the policy.
func consentRule(p consent.Policy) string {
	switch p {
	case consent.PolicyAttested:
		return "Show the person all; send consent {granted: true} only if they agree. false previews."
	case consent.PolicyHuman:
		return "Send consent {granted: false}: the person approves in the client or on a page you give them."
	default:
		return "Send consent {granted: false}: the server asks the person or previews; on their yes send true."
	}
}

// incomplete refuses a report that claims consent without saying whose.
func incomplete(err error) error {
	missing, _ := errors.AsType[*consent.Required](err)
	return refuse(schemas.CodeInvalidArguments, "This call changed nothing: where consent.granted is true, "+missing.Why+".",
		"Send consent {granted: true, given_by: the person's name, statement: their words}. If nobody has agreed, send {granted: false}: it shows what would be written.")
}

// Awaiting is the error of a write that waits for a person's consent. It becomes a result that is
// not an error: nothing failed.
type Awaiting struct {
	Reason      schemas.Code
	Message     string
	Proposal    *schemas.Proposal
	ApprovalURL string // empty: there is no page
	Next        string
}

func (a *Awaiting) Error() string { return string(a.Reason) + ": " + a.Message }

func (a *Awaiting) result() *schemas.AwaitingConsent {
	return &schemas.AwaitingConsent{
		Status:  schemas.StatusAwaiting,
		Instead: schemas.Instead{Proposal: a.Proposal, Message: a.Message, Reason: a.Reason, ApprovalURL: a.ApprovalURL},
		Next:    a.Next,
	}
}

// reasons say why a write waits for a person.
var reasons = map[schemas.Code]string{
	schemas.CodeConsentRequired:   "a person must agree to it first.",
	schemas.CodeApprovalNeeded:    "on this server the person must approve it themselves; an agent's word is not enough.",
	schemas.CodeConsentUnanswered: "the person was asked in this client and gave no answer.",
}

func notYet(to deed, reason schemas.Code, approvalURL, next string) *Awaiting {
	return &Awaiting{
		Reason: reason, Message: "NOT " + strings.ToUpper(to.asked.Done()) + " YET: " + reasons[reason],
		Proposal: to.asked, ApprovalURL: approvalURL, Next: next,
	}
}

// attested reports whether the agent's word is enough: under the policy attested, and under ask
// where the client cannot ask. Where the server cannot know whether the client can, the person is
// asked elsewhere.
func (d Deps) attested(ctx context.Context) bool {
	return d.Policy == consent.PolicyAttested || d.Policy == consent.PolicyAsk && !d.canAsk(ctx) && !forgotten(ctx)
}

// standing returns the grant that counts here, nil if there is none. One that was
// sent is settled whatever the policy is by now. Its error says that the person
// declined, or that something else was booked under the slot id.
func (d Deps) standing(ctx context.Context, act consent.Act) (*consent.Grant, error) {
	grant, proposal, err := d.Ledger.Standing(ctx, act)
	switch {
	case err != nil:
		return nil, ledgerRefused(err)
	case grant != nil && (grant.Outcome != consent.Unsent || d.counts(ctx, grant.Rung)):
		return grant, nil
	case proposal != nil && proposal.State == consent.StateDeclined:
		return nil, d.declined(ctx, act)
	case grant == nil && proposal != nil && proposal.State == consent.StateUsed:
		return nil, d.takenMeanwhile(ctx, proposal.ID)
	}
	return nil, nil
}

// errTaken is the error of a call whose act a person approved while somebody else took the time:
// asking the person once more would be in vain.
var errTaken = &vennioclient.Error{Kind: vennioclient.KindSlotTaken}

// takenMeanwhile is errTaken if that is what became of an approved proposal, lately.
func (d Deps) takenMeanwhile(ctx context.Context, proposal string) error {
	_, grant, err := d.Ledger.Result(ctx, proposal)
	if err != nil {
		return ledgerRefused(err)
	}
	if grant != nil && grant.Outcome == consent.NotDone && grant.Detail == string(vennioclient.KindSlotTaken) && d.Now().Sub(grant.At) < consent.Life {
		return errTaken
	}
	return nil
}

// counts: where the person can be asked and is to be, the agent's word for them,
// given to another client, does not spare the question (requirement C3).
func (d Deps) counts(ctx context.Context, r consent.Method) bool {
	return d.Policy.Counts(r) && (r != consent.Attested || d.attested(ctx))
}

// ledgerRefused turns what the ledger refuses into what the model is told.
func ledgerRefused(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, consent.ErrOtherAct):
		return mismatch(err)
	case errors.Is(err, consent.ErrDeclined):
		return refusedByPerson(err)
	case is[*consent.TooManyError](err):
		return askedTooOften(err)
	case errors.Is(err, consent.ErrExpired), errors.Is(err, consent.ErrNoGrant), errors.Is(err, consent.ErrSettled):
		// ErrSettled: another call used this consent up, and nothing was booked
		return &Refusal{Code: schemas.CodeConsentExpired, Cause: err}
	case errors.Is(err, consent.ErrAway): // before anything is sent: what is sent is settled without fail
		return &Refusal{Code: schemas.CodeStoreAway, Cause: err}
	case errors.Is(err, consent.ErrTampered):
		return &Refusal{
			Code: schemas.CodeInternal, Message: "This call sent nothing to Vennio: the stored consent does not match the consent ledger.",
			Next: "Do not repeat the call. Tell the user that this server's operator must run vennio-mcp ledger verify.", Cause: err,
		}
	}
	return fmt.Errorf("the consent ledger: %w", err)
}

// mismatch names what the slot id was used for.
func mismatch(err error) error {
	r := &Refusal{Code: schemas.CodeConsentMismatch, Cause: err}
	other, ok := errors.AsType[*consent.OtherActError](err)
	if !ok || other.Act.Tool == "" {
		return r
	}
	loc, zoneErr := times.Zone(other.Act.Zone)
	if zoneErr != nil {
		loc = time.UTC
	}
	r.Message = fmt.Sprintf("This slot_id was already used for %s, %s", sanitize.Quote(other.Act.Title, 120), times.Label(other.Act.Start, other.Act.End, loc))
	if other.BookingID != "" {
		r.Message += " (booking " + sanitize.Line(other.BookingID, 100) + ")"
	}
	r.Message += "; a consent holds only for exactly what was agreed. This call changed nothing."
	return r
}

// askPerson asks in the client where that is possible and was not tried in vain, and otherwise
// says where a person can agree. name is whom the agent named, if anybody.
func (d Deps) askPerson(ctx context.Context, to deed, name string) (consent.Grant, error) {
	proposal, err := d.Ledger.Ask(ctx, to.act, d.asker(ctx))
	if err != nil {
		return consent.Grant{}, ledgerRefused(err)
	}
	q, can := d.question(ctx, proposal, to)
	if !can || proposal.Unanswered != "" {
		return consent.Grant{}, d.elsewhere(ctx, proposal, to, schemas.CodeApprovalNeeded)
	}
	got, err := d.ask(ctx, proposal, q)
	if err != nil {
		if ctx.Err() != nil { // the client has gone
			d.waits(ctx, proposal)
		}
		return consent.Grant{}, err
	}
	keep := context.WithoutCancel(ctx) // what a person said is kept, whoever hangs up
	switch got {
	case accepted, declined, notTicked:
		_, err = d.Ledger.Answer(keep, proposal.ID, consent.Answer{Agreed: got == accepted, By: d.whoAnswered(ctx), Claimed: name, Words: string(got), Rung: consent.InClient})
	case answeredOnPage:
	default:
		if err = d.Ledger.Withdraw(keep, proposal.ID, string(got)); err == nil {
			return consent.Grant{}, d.elsewhere(ctx, proposal, to, schemas.CodeConsentUnanswered)
		}
	}
	return d.answered(ctx, to.act, err)
}

// answered is how an act stands once a person has answered: with this answer, or
// where err is ErrAnswered with the one they gave before, on the page or in
// another form.
func (d Deps) answered(ctx context.Context, act consent.Act, err error) (consent.Grant, error) {
	if err != nil && !errors.Is(err, consent.ErrAnswered) {
		return consent.Grant{}, ledgerRefused(err)
	}
	grant, err := d.standing(ctx, act)
	switch {
	case err != nil:
		return consent.Grant{}, err
	case grant == nil:
		return consent.Grant{}, refuse(schemas.CodeConsentExpired, "", "")
	}
	return *grant, nil
}

// whoAnswered is who answered in the client, as far as the channel shows: the name of the caller's
// token over HTTP, else the client.
func (d Deps) whoAnswered(ctx context.Context) string {
	if d.CallerName != nil {
		if name := d.CallerName(ctx); name != "" {
			return sanitize.Line(name, 60) + ", in the client"
		}
	}
	return someoneIn(ctx)
}

// someoneIn names the client in which somebody answered.
func someoneIn(ctx context.Context) string {
	return "a person in " + cmp.Or(clientName(ctx), "the client")
}

// clientName is what the client calls itself, empty if that is unknown.
func clientName(ctx context.Context) string {
	client := ""
	if info := server.RequestProtocolInfoFromContext(ctx); info != nil && info.ClientInfo != nil {
		client = info.ClientInfo.Name
	} else if session, ok := server.ClientSessionFromContext(ctx).(server.SessionWithClientInfo); ok {
		client = session.GetClientInfo().Name
	}
	return sanitize.Line(client, 60)
}
