package slots

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/times"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

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
