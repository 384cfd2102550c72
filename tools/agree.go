package tools

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/schemas"
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

// agree returns the grant under which to may be written: the one there is, or
// one that a person now gives. Else its error says how a person can give it.
//
// The consent field is required whoever asks: it makes the agent ask first, in
// its own words. The operator's policy decides what it counts for.
func (d Deps) agree(ctx context.Context, to deed, gate schemas.Gate) (consent.Grant, error) {
	if err := d.belongs(ctx, to.act); err != nil {
		return consent.Grant{}, err
	}
	if err := d.permit(ctx, to); err != nil {
		return consent.Grant{}, err
	}
	said, err := consent.Check(attestation(gate.Consent), gate.Misfit)
	if err != nil {
		return consent.Grant{}, consentRefused(err, to.asked)
	}
	grant, err := d.standing(ctx, to.act)
	switch {
	case err != nil:
		return consent.Grant{}, err
	case !d.Canary.live(to.act) && (grant == nil || grant.Outcome == consent.Unsent):
		return consent.Grant{}, d.Canary.preview(to)
	case grant != nil:
		return *grant, nil
	case d.attested(ctx):
		grant, err := d.Ledger.Attest(ctx, to.act, said.GivenBy, said.Words)
		return grant, ledgerRefused(err)
	}
	return d.askPerson(ctx, to, said.GivenBy)
}

// attested: here the agent's word is enough. Where the server cannot know whether
// the client can ask, the agent's word is not taken for a client that can't: the
// person is asked elsewhere.
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
		return nil, refuse(schemas.CodeConsentDeclined, "", "")
	}
	return nil, nil
}

// counts: where the person can be asked and is to be, the agent's word for them,
// given to another client, does not spare the question (bar C3).
func (d Deps) counts(ctx context.Context, r consent.Rung) bool {
	return d.Policy.Counts(r) && (r != consent.Attested || d.attested(ctx))
}

// ledgerRefused turns what the ledger refuses into what the model is told.
func ledgerRefused(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, consent.ErrOtherAct):
		return &Refusal{Code: schemas.CodeConsentMismatch, Cause: err}
	case errors.Is(err, consent.ErrDeclined):
		return &Refusal{Code: schemas.CodeConsentDeclined, Cause: err}
	case errors.Is(err, consent.ErrExpired), errors.Is(err, consent.ErrNoGrant), errors.Is(err, consent.ErrSettled):
		// ErrSettled: another call used this consent up, and nothing was booked
		return &Refusal{Code: schemas.CodeConsentRequired, Cause: err}
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

// askPerson asks in the client where that is possible and was not tried in vain,
// and otherwise says where a person can agree.
func (d Deps) askPerson(ctx context.Context, to deed, name string) (consent.Grant, error) {
	proposal, err := d.Ledger.Propose(ctx, to.act)
	if err != nil {
		return consent.Grant{}, ledgerRefused(err)
	}
	q, can := d.question(ctx, proposal, to)
	if !can || proposal.Unanswered != "" {
		return consent.Grant{}, d.elsewhere(proposal, to.asked, schemas.CodeApprovalNeeded)
	}
	got, err := d.ask(ctx, proposal, q)
	if err != nil {
		return consent.Grant{}, err
	}
	keep := context.WithoutCancel(ctx) // what a person said is kept, whoever hangs up
	switch got {
	case accepted, declined:
		_, err = d.Ledger.Answer(keep, proposal.ID, consent.Answer{Agreed: got == accepted, By: name, Words: string(got), Rung: consent.InClient})
	case answeredOnPage:
	default:
		if err = d.Ledger.Withdraw(keep, proposal.ID, string(got)); err == nil {
			return consent.Grant{}, d.elsewhere(proposal, to.asked, schemas.CodeConsentUnanswered)
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
		return consent.Grant{}, refuse(schemas.CodeConsentRequired, "", "")
	}
	return *grant, nil
}
