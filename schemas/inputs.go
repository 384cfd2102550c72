package schemas

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/lazyregexp"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
)

// FindSlotsInput has the arguments of find_slots.
type FindSlotsInput struct {
	When              string    `json:"when,omitempty" jsonschema:"maxLength=200" jsonschema_description:"Instead of from/to, days and hours as the user says them, in English: tue or wed afternoon, by friday, week of 14 Dec after 3pm"`
	From              string    `json:"from,omitempty" jsonschema:"maxLength=40" jsonschema_description:"Start of the window: a date, local time or RFC 3339 time, default now"`
	To                string    `json:"to,omitempty" jsonschema:"maxLength=40" jsonschema_description:"End of the window, default 7 days after from, at most 60 days"`
	DurationMinutes   int       `json:"duration_minutes,omitempty" jsonschema:"minimum=5,maximum=480" jsonschema_description:"Length in minutes, 5 to 480, default is the host's, usually 30"`
	Timezone          string    `json:"timezone,omitempty" jsonschema:"maxLength=64" jsonschema_description:"IANA time zone of the user, such as Europe/London"`
	GuestTimezone     string    `json:"guest_timezone,omitempty" jsonschema:"maxLength=64" jsonschema_description:"IANA time zone of the guest, if another"`
	Hosts             []HostRef `json:"hosts,omitempty" jsonschema:"maxItems=5,maxLength=100" jsonschema_description:"Up to 5 host names or ids, who must all be free; default is the configured host"`
	Team              string    `json:"team,omitempty" jsonschema:"maxLength=100" jsonschema_description:"Id of a team that must be free too"`
	RescheduleOf      string    `json:"reschedule_of,omitempty" jsonschema:"maxLength=100" jsonschema_description:"booking_id of a booking to move: uses its hosts and length"`
	Prefer            *Prefer   `json:"prefer,omitempty" jsonschema_description:"Preferred hours and days in timezone; only avoid_days is strict"`
	Busy              []Busy    `json:"busy,omitempty" jsonschema:"maxItems=50" jsonschema_description:"Up to 50 times at which the guest is busy"`
	IgnorePreferences bool      `json:"ignore_preferences,omitempty" jsonschema_description:"true: also times that the hosts' preferences exclude; only if the user asks for them"`
	Limit             int       `json:"limit,omitempty" jsonschema:"minimum=1,maximum=10,default=3" jsonschema_description:"How many slots to return, 1 to 10, default 3"`
	Reduced
}

// HostRef is a host's name or id as a model sends it.
type HostRef string

// Prefer has the person's preferences. Times of day are "15:04" in the zone of the window. If nothing
// fits Earliest, Latest and Days, the nearest times are offered; nothing is offered on AvoidDays.
type Prefer struct {
	Earliest  string   `json:"earliest,omitempty" jsonschema:"maxLength=5" jsonschema_description:"Earliest start, HH:MM"`
	Latest    string   `json:"latest,omitempty" jsonschema:"maxLength=5" jsonschema_description:"Latest end, HH:MM"`
	Days      []string `json:"days,omitempty" jsonschema:"maxItems=7,enum=mon,enum=tue,enum=wed,enum=thu,enum=fri,enum=sat,enum=sun" jsonschema_description:"Weekdays to prefer"`
	AvoidDays []string `json:"avoid_days,omitempty" jsonschema:"maxItems=7,enum=mon,enum=tue,enum=wed,enum=thu,enum=fri,enum=sat,enum=sun" jsonschema_description:"Weekdays never to use"`
}

// Busy is a time at which the guest is busy. Its ends have the form of the window's from and to.
type Busy struct {
	Start string `json:"start" jsonschema:"maxLength=40" jsonschema_description:"Start, like from"`
	End   string `json:"end" jsonschema:"maxLength=40" jsonschema_description:"End, like to"`
}

const defaultMinutes = 30

// Duration is the length of the meeting, by default 30 minutes.
func (in FindSlotsInput) Duration() time.Duration {
	if in.DurationMinutes == 0 {
		return defaultMinutes * time.Minute
	}
	return time.Duration(in.DurationMinutes) * time.Minute
}

