package times

import (
	"cmp"
	_ "embed"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// Names that are not IANA zones, one per line with the zones that may be meant, likeliest first.
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

// zoneName is what a name, or a part of it, is known to mean.
type zoneName struct {
	fault string   // what is wrong with the name as a zone
	zones []string // the zones to suggest when nothing else is said, likeliest first
	all   []string // of a clock such as Mountain Time: every zone that has it
	// cities are all cities of that name, also the small ones.
	cities []*city
	areas  []*area // that are so called
	unsure bool    // the name is not as written
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
		return zoneName{fault: isWindowsName, zones: zones[:1], all: union(slices.Clone(zones), family(key))}, true
	}
	if exact, ok := zonesByFold()[fold(name)]; ok {
		return zoneName{fault: notIANA, zones: []string{exact}, all: []string{exact}}, true
	}
	cities := gazetteer().cities[key]
	if zones := nicknames()[key]; zones != nil {
		return zoneName{fault: notIANA, zones: zones, all: union(slices.Clone(zones), family(key)), cities: cities}, true
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

// isDirection reports whether a name says only where something lies, such as Northern or Gulf: some
// provinces are so called, which nobody means who does not name the country too.
func isDirection(key string) bool {
	for word := range strings.FieldsSeq(key) {
		if !slices.Contains(directions, word) {
			return false
		}
	}
	return key != ""
}

var directions = strings.Fields("north south east west northern southern eastern western central centre center upper lower middle " +
	"northeast northwest southeast southwest north-east north-west south-east south-west coast coastal gulf highlands midlands islands island capital lake river valley region")

// family are the zones of all Windows names that differ by a territory or a prefix only: "US
// Mountain Standard Time" and "Mountain Standard Time (Mexico)" are Mountain Time as well.
func family(key string) []string {
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

// resolve finds what people write for a zone: "London", "Asia/Beijing", "Paris, TX", "EST (New
// York)", "Eastern Time (US & Canada)". A part that qualifies another is never ignored: a zone that
// contradicts it is not suggested, and where it is not understood, nothing is.
func resolve(name string) (zoneName, bool) {
	if r, ok := readName(name); ok {
		return r, true
	}
	p := splitName(name)
	if len(name) > maxNameBytes || len(p.notes) > maxNotes { // bounds the work
		return zoneName{}, false
	}
	if len(p.notes) == 0 && p.continent == "" {
		return p.withoutSeparators()
	}
	r, known := readName(p.head)
	if p.continent != "" {
		r, known = r.on(p.continent)
	}
	var within []*area
	var clocks []string
	for _, note := range p.notes {
		found, clock := areasOf(note), isClock(note)
		switch {
		case len(found) > 0 && (!clock || r.isIn(found)): // ET is a clock and a code of Ethiopia
			within = narrow(within, found)
		case clock && known:
			clocks = append(clocks, note)
		default:
			return zoneName{}, false
		}
	}
	r = r.in(within)
	for _, note := range clocks {
		r.zones = slices.DeleteFunc(slices.Clone(r.zones), func(zone string) bool { return !agrees(zone, note) })
	}
	return r, len(r.zones) > 0
}

// nameParts are the pieces of a name: "Mountain Time (Arizona)" is a head and a note.
type nameParts struct {
	continent string // of the tz database: "America"
	head      string
	notes     []string
}

// offsetFirst matches the form of Windows, "(UTC-05:00) Eastern Time (US & Canada)".
var offsetFirst = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)^\s*\(?((?:utc|gmt)\s*[-+−]\s*\d{1,2}(?::?\d{2})?)\)?[\s,:;]+(.*\pL.*)$`)
})

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
			r = r.in(areas)
			return r, len(r.zones) > 0
		}
	}
	return zoneName{}, false
}

// areasOf are the areas that a note may mean: a country or a province, several of them ("US &
// Canada"), otherwise a city.
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

// narrow keeps what two notes have in common, "Ontario, Canada"; where that is nothing, the first.
func narrow(within, more []*area) []*area {
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

// isClock reports whether a note says what the clocks show: an offset, an abbreviation or the
// name of a clock.
func isClock(note string) bool {
	if _, isOffset := bareOffset(note); isOffset {
		return true
	}
	r, known := readName(note)
	isCountry := gazetteer().areas[placeKey(note)] != nil && r.fault == notIANA // Cuba is a zone as well
	return known && len(r.cities) == 0 && len(r.all) > 0 && !isCountry
}

// agrees reports whether the clocks of a zone show what the note says, in winter or in summer.
func agrees(zone, note string) bool {
	if seconds, isOffset := bareOffset(note); isOffset {
		low, high := yearOffsets(zone)
		return seconds == low || seconds == high
	}
	r, _ := readName(note)
	return slices.ContainsFunc(r.zones, func(other string) bool { return sameClock(zone, other) })
}

// on keeps the zones of a continent of the tz database. A large city that is elsewhere is kept as
// a guess: "Europe/Tokyo".
func (r zoneName) on(continent string) (zoneName, bool) {
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

// isIn reports whether a city of that name, or a zone of that clock, is in one of the areas.
func (r zoneName) isIn(areas []*area) bool {
	for _, a := range areas {
		for _, c := range a.cities {
			if slices.Contains(r.cities, c) || slices.Contains(r.all, c.zone) {
				return true
			}
		}
	}
	return false
}

// in are the zones of that name in the areas: those of its cities there, those with its clock, those
// of its areas there, and where there are none of these, those of the areas.
func (r zoneName) in(areas []*area) zoneName {
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
	if r.fault == "" {
		r.fault = notIANA
	}
	return r
}
