package tools

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/plain"
	"github.com/vennio-mcp/vennio-mcp/schemas"
)

// agree returns the grant under which act may be written: the one there is, or
// one that a person now gives. Else its error says how a person can give it.
//
// The consent field is required whoever asks: it makes the agent ask first, in
// its own words. The operator's policy decides what it counts for.
func (d Deps) agree(ctx context.Context, act consent.Act, gate schemas.Gate, asked *schemas.BookingAsked) (consent.Grant, error) {
	if err := d.belongs(ctx, act); err != nil {
		return consent.Grant{}, err
	}
	said, err := consent.Check(attestation(gate.Consent), gate.Misfit)
	if err != nil {
		return consent.Grant{}, consentRefused(err, asked)
	}
	grant, err := d.standing(ctx, act)
	switch {
	case err != nil:
		return consent.Grant{}, err
	case grant != nil:
		return *grant, nil
	case d.attested(ctx):
		grant, err := d.Ledger.Attest(ctx, act, said.GivenBy, said.Words)
		return grant, ledgerRefused(err)
	}
	return d.askPerson(ctx, act, said.GivenBy, asked)
}

// attested: here the agent's word is enough.
func (d Deps) attested(ctx context.Context) bool {
	return d.Policy == consent.PolicyAttested || d.Policy == consent.PolicyAsk && !canAsk(ctx)
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
	}
	return fmt.Errorf("the consent ledger: %w", err)
}

// askPerson asks in the client where that is possible and was not tried in vain,
// and otherwise says where a person can agree.
func (d Deps) askPerson(ctx context.Context, act consent.Act, name string, asked *schemas.BookingAsked) (consent.Grant, error) {
	proposal, err := d.Ledger.Propose(ctx, act)
	if err != nil {
		return consent.Grant{}, ledgerRefused(err)
	}
	if !canAsk(ctx) || proposal.Unanswered != "" {
		return consent.Grant{}, d.elsewhere(proposal, asked, schemas.CodeApprovalNeeded)
	}
	got, err := d.ask(ctx, proposal, plainly(asked, act.Notes))
	if err != nil {
		return consent.Grant{}, err
	}
	keep := context.WithoutCancel(ctx) // what a person said is kept, whoever hangs up
	switch got {
	case accepted, declined:
		_, err = d.Ledger.Answer(keep, proposal.ID, consent.Answer{Agreed: got == accepted, By: name, Words: string(got), Rung: consent.InClient})
	default:
		if err = d.Ledger.Withdraw(keep, proposal.ID, string(got)); err == nil {
			return consent.Grant{}, d.elsewhere(proposal, asked, schemas.CodeConsentUnanswered)
		}
	}
	return d.answered(ctx, act, err)
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

// elsewhere is the refusal that names the ways in which a person can agree.
func (d Deps) elsewhere(p consent.Proposal, asked *schemas.BookingAsked, code schemas.Code) error {
	next := "Tell the person that this server has no way left to ask them: its operator must serve the approval page, or another client must be used that can ask."
	if ways := d.ways(p.ID); len(ways) > 0 {
		next = "Ask the person to " + strings.Join(ways, ", or to ") + "; within 10 minutes. When they say that they have, call book_slot again with the same arguments."
	}
	r := refuse(code, "", next)
	r.Instead.Proposal = asked
	return r
}

func (d Deps) ways(proposal string) (ways []string) {
	if d.ApprovalURL != nil {
		url, err := d.ApprovalURL(proposal)
		switch {
		case err == nil:
			ways = append(ways, "open "+url)
		case d.Warn != nil:
			d.Warn(fmt.Errorf("the approval page: %w", err))
		}
	}
	if !d.Sandbox { // whose ledger lives in this process alone
		ways = append(ways, "run `vennio-mcp approvals` in a terminal on this server's machine")
	}
	return ways
}

// plainly is a proposal in the server's words, for the person: with all of the
// notes, every name quoted (bar C8), and without what only an agent needs.
func plainly(asked *schemas.BookingAsked, notes string) string {
	const name = 98 // with its quotation marks a name is shown in 100
	shown := *asked
	shown.SlotID, shown.Notes = "", notes
	shown.Hosts, shown.Attendees = slices.Clone(asked.Hosts), slices.Clone(asked.Attendees)
	for i := range shown.Hosts {
		shown.Hosts[i].Name = plain.Quote(shown.Hosts[i].Name, name)
	}
	for i := range shown.Attendees {
		shown.Attendees[i].Name = plain.Quote(shown.Attendees[i].Name, name)
	}
	_, facts, _ := strings.Cut(shown.Text(), "\n") // its first line speaks to the agent
	return "Book this?\n\n" + facts
}
