package scheduling

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// This file responds to a proposal of somebody else with an invitation, and closes polls of the account.

// Answered is a proposal that was answered or closed under a grant.
type Answered struct {
	Grant    consent.Grant
	Proposal vennioclient.Proposal // as it is now, as far as it can be read
	Fresh    bool                  // this call answered it
}

// Response is a response to a proposal. The invitation is a credential: it is in no act, error or log.
type Response struct {
	Proposal vennioclient.Proposal
	Loc      *time.Location
	Request  vennioclient.ProposalResponse
	Act      consent.Act
	Sent     bool // this invitation was used for a response before
}

// ReadInvitation returns the proposal of an invitation, with the zone in which its times were found.
func (s *Service) ReadInvitation(ctx context.Context, link string) (*vennioclient.ProposalView, *time.Location, error) {
	invitation, err := vennioclient.InvitationFrom(link)
	if err != nil {
		return nil, nil, refuse(schemas.CodeInvalidArguments, "invitation is not the link of an invitation, or its last part.", "Ask the person for the whole link that they received.")
	}
	view, err := s.Vennio.ProposalByToken(ctx, invitation)
	if vennioclient.KindOf(err) == vennioclient.KindInvitation {
		err = &Refusal{
			Code: schemas.CodeRejected, Cause: err, Message: "Vennio does not accept this invitation: it was used, has expired, or is not known.",
			Next: "Ask the person whether they have answered already, or have the organizer invite them again.",
		}
	}
	if err != nil {
		return nil, nil, err
	}
	return view, s.zoneOf(view.Metadata), nil
}

// PrepareResponse resolves a response without writing. mark identifies the invitation without revealing
// it; the same invitation always has the same mark. A personal invitation that was sent can no longer be
// read, so that the act is then the one in the ledger.
func (s *Service) PrepareResponse(ctx context.Context, in schemas.RespondToProposalInput, mark string) (r Response, err error) {
	if r.Request.Invitation, err = vennioclient.InvitationFrom(in.Invitation); err != nil {
		_, _, err = s.ReadInvitation(ctx, in.Invitation)
		return r, err
	}
	r.Request.Action, r.Request.SlotID = vennioclient.ProposalAction(in.Action()), strings.TrimSpace(in.OptionID)
	r.Request.Message = sanitize.Block(in.Message, 1000)
	r.Request.VoterName, r.Request.VoterEmail = sanitize.Line(in.Name, 100), strings.TrimSpace(in.Email)
	counter, err := s.counterTimes(ctx, in)
	if err != nil {
		return r, err
	}
	for _, t := range counter {
		r.Request.CounterSlots = append(r.Request.CounterSlots, vennioclient.ProposedTime{Start: t.Start, End: t.End})
	}
	if sent, err := s.Ledger.SentUnder(ctx, s.Tenant, mark); err != nil || sent != nil {
		if sent != nil {
			r.Act, r.Sent = *sent, true
			r.Loc, _ = times.Zone(sent.Zone)
			r.Proposal = vennioclient.Proposal{ID: sent.BookingID, Message: sent.Title}
		}
		return r, orOtherResponse(err, in, sent)
	}
	view, loc, err := s.ReadInvitation(ctx, in.Invitation)
	if err != nil {
		return r, err
	}
	r.Proposal, r.Loc = view.Proposal, loc
	r.Act = consent.Act{
		Tool: ToolRespond, Tenant: s.Tenant, SlotID: mark, BookingID: view.ID, Zone: loc.String(), Title: sanitize.Line(view.Message, 120), Notes: r.Request.Message,
		Terms: consent.Terms{Response: in.Action(), Choice: r.Request.SlotID, Times: counter},
	}
	if organizer := partyHost(view.Organizer); organizer.ID != "" {
		r.Act.Hosts = []consent.Host{organizer}
	}
	return r, s.completeResponse(&r, view)
}

// orOtherResponse refuses a response with an invitation that was used for another response.
func orOtherResponse(err error, in schemas.RespondToProposalInput, sent *consent.Act) error {
	if err != nil || sent.Response == in.Action() && sent.Choice == strings.TrimSpace(in.OptionID) && sent.Notes == sanitize.Block(in.Message, 1000) {
		return err
	}
	return &consent.OtherActError{Act: *sent}
}

func (s *Service) counterTimes(ctx context.Context, in schemas.RespondToProposalInput) (all []consent.ProposedTime, err error) {
	if len(in.SlotIDs) == 0 {
		return nil, nil
	}
	hosts, err := s.ResolveHosts(ctx, in.Hosts)
	if err != nil {
		return nil, err
	}
	all, _, err = s.openSlots(in.SlotIDs, hosts)
	return all, err
}

