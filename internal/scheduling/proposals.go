package scheduling

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/slots"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// NewProposal is a proposal of several times that is to be made.
type NewProposal struct {
	Hosts      []Host
	Loc, Guest *time.Location // Guest is nil if the guest's zone is not known
	Request    vennioclient.ProposalRequest
	Act        consent.Act
}

// pollNotice is how far ahead the times of a poll must begin (vennio-api.md, Proposals).
const pollNotice = 25 * time.Hour

// PrepareProposal opens the slot ids and resolves everything that would be proposed, without writing.
// The times are in the order of their start, so that the order of the slot ids does not matter.
func (s *Service) PrepareProposal(ctx context.Context, in schemas.ProposeTimesInput) (p NewProposal, err error) {
	if p.Hosts, err = s.ResolveHosts(ctx, in.Hosts); err != nil {
		return p, err
	}
	invited, err := s.resolveInvited(ctx, in.Accounts)
	if err != nil {
		return p, err
	}
	all, first, err := s.openSlots(in.SlotIDs, p.Hosts)
	if err != nil {
		return p, err
	}
	if p.Loc, p.Guest, err = offerZones(first); err != nil {
		return p, err
	}
	if err = s.useSentNames(ctx, p.Hosts, all[0].SlotID); err != nil {
		return p, err
	}
	p.Request = vennioclient.ProposalRequest{
		Mode: vennioclient.ModePoll, Message: sanitize.Line(in.Title, 120), ExpiresIn: time.Duration(in.ExpiresInHours) * time.Hour,
	}
	p.Act = consent.Act{
		Tool: ToolPropose, Tenant: s.Tenant, SlotID: all[0].SlotID, Start: first.Start, End: first.End(), Zone: first.Zone,
		GuestZone: first.Guest, Title: p.Request.Message, Hosts: parties(p.Hosts),
		Terms: consent.Terms{Invited: parties(invited), InvitedMailed: len(invited) > 0 && !s.NoMail, Times: all, ExpiresInHours: in.ExpiresInHours},
	}
	for _, t := range all {
		p.Request.Slots = append(p.Request.Slots, vennioclient.ProposedTime{Start: t.Start, End: t.End})
	}
	if len(invited) > 0 {
		p.Request.Mode, p.Request.ParticipantIDs = vennioclient.ModeStandard, HostIDs(invited)
		return p, nil
	}
	for _, address := range in.Voters {
		address = strings.TrimSpace(address)
		p.Request.VoterEmails = append(p.Request.VoterEmails, address)
		p.Act.Attendees = append(p.Act.Attendees, consent.Attendee{Email: address})
	}
	return p, s.checkPollNotice(ctx, p)
}

// openSlots opens several slot ids of different times. It returns the times by their start, and the offer of the first.
func (s *Service) openSlots(ids []string, hosts []Host) (all []consent.ProposedTime, first slots.Offer, err error) {
	inOrder := func(a, b consent.ProposedTime) int { return cmp.Or(a.Start.Compare(b.Start), a.End.Compare(b.End)) }
	for i, id := range ids {
		offer, err := s.openSlot(id, hosts)
		if refused, ok := errors.AsType[*Refusal](err); ok {
			refused.Message = cmp.Or(refused.Message, fmt.Sprintf("slot_ids[%d] is more than 2 hours old, or not one that find_slots gave for these hosts.", i))
			return nil, first, refused
		}
		t := consent.ProposedTime{SlotID: slots.Normalize(id), Start: offer.Start, End: offer.End()}
		at, same := slices.BinarySearchFunc(all, t, inOrder)
		if same {
			return nil, first, refuse(schemas.CodeInvalidArguments, fmt.Sprintf("slot_ids[%d] is at the same time as another one.", i), "Send each time once.")
		}
		if at == 0 {
			first = offer
		}
		all = slices.Insert(all, at, t)
	}
	return all, first, nil
}

// resolveInvited returns the people with accounts who are asked; none for a poll.
func (s *Service) resolveInvited(ctx context.Context, accounts []schemas.HostRef) ([]Host, error) {
	switch {
	case s.Approved != nil:
		return hostsOf(s.Approved.Invited), nil
	case len(accounts) == 0:
		return nil, nil
	}
	return s.ResolveHosts(ctx, accounts)
}

