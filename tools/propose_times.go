package tools

import (
	"context"
	"fmt"

	"github.com/vennio-mcp/vennio-mcp/internal/cards"
	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// proposeTimes defines the tool that asks people to choose one of several slots of find_slots, with a
// person's consent.
func proposeTimes(d *Deps) Tool {
	return define(d, spec{
		name: toolPropose, title: "Propose times", effect: adds, needs: toolFind, card: cards.BookingURI,
		description: "Ask people which slot suits: voters in a poll, or accounts, who must all accept. " + consentRule(d.Policy) +
			" Vennio books the winner. Safe to repeat.",
	}, d.proposeTimes)
}

func (d *Deps) proposeTimes(ctx context.Context, in schemas.ProposeTimesInput) (*schemas.ProposeTimesResult, error) {
	p, err := d.PrepareProposal(ctx, in)
	if err != nil {
		return nil, err
	}
	req := writeRequest{act: p.Act, proposal: d.proposal(p.Act, p.Hosts, p.Loc, p.Guest)}
	made, err := withConsent(ctx, d, req, in.Consent, p, d.Propose)
	if err != nil {
		return nil, writeFailed(err, writePropose)
	}
	out := &schemas.ProposeTimesResult{
		ProposedMeeting: proposedMeeting(made.Proposal.Proposal, p.Loc), Repeated: !made.Fresh, Consent: consentOnFile(made.Grant),
		OpenLink: d.Vennio.SafeLink(made.Proposal.OpenLink.Reveal()),
	}
	for _, i := range made.Proposal.Invitations {
		out.Links = append(out.Links, schemas.VoterLink{Email: i.Email, Link: d.Vennio.SafeLink(i.Link.Reveal())})
	}
	for _, h := range p.Act.Invited {
		if p.Act.InvitedMailed {
			out.Mailed = append(out.Mailed, h.Label(100, consent.PersonName))
		}
	}
	out.Undo = d.undoProposal(made.Proposal.Proposal)
	out.Next = d.nextAfterProposal(out)
	return out, nil
}

// undoProposal names the call that ends a proposal. Vennio has none for an open standard one
// (vennio-api.md, Proposals).
func (d *Deps) undoProposal(p vennioclient.Proposal) string {
	switch {
	case p.Status == vennioclient.ProposalAccepted && p.BookingID != "":
		return d.undo(toolCancel, "booking_id")
	case p.Mode == vennioclient.ModePoll && p.Status == vennioclient.ProposalProposed:
		return d.undo(toolClosePoll, "proposal_id") + " Before the first vote it ends without a meeting."
	}
	return "No call undoes it: Vennio offers none."
}

func (d *Deps) nextAfterProposal(out *schemas.ProposeTimesResult) string {
	switch {
	case out.Status != vennioclient.ProposalProposed:
		return "Tell the person this status as it is."
	case len(out.Links) > 0:
		return "Tell the person it is not booked yet. Vennio e-mails no voter: give each of the " + fmt.Sprint(len(out.Links)) + " people only their own link. get_proposal shows the votes."
	case out.OpenLink != "":
		return "Tell the person it is not booked yet, and give them the link to share. An open poll ends with close_poll; get_proposal shows the votes."
	}
	return "Tell the person it is not booked yet: all invited people must accept. get_proposal shows who did."
}
