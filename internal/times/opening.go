package times

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Opening is a weekly pattern of hours, such as the working hours of a host. The zero value has no
// hours; what that means is up to its user.
type Opening []openDays

// openDays are weekdays and the part of each, in minutes after local midnight.
type openDays struct {
	days     []time.Weekday
	from, to int
	text     string
}

const minutesOfDay = 24 * 60

// ParseOpening reads "mon-thu 09:00-17:00, fri 09:00-15:00, sat/sun 10:00-12:00".
func ParseOpening(s string) (all Opening, err error) {
	for part := range strings.SplitSeq(s, ",") {
		fields := strings.Fields(strings.ToLower(part))
		if len(fields) == 0 {
			continue
		}
		if len(fields) != 2 {
			return nil, badOpening(part)
		}
		days, ok := openOn(fields[0])
		from, to, also := openFrom(fields[1])
		if !ok || !also || from >= to {
			return nil, badOpening(part)
		}
		all = append(all, openDays{days, from, to, strings.Join(fields, " ")})
	}
	return all, nil
}

func badOpening(part string) error {
	return fmt.Errorf("%q: want weekdays and hours, such as mon-fri 09:00-17:00", strings.TrimSpace(part))
}

// openOn reads "mon", "mon-fri" or "mon/wed/fri".
func openOn(s string) (days []time.Weekday, ok bool) {
	for part := range strings.SplitSeq(s, "/") {
		first, last, isRange := strings.Cut(part, "-")
		from, ok := Weekday(first)
		if !ok {
			return nil, false
		}
		to := from
		if isRange {
			if to, ok = Weekday(last); !ok {
				return nil, false
			}
		}
		for day := from; ; day = (day + 1) % 7 {
			days = append(days, day)
			if day == to {
				break
			}
		}
	}
	return days, true
}

func openFrom(s string) (from, to int, ok bool) {
	first, last, _ := strings.Cut(s, "-")
	from, ok = ParseClock(first)
	if !ok {
		return 0, 0, false
	}
	if last == "24:00" {
		return from, minutesOfDay, true
	}
	to, ok = ParseClock(last)
	return from, to, ok
}

// String is the pattern as it was written, "" where it has no hours.
func (o Opening) String() string {
	parts := make([]string, len(o))
	for i, d := range o {
		parts[i] = d.text
	}
	return strings.Join(parts, ", ")
}

// Holds reports whether a meeting lies within one part of one day on the clocks of loc.
func (o Opening) Holds(start, end time.Time, loc *time.Location) bool {
	first, last := start.In(loc), end.In(loc)
	to := MinuteOfDay(last, loc)
	if first.YearDay() != last.YearDay() || first.Year() != last.Year() {
		if to != 0 || end.Sub(start) > 25*time.Hour { // the longest day there is
			return false
		}
		to = minutesOfDay
	}
	return slices.ContainsFunc(o, func(d openDays) bool {
		return slices.Contains(d.days, first.Weekday()) && MinuteOfDay(first, loc) >= d.from && to <= d.to
	})
}

// Closes is the end of the last hours of a weekday, in minutes after midnight; 0 where it has none.
func (o Opening) Closes(day time.Weekday) (minutes int) {
	for _, d := range o {
		if slices.Contains(d.days, day) {
			minutes = max(minutes, d.to)
		}
	}
	return minutes
}
