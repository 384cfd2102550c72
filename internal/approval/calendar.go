package approval

import (
	"io"
	"net/http"
	"strings"
	"time"

	ics "github.com/arran4/golang-ical"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// calendarEvent is the booking in a calendar file.
type calendarEvent struct {
	id, title, about string
	start, end, at   time.Time
}

func (p *Pages) calendar(w http.ResponseWriter, proposal consent.Proposal, g *consent.Grant) {
	act := proposal.Act
	if g == nil || g.Outcome != consent.Done || act.Verb() != "Book" || act.Repeat != "" {
		write(w, http.StatusNotFound, page{Heading: "No calendar file", Lead: "This request is not booked, or it is not a single booking."})
		return
	}
	var about []string
	for _, f := range peopleFacts(act) {
		about = append(about, f.Name+": "+f.Text)
	}
	if act.Notes != "" {
		about = append(about, "", sanitize.Folded(act.Notes, 2000))
	}
	event := calendarEvent{id: g.BookingID, title: act.Title, about: strings.Join(about, "\n"), start: act.Start, end: act.End, at: g.At}
	writeCalendar(w, event.file())
}

func writeCalendar(w http.ResponseWriter, file string) {
	h := w.Header()
	h.Set("Content-Type", "text/calendar; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="booking.ics"`)
	_, _ = io.WriteString(w, file) //nolint:gosec // G705: of type text/calendar, which secure keeps browsers from guessing otherwise
}

// BookingFile returns the calendar file of a booking that was read at a time; it is empty if the booking
// is not confirmed or Vennio did not say when it is.
func BookingFile(b *schemas.GetBookingResult, at time.Time) string {
	start, startErr := time.Parse(time.RFC3339, b.Start)
	end, endErr := time.Parse(time.RFC3339, b.End)
	if startErr != nil || endErr != nil || b.Status != vennioclient.StatusConfirmed {
		return ""
	}
	about := "With: " + strings.Join(b.Hosts, ", ") + "\nGuests: " + strings.Join(b.Attendees, ", ")
	if b.Notes != "" {
		about += "\n\n" + b.Notes
	}
	return calendarEvent{id: b.BookingID, title: b.Title, about: about, start: start, end: end, at: at}.file()
}

// CalendarFile returns a file with which people add a booking to their own calendar. id is Vennio's; at
// is when the booking was made or read.
func CalendarFile(id, title string, start, end, at time.Time) string {
	return calendarEvent{id: id, title: title, start: start, end: end, at: at}.file()
}

// file returns the calendar file (RFC 5545). It contains no attendees, so it invites nobody: Vennio
// sends its own e-mails.
func (from calendarEvent) file() string {
	c := ics.NewCalendarFor("vennio-mcp")
	c.SetMethod(ics.MethodPublish)
	e := c.AddEvent(sanitize.Line(from.id, 100) + "@vennio")
	e.SetDtStampTime(from.at)
	e.SetStartAt(from.start)
	e.SetEndAt(from.end)
	e.SetSummary(sanitize.Mask(sanitize.Line(from.title, 120)))
	if from.about != "" {
		e.SetDescription(sanitize.Mask(sanitize.Block(from.about, 5000)))
	}
	return c.Serialize()
}
