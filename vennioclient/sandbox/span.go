package sandbox

import "time"

// span is a stretch of time from start up to, not including, end.
type span struct{ start, end time.Time }

func (s span) overlaps(o span) bool { return s.start.Before(o.end) && o.start.Before(s.end) }

func (s span) contains(o span) bool { return !o.start.Before(s.start) && !o.end.After(s.end) }

func (s span) equal(o span) bool { return s.start.Equal(o.start) && s.end.Equal(o.end) }

func (s span) empty() bool { return !s.start.Before(s.end) }

// widen adds d on both sides.
func (s span) widen(d time.Duration) span { return span{s.start.Add(-d), s.end.Add(d)} }

func (s span) intersect(o span) span {
	if o.start.After(s.start) {
		s.start = o.start
	}
	if o.end.Before(s.end) {
		s.end = o.end
	}
	return s
}

// intersectAll returns what two lists of spans have in common.
func intersectAll(a, b []span) []span {
	var out []span
	for _, x := range a {
		for _, y := range b {
			if common := x.intersect(y); !common.empty() {
				out = append(out, common)
			}
		}
	}
	return out
}

// eachDay calls f with midnight UTC of every date that s touches in loc: a name
// for the date, free of the zone's clock changes.
func eachDay(s span, loc *time.Location, f func(date time.Time)) {
	if s.empty() {
		return
	}
	last := dateOf(s.end.Add(-1), loc)
	for d := dateOf(s.start, loc); !d.After(last); d = d.AddDate(0, 0, 1) {
		f(d)
	}
}

func dateOf(t time.Time, loc *time.Location) time.Time {
	y, m, d := t.In(loc).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}
