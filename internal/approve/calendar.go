package approve

import (
	"net/http"
	"strings"

	ics "github.com/arran4/golang-ical"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/plain"
)

// calendar is the file by which a person takes a booking into their own calendar (RFC 5545). It
// invites nobody: Vennio sends its own e-mails.
func (p *Pages) calendar(w http.ResponseWriter, proposal consent.Proposal, g *consent.Grant) {
	act := proposal.Act
	if g == nil || g.Outcome != consent.Done || act.BookingID != "" || act.Repeat != "" {
		write(w, http.StatusNotFound, page{Heading: "No calendar file", Lead: "There is none for this request: it is not booked, or not a single booking."})
		return
	}
	c := ics.NewCalendarFor("vennio-mcp")
	c.SetMethod(ics.MethodPublish)
	e := c.AddEvent(g.BookingID + "@vennio")
	e.SetDtStampTime(g.At)
	e.SetStartAt(act.Start)
	e.SetEndAt(act.End)
	e.SetSummary(plain.Mask(plain.Line(act.Title, 120)))
	e.SetDescription(description(act))
	h := w.Header()
	h.Set("Content-Type", "text/calendar; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="booking.ics"`)
	_ = c.SerializeTo(w)
}

func description(act consent.Act) string {
	var lines []string
	for _, f := range peopleFacts(act) {
		lines = append(lines, f.Name+": "+plain.Mask(f.Text))
	}
	if act.Notes != "" {
		lines = append(lines, "", plain.Mask(plain.Folded(act.Notes, 2000)))
	}
	return strings.Join(lines, "\n")
}
