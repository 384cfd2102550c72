package times

import (
	"cmp"
	_ "embed"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/vennio-mcp/vennio-mcp/internal/lazyregexp"
)

// The cities and countries of the world with their zones; .ci/programs/timestables names the source.
var (
	//go:embed cities.txt
	citiesText string
	//go:embed countries.txt
	countriesText string
	// Other names of countries and of provinces, such as UK and TX.
	//go:embed areas.txt
	areasText string
)

// If one name denotes several places, or an area has several zones, places with few inhabitants are
// omitted: "London" does not suggest London, Kentucky.
const (
	minNamesake = 20 // keep places with at least 1/20 of the people of the largest one
	minShare    = 50 // keep zones with at least 1/50 of the people of the area
)

const largeCity = 500 // thousand people: such cities are suggested for misspelt names

// city is a row of cities.txt.
type city struct {
	country, province, zone string
	people                  int // in thousands, plus one so that no city counts as zero
}

// area is a country or a province with its cities.
type area struct {
	// isLoose is set if a city outside the area may still be meant: the table lists Hong Kong and Cayenne
	// as countries and not as cities of China and France.
	isLoose bool
	cities  []*city
}

// placeIndex finds cities and areas by their [placeKey].
type placeIndex struct {
	cities map[string][]*city
	areas  map[string][]*area // several where a name or a code has several meanings: Georgia, CA
}

var gazetteer = sync.OnceValue(func() *placeIndex {
	a := &placeIndex{cities: map[string][]*city{}, areas: map[string][]*area{}}
	byCode := map[string]*area{} // "US", "US/texas"
	for line := range strings.Lines(citiesText) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(fields) < 5 {
			continue
		}
		people, _ := strconv.Atoi(fields[4])
		c := &city{country: fields[1], province: placeKey(fields[2]), zone: fields[3], people: people + 1}
		key := placeKey(fields[0])
		a.cities[key] = append(a.cities[key], c)
		for _, code := range []string{c.country, c.country + "/" + c.province} {
			if byCode[code] == nil {
				byCode[code] = &area{isLoose: code == c.country}
			}
			byCode[code].cities = append(byCode[code].cities, c)
		}
	}
	for _, code := range slices.Sorted(maps.Keys(byCode)) {
		_, province, _ := strings.Cut(code, "/")
		a.addArea(cmp.Or(province, placeKey(code)), byCode[code])
	}
	for line := range strings.Lines(countriesText + areasText) {
		if name, code, ok := strings.Cut(strings.TrimSpace(line), " = "); ok {
			country, province, isProvince := strings.Cut(code, "/")
			if isProvince {
				code = country + "/" + placeKey(province)
			}
			a.addArea(placeKey(name), byCode[code])
		}
	}
	for _, meanings := range a.areas { // "Paris, CA" is more likely in California than in Canada
		slices.SortStableFunc(meanings, func(x, y *area) int {
			switch {
			case x.isLoose == y.isLoose:
				return 0
			case x.isLoose:
				return 1
			default:
				return -1
			}
		})
	}
	a.addZoneCities()
	return a
})

func (a *placeIndex) addArea(key string, found *area) {
	if found != nil && key != "" && !slices.Contains(a.areas[key], found) {
		a.areas[key] = append(a.areas[key], found)
	}
}

// addZoneCities adds cities that give a zone its name if the table lacks them or only has namesakes in
// other zones. They get as many people as the largest namesake.
func (a *placeIndex) addZoneCities() {
	for _, name := range rankedZones() {
		key := placeKey(City(name))
		isThere := func(c *city) bool { return sameClock(c.zone, name) }
		known := slices.ContainsFunc(a.cities[key], isThere)
		for _, p := range a.areas[key] { // Australia/Victoria
			known = known || slices.ContainsFunc(p.cities, isThere)
		}
		if known || !inContinent(name) {
			continue
		}
		most := 1
		for _, c := range a.cities[key] {
			most = max(most, c.people)
		}
		a.cities[key] = append(a.cities[key], &city{zone: name, people: most})
	}
}