// completeResponse adds the time and the responding person to an act, and refuses what Vennio would
// refuse.
func (s *Service) completeResponse(r *Response, view *vennioclient.ProposalView) error {
	who := consent.Attendee{Name: r.Request.VoterName, Email: r.Request.VoterEmail}
	if view.Participant != nil {
		who = consent.Attendee{Name: sanitize.Line(view.Participant.Party.Name, 100), Email: sanitize.Line(view.Participant.Party.Email, 254)}
	}
	who.Mailed = who.Email != "" && !s.NoMail
	r.Act.Attendees = []consent.Attendee{who}
	at := slices.IndexFunc(view.Slots, func(t vennioclient.ProposalSlot) bool { return t.ID == r.Request.SlotID })
	switch {
	case view.Status != vennioclient.ProposalProposed:
		return refuse(schemas.CodeBookingClosed, "This proposal is "+sanitize.Line(view.Status, 40)+", so it can no longer be answered.", "Tell the person.")
	case view.Open && who.Name+who.Email == "":
		return refuse(schemas.CodeInvalidArguments, "name: this link is for everyone, so the person must be named.", "Send name or email of the person who votes.")
	case view.Mode == vennioclient.ModePoll && r.Act.Response != consent.ResponseAccept:
		return refuse(schemas.CodeInvalidArguments, "response: a poll takes only accept.", "Ask the person which of its times suits them.")
	case r.Act.Response == consent.ResponseAccept && at < 0:
		return refuse(schemas.CodeInvalidArguments, "option_id is not one of this proposal.", "Call get_proposal with the same invitation, and copy the option_id of the time that the person chose.")
	case at >= 0:
		r.Act.Start, r.Act.End = view.Slots[at].Start, view.Slots[at].End
	case len(r.Act.Times) > 0:
		r.Act.Start, r.Act.End = r.Act.Times[0].Start, r.Act.Times[0].End
	}
	return nil
}

func partyHost(p vennioclient.Party) consent.Host {
	name := cmp.Or(sanitize.Line(p.Name, 100), sanitize.Line(p.Email, 254))
	return consent.Host{Name: name, ID: cmp.Or(sanitize.Line(p.ID, 100), name)}
}

// Respond responds under a grant. A repeated call settles the response under the same key.
func (s *Service) Respond(ctx context.Context, r Response, g consent.Grant) (out Answered, err error) {
	out = Answered{Fresh: g.Outcome == consent.Unsent, Proposal: r.Proposal}
	out.Grant, err = s.execute(ctx, g, func(g consent.Grant) (string, error) {
		if g.Outcome == consent.Done {
			return r.Act.BookingID, nil
		}
		now, err := s.Vennio.RespondToProposal(ctx, vennioclient.IdempotencyKey(g.Key()), r.Act.BookingID, r.Request)
		if err != nil {
			if found, failed := s.findAnswer(ctx, r.Act); failed == nil && found == done {
				return r.Act.BookingID, nil
			}
			return "", err
		}
		if now.Status != "" {
			out.Proposal.Status = now.Status
		}
		return r.Act.BookingID, nil
	})
	if err != nil {
		return out, err
	}
	if now, err := s.Vennio.GetProposal(ctx, r.Act.BookingID); err == nil { // only if this account takes part
		out.Proposal = *now
	}
	return out, nil
}

// findAnswer reads whether a proposal was answered or closed as an act says.
func (s *Service) findAnswer(ctx context.Context, act consent.Act) (finding, error) {
	p, err := s.Vennio.GetProposal(ctx, act.BookingID)
	switch {
	case err != nil:
		return unclear, err
	case act.Tool == ToolClosePoll && p.Status == vennioclient.ProposalProposed:
		return notDone, nil
	case act.Tool == ToolClosePoll:
		return done, nil
	case act.Response == consent.ResponseReject && p.Status == vennioclient.ProposalRejected, act.Response == consent.ResponseCounter && p.Status == vennioclient.ProposalCountered:
		return done, nil
	}
	for _, w := range p.Participants {
		isWho := len(act.Attendees) > 0 && (act.Attendees[0].Email != "" && strings.EqualFold(w.Party.Email, act.Attendees[0].Email) ||
			act.Attendees[0].Email == "" && w.Party.Name == act.Attendees[0].Name)
		switch {
		case !isWho:
		case w.SlotID != "" && w.SlotID == act.Choice:
			return done, nil
		case w.SlotID == "" && p.Status == vennioclient.ProposalProposed:
			return notDone, nil
		}
	}
	if p.Status == vennioclient.ProposalProposed && act.Response == consent.ResponseAccept {
		return notDone, nil // the voter of an open poll is not among its participants yet
	}
	return unclear, nil
}

