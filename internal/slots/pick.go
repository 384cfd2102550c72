package slots

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/times"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// Wishes are a person's preferences within a window, and the people whose hours count. Avoid and Busy are
// strict: a slot that they exclude is never offered. Hours and Days are preferences: if no slot fits
// both, those that miss fewer of the two are offered.
type Wishes struct {
	Zone  *time.Location // of hours, days and parts of the day
	Hours Hours
	Days  []time.Weekday // on which a slot may begin; none means any
	Avoid []time.Weekday // on which no part of a slot may be
	Busy  []Span         // which no slot may overlap
	// People are the participants whose zones are known; the first is the one of Zone.
	People []Person
	// Waived are preferences of the hosts that this search overrides. Times that they exclude come after others
	// at equally good hours, and the reason says what they are against.
	Waived []Preferences
	// Leaving is the present time of the booking that is to be moved; nil: none is. A slot that overlaps
	// it is the first choice only if there is no other.
	Leaving *Span
}

// Hours are the hours that contain a slot as a whole, in minutes after local midnight. If Latest is zero,
// there is no end.
type Hours struct{ Earliest, Latest int }

// Span is a time interval without its end.
type Span struct{ Start, End time.Time }

// Person is a participant: their zone and working hours. Without hours they work on weekdays from 08:00
// to 19:00.
type Person struct {
	Zone *time.Location
	Work times.Opening
}

// Choice is a slot that is offered, with the reason in a few words: "first free", "another day, afternoon".
type Choice struct {
	vennioclient.Slot
	Reason string
}

// Picked is the result of Pick.
type Picked struct {
	Choices []Choice // best first
	More    bool     // further candidates do not overlap these
	Missed  bool     // no slot fits all preferences; the reasons say what each misses
}

// Pick chooses at most n of the free slots, none of which overlap, the best first. The choice does not
// depend on the order of the slots.
//
// Vennio's free slots overlap one another by design (vennio-api.md, Availability: slot_interval).
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

// First chooses the earliest slot at the best hours of the first three days, among the slots that miss
// the fewest preferences: nine in the morning of the next day is a better opening than seven today.
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

// compare ranks two candidates: by better hours, then by the distance to the preferred hours, then by a
// distance to the other choices, then by a day and a part of the day that are not offered yet.
func compare(a, b candidate, isFirst bool) int {
	leaving := 0
	if isFirst {
		leaving = cmp.Compare(rank(a.leaving), rank(b.leaving))
	}
	return cmp.Or(
		leaving,
		cmp.Compare(max(a.level, night), max(b.level, night)),
		cmp.Compare(a.outside, b.outside), // preferred hours count more than working hours, and less than the night
		cmp.Compare(rank(a.waived != ""), rank(b.waived != "")),
		cmp.Compare(a.level, b.level),
		cmp.Compare(a.burden, b.burden), // with the same worst level, better for the others
		cmp.Compare(a.near, b.near),
		cmp.Compare(a.sameDay, b.sameDay),
		cmp.Compare(a.samePart, b.samePart),
	)
}

// rank orders false before true.
func rank(last bool) int {
	if last {
		return 1
	}
	return 0
}

func overlap(a, b vennioclient.Slot) bool { return a.Start.Before(b.End) && b.Start.Before(a.End) }

// Any reports whether there are any preferences, apart from working hours.
func (w Wishes) Any() bool {
	return w.Hours != Hours{} || len(w.Days)+len(w.Avoid)+len(w.Busy) > 0
}

// InWorkingHours reports whether a slot is in the working hours of all people.
func (w Wishes) InWorkingHours(s vennioclient.Slot) bool {
	level, _, _ := w.level(s)
	return level == working
}

// allow reports whether no strict preference excludes s.
func (w Wishes) allow(s vennioclient.Slot) bool {
	return !onDays(w.Avoid, s, w.Zone) && !slices.ContainsFunc(w.Busy, func(b Span) bool { return b.touches(s) })
}

// Holds reports whether the interval contains all of another one.
func (b Span) Holds(start, end time.Time) bool { return !start.Before(b.Start) && !end.After(b.End) }

func (b Span) touches(s vennioclient.Slot) bool {
	return s.Start.Before(b.End) && b.Start.Before(s.End)
}

// outside is the number of minutes of s outside the hours in loc; 0 if it is inside.
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

// The levels of a slot for one person, the best first. Each hour outside the daytime adds one level to
// night.
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

// level returns the worst level of all people, the sum of their levels, and the zone of the first
// person who has the worst.
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

