package consent

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
)

// The tools whose acts are in the ledger.
const (
	ToolBook       = "book_slot"
	ToolReschedule = "reschedule_booking"
	ToolCancel     = "cancel_booking"
	ToolUpdate     = "update_booking"
	ToolPropose    = "propose_times"
	ToolRespond    = "respond_to_proposal"
	ToolClosePoll  = "close_poll"
	ToolShare      = "share_link"
)

// Terms are the parts of an act that a booking, a move and a cancellation do not have. They
// are omitted from the canonical form when empty.
type Terms struct {
	// Times are the proposed times by their start. Start and End of the act are those of the first.
	Times []ProposedTime `json:"times,omitempty"`
	// Invited are the people with Vennio accounts who are asked for one of Times. Without
	// them a proposal is a poll: the attendees vote, or whoever has the link if there are none.
	Invited []Host `json:"invited,omitempty"`
	// InvitedMailed: Vennio sends Invited an e-mail.
	InvitedMailed bool `json:"invited_mailed,omitempty"`
	// ExpiresInHours is how long a proposal is open; 0 is Vennio's default.
	ExpiresInHours int `json:"expires_in_hours,omitempty"`

	// Response is accept, counter or reject, for a response to a proposal; Choice is the id at
	// Vennio of the accepted time.
	Response string `json:"response,omitempty"`
	Choice   string `json:"choice,omitempty"`

	// Replaces are the notes of a booking before Notes replace them, and Labels what is stored
	// with it for programs.
	Replaces string  `json:"replaces,omitempty"`
	Labels   []Label `json:"labels,omitempty"`

	// Minutes is the length of the meetings of a Venn Link, and Questions are what it asks the
	// guest.
	Minutes   int      `json:"minutes,omitempty"`
	Questions []string `json:"questions,omitempty"`

	// Serial distinguishes an act from earlier ones with the same content, which were done.
	Serial int `json:"serial,omitempty"`
}

// Label is a name with a value that Vennio stores with a booking.
type Label struct {
	Name     string `json:"name"`
	Value    string `json:"value"`
	Replaces string `json:"replaces,omitempty"` // the value before
}

// Responses to a proposal.
const (
	ResponseAccept  = "accept"
	ResponseCounter = "counter"
	ResponseReject  = "reject"
)

// ProposedTime is one of several proposed times.
type ProposedTime struct {
	SlotID string    `json:"slot_id"` // normalized
	Start  time.Time `json:"start"`
	End    time.Time `json:"end"`
}

// inUTC returns the terms with all times in UTC, as in the canonical form.
func (t Terms) inUTC() Terms {
	t.Times = slices.Clone(t.Times)
	for i, p := range t.Times {
		t.Times[i].Start, t.Times[i].End = p.Start.UTC(), p.End.UTC()
	}
	return t
}

// essence is what remains of the terms without their spelling: see Act.essence.
func (t Terms) essence() Terms {
	t = t.inUTC()
	for i := range t.Times {
		t.Times[i].SlotID = ""
	}
	t.Invited = slices.Clone(t.Invited)
	for i := range t.Invited {
		t.Invited[i].Name = ""
	}
	t.Serial = 0
	return t
}

