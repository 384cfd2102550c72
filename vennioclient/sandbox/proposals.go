package sandbox

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	modeStandard = "standard"
	modePoll     = "poll"
	maxProposed  = 10 // slots, participants and e-mail addresses, documented

	proposalOpen      = "proposed"
	proposalClosed    = "accepted" // also a poll with a winning slot
	proposalReplaced  = "countered"
	proposalDeclined  = "rejected"
	proposalWithdrawn = "cancelled"
	proposalOverdue   = "expired"

	participantPending = "pending"
	participantVoted   = "voted"
)

// proposal is a stored proposal.
type proposal struct {
	ID, ThreadID, Mode, Status, Message string
	Organizer                           partyJSON
	Metadata                            map[string]any
	Slots                               []pollSlot
	Participants                        []*participant
	OpenLink                            string // of a poll without invited people, else ""
	BookingID                           string // "" unless it was accepted
	NextID                              string // "" unless it was countered
	CreatedAt, ExpiresAt                time.Time
}

type pollSlot struct {
	ID         string
	Start, End time.Time
	Selected   bool
}

func (t pollSlot) span() span { return span{t.Start, t.End} }

// participant is an invited person or the voter of an open poll.
type participant struct {
	ID     string
	Party  partyJSON // its ID is "" without an account
	Status string
	SlotID string // the chosen slot, or ""
	Link   string // the invitation, which ends in its token; "" in an open poll
	Used   bool   // whether the token was used
}

// Invitation is a link to a proposal: in the answer to the call that created a poll, otherwise
// in an e-mail to the participant.
type Invitation struct {
	ProposalID string `json:"proposal_id"`
	Email      string `json:"email,omitempty"` // "" for an open poll
	Link       string `json:"link"`
	Used       bool   `json:"used"`
}

// Invitations returns the links to all proposals, in order of creation, including those that
// Vennio would send by e-mail. It returns none if the storage cannot be read.
func (s *Server) Invitations() []Invitation {
	defer s.sendOutbox()
	out := []Invitation{}
	_ = s.read(func() {
		for _, p := range s.data.Proposals {
			if p.OpenLink != "" {
				out = append(out, Invitation{p.ID, "", p.OpenLink, false})
			}
			for _, person := range p.Participants {
				if person.Link != "" {
					out = append(out, Invitation{p.ID, person.Party.Email, person.Link, person.Used})
				}
			}
		}
	})
	return out
}

func (p *proposal) json() proposalJSON {
	out := proposalJSON{
		ID: p.ID, ThreadID: p.ThreadID, Mode: p.Mode, Status: p.Status, RequesterID: p.Organizer.ID, Organizer: p.Organizer,
		Message: p.Message, Metadata: p.Metadata, Slots: []pollSlotJSON{}, Participants: []participantJSON{},
		BookingID: p.BookingID, NextID: p.NextID, CreatedAt: stamp(p.CreatedAt, time.UTC), ExpiresAt: stamp(p.ExpiresAt, time.UTC),
	}
	if out.Metadata == nil {
		out.Metadata = map[string]any{}
	}
	for _, t := range p.Slots {
		out.Slots = append(out.Slots, pollSlotJSON{t.ID, stamp(t.Start, time.UTC), stamp(t.End, time.UTC), p.votes(t.ID), t.Selected})
	}
	for _, person := range p.Participants {
		out.Participants = append(out.Participants, person.json())
	}
	return out
}

func (w *participant) json() participantJSON {
	out := participantJSON{ID: w.ID, PrincipalID: w.Party.ID, Name: w.Party.Name, Email: w.Party.Email, Status: w.Status}
	if w.SlotID != "" {
		out.SelectedSlotID = &w.SlotID
	}
	return out
}

func (p *proposal) votes(slotID string) (n int) {
	for _, person := range p.Participants {
		if person.SlotID == slotID {
			n++
		}
	}
	return n
}

func (p *proposal) slot(id string) *pollSlot {
	i := slices.IndexFunc(p.Slots, func(t pollSlot) bool { return t.ID == id })
	if i < 0 {
		return nil
	}
	return &p.Slots[i]
}

