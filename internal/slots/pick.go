package slots

import (
	"cmp"
	"slices"
	"time"

	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

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
// Vennio's slots overlap one another by design (vennio-api.md, Availability:
// slot_interval), so an answer must be thinned before a person sees it.
func Pick(free []vennioclient.Slot, n int, w Wishes) (p Picked) {
	rest := w.candidates(free)
	if len(rest) == 0 {
		return p
	}
	earliest := rest[0].Start
	offered := map[string]int{} // by date, and by part of the day
	for len(rest) > 0 && len(p.Choices) < n {
		best := slices.MinFunc(rest, func(a, b candidate) int { return compare(a, b, offered) }) // of equals the first
		p.Choices = append(p.Choices, Choice{best.Slot, reason(best, offered, w.Any(), best.Start.Equal(earliest))})
		p.Missed = p.Missed || best.misses() > 0
		offered[best.date]++
		offered[best.part]++
		rest = slices.DeleteFunc(rest, func(c candidate) bool { return overlap(c.Slot, best.Slot) })
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

func compare(a, b candidate, offered map[string]int) int {
	return cmp.Or(
		cmp.Compare(night(a), night(b)),
		cmp.Compare(a.outside, b.outside),
		cmp.Compare(offered[a.date], offered[b.date]),
		cmp.Compare(offered[a.part], offered[b.part]),
	)
}

func night(c candidate) int {
	if c.night != nil {
		return 1
	}
	return 0
}

// reason says why c is offered, given what was offered before it.
func reason(c candidate, offered map[string]int, wished, earliest bool) string {
	var why string
	switch {
	case len(offered) > 0:
		why = place(c, offered)
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

func place(c candidate, offered map[string]int) string {
	why := "another day"
	if offered[c.date] > 0 {
		why = "also that day"
	}
	if offered[c.part] == 0 {
		why += ", " + c.part
	}
	return why
}

// Nearest chooses at most n of the candidates, none overlapping another, those
// that start closest to wanted first; of equals the earlier.
func Nearest(candidates []vennioclient.Slot, n int, wanted time.Time) (chosen []vennioclient.Slot) {
	rest := slices.Clone(candidates)
	for len(rest) > 0 && len(chosen) < n {
		best := slices.MinFunc(rest, func(a, b vennioclient.Slot) int {
			return cmp.Or(cmp.Compare(a.Start.Sub(wanted).Abs(), b.Start.Sub(wanted).Abs()), a.Start.Compare(b.Start))
		})
		chosen = append(chosen, best)
		rest = slices.DeleteFunc(rest, func(s vennioclient.Slot) bool { return overlap(s, best) })
	}
	return chosen
}

func overlap(a, b vennioclient.Slot) bool { return a.Start.Before(b.End) && b.Start.Before(a.End) }
