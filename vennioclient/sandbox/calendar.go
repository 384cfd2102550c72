package sandbox

import (
	"crypto/sha256"
	"fmt"
	"slices"
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

// workday is the host's business hours on a date: none at weekends.
func (h *host) workday(date time.Time) span {
	if d := date.Weekday(); d == time.Saturday || d == time.Sunday {
		return span{}
	}
	return span{h.clock(date, h.opens), h.clock(date, h.closes)}
}

// clock is the instant at which the host's wall clock shows minutes after midnight.
func (h *host) clock(date time.Time, minutes int) time.Time {
	y, m, d := date.Date()
	return time.Date(y, m, d, 0, minutes, 0, 0, h.location())
}

// workdays lists the host's business hours on every date that s touches.
func (h *host) workdays(s span) []span {
	var out []span
	eachDay(s, h.location(), func(date time.Time) {
		if day := h.workday(date); !day.empty() {
			out = append(out, day)
		}
	})
	return out
}

// events lists what stands in the host's calendar during s. It is made up, from
// nothing but the seed, the host and the dates, each time it is asked for.
func (h *host) events(seed int64, s span) []event {
	var out []event
	eachDay(s, h.location(), func(date time.Time) {
		for _, e := range h.eventsOn(seed, date) {
			if e.overlaps(s) {
				out = append(out, e)
			}
		}
	})
	return out
}

// eventsOn makes lunch and one to three meetings, on half hours: at most five
// and a half hours, so that a workday has both busy and free times.
func (h *host) eventsOn(seed int64, date time.Time) []event {
	if h.workday(date).empty() {
		return nil
	}
	dice := sha256.Sum256(fmt.Appendf(nil, "%d/%s/%s", seed, h.ID, date.Format(time.DateOnly)))
	roll := func(i, sides int) int { return int(dice[i]) % sides }

	lunch := 12*60 + 30*roll(0, 3)
	out := []event{h.event(date, lunch, 30+30*roll(1, 2), "Lunch", "")}
	for i := range 1 + roll(2, 3) {
		length := []int{30, 45, 60, 90}[roll(3+3*i, 4)]
		start := h.opens + 30*roll(4+3*i, (h.closes-h.opens-length)/30+1)
		what := meetings[roll(5+3*i, len(meetings))]
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