// violations finds what JSON Schema cannot express: impossible times, and preferences that no time can
// fulfil.
func (in FindSlotsInput) violations() (wrong []Violation) {
	if in.Prefer != nil {
		wrong = append(in.Prefer.hours(in.Duration()), in.Prefer.days()...)
	}
	if in.RescheduleOf != "" && len(in.Hosts) > 0 {
		wrong = append(wrong, Violation{[]string{"hosts"}, "is not to be sent with reschedule_of: the hosts are the booking's"})
	}
	return wrong
}

const noTime = "is not a time of day, want HH:MM from 00:00 to 23:59"

func (p *Prefer) hours(meeting time.Duration) (wrong []Violation) {
	earliest, ok1 := times.ParseClock(cmp.Or(p.Earliest, "00:00"))
	latest, ok2 := times.ParseClock(cmp.Or(p.Latest, "23:59"))
	if !ok1 {
		wrong = append(wrong, Violation{[]string{"prefer", "earliest"}, noTime})
	}
	if !ok2 {
		wrong = append(wrong, Violation{[]string{"prefer", "latest"}, noTime})
	}
	if len(wrong) > 0 || p.Latest == "" {
		return wrong
	}
	switch between := time.Duration(latest-earliest) * time.Minute; {
	case p.Earliest != "" && between <= 0:
		return []Violation{{[]string{"prefer", "latest"}, "is not after prefer.earliest"}}
	case between < meeting:
		return []Violation{{[]string{"prefer", "latest"}, fmt.Sprintf(
			"leaves %d minutes of the day, the meeting takes %d", int(between.Minutes()), int(meeting.Minutes()))}}
	}
	return nil
}

func (p *Prefer) days() (wrong []Violation) {
	avoided := map[string]bool{}
	for i, day := range p.AvoidDays {
		avoided[day] = true
		if slices.Contains(p.Days, day) {
			wrong = append(wrong, Violation{[]string{"prefer", "avoid_days", strconv.Itoa(i)}, "is also in prefer.days, drop one"})
		}
	}
	if len(avoided) == 7 {
		wrong = append(wrong, Violation{[]string{"prefer", "avoid_days"}, "leaves no day"})
	}
	return wrong
}

// BookSlotInput has the arguments of book_slot.
type BookSlotInput struct {
	SlotID    string     `json:"slot_id" jsonschema:"maxLength=64" jsonschema_description:"Slot from find_slots"`
	Title     string     `json:"title" jsonschema:"maxLength=120" jsonschema_description:"Meeting title"`
	Attendees []Attendee `json:"attendees" jsonschema:"maxItems=20" jsonschema_description:"Up to 20 guests, customer first"`
	Notes     string     `json:"notes,omitempty" jsonschema:"maxLength=2000" jsonschema_description:"Notes for everyone"`
	Hosts     []HostRef  `json:"hosts,omitempty" jsonschema:"maxItems=5,maxLength=100" jsonschema_description:"Hosts as in find_slots"`
	Repeat    string     `json:"repeat,omitempty" jsonschema:"maxLength=40" jsonschema_description:"weekly, biweekly or monthly, x6 or until a date"`
	ConsentArgument
}

// Attendee is a guest.
type Attendee struct {
	Email string `json:"email" jsonschema:"maxLength=254" jsonschema_description:"Email address"`
	Name  string `json:"name,omitempty" jsonschema:"maxLength=100" jsonschema_description:"Full name"`
}

// violations finds what JSON Schema cannot express: blank texts, and a guest who is named twice. The
// repetition is checked later, together with the time of the meeting.
func (in BookSlotInput) violations() (wrong []Violation) {
	if len(in.Attendees) == 0 {
		wrong = append(wrong, Violation{[]string{"attendees"}, "has 0 items, the least is 1"})
	}
	if sanitize.Line(in.Title, 1) == "" {
		wrong = append(wrong, Violation{[]string{"title"}, "is blank"})
	}
	seen := map[string]int{}
	for i, a := range in.Attendees {
		at := strconv.Itoa(i)
		if a.Name != "" && sanitize.Line(a.Name, 1) == "" {
			wrong = append(wrong, Violation{[]string{"attendees", at, "name"}, "is blank"})
		}
		wrong = append(wrong, addressViolation(seen, i, a.Email, "attendees", at, "email")...)
	}
	return wrong
}

