package times

import (
	"fmt"
	"strings"
	"time"
)

const dayLayout = "Mon 2 Jan 2006"

// Label tells a span in a zone as a person would read it aloud, exactly to the second:
//
//	Thu 14 May 2026, 15:00–15:30 (Europe/London, UTC+1)
//	Thu 14 May 2026, 23:45 – Fri 15 May 2026, 00:15 (Europe/London, UTC+1)
//	Sun 25 Oct 2026, 01:30 UTC+1 – 01:15 UTC (Europe/London)
//
// The end has its own date when that differs, and its own offset when the clocks change in
// between. [ParseLabel] reads it back. No location means UTC.
func Label(start, end time.Time, loc *time.Location) string {
	s := spanIn(start, end, loc)
	return s.text(true) + " (" + s.zone() + ")"
}

// GuestLabel tells the same span as a guest in another zone sees it:
//
//	10:00–10:30 in New York (America/New_York, UTC-4)
//	Fri 15 May 2026, 00:00–00:30 in Tokyo (Asia/Tokyo, UTC+9)
//
// Dates stand in it unless host and guest share the one date. It is "" when there is no guest
// zone, or the guest's clocks show the same as the host's throughout.
func GuestLabel(start, end time.Time, host, guest *time.Location) string {
	if guest == nil {
		return ""
	}
	h, g := spanIn(start, end, host), spanIn(start, end, guest)
	if h.text(true) == g.text(true) {
		return ""
	}
	oneDate := Day(h.start, host) == Day(g.start, guest) && h.inOneDay() && g.inOneDay()
	place := City(guest.String())
	if zone := g.zone(); zone != place {
		place += " (" + zone + ")"
	}
	return g.text(!oneDate) + " in " + place
}

// Day is the date on the clocks of loc, with weekday and year: "Thu 14 May 2026".
func Day(t time.Time, loc *time.Location) string { return at(t, loc).Format(dayLayout) }

// Clock is the time on the clocks of loc: "15:00", with seconds only where there are some.
func Clock(t time.Time, loc *time.Location) string {
	if local := at(t, loc); local.Second() != 0 {
		return local.Format("15:04:05")
	}
	return at(t, loc).Format("15:04")
}

// Offset is how far the clocks of loc are from UTC at t: "UTC+1", "UTC-3:30", "UTC".
func Offset(t time.Time, loc *time.Location) string {
	_, seconds := at(t, loc).Zone()
	if seconds == 0 {
		return "UTC"
	}
	sign := '+'
	if seconds < 0 {
		sign, seconds = '-', -seconds
	}
	text := fmt.Sprintf("UTC%c%d", sign, seconds/3600)
	if seconds%3600 != 0 {
		text += fmt.Sprintf(":%02d", seconds/60%60)
	}
	if seconds%60 != 0 { // local mean times of long ago
		text += fmt.Sprintf(":%02d", seconds%60)
	}
	return text
}

// City is the place in an IANA name: "Buenos Aires" of "America/Argentina/Buenos_Aires".
func City(name string) string {
	return strings.ReplaceAll(name[strings.LastIndex(name, "/")+1:], "_", " ")
}

// UTC is the instant as RFC 3339 in UTC, in whole seconds: "2026-05-14T14:00:00Z".
func UTC(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// at is t on the clocks of loc, or of UTC when there is none.
func at(t time.Time, loc *time.Location) time.Time {
	if loc == nil {
		return t.UTC()
	}
	return t.In(loc)
}
