package times

import (
	"cmp"
	"fmt"
	"regexp"
	"sync"
	"time"
)

const (
	dayForm    = `[A-Z][a-z]{2} \d{1,2} [A-Z][a-z]{2} \d{4}`
	clockForm  = `\d{2}:\d{2}(?::\d{2})?`
	utcForm    = `UTC(?:[-+]\d{1,2}(?::\d{2}){0,2})?`
	startForm  = `(?P<day>` + dayForm + `), (?P<clock>` + clockForm + `)(?: (?P<offset>` + utcForm + `))?`
	endForm    = `(?:(?P<endDay>` + dayForm + `), )?(?P<endClock>` + clockForm + `)(?: (?P<endOffset>` + utcForm + `))?`
	suffixForm = `\((?P<zone>[A-Za-z0-9_+/-]+)(?:, (?P<zoneOffset>` + utcForm + `))?\)`
)

var labelForm = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^` + startForm + ` ?– ?` + endForm + ` ` + suffixForm + `$`)
})

// ParseLabel reads the instants out of what [Label] wrote. Only such labels are read: one whose
// weekday, zone and offset do not belong together is an error. The instants are in the zone of
// the label.
func ParseLabel(s string) (start, end time.Time, err error) {
	m := labelForm().FindStringSubmatch(s)
	if m == nil {
		return start, end, fmt.Errorf("%s is not a label", quote(s))
	}
	part := func(name string) string { return m[labelForm().SubexpIndex(name)] }
	loc, err := Zone(part("zone"))
	if err != nil {
		return start, end, err
	}
	endDay, common := cmp.Or(part("endDay"), part("day")), cmp.Or(part("zoneOffset"), "UTC")
	start, errStart := instant(part("day"), part("clock"), cmp.Or(part("offset"), common))
	end, errEnd := instant(endDay, part("endClock"), cmp.Or(part("endOffset"), common))
	// Writing it again shows at once whether all parts agree with the zone.
	if errStart != nil || errEnd != nil || Label(start, end, loc) != s {
		return time.Time{}, time.Time{}, fmt.Errorf("%s is not a label of %s", quote(s), loc)
	}
	return start.In(loc), end.In(loc), nil
}

// instant undoes Day, Clock and Offset.
func instant(day, clock, offset string) (time.Time, error) {
	layout := dayLayout + " 15:04:05"
	if len(clock) == len("15:04") {
		layout = dayLayout + " 15:04"
	}
	local, err := time.Parse(layout, day+" "+clock)
	if err != nil {
		return time.Time{}, err
	}
	return local.Add(-offsetOf(offset)), nil
}

// offsetOf undoes Offset: the duration east of Greenwich that "UTC-3:30" tells.
func offsetOf(text string) time.Duration {
	var sign rune
	var hours, minutes, seconds int
	_, _ = fmt.Sscanf(text, "UTC%c%d:%d:%d", &sign, &hours, &minutes, &seconds) // absent parts stay zero
	d := time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute + time.Duration(seconds)*time.Second
	if sign == '-' {
		return -d
	}
	return d
}
