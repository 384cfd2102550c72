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

// Places with few people are left out where one name stands for several places or an area has
// several zones, so that the answer stays useful: London is not the one in Kentucky.
const (
	minNamesake = 20 // at least 1/20 of the largest place of that name
	minShare    = 50 // at least 1/50 of the people of the area
)

const largeCity = 500 // thousand people: large enough to be guessed at

// city is a row of cities.txt.
type city struct {
	country, province, zone string
	people                  int // in thousands, and one more, so that every city counts
}

// area is a country or a province: the cities in it.
type area struct {
	// isLoose is set where a city that is not in the area may be meant all the same: the table has
	// Hong Kong and Cayenne as countries, and not as cities of China and France.
	isLoose bool
	cities  []*city
}

// atlas finds cities and areas by their [placeKey].
type atlas struct {
	cities map[string][]*city
	areas  map[string][]*area // several where a name or a code has several meanings: Georgia, CA
}

var gazetteer = sync.OnceValue(func() *atlas {
	a := &atlas{cities: map[string][]*city{}, areas: map[string][]*area{}}
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
	for _, meanings := range a.areas { // "Paris, CA" is rather in California than in Canada
		slices.SortStableFunc(meanings, func(x, y *area) int {
			return cmp.Compare(map[bool]int{true: 1}[x.isLoose], map[bool]int{true: 1}[y.isLoose])
		})
	}
	a.addZoneCities()
	return a
})

func (a *atlas) addArea(key string, found *area) {
	if found != nil && key != "" && !slices.Contains(a.areas[key], found) {
		a.areas[key] = append(a.areas[key], found)
	}
}

// addZoneCities adds the cities after which zones are named and which the table lacks or has
// elsewhere only. They count as much as the largest namesake.
func (a *atlas) addZoneCities() {
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

// inContinent is false for names whose last part is not a place, such as US/Eastern.
func inContinent(name string) bool {
	area, rest, _ := strings.Cut(name, "/")
	isDirection := area == "Australia" && slices.Contains([]string{"North", "South", "West"}, rest)
	return continent(area) == area && !isDirection
}

// continent is the area of the tz database that is so called, in any case; "" when there is none.
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

// named are the zones of all places of that name, the one with most people first.
func (a *atlas) named(key string) []string {
	var cities []*area
	for _, c := range a.cities[key] {
		cities = append(cities, &area{cities: []*city{c}})
	}
	// A city is compared with cities alone: next to the state of Victoria each of that name is small.
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

// zones are those of the area, one of each kind of clock, the one with most people first.
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

// within are the cities of the area that meet the condition.
func (p *area) within(meets func(*city) bool) *area {
	part := &area{isLoose: p.isLoose}
	for _, c := range p.cities {
		if meets(c) {
			part.cities = append(part.cities, c)
		}
	}
	return part
}

// peopleIn is how many thousands of people of the table live in each zone.
var peopleIn = sync.OnceValue(func() map[string]int {
	people := map[string]int{}
	for _, cities := range gazetteer().cities {
		for _, c := range cities {
			people[c.zone] += c.people
		}
	}
	return people
})

// union adds the zones that are not in the list.
func union(zones, more []string) []string {
	for _, name := range more {
		if !slices.Contains(zones, name) {
			zones = append(zones, name)
		}
	}
	return zones
}

// letters that have no decomposition in Unicode, as people write them in ASCII.
var letters = strings.NewReplacer("ø", "o", "ł", "l", "đ", "d", "ß", "ss", "æ", "ae", "ı", "i", "_", " ", ".", " ", "’", "'")

// placeKey makes names of places comparable: "St. Petersburg", "saint petersburg", "São Paulo".
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