// inContinent reports whether the last part of a zone name is a place. It is not in US/Eastern.
func inContinent(name string) bool {
	area, rest, _ := strings.Cut(name, "/")
	isDirection := area == "Australia" && slices.Contains([]string{"North", "South", "West"}, rest)
	return continent(area) == area && !isDirection
}

// continent returns the area of the tz database with that name, ignoring case, or "".
func continent(name string) string {
	for _, area := range []string{
		"Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific",
	} {
		if strings.EqualFold(strings.TrimSpace(name), area) {
			return area
		}
	}
	return ""
}

// named returns the zones of all places with that name, by number of people.
func (a *placeIndex) named(key string) []string {
	var cities []*area
	for _, c := range a.cities[key] {
		cities = append(cities, &area{cities: []*city{c}})
	}
	// Cities are only compared with cities: next to the state of Victoria every city of that name is small.
	cities = withoutSmall(cities)
	places := withoutSmall(append(slices.Clone(a.areas[key]), cities...))
	places = append(places, slices.DeleteFunc(cities, func(p *area) bool { return slices.Contains(places, p) })...)
	slices.SortStableFunc(places, func(x, y *area) int { return cmp.Compare(y.people(), x.people()) })
	var zones []string
	for _, p := range places {
		zones = union(zones, p.zones())
	}
	return zones
}

func withoutSmall(places []*area) []*area {
	most := 0
	for _, p := range places {
		most = max(most, p.people())
	}
	return slices.DeleteFunc(slices.Clone(places), func(p *area) bool { return p.people()*minNamesake < most })
}

func (p *area) people() int {
	sum := 0
	for _, c := range p.cities {
		sum += c.people
	}
	return sum
}

// zones returns the zones of the area by number of people, one for each distinct clock.
func (p *area) zones() []string {
	people := map[string]int{}
	for _, c := range p.cities {
		people[c.zone] += c.people
	}
	names := slices.SortedFunc(maps.Keys(people), func(x, y string) int {
		return cmp.Or(cmp.Compare(people[y], people[x]), cmp.Compare(x, y))
	})
	var zones []string
	for _, name := range names {
		isKnown := slices.ContainsFunc(zones, func(z string) bool { return sameClock(z, name) })
		if !isKnown && people[name]*minShare >= p.people() {
			zones = append(zones, name)
		}
	}
	return zones
}

// within returns the part of the area whose cities meet the condition.
func (p *area) within(meets func(*city) bool) *area {
	part := &area{isLoose: p.isLoose}
	for _, c := range p.cities {
		if meets(c) {
			part.cities = append(part.cities, c)
		}
	}
	return part
}

// peopleIn maps each zone to its people in the table, in thousands.
var peopleIn = sync.OnceValue(func() map[string]int {
	people := map[string]int{}
	for _, cities := range gazetteer().cities {
		for _, c := range cities {
			people[c.zone] += c.people
		}
	}
	return people
})

// union appends the zones that are not in the list yet.
func union(zones, more []string) []string {
	for _, name := range more {
		if !slices.Contains(zones, name) {
			zones = append(zones, name)
		}
	}
	return zones
}

// letters maps letters without a Unicode decomposition to their usual ASCII spelling.
var letters = strings.NewReplacer("ø", "o", "ł", "l", "đ", "d", "ß", "ss", "æ", "ae", "ı", "i", "_", " ", ".", " ", "’", "'")

// placeKey normalizes names of places for comparison: "St. Petersburg" and "saint petersburg" have the same key.
func placeKey(s string) string {
	var b strings.Builder
	for _, r := range norm.NFD.String(letters.Replace(strings.ToLower(s))) {
		if !unicode.Is(unicode.Mn, r) {
			b.WriteRune(r)
		}
	}
	key := strings.Join(strings.Fields(b.String()), " ")
	if rest, ok := strings.CutPrefix(key, "saint "); ok {
		return "st " + rest
	}
	return key
}

// Names that are not IANA zones, one per line with the zones they may denote, most likely first.
var (
	//go:embed abbreviations.txt
	abbreviationsText string
	// All Windows names: the zone that CLDR gives for each, then those of its territories.
	//go:embed windows.txt
	windowsText string
	// Nicknames of places and spelt-out names of zones.
	//go:embed places.txt
	placesText string
)

