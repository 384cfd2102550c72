package tools

import (
	"context"

	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// closePoll defines the tool that ends a poll of the account with a person's consent.
func closePoll(d *Deps) Tool {
	return define(d, spec{
		name: toolClosePoll, title: "Close a poll", effect: changes,
		description: "End a poll of this account: Vennio books the time with most votes, or nothing without a vote. " + consentRule(d.Policy) +
			" It cannot be reopened. Vennio may e-mail voters. Repeating the call changes nothing more.",
	}, d.closePoll)
}

func (d *Deps) closePoll(ctx context.Context, in schemas.ClosePollInput) (*schemas.ProposalChangeResult, error) {
	loc, err := d.zone("timezone", in.Timezone, nil)
	if err != nil {
		return nil, err
	}
	c, err := d.PrepareClosing(ctx, in.ProposalID, loc)
	if err != nil {
		return nil, err
	}
	if !c.Sent && c.Done() {
		out := &schemas.ProposalChangeResult{ProposedMeeting: proposedMeeting(c.Proposal, c.Loc)}
		out.Next = d.nextAfterReadingProposal(c.Proposal)
		return out, nil
	}
	req := writeRequest{act: c.Act, proposal: d.proposal(c.Act, hostsOf(c.Act), c.Loc, nil)}
	done, err := withConsent(ctx, d, req, in.Consent, c, d.Close)
	if err != nil {
		return nil, writeFailed(err, writeAnswer)
	}
	return d.answered(c.Act, done, c.Proposal.Mode == vennioclient.ModePoll, c.Loc), nil
}
