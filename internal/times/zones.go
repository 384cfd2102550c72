// Package times does calendar arithmetic so that the model does not have to.
//
// It has three parts. Every error text and label is part of the interface with the model:
//
//   - Zones. [Zone] accepts the names of the IANA time zone database and refuses everything
//     that only looks like one (abbreviations, offsets, cities, Windows names). The error names the
//     zone to use instead, or all candidates if the name is ambiguous; it never chooses one.
//     [Machine] determines the zone of a machine as the C library does.
//   - Windows. [ParseWindow] reads the span of a search from its two ends or from an English phrase.
//     The grammar is closed: its words are in lexicon.txt, its corpus in testdata/phrases.txt. Local
//     times that the clocks skip or show twice, and ambiguous phrases, are errors that list all
//     readings. The arguments that an error suggests are valid exactly as written.
//   - Labels. [Label] and related functions format instants for people, with weekday, year, zone and
//     offset.
//
// Nothing in this package reads the clock: callers pass the current time. Zone data comes from the
// machine or, if it has none, from the copy embedded in the program (time/tzdata).
package times

//go:generate go run -C ../../.ci/programs ./timestables ../../internal/times

import (
	"cmp"
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	_ "time/tzdata" // the zones must load on machines without time zone data

	"github.com/vennio-mcp/vennio-mcp/internal/lazyregexp"
)

//go:embed zones.txt
var zonesText string

var zoneNames = strings.Fields(zonesText)

// zonesByFold maps folded names (see fold) to the names of zones.
var zonesByFold = sync.OnceValue(func() map[string]string {
	byFold := make(map[string]string, len(zoneNames))
	for _, name := range zoneNames {
		byFold[fold(name)] = name
	}
	return byFold
})

// Zone returns the IANA zone with the given name. It corrects case and spaces ("america/new york");
// the location has the canonical name. For any other name it returns a [*ZoneError] that says what to
// send instead. Abbreviations and offsets are errors because they do not define summer time; "Local"
// and "" are errors because the server's zone is not the user's.
func Zone(name string) (*time.Location, error) { return ZoneNow(name, time.Time{}) }

// ZoneNow is like [Zone], except that its error for an offset also suggests cities that have the offset
// only at the time now.
func ZoneNow(name string, now time.Time) (*time.Location, error) {
	known, ok := name, false
	if _, ok = ZoneIndex(name); !ok {
		known, ok = zonesByFold()[fold(name)]
	}
	if !ok {
		return nil, zoneErrorFor(name, now)
	}
	loc, err := load(known)
	if err != nil {
		return nil, unknownZoneError(name)
	}
	return loc, nil
}

// Zones returns all names that [Zone] accepts, sorted: the names of places in the IANA database,
// including old names and links, and UTC with its names under Etc/.
func Zones() []string { return slices.Clone(zoneNames) }

// ZoneIndex returns the position of a canonical name in [Zones]. It is below 2048 and fits in 11 bits.
// Positions are only valid within one build of the program.
func ZoneIndex(name string) (int, bool) { return slices.BinarySearch(zoneNames, name) }

// ZoneAt returns the name at a position in [Zones].
func ZoneAt(i int) (string, bool) {
	if i < 0 || i >= len(zoneNames) {
		return "", false
	}
	return zoneNames[i], true
}

// loaded caches locations because time.LoadLocation reads and parses a file on each call.
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

// fold normalizes a name for comparison: "America / new  york" and "America/New_York" fold to the same text.
func fold(name string) string {
	spaced := strings.ReplaceAll(strings.ToLower(name), "_", " ")
	joined := strings.Join(strings.Fields(spaced), "_")
	return strings.ReplaceAll(strings.ReplaceAll(joined, "_/", "/"), "/_", "/")
}

// The most used zones, in the order in which they are suggested.
//
//go:embed known.txt
var knownText string

var wellKnown = strings.Fields(knownText)

// SuggestZones returns at most limit names of [Zones] whose full name or city begins with prefix, ignoring
// case ("lon" gives Europe/London). Well-known cities come first.
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

