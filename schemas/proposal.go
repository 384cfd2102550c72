package schemas

import (
	"strings"

	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
)

// Proposal is what nobody has agreed to yet: a booking to be made, moved or
// cancelled.
type Proposal struct {
	Action      string     `json:"action" jsonschema:"enum=book,enum=reschedule,enum=cancel"`
	SlotID      string     `json:"slot_id,omitempty"`
	BookingID   string     `json:"booking_id,omitempty"`
	Title       string     `json:"title"`
	Was         string     `json:"was,omitempty" jsonschema_description:"When the booking stands now, if it is to move"`
	Description string     `json:"description" jsonschema_description:"When, in words to read to a person"`
	GuestLocal  string     `json:"guest_local,omitempty" jsonschema_description:"The same time on the guest's clock"`
	Start       string     `json:"start" jsonschema:"format=date-time" jsonschema_description:"UTC"`
	End         string     `json:"end" jsonschema:"format=date-time" jsonschema_description:"UTC"`
	Repeat      string     `json:"repeat,omitempty" jsonschema_description:"How it repeats, or how much of a series is meant"`
	Hosts       []HostTold `json:"hosts"`
	Attendees   []Told     `json:"attendees"`
	Price       string     `json:"price,omitempty" jsonschema_description:"What the booking costs"`
	Note        string     `json:"note,omitempty" jsonschema_description:"In whose calendar it would stand, if not in every host's"`
	Notes       string     `json:"notes,omitempty"`
}

// The actions.
const (
	ActionBook       = "book"
	ActionReschedule = "reschedule"
	ActionCancel     = "cancel"
)

// Done is what the action does to a booking: booked, moved or cancelled.
func (p *Proposal) Done() string { return done[p.Action] }

// Text shows a person all that would be written.
func (p *Proposal) Text() string {
	return "What would be " + p.Done() + ", to show to the person:\n" + p.Facts()
}

// StatusAwaiting is the status of a result of a write that waits for a person's consent.
const StatusAwaiting = "awaiting_consent"

// AwaitingConsent is the result of a write that was not made because no person has agreed to it
// yet. It is not an error: the next step is a person's.
type AwaitingConsent struct {
	Status string `json:"status"`
	Instead
	Next string `json:"next"`
	Envelope
}

// Text says first that nothing was written. The address stands on a line by itself, so that it
// can be copied.
func (a *AwaitingConsent) Text() string {
	lines := []string{a.Message, a.Proposal.Text()}
	if a.ApprovalURL != "" {
		lines = append(lines, "Approval page, for the person:", a.ApprovalURL)
	}
	return strings.Join(append(lines, "Next: "+a.Next), "\n")
}

var done = map[string]string{ActionBook: "booked", ActionReschedule: "moved", ActionCancel: "cancelled"}

// Facts is all that would be written, a line each.
func (p *Proposal) Facts() string {
	lines := []string{"  Title: " + sanitize.Quote(p.Title, 120)}
	add := func(name, text string) {
		if text != "" {
			lines = append(lines, "  "+name+": "+text)
		}
	}
	add("Now", p.Was)
	when := beside(p.Description, p.GuestLocal) + " · " + interval(p.Start, p.End)
	switch {
	case p.Action == ActionReschedule:
		add("New time", when)
	case p.Action == ActionCancel && p.Repeat != "":
		add("Cancels", p.Repeat)
		add("When", when)
	default:
		add("When", when)
		add("Repeats", p.Repeat)
	}
	add("With", hostNames(p.Hosts))
	add("Price", p.Price)
	add("Mail", p.mail())
	add("Note", p.Note)
	if p.Notes != "" {
		add("Notes", sanitize.Quote(p.Notes, 2000))
	}
	add("Booking", p.BookingID)
	add("Slot", p.SlotID)
	return strings.Join(lines, "\n")
}

// mail says whom Vennio writes to: about a change that is inferred
// (vennio-api.md, Bookings).
func (p *Proposal) mail() string {
	if p.Action == ActionBook {
		return mail(p.Attendees)
	}
	return strings.Replace(mail(p.Attendees), "Vennio e-mails", "Vennio may e-mail", 1)
}
