package times

import (
	"fmt"
	"time"
)

// ParseClock reads a time of day, "00:00" to "23:59", in minutes after midnight.
func ParseClock(s string) (minutes int, ok bool) {
	const layout = "15:04"
	t, err := time.Parse(layout, s)
	return t.Hour()*60 + t.Minute(), err == nil && len(s) == len(layout)
}

// MinuteOfDay is what the clocks of loc show at t, in minutes after midnight, seconds dropped.
func MinuteOfDay(t time.Time, loc *time.Location) int {
	hour, minute, _ := at(t, loc).Clock()
	return hour*60 + minute
}

// ClockOf is a minute of the day as a time of day: "09:05" of 545.
func ClockOf(minute int) string { return fmt.Sprintf("%02d:%02d", minute/60%24, minute%60) }