// slotBody is a time of a proposal, in both dialects.
type slotBody struct {
	Start     string `json:"start"`
	End       string `json:"end"`
	StartTime string `json:"start_time"`
	EndTime   string `json:"end_time"`
}

// slots reads 1 to 10 distinct times.
func (m fieldErrors) slots(field string, all []slotBody) []span {
	var out []span
	for i, in := range all {
		start, end := fmt.Sprintf("%s[%d].start", field, i), fmt.Sprintf("%s[%d].end", field, i)
		when := m.span(start, cmp.Or(in.Start, in.StartTime), end, cmp.Or(in.End, in.EndTime))
		if slices.ContainsFunc(out, when.equal) {
			m[start] = "is the same time as another slot"
		}
		out = append(out, when)
	}
	if len(all) == 0 || len(all) > maxProposed {
		m[field] = "must be 1 to 10 times"
	}
	return out
}

type proposalBody struct {
	Mode           string         `json:"mode"`
	ParticipantIDs []string       `json:"participant_ids"`
	Emails         []string       `json:"participant_emails"`
	Slots          []slotBody     `json:"slots"`
	Message        string         `json:"message"`
	Metadata       map[string]any `json:"metadata"`
	ExpiresInHours *int           `json:"expires_in_hours"`
}

func (s *Server) createProposal(c *call) (answer, error) {
	var in proposalBody
	if err := decode(c.body, &in); err != nil {
		return answer{}, err
	}
	in.Mode = cmp.Or(in.Mode, modeStandard)
	invited, times, hours, err := in.read()
	if err != nil {
		return answer{}, err
	}
	if err := s.checkProposable(c, in.Mode, invited, times); err != nil {
		return answer{}, err
	}
	p := s.propose(c, in.Mode, account, invited, times)
	p.Message, p.Metadata = in.Message, in.Metadata
	p.ExpiresAt = p.expiry(hours)
	out := proposalEnvelope{Proposal: p.json()}
	if p.Mode == modePoll {
		out.MagicLinkURL = p.OpenLink
		for _, person := range p.Participants {
			out.Invitations = append(out.Invitations, invitationJSON{person.Party.Email, person.Link})
		}
	}
	s.publishProposal(proposalCreated, p)
	return answer{http.StatusCreated, out, true}, nil
}

// read checks the body and returns the invited people, the times and the lifetime in hours.
func (in *proposalBody) read() ([]partyJSON, []span, int, error) {
	wrong, hours := fieldErrors{}, proposalHours
	var invited []partyJSON
	switch in.Mode {
	case modeStandard:
		invited = wrong.accounts(in.ParticipantIDs)
		if len(in.Emails) > 0 {
			wrong["participant_emails"] = "is only for a poll"
		}
	case modePoll:
		invited = wrong.voters(in.Emails)
		if in.ParticipantIDs != nil {
			wrong["participant_ids"] = "is not for a poll"
		}
	default:
		wrong["mode"] = "must be standard or poll"
	}
	times := wrong.slots("slots", in.Slots)
	if len(in.Message) > maxText {
		wrong["message"] = fmt.Sprintf("must have at most %d bytes", maxText)
	}
	metadata := map[string]string{}
	for key, value := range in.Metadata {
		metadata[key] = fmt.Sprint(value)
	}
	wrong.metadata(metadata)
	if in.ExpiresInHours != nil {
		if hours = *in.ExpiresInHours; hours < 1 || hours > maxProposalHours {
			wrong["expires_in_hours"] = fmt.Sprintf("must be from 1 to %d", maxProposalHours)
		}
	}
	return invited, times, hours, wrong.err()
}

// accounts returns the people with these ids.
func (m fieldErrors) accounts(ids []string) []partyJSON {
	var out []partyJSON
	for _, id := range ids {
		i := slices.IndexFunc(hosts, func(h *host) bool { return strings.EqualFold(h.ID, id) })
		if i < 0 || slices.Contains(out, hosts[i].party()) {
			m["participant_ids"] = "must be the ids of distinct accounts other than yours"
			continue
		}
		out = append(out, hosts[i].party())
	}
	if len(ids) == 0 || len(ids) > maxProposed {
		m["participant_ids"] = "must be 1 to 10 ids"
	}
	return out
}

