package times

import "time"

// Text tells the window with weekdays and offsets, whole days as such:
//
//	Mon 18 May 2026 – the end of Sun 24 May 2026
//	Thu 14 May 2026, 10:06 UTC+1 – the end of that day
//	Thu 14 May 2026, 10:06 UTC+1 – Thu 21 May 2026, 10:06 UTC+1
//
// The zone is not in it.
func (w Window) Text() string {
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
