package times

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Opening is a weekly pattern of hours, such as the working hours of a host. The zero value has no hours; its
// meaning is up to the caller.
type Opening []openDays

// openDays are weekdays with one part of each, in minutes after local midnight.
type openDays struct {
	days     []time.Weekday
	from, to int
	text     string
}

// ParseOpening parses "mon-thu 09:00-17:00, fri 09:00-15:00, sat/sun 10:00-12:00".
func ParseOpening(s string) (all Opening, err error) {
	for part := range strings.SplitSeq(s, ",") {
		fields := strings.Fields(strings.ToLower(part))
		if len(fields) == 0 {
			continue
		}
		if len(fields) != 2 {
			return nil, openingError(part)
		}
		days, ok := Weekdays(fields[0])
		from, to, also := parseOpeningHours(fields[1])
		if !ok || !also || from == to {
			return nil, openingError(part)
		}
		if from > to {
			return nil, fmt.Errorf("%w; hours over midnight are two: mon-fri 22:00-24:00, tue-sat 00:00-06:00", openingError(part))
		}
		all = append(all, openDays{days, from, to, strings.Join(fields, " ")})
	}
	return all, nil
}

func openingError(part string) error {
	return fmt.Errorf("%q: want weekdays and hours, such as mon-fri 09:00-17:00", strings.TrimSpace(part))
}

// Weekdays parses weekdays in lower case: "mon", "mon-fri" or "mon/wed/fri".
func Weekdays(s string) (days []time.Weekday, ok bool) {
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

func parseOpeningHours(s string) (from, to int, ok bool) {
	first, last, _ := strings.Cut(s, "-")
	from, ok = ParseClock(first)
	if !ok {
		return 0, 0, false
	}
	if last == "24:00" {
		return from, endOfDay, true
	}
	to, ok = ParseClock(last)
	return from, to, ok
}

// String returns the pattern as it was written, or "" if it has no hours.
func (o Opening) String() string {
	parts := make([]string, len(o))
	for i, d := range o {
		parts[i] = d.text
	}
	return strings.Join(parts, ", ")
}

// Holds reports whether a meeting lies within the hours, in loc. Adjacent hours are combined: hours until
// 24:00 continue with hours from 00:00 of the next day.
func (o Opening) Holds(start, end time.Time, loc *time.Location) bool {
	first, last := start.In(loc), end.In(loc)
	from, to := MinuteOfDay(first, loc), MinuteOfDay(last, loc)
	switch int(dateOf(last, loc).Sub(dateOf(first, loc)) / (24 * time.Hour)) {
	case 0:
		return o.covers(first.Weekday(), from, to)
	case 1:
		return o.covers(first.Weekday(), from, endOfDay) && (to == 0 || o.covers(last.Weekday(), 0, to))
	}
	return false
}

// Overlaps reports whether a part of a meeting lies within the hours, in loc. On the day of a clock change the
// hours begin and end when clocks in loc show their times.
func (o Opening) Overlaps(start, end time.Time, loc *time.Location) bool {
	if len(o) == 0 {
		return false
	}
	year, month, day := start.In(loc).Date()
	for ; ; day++ {
		midnight := time.Date(year, month, day, 0, 0, 0, 0, loc)
		if !midnight.Before(end) {
			return false
		}
		for _, d := range o {
			from, to := time.Date(year, month, day, 0, d.from, 0, 0, loc), time.Date(year, month, day, 0, d.to, 0, 0, loc)
			if slices.Contains(d.days, time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Weekday()) && start.Before(to) && from.Before(end) {
				return true
			}
		}
	}
}

// covers reports whether the hours of a weekday include the range between two minutes of the day.
func (o Opening) covers(day time.Weekday, from, to int) bool {
	for reached := from; ; {
		until := reached
		for _, d := range o {
			if slices.Contains(d.days, day) && d.from <= reached {
				until = max(until, d.to)
			}
		}
		if until >= to {
			return until > from
		}
		if until == reached {
			return false
		}
		reached = until
	}
}

// Closes returns the end of the last hours of a weekday, in minutes after midnight, or 0 if it has none.
func (o Opening) Closes(day time.Weekday) (minutes int) {
	for _, d := range o {
		if slices.Contains(d.days, day) {
			minutes = max(minutes, d.to)
		}
	}
	return minutes
}

// ParseClock parses a time of day, "00:00" to "23:59", to minutes after midnight.
func ParseClock(s string) (minutes int, ok bool) {
	const layout = "15:04"
	t, err := time.Parse(layout, s)
	return t.Hour()*60 + t.Minute(), err == nil && len(s) == len(layout)
}

// MinuteOfDay returns the time of day in loc at t, in whole minutes after midnight.
func MinuteOfDay(t time.Time, loc *time.Location) int {
	hour, minute, _ := at(t, loc).Clock()
	return hour*60 + minute
}

// ClockOf formats a minute of the day: "09:05" for 545.
func ClockOf(minute int) string { return fmt.Sprintf("%02d:%02d", minute/60%24, minute%60) }
