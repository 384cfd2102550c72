package slots

import (
	"cmp"
	"slices"

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
