package vennioclient

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// ProposalMode is the kind of a proposal (vennio-api.md, Proposals).
type ProposalMode string

const (
	// ModeStandard asks people with Vennio accounts. The proposal is accepted when all of
	// them have accepted; one of them can reject it or counter it with other times.
	ModeStandard ProposalMode = "standard"
	// ModePoll collects votes through links. Voters need no account and grant no calendar access.
	ModePoll ProposalMode = "poll"
)

// The states of a proposal; others are passed through. Only ProposalProposed is open.
const (
	ProposalProposed   = "proposed"
	ProposalCountered  = "countered" // another proposal in the same thread replaced it
	ProposalAccepted   = "accepted"  // everyone accepted, or the poll has a winner
	ProposalRejected   = "rejected"
	ProposalCancelling = "cancelling" // on the way to ProposalCancelled
	ProposalCancelled  = "cancelled"
	ProposalExpired    = "expired"
)

// maxProposed is the documented number of slots, participants and e-mail addresses of a proposal.
const maxProposed = 10

// ProposalRequest asks people which of several times suits them. The owner of the API key
// becomes the organizer.
type ProposalRequest struct {
	Mode ProposalMode // "" is ModeStandard
	// ParticipantIDs are the ids of 1 to 10 principals. Only for ModeStandard, which requires
	// them and their calendar access with the scope booking:propose.
	ParticipantIDs []string
	// VoterEmails are 1 to 10 addresses, each of which gets a link that can be used once. A
	// poll without addresses is open: it has one link for everyone. Only for ModePoll.
	VoterEmails []string
	// Slots are 1 to 10 times. Those of a poll must begin about 25 hours from now, or later.
	Slots     []ProposedTime
	Message   string
	Metadata  map[string]string // limits as in BookingRequest
	ExpiresIn time.Duration     // whole hours; 0 is Vennio's default, which is not published
}

// ProposedTime is a time in a request.
type ProposedTime struct{ Start, End time.Time }

// Proposal is a proposal as Vennio returns it. Fields that Vennio leaves out are zero.
type Proposal struct {
	ID           string
	ThreadID     string // the same for a proposal and those that counter it
	Mode         ProposalMode
	Status       string // ProposalProposed or another; unknown values are passed through
	Organizer    Party
	Message      string
	Slots        []ProposalSlot // in Vennio's order
	Participants []ProposalParticipant
	Metadata     map[string]string
	BookingID    string // the booking of an accepted proposal
	NextID       string // the proposal that countered this one
	// CreatedAt and ExpiresAt are in UTC. After ExpiresAt a poll with votes is resolved, and
	// any other open proposal expires.
	CreatedAt, ExpiresAt time.Time
}

// ProposalSlot is one of the proposed times.
type ProposalSlot struct {
	ID         string
	Start, End time.Time // UTC
	Votes      int       // the participants who chose this slot
	Selected   bool      // the proposal was accepted with this slot
}

// ProposalParticipant is an invited person or, in an open poll, a voter.
type ProposalParticipant struct {
	ID     string
	Party  Party  // its ID is empty without a Vennio account; an anonymous voter has an empty Party
	Status string // as Vennio writes it
	SlotID string // the slot that the person chose, or ""
}

// CreatedProposal is a new proposal with the links to it. In ModeStandard there are no links
// here, because Vennio sends them to the participants by e-mail.
type CreatedProposal struct {
	Proposal
	Invitations []Invitation // one for each of VoterEmails
	OpenLink    Secret       // the link of an open poll, which may be shared
}

// Invitation is the personal link of one voter. Whoever has it can vote for that person.
type Invitation struct {
	Email string
	Link  Secret
}

// CreateProposal makes a proposal. The rules of CreateBooking about keys and outcomes apply.
// Store the links at once: only the same call with the same key returns them again.
func (c *Client) CreateProposal(ctx context.Context, key IdempotencyKey, r ProposalRequest) (*CreatedProposal, error) {
	if refused := r.argumentErrors().refused(); refused != nil {
		return nil, refused
	}
	body, refused := encode(struct {
		Mode           ProposalMode      `json:"mode"`
		ParticipantIDs []string          `json:"participant_ids,omitempty"`
		Emails         []string          `json:"participant_emails,omitempty"`
		Slots          []slotBody        `json:"slots"`
		Message        string            `json:"message,omitempty"`
		Metadata       map[string]string `json:"metadata,omitempty"`
		ExpiresInHours int               `json:"expires_in_hours,omitempty"`
	}{
		cmp.Or(r.Mode, ModeStandard), r.ParticipantIDs, r.VoterEmails, slotBodies(r.Slots), r.Message,
		extras{}.metadata(r.Metadata), int(r.ExpiresIn / time.Hour),
	})
	if refused != nil {
		return nil, refused
	}
	return call(ctx, c, request{method: http.MethodPost, path: pathProposals, key: key, body: body}, createdFrom)
}

