package sandbox

import "time"

// Span is a stretch of time, for tests outside the package.
type Span struct{ Start, End time.Time }

// Events shows a host's calendar to tests: what they may not be offered.
func Events(hostID string, seed int64, from, to time.Time) []Span {
	var out []Span
	for _, e := range findHost(hostID).events(seed, span{from, to}) {
		out = append(out, Span{e.start, e.end})
	}
	return out
}
