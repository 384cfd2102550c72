package times

import (
	"slices"
	"strings"
	"time"
)

// Text tells the window with weekdays and offsets, whole days as such:
//
//	Mon 18 May 2026 – the end of Sun 24 May 2026
//	Thu 14 May 2026, 10:06 UTC+1 – the end of that day
//	Thu 14 May 2026, 10:06 UTC+1 – Thu 21 May 2026, 10:06 UTC+1
//	Mon 18 May 2026 – the end of Sun 24 May 2026, on Tue/Thu, between 12:00 and 18:00
//
// The zone is not in it.
func (w Window) Text() string {
	text := w.ends()
	if len(w.Days) > 0 && w.To.Sub(w.From) > 25*time.Hour {
		names := make([]string, len(w.Days))
		for i, day := range w.Days {
			names[i] = day.String()[:3]
		}
		text += ", on " + strings.Join(names, "/")
	}
	return text + toldHours(w.Earliest, w.Latest)
}

// toldHours tells a part of each day, after what it is part of.
func toldHours(earliest, latest int) string {
	switch {
	case earliest > 0 && latest > 0:
		return ", between " + ClockOf(earliest) + " and " + ClockOf(latest)
	case earliest > 0:
		return ", from " + ClockOf(earliest) + " on"
	case latest > 0:
		return ", until " + ClockOf(latest)
	}
	return ""
}

// Holds tells whether a meeting lies on the days and in the hours that the phrase named.
func (w Window) Holds(start, end time.Time) bool {
	first, last := at(start, w.Loc), at(end, w.Loc)
	if len(w.Days) > 0 && !slices.Contains(w.Days, first.Weekday()) {
		return false
	}
	begins, ends := MinuteOfDay(first, w.Loc), MinuteOfDay(last, w.Loc)
	if days := int(dateOf(last, w.Loc).Sub(dateOf(first, w.Loc)) / (24 * time.Hour)); days > 0 {
		ends += days * endOfDay
	}
	return begins >= w.Earliest && (w.Latest == 0 || ends <= w.Latest)
}

// Touches tells whether a part of a booking lies on the days and in the hours that the phrase named.
func (w Window) Touches(start, end time.Time) bool {
	if w.Earliest == 0 && w.Latest == 0 && len(w.Days) == 0 {
		return true
	}
	first, last := dateOf(start, w.Loc), dateOf(end, w.Loc)
	for day := first; !day.After(last); day = day.AddDate(0, 0, 1) {
		begins, ends := 0, endOfDay
		if day.Equal(first) {
			begins = MinuteOfDay(start, w.Loc)
		}
		if day.Equal(last) {
			ends = MinuteOfDay(end, w.Loc)
		}
		on := len(w.Days) == 0 || slices.Contains(w.Days, day.Weekday())
		if on && ends > w.Earliest && (w.Latest == 0 || begins < w.Latest) {
			return true
		}
	}
	return false
}

// ends tells the ends of the window.
func (w Window) ends() string {
	from, to := tell(w.From, w.Loc), tell(w.To, w.Loc)
	if beginsDay(w.From, w.Loc) {
		from = Day(w.From, w.Loc)
	}
	last := w.To.Add(-time.Second)
	switch {
	case !beginsDay(w.To, w.Loc):
		return from + " – " + to
	case Day(w.From, w.Loc) != Day(last, w.Loc):
		return from + " – " + endOf(w.To, w.Loc)
	case beginsDay(w.From, w.Loc):
		return "all of " + from
	default:
		return from + " – the end of that day"
	}
}

// tell is an instant so that it cannot be mistaken: "Sat 16 May 2026, 00:00 UTC+1".
func tell(t time.Time, loc *time.Location) string {
	return Day(t, loc) + ", " + Clock(t, loc) + " " + Offset(t, loc)
}

// endOf names the day that ends at t.
func endOf(t time.Time, loc *time.Location) string {
	return "the end of " + Day(t.Add(-time.Second), loc)
}

func beginsDay(t time.Time, loc *time.Location) bool {
	loc = at(t, loc).Location()
	start, _ := startOf(dateOf(t, loc), loc)
	return t.Equal(start)
}