func (r ProposalRequest) argumentErrors() argumentErrors {
	wrong := argumentErrors{}
	wrong.metadata(r.Metadata)
	wrong.slots("slots", r.Slots)
	wrong.distinct("participant_ids", r.ParticipantIDs)
	wrong.distinct("voter_emails", r.VoterEmails)
	switch r.Mode {
	case "", ModeStandard:
		if len(r.ParticipantIDs) == 0 {
			wrong["participant_ids"] = "must be 1 to 10 ids"
		}
		if len(r.VoterEmails) > 0 {
			wrong["voter_emails"] = "are only for a poll"
		}
	case ModePoll:
		if len(r.ParticipantIDs) > 0 {
			wrong["participant_ids"] = "are not for a poll"
		}
	default:
		wrong["mode"] = "must be standard or poll"
	}
	if r.ExpiresIn < 0 || r.ExpiresIn%time.Hour != 0 {
		wrong["expires_in"] = "must be whole hours"
	}
	return wrong
}

// distinct refuses more than maxProposed texts, empty ones and duplicates.
func (m argumentErrors) distinct(field string, all []string) {
	for i, text := range all {
		if strings.TrimSpace(text) == "" || slices.ContainsFunc(all[:i], func(s string) bool { return strings.EqualFold(s, text) }) {
			m[field] = "must be distinct, and none empty"
		}
	}
	if len(all) > maxProposed {
		m[field] = "must be at most 10"
	}
}

func (m argumentErrors) slots(field string, all []ProposedTime) {
	if len(all) == 0 || len(all) > maxProposed {
		m[field] = "must be 1 to 10"
	}
	for i, s := range all {
		if s.Start.IsZero() || !s.End.After(s.Start) {
			m[field] = "must each end after their start"
		}
		if slices.ContainsFunc(all[:i], func(o ProposedTime) bool { return o.Start.Equal(s.Start) && o.End.Equal(s.End) }) {
			m[field] = "must be distinct"
		}
	}
}

// slotBody is a time in a request, in both dialects: the pages about polls and teams agree.
type slotBody struct {
	Start string `json:"start"`
	End   string `json:"end"`
}

func slotBodies(all []ProposedTime) []slotBody {
	var out []slotBody
	for _, s := range all {
		out = append(out, slotBody{stamp(s.Start), stamp(s.End)})
	}
	return out
}

// ProposalsQuery filters and pages ListProposals. Zero fields are not sent. All are inferred
// (vennio-api.md, Proposals).
type ProposalsQuery struct {
	Status string
	Limit  int    // the most entries of a page; 0 is Vennio's default
	Cursor string // ProposalPage.NextCursor of the page before
}

// ProposalPage is one page of proposals.
type ProposalPage struct {
	Proposals  []Proposal
	NextCursor string // "" on the last page
}

// ListProposals returns a page of the proposals that the caller made or received.
func (c *Client) ListProposals(ctx context.Context, q ProposalsQuery) (*ProposalPage, error) {
	query := pageQuery(q.Limit, q.Cursor)
	query.text("status", q.Status)
	return readPage(ctx, c, pathProposals, "proposals", query, DecodeProposal, func(all []Proposal, next string) *ProposalPage { return &ProposalPage{all, next} })
}

// GetProposal reads one proposal. It returns ErrOtherProposal if the answer is about another one.
func (c *Client) GetProposal(ctx context.Context, id string) (*Proposal, error) {
	path, refused := itemPath(pathProposals, id)
	if refused != nil {
		return nil, refused
	}
	return call(ctx, c, get(path, nil), func(raw json.RawMessage) (*Proposal, error) {
		p, err := DecodeProposal(raw)
		if err == nil && !strings.EqualFold(p.ID, id) {
			return nil, ErrOtherProposal
		}
		return &p, err
	})
}

// ProposalView is a proposal as the holder of an invitation sees it.
type ProposalView struct {
	Proposal
	Open bool // whether the invitation is the link of an open poll
	// Participant is the invited person; nil for the link of an open poll.
	Participant *ProposalParticipant
}