// voters returns the people with these addresses.
func (m fieldErrors) voters(emails []string) []partyJSON {
	var out []partyJSON
	for i, email := range emails {
		m.email(fmt.Sprintf("participant_emails[%d]", i), email)
		if slices.ContainsFunc(out, func(p partyJSON) bool { return strings.EqualFold(p.Email, email) }) {
			m["participant_emails"] = "must be distinct"
		}
		out = append(out, partyJSON{Email: email})
	}
	if len(emails) > maxProposed {
		m["participant_emails"] = "must be at most 10 addresses"
	}
	return out
}

// checkProposable refuses a valid proposal that cannot be made.
func (s *Server) checkProposable(c *call, mode string, invited []partyJSON, times []span) error {
	for _, when := range times {
		if mode == modePoll && when.start.Before(c.now.Add(pollNotice)) {
			return refuse(tooSoon, "")
		}
		if when.start.Before(c.now) {
			return refuse(timeInPast, "")
		}
	}
	for _, person := range invited {
		if mode == modeStandard && !slices.ContainsFunc(s.data.Consents, func(k *consent) bool {
			return k.Grantor.ID == person.ID && k.Grantee.ID == account.ID && k.active(c.now) && slices.Contains(k.Scopes, accessPropose)
		}) {
			return refuse(consentRequired, person.Name+" has not given you "+accessPropose+".")
		}
	}
	if s.data.Disconnected[hosts[0].ID] {
		return refuse(organizerOffline, "")
	}
	return nil
}

// propose adds a proposal with an invitation for each of the people, or an open link.
func (s *Server) propose(c *call, mode string, organizer partyJSON, invited []partyJSON, times []span) *proposal {
	p := &proposal{
		ID: s.uuid(), ThreadID: s.uuid(), Mode: mode, Status: proposalOpen, Organizer: organizer, CreatedAt: c.now.Truncate(time.Second),
	}
	for _, when := range times {
		p.Slots = append(p.Slots, pollSlot{ID: s.uuid(), Start: when.start, End: when.end})
	}
	for _, person := range invited {
		p.Participants = append(p.Participants, &participant{ID: s.uuid(), Party: person, Status: participantPending, Link: s.newLink(c)})
	}
	if len(invited) == 0 {
		p.OpenLink = s.newLink(c)
	}
	p.ExpiresAt = p.expiry(proposalHours)
	s.data.Proposals = append(s.data.Proposals, p)
	return p
}

// expiry returns the time at which p ends if it lives for so many hours.
func (p *proposal) expiry(hours int) time.Time {
	at := p.CreatedAt.Add(time.Duration(hours) * time.Hour)
	for _, t := range p.Slots {
		if p.Mode == modePoll && t.Start.Before(at) {
			at = t.Start
		}
	}
	return at
}

func (s *Server) newLink(c *call) string {
	token := s.digest()
	return s.pageURL(c.request, "/p/"+hex.EncodeToString(token[:]))
}

func (s *Server) listProposals(c *call) (answer, error) {
	f := newForm(c.query, "status", "limit", "cursor")
	page, status := f.page(), f.values.Get("status")
	if err := f.err(); err != nil {
		return answer{}, err
	}
	return paginate(s.data.Proposals, page, func(p *proposal) string { return p.ID }, func(p *proposal) bool {
		return cmp.Or(status, p.Status) == p.Status
	}, (*proposal).json, func(all []proposalJSON, end pagination) any { return proposalPage{all, end} })
}

func (s *Server) requestedProposal(c *call) (*proposal, error) {
	p := s.findProposal(c.id())
	if p == nil {
		return nil, refuse(noProposal, "There is no proposal "+c.id()+".")
	}
	return p, nil
}

func (s *Server) findProposal(id string) *proposal {
	return find(s.data.Proposals, func(p *proposal) bool { return p.ID == id })
}

func (s *Server) readProposal(c *call) (answer, error) {
	p, err := s.requestedProposal(c)
	if err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusOK, body: proposalEnvelope{Proposal: p.json()}}, nil
}

