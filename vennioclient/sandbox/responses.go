package sandbox

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// invitationOf returns the proposal of a token, and the invited person, who is nil for an open
// link.
func (s *Server) invitationOf(token string, now time.Time) (*proposal, *participant, error) {
	for _, p := range s.data.Proposals {
		person := find(p.Participants, func(w *participant) bool { return opens(w.Link, token) })
		if person == nil && !opens(p.OpenLink, token) {
			continue
		}
		switch {
		case person != nil && person.Used:
			return nil, nil, refuse(tokenInvalid, "")
		case !now.Before(p.ExpiresAt):
			return nil, nil, refuse(tokenExpired, "")
		}
		return p, person, nil
	}
	return nil, nil, refuse(tokenInvalid, "")
}

// opens reports whether token is that of link.
func opens(link, token string) bool {
	return token != "" && !strings.Contains(token, "/") && strings.HasSuffix(link, "/p/"+token)
}

// proposalByToken answers GET /v1/proposals/by-token. It does not use the token up.
func (s *Server) proposalByToken(c *call) (answer, error) {
	f := newForm(c.query, "token")
	f.require("token")
	if err := f.err(); err != nil {
		return answer{}, err
	}
	p, person, err := s.invitationOf(f.values.Get("token"), c.now)
	if err != nil {
		return answer{}, err
	}
	out := tokenEnvelope{Proposal: p.json(), Token: tokenJSON{"open", stamp(p.ExpiresAt, time.UTC)}}
	if person != nil {
		out.Participant, out.Token.Kind = new(person.json()), "named"
	}
	return answer{status: http.StatusOK, body: out}, nil
}

// responseBody is the body of POST /v1/proposals/{id}/response.
type responseBody struct {
	Action       string     `json:"action"`
	SlotID       string     `json:"selected_slot_id"`
	CounterSlots []slotBody `json:"counter_slots"`
	Message      string     `json:"message"`
	Token        string     `json:"token"`
	VoterName    string     `json:"voter_name"`
	VoterEmail   string     `json:"voter_email"`
}

func (s *Server) respondToProposal(c *call) (answer, error) {
	var in responseBody
	if err := decode(c.body, &in); err != nil {
		return answer{}, err
	}
	p, err := s.requestedProposal(c)
	if err != nil {
		return answer{}, err
	}
	person, err := s.responder(c, p, in.Token)
	if err != nil {
		return answer{}, err
	}
	if p.Status != proposalOpen {
		return answer{}, refuse(wrongState, "The proposal is "+p.Status+".")
	}
	counter, err := in.read(c, p)
	if err != nil {
		return answer{}, err
	}
	byToken := c.caller.kind == keyAnonymous
	switch {
	case p.Mode == modePoll:
		s.vote(c, p, person, in)
	case in.Action == "accept":
		if err := s.accept(c, p, person, in.SlotID); err != nil {
			used := byToken && !tokenSurvivesFailure
			person.Used = person.Used || used
			return answer{changed: used}, err
		}
	case in.Action == "counter":
		next := s.counter(c, p, person, counter, in.Message)
		person.Used = byToken
		return answer{http.StatusOK, proposalEnvelope{Proposal: p.json(), NewProposal: new(next.json())}, true}, nil
	default:
		person.Status, p.Status = "rejected", proposalDeclined
		s.publishProposal(proposalRejected, p)
	}
	if person != nil {
		person.Used = byToken
	}
	return answer{http.StatusOK, proposalEnvelope{Proposal: p.json()}, true}, nil
}

// responder returns the person who responds: the owner of the key or, without a key, the one of
// the token, who is nil for an open link.
func (s *Server) responder(c *call, p *proposal, token string) (*participant, error) {
	if c.caller.kind == keyAnonymous {
		if token == "" {
			return nil, refuse(authRequired, "")
		}
		of, person, err := s.invitationOf(token, c.now)
		if err == nil && of != p {
			err = refuse(tokenMismatch, "")
		}
		return person, err
	}
	if p.Organizer == account {
		return nil, refuse(organizerRefused, "")
	}
	person := find(p.Participants, func(w *participant) bool { return w.Party == account })
	if person == nil {
		return nil, refuse(forbidden, "You are not a participant of this proposal.")
	}
	return person, nil
}

// read checks the response and returns the times of a counter.
func (in *responseBody) read(c *call, p *proposal) ([]span, error) {
	wrong := fieldErrors{}
	var counter []span
	switch in.Action {
	case "accept":
		if p.slot(in.SlotID) == nil {
			wrong["selected_slot_id"] = "must be the id of a slot of this proposal"
		}
	case "counter":
		counter = wrong.slots("counter_slots", in.CounterSlots)
	case "reject":
	default:
		wrong["action"] = "must be accept, counter or reject"
	}
	if in.Action != "accept" && in.SlotID != "" {
		wrong["selected_slot_id"] = "is only for accept"
	}
	if in.Action != "counter" && in.CounterSlots != nil {
		wrong["counter_slots"] = "is only for counter"
	}
	if in.VoterEmail != "" {
		wrong.email("voter_email", in.VoterEmail)
	}
	if max(len(in.Message), len(in.VoterName)) > maxText {
		wrong["message"] = fmt.Sprintf("must have at most %d bytes, as voter_name", maxText)
	}
	if err := wrong.err(); err != nil {
		return nil, err
	}
	if p.Mode == modePoll && in.Action != "accept" {
		return nil, refuse(acceptOnly, "")
	}
	for _, when := range counter {
		if when.start.Before(c.now) {
			return nil, refuse(timeInPast, "")
		}
	}
	return counter, nil
}