// addressViolation refuses the i-th address of a list, at path, if it is no plain address or is among
// those seen before.
func addressViolation(seen map[string]int, i int, address string, path ...string) (wrong []Violation) {
	email := strings.ToLower(strings.TrimSpace(address))
	if domain := email[strings.LastIndexByte(email, '@')+1:]; !plainAddress().MatchString(email) || !isASCII(domain) {
		wrong = append(wrong, Violation{path, "is not a plain e-mail address, such as ada@example.com"})
	}
	if first, twice := seen[email]; twice && len(path) > 1 {
		same := slices.Clone(path)
		same[1] = strconv.Itoa(first)
		return append(wrong, Violation{path, "is the same as " + pathText(same)})
	}
	seen[email] = i
	return wrong
}

// plainAddress matches the part of RFC 5321 that people use: no quoted local parts, which could make
// one address look like two, and a domain with a dot.
var plainAddress = lazyregexp.New(`^[^\s"“”„«»<>()\[\],;:\\@]+@[^\s"'<>()\[\],;:\\@]+\.[^\s"'<>()\[\],;:\\@.]+$`)

// ConsentArgument is the argument that every writing tool requires.
type ConsentArgument struct {
	Consent Consent `json:"consent" jsonschema_description:"The person's answer"`
}

// Consent is the agent's report of a person's agreement. GivenBy and Statement are required if Granted
// is true.
type Consent struct {
	Granted   bool   `json:"granted" jsonschema_description:"Whether they agreed"`
	GivenBy   string `json:"given_by,omitempty" jsonschema:"maxLength=100" jsonschema_description:"Who agreed"`
	Statement string `json:"statement,omitempty" jsonschema:"maxLength=500" jsonschema_description:"Their words"`
}

// RescheduleBookingInput has the arguments of reschedule_booking.
type RescheduleBookingInput struct {
	BookingID string `json:"booking_id" jsonschema:"minLength=1,maxLength=100" jsonschema_description:"booking_id of the booking to move"`
	SlotID    string `json:"slot_id" jsonschema:"maxLength=64" jsonschema_description:"slot_id from find_slots with reschedule_of"`
	ConsentArgument
}

// CancelBookingInput has the arguments of cancel_booking.
type CancelBookingInput struct {
	BookingID string `json:"booking_id" jsonschema:"minLength=1,maxLength=100" jsonschema_description:"booking_id of the booking to cancel"`
	Scope     string `json:"scope,omitempty" jsonschema:"enum=single,enum=series,default=single" jsonschema_description:"single (default): this booking; series: all future ones of its series"`
	Timezone  string `json:"timezone,omitempty" jsonschema:"maxLength=64" jsonschema_description:"IANA time zone of the user, default as booked"`
	ConsentArgument
}

// CancelSeries is the scope of a whole series.
const CancelSeries = "series"

// UpdateBookingInput has the arguments of update_booking.
type UpdateBookingInput struct {
	BookingID string  `json:"booking_id" jsonschema:"minLength=1,maxLength=100" jsonschema_description:"booking_id of the booking to change"`
	Notes     string  `json:"notes,omitempty" jsonschema:"maxLength=2000" jsonschema_description:"The whole new notes"`
	Labels    []Label `json:"labels,omitempty" jsonschema:"maxItems=10" jsonschema_description:"Metadata to set"`
	ConsentArgument
}

// Label is a name with a value that Vennio stores with a booking (metadata; vennio-api.md, Bookings).
type Label struct {
	Name  string `json:"name" jsonschema:"minLength=1,maxLength=40" jsonschema_description:"Name"`
	Value string `json:"value" jsonschema:"maxLength=500" jsonschema_description:"Value"`
}

