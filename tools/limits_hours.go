package tools

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/times"
)

// Opening is when bookings may lie: none of it means at any time.
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
		from, ok := times.Weekday(first)
		if !ok {
			return nil, false
		}
		to := from
		if isRange {
			if to, ok = times.Weekday(last); !ok {
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
	from, ok = times.ParseClock(first)
	if !ok {
		return 0, 0, false
	}
	if last == "24:00" {
		return from, minutesOfDay, true
	}
	to, ok = times.ParseClock(last)
	return from, to, ok
}

// String is the opening as the operator wrote it, "" where it is any time.
func (o Opening) String() string {
	parts := make([]string, len(o))
	for i, d := range o {
		parts[i] = d.text
	}
	return strings.Join(parts, ", ")
}

// against says which of the meetings lies outside on the clocks of loc; "" where
// none does.
func (o Opening) against(starts []time.Time, length time.Duration, loc *time.Location) string {
	for _, start := range starts {
		if !o.holds(start, start.Add(length), loc) {
			return fmt.Sprintf("%s, %s lies outside the hours that this server books: %s (%s).", times.Day(start, loc), times.Clock(start, loc), o, loc)
		}
	}
	return ""
}

// holds tells whether a meeting lies within one part of one day.
func (o Opening) holds(start, end time.Time, loc *time.Location) bool {
	if len(o) == 0 {
		return true
	}
	first, last := start.In(loc), end.In(loc)
	to := times.MinuteOfDay(last, loc)
	if first.YearDay() != last.YearDay() || first.Year() != last.Year() {
		if to != 0 || end.Sub(start) > 25*time.Hour { // the longest day there is
			return false
		}
		to = minutesOfDay
	}
	return slices.ContainsFunc(o, func(d openDays) bool {
		return slices.Contains(d.days, first.Weekday()) && times.MinuteOfDay(first, loc) >= d.from && to <= d.to
	})
}
