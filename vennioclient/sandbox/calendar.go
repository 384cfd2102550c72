package sandbox

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"time"
)

// event is an entry in a host's own calendar.
type event struct {
	span
	title, description string
}

var meetings = []struct{ title, description string }{
	{"Weekly planning", "Priorities for the week."},
	{"1:1 with Priya", "Standing catch-up."},
	{"Customer call", "Questions about the rollout."},
	{"Design review", "Second pass over the onboarding flow."},
	{"Interview", "First round, remote."},
	{"Budget check-in", "Numbers for the quarter."},
	{"Focus time", "Please do not book over this."},
	{"Dentist", ""},
}

// workday returns the host's business hours on a date. There are none at weekends.
func (h *host) workday(date time.Time) span {
	if d := date.Weekday(); d == time.Saturday || d == time.Sunday {
		return span{}
	}
	return span{h.clock(date, h.opens), h.clock(date, h.closes)}
}

// clock returns the instant at which the host's local time is so many minutes after midnight.
func (h *host) clock(date time.Time, minutes int) time.Time {
	y, m, d := date.Date()
	return time.Date(y, m, d, 0, minutes, 0, 0, h.location())
}

// workdays returns the host's business hours on every date that overlaps s.
func (h *host) workdays(s span) []span {
	var out []span
	forEachDay(s, h.location(), func(date time.Time) {
		if day := h.workday(date); !day.empty() {
			out = append(out, day)
		}
	})
	return out
}

// events returns the entries in the host's calendar during s. They are generated on each
// call and depend only on the seed, the host and the dates.
func (h *host) events(seed int64, s span) []event {
	var out []event
	forEachDay(s, h.location(), func(date time.Time) {
		for _, e := range h.eventsOn(seed, date) {
			if e.overlaps(s) {
				out = append(out, e)
			}
		}
	})
	return out
}

// eventsOn generates lunch and one to three meetings, on half hours: at most five and a
// half hours, so that a workday has both busy and free times.
func (h *host) eventsOn(seed int64, date time.Time) []event {
	if h.workday(date).empty() {
		return nil
	}
	digest := sha256.Sum256(fmt.Appendf(nil, "%d/%s/%s", seed, h.ID, date.Format(time.DateOnly)))
	pick := func(i, sides int) int { return int(digest[i]) % sides }

	lunch := 12*60 + 30*pick(0, 3)
	out := []event{h.event(date, lunch, 30+30*pick(1, 2), "Lunch", "")}
	for i := range 1 + pick(2, 3) {
		length := []int{30, 45, 60, 90}[pick(3+3*i, 4)]
		start := h.opens + 30*pick(4+3*i, (h.closes-h.opens-length)/30+1)
		what := meetings[pick(5+3*i, len(meetings))]
		e := h.event(date, start, length, what.title, what.description)
		if !slices.ContainsFunc(out, func(o event) bool { return o.overlaps(e.span) }) {
			out = append(out, e)
		}
	}
	slices.SortFunc(out, func(a, b event) int { return a.start.Compare(b.start) })
	return out
}

func (h *host) event(date time.Time, start, length int, title, description string) event {
	return event{span{h.clock(date, start), h.clock(date, start+length)}, title, description}
}

// span is the time from start (inclusive) to end (exclusive).
type span struct{ start, end time.Time }

func (s span) overlaps(o span) bool { return s.start.Before(o.end) && o.start.Before(s.end) }

func (s span) contains(o span) bool { return !o.start.Before(s.start) && !o.end.After(s.end) }

func (s span) equal(o span) bool { return s.start.Equal(o.start) && s.end.Equal(o.end) }

func (s span) empty() bool { return !s.start.Before(s.end) }

// widen returns s extended by d on both sides.
func (s span) widen(d time.Duration) span { return span{s.start.Add(-d), s.end.Add(d)} }

func (s span) intersect(o span) span {
	if o.start.After(s.start) {
		s.start = o.start
	}
	if o.end.Before(s.end) {
		s.end = o.end
	}
	return s
}

func intersectAll(a, b []span) []span {
	var out []span
	for _, x := range a {
		for _, y := range b {
			if common := x.intersect(y); !common.empty() {
				out = append(out, common)
			}
		}
	}
	return out
}

// forEachDay calls f for every date in loc that overlaps s. The date is passed as midnight
// UTC, which is independent of clock changes in loc.
func forEachDay(s span, loc *time.Location, f func(date time.Time)) {
	if s.empty() {
		return
	}
	last := dateOf(s.end.Add(-1), loc)
	for d := dateOf(s.start, loc); !d.After(last); d = d.AddDate(0, 0, 1) {
		f(d)
	}
}

func dateOf(t time.Time, loc *time.Location) time.Time {
	y, m, d := t.In(loc).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

// describe returns the start of a slot for people: "Thursday 14 May 2026 at 3:00 pm, London
// time".
func describe(start time.Time, zone *time.Location) string {
	place := zone.String()
	place = place[strings.LastIndexByte(place, '/')+1:]
	place = strings.ReplaceAll(place, "_", " ")
	if place != "UTC" {
		place += " time"
	}
	return start.In(zone).Format("Monday 2 January 2006 at 3:04 pm") + ", " + place
}

// stamp formats an instant as RFC 3339 in the given zone.
func stamp(t time.Time, zone *time.Location) string { return t.In(zone).Format(time.RFC3339) }
