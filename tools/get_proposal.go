package tools

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// getProposal defines the tool that shows a proposal as it is now, with who chose what.
func getProposal(d *Deps) Tool {
	return define(d, spec{
		name: toolProposal, title: "Look at a proposal", effect: reads,
		description: "Show the current state of a proposal or poll: its times, who voted for which, who has not answered, and the booking once it is accepted. " +
			"Use it before closing a poll and when asked how the vote goes. Only reads.",
	}, d.getProposal)
}

func (d *Deps) getProposal(ctx context.Context, in schemas.GetProposalInput) (*schemas.GetProposalResult, error) {
	loc, err := d.zone("timezone", in.Timezone, nil)
	if err != nil {
		return nil, err
	}
	var p vennioclient.Proposal
	var found *time.Location
	if in.Invitation != "" {
		var view *vennioclient.ProposalView
		if view, found, err = d.ReadInvitation(ctx, in.Invitation); err == nil {
			p = view.Proposal
		}
	} else {
		p, found, err = d.ReadProposal(ctx, in.ProposalID)
	}
	if err != nil {
		return nil, err
	}
	out := &schemas.GetProposalResult{ProposedMeeting: proposedMeeting(p, cmp.Or(loc, found)), Next: d.nextAfterReadingProposal(p)}
	if in.Invitation != "" && p.Status == vennioclient.ProposalProposed {
		out.Next = "Ask the person which time suits them; respond_to_proposal with the same invitation and its option_id answers."
	}
	return out, nil
}

func proposedMeeting(p vennioclient.Proposal, loc *time.Location) schemas.ProposedMeeting {
	out := schemas.ProposedMeeting{
		ProposalID: sanitize.Line(p.ID, 100), Status: sanitize.Line(p.Status, 40), Mode: sanitize.Line(string(p.Mode), 40),
		Title: sanitize.Line(p.Message, 120), BookingID: sanitize.Line(p.BookingID, 100), Options: []schemas.ProposedOption{},
	}
	if p.Status == vennioclient.ProposalProposed && !p.ExpiresAt.IsZero() {
		out.Closes = times.Moment(p.ExpiresAt, loc) + " (" + loc.String() + ")"
	}
	inOrder := slices.SortedFunc(slices.Values(p.Slots), func(a, b vennioclient.ProposalSlot) int { return a.Start.Compare(b.Start) })
	for _, s := range inOrder {
		option := schemas.ProposedOption{
			OptionID: sanitize.Line(s.ID, 100), Description: times.Label(s.Start, s.End, loc), Start: times.UTC(s.Start), End: times.UTC(s.End),
			Votes: s.Votes, Chosen: s.Selected,
		}
		for _, w := range p.Participants {
			if w.SlotID == s.ID {
				option.Voters = append(option.Voters, participant(w))
			}
		}
		out.Options = append(out.Options, option)
	}
	for _, w := range p.Participants {
		if w.SlotID == "" {
			out.NoAnswer = append(out.NoAnswer, participant(w))
		}
	}
	return out
}

// participant names a participant; a voter in an open poll may be anonymous.
func participant(w vennioclient.ProposalParticipant) string {
	return cmp.Or(sanitize.Line(cmp.Or(w.Party.Name, w.Party.Email), 100), "somebody without a name")
}

// nextAfterReadingProposal says what can be done with a proposal.
func (d *Deps) nextAfterReadingProposal(p vennioclient.Proposal) string {
	switch {
	case p.Status == vennioclient.ProposalAccepted && p.BookingID != "":
		return fmt.Sprintf("Tell the person that it is booked, as booking %s.", sanitize.Line(p.BookingID, 100))
	case p.Status != vennioclient.ProposalProposed:
		return "Tell the person this status as it is."
	case p.Mode == vennioclient.ModePoll:
		return "Tell the person who voted for what. It is not booked yet; close_poll ends the vote and books the time with most votes."
	}
	return "Tell the person who accepted. It is not booked before all of them accept."
}