var (
	abbreviations = sync.OnceValue(func() map[string][]string { return aliases(abbreviationsText) })
	windowsNames  = sync.OnceValue(func() map[string][]string { return aliases(windowsText) })
	nicknames     = sync.OnceValue(func() map[string][]string { return aliases(placesText) })
)

func aliases(text string) map[string][]string {
	table := map[string][]string{}
	for line := range strings.Lines(text) {
		if alias, zones, ok := strings.Cut(line, " = "); ok {
			table[placeKey(alias)] = strings.Fields(zones)
		}
	}
	return table
}

// zoneName is the meaning of a name or of a part of it.
type zoneName struct {
	fault string   // what is wrong with the name as a zone
	zones []string // the zones to suggest without a qualifier, most likely first
	all   []string // for a clock such as Mountain Time: every zone that has it
	// cities are all cities with that name, including small ones.
	cities []*city
	areas  []*area // areas with that name
	unsure bool    // the meaning is a guess
}

const (
	isAbbreviation = "is an abbreviation, not an IANA zone"
	isWindowsName  = "is a Windows name, not an IANA zone"
)

// readName looks a name up as a whole.
func readName(name string) (zoneName, bool) {
	key := placeKey(name)
	if zones := abbreviations()[key]; zones != nil {
		return zoneName{fault: isAbbreviation, zones: zones, all: zones}, true
	}
	if zones := windowsNames()[key]; zones != nil {
		return zoneName{fault: isWindowsName, zones: zones[:1], all: union(slices.Clone(zones), relatedWindowsZones(key))}, true
	}
	if exact, ok := zonesByFold()[fold(name)]; ok {
		return zoneName{fault: notIANA, zones: []string{exact}, all: []string{exact}}, true
	}
	cities := gazetteer().cities[key]
	if zones := nicknames()[key]; zones != nil {
		return zoneName{fault: notIANA, zones: zones, all: union(slices.Clone(zones), relatedWindowsZones(key)), cities: cities}, true
	}
	if isDirection(key) {
		return zoneName{}, false
	}
	if isCode := len(key) == 2 && key != "us" && key != "uk"; isCode { // "no" and "am" are not Norway and Armenia
		return zoneName{}, false
	}
	zones := gazetteer().named(key)
	return zoneName{fault: notIANA, zones: zones, cities: cities, areas: gazetteer().areas[key]}, zones != nil
}

// isDirection reports whether a name consists of directions such as Northern or Gulf. Some provinces have
// such names, but they are only meant if the country is named too.
func isDirection(key string) bool {
	return key != "" && !slices.ContainsFunc(strings.Fields(key), func(word string) bool { return !slices.Contains(directions, word) })
}

var directions = strings.Fields("north south east west northern southern eastern western central centre center upper lower middle " +
	"northeast northwest southeast southwest north-east north-west south-east south-west coast coastal gulf highlands midlands islands island capital lake river valley region")

// relatedWindowsZones returns the zones of all Windows names that only differ in territory or prefix: "US
// Mountain Standard Time" and "Mountain Standard Time (Mexico)" are Mountain Time too.
func relatedWindowsZones(key string) []string {
	stem, isTime := strings.CutSuffix(key, " time")
	if !isTime {
		return nil
	}
	stem = strings.TrimSuffix(strings.TrimSuffix(stem, " standard"), " daylight") + " standard time"
	var zones []string
	for name, all := range windowsNames() {
		if strings.Contains(name, stem) {
			zones = union(zones, all)
		}
	}
	return zones
}

const (
	maxNameBytes = 200
	maxNotes     = 8
)