// ProposalByToken reads the proposal of an invitation, without the API key. The invitation
// can still be used afterwards. An invitation that is unknown, used or expired is a KindInvitation.
func (c *Client) ProposalByToken(ctx context.Context, invitation Secret) (*ProposalView, error) {
	if refused := checkInvitation(invitation).refused(); refused != nil {
		return nil, refused
	}
	query := url.Values{"token": {invitation.Reveal()}}
	return call(ctx, c, request{method: http.MethodGet, path: pathProposalByToken, query: query, invitation: invitation}, viewFrom)
}

// ProposalAction is a response to a proposal. A poll takes only ActionAccept.
type ProposalAction string

// The three responses.
const (
	ActionAccept  ProposalAction = "accept"  // with SlotID
	ActionCounter ProposalAction = "counter" // with CounterSlots
	ActionReject  ProposalAction = "reject"
)

// ProposalResponse is a participant's response to a proposal, or a voter's vote.
type ProposalResponse struct {
	Action       ProposalAction
	SlotID       string         // the accepted slot
	CounterSlots []ProposedTime // 1 to 10 other times
	Message      string
	// Invitation is the token of the responding person; see InvitationFrom. Without it, the
	// owner of the API key responds, which Vennio refuses if that is the organizer.
	Invitation Secret
	// VoterName and VoterEmail identify a voter in an open poll; both may be empty.
	VoterName, VoterEmail string
}

// RespondToProposal accepts, counters or rejects a proposal, or votes in a poll. With an
// Invitation, the API key is not sent, because Vennio would ignore the invitation. A personal
// invitation is used up even if the response fails. The rules of CreateBooking about keys and
// outcomes apply; if the outcome is Unknown, read the proposal.
func (c *Client) RespondToProposal(ctx context.Context, key IdempotencyKey, id string, r ProposalResponse) (*Proposal, error) {
	path, refused := itemPath(pathProposals, id)
	if refused != nil {
		return nil, refused
	}
	if refused := r.argumentErrors().refused(); refused != nil {
		return nil, refused
	}
	body, refused := encode(struct {
		Action       ProposalAction `json:"action"`
		SlotID       string         `json:"selected_slot_id,omitempty"`
		CounterSlots []slotBody     `json:"counter_slots,omitempty"`
		Message      string         `json:"message,omitempty"`
		Token        string         `json:"token,omitempty"`
		VoterName    string         `json:"voter_name,omitempty"`
		VoterEmail   string         `json:"voter_email,omitempty"`
	}{r.Action, r.SlotID, slotBodies(r.CounterSlots), r.Message, r.Invitation.Reveal(), r.VoterName, r.VoterEmail})
	if refused != nil {
		return nil, refused
	}
	req := request{method: http.MethodPost, path: path + "/response", key: key, body: body, invitation: r.Invitation}
	return call(ctx, c, req, changedProposal(id, r.Action == ActionCounter))
}

func (r ProposalResponse) argumentErrors() argumentErrors {
	wrong := argumentErrors{}
	if r.Invitation.text != nil {
		wrong = checkInvitation(r.Invitation)
	}
	switch r.Action {
	case ActionAccept, ActionCounter, ActionReject:
	default:
		wrong["action"] = "must be accept, counter or reject"
	}
	if (r.Action == ActionAccept) != (r.SlotID != "") {
		wrong["slot_id"] = "must be given to accept, and only then"
	}
	if r.Action == ActionCounter {
		wrong.slots("counter_slots", r.CounterSlots)
	} else if len(r.CounterSlots) > 0 {
		wrong["counter_slots"] = "are only for counter"
	}
	return wrong
}

// CancelProposal cancels an accepted proposal and its booking. Vennio deletes the events of
// both sides and sends e-mails that name the owner of the API key.
func (c *Client) CancelProposal(ctx context.Context, id string) (*Proposal, error) {
	return c.endProposal(ctx, id, "/cancel", true)
}

// CloseProposal ends a poll of the caller. With at least one vote it is accepted with the slot
// that has most votes (of several, the earliest); without a vote it expires. A second call is
// a KindConflict, so read the proposal if the outcome is Unknown.
func (c *Client) CloseProposal(ctx context.Context, id string) (*Proposal, error) {
	return c.endProposal(ctx, id, "/close", false)
}

// endProposal makes a call for which Vennio documents no idempotency key.
func (c *Client) endProposal(ctx context.Context, id, operation string, repeats502 bool) (*Proposal, error) {
	path, refused := itemPath(pathProposals, id)
	if refused != nil {
		return nil, refused
	}
	return call(ctx, c, request{method: http.MethodPost, path: path + operation, repeats502: repeats502}, changedProposal(id, false))
}

