package schemas

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
)

// This file is the contract of the tools for proposals: several times of which others choose one.

// ProposeTimesInput has the arguments of propose_times.
type ProposeTimesInput struct {
	SlotIDs        []string  `json:"slot_ids" jsonschema:"maxItems=10,maxLength=64" jsonschema_description:"Slots from find_slots"`
	Title          string    `json:"title" jsonschema:"maxLength=120" jsonschema_description:"Meeting title"`
	Voters         []string  `json:"voters,omitempty" jsonschema:"maxItems=10,maxLength=254" jsonschema_description:"E-mail addresses, each with a personal link; none: one link for anyone"`
	Accounts       []HostRef `json:"accounts,omitempty" jsonschema:"maxItems=10,maxLength=100" jsonschema_description:"Instead: names or ids of Vennio users"`
	Hosts          []HostRef `json:"hosts,omitempty" jsonschema:"maxItems=5,maxLength=100" jsonschema_description:"Hosts as in find_slots"`
	ExpiresInHours int       `json:"expires_in_hours,omitempty" jsonschema:"minimum=1,maximum=720" jsonschema_description:"1 to 720"`
	ConsentArgument
}

// violations finds what JSON Schema cannot express: missing slots, and addresses that are none or occur
// twice.
func (in ProposeTimesInput) violations() (wrong []Violation) {
	if len(in.SlotIDs) == 0 {
		wrong = append(wrong, Violation{[]string{"slot_ids"}, "has 0 items, the least is 1"})
	}
	if sanitize.Line(in.Title, 1) == "" {
		wrong = append(wrong, Violation{[]string{"title"}, "is blank"})
	}
	if len(in.Voters) > 0 && len(in.Accounts) > 0 {
		wrong = append(wrong, Violation{[]string{"accounts"}, "is not to be sent with voters: people vote by link, or accept with their account"})
	}
	seen := map[string]int{}
	for i, address := range in.Voters {
		wrong = append(wrong, addressViolation(seen, i, address, "voters", strconv.Itoa(i))...)
	}
	return wrong
}

// GetProposalInput has the arguments of get_proposal.
type GetProposalInput struct {
	ProposalID string `json:"proposal_id,omitempty" jsonschema:"maxLength=100" jsonschema_description:"proposal_id in full, as another tool returned it"`
	Invitation string `json:"invitation,omitempty" jsonschema:"maxLength=500" jsonschema_description:"Instead, the invitation link that the person received"`
	Timezone   string `json:"timezone,omitempty" jsonschema:"maxLength=64" jsonschema_description:"IANA time zone of the user"`
}

// violations requires exactly one of the two ways to name a proposal.
func (in GetProposalInput) violations() []Violation {
	if (in.ProposalID == "") == (in.Invitation == "") {
		return []Violation{{[]string{"proposal_id"}, "or invitation must be sent, and not both"}}
	}
	return nil
}

// RespondToProposalInput has the arguments of respond_to_proposal. Invitation is a credential.
type RespondToProposalInput struct {
	Invitation string    `json:"invitation" jsonschema:"maxLength=500" jsonschema_description:"The person's own invitation link"`
	Response   string    `json:"response,omitempty" jsonschema:"enum=accept,enum=counter,enum=reject,default=accept" jsonschema_description:"accept (default), counter or reject"`
	OptionID   string    `json:"option_id,omitempty" jsonschema:"maxLength=100" jsonschema_description:"Time to accept"`
	SlotIDs    []string  `json:"slot_ids,omitempty" jsonschema:"maxItems=10,maxLength=64" jsonschema_description:"Times to counter with"`
	Hosts      []HostRef `json:"hosts,omitempty" jsonschema:"maxItems=5,maxLength=100" jsonschema_description:"Hosts as in find_slots"`
	Name       string    `json:"name,omitempty" jsonschema:"maxLength=100" jsonschema_description:"Voter in an open poll"`
	Email      string    `json:"email,omitempty" jsonschema:"maxLength=254" jsonschema_description:"Their address"`
	Message    string    `json:"message,omitempty" jsonschema:"maxLength=1000" jsonschema_description:"To the organizer"`
	ConsentArgument
}

