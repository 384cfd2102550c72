package slots_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/vennio-mcp/vennio-mcp/internal/slots"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// calendar is a generated situation: who meets, from which day on, and what is free.
type calendar struct {
	wishes  slots.Wishes
	from    time.Time
	days    int
	length  time.Duration
	limit   int
	free    []vennioclient.Slot
	isAMove bool
}

// scenarios are the zones of those who meet and a first day, around which clocks may change.
var scenarios = map[string]struct {
	zones []string
	from  string
	hours [2]int // of the hosts, on the clocks of the first zone
}{
	"Los Angeles – Tokyo":                  {[]string{"America/Los_Angeles", "Asia/Tokyo"}, "2026-05-11", [2]int{0, 24}},
	"London – New York":                    {[]string{"Europe/London", "America/New_York"}, "2026-05-11", [2]int{7, 21}},
	"London, alone":                        {[]string{"Europe/London"}, "2026-05-14", [2]int{7, 22}},
	"Sydney – London – New York":           {[]string{"Australia/Sydney", "Europe/London", "America/New_York"}, "2026-05-11", [2]int{0, 24}},
	"New York – Berlin, clocks of America": {[]string{"America/New_York", "Europe/Berlin"}, "2026-03-05", [2]int{0, 24}},
	"Berlin – New York, clocks of Europe":  {[]string{"Europe/Berlin", "America/New_York"}, "2026-03-26", [2]int{6, 22}},
	"London – Los Angeles, autumn":         {[]string{"Europe/London", "America/Los_Angeles"}, "2026-10-22", [2]int{0, 24}},
	"Lord Howe – Apia":                     {[]string{"Australia/Lord_Howe", "Pacific/Apia"}, "2026-04-02", [2]int{0, 24}},
}

// generate draws a calendar: the hosts' hours less random appointments, as Vennio gives them, every
// 15 minutes and overlapping one another.
func generate(t *testing.T, scenario string, r *rand.Rand) (c calendar) {
	t.Helper()
	s := scenarios[scenario]
	c = calendar{wishes: slots.Wishes{Zone: zone(t, s.zones[0]), People: people(t, s.zones...)}}
	c.from, _ = time.ParseInLocation(time.DateOnly, s.from, c.wishes.Zone)
	c.days, c.limit = 1+r.IntN(10), 1+r.IntN(6)
	c.length = []time.Duration{15, 30, 45, 60, 90}[r.IntN(5)] * time.Minute
	var busy []slots.Span
	for range r.IntN(c.days * 5) {
		start := c.from.Add(time.Duration(r.IntN(c.days*24*4)) * 15 * time.Minute)
		busy = append(busy, slots.Span{Start: start, End: start.Add(time.Duration(1+r.IntN(24)) * 15 * time.Minute)})
	}
	until := c.from.AddDate(0, 0, c.days)
	for start := c.from; start.Before(until); start = start.Add(15 * time.Minute) {
		slot := vennioclient.Slot{Start: start, End: start.Add(c.length)}
		hour := start.In(c.wishes.Zone).Hour()
		isBusy := slices.ContainsFunc(busy, func(b slots.Span) bool { return slot.Start.Before(b.End) && b.Start.Before(slot.End) })
		if hour >= s.hours[0] && hour < s.hours[1] && !isBusy {
			c.free = append(c.free, slot)
		}
	}
	if c.isAMove = r.IntN(3) == 0 && len(c.free) > 0; c.isAMove {
		old := c.free[r.IntN(len(c.free))]
		c.wishes.Leaving = &slots.Span{Start: old.Start, End: old.End}
	}
	return c
}

// tier is 0 in everybody's working hours, 1 between 07:00 and 22:00 on everybody's weekdays, 2
// otherwise.
func tier(s vennioclient.Slot, w slots.Wishes) (worst int) {
	for _, p := range w.People {
		for t := s.Start; t.Before(s.End); t = t.Add(15 * time.Minute) { // all begin and end at quarters
			local := t.In(p.Zone)
			isWeekend := local.Weekday() == time.Saturday || local.Weekday() == time.Sunday
			switch hour := local.Hour(); {
			case isWeekend || hour < 7 || hour >= 22:
				worst = 2
			case hour < 8 || hour >= 19:
				worst = max(worst, 1)
			}
		}
	}
	return worst
}

func (c calendar) leaves(s vennioclient.Slot) bool {
	return c.wishes.Leaving != nil && s.Start.Before(c.wishes.Leaving.End) && c.wishes.Leaving.Start.Before(s.End)
}

func (c calendar) date(s vennioclient.Slot) string {
	return s.Start.In(c.wishes.Zone).Format(time.DateOnly)
}

// score counts, by property, how often it could hold and how often it did.
type score map[string]*[2]int

func (s score) count(property string, holds bool) {
	if s[property] == nil {
		s[property] = new([2]int)
	}
	s[property][1]++
	if holds {
		s[property][0]++
	}
}

