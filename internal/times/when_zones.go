package times

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Zones in a phrase: "3pm EST", "10am London time", "15:00 Europe/Berlin". They go into timezone, unless the clocks
// of the search show the same time.

// zoneForm is what the name of a zone or an offset begins with: "Europe/Berlin", "UTC+2".
var zoneForm = regexp.MustCompile(`^(?:[a-z_]+(?:/[a-z_]+)+|(?:utc|gmt) ?[+-] ?\d{1,2}(?::?\d\d)?)`)

// zoneAt is the zone that is named at the beginning of text.
func zoneAt(text string) string {
	name := zoneForm.FindString(text)
	if name == "" {
		return ""
	}
	if strings.ContainsAny(name, "+-") {
		return strings.ReplaceAll(name, " ", "")
	}
	if _, err := Zone(name); err != nil {
		return ""
	}
	return name
}

// sameClock tells whether the clocks of all the zones show the time of those of the calendar on the days that are meant.
func (r *reader) sameClock(zones []string, all []meaning) bool {
	for _, name := range zones {
		loc, err := Zone(name)
		if err != nil {
			return false
		}
		for _, m := range all {
			for _, d := range []date{m.first, m.last, m.last + 1} {
				if !sameTime(d.time(), r.loc, loc) {
					return false
				}
			}
		}
	}
	return len(zones) > 0
}

// sameTime tells whether a wall time is the same instants in both zones.
func sameTime(wall time.Time, a, b *time.Location) bool {
	return slices.EqualFunc(read(wall, a).at, read(wall, b).at, time.Time.Equal)
}

// zonesNamed are the zones that words beside a time may mean: "3pm EST", "10am London time".
func (r *reader) zonesNamed() []string {
	if !slices.ContainsFunc(r.parts, func(p part) bool { return len(p.hours) > 0 }) {
		return nil
	}
	name := strings.TrimSuffix(strings.Join(r.missed, " "), " time")
	short := map[string]string{
		"et": "EST", "eastern": "EST", "ct": "CST", "central": "CST", "mt": "MST", "mountain": "MST", "pt": "PST", "pacific": "PST", "uk": "London",
	}
	name = cmp.Or(short[name], name)
	if loc, err := Zone(name); err == nil && strings.Contains(name, "/") {
		return []string{loc.String()}
	}
	if e := refuse(name, r.now); !strings.HasSuffix(e.cure, ifMeant) {
		return e.Candidates
	}
	return nil
}