// Action is the response, by default accept.
func (in RespondToProposalInput) Action() string { return cmp.Or(in.Response, "accept") }

// violations finds what JSON Schema cannot express: a response without what it is about.
func (in RespondToProposalInput) violations() (wrong []Violation) {
	if accepts := in.Action() == "accept"; accepts != (in.OptionID != "") {
		wrong = append(wrong, Violation{[]string{"option_id"}, "must be sent with accept, and only then"})
	}
	if counters := in.Action() == "counter"; counters != (len(in.SlotIDs) > 0) {
		wrong = append(wrong, Violation{[]string{"slot_ids"}, "must be sent with counter, and only then"})
	}
	if in.Email != "" {
		wrong = append(wrong, addressViolation(map[string]int{}, 0, in.Email, "email")...)
	}
	return wrong
}

// ClosePollInput has the arguments of close_poll.
type ClosePollInput struct {
	ProposalID string `json:"proposal_id" jsonschema:"minLength=1,maxLength=100" jsonschema_description:"proposal_id of the poll to close"`
	Timezone   string `json:"timezone,omitempty" jsonschema:"maxLength=64" jsonschema_description:"IANA time zone of the user, default as proposed"`
	ConsentArgument
}

// ProposedMeeting is a proposal as it is at Vennio now. Texts by others are sanitized and shortened.
type ProposedMeeting struct {
	ProposalID string           `json:"proposal_id"`
	Status     string           `json:"status" jsonschema_description:"proposed (open), accepted, rejected, countered, cancelled, expired, or as Vennio says"`
	Mode       string           `json:"mode" jsonschema_description:"poll: people vote by link; standard: people with accounts must all accept"`
	Title      string           `json:"title,omitempty"`
	Options    []ProposedOption `json:"options" jsonschema_description:"By start"`
	NoAnswer   []string         `json:"no_answer,omitempty" jsonschema_description:"Invited people who have not answered"`
	Closes     string           `json:"closes,omitempty" jsonschema_description:"When it ends, in words"`
	BookingID  string           `json:"booking_id,omitempty" jsonschema_description:"The booking of an accepted proposal"`
}

// ProposedOption is one of the proposed times.
type ProposedOption struct {
	OptionID    string   `json:"option_id"`
	Description string   `json:"description" jsonschema_description:"When, in words to read to a person"`
	Start       string   `json:"start" jsonschema:"format=date-time" jsonschema_description:"UTC"`
	End         string   `json:"end" jsonschema:"format=date-time" jsonschema_description:"UTC"`
	Votes       int      `json:"votes"`
	Voters      []string `json:"voters,omitempty" jsonschema_description:"Who chose it"`
	Chosen      bool     `json:"chosen,omitempty" jsonschema_description:"The proposal was accepted with this time"`
}

// GetProposalResult is the result of get_proposal.
type GetProposalResult struct {
	ProposedMeeting
	Note string `json:"note,omitempty"`
	Next string `json:"next"`
	Envelope
}

// ProposeTimesResult is the result of propose_times.
type ProposeTimesResult struct {
	ProposedMeeting
	Repeated bool          `json:"repeated" jsonschema_description:"True if an earlier call made it and this one made nothing"`
	Links    []VoterLink   `json:"links,omitempty" jsonschema_description:"Personal links: give each person only their own"`
	OpenLink string        `json:"open_link,omitempty" jsonschema_description:"The link for everyone"`
	Mailed   []string      `json:"mailed,omitempty" jsonschema_description:"Recipients whom Vennio may e-mail about it"`
	Consent  ConsentOnFile `json:"consent"`
	Undo     string        `json:"undo,omitempty" jsonschema_description:"The call that undoes it"`
	Next     string        `json:"next"`
	Instead
	Envelope
}

