package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// windowsFile is windowsZones.json of CLDR: the IANA zones of each Windows name, by territory.
type windowsFile struct {
	Supplemental struct {
		WindowsZones struct {
			MapTimezones []struct {
				MapZone struct {
					Windows   string `json:"_other"`
					Zones     string `json:"_type"`
					Territory string `json:"_territory"`
				} `json:"mapZone"`
			} `json:"mapTimezones"`
		} `json:"windowsZones"`
	} `json:"supplemental"`
}

// aliasFile is timezone.json of CLDR: all names of each zone. CLDR keeps the oldest name as its
// own; the IANA name of today is marked where it differs.
type aliasFile struct {
	Keyword struct {
		U struct {
			Zones map[string]json.RawMessage `json:"tz"`
		} `json:"u"`
	} `json:"keyword"`
}

// zoneNames are the IANA name of today and the country of each zone, by every name of it. CLDR's
// keys begin with the code of the country.
type zoneNames struct{ canonical, country map[string]string }

func (f aliasFile) names() zoneNames {
	names := zoneNames{map[string]string{}, map[string]string{}}
	for key, raw := range f.Keyword.U.Zones {
		var zone struct {
			Names string `json:"_alias"`
			IANA  string `json:"_iana"`
		}
		if json.Unmarshal(raw, &zone) != nil { // the descriptions of the key itself are plain strings
			continue
		}
		all := strings.Fields(zone.Names)
		for _, name := range all {
			names.canonical[name] = cmp.Or(zone.IANA, all[0])
			names.country[name] = strings.ToUpper(key[:2])
		}
	}
	return names
}

// windowsTable has one line per Windows name: the zone that CLDR gives for it without a
// territory, then those of all territories.
func windowsTable(f windowsFile, names zoneNames) string {
	const anywhere = "001"
	first, rest := map[string]string{}, map[string][]string{}
	for _, entry := range f.Supplemental.WindowsZones.MapTimezones {
		zone := entry.MapZone
		for name := range strings.FieldsSeq(zone.Zones) {
			name = cmp.Or(names.canonical[name], name)
			switch {
			case !accepted(name):
			case zone.Territory == anywhere:
				first[zone.Windows] = name
			default:
				rest[zone.Windows] = append(rest[zone.Windows], name)
			}
		}
	}
	var b strings.Builder
	for _, windows := range slices.Sorted(maps.Keys(first)) {
		if first[windows] == "Etc/UTC" {
			continue // the Windows name UTC is an accepted name itself
		}
		zones := []string{first[windows]}
		for _, name := range rest[windows] {
			if !slices.Contains(zones, name) {
				zones = append(zones, name)
			}
		}
		fmt.Fprintf(&b, "%s = %s\n", windows, strings.Join(zones, " "))
	}
	return b.String()
}

// city is an entry of cityMap.json.
type city struct {
	Name     string          `json:"city_ascii"`
	Country  string          `json:"country"`
	Code     json.RawMessage `json:"iso2"` // a string, or a number where there is none
	Province string          `json:"province"`
	Zone     string          `json:"timezone"`
	People   float64         `json:"pop"`

	code string
}

// withoutCode are the countries for which the source has no ISO 3166 code.
var withoutCode = map[string]string{"Kosovo": "XK", "Somaliland": "SO"}

// cityTables are the lines of cities.txt (name, country code, province, zone and thousands of
// people, with tabs between) and of countries.txt (name and code).
func cityTables(cities []city, names zoneNames) (rows, countries string) {
	codes := map[string]map[string]int{} // by name, how many cities have each code
	for i := range cities {
		c := &cities[i]
		c.code = cmp.Or(withoutCode[c.Country], strings.Trim(string(c.Code), `"`))
		c.Zone = cmp.Or(names.canonical[c.Zone], c.Zone)
		if codes[c.Country] == nil {
			codes[c.Country] = map[string]int{}
		}
		codes[c.Country][c.code]++
	}
	cities = slices.DeleteFunc(cities, func(c city) bool { return c.Zone == "" })
	keepInCountry(cities, names.country)
	var lines []string
	for _, c := range cities {
		lines = append(lines, strings.Join([]string{c.Name, c.code, c.Province, c.Zone, fmt.Sprint(int(c.People / 1000))}, "\t")+"\n")
	}
	slices.Sort(lines)
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(codes)) {
		// The source has the overseas territories of France under that name, with separate codes.
		most := slices.MaxFunc(slices.Sorted(maps.Keys(codes[name])), func(a, b string) int { return cmp.Compare(codes[name][a], codes[name][b]) })
		fmt.Fprintf(&b, "%s = %s\n", name, most)
	}
	return strings.Join(slices.Compact(lines), ""), b.String()
}

// keepInCountry corrects cities at a border to which the source gives the zone of the neighbour
// country, such as Windsor, Ontario: they get the zone of the largest city of their province, or
// of their country, that has one of its own country.
func keepInCountry(cities []city, countryOf map[string]string) {
	isOwn := func(c city) bool { return countryOf[c.Zone] == c.code }
	largest := map[string]city{}
	for _, c := range cities {
		for _, place := range []string{c.code, c.code + "/" + c.Province} {
			if isOwn(c) && c.People >= largest[place].People {
				largest[place] = c
			}
		}
	}
	for i, c := range cities {
		if !isOwn(c) {
			cities[i].Zone = cmp.Or(largest[c.code+"/"+c.Province].Zone, largest[c.code].Zone, c.Zone)
		}
	}
}
