package schemas

import (
	"time"

	"github.com/invopop/jsonschema"
)

// FindSlotsInput is what the model sends to find_slots.
type FindSlotsInput struct {
	When            string    `json:"when,omitempty" jsonschema:"maxLength=200" jsonschema_description:"Instead of from/to, days and hours as the user says them, in English: tue or wed afternoon, by friday, week of 14 Dec after 3pm"`
	From            string    `json:"from,omitempty" jsonschema:"maxLength=40" jsonschema_description:"Start of the window: a date, local time or RFC 3339 time, default now"`
	To              string    `json:"to,omitempty" jsonschema:"maxLength=40" jsonschema_description:"End of the window, default 7 days after from, at most 60 days"`
	DurationMinutes int       `json:"duration_minutes,omitempty" jsonschema:"minimum=5,maximum=480,default=30" jsonschema_description:"Length in minutes, 5 to 480, default 30"`
	Timezone        string    `json:"timezone,omitempty" jsonschema:"maxLength=64" jsonschema_description:"IANA time zone of the user, such as Europe/London"`
	GuestTimezone   string    `json:"guest_timezone,omitempty" jsonschema:"maxLength=64" jsonschema_description:"IANA time zone of the guest, if another"`
	Hosts           []HostRef `json:"hosts,omitempty" jsonschema:"maxItems=5" jsonschema_description:"Up to 5 host names or ids, who must all be free; default is the configured host"`
	RescheduleOf    string    `json:"reschedule_of,omitempty" jsonschema:"maxLength=100" jsonschema_description:"booking_id of a booking to move: uses its hosts and length"`
	Prefer          *Prefer   `json:"prefer,omitempty" jsonschema_description:"Preferred hours and days in timezone; only avoid_days is strict"`
	Busy            []Busy    `json:"busy,omitempty" jsonschema:"maxItems=50" jsonschema_description:"Up to 50 times at which the guest is busy"`
	Limit           int       `json:"limit,omitempty" jsonschema:"minimum=1,maximum=10,default=3" jsonschema_description:"How many slots to return, 1 to 10, default 3"`
	Reduced
}

// HostRef is a host's name or id as a model gives it.
type HostRef string

// JSONSchemaExtend bounds each item of a list of hosts.
func (HostRef) JSONSchemaExtend(s *jsonschema.Schema) { s.MaxLength = new(uint64(100)) }

// Prefer is what suits the person. Times of day are "15:04" on the clocks of the
// window's zone. Where nothing fits Earliest, Latest and Days, the nearest is
// offered; on AvoidDays nothing ever is.
type Prefer struct {
	Earliest  string   `json:"earliest,omitempty" jsonschema:"maxLength=5" jsonschema_description:"Earliest start, HH:MM"`
	Latest    string   `json:"latest,omitempty" jsonschema:"maxLength=5" jsonschema_description:"Latest end, HH:MM"`
	Days      []string `json:"days,omitempty" jsonschema:"maxItems=7,enum=mon,enum=tue,enum=wed,enum=thu,enum=fri,enum=sat,enum=sun" jsonschema_description:"Weekdays to prefer"`
	AvoidDays []string `json:"avoid_days,omitempty" jsonschema:"maxItems=7,enum=mon,enum=tue,enum=wed,enum=thu,enum=fri,enum=sat,enum=sun" jsonschema_description:"Weekdays never to use"`
}

// Busy is a time at which the guest cannot come. Its ends are written like from and to of the window.
type Busy struct {
	Start string `json:"start" jsonschema:"maxLength=40" jsonschema_description:"Start, like from"`
	End   string `json:"end" jsonschema:"maxLength=40" jsonschema_description:"End, like to"`
}

const defaultMinutes = 30

// Duration is how long the meeting takes: 30 minutes unless said otherwise.
func (in FindSlotsInput) Duration() time.Duration {
	if in.DurationMinutes == 0 {
		return defaultMinutes * time.Minute
	}
	return time.Duration(in.DurationMinutes) * time.Minute
}

// Window is the span that was searched, as it was understood.
type Window struct {
	When        string `json:"when,omitempty" jsonschema_description:"The phrase that was resolved"`
	Description string `json:"description" jsonschema_description:"The window in words"`
	From        string `json:"from" jsonschema:"format=date-time"`
	To          string `json:"to" jsonschema:"format=date-time"`
	// Where the phrase names hours or days, only these are searched.
	Earliest string   `json:"earliest,omitempty" jsonschema_description:"Start of the hours that the phrase names, HH:MM"`
	Latest   string   `json:"latest,omitempty" jsonschema_description:"Their end, HH:MM"`
	Days     []string `json:"days,omitempty" jsonschema:"enum=mon,enum=tue,enum=wed,enum=thu,enum=fri,enum=sat,enum=sun" jsonschema_description:"The weekdays that it names"`
	Timezone string   `json:"timezone" jsonschema_description:"IANA zone of all local times"`
}

// Slot is a bookable time. All its times are made from the same two instants.
type Slot struct {
	Number      int    `json:"number,omitempty" jsonschema_description:"Its number in the list, for the person to name"`
	SlotID      string `json:"slot_id" jsonschema_description:"Pass on as it is; lives 2 hours"`
	Description string `json:"description" jsonschema_description:"Words to read to a person"`
	Reason      string `json:"reason,omitempty" jsonschema_description:"Why it is offered at this place of the list"`
	Start       string `json:"start" jsonschema:"format=date-time" jsonschema_description:"UTC"`
	End         string `json:"end" jsonschema:"format=date-time" jsonschema_description:"UTC"`
	StartLocal  string `json:"start_local"`
	EndLocal    string `json:"end_local"`
	Timezone    string `json:"timezone" jsonschema_description:"Zone and offset of the local times"`
	GuestLocal  string `json:"guest_local,omitempty" jsonschema_description:"The same time on the guest's clock"`
}

// FindSlotsResult is what find_slots gives back.
type FindSlotsResult struct {
	Now             string   `json:"now" jsonschema:"format=date-time"`
	Window          Window   `json:"window"`
	DurationMinutes int      `json:"duration_minutes"`
	Hosts           []string `json:"hosts"`
	Preferences     string   `json:"preferences,omitempty" jsonschema_description:"The preferences and busy times as applied"`
	Slots           []Slot   `json:"slots" jsonschema_description:"Best first"`
	NextOpening     *Slot    `json:"next_opening,omitempty" jsonschema_description:"First free time after an empty window"`
	More            bool     `json:"more" jsonschema_description:"Whether the window holds further free times"`
	Note            string   `json:"note"`
	Envelope
}
