package slots

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/times"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// candidate is a slot and all that its rank and its reason are made of.
type candidate struct {
	vennioclient.Slot
	date, part string         // on the clocks of Wishes.Zone
	outside    int            // minutes outside the hours asked for
	otherDay   bool           // not on a day asked for
	night      *time.Location // a zone in which it is night; nil: in none
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
	var all []candidate
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
		Slot: s, date: local.Format(time.DateOnly), part: partOf(local.Hour()),
		outside: w.Hours.outside(s, w.Zone), otherDay: len(w.Days) > 0 && !slices.Contains(w.Days, local.Weekday()),
	}
	if i := slices.IndexFunc(w.Awake, func(loc *time.Location) bool { return daytime.outside(s, loc) > 0 }); i >= 0 {
		c.night = w.Awake[i]
	}
	return c
}

func partOf(hour int) string {
	const noon, evening = 12, 17
	switch {
	case hour < noon:
		return "morning"
	case hour < evening:
		return "afternoon"
	}
	return "evening"
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