// candidate is a slot with everything that determines its rank and its reason. It is computed once,
// because ranking compares it often.
type candidate struct {
	vennioclient.Slot
	day, part         int            // in Wishes.Zone
	sameDay, samePart int            // the number of choices on the same day, and in the same part of a day
	near              int            // 2: directly before or after a choice; 1: within 30 minutes of one
	outside           int            // minutes outside the preferred hours
	otherDay          bool           // not on a preferred day
	waived            string         // name of the preference of a host that excludes it and is overridden; else empty
	leaving           bool           // overlaps the time of the booking that is to be moved
	level             int            // the worst of all people
	burden            int            // the sum of the levels
	worst             *time.Location // the zone in which the level is reached; nil at working
}

// candidates are the slots that w allows and that miss the fewest preferences, in an order that depends
// only on the slots.
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
	for _, p := range w.Waived {
		c.waived = cmp.Or(c.waived, p.excludes(s))
	}
	if w.Hours != (Hours{}) {
		c.outside = w.Hours.outside(s, w.Zone)
	}
	c.level, c.burden, c.worst = w.level(s)
	return c
}

// parts are the parts of the day; candidate.part is an index.
var parts = [...]string{"morning", "afternoon", "evening"}

// part is the index of the part of the day at t. The evening begins when the working day ends, but not
// before 18:00.
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

// offeredBeside updates c for another slot that is offered.
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

// reason says why c is offered, as the first choice or together with the choices before it. earliest is
// the candidate with the earliest start.
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

// caveats are the disadvantages of the slot, each after a comma.
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
	switch c.waived {
	case atLunch:
		text += ", during a host's lunch"
	case noMeetings:
		text += ", on a host's day without meetings"
	}
	if c.leaving {
		text += ", overlaps the present time"
	}
	return text
}

// Nearest chooses at most n of the free slots, none of which overlap, in place of a wanted slot that was
// taken. Slots at hours that are no worse than the wanted ones come first, and among these the closest,
// then the earlier. The reasons give the distance to the wanted time in w.Zone.
func Nearest(free []vennioclient.Slot, n int, wanted vennioclient.Slot, w Wishes) (chosen []Choice) {
	asGood, _, _ := w.level(wanted)
	rest := w.candidates(free)
	for len(rest) > 0 && len(chosen) < n {
		best := slices.MinFunc(rest, func(a, b candidate) int {
			return cmp.Or(
				cmp.Compare(rank(a.leaving), rank(b.leaving)),
				cmp.Compare(max(a.level, asGood), max(b.level, asGood)),
				cmp.Compare(a.Start.Sub(wanted.Start).Abs(), b.Start.Sub(wanted.Start).Abs()),
			)
		})
		chosen = append(chosen, Choice{best.Slot, apart(best.Start, wanted.Start, w.Zone) + best.caveats()})
		rest = slices.DeleteFunc(rest, func(c candidate) bool { return overlap(c.Slot, best.Slot) })
	}
	return chosen
}

// apart is the distance of t from wanted in words: "45 min later", "next day, same time".
func apart(t, wanted time.Time, loc *time.Location) string {
	days := civilDay(t, loc) - civilDay(wanted, loc)
	switch days {
	case 0:
		return "same day, " + span(t.Sub(wanted))
	case 1:
		return "next day, " + inTheDay(t, wanted, loc)
	case -1:
		return "the day before, " + inTheDay(t, wanted, loc)
	}
	if days < 0 {
		return fmt.Sprintf("%d days earlier, %s", -days, inTheDay(t, wanted, loc))
	}
	return fmt.Sprintf("%d days later, %s", days, inTheDay(t, wanted, loc))
}

func inTheDay(t, wanted time.Time, loc *time.Location) string {
	by := times.MinuteOfDay(t, loc) - times.MinuteOfDay(wanted, loc)
	return span(time.Duration(by) * time.Minute)
}

// span is a signed duration in words, to the minute.
func span(d time.Duration) string {
	side := "later"
	if d < 0 {
		d, side = -d, "earlier"
	}
	hours, minutes := int(d/time.Hour), int(d%time.Hour/time.Minute)
	switch {
	case hours == 0 && minutes == 0:
		return "same time"
	case hours == 0:
		return fmt.Sprintf("%d min %s", minutes, side)
	case minutes == 0:
		return fmt.Sprintf("%d h %s", hours, side)
	}
	return fmt.Sprintf("%d h %d min %s", hours, minutes, side)
}

// civilDay is the number of days since 1970 in loc.
func civilDay(t time.Time, loc *time.Location) int {
	year, month, day := t.In(loc).Date()
	return int(time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Unix() / (24 * 60 * 60))
}
