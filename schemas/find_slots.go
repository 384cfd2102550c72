package schemas

import (
	"fmt"
	"strings"

	"github.com/invopop/jsonschema"

	"github.com/vennio-mcp/vennio-mcp/internal/plain"
)

// FindSlotsInput is what the model sends to find_slots.
type FindSlotsInput struct {
	From            string    `json:"from,omitempty" jsonschema:"maxLength=40" jsonschema_description:"RFC 3339 or date; default now"`
	To              string    `json:"to,omitempty" jsonschema:"maxLength=40" jsonschema_description:"Likewise; default from + 7 days, at most 60"`
	DurationMinutes int       `json:"duration_minutes,omitempty" jsonschema:"minimum=5,maximum=480,default=30" jsonschema_description:"Length"`
	Timezone        string    `json:"timezone,omitempty" jsonschema:"maxLength=64" jsonschema_description:"User's IANA zone"`
	GuestTimezone   string    `json:"guest_timezone,omitempty" jsonschema:"maxLength=64" jsonschema_description:"Guest's, if other"`
	Participants    []HostRef `json:"participants,omitempty" jsonschema:"maxItems=5" jsonschema_description:"Host names or ids, all free; default the configured host"`
	Limit           int       `json:"limit,omitempty" jsonschema:"minimum=1,maximum=10,default=3" jsonschema_description:"How many slots"`
}

// HostRef is a host's name or id as a model gives it.
type HostRef string

// JSONSchemaExtend bounds each item of a list of hosts.
func (HostRef) JSONSchemaExtend(s *jsonschema.Schema) { s.MaxLength = new(uint64(100)) }

// Window is the span that was searched, as it was understood.
type Window struct {
	From     string `json:"from" jsonschema:"format=date-time"`
	To       string `json:"to" jsonschema:"format=date-time"`
	Timezone string `json:"timezone" jsonschema_description:"IANA zone of all local times"`
}

// Slot is a bookable time. All its times are made from the same two instants.
type Slot struct {
	SlotID      string `json:"slot_id" jsonschema_description:"Pass to book_slot as it is; lives 2 hours"`
	Description string `json:"description" jsonschema_description:"Words to read to a person"`
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
	Slots           []Slot   `json:"slots"`
	NextOpening     *Slot    `json:"next_opening,omitempty" jsonschema_description:"First free time after an empty window"`
	More            bool     `json:"more" jsonschema_description:"Whether the window holds further free times"`
	Note            string   `json:"note"`
	Envelope
}

// Text lists the slots as a person would read them, with the same facts.
func (r *FindSlotsResult) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s for %d minutes with %s, %s to %s, %s. Now: %s.\n",
		count(len(r.Slots)), r.DurationMinutes, strings.Join(r.Hosts, ", "), r.Window.From, r.Window.To, r.Window.Timezone, r.Now)
	for i, s := range r.Slots {
		fmt.Fprintf(&b, "%d. %s\n", i+1, s.Text())
	}
	if r.NextOpening != nil {
		fmt.Fprintf(&b, "Next opening: %s\n", r.NextOpening.Text())
	}
	b.WriteString(r.Note)
	return b.String()
}

func count(n int) string {
	switch n {
	case 0:
		return "No free times"
	case 1:
		return "1 free time"
	}
	return fmt.Sprintf("%d free times", n)
}

// Text is the slot on one line: Vennio's words, the exact time, its id.
func (s Slot) Text() string {
	exact := s.exact()
	if s.Description != exact {
		exact = plain.Quote(s.Description, 200) + " = " + exact // Vennio's words are a quotation
	}
	if s.GuestLocal != "" {
		exact += " · " + s.GuestLocal
	}
	return fmt.Sprintf("%s · %s · slot_id %s", exact, interval(s.Start, s.End), s.SlotID)
}

// interval is a span of UTC in the form of ISO 8601-1, 5.5.2.4: the end without
// the date where it is the start's.
func interval(start, end string) string {
	if day, clock, ok := strings.Cut(end, "T"); ok && strings.HasPrefix(start, day+"T") {
		return start + "/" + clock
	}
	return start + "/" + end
}

func (s Slot) exact() string { return Exact(s.StartLocal, s.EndLocal, s.Timezone) }

// Exact joins the parts of a local time: "Thu 14 May 2026, 15:00" and "15:30"
// become "Thu 14 May 2026, 15:00–15:30 (Europe/London, UTC+1)".
func Exact(start, end, zone string) string {
	dash := "–"
	if strings.Contains(end, " ") {
		dash = " – "
	}
	return start + dash + end + " (" + zone + ")"
}
