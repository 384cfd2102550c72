package times

import (
	_ "embed"
	"slices"
	"strings"
	"sync"
	"time"

	_ "time/tzdata" // the zones must load on machines without time zone data
)

//go:embed zones.txt
var zonesText string

var zoneNames = strings.Fields(zonesText)

// zonesByFold finds a name however it is cased and spaced.
var zonesByFold = sync.OnceValue(func() map[string]string {
	byFold := make(map[string]string, len(zoneNames))
	for _, name := range zoneNames {
		byFold[fold(name)] = name
	}
	return byFold
})

// Zone returns the IANA zone of that name. It corrects case and spaces ("america/new york"), and
// the location carries the canonical spelling. Everything else is a [*ZoneError] which says what to
// send instead: abbreviations and bare offsets, because they cannot know summer time, and also
// "Local" and "", because the server's own zone is nobody's.
func Zone(name string) (*time.Location, error) { return ZoneNow(name, time.Time{}) }

// ZoneNow is [Zone]; for an offset its error names cities that have it at the time now, and not
// only those that have it all year.
func ZoneNow(name string, now time.Time) (*time.Location, error) {
	known, ok := name, false
	if _, ok = ZoneIndex(name); !ok {
		known, ok = zonesByFold()[fold(name)]
	}
	if !ok {
		return nil, refuse(name, now)
	}
	loc, err := load(known)
	if err != nil {
		return nil, unknown(name)
	}
	return loc, nil
}

// Zones are all names that [Zone] accepts, sorted: those of the IANA database that name a place
// (old names and links too), and UTC with its names under Etc/.
func Zones() []string { return slices.Clone(zoneNames) }

// ZoneIndex is the position of a canonical name in [Zones], below 2048 so that it fits 11 bits.
// Positions hold for one build of the program: a later list may shift them.
func ZoneIndex(name string) (int, bool) { return slices.BinarySearch(zoneNames, name) }

// ZoneAt is the name at a position in [Zones].
func ZoneAt(i int) (string, bool) {
	if i < 0 || i >= len(zoneNames) {
		return "", false
	}
	return zoneNames[i], true
}

// loaded keeps locations, since time.LoadLocation reads and parses a file each time.
var loaded sync.Map

func load(name string) (*time.Location, error) {
	if loc, ok := loaded.Load(name); ok {
		return loc.(*time.Location), nil
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		return nil, err
	}
	kept, _ := loaded.LoadOrStore(name, loc)
	return kept.(*time.Location), nil
}

// fold makes names comparable: "America / new  york" and "America/New_York" fold to one.
func fold(name string) string {
	spaced := strings.ReplaceAll(strings.ToLower(name), "_", " ")
	joined := strings.Join(strings.Fields(spaced), "_")
	return strings.ReplaceAll(strings.ReplaceAll(joined, "_/", "/"), "/_", "/")
}
