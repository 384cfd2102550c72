package slots

import (
	"cmp"
	"slices"
	"time"

	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// Pick chooses at most n of the candidates to offer, none overlapping another,
// spread over days and times of day as loc tells them, in order of time. The
// same candidates give the same choice. more tells whether further candidates
// would fit beside the chosen ones.
//
// Vennio's candidates overlap one another by design (vennio-api.md,
// Availability: slot_interval), so an answer must be thinned before a person
// sees it.
func Pick(candidates []vennioclient.Slot, n int, loc *time.Location) (chosen []vennioclient.Slot, more bool) {
	rest := make([]candidate, len(candidates))
	for i, s := range candidates {
		rest[i] = candidate{s, places(s.Start, loc)}
	}
	slices.SortStableFunc(rest, func(a, b candidate) int { return a.Start.Compare(b.Start) })
	used := map[place]int{}
	for len(rest) > 0 && len(chosen) < n {
		best := slices.MinFunc(rest, func(a, b candidate) int {
			return cmp.Or(cmp.Compare(used[a.at[0]], used[b.at[0]]), cmp.Compare(used[a.at[1]], used[b.at[1]]))
		})
		chosen = append(chosen, best.Slot)
		for _, p := range best.at {
			used[p]++
		}
		rest = slices.DeleteFunc(rest, func(c candidate) bool { return overlap(c.Slot, best.Slot) })
	}
	slices.SortFunc(chosen, func(a, b vennioclient.Slot) int { return a.Start.Compare(b.Start) })
	return chosen, len(rest) > 0
}

type candidate struct {
	vennioclient.Slot
	at [2]place
}

func overlap(a, b vennioclient.Slot) bool { return a.Start.Before(b.End) && b.Start.Before(a.End) }

// place is a day or a part of the day.
type place struct{ day, part int }

func places(t time.Time, loc *time.Location) [2]place {
	local := t.In(loc)
	const noon, evening = 12, 17
	part := 1
	switch {
	case local.Hour() >= evening:
		part = 3
	case local.Hour() >= noon:
		part = 2
	}
	return [2]place{{day: local.Year()*400 + local.YearDay()}, {part: part}}
}

// Nearest chooses at most n of the candidates, none overlapping another, those
// that start closest to wanted first; of equals the earlier.
func Nearest(candidates []vennioclient.Slot, n int, wanted time.Time) (chosen []vennioclient.Slot) {
	rest := slices.Clone(candidates)
	for len(rest) > 0 && len(chosen) < n {
		best := slices.MinFunc(rest, func(a, b vennioclient.Slot) int {
			return cmp.Or(cmp.Compare(a.Start.Sub(wanted).Abs(), b.Start.Sub(wanted).Abs()), a.Start.Compare(b.Start))
		})
		chosen, rest = append(chosen, best), without(rest, best)
	}
	return chosen
}

// without drops all that overlaps taken, itself included.
func without(all []vennioclient.Slot, taken vennioclient.Slot) []vennioclient.Slot {
	return slices.DeleteFunc(all, func(s vennioclient.Slot) bool {
		return s.Start.Before(taken.End) && taken.Start.Before(s.End)
	})
}
