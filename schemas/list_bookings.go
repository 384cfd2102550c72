package schemas

import (
	"fmt"
	"strings"
)

// ListBookingsInput is what the model sends to list_bookings.
type ListBookingsInput struct {
	When     string    `json:"when,omitempty" jsonschema:"maxLength=200" jsonschema_description:"Instead of from/to, days in words: friday morning, next week"`
	From     string    `json:"from,omitempty" jsonschema:"maxLength=40" jsonschema_description:"Start of the window: a date, local time or RFC 3339 time, default now"`
	To       string    `json:"to,omitempty" jsonschema:"maxLength=40" jsonschema_description:"End of the window, default 1 year after from"`
	Hosts    []HostRef `json:"hosts,omitempty" jsonschema:"maxItems=5" jsonschema_description:"Up to 5 host names or ids, default all"`
	Status   string    `json:"status,omitempty" jsonschema:"enum=confirmed,enum=pending_payment,enum=cancelled,enum=any" jsonschema_description:"Status to list, default all but cancelled"`
	Limit    int       `json:"limit,omitempty" jsonschema:"minimum=1,maximum=10,default=5" jsonschema_description:"How many bookings to return, 1 to 10, default 5"`
	Cursor   string    `json:"cursor,omitempty" jsonschema:"maxLength=64" jsonschema_description:"next_cursor of the page before, other arguments unchanged"`
	Timezone string    `json:"timezone,omitempty" jsonschema:"maxLength=64" jsonschema_description:"IANA time zone of the user"`
	Reduced
}

// ListBookingsResult is what list_bookings gives back.
type ListBookingsResult struct {
	Now        string    `json:"now" jsonschema:"format=date-time"`
	Window     Window    `json:"window"`
	Bookings   []Booking `json:"bookings" jsonschema_description:"By start"`
	Total      int       `json:"total" jsonschema_description:"How many there are, this page and all others"`
	NextCursor string    `json:"next_cursor,omitempty" jsonschema_description:"For the next page, with the same arguments"`
	Note       string    `json:"note"`
	Envelope
}

// Text lists the bookings, one a line, in the order of their start.
func (r *ListBookingsResult) Text() string {
	lines := []string{fmt.Sprintf("%s, %s. Now: %s.", r.count(), r.Window.text(), r.Now)}
	for _, b := range r.Bookings {
		lines = append(lines, "- "+b.line(false))
	}
	if r.NextCursor != "" {
		lines = append(lines, "More: call again with the same arguments and cursor "+r.NextCursor)
	}
	return strings.Join(append(lines, r.Note), "\n")
}

func (r *ListBookingsResult) count() string {
	switch n := len(r.Bookings); {
	case r.Total == 0:
		return "No bookings"
	case n < r.Total:
		return fmt.Sprintf("%d of %d bookings", n, r.Total)
	}
	return fmt.Sprintf("%d %s", r.Total, plural(r.Total, "booking"))
}
