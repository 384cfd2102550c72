package schemas

import (
	"fmt"
	"strings"

	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
)

// CheckCalendarAccessInput is what the model sends to check_calendar_access.
type CheckCalendarAccessInput struct {
	Person          string `json:"person,omitempty" jsonschema:"maxLength=254" jsonschema_description:"Name, e-mail address or id of one person, default everyone"`
	IncludeInactive bool   `json:"include_inactive,omitempty" jsonschema:"default=false" jsonschema_description:"Whether to list revoked and expired access too, default false"`
}

// CheckCalendarAccessResult is what check_calendar_access gives back.
type CheckCalendarAccessResult struct {
	Access []CalendarAccess `json:"access"`
	More   bool             `json:"more" jsonschema_description:"Whether the list was cut"`
	Note   string           `json:"note"`
	Envelope
}

// CalendarAccess is one person's permission to look at their calendar. It is
// Vennio's permission between people and never a consent to book.
type CalendarAccess struct {
	Owner   string `json:"owner" jsonschema_description:"Whose calendar"`
	OwnerID string `json:"owner_id"`
	Level   string `json:"level" jsonschema:"enum=free_busy,enum=details,enum=none" jsonschema_description:"free_busy: when; details: also what; none: not their times"`
	Propose bool   `json:"propose" jsonschema_description:"Whether meetings may be proposed"`
	Active  bool   `json:"active"`
	Expires string `json:"expires,omitempty" jsonschema:"format=date-time" jsonschema_description:"UTC"`
}

// Text lists the permissions, one a line.
func (r *CheckCalendarAccessResult) Text() string {
	lines := []string{fmt.Sprintf("Calendar access to %d %s:", len(r.Access), plural(len(r.Access), "calendar"))}
	for _, a := range r.Access {
		lines = append(lines, "- "+a.text())
	}
	if r.More {
		lines = append(lines, "The list was cut.")
	}
	return strings.Join(append(lines, r.Note), "\n")
}

func (a CalendarAccess) text() string {
	text := fmt.Sprintf("%s (owner_id %s): %s", sanitize.Quote(a.Owner, 100), a.OwnerID, a.Level) // their own words for themselves
	if a.Propose {
		text += ", may propose"
	}
	if !a.Active {
		text += ", NOT active"
	}
	if a.Expires != "" {
		text += ", until " + a.Expires
	}
	return text
}

func plural(n int, noun string) string {
	if n == 1 {
		return noun
	}
	return noun + "s"
}