// violations refuses an update of nothing, a label that is set twice and those that this server sets.
func (in UpdateBookingInput) violations() (wrong []Violation) {
	if in.Notes == "" && len(in.Labels) == 0 {
		wrong = append(wrong, Violation{[]string{"notes"}, "or labels must be sent"})
	}
	for i, l := range in.Labels {
		name, at := strings.ToLower(strings.TrimSpace(l.Name)), []string{"labels", strconv.Itoa(i), "name"}
		if name == "" || strings.HasPrefix(name, "mcp_") || strings.HasPrefix(name, "vennio_") {
			wrong = append(wrong, Violation{at, "is reserved or blank"})
		}
		if slices.ContainsFunc(in.Labels[:i], func(other Label) bool { return strings.EqualFold(strings.TrimSpace(other.Name), name) }) {
			wrong = append(wrong, Violation{at, "is set twice"})
		}
	}
	return wrong
}

// GetBookingInput has the arguments of get_booking.
type GetBookingInput struct {
	BookingID string `json:"booking_id" jsonschema:"minLength=1,maxLength=100" jsonschema_description:"booking_id in full, as another tool returned it"`
	Timezone  string `json:"timezone,omitempty" jsonschema:"maxLength=64" jsonschema_description:"IANA time zone of the user"`
}

// ListBookingsInput has the arguments of list_bookings.
type ListBookingsInput struct {
	When     string    `json:"when,omitempty" jsonschema:"maxLength=200" jsonschema_description:"Instead of from/to, days in words: friday morning, next week"`
	From     string    `json:"from,omitempty" jsonschema:"maxLength=40" jsonschema_description:"Start of the window: a date, local time or RFC 3339 time, default now"`
	To       string    `json:"to,omitempty" jsonschema:"maxLength=40" jsonschema_description:"End of the window, default 1 year after from"`
	Hosts    []HostRef `json:"hosts,omitempty" jsonschema:"maxItems=5,maxLength=100" jsonschema_description:"Up to 5 host names or ids, default all"`
	Status   string    `json:"status,omitempty" jsonschema:"enum=confirmed,enum=pending_payment,enum=cancelled,enum=any" jsonschema_description:"Status to list, default all but cancelled"`
	Limit    int       `json:"limit,omitempty" jsonschema:"minimum=1,maximum=10,default=5" jsonschema_description:"How many bookings to return, 1 to 10, default 5"`
	Cursor   string    `json:"cursor,omitempty" jsonschema:"maxLength=64" jsonschema_description:"next_cursor of the page before, other arguments unchanged"`
	Timezone string    `json:"timezone,omitempty" jsonschema:"maxLength=64" jsonschema_description:"IANA time zone of the user"`
	Reduced
}

// CheckCalendarAccessInput has the arguments of check_calendar_access.
type CheckCalendarAccessInput struct {
	Person          string `json:"person,omitempty" jsonschema:"maxLength=254" jsonschema_description:"Name, e-mail address or id of one person, default everyone"`
	IncludeInactive bool   `json:"include_inactive,omitempty" jsonschema:"default=false" jsonschema_description:"Whether to list revoked and expired access too, default false"`
}

// ShowConsentInput has the arguments of show_consent.
type ShowConsentInput struct {
	ProposalID string `json:"proposal_id" jsonschema:"maxLength=26" jsonschema_description:"Id of the request, from the address of its approval page"`
}

// AnswerConsentInput has the arguments of answer_consent.
type AnswerConsentInput struct {
	ProposalID string `json:"proposal_id" jsonschema:"maxLength=26" jsonschema_description:"Id of the request"`
	Answer     string `json:"answer" jsonschema:"enum=approve,enum=decline" jsonschema_description:"The button that the person pressed"`
}

// The answers.
const (
	AnswerApprove = "approve"
	AnswerDecline = "decline"
)

// Reduced records the limit that was asked for, if it was above the maximum.
type Reduced struct {
	Asked string `json:"-"`
}

func (r *Reduced) reducedFrom(asked string) { r.Asked = asked }

// Note is the sentence about a reduced limit; it is empty if the limit was not reduced.
func (r Reduced) Note(limit int) string {
	if r.Asked == "" {
		return ""
	}
	return fmt.Sprintf("limit %s was reduced to %d, the most.", r.Asked, limit)
}