// resolve interprets informal names of zones: "London", "Asia/Beijing", "Paris, TX", "EST (New York)",
// "Eastern Time (US & Canada)". Qualifiers are never ignored: a zone that contradicts one is not suggested,
// and if one is unknown, no zone is.
func resolve(name string) (zoneName, bool) {
	if r, ok := readName(name); ok {
		return r, true
	}
	p := splitName(name)
	if len(name) > maxNameBytes || len(p.notes) > maxNotes { // limits the work
		return zoneName{}, false
	}
	if len(p.notes) == 0 && p.continent == "" {
		return p.withoutSeparators()
	}
	r, known := readName(p.head)
	if p.continent != "" {
		r, known = r.onContinent(p.continent)
	}
	var within []*area
	var clocks []string
	for _, note := range p.notes {
		found, clock := areasOf(note), isClock(note)
		switch {
		case len(found) > 0 && (!clock || r.isIn(found)): // ET is a clock and a code of Ethiopia
			within = intersectAreas(within, found)
		case clock && known:
			clocks = append(clocks, note)
		default:
			return zoneName{}, false
		}
	}
	r = r.inAreas(within)
	for _, note := range clocks {
		r.zones = slices.DeleteFunc(slices.Clone(r.zones), func(zone string) bool { return !agrees(zone, note) })
	}
	return r, len(r.zones) > 0
}

// nameParts are the parts of a name: "Mountain Time (Arizona)" has a head and one note.
type nameParts struct {
	continent string // of the tz database: "America"
	head      string
	notes     []string
}

// offsetFirst matches the format of Windows, "(UTC-05:00) Eastern Time (US & Canada)".
var offsetFirst = lazyregexp.New(`(?i)^\s*\(?((?:utc|gmt)\s*[-+−]\s*\d{1,2}(?::?\d{2})?)\)?[\s,:;]+(.*\pL.*)$`)

var separators = strings.NewReplacer("(", ",", ")", ",", ";", ",", " - ", ",", " – ", ",")

func splitName(name string) nameParts {
	var p nameParts
	if m := offsetFirst().FindStringSubmatch(name); m != nil {
		p.notes, name = append(p.notes, m[1]), m[2]
	}
	for piece := range strings.SplitSeq(separators.Replace(name), ",") {
		piece = strings.TrimSpace(piece)
		switch {
		case piece == "":
		case p.head == "":
			p.head = piece
		default:
			p.notes = append(p.notes, piece)
		}
	}
	if _, isZone := zonesByFold()[fold(p.head)]; isZone {
		return p
	}
	folders := strings.Split(p.head, "/")
	last := len(folders) - 1
	p.head = strings.TrimSpace(folders[last])
	for i, folder := range folders[:last] {
		if area, isFirst := continent(folder), i == 0; isFirst && area != "" {
			p.continent = area
			continue
		}
		p.notes = append(p.notes, folder)
	}
	return p
}

// withoutSeparators reads "Paris TX" and "London time".
func (p nameParts) withoutSeparators() (zoneName, bool) {
	words := strings.Fields(strings.ReplaceAll(p.head, "_", " "))
	if n := len(words) - 1; n > 0 && strings.EqualFold(words[n], "time") {
		if r, ok := readName(strings.Join(words[:n], " ")); ok {
			return r, true
		}
	}
	for i := 1; i < len(words); i++ {
		first, last := strings.Join(words[:i], " "), strings.Join(words[i:], " ")
		if isDirection(placeKey(last)) {
			first, last = last, first // "USA Eastern" is "Eastern USA"
		}
		areas := gazetteer().areas[placeKey(last)]
		if r, known := readName(first); known && len(areas) > 0 {
			r = r.inAreas(areas)
			return r, len(r.zones) > 0
		}
	}
	return zoneName{}, false
}

// areasOf returns the areas that a note may denote: a country, a province, several of them ("US & Canada"),
// or else a city.
func areasOf(note string) []*area {
	if areas := gazetteer().areas[placeKey(note)]; areas != nil {
		return areas
	}
	var areas []*area
	for part := range strings.SplitSeq(strings.ReplaceAll(note, " and ", "&"), "&") {
		areas = append(areas, gazetteer().areas[placeKey(part)]...)
	}
	if areas != nil {
		return areas
	}
	for _, c := range gazetteer().cities[placeKey(note)] {
		areas = append(areas, &area{isLoose: true, cities: []*city{c}})
	}
	return withoutSmall(areas)
}

