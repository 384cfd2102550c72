package slots

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/times"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// Wishes are what a person asked of the times beside the window, and whose hours count. Avoid and
// Busy are hard: what they exclude is never offered. Hours and Days are soft: where nothing fits
// both, the slots are offered that miss the fewest of the two.
type Wishes struct {
	Zone  *time.Location // the clocks on which hours, days and parts of the day are read
	Hours Hours
	Days  []time.Weekday // on which a slot may begin; none means any
	Avoid []time.Weekday // which no part of a slot may touch
	Busy  []Span         // which no slot may overlap
	// People are those who meet, as far as their clocks are known: first the one of Zone.
	People []Person
	// Leaving is the time of the booking that is to be moved; nil where none is. A slot that
	// overlaps it is the first choice only where there is no other.
	Leaving *Span
}

// Hours are the part of each day in which a slot lies as a whole, in minutes after local midnight.
// A zero Latest means no end.
type Hours struct{ Earliest, Latest int }

// Span is a time, its end excluded.
type Span struct{ Start, End time.Time }

// Person is somebody who meets: their clock, and when they work. Without hours they work on
// weekdays from 08:00 to 19:00.
type Person struct {
	Zone *time.Location
	Work times.Opening
}

// Choice is a slot worth offering and, in a few words, why: "first free", "another day, afternoon".
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

// Pick chooses at most n of the free slots to offer, none overlapping another, best first. The same
// slots, in whatever order, give the same choice.
//
// Vennio's candidates overlap one another by design (vennio-api.md, Availability: slot_interval),
// so an answer must be thinned before a person sees it.
func Pick(free []vennioclient.Slot, n int, w Wishes) (p Picked) {
	rest := w.candidates(free)
	if len(rest) == 0 {
		return p
	}
	first := rest[0]
	for len(rest) > 0 && len(p.Choices) < n {
		isFirst := len(p.Choices) == 0
		best := slices.MinFunc(rest, func(a, b candidate) int { return compare(a, b, isFirst) }) // of equals the earliest
		p.Choices = append(p.Choices, Choice{best.Slot, best.reason(isFirst, w.Any(), first)})
		p.Missed = p.Missed || best.misses() > 0
		rest = slices.DeleteFunc(rest, func(c candidate) bool { return overlap(c.Slot, best.Slot) })
		for i := range rest {
			rest[i].offeredBeside(best)
		}
	}
	p.More = len(rest) > 0
	return p
}

// First chooses, of the slots that miss the fewest wishes, the earliest one at the best hours of
// the first days: a day that begins an hour later is a better opening than seven in the morning.
func First(free []vennioclient.Slot, w Wishes) (Choice, bool) {
	all := w.candidates(free)
	if len(all) == 0 {
		return Choice{}, false
	}
	const days = 3
	until := all[0].Start.AddDate(0, 0, days)
	best := all[0]
	for _, c := range all {
		if c.Start.Before(until) && c.level < best.level {
			best = c
		}
	}
	return Choice{best.Slot, "first after that window" + best.caveats()}, true
}

// compare ranks two candidates: the better hours first, then the nearer to the hours asked for,
// then one that does not follow another choice at once, then a day and a part of the day that are
// not yet offered.
func compare(a, b candidate, isFirst bool) int {
	leaving := 0
	if isFirst {
		leaving = cmp.Compare(rank(a.leaving), rank(b.leaving))
	}
	return cmp.Or(
		leaving,
		cmp.Compare(max(a.level, night), max(b.level, night)),
		cmp.Compare(a.outside, b.outside), // what was asked for counts more than working hours, and less than the night
		cmp.Compare(a.level, b.level),
		cmp.Compare(a.burden, b.burden), // the worst hour is the same: better for the others
		cmp.Compare(a.near, b.near),
		cmp.Compare(a.sameDay, b.sameDay),
		cmp.Compare(a.samePart, b.samePart),
	)
}

func rank(last bool) int {
	if last {
		return 1
	}
	return 0
}

func overlap(a, b vennioclient.Slot) bool { return a.Start.Before(b.End) && b.Start.Before(a.End) }

// Any reports whether anything is wished, apart from working hours.
func (w Wishes) Any() bool {
	return w.Hours != Hours{} || len(w.Days)+len(w.Avoid)+len(w.Busy) > 0
}

// InWorkingHours reports whether a slot lies in the working hours of everybody.
func (w Wishes) InWorkingHours(s vennioclient.Slot) bool {
	level, _, _ := w.level(s)
	return level == working
}

// allow reports whether nothing hard is against s.
func (w Wishes) allow(s vennioclient.Slot) bool {
	if len(w.Avoid) > 0 {
		first, last := s.Start.In(w.Zone).Weekday(), s.End.Add(-time.Second).In(w.Zone).Weekday()
		if slices.Contains(w.Avoid, first) || slices.Contains(w.Avoid, last) {
			return false
		}
	}
	return !slices.ContainsFunc(w.Busy, func(b Span) bool { return b.touches(s) })
}

func (b Span) touches(s vennioclient.Slot) bool {
	return s.Start.Before(b.End) && b.Start.Before(s.End)
}

// outside is by how many minutes s lies outside the hours on the clocks of loc; 0 means inside.
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

