package times

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"unicode/utf8"
)

// longestTypo bounds the work: no zone, city or country has a longer name.
const longestTypo = 48

// spellings are all names that a typo can be near to, in the order in which to prefer them.
var spellings = sync.OnceValue(func() []spelling {
	var list []spelling
	for _, name := range rankedZones() {
		list = append(list, spelling{[]rune(placeKey(name)), []string{name}})
	}
	for _, key := range slices.Sorted(maps.Keys(places())) {
		list = append(list, spelling{[]rune(key), places()[key]})
	}
	slices.SortStableFunc(list, func(a, b spelling) int { return cmp.Compare(rank(a.zones[0]), rank(b.zones[0])) })
	return list
})

type spelling struct {
	name  []rune
	zones []string
}

// nearest are the zones of the name that is fewest slips away, nil when none is near.
func nearest(name string) []string {
	if utf8.RuneCountInString(name) > longestTypo {
		return nil
	}
	for _, part := range parts(name) {
		if zones := nearestTo([]rune(placeKey(part))); zones != nil {
			return zones
		}
	}
	return nil
}

func nearestTo(typed []rune) []string {
	best, zones := maxSlips(len(typed))+1, []string(nil)
	for _, s := range spellings() {
		if d := len(s.name) - len(typed); d >= best || -d >= best {
			continue
		}
		if d := slips(typed, s.name); d < best {
			best, zones = d, s.zones
		}
	}
	return zones
}

// maxSlips is how many slips a name of that length may hold and still be known.
func maxSlips(length int) int {
	switch {
	case length < 5:
		return 0
	case length < 9:
		return 1
	default:
		return 2
	}
}

// slips counts letters left out, added, changed or swapped with their neighbour
// (the optimal string alignment distance).
func slips(a, b []rune) int {
	var before []int
	last := make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range a {
		row := make([]int, len(b)+1)
		row[0] = i + 1
		for j := range b {
			changed := last[j]
			if a[i] != b[j] {
				changed++
			}
			row[j+1] = min(last[j+1]+1, row[j]+1, changed)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