const (
	firstInHours  = "hard: the first offer has the best hours that are free"
	hoursFirst    = "hard: better hours before a day that is not offered yet"
	noOverlap     = "hard: no offer overlaps another"
	neverTheOld   = "hard: a move does not first offer the time that is left"
	lateEvening   = "hard: no evening within the working day"
	notBackToBack = "soft: no offer is back-to-back while another at such hours is free"
	freshDay      = "soft: an offer is on a day not offered yet, where one has such hours"
	otherPart     = "soft: two offers on one day are in different parts of it, where both are free"
	earlyFirst    = "soft: the first offer is the earliest at such hours"
)

// judge holds the choice against the properties.
func (s score) judge(c calendar) {
	chosen := slots.Pick(c.free, c.limit, c.wishes).Choices
	tiers := make([]int, len(c.free))
	for i, f := range c.free {
		tiers[i] = tier(f, c.wishes)
	}
	for i, choice := range chosen {
		var rest []vennioclient.Slot // what could have been chosen instead, at such hours
		best := 2
		for j, f := range c.free {
			isTaken := slices.ContainsFunc(chosen[:i], func(o slots.Choice) bool { return f.Start.Before(o.End) && o.Start.Before(f.End) })
			if isTaken || i == 0 && c.leaves(f) {
				continue
			}
			switch t := tiers[j]; {
			case t < best:
				best, rest = t, []vennioclient.Slot{f}
			case t == best:
				rest = append(rest, f)
			}
		}
		if len(rest) > 0 {
			s.count(map[bool]string{true: firstInHours, false: hoursFirst}[i == 0], tier(choice.Slot, c.wishes) == best)
		}
		s.soft(c, chosen[:i], choice, rest, best)
		for _, other := range chosen[:i] {
			s.count(noOverlap, !choice.Start.Before(other.End) || !other.Start.Before(choice.End))
		}
		if i == 0 && c.isAMove && len(rest) > 0 {
			s.count(neverTheOld, !c.leaves(choice.Slot))
		}
		local := choice.Start.In(c.wishes.Zone)
		if strings.Contains(choice.Reason, "evening") {
			s.count(lateEvening, local.Hour() >= 19 || local.Weekday() == time.Saturday || local.Weekday() == time.Sunday)
		}
	}
}

// soft counts those that one choice may break for the sake of another. At the worst hours the
// nearest to the day come first, so these properties are those of the better ones.
func (s score) soft(c calendar, before []slots.Choice, choice slots.Choice, rest []vennioclient.Slot, best int) {
	if best == 2 || len(rest) == 0 {
		return
	}
	touches := func(f vennioclient.Slot) bool {
		return slices.ContainsFunc(before, func(o slots.Choice) bool { return f.Start.Equal(o.End) || f.End.Equal(o.Start) })
	}
	isFresh := func(f vennioclient.Slot) bool {
		return !slices.ContainsFunc(before, func(o slots.Choice) bool { return c.date(o.Slot) == c.date(f) })
	}
	if len(before) == 0 {
		s.count(earlyFirst, choice.Start.Equal(rest[0].Start))
		return
	}
	if slices.ContainsFunc(rest, func(f vennioclient.Slot) bool { return !touches(f) }) {
		s.count(notBackToBack, !touches(choice.Slot))
	}
	if slices.ContainsFunc(rest, isFresh) {
		s.count(freshDay, isFresh(choice.Slot))
	}
	isMorning := func(f vennioclient.Slot) bool { return f.Start.In(c.wishes.Zone).Hour() < 12 }
	first := before[0].Slot
	if len(before) == 1 && c.date(first) == c.date(choice.Slot) && slices.ContainsFunc(rest, func(f vennioclient.Slot) bool {
		return isMorning(f) != isMorning(first) && !touches(f)
	}) {
		s.count(otherPart, isMorning(choice.Slot) != isMorning(first))
	}
}

// req: S8
// field: ranking over generated calendars
func TestReq_S8_TheChoiceIsThatOfAGoodAssistant(t *testing.T) {
	t.Parallel()
	const each = 50
	total := score{}
	for _, scenario := range slices.Sorted(maps.Keys(scenarios)) {
		r := rand.New(rand.NewPCG(1, uint64(len(scenario))))
		own := score{}
		for range each {
			own.judge(generate(t, scenario, r))
		}
		own.check(t, scenario)
		total.add(own)
	}
	total.check(t, fmt.Sprintf("all %d calendars", each*len(scenarios)))
	assert.Len(t, total, 9, "each property was tried")
}

func (s score) add(other score) {
	for property, counted := range other {
		if s[property] == nil {
			s[property] = new([2]int)
		}
		s[property][0] += counted[0]
		s[property][1] += counted[1]
	}
}

func (s score) check(t *testing.T, of string) {
	t.Helper()
	const share = 0.95
	for _, property := range slices.Sorted(maps.Keys(s)) {
		held, tried := s[property][0], s[property][1]
		t.Logf("%-40s %-75s %5d of %5d", of, property, held, tried)
		if property[:4] == "hard" {
			assert.Equal(t, tried, held, "%s: %s", of, property)
			continue
		}
		assert.GreaterOrEqual(t, float64(held), share*float64(tried), "%s: %s", of, property)
	}
}
