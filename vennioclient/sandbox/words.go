package sandbox

import (
	"strings"
	"time"
)

// describe says a slot's start as a person would: "Thursday 14 May 2026 at
// 3:00 pm, London time".
func describe(start time.Time, zone *time.Location) string {
	place := zone.String()
	place = place[strings.LastIndexByte(place, '/')+1:]
	place = strings.ReplaceAll(place, "_", " ")
	if place != "UTC" {
		place += " time"
	}
	return start.In(zone).Format("Monday 2 January 2006 at 3:04 pm") + ", " + place
}

// stamp writes an instant as RFC 3339 in the given zone.
func stamp(t time.Time, zone *time.Location) string { return t.In(zone).Format(time.RFC3339) }
