package times

import (
	"fmt"
	"strings"
	"time"
)

const dayLayout = "Mon 2 Jan 2006"

// Label formats a span in a zone for people, exact to the second:
//
//	Thu 14 May 2026, 15:00–15:30 (Europe/London, UTC+1)
//	Thu 14 May 2026, 23:45 – Fri 15 May 2026, 00:15 (Europe/London, UTC+1)
//	Sun 25 Oct 2026, 01:30 UTC+1 – 01:15 UTC (Europe/London)
//
// The end has a date if it differs from that of the start, and both have offsets if the clocks change in
// between. A nil location means UTC.
func Label(start, end time.Time, loc *time.Location) string {
	s := spanIn(start, end, loc)
	return s.text(true) + " (" + s.zone() + ")"
}

// GuestLabel formats the same span for a guest in another zone:
//
//	10:00–10:30 in New York (America/New_York, UTC-4)
//	Fri 15 May 2026, 00:00–00:30 in Tokyo (Asia/Tokyo, UTC+9)
//
// It contains dates unless host and guest have the same single date. It is "" if guest is nil or if the
// guest's clock equals the host's throughout the span.
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

// Day formats the date in loc with weekday and year: "Thu 14 May 2026".
func Day(t time.Time, loc *time.Location) string { return at(t, loc).Format(dayLayout) }

// Clock formats the time of day in loc: "15:00", or "15:00:30" if the seconds are not zero.
func Clock(t time.Time, loc *time.Location) string {
	if local := at(t, loc); local.Second() != 0 {
		return local.Format("15:04:05")
	}
	return at(t, loc).Format("15:04")
}

// Moment formats the day and the time of day in loc: "Thu 14 May 2026, 15:00".
func Moment(t time.Time, loc *time.Location) string { return Day(t, loc) + ", " + Clock(t, loc) }

// Offset formats the offset of loc from UTC at t: "UTC+1", "UTC-3:30", "UTC".
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
	if seconds%60 != 0 { // historical local mean times
		text += fmt.Sprintf(":%02d", seconds%60)
	}
	return text
}

// City returns the place in an IANA name: "Buenos Aires" for "America/Argentina/Buenos_Aires".
func City(name string) string {
	return strings.ReplaceAll(name[strings.LastIndex(name, "/")+1:], "_", " ")
}

