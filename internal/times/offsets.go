package times

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// offsetForm matches "+02:00", "UTC+2", "GMT -5", "Etc/GMT+5", "−0330".
var offsetForm = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(etc/)?(utc|gmt)?_?([-+−–—])?_?(\d{1,2})(?::?(\d{2}))?$`)
})

// bareOffset reads a name that is only an offset, in seconds east of Greenwich.
func bareOffset(name string) (int, bool) {
	m := offsetForm().FindStringSubmatch(fold(name))
	if m == nil || m[2]+m[3] == "" {
		return 0, false
	}
	hours, _ := strconv.Atoi(m[4]) // one or two digits, by the form
	minutes, _ := strconv.Atoi("0" + m[5])
	seconds := hours*3600 + minutes*60
	isWest := m[3] != "" && m[3] != "+"
	isPOSIX := m[1] != "" // Etc/GMT+5 is five hours west (the file "etcetera" of tzdata)
	if isWest != isPOSIX {
		seconds = -seconds
	}
	return seconds, true
}

func refuseOffset(name string, seconds int, now time.Time) *ZoneError {
	const fault = "is an offset, and an offset cannot know summer time"
	if seconds == 0 {
		return refusal(name, fault, []string{"UTC", "Europe/London"}, utcOrLondon)
	}
	when := " now"
	if now.IsZero() {
		when = " all year"
	}
	zones := citiesAt(seconds, now)
	if len(zones) == 0 {
		return refusal(name, fault, nil, "no city has it"+when+", so name the area and city, separated by a slash")
	}
	return refusal(name, fault, zones, "name a city that has it"+when+", such as "+strings.Join(zones, " or "))
}

// citiesAt are at most two examples for an offset: the best-known city that has it now, and the
// best-known one that has it all year. When now is not given, only the latter is certain.
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

// midwinter and midsummer of the north. One year serves for all: the answer does not depend on the
// day.
var (
	january = time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)
	july    = time.Date(2026, time.July, 1, 0, 0, 0, 0, time.UTC)
)

// yearOffsets are the smaller and the larger offset of a zone in one year.
func yearOffsets(name string) (low, high int) {
	winter, summer := offsetAt(name, january), offsetAt(name, july)
	return min(winter, summer), max(winter, summer)
}

// sameClock reports whether two zones have the same offsets in winter and in summer.
func sameClock(a, b string) bool {
	return a == b || offsetAt(a, january) == offsetAt(b, january) && offsetAt(a, july) == offsetAt(b, july)
}
