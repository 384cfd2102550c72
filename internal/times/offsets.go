package times

import (
	"regexp"
	"strconv"
	"sync"
	"time"
)

// offsetForm matches "+02:00", "UTC+2", "GMT -5", "Etc/GMT+5", "−0330".
var offsetForm = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(etc/)?(utc|gmt)?_?([-+−])?_?(\d{1,2})(?::?(\d{2}))?$`)
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
	isWest := m[3] == "-" || m[3] == "−"
	isPOSIX := m[1] != "" // Etc/GMT+5 is five hours west (the file "etcetera" of tzdata)
	if isWest != isPOSIX {
		seconds = -seconds
	}
	return seconds, true
}

func refuseOffset(name string, seconds int) *ZoneError {
	const fault = "is an offset, and an offset cannot know summer time"
	if seconds == 0 {
		return refusal(name, fault, []string{"UTC"}, utcOrLondon)
	}
	winter, summer := citiesAt(seconds)
	switch {
	case winter == "" && summer == "":
		return refusal(name, fault, nil, "name a city, such as Europe/Berlin")
	case winter == "":
		return refusal(name, fault, []string{summer}, "name a city, such as "+summer+" in summer")
	case summer == "":
		return refusal(name, fault, []string{winter}, "name a city, such as "+winter)
	}
	return refusal(name, fault, []string{winter}, "name a city, such as "+winter+", or "+summer+" in summer")
}

// citiesAt are examples for an offset: the first well-known city that has it as its standard
// time, and the first that has it in summer only; "" for none. Which is meant depends on the
// season, so both are told. One year serves for all, since the answer must not depend on the day.
func citiesAt(seconds int) (winter, summer string) {
	for _, name := range wellKnown {
		low, high := yearOffsets(name)
		if winter == "" && low == seconds {
			winter = name
		}
		if summer == "" && high == seconds && low != high {
			summer = name
		}
	}
	return winter, summer
}

// yearOffsets are the smaller and the larger offset of a well-known zone in one year.
func yearOffsets(name string) (low, high int) {
	loc, err := load(name)
	if err != nil {
		return 0, 0
	}
	_, january := time.Date(2026, time.January, 1, 0, 0, 0, 0, loc).Zone()
	_, july := time.Date(2026, time.July, 1, 0, 0, 0, 0, loc).Zone()
	return min(january, july), max(january, july)
}
