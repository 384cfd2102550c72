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

// spellings are all names that a typo can be near to.
var spellings = sync.OnceValue(func() []spelling {
	var list []spelling
	for _, name := range rankedZones() {
		list = append(list, spelling{[]rune(placeKey(name)), []string{name}})
	}
	a, keys := gazetteer(), map[string]bool{}
	for _, table := range []string{placesText, countriesText} {
		for key := range aliases(table) {
			keys[key] = true
		}
	}
	for key, cities := range a.cities {
		if slices.ContainsFunc(cities, func(c *city) bool { return c.country == "" || c.people >= largeCity }) {
			keys[key] = true
		}
	}
	for _, name := range rankedZones() {
		if inContinent(name) {
			keys[placeKey(City(name))] = true
		}
	}
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if r, ok := readName(key); ok {
			list = append(list, spelling{[]rune(key), r.zones})
		}
	}
	return list
})

type spelling struct {
	name  []rune
	zones []string
}

// nearest are the zones of the names that are fewest slips away, nil when none is near. What
// qualifies a name rules a guess out: "Londn, Ontario".
func nearest(name string) []string {
	if utf8.RuneCountInString(name) > longestTypo {
		return nil
	}
	if zones := nearestTo([]rune(placeKey(name))); zones != nil {
		return zones
	}
	if p := splitName(name); len(p.notes) == 0 && p.head != name {
		return nearestTo([]rune(placeKey(p.head)))
	}
	return nil
}

func nearestTo(typed []rune) []string {
	best, zones := maxSlips(len(typed)), []string(nil)
	for _, s := range spellings() {
		if d := len(s.name) - len(typed); d > best || -d > best {
			continue
		}
		switch d := slips(typed, s.name); {
		case d < best:
			best, zones = d, s.zones
		case d == best:
			zones = union(slices.Clone(zones), s.zones)
		}
	}
	zones = slices.Clone(zones)
	slices.SortStableFunc(zones, func(a, b string) int { return cmp.Compare(rank(a), rank(b)) })
	return oneOfEachClock(zones)
}

// oneOfEachClock drops old names: Europe/Kiev next to Europe/Kyiv.
func oneOfEachClock(zones []string) []string {
	var kept []string
	for _, name := range zones {
		if !slices.ContainsFunc(kept, func(other string) bool { return sameClock(name, other) }) {
			kept = append(kept, name)
		}
	}
	return kept
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