// ProposalICS returns the meeting of a resolved poll as a calendar file (RFC 5545), with an
// invitation in place of the API key. Before the poll is resolved, the error is a
// KindConflict with the Code poll_not_resolved.
func (c *Client) ProposalICS(ctx context.Context, id string, invitation Secret) ([]byte, error) {
	path, refused := itemPath(pathProposals, id)
	if refused == nil {
		refused = checkInvitation(invitation).refused()
	}
	if refused != nil {
		return nil, refused
	}
	r := get(path+"/ics", url.Values{"token": {invitation.Reveal()}})
	r.invitation, r.isCalendar = invitation, true
	return call(ctx, c, r, func(raw json.RawMessage) ([]byte, error) {
		if !bytes.HasPrefix(raw, []byte("BEGIN:VCALENDAR")) {
			return nil, errors.New("the answer is not a calendar file")
		}
		return raw, nil
	})
}

// InvitationFrom returns the token of an invitation: the last part of its link, such as
// https://vennio.app/p/TOKEN, or the token itself. The error does not contain link.
func InvitationFrom(link string) (Secret, error) {
	token := strings.TrimSpace(link)
	if u, err := url.Parse(token); err == nil && u.Host != "" {
		token = cmp.Or(u.Query().Get("token"), u.Path[strings.LastIndex(u.Path, "/")+1:])
	}
	secret := secretOf(token)
	if refused := checkInvitation(secret).refused(); refused != nil {
		return Secret{}, refused
	}
	return secret, nil
}

// checkInvitation refuses texts that cannot be the token of an invitation.
func checkInvitation(invitation Secret) argumentErrors {
	token := invitation.Reveal()
	if token == "" || len(token) > maxName || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' || r == '/' }) {
		return argumentErrors{"invitation": "must be an invitation link of a proposal, or its last part"}
	}
	return argumentErrors{}
}

// ErrOtherProposal is the cause (errors.Is) of a KindMalformed: the answer is about another
// proposal than the requested one, so the state of the requested one is unknown.
var ErrOtherProposal = errors.New("the answer is about another proposal than the requested one")

// changedProposal returns a decoder of the answer to a change, whose form is not published.
// It may be the changed proposal, a status alone, or empty. The answer to a counter may also be
// the new proposal.
func changedProposal(id string, countered bool) func(json.RawMessage) (*Proposal, error) {
	return func(raw json.RawMessage) (*Proposal, error) {
		if isNull(raw) {
			return &Proposal{ID: id}, nil
		}
		o, err := payload(raw)
		if err != nil {
			return nil, err
		}
		p, err := DecodeProposal(raw)
		switch {
		case errors.Is(err, errNoProposal):
			p = Proposal{ID: id, Status: o.text("status", "proposal_status")}
		case err != nil:
			return nil, err
		case !strings.EqualFold(p.ID, id) && countered:
			p = Proposal{ID: id, ThreadID: p.ThreadID, Status: ProposalCountered, NextID: p.ID}
		case !strings.EqualFold(p.ID, id):
			return nil, ErrOtherProposal
		}
		for _, name := range []string{"new_proposal", "counter_proposal", "next_proposal"} {
			if next, err := objectFrom(o.field(name)); err == nil {
				p.NextID = cmp.Or(p.NextID, next.text("id", "proposal_id"))
			}
		}
		return &p, nil
	}
}

var errNoProposal = errors.New("the answer holds no proposal with an id")

// DecodeProposal decodes a proposal, flat or under `proposal` or `data`, from an answer or from
// another source, such as a webhook. The error names the invalid field, not its content.
func DecodeProposal(raw json.RawMessage) (Proposal, error) {
	outer, err := payload(raw)
	if err != nil {
		return Proposal{}, err
	}
	o := outer
	if inner, err := objectFrom(outer["proposal"]); err == nil {
		o = inner
	}
	p := Proposal{
		ID: o.text("id", "proposal_id"), ThreadID: o.text("thread_id"), Mode: ProposalMode(o.text("mode")), Status: o.text("status"),
		Message: o.text("message"), Metadata: o.strings("metadata"),
		BookingID: o.text("booking_id"), NextID: o.text("countered_by_id", "next_proposal_id", "new_proposal_id"),
	}
	if p.ID == "" {
		return Proposal{}, errNoProposal
	}
	for _, role := range []string{"requester", "organizer", "organiser"} {
		from := partyFrom(o, role)
		p.Organizer = Party{cmp.Or(p.Organizer.ID, from.ID), cmp.Or(p.Organizer.Name, from.Name), cmp.Or(p.Organizer.Email, from.Email)}
	}
	for _, from := range []object{o, outer} {
		if booking, err := objectFrom(from["booking"]); err == nil {
			p.BookingID = cmp.Or(p.BookingID, booking.text("id"))
		}
	}
	var errs [4]error
	p.CreatedAt, errs[0] = o.time("created_at")
	p.ExpiresAt, errs[1] = o.time("expires_at")
	p.Participants, errs[2] = listIn(o, "participants", participantFrom)
	p.Slots, errs[3] = listIn(o, "slots", proposalSlotFrom)
	p.countVotes(o.text("selected_slot_id"))
	return p, errors.Join(errs[:]...)
}