// The levels of a slot for one person, the best first. Beyond night, each further hour outside the
// daytime is a level of its own.
const (
	working   = iota // in their working hours
	daytime          // on a working day, between 07:00 and 22:00
	dayOff           // on another day, at the usual working hours
	dayOffEnd        // on another day, between 07:00 and 22:00
	night
)

var (
	defaultWork = opening("mon-fri 08:00-19:00")
	officeHours = opening("mon-sun 08:00-19:00")
	awake       = Hours{Earliest: 7 * 60, Latest: 22 * 60}
)

func opening(text string) times.Opening {
	o, err := times.ParseOpening(text)
	if err != nil {
		panic(err) // a constant of this file
	}
	return o
}

func (p Person) work() times.Opening {
	if len(p.Work) == 0 {
		return defaultWork
	}
	return p.Work
}

func (p Person) level(s vennioclient.Slot) int {
	outside := awake.outside(s, p.Zone)
	worksThatDay := p.work().Closes(s.Start.In(p.Zone).Weekday()) > 0
	switch {
	case p.work().Holds(s.Start, s.End, p.Zone):
		return working
	case outside > 0:
		return night + outside/60
	case worksThatDay:
		return daytime
	case officeHours.Holds(s.Start, s.End, p.Zone):
		return dayOff
	}
	return dayOffEnd
}

// level is the worst level of all people, the sum of all, and the first of them who has the worst.
func (w Wishes) level(s vennioclient.Slot) (worst, sum int, who *time.Location) {
	for _, p := range w.People {
		l := p.level(s)
		sum += l
		if l > worst {
			worst, who = l, p.Zone
		}
	}
	return worst, sum, who
}

// candidate is a slot and all that its rank and its reason are made of: worked out once, because
// ranking compares it often.
type candidate struct {
	vennioclient.Slot
	day, part         int            // on the clocks of Wishes.Zone
	sameDay, samePart int            // how many choices share the day, and the part of the day
	near              int            // how closely it follows or precedes a choice: see offeredBeside
	outside           int            // minutes outside the hours asked for
	otherDay          bool           // not on a day asked for
	leaving           bool           // overlaps the time of the booking that is to be moved
	level             int            // the worst of all people
	burden            int            // the sum of the levels
	worst             *time.Location // the zone in which the level is reached; nil at working
}

// candidates are the slots that w allows and of those the ones that miss the fewest soft wishes, in
// an order that depends on nothing but themselves.
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
		Slot: s, day: local.Year()*400 + local.YearDay(), part: w.part(local),
		otherDay: len(w.Days) > 0 && !slices.Contains(w.Days, local.Weekday()),
		leaving:  w.Leaving != nil && w.Leaving.touches(s),
	}
	if w.Hours != (Hours{}) {
		c.outside = w.Hours.outside(s, w.Zone)
	}
	c.level, c.burden, c.worst = w.level(s)
	return c
}

// parts are the parts of the day; a candidate has the index of its own.
var parts = [...]string{"morning", "afternoon", "evening"}

// part is the part of the day at t. The evening begins when the working day ends, and never before
// 18:00.
func (w Wishes) part(t time.Time) int {
	const noon, earliestEvening = 12 * 60, 18 * 60
	work := defaultWork
	if len(w.People) > 0 {
		work = w.People[0].work()
	}
	switch minute := times.MinuteOfDay(t, w.Zone); {
	case minute < noon:
		return 0
	case minute < max(earliestEvening, work.Closes(t.Weekday())):
		return 1
	}
	return 2
}

// offeredBeside counts a slot that is offered beside c.
func (c *candidate) offeredBeside(choice candidate) {
	const apart = 30 * time.Minute
	if c.day == choice.day {
		c.sameDay++
	}
	if c.part == choice.part {
		c.samePart++
	}
	gap := max(c.Start.Sub(choice.End), choice.Start.Sub(c.End))
	switch {
	case gap == 0:
		c.near = 2
	case gap < apart:
		c.near = max(c.near, 1)
	}
}

func (c candidate) misses() int { return rank(c.outside > 0) + rank(c.otherDay) }

// reason says why c is offered, first of all or beside the choices before it; earliest is the
// candidate that begins before all others.
func (c candidate) reason(first, wished bool, earliest candidate) string {
	var why string
	switch isEarliest := c.Start.Equal(earliest.Start); {
	case !first:
		why = c.beside()
	case c.misses() > 0:
		why = "nearest fit"
	case isEarliest && wished:
		why = "first that fits"
	case isEarliest:
		why = "first free"
	case earliest.leaving && earliest.level <= c.level:
		why = "first clear of the present time"
	case c.level == working:
		why = "first in working hours"
	case c.level < night:
		why = "first in the daytime"
	default:
		why = "best hour there is"
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
	switch {
	case c.level == working:
	case c.level == daytime:
		text += ", outside working hours in " + times.City(c.worst.String())
	case c.level < night:
		text += ", on a " + c.Start.In(c.worst).Weekday().String() + " in " + times.City(c.worst.String())
	default:
		text += ", at night in " + times.City(c.worst.String())
	}
	if c.leaving {
		text += ", overlaps the present time"
	}
	return text
}