// ProposalChangeResult is the result of respond_to_proposal and of close_poll.
type ProposalChangeResult struct {
	ProposedMeeting
	Changed bool           `json:"changed" jsonschema_description:"Whether this call changed the proposal; false if it already had this state"`
	Done    string         `json:"done,omitempty" jsonschema_description:"What was responded"`
	Mailed  []string       `json:"mailed,omitempty" jsonschema_description:"Recipients whom Vennio may e-mail about it"`
	Consent *ConsentOnFile `json:"consent,omitempty"`
	Undo    string         `json:"undo,omitempty" jsonschema_description:"The call that undoes it"`
	Next    string         `json:"next"`
	Instead
	Envelope
}

// AllWritten lists the booking that was made when this call ended the proposal.
func (r *ProposalChangeResult) AllWritten() []Written {
	for _, o := range r.Options {
		if r.Changed && r.BookingID != "" && o.Chosen {
			return []Written{{r.BookingID, "", o.Start, o.End, true}}
		}
	}
	return nil
}

// VoterLink is the personal link of a voter in a poll. Whoever has it can vote for that person.
type VoterLink struct {
	Email string `json:"email"`
	Link  string `json:"link"`
}

// Text describes the proposal, who chose what, and the next step.
func (r *GetProposalResult) Text() string {
	lines := r.lines()
	if r.Note != "" {
		lines = append(lines, r.Note)
	}
	return strings.Join(append(lines, "Next: "+r.Next), "\n")
}

// Text says what was proposed, the links to pass on, and who consented.
func (r *ProposeTimesResult) Text() string {
	headline := "Proposed: "
	if r.Repeated {
		headline = "Already proposed: "
	}
	lines := r.lines()
	lines[0] = headline + lines[0]
	for _, l := range r.Links {
		lines = append(lines, "Link of "+l.Email+": "+l.Link)
	}
	if r.OpenLink != "" {
		lines = append(lines, "Link for everyone: "+r.OpenLink)
	}
	if len(r.Mailed) > 0 {
		lines = append(lines, "Vennio may e-mail: "+strings.Join(r.Mailed, ", "))
	}
	return strings.Join(append(lines, r.Consent.text(), undoAndNext(r.Undo, r.Next)), "\n")
}

// Text says what was answered, how the proposal is now, and who consented.
func (r *ProposalChangeResult) Text() string {
	headline := "Changed: "
	if !r.Changed {
		headline = "Nothing more was changed: "
	}
	lines := r.lines()
	lines[0] = headline + lines[0]
	if r.Done != "" {
		lines = append(lines, "Response: "+r.Done)
	}
	if len(r.Mailed) > 0 {
		lines = append(lines, "Vennio may e-mail: "+strings.Join(r.Mailed, ", "))
	}
	if r.Consent != nil {
		lines = append(lines, r.Consent.text())
	}
	return strings.Join(append(lines, undoAndNext(r.Undo, r.Next)), "\n")
}

// lines describes the proposal: a headline, and a line for each time.
func (m *ProposedMeeting) lines() []string {
	title := "untitled"
	if m.Title != "" {
		title = sanitize.Quote(m.Title, 120)
	}
	first := []string{title, m.Mode, proposalStatus(m.Status), "proposal_id " + m.ProposalID}
	if m.BookingID != "" {
		first = append(first, "booking_id "+m.BookingID)
	}
	lines := []string{strings.Join(first, " · ")}
	for _, o := range m.Options {
		lines = append(lines, "- "+o.text())
	}
	if len(m.NoAnswer) > 0 {
		lines = append(lines, "No answer from: "+quoted(m.NoAnswer))
	}
	if m.Closes != "" {
		lines = append(lines, "Closes: "+m.Closes)
	}
	return lines
}

func proposalStatus(s string) string {
	if s == "" {
		return "status unknown"
	}
	return "status " + sanitize.Line(s, 40)
}

func (o ProposedOption) text() string {
	votes := fmt.Sprintf("%d %s", o.Votes, plural(o.Votes, "vote"))
	if len(o.Voters) > 0 {
		votes += " (" + quoted(o.Voters) + ")"
	}
	parts := []string{o.Description, interval(o.Start, o.End), votes, "option_id " + o.OptionID}
	if o.Chosen {
		parts = append(parts, "CHOSEN")
	}
	return strings.Join(parts, " · ")
}