// intersectAreas returns the cities common to two notes ("Ontario, Canada"), or the first areas if there are none.
func intersectAreas(within, more []*area) []*area {
	if within == nil {
		return more
	}
	var common []*area
	for _, a := range within {
		for _, b := range more {
			both := a.within(func(c *city) bool { return slices.Contains(b.cities, c) })
			if len(both.cities) > 0 {
				common = append(common, both)
			}
		}
	}
	if common == nil {
		return within
	}
	return common
}

// isClock reports whether a note is an offset, an abbreviation or the name of a clock.
func isClock(note string) bool {
	if _, isOffset := bareOffset(note); isOffset {
		return true
	}
	r, known := readName(note)
	isCountry := gazetteer().areas[placeKey(note)] != nil && r.fault == notIANA // Cuba is a zone as well
	return known && len(r.cities) == 0 && len(r.all) > 0 && !isCountry
}

// agrees reports whether a zone has the clock that the note names, in winter or in summer.
func agrees(zone, note string) bool {
	if seconds, isOffset := bareOffset(note); isOffset {
		low, high := yearOffsets(zone)
		return seconds == low || seconds == high
	}
	r, _ := readName(note)
	return slices.ContainsFunc(r.zones, func(other string) bool { return sameClock(zone, other) })
}

// onContinent keeps the zones on a continent of the tz database. A large city on another continent is kept
// as a guess: "Europe/Tokyo".
func (r zoneName) onContinent(continent string) (zoneName, bool) {
	elsewhere := func(zone string) bool { return !strings.HasPrefix(zone, continent+"/") }
	there := r
	there.zones = nil
	for _, c := range slices.SortedStableFunc(slices.Values(r.cities), func(a, b *city) int { return cmp.Compare(b.people, a.people) }) {
		if !elsewhere(c.zone) {
			there.zones = union(there.zones, []string{c.zone})
		}
	}
	there.zones = union(there.zones, slices.DeleteFunc(slices.Clone(r.zones), elsewhere))
	there.all = slices.DeleteFunc(slices.Clone(r.all), elsewhere)
	there.cities = slices.DeleteFunc(slices.Clone(r.cities), func(c *city) bool { return elsewhere(c.zone) })
	if len(there.zones) > 0 {
		return there, true
	}
	if !slices.ContainsFunc(r.cities, func(c *city) bool { return c.people >= largeCity }) {
		return zoneName{}, false
	}
	r.unsure = true
	return r, true
}

// isIn reports whether one of the areas has a city with that name or a zone with that clock.
func (r zoneName) isIn(areas []*area) bool {
	return slices.ContainsFunc(areas, func(a *area) bool {
		return slices.ContainsFunc(a.cities, func(c *city) bool { return slices.Contains(r.cities, c) || slices.Contains(r.all, c.zone) })
	})
}

// inAreas returns the zones with that name in the areas: the zones of its cities, else those with its clock,
// else those of its own areas, else all zones of the areas.
func (r zoneName) inAreas(areas []*area) zoneName {
	if areas == nil {
		return r
	}
	var cities, clocks, common, all []string
	isLoose := true
	for _, a := range areas {
		cities = union(cities, a.within(func(c *city) bool { return slices.Contains(r.cities, c) }).zones())
		clocks = union(clocks, a.within(func(c *city) bool { return slices.Contains(r.all, c.zone) }).zones())
		for _, b := range r.areas {
			common = union(common, a.within(func(c *city) bool { return slices.Contains(b.cities, c) }).zones())
		}
		all = union(all, a.zones())
		isLoose = isLoose && a.isLoose
	}
	switch {
	case len(cities) > 0:
		r.zones = cities
	case len(clocks) > 0:
		r.zones = clocks
	case len(common) > 0: // "Georgia, USA"
		r.zones = common
	case isLoose && len(r.cities) > 0: // "London, Paris", "Hong Kong, China"
		r.zones = union(all, r.zones)
	default:
		r.zones = all
	}
	r.fault = cmp.Or(r.fault, notIANA)
	return r
}
