package slots

import (
	"cmp"
	"slices"
	"strings"
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

// Choice is a slot worth offering and, in a few words, why: "first free",
// "another day, afternoon".
type Choice struct {
	vennioclient.Slot
	Reason string
}

// Picked is what Pick chose.
type Picked struct {
	Choices []Choice // best first
	More    bool     // further candidates would fit beside these
	Missed  bool     // nothing fits all the soft wishes: the reasons say what each misses
}

// Pick chooses at most n of the free slots to offer, none overlapping another,
// best first: by day rather than at night, near the hours asked for, on days and
// in parts of the day not yet offered, and early. The same slots, in whatever
// order, give the same choice.
//
// Vennio's candidates overlap one another by design (vennio-api.md,
// Availability: slot_interval), so an answer must be thinned before a person
// sees it.
func Pick(free []vennioclient.Slot, n int, w Wishes) (p Picked) {
	rest := w.candidates(free)
	if len(rest) == 0 {
		return p
	}
	earliest := rest[0].Start
	for len(rest) > 0 && len(p.Choices) < n {
		best := slices.MinFunc(rest, compare) // of equals the first
		p.Choices = append(p.Choices, Choice{best.Slot, best.reason(len(p.Choices) == 0, w.Any(), best.Start.Equal(earliest))})
		p.Missed = p.Missed || best.misses() > 0
		rest = slices.DeleteFunc(rest, func(c candidate) bool { return overlap(c.Slot, best.Slot) })
		for i := range rest {
			rest[i].offeredBeside(best)
		}
	}
	p.More = len(rest) > 0
	return p
}

// First chooses the earliest of the slots that miss the fewest wishes.
func First(free []vennioclient.Slot, w Wishes) (Choice, bool) {
	all := w.candidates(free)
	if len(all) == 0 {
		return Choice{}, false
	}
	return Choice{all[0].Slot, "first after that window" + all[0].caveats()}, true
}

func compare(a, b candidate) int {
	return cmp.Or(
		cmp.Compare(a.atNight(), b.atNight()),
		cmp.Compare(a.outside, b.outside),
		cmp.Compare(a.sameDay, b.sameDay),
		cmp.Compare(a.samePart, b.samePart),
	)
}

func overlap(a, b vennioclient.Slot) bool { return a.Start.Before(b.End) && b.Start.Before(a.End) }

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

// candidate is a slot and all that its rank and its reason are made of: worked
// out once, because ranking compares it often.
type candidate struct {
	vennioclient.Slot
	day, part         int            // on the clocks of Wishes.Zone
	sameDay, samePart int            // how many choices share the day, and the part of the day
	outside           int            // minutes outside the hours asked for
	otherDay          bool           // not on a day asked for
	night             *time.Location // a zone in which it is night; nil: in none
}

// offeredBeside counts a slot that is offered beside c.
func (c *candidate) offeredBeside(choice candidate) {
	if c.day == choice.day {
		c.sameDay++
	}
	if c.part == choice.part {
		c.samePart++
	}
}

func (c candidate) atNight() int {
	if c.night != nil {
		return 1
	}
	return 0
}

func (c candidate) misses() (n int) {
	if c.outside > 0 {
		n++
	}
	if c.otherDay {
		n++
	}
	return n
}

// candidates are the slots that w allows and of those the ones that miss the
// fewest soft wishes, in an order that depends on nothing but themselves.
func (w Wishes) candidates(free []vennioclient.Slot) []candidate {
	all := make([]candidate, 0, len(free))
	fewest := 2
	for _, s := range free {
		if w.allow(s) {
			c := w.candidate(s)
			all, fewest = append(all, c), min(fewest, c.misses())
		}
	}
	all = slices.DeleteFunc(all, func(c candidate) bool { return c.misses() > fewest })
	slices.SortFunc(all, func(a, b candidate) int {
		return cmp.Or(a.Start.Compare(b.Start), a.End.Compare(b.End), strings.Compare(a.Description, b.Description))
	})
	return all
}

func (w Wishes) candidate(s vennioclient.Slot) candidate {
	local := s.Start.In(w.Zone)
	c := candidate{
		Slot: s, day: local.Year()*400 + local.YearDay(), part: partOf(local.Hour()),
		otherDay: len(w.Days) > 0 && !slices.Contains(w.Days, local.Weekday()),
	}
	if w.Hours != (Hours{}) {
		c.outside = w.Hours.outside(s, w.Zone)
	}
	if i := slices.IndexFunc(w.Awake, func(loc *time.Location) bool { return daytime.outside(s, loc) > 0 }); i >= 0 {
		c.night = w.Awake[i]
	}
	return c
}

// parts are the parts of the day; a candidate has the index of its own.
var parts = [...]string{"morning", "afternoon", "evening"}

func partOf(hour int) int {
	const noon, evening = 12, 17
	switch {
	case hour < noon:
		return 0
	case hour < evening:
		return 1
	}
	return 2
}

// reason says why c is offered, first of all or beside the choices before it.
func (c candidate) reason(first, wished, earliest bool) string {
	var why string
	switch {
	case !first:
		why = c.beside()
	case c.misses() > 0:
		why = "nearest fit"
	case !earliest:
		why = "first in the daytime"
	case wished:
		why = "first that fits"
	default:
		why = "first free"
	}
	return why + c.caveats()
}

func (c candidate) beside() string {
	why := "another day"
	if c.sameDay > 0 {
		why = "also that day"
	}
	if c.samePart == 0 {
		why += ", " + parts[c.part]
	}
	return why
}

// caveats are what speaks against it, each after a comma.
func (c candidate) caveats() (text string) {
	if c.outside > 0 {
		text += ", outside the hours asked for"
	}
	if c.otherDay {
		text += ", not on a day asked for"
	}
	if c.night != nil {
		text += ", at night in " + times.City(c.night.String())
	}
	return text
}
