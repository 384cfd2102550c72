package schemas

import (
	"fmt"
	"strings"

	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
)

// Text lists the slots as a person would read them, with the same facts.
func (r *FindSlotsResult) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s for %d minutes with %s, %s", count(len(r.Slots)), r.DurationMinutes, strings.Join(r.Hosts, ", "), r.Window.text())
	if r.Preferences != "" {
		b.WriteString(", " + r.Preferences)
	}
	if len(r.Slots) > 1 {
		b.WriteString(", best first")
	}
	fmt.Fprintf(&b, ". Now: %s.\n", r.Now)
	for _, s := range r.Slots {
		fmt.Fprintf(&b, "%d. %s\n", s.Number, s.Text())
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

func (w Window) text() string {
	text := w.Description + " (" + w.Timezone + ")"
	if w.When != "" {
		return w.When + " = " + text
	}
	return text
}

// Text is the slot on one line: Vennio's words, the exact time, why it is
// offered, UTC, its id.
func (s Slot) Text() string {
	exact := s.exact()
	if s.Description != exact {
		exact = sanitize.Quote(s.Description, 200) + " = " + exact // Vennio's words are a quotation
	}
	parts := []string{exact}
	for _, part := range []string{s.GuestLocal, s.Reason} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(append(parts, interval(s.Start, s.End), "slot_id "+s.SlotID), " · ")
}

func (s Slot) exact() string { return Exact(s.StartLocal, s.EndLocal, s.Timezone) }

// interval is a span of UTC in the form of ISO 8601-1, 5.5.2.4: the end without
// the date where it is the start's: "2026-05-14T14:00:00Z/14:30:00Z".
func interval(start, end string) string {
	if day, clock, ok := strings.Cut(end, "T"); ok && strings.HasPrefix(start, day+"T") {
		return start + "/" + clock
	}
	return start + "/" + end
}

// Exact joins the parts of a local time: "Thu 14 May 2026, 15:00" and "15:30"
// become "Thu 14 May 2026, 15:00–15:30 (Europe/London, UTC+1)".
func Exact(start, end, zone string) string {
	dash := "–"
	if strings.Contains(end, " ") {
		dash = " – "
	}
	return start + dash + end + " (" + zone + ")"
}