// cancelProposal answers POST /v1/proposals/{id}/cancel: only from accepted. It cancels the booking.
func (s *Server) cancelProposal(c *call) (answer, error) {
	p, err := s.requestedProposal(c)
	if err != nil {
		return answer{}, err
	}
	b := s.findBooking(p.BookingID)
	switch {
	case p.Status != proposalClosed || b == nil:
		return answer{}, refuse(wrongState, "Only an accepted proposal can be cancelled. This one is "+p.Status+".")
	case s.data.Disconnected[b.HostID]:
		return answer{}, refuse(calendarOffline, "")
	}
	p.Status = proposalWithdrawn
	if b.Status != statusCancelled {
		s.markCancelled(b)
	}
	s.publishProposal(proposalCancelled, p)
	return answer{http.StatusOK, proposalEnvelope{Proposal: p.json()}, true}, nil
}

// closeProposal answers POST /v1/proposals/{id}/close, for the organizer of a poll.
func (s *Server) closeProposal(c *call) (answer, error) {
	p, err := s.requestedProposal(c)
	switch {
	case err != nil:
		return answer{}, err
	case p.Organizer != account:
		return answer{}, refuse(forbidden, "Only the organizer may close this poll.")
	case p.Mode != modePoll:
		return answer{}, refuse(wrongState, "This is not a poll. An accepted proposal can be cancelled.")
	case p.Status != proposalOpen:
		return answer{}, refuse(wrongState, "The poll is "+p.Status+".")
	}
	s.endPoll(p, c.now)
	return answer{http.StatusOK, proposalEnvelope{Proposal: p.json()}, true}, nil
}

// endPoll accepts a poll with its winning slot: most votes, then the earliest start. Without a
// vote the poll expires.
func (s *Server) endPoll(p *proposal, now time.Time) {
	var winner *pollSlot
	for i := range p.Slots {
		t := &p.Slots[i]
		lead := p.votes(t.ID)
		if winner != nil {
			lead -= p.votes(winner.ID)
		}
		if lead > 0 || lead == 0 && winner != nil && t.Start.Before(winner.Start) {
			winner = t
		}
	}
	if winner == nil {
		p.Status = proposalOverdue
		s.publishProposal(proposalExpired, p)
		return
	}
	s.bookProposal(p, winner, hosts[0], now)
	s.publishProposal(proposalResolved, p)
}

func (s *Server) bookProposal(p *proposal, t *pollSlot, h *host, now time.Time) {
	b := &Booking{
		ID: s.uuid(), HostID: h.ID, Status: statusConfirmed, Start: t.Start, End: t.End, CreatedAt: now.Truncate(time.Second),
		CustomerEmail: account.Email, CustomerName: account.Name, Notes: p.Message,
	}
	for _, person := range p.Participants {
		if person.Party.Email != "" && person.Party.Email != account.Email && person.Party.ID != h.ID && person.SlotID != "" {
			b.Participants = append(b.Participants, person.Party.Email)
		}
	}
	s.data.Bookings = append(s.data.Bookings, b)
	t.Selected, p.Status, p.BookingID = true, proposalClosed, b.ID
	s.publishBooking(bookingCreated, b)
}

func (p *proposal) overdue(now time.Time) bool {
	return p.Status == proposalOpen && !now.Before(p.ExpiresAt)
}

// expireProposals ends the open proposals whose time is over, and reports whether there were any.
// Only s.expire may call it.
func (s *Server) expireProposals(now time.Time) (changed bool) {
	for _, p := range s.data.Proposals {
		if !p.overdue(now) {
			continue
		}
		changed = true
		if p.Mode == modePoll {
			s.endPoll(p, now)
			continue
		}
		p.Status = proposalOverdue
		s.publishProposal(proposalExpired, p)
	}
	return changed
}

func (s *Server) publishProposal(name string, p *proposal) {
	s.publish(name, eventData{Proposal: new(p.json())})
}

// newestProposal returns a proposal for events without a cause.
func (s *Server) newestProposal() *proposal {
	if n := len(s.data.Proposals); n > 0 {
		return s.data.Proposals[n-1]
	}
	start := s.newestBooking().Start
	return &proposal{
		ID: s.uuid(), ThreadID: s.uuid(), Mode: modePoll, Status: proposalOpen, Organizer: account, CreatedAt: s.now().Truncate(time.Second),
		Slots: []pollSlot{{ID: s.uuid(), Start: start, End: start.Add(30 * time.Minute)}}, ExpiresAt: start,
	}
}
