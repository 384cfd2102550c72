package times

import (
	_ "embed"
	"strings"
	"sync"
)

// Names that are no zones, one a line with the zones that may be meant, likeliest first.
var (
	//go:embed abbreviations.txt
	abbreviationsText string
	// The commonest of the mapping windowsZones.xml of Unicode CLDR.
	//go:embed windows.txt
	windowsText string
	// Cities and countries that have no zone of their own name, and spelt-out zone names.
	//go:embed places.txt
	placesText string
)

var (
	abbreviations = sync.OnceValue(func() map[string][]string { return aliases(abbreviationsText) })
	windowsNames  = sync.OnceValue(func() map[string][]string { return aliases(windowsText) })
	places        = sync.OnceValue(placesAndCities)
)

func aliases(text string) map[string][]string {
	table := map[string][]string{}
	for line := range strings.Lines(text) {
		if alias, zones, ok := strings.Cut(line, "="); ok {
			table[placeKey(alias)] = strings.Fields(zones)
		}
	}
	return table
}

// placesAndCities adds the cities that IANA names, the better zone of each, to places.txt.
func placesAndCities() map[string][]string {
	table := aliases(placesText)
	for _, name := range rankedZones() {
		key := placeKey(City(name))
		if _, taken := table[key]; !taken && inContinent(name) {
			table[key] = []string{name}
		}
	}
	return table
}

// inContinent leaves out names whose last part is no city, such as US/Eastern.
func inContinent(name string) bool {
	area, _, _ := strings.Cut(name, "/")
	switch area {
	case "Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific":
		return true
	}
	return false
}

// lookUp finds what people write for a zone: "London", "Asia/Beijing", "Boston, MA", "EST (New York)".
func lookUp(table map[string][]string, name string) []string {
	for _, part := range parts(name) {
		if zones := table[placeKey(part)]; zones != nil {
			return zones
		}
	}
	return nil
}

// parts are the name and those pieces of it that may be what is meant, the likeliest first.
func parts(name string) []string {
	city := name[strings.LastIndex(name, "/")+1:]
	beforeNote, _, _ := strings.Cut(strings.ReplaceAll(city, "(", ","), ",")
	return []string{name, city, beforeNote}
}

// placeKey makes names of places comparable: "St. Petersburg", "st petersburg".
func placeKey(s string) string {
	spaced := strings.NewReplacer("_", " ", ".", " ").Replace(strings.ToLower(s))
	return strings.Join(strings.Fields(spaced), " ")
}
