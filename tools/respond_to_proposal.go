package tools

import (
	"context"
	"encoding/hex"
	"strings"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/scheduling"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// respondToProposal defines the tool that answers a proposal with the invitation of the person who
// answers. The organizer has none, and Vennio refuses their responses.
func respondToProposal(d *Deps) Tool {
	return define(d, spec{
		name: toolRespond, title: "Respond to a proposal", effect: changes,
		description: "Vote in a poll or answer a proposal for the invited person, with their link; get_proposal lists its times. " +
			consentRule(d.Policy) + " It cannot be undone.",
	}, d.respondToProposal)
}

func (d *Deps) respondToProposal(ctx context.Context, in schemas.RespondToProposalInput) (*schemas.ProposalChangeResult, error) {
	r, err := d.PrepareResponse(ctx, in, d.invitationMark(in))
	if err != nil {
		return nil, err
	}
	req := writeRequest{act: r.Act, proposal: d.proposal(r.Act, hostsOf(r.Act), r.Loc, nil)}
	done, err := withConsent(ctx, d, req, in.Consent, r, d.Respond)
	if err != nil {
		return nil, writeFailed(err, writeAnswer)
	}
	return d.answered(r.Act, done, false, r.Loc), nil
}

// invitationMark identifies an invitation in the ledger in place of a slot id, so that a repeated call
// finds its response. It is a keyed hash, which reveals nothing about the link. Many people share the link
// of an open poll, so the mark also depends on who votes for what.
func (d *Deps) invitationMark(in schemas.RespondToProposalInput) string {
	invitation, err := vennioclient.InvitationFrom(in.Invitation)
	if err != nil {
		return "" // PrepareResponse refuses it
	}
	parts := []string{"vennio-mcp invitation v1", invitation.Reveal()}
	if in.Name+in.Email != "" {
		parts = append(parts, in.Name, strings.ToLower(strings.TrimSpace(in.Email)), strings.TrimSpace(in.OptionID))
	}
	return "invitation-" + hex.EncodeToString(d.Keys.Sign(strings.Join(parts, "\x00"))[:16])
}

// answered renders a proposal after a response, or after its poll was closed.
func (d *Deps) answered(act consent.Act, done scheduling.Answered, closed bool, loc *time.Location) *schemas.ProposalChangeResult {
	file := consentOnFile(done.Grant)
	out := &schemas.ProposalChangeResult{
		ProposedMeeting: proposedMeeting(done.Proposal, loc), Changed: done.Fresh, Done: act.Response, Consent: &file,
		Next: d.nextAfterReadingProposal(done.Proposal),
	}
	out.Mailed, _ = addresses(act)
	out.Undo = "No call undoes it."
	if closed {
		out.Undo = d.undoProposal(done.Proposal)
	}
	return out
}