// rankedZones lists all zones in the order in which they are suggested: well-known ones first, then
// alphabetically, so that America/Kentucky/Louisville precedes its old name America/Louisville.
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

// ZoneError reports a name that is not an IANA zone. Its text is one sentence without a full stop,
// under 400 bytes, that says what to send instead.
type ZoneError struct {
	// Name is the name that was sent, cleaned and truncated for display.
	Name string
	// Candidates are the possible zones, most likely first. The zone is only certain if there is one
	// candidate and the text does not say "if that is meant".
	Candidates []string

	fault  string // what is wrong with the name
	advice string // what to send instead
}

// Error returns the sentence for the model.
func (e *ZoneError) Error() string {
	return fmt.Sprintf("timezone %s %s: %s", quote(e.Name), e.fault, e.advice)
}

const (
	nameOne       = "name an area and city, such as Europe/London or America/New_York"
	notIANA       = "is not an IANA zone"
	ifMeant       = " if that is meant"
	utcOrLondon   = "use UTC, which has no summer time, or Europe/London, which has"
	maxCandidates = 4
)

// zoneErrorFor returns the error for a name that is not in the list. The order of the checks matters:
// "GMT+1" is an offset and not a misspelt GMT. If now is zero, offsets apply to the whole year.
func zoneErrorFor(name string, now time.Time) *ZoneError {
	switch fold(name) {
	case "":
		return &ZoneError{fault: "is missing", advice: nameOne}
	case "local":
		return newZoneError(name, "means the server's own clock", nil, nameOne)
	}
	if seconds, ok := bareOffset(name); ok {
		return offsetError(name, seconds, now)
	}
	r, ok := resolve(name)
	if !ok {
		r = zoneName{fault: notIANA, zones: closestZones(name), unsure: true}
	}
	if len(r.zones) == 0 {
		return unknownZoneError(name)
	}
	zones := r.zones[:min(len(r.zones), maxCandidates)]
	return newZoneError(name, r.fault, zones, use(zones, r.unsure))
}

func unknownZoneError(name string) *ZoneError { return newZoneError(name, notIANA, nil, nameOne) }

func newZoneError(name, fault string, zones []string, advice string) *ZoneError {
	return &ZoneError{Name: cleanText(name), Candidates: slices.Clone(zones), fault: fault, advice: advice}
}

// use lists the zones to choose from. It never chooses between several.
func use(zones []string, unsure bool) string {
	last := len(zones) - 1
	switch {
	case last == 0 && unsure:
		return "use " + zones[0] + ifMeant
	case last == 0:
		return "use " + zones[0]
	case zones[0] == "UTC":
		return utcOrLondon
	default:
		return fmt.Sprintf("use %s or %s, whichever is meant", strings.Join(zones[:last], ", "), zones[last])
	}
}

// offsetForm matches "+02:00", "UTC+2", "GMT -5", "Etc/GMT+5", "−0330".
var offsetForm = lazyregexp.New(`^(etc/)?(utc|gmt)?_?([-+−–—])?_?(\d{1,2})(?::?(\d{2}))?$`)

// bareOffset parses a name that is only an offset. It returns seconds east of Greenwich.
func bareOffset(name string) (int, bool) {
	m := offsetForm().FindStringSubmatch(fold(name))
	if m == nil || m[2]+m[3] == "" {
		return 0, false
	}
	hours, _ := strconv.Atoi(m[4]) // the pattern allows one or two digits
	minutes, _ := strconv.Atoi("0" + m[5])
	seconds := hours*3600 + minutes*60
	isWest := m[3] != "" && m[3] != "+"
	isPOSIX := m[1] != "" // Etc/GMT+5 is five hours west (the file "etcetera" of tzdata)
	if isWest != isPOSIX {
		seconds = -seconds
	}
	return seconds, true
}

