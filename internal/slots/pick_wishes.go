package slots

import (
	"slices"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/times"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// Wishes are what a person asked of the times beside the window. Avoid and Busy
// are hard: what they rule out is never offered. Hours and Days are soft: where
// nothing fits both, the slots are offered that miss the fewest of the two.
type Wishes struct {
	Zone  *time.Location // the clocks by which hours, days and parts of the day are told
	Hours Hours
	Days  []time.Weekday // on which a slot may begin; none means any
	Avoid []time.Weekday // which no part of a slot may touch
	Busy  []Span         // which no slot may overlap
	// Awake are the zones of people whose nights (22:00 to 07:00) come last.
	Awake []*time.Location
}

// Hours are the part of each day in which a slot lies as a whole, in minutes
// after local midnight. A zero Latest means no end.
type Hours struct{ Earliest, Latest int }

// Span is a time, its end excluded.
type Span struct{ Start, End time.Time }

var daytime = Hours{Earliest: 7 * 60, Latest: 22 * 60}

// Any tells whether anything is wished, apart from the nights.
func (w Wishes) Any() bool {
	return w.Hours != Hours{} || len(w.Days)+len(w.Avoid)+len(w.Busy) > 0
}

// allow tells whether nothing hard is against s.
func (w Wishes) allow(s vennioclient.Slot) bool {
	if len(w.Avoid) > 0 {
		first, last := s.Start.In(w.Zone).Weekday(), s.End.Add(-time.Second).In(w.Zone).Weekday()
		if slices.Contains(w.Avoid, first) || slices.Contains(w.Avoid, last) {
			return false
		}
	}
	return !slices.ContainsFunc(w.Busy, func(b Span) bool { return s.Start.Before(b.End) && b.Start.Before(s.End) })
}

// outside is by how many minutes s lies outside the hours on the clocks of loc; 0
// means inside.
func (h Hours) outside(s vennioclient.Slot, loc *time.Location) int {
	first, last := s.Start.In(loc), s.End.In(loc)
	start, end := times.MinuteOfDay(first, loc), times.MinuteOfDay(last, loc)
	if end <= start && first.YearDay() != last.YearDay() {
		end += 24 * 60 // over midnight
	}
	out := max(0, h.Earliest-start)
	if h.Latest > 0 {
		out += max(0, end-h.Latest)
	}
	return out
}