// Detail is a fact about an act, ready to be shown to people.
type Detail struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// Details are the facts of the act's terms, with all times in both zones. The other facts are fields of
// the act.
func (a Act) Details() (all []Detail) {
	add := func(name, text string) { all = append(all, Detail{name, text}) }
	loc, guest := a.Zones()
	for i, t := range a.Times {
		text := times.Label(t.Start, t.End, loc)
		if there := times.GuestLabel(t.Start, t.End, loc, guest); there != "" {
			text += " · " + there
		}
		add(fmt.Sprintf("Time %d", i+1), text)
	}
	for _, h := range a.Invited {
		mailed := "Vennio sends them no e-mail"
		if a.InvitedMailed {
			mailed = "Vennio e-mails them"
		}
		add("Invited", h.Label(100, sanitize.Name)+" ("+mailed+"; all must accept)")
	}
	if a.Tool == ToolPropose && len(a.Invited) == 0 {
		add("Votes", cmp.Or(a.voters(), "anyone with the link, which Vennio e-mails to nobody")+"; most votes win, and Vennio then books that time")
	}
	switch {
	case a.Tool == ToolClosePoll && a.Start.IsZero():
		add("Result", "nobody has voted, so it ends without a meeting")
	case a.Tool == ToolClosePoll:
		add("Result", "Vennio books the time with most votes, the one shown")
	case a.Tool == ToolRespond:
		add("Response", a.Response)
	case a.Tool == ToolUpdate && a.Replaces == "" && a.Notes != "":
		add("Replaces", "no notes")
	case a.Tool == ToolUpdate && a.Notes != "":
		add("Replaces", "the notes "+sanitize.Excerpt(a.Replaces, 500))
	}
	if a.Tool == ToolShare {
		add("Link", "for anybody who has it, to book meetings of "+fmt.Sprint(a.Minutes)+" minutes")
		if a.Price == "" {
			add("Price", "as set in Vennio")
		}
	}
	for _, q := range a.Questions {
		add("Question", sanitize.Quote(q, 200))
	}
	for _, l := range a.Labels {
		text := sanitize.Quote(l.Value, 500)
		if l.Replaces != "" {
			text += ", replaces " + sanitize.Quote(l.Replaces, 500)
		}
		add("Label "+sanitize.Line(l.Name, 40), text)
	}
	if a.ExpiresInHours > 0 {
		add("Open for", fmt.Sprintf("%d hours", a.ExpiresInHours))
	}
	return all
}

// voters says how the attendees of a poll vote; it is empty if the poll is open to everyone.
func (a Act) voters() string {
	switch n := len(a.Attendees); n {
	case 0:
		return ""
	case 1:
		return "1 person, with a personal link that you pass on"
	default:
		return fmt.Sprintf("%d people, each with a personal link that you pass on", n)
	}
}

// Zones returns the zone in which the act is shown, and that of the guest, nil if there is none.
func (a Act) Zones() (loc, guest *time.Location) {
	loc, _ = times.Zone(a.Zone)
	guest, _ = times.Zone(a.GuestZone)
	return loc, guest
}

// termsQuestion is the beginning of the question about an act with terms, up to its time.
func (a Act) termsQuestion(title string, most int) string {
	loc, guest := a.Zones()
	at := ""
	if !a.Start.IsZero() {
		at = spanIn(a.Start, a.End, loc, guest)
	}
	switch a.Verb() {
	case "Share":
		return fmt.Sprintf("Share a link %s to book meetings of %d minutes", title, a.Minutes)
	case "Propose":
		return "Propose " + title + " " + a.proposedTo(most) + at
	case "Close":
		if at == "" {
			return "Close the poll " + title + ", for which nobody has voted, so that it ends without a meeting"
		}
		return "Close the poll " + title + " and book " + at
	case "Counter":
		return fmt.Sprintf("Counter the proposal %s with %d other times, the first %s", title, len(a.Times), at)
	case "Reject":
		return "Reject all times of the proposal " + title
	case "Accept":
		return "Accept the proposal " + title + " at " + at
	}
	what := "notes"
	switch {
	case a.Notes == "":
		what = "labels"
	case len(a.Labels) > 0:
		what = "notes and labels"
	}
	return "Change the " + what + " of " + title + ", " + at
}

// proposedTo says to whom how many times are proposed.
func (a Act) proposedTo(most int) string {
	whom := "to anyone with a link"
	var names []string
	for _, h := range a.Invited {
		names = append(names, h.Label(40, PersonName))
	}
	for _, p := range a.Attendees {
		names = append(names, PersonName(cmp.Or(p.Name, p.Email), 40))
	}
	if len(names) > 0 {
		whom = "to " + listed(names, most)
	}
	if len(a.Times) == 1 {
		return whom + " at one time, "
	}
	return fmt.Sprintf("%s at %d times, the first ", whom, len(a.Times))
}