func offsetError(name string, seconds int, now time.Time) *ZoneError {
	const fault = "is an offset, and an offset cannot know summer time"
	if seconds == 0 {
		return newZoneError(name, fault, []string{"UTC", "Europe/London"}, utcOrLondon)
	}
	when := " now"
	if now.IsZero() {
		when = " all year"
	}
	zones := citiesAt(seconds, now)
	if len(zones) == 0 {
		return newZoneError(name, fault, nil, "no city has it"+when+", so name the area and city, separated by a slash")
	}
	return newZoneError(name, fault, zones, "name a city that has it"+when+", such as "+strings.Join(zones, " or "))
}

// citiesAt returns at most two examples of zones with an offset: the best-known city that has it now and the
// best-known city that has it all year. If now is zero, it only returns the latter.
func citiesAt(seconds int, now time.Time) (zones []string) {
	ranked := slices.SortedStableFunc(slices.Values(rankedZones()), func(a, b string) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(peopleIn()[b], peopleIn()[a]))
	})
	var atNow, always string
	for _, name := range ranked {
		low, high := yearOffsets(name)
		switch {
		case !inContinent(name):
		case always == "" && low == seconds && high == seconds:
			always = name
		case atNow == "" && low != high && !now.IsZero() && offsetAt(name, now) == seconds:
			atNow = name
		}
	}
	for _, name := range []string{atNow, always} {
		if name != "" {
			zones = append(zones, name)
		}
	}
	slices.SortStableFunc(zones, func(a, b string) int { return cmp.Compare(rank(a), rank(b)) })
	return zones
}

func offsetAt(name string, t time.Time) int {
	loc, err := load(name)
	if err != nil {
		return 0
	}
	_, seconds := t.In(loc).Zone()
	return seconds
}

// One day in the northern winter and one in the northern summer. The year is fixed so that results do not
// depend on the current date.
var (
	january = time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)
	july    = time.Date(2026, time.July, 1, 0, 0, 0, 0, time.UTC)
)

// yearOffsets returns the smaller and the larger offset of a zone in one year, in seconds.
func yearOffsets(name string) (low, high int) {
	winter, summer := offsetAt(name, january), offsetAt(name, july)
	return min(winter, summer), max(winter, summer)
}

// sameClock reports whether two zones have the same offsets in winter and in summer.
func sameClock(a, b string) bool {
	return a == b || offsetAt(a, january) == offsetAt(b, january) && offsetAt(a, july) == offsetAt(b, july)
}

// maxTypoLength limits the work in runes: no zone, city or country has a longer name.
const maxTypoLength = 48

// typoTargets lists all names that a misspelt name is compared with.
var typoTargets = sync.OnceValue(func() []spelling {
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

// closestZones returns the zones of the names with the smallest edit distance, or nil if no name is close
// enough. It does not guess if the name has a qualifier, as in "Londn, Ontario".
func closestZones(name string) []string {
	if utf8.RuneCountInString(name) > maxTypoLength {
		return nil
	}
	if zones := closestTo([]rune(placeKey(name))); zones != nil {
		return zones
	}
	if p := splitName(name); len(p.notes) == 0 && p.head != name {
		return closestTo([]rune(placeKey(p.head)))
	}
	return nil
}

func closestTo(typed []rune) []string {
	best, zones := maxTypos(len(typed)), []string(nil)
	for _, s := range typoTargets() {
		if d := len(s.name) - len(typed); d > best || -d > best {
			continue
		}
		switch d := EditDistance(typed, s.name); {
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

// oneOfEachClock drops zones with the same clock as an earlier one, such as Europe/Kiev after Europe/Kyiv.
func oneOfEachClock(zones []string) []string {
	var kept []string
	for _, name := range zones {
		if !slices.ContainsFunc(kept, func(other string) bool { return sameClock(name, other) }) {
			kept = append(kept, name)
		}
	}
	return kept
}

// maxTypos returns the greatest edit distance at which a name of that length is still recognized.
func maxTypos(length int) int {
	switch {
	case length < 5:
		return 0
	case length < 9:
		return 1
	default:
		return 2
	}
}

// EditDistance returns the optimal string alignment distance: the number of letters omitted, added, changed
// or swapped with a neighbour.
func EditDistance(a, b []rune) int {
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