// UTC formats the instant as RFC 3339 in UTC, in whole seconds: "2026-05-14T14:00:00Z".
func UTC(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// at returns t in loc, or in UTC if loc is nil.
func at(t time.Time, loc *time.Location) time.Time {
	if loc == nil {
		return t.UTC()
	}
	return t.In(loc)
}

// Local holds the parts of a label (see [Label]).
type Local struct {
	Start string // "Thu 14 May 2026, 15:00"
	End   string // "15:30", with a date or an offset if it differs from that of the start
	Zone  string // "Europe/London, UTC+1"
}

// LocalParts returns the parts of the label of a span.
func LocalParts(start, end time.Time, loc *time.Location) Local {
	s := spanIn(start, end, loc)
	from, to := s.ends(true)
	return Local{Start: from, End: to, Zone: s.zone()}
}

// span is two instants in one zone.
type span struct {
	start, end time.Time
	loc        *time.Location
}

func spanIn(start, end time.Time, loc *time.Location) span {
	start = at(start, loc)
	return span{start, at(end, loc), start.Location()}
}

// text formats the span without its zone: "Thu 14 May 2026, 15:00–15:30". Without withDay it omits the date;
// the span must then lie within one day.
func (s span) text(withDay bool) string {
	start, end := s.ends(withDay)
	if s.inOneDay() && s.inOneOffset() {
		return start + "–" + end
	}
	return start + " – " + end
}

// ends formats both instants. The end omits what it shares with the start.
func (s span) ends(withDay bool) (start, end string) {
	start = s.moment(s.start, withDay)
	if s.inOneDay() && s.inOneOffset() {
		return start, Clock(s.end, s.loc)
	}
	return start, s.moment(s.end, withDay && !s.inOneDay())
}

func (s span) moment(t time.Time, withDay bool) string {
	text := Clock(t, s.loc)
	if withDay {
		text = Day(t, s.loc) + ", " + text
	}
	if !s.inOneOffset() {
		text += " " + Offset(t, s.loc)
	}
	return text
}

// zone returns the name of the zone, with the offset unless text or the name contains it.
func (s span) zone() string {
	offset := Offset(s.start, s.loc)
	if !s.inOneOffset() || s.loc.String() == offset {
		return s.loc.String()
	}
	return s.loc.String() + ", " + offset
}

func (s span) inOneDay() bool { return Day(s.start, s.loc) == Day(s.end, s.loc) }

func (s span) inOneOffset() bool {
	_, first := s.start.Zone()
	_, last := s.end.Zone()
	return first == last
}

// A wall time is a date and time of day without a zone. It is represented as the instant with that date and
// time in UTC.

// wallOf returns the wall time in loc at t.
func wallOf(t time.Time, loc *time.Location) time.Time {
	_, offset := t.In(loc).Zone()
	return t.UTC().Add(time.Duration(offset) * time.Second)
}

type wallInstants struct {
	// at holds one instant normally, two if the clocks go back, none if they skip the wall time.
	at []time.Time
	// For a skipped wall time: the instant of the change, and the instants that the wall time denotes with
	// the offset after and before the change.
	jump, earlier, later time.Time
}

// searchRange exceeds every offset and the day that Samoa skipped, so each wall time occurs or is skipped
// within that range of the instant that represents it.
const searchRange = 40 * time.Hour

// instantsOf checks each period with a constant offset within searchRange.
func instantsOf(wall time.Time, loc *time.Location) wallInstants {
	var r wallInstants
	for t := wall.Add(-searchRange).In(loc); ; {
		start, end := t.ZoneBounds() // zero if the period has no start or no end
		instant := wall.Add(t.Sub(wallOf(t, loc))).In(loc)
		tooLate := !end.IsZero() && !instant.Before(end)
		if !tooLate && (start.IsZero() || !instant.Before(start)) {
			r.at = append(r.at, instant)
		}
		if end.IsZero() || end.After(wall.Add(searchRange)) {
			return r
		}
		if tooLate { // final unless a later period has the wall time
			r.jump, r.earlier, r.later = end, wall.Add(end.Sub(wallOf(end, loc))).In(loc), instant
		}
		t = end
	}
}

// dateOf returns the date in loc at t, as a wall time at midnight.
func dateOf(t time.Time, loc *time.Location) time.Time {
	year, month, day := t.In(loc).Date()
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
}

// startOfDate returns the first instant of a date. It is not midnight if the clocks skip midnight. If they
// go back across midnight (in Newfoundland at 00:01 until 2011), the date begins when the previous one has
// finally ended, so that days never overlap. For a date that the zone skips it returns the start of the next
// date and false.
func startOfDate(date time.Time, loc *time.Location) (time.Time, bool) {
	r := instantsOf(date, loc)
	if last := len(r.at) - 1; last >= 0 {
		if dateOf(r.at[last].Add(-time.Second), loc).Before(date) {
			return r.at[last], true
		}
		return r.at[0], true
	}
	return r.jump, dateOf(r.jump, loc).Equal(date)
}

// addDays returns t plus n calendar days: the start of a day if t is one, else the same time of day.
func addDays(t time.Time, n int, loc *time.Location) time.Time {
	date := dateOf(t, loc)
	if start, _ := startOfDate(date, loc); t.Equal(start) {
		next, _ := startOfDate(date.AddDate(0, 0, n), loc)
		return next
	}
	return t.In(loc).AddDate(0, 0, n)
}
