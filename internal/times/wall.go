package times

import "time"

// A wall time is what clocks show, without a zone. It is held as the instant at which the clocks
// of UTC show it.

// wallOf is what the clocks of loc show at t.
func wallOf(t time.Time, loc *time.Location) time.Time {
	_, offset := t.In(loc).Zone()
	return t.UTC().Add(time.Duration(offset) * time.Second)
}

// reading is when the clocks of a zone show a wall time.
type reading struct {
	// at holds one instant on most days, two where clocks go back, none where they skip the wall time.
	at []time.Time
	// Around a skipped wall time: the instant of the jump, and those that the wall time would
	// be by the offset after it and before it.
	jump, earlier, later time.Time
}

// reach is more than any offset, and more than the day that Samoa skipped, so a wall time is
// surely shown, or skipped, within reach of the instant that holds it.
const reach = 40 * time.Hour

// read tries each period of one offset within reach.
func read(wall time.Time, loc *time.Location) reading {
	var r reading
	for t := wall.Add(-reach).In(loc); ; {
		start, end := t.ZoneBounds() // zero for a period without start or end
		instant := wall.Add(t.Sub(wallOf(t, loc))).In(loc)
		tooLate := !end.IsZero() && !instant.Before(end)
		if !tooLate && (start.IsZero() || !instant.Before(start)) {
			r.at = append(r.at, instant)
		}
		if end.IsZero() || end.After(wall.Add(reach)) {
			return r
		}
		if tooLate { // the last time, if no later period shows the wall time
			r.jump, r.earlier, r.later = end, wall.Add(end.Sub(wallOf(end, loc))).In(loc), instant
		}
		t = end
	}
}

// dateOf is the date on the clocks of loc, as a wall time at midnight.
func dateOf(t time.Time, loc *time.Location) time.Time {
	year, month, day := t.In(loc).Date()
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
}

// startOf is the first instant of a date, which is not midnight where clocks skip that. Where
// they go back over midnight into the date before (Newfoundland did, at 00:01, until 2011) the date
// begins when that one is over for good, so that days never overlap. Of a date that a zone skips
// altogether it is the instant at which the next one begins, and false.
func startOf(date time.Time, loc *time.Location) (time.Time, bool) {
	r := read(date, loc)
	if last := len(r.at) - 1; last >= 0 {
		if dateOf(r.at[last].Add(-time.Second), loc).Before(date) {
			return r.at[last], true
		}
		return r.at[0], true
	}
	return r.jump, dateOf(r.jump, loc).Equal(date)
}

// addDays is n days later: from the start of a day to the start of a day, else at the same
// clock time.
func addDays(t time.Time, n int, loc *time.Location) time.Time {
	date := dateOf(t, loc)
	if start, _ := startOf(date, loc); t.Equal(start) {
		next, _ := startOf(date.AddDate(0, 0, n), loc)
		return next
	}
	return t.In(loc).AddDate(0, 0, n)
}