// vote records a vote and ends the poll if everyone who was invited has voted.
func (s *Server) vote(c *call, p *proposal, person *participant, in responseBody) {
	if person == nil {
		person = find(p.Participants, func(w *participant) bool {
			return in.VoterEmail != "" && strings.EqualFold(w.Party.Email, in.VoterEmail)
		})
		if person == nil {
			person = &participant{ID: s.uuid(), Party: partyJSON{Email: in.VoterEmail}}
			p.Participants = append(p.Participants, person)
		}
		person.Party.Name = cmp.Or(in.VoterName, person.Party.Name)
	}
	person.SlotID, person.Status = in.SlotID, participantVoted
	pending := slices.ContainsFunc(p.Participants, func(w *participant) bool { return w.SlotID == "" })
	if p.OpenLink == "" && !pending {
		s.endPoll(p, c.now)
	}
}

// accept records an acceptance. With the last one the slot is booked.
func (s *Server) accept(c *call, p *proposal, person *participant, slotID string) error {
	t := p.slot(slotID)
	others := 0
	for _, w := range p.Participants {
		switch {
		case w == person:
		case w.SlotID == "":
			others++
		case w.SlotID != slotID:
			return refuse(wrongState, "Another participant has accepted another slot.")
		}
	}
	h := p.hostWith(person)
	if s.data.Disconnected[h.ID] {
		return refuse(calendarOffline, "")
	}
	if err := s.checkFree(c, h, t.span(), nil); err != nil {
		return err
	}
	person.SlotID, person.Status = slotID, "accepted"
	if others == 0 {
		s.bookProposal(p, t, h, c.now)
		s.publishProposal(proposalAccepted, p)
	}
	return nil
}

// hostWith returns the host in whose calendar the meeting is booked if this person accepts last.
func (p *proposal) hostWith(person *participant) *host {
	for _, party := range []partyJSON{person.Party, p.Organizer} {
		if h := findHost(party.ID); h != nil {
			return h
		}
	}
	return hosts[0]
}

// counter replaces a proposal by one of this person, in the same thread.
func (s *Server) counter(c *call, p *proposal, person *participant, times []span, message string) *proposal {
	invited := []partyJSON{p.Organizer}
	for _, w := range p.Participants {
		if w != person {
			invited = append(invited, w.Party)
		}
	}
	next := s.propose(c, modeStandard, person.Party, invited, times)
	next.ThreadID, next.Message, next.Metadata = p.ThreadID, message, p.Metadata
	person.Status, p.Status, p.NextID = "countered", proposalReplaced, next.ID
	s.publishProposal(proposalCountered, p)
	s.publishProposal(proposalCreated, next)
	return next
}

// calendarFile is the body of an answer in iCalendar format (RFC 5545).
type calendarFile string

func (s *Server) proposalICS(c *call) (answer, error) {
	f := newForm(c.query, "token")
	f.require("token")
	if err := f.err(); err != nil {
		return answer{}, err
	}
	p := s.findProposal(c.id())
	if p == nil {
		return answer{}, refuse(proposalUnknown, "")
	}
	of, _, err := s.invitationOf(f.values.Get("token"), c.now)
	switch {
	case err != nil:
		return answer{}, err
	case of != p:
		return answer{}, refuse(tokenMismatch, "")
	case p.Status != proposalClosed:
		return answer{}, refuse(notResolved, "")
	}
	i := slices.IndexFunc(p.Slots, func(t pollSlot) bool { return t.Selected })
	if i < 0 {
		return answer{}, refuse(slotUnknown, "")
	}
	return answer{status: http.StatusOK, body: p.calendar(p.Slots[i])}, nil
}

// calendar returns the meeting as a calendar file. Only voters with an address are attendees.
func (p *proposal) calendar(t pollSlot) calendarFile {
	const utc = "20060102T150405Z"
	lines := []string{
		"BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Vennio//Sandbox//EN", "METHOD:PUBLISH", "BEGIN:VEVENT",
		"UID:proposal-" + p.ID + "-slot-" + t.ID + "@vennio.app",
		"DTSTAMP:" + p.CreatedAt.UTC().Format(utc), "DTSTART:" + t.Start.UTC().Format(utc), "DTEND:" + t.End.UTC().Format(utc),
		"SUMMARY:" + icsText(cmp.Or(p.Message, "Meeting")), "ORGANIZER;CN=" + p.Organizer.Name + ":mailto:" + p.Organizer.Email,
	}
	for _, w := range p.Participants {
		if w.SlotID != "" && w.Party.Email != "" {
			lines = append(lines, "ATTENDEE:mailto:"+w.Party.Email)
		}
	}
	lines = append(lines, "END:VEVENT", "END:VCALENDAR")
	var out strings.Builder
	for _, line := range lines {
		out.WriteString(folded(line) + "\r\n")
	}
	return calendarFile(out.String())
}

// icsText escapes a text (RFC 5545, 3.3.11).
func icsText(s string) string {
	return strings.NewReplacer(`\`, `\\`, ";", `\;`, ",", `\,`, "\r\n", `\n`, "\n", `\n`, "\r", `\n`).Replace(s)
}

// folded splits a line at 75 octets, between characters (RFC 5545, 3.1).
func folded(line string) string {
	var out strings.Builder
	for limit := 75; len(line) > limit; limit = 74 { // the space at the start of a further line counts
		cut := limit
		for !utf8.RuneStart(line[cut]) {
			cut--
		}
		out.WriteString(line[:cut] + "\r\n ")
		line = line[cut:]
	}
	return out.String() + line
}
