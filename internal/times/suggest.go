package times

import (
	"cmp"
	_ "embed"
	"slices"
	"strings"
	"sync"
)

// The zones that people name most, in the order in which to offer them.
//
//go:embed known.txt
var knownText string

var wellKnown = strings.Fields(knownText)

// SuggestZones completes what a person has typed: at most limit names of [Zones] whose name or
// city begins so, whatever the case ("lon" gives Europe/London), well-known cities first.
func SuggestZones(prefix string, limit int) []string {
	start, found := fold(prefix), []string{}
	for _, name := range rankedZones() {
		if len(found) >= limit {
			break
		}
		if strings.HasPrefix(fold(name), start) || strings.HasPrefix(fold(City(name)), start) {
			found = append(found, name)
		}
	}
	return found
}

// rankedZones are all zones in the order in which to offer them: well-known ones, then by the
// alphabet, which has America/Kentucky/Louisville before America/Louisville, its old name.
var rankedZones = sync.OnceValue(func() []string {
	return slices.SortedFunc(slices.Values(zoneNames), func(a, b string) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a, b))
	})
})

func rank(name string) int {
	if i := slices.Index(wellKnown, name); i >= 0 {
		return i
	}
	return len(wellKnown)
}
