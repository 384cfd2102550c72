package schemas

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
)

// BookSlotInput is what the model sends to book_slot.
type BookSlotInput struct {
	SlotID    string     `json:"slot_id" jsonschema:"maxLength=64" jsonschema_description:"Slot from find_slots"`
	Title     string     `json:"title" jsonschema:"maxLength=120" jsonschema_description:"Meeting title"`
	Attendees []Attendee `json:"attendees" jsonschema:"maxItems=20" jsonschema_description:"Up to 20 guests, customer first"`
	Notes     string     `json:"notes,omitempty" jsonschema:"maxLength=2000" jsonschema_description:"Notes for everyone"`
	Hosts     []HostRef  `json:"hosts,omitempty" jsonschema:"maxItems=5" jsonschema_description:"Hosts as in find_slots"`
	Repeat    string     `json:"repeat,omitempty" jsonschema:"maxLength=40" jsonschema_description:"weekly, biweekly or monthly, x6 or until a date"`
	Gate
}

// Attendee is a guest.
type Attendee struct {
	Email string `json:"email" jsonschema:"maxLength=254" jsonschema_description:"Email address"`
	Name  string `json:"name,omitempty" jsonschema:"maxLength=100" jsonschema_description:"Full name"`
}

// misfits finds what no JSON Schema says: blank text, and a guest named twice. The repetition is
// read with the time of the meeting.
func (in BookSlotInput) misfits() (wrong []Misfit) {
	if len(in.Attendees) == 0 {
		wrong = append(wrong, Misfit{[]string{"attendees"}, "has 0 items, the least is 1"})
	}
	if sanitize.Line(in.Title, 1) == "" {
		wrong = append(wrong, Misfit{[]string{"title"}, "is blank"})
	}
	seen := map[string]int{}
	for i, a := range in.Attendees {
		at := strconv.Itoa(i)
		if a.Name != "" && sanitize.Line(a.Name, 1) == "" {
			wrong = append(wrong, Misfit{[]string{"attendees", at, "name"}, "is blank"})
		}
		email := strings.ToLower(strings.TrimSpace(a.Email))
		if domain := email[strings.LastIndexByte(email, '@')+1:]; !plainAddress.MatchString(email) || !isASCII(domain) {
			wrong = append(wrong, Misfit{[]string{"attendees", at, "email"}, "is not a plain e-mail address, such as ada@example.com"})
		}
		if first, twice := seen[email]; twice {
			wrong = append(wrong, Misfit{[]string{"attendees", at, "email"}, fmt.Sprintf("is the same as attendees[%d].email", first)})
		} else {
			seen[email] = i
		}
	}
	return wrong
}

// plainAddress is what people use of RFC 5321: no quoted local parts, which could
// make one address look like two, and a domain with a dot.
var plainAddress = regexp.MustCompile(`^[^\s"“”„«»<>()\[\],;:\\@]+@[^\s"'<>()\[\],;:\\@]+\.[^\s"'<>()\[\],;:\\@.]+$`)

// Gate is the argument that every writing tool requires.
type Gate struct {
	Consent Consent `json:"consent" jsonschema_description:"The person's answer"`
}

// Consent is what the agent knows of a person's agreement. GivenBy and Statement are required
// where Granted is true.
type Consent struct {
	Granted   bool   `json:"granted" jsonschema_description:"Whether they agreed"`
	GivenBy   string `json:"given_by,omitempty" jsonschema:"maxLength=100" jsonschema_description:"Who agreed"`
	Statement string `json:"statement,omitempty" jsonschema:"maxLength=500" jsonschema_description:"Their words"`
}

// BookSlotResult is what book_slot gives back.
type BookSlotResult struct {
	Status      string        `json:"status" jsonschema_description:"confirmed, pending_payment (not confirmed until paid), cancelled, awaiting_consent (nothing was written), or as Vennio says"`
	Repeated    bool          `json:"repeated,omitempty" jsonschema_description:"True: an earlier call made this booking, this one made none"`
	BookingID   string        `json:"booking_id"`
	Title       string        `json:"title"`
	Description string        `json:"description" jsonschema_description:"When, in words to read to a person"`
	GuestLocal  string        `json:"guest_local,omitempty" jsonschema_description:"The same time on the guest's clock"`
	Start       string        `json:"start" jsonschema:"format=date-time" jsonschema_description:"UTC"`
	End         string        `json:"end" jsonschema:"format=date-time" jsonschema_description:"UTC"`
	Hosts       []HostTold    `json:"hosts"`
	Attendees   []Told        `json:"attendees"`
	SeriesID    string        `json:"series_id,omitempty"`
	Repeat      string        `json:"repeat,omitempty" jsonschema_description:"How it repeats, and each day that was booked"`
	Skipped     []string      `json:"skipped,omitempty" jsonschema_description:"Days of the series that were not free and are not booked"`
	Price       string        `json:"price,omitempty" jsonschema_description:"What the booking costs"`
	CheckoutURL string        `json:"checkout_url,omitempty" jsonschema_description:"Where the customer pays; not confirmed before"`
	Note        string        `json:"note,omitempty" jsonschema_description:"In whose calendar it stands, if not in every host's"`
	Consent     ConsentOnFile `json:"consent"`
	Next        string        `json:"next"`
	others      []Written
	Instead
	Envelope
}

// Told is an attendee and whether Vennio writes to them.
type Told struct {
	Email  string `json:"email"`
	Name   string `json:"name"`
	Mailed bool   `json:"mailed" jsonschema_description:"Whether Vennio e-mails them about this booking"`
}

// HostTold is a host and whether the booking stands in their calendar.
type HostTold struct {
	Name       string `json:"name"`
	InCalendar bool   `json:"in_calendar" jsonschema_description:"Whether Vennio puts the booking in this host's calendar"`
}

// ConsentOnFile is the consent a booking was made under.
type ConsentOnFile struct {
	GivenBy   string `json:"given_by"`
	Statement string `json:"statement"`
	Method    string `json:"method" jsonschema_description:"How it was obtained: asked in the client, approved on the page or in the terminal, or attested by the agent"`
}

// Instead is what a write that was not made offers.
type Instead struct {
	Alternatives []Slot    `json:"alternatives,omitempty" jsonschema_description:"Free times instead of one that was taken"`
	Proposal     *Proposal `json:"proposal,omitempty" jsonschema_description:"What would be written, to show to the person"`
	Message      string    `json:"message,omitempty" jsonschema_description:"With awaiting_consent: what was not done, and why"`
	Reason       Code      `json:"reason,omitempty" jsonschema_description:"The same as a code"`
	ApprovalURL  string    `json:"approval_url,omitempty" jsonschema_description:"Page on which the person can approve; give it to them as it is"`
}

// Awaiting reports whether nothing was written because no person has agreed yet.
func (i Instead) Awaiting() bool { return i.Reason != "" }

// text is empty where there is nothing to offer.
func (i Instead) text() string {
	switch {
	case i.Proposal != nil:
		return i.Proposal.Text()
	case len(i.Alternatives) > 0:
		return alternatives(i.Alternatives)
	}
	return ""
}