func hostsOf(parties []consent.Host) (all []Host) {
	for _, h := range parties {
		all = append(all, Host{Name: h.Name, ID: h.ID, foreign: true})
	}
	return all
}

// checkPollNotice refuses a poll whose times begin too soon, before anybody is asked. One that was sent
// before is settled.
func (s *Service) checkPollNotice(ctx context.Context, p NewProposal) error {
	if !p.Act.Start.Before(s.Now().Add(pollNotice)) {
		return nil
	}
	if sent, err := s.Ledger.SentUnder(ctx, s.Tenant, p.Act.SlotID); err != nil || sent != nil {
		return err
	}
	return refuse(schemas.CodeInvalidArguments,
		"slot_ids: the times of a poll must begin 25 hours from now or later, so that people can vote; one begins "+times.Label(p.Act.Start, p.Act.End, p.Loc)+".",
		"Call find_slots with from at least 25 hours from now, or book one time with book_slot.")
}

// Proposed is a proposal that was made under a grant.
type Proposed struct {
	Grant    consent.Grant
	Proposal vennioclient.CreatedProposal // as it is now
	Fresh    bool                         // this call made it
}

// Propose makes a proposal under a grant. A repeated call returns the proposal that was made before, with
// its links, because Vennio repeats its answer under the same key.
func (s *Service) Propose(ctx context.Context, p NewProposal, g consent.Grant) (Proposed, error) {
	out := Proposed{Fresh: g.Outcome != consent.Done}
	g, err := s.execute(ctx, g, func(g consent.Grant) (string, error) {
		p.Request.Metadata = consentMetadata(g)
		p.Request.Metadata[metaZone] = p.Act.Zone
		made, err := s.Vennio.CreateProposal(ctx, vennioclient.IdempotencyKey(g.Key()), p.Request)
		if err != nil {
			return "", err
		}
		out.Proposal = *made
		return made.ID, nil
	})
	if err != nil {
		return out, err
	}
	out.Grant = g
	if now, err := s.Vennio.GetProposal(ctx, out.Proposal.ID); err == nil {
		out.Proposal.Proposal = *now
	}
	return out, nil
}

// ReadProposal reads a proposal, and returns the zone in which its times were found.
func (s *Service) ReadProposal(ctx context.Context, id string) (vennioclient.Proposal, *time.Location, error) {
	p, err := s.Vennio.GetProposal(ctx, strings.TrimSpace(id))
	switch {
	case vennioclient.KindOf(err) == vennioclient.KindNotFound:
		return vennioclient.Proposal{}, nil, &Refusal{
			Code: schemas.CodeNotFound, Message: "Vennio knows no proposal by this proposal_id.", Next: "Copy the whole proposal_id from the result that contained it.", Cause: err,
		}
	case err != nil:
		return vennioclient.Proposal{}, nil, err
	}
	return *p, s.zoneOf(p.Metadata), nil
}

const proposalPages, proposalPage = 10, 100

// findNewProposal looks for the proposal that was to be made: one with the same consent in its metadata.
func (s *Service) findNewProposal(ctx context.Context, left consent.Unsettled) (finding, string, error) {
	q, found := vennioclient.ProposalsQuery{Limit: proposalPage}, notDone
	for range proposalPages {
		page, err := s.Vennio.ListProposals(ctx, q)
		if err != nil {
			return unclear, "", err
		}
		for _, p := range page.Proposals {
			if !proposes(p, left.Act) {
				continue
			}
			taken, err := s.Ledger.HasBooking(ctx, left.Tenant, p.ID, left.Grant.ID)
			switch {
			case err != nil:
				return unclear, "", err
			case taken: // by another consent in the same words
			case hasConsent(p.Metadata, left.Grant):
				return done, p.ID, nil
			case len(p.Metadata) == 0:
				found = unclear // Vennio does not return the metadata
			}
		}
		if q.Cursor = page.NextCursor; q.Cursor == "" {
			return found, "", nil
		}
	}
	return unclear, "", nil
}

func proposes(p vennioclient.Proposal, act consent.Act) bool {
	return len(p.Slots) == len(act.Times) && !slices.ContainsFunc(act.Times, func(t consent.ProposedTime) bool {
		return !slices.ContainsFunc(p.Slots, func(s vennioclient.ProposalSlot) bool { return s.Start.Equal(t.Start) && s.End.Equal(t.End) })
	})
}