// listIn decodes a field that is a list. An absent field is an empty list.
func listIn[T any](o object, name string, decode func(json.RawMessage) (T, error)) ([]T, error) {
	if o.field(name) == nil {
		return nil, nil
	}
	all, _, err := listOf(o.field(name), name, decode)
	return all, err
}

func proposalSlotFrom(raw json.RawMessage) (ProposalSlot, error) {
	o, err := objectFrom(raw)
	if err != nil {
		return ProposalSlot{}, err
	}
	s := ProposalSlot{
		ID: o.text("id", "slot_id"), Votes: o.count("vote_count", o.count("votes", 0)),
		Selected: o.text("is_selected", "selected") == "true",
	}
	if voters, err := listFrom(o["votes"]); err == nil {
		s.Votes = len(voters)
	}
	when, err := slotFromObject(o)
	if err != nil {
		return ProposalSlot{}, err
	}
	s.Start, s.End = when.Start, when.End
	return s, nil
}

// countVotes sets the votes of slots that came without a number, and the selected slot.
func (p *Proposal) countVotes(selected string) {
	for i := range p.Slots {
		s, chosen := &p.Slots[i], 0
		for _, person := range p.Participants {
			if s.ID != "" && person.SlotID == s.ID {
				chosen++
			}
		}
		s.Votes = max(s.Votes, chosen)
		s.Selected = s.Selected || s.ID != "" && s.ID == selected
	}
}

func participantFrom(raw json.RawMessage) (ProposalParticipant, error) {
	o, err := objectFrom(raw)
	if err != nil {
		return ProposalParticipant{}, err
	}
	p := ProposalParticipant{
		ID: o.text("id", "participant_id"), Status: o.text("status", "response"), SlotID: o.text("selected_slot_id", "slot_id"),
		Party: Party{
			ID:    o.text("principal_id", "user_id"),
			Name:  o.text("name", "display_name", "voter_name"),
			Email: o.text("email", "voter_email"),
		},
	}
	return p, nil
}

func createdFrom(raw json.RawMessage) (*CreatedProposal, error) {
	p, err := DecodeProposal(raw)
	if err != nil {
		return nil, err
	}
	outer, err := payload(raw)
	if err != nil {
		return nil, err
	}
	out := &CreatedProposal{Proposal: p, OpenLink: linkIn(outer)}
	from := outer
	if inner, err := objectFrom(outer["proposal"]); err == nil {
		if out.OpenLink.text == nil {
			out.OpenLink = linkIn(inner)
		}
		if outer["invitations"] == nil {
			from = inner
		}
	}
	out.Invitations, err = listIn(from, "invitations", func(raw json.RawMessage) (Invitation, error) {
		o, err := objectFrom(raw)
		return Invitation{Email: o.text("email", "participant_email"), Link: linkIn(o)}, err
	})
	return out, err
}

// linkIn returns the link of an invitation, or its token if there is only that.
func linkIn(o object) Secret {
	return secretOf(o.text("magic_link_url", "magic_link", "link", "url", "token"))
}

func viewFrom(raw json.RawMessage) (*ProposalView, error) {
	p, err := DecodeProposal(raw)
	if err != nil {
		return nil, err
	}
	outer, err := payload(raw)
	if err != nil {
		return nil, err
	}
	view := &ProposalView{Proposal: p}
	if !isNull(outer["participant"]) {
		person, err := participantFrom(outer["participant"])
		if err != nil {
			return nil, fmt.Errorf("participant: %w", err)
		}
		view.Participant = &person
	}
	token, err := objectFrom(outer["token"])
	if err != nil {
		token = object{}
	}
	kind := cmp.Or(token.text("kind"), outer.text("token_kind"))
	view.Open = kind == "open" || kind == "" && view.Participant == nil
	return view, nil
}