// Closing is a poll that is to be closed.
type Closing struct {
	Proposal vennioclient.Proposal
	Loc      *time.Location
	Act      consent.Act
	Sent     bool // it was sent recently; this call settles it
}

// Done reports whether the poll is closed.
func (c Closing) Done() bool { return c.Proposal.Status != vennioclient.ProposalProposed }

// PrepareClosing resolves the closing of a poll without writing. loc is the zone that the caller names, nil
// for the zone in which its times were found.
func (s *Service) PrepareClosing(ctx context.Context, id string, loc *time.Location) (c Closing, err error) {
	if c, err = s.readClosing(ctx, id, loc); err != nil {
		return c, err
	}
	sent, err := s.Ledger.SentOn(ctx, s.Tenant, ToolClosePoll, c.Proposal.ID, func(consent.Act) bool { return true })
	switch {
	case err != nil:
		return c, err
	case sent != nil:
		c.Act, c.Sent = *sent, true
		return c, nil
	case c.Proposal.Mode != vennioclient.ModePoll:
		return c, refuse(schemas.CodeInvalidArguments, "proposal_id: this is not a poll, and ends when all invited people have answered.", "Tell the person who has not answered.")
	case c.Done():
		return c, nil
	}
	return c, s.giveUpOld(ctx, c.Act)
}

// readClosing reads a poll. The act names the time that wins now, so that another winner is another act.
func (s *Service) readClosing(ctx context.Context, id string, loc *time.Location) (c Closing, err error) {
	var found *time.Location
	if c.Proposal, found, err = s.ReadProposal(ctx, id); err != nil {
		return c, err
	}
	c.Loc = cmp.Or(loc, found)
	c.Act = consent.Act{
		Tool: ToolClosePoll, Tenant: s.Tenant, BookingID: c.Proposal.ID, Zone: c.Loc.String(), Title: sanitize.Line(c.Proposal.Message, 120),
	}
	if organizer := partyHost(c.Proposal.Organizer); organizer.ID != "" {
		c.Act.Hosts = []consent.Host{organizer}
	}
	if winner := leading(c.Proposal.Slots); winner != nil {
		c.Act.Start, c.Act.End = winner.Start, winner.End
	}
	for _, w := range c.Proposal.Participants {
		if email := sanitize.Line(w.Party.Email, 254); email != "" {
			c.Act.Attendees = append(c.Act.Attendees, consent.Attendee{Name: sanitize.Line(w.Party.Name, 100), Email: email, Mailed: !s.NoMail})
		}
	}
	return c, nil
}

// leading returns the time that wins a poll: the one with most votes, of several the earliest; nil without a
// vote (vennio-api.md, Proposals).
func leading(slots []vennioclient.ProposalSlot) (winner *vennioclient.ProposalSlot) {
	for i, t := range slots {
		if t.Votes > 0 && (winner == nil || t.Votes > winner.Votes || t.Votes == winner.Votes && t.Start.Before(winner.Start)) {
			winner = &slots[i]
		}
	}
	return winner
}

// Close closes a poll under a grant, if the same time wins as when the person was asked. Vennio takes no
// idempotency key for it; a second call is refused there, and a read settles it.
func (s *Service) Close(ctx context.Context, c Closing, g consent.Grant) (out Answered, err error) {
	now, err := s.readClosing(ctx, c.Proposal.ID, c.Loc)
	if err != nil {
		return out, unreadable(g, err)
	}
	if !now.Done() && now.Act.Digest() != c.Act.Digest() {
		return out, changedSince("poll")
	}
	out = Answered{Fresh: g.Outcome == consent.Unsent && !now.Done(), Proposal: now.Proposal}
	out.Grant, err = s.execute(ctx, g, func(consent.Grant) (string, error) {
		if now.Done() {
			return c.Proposal.ID, nil // the read settles it
		}
		_, err := s.Vennio.CloseProposal(ctx, c.Proposal.ID)
		if err != nil {
			if found, failed := s.findAnswer(ctx, c.Act); failed == nil && found == done {
				return c.Proposal.ID, nil
			}
		}
		return c.Proposal.ID, err
	})
	if err != nil {
		return out, err
	}
	if after, err := s.Vennio.GetProposal(ctx, c.Proposal.ID); err == nil {
		out.Proposal = *after
	}
	return out, nil
}
