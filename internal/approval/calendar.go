package approval

import (
	"net/http"
	"strings"
	"time"

	ics "github.com/arran4/golang-ical"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
)

// calendarEvent is a booking as a calendar file holds it.
type calendarEvent struct {
	id, title, about string
	start, end, at   time.Time
}

// calendar serves the file of an act that was booked.
func (p *Pages) calendar(w http.ResponseWriter, proposal consent.Proposal, g *consent.Grant) {
	act := proposal.Act
	if g == nil || g.Outcome != consent.Done || act.BookingID != "" || act.Repeat != "" {
		write(w, http.StatusNotFound, page{Heading: "No calendar file", Lead: "There is none for this request: it is not booked, or not a single booking."})
		return
	}
	var about []string
	for _, f := range peopleFacts(act) {
		about = append(about, f.Name+": "+f.Text)
	}
	if act.Notes != "" {
		about = append(about, "", sanitize.Folded(act.Notes, 2000))
	}
	writeCalendar(w, calendarEvent{id: g.BookingID, title: act.Title, about: strings.Join(about, "\n"), start: act.Start, end: act.End, at: g.At})
}

// writeCalendar writes a file by which a person takes a booking into their own calendar (RFC 5545).
// It invites nobody: Vennio sends its own e-mails.
func writeCalendar(w http.ResponseWriter, from calendarEvent) {
	c := ics.NewCalendarFor("vennio-mcp")
	c.SetMethod(ics.MethodPublish)
	e := c.AddEvent(sanitize.Line(from.id, 100) + "@vennio")
	e.SetDtStampTime(from.at)
	e.SetStartAt(from.start)
	e.SetEndAt(from.end)
	e.SetSummary(sanitize.Mask(sanitize.Line(from.title, 120)))
	e.SetDescription(sanitize.Mask(sanitize.Block(from.about, 5000)))
	h := w.Header()
	h.Set("Content-Type", "text/calendar; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="booking.ics"`)
	_ = c.SerializeTo(w)
}
