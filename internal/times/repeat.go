package times

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Repeat is how often a meeting is held: Count or Until, not both.
type Repeat struct {
	Every string // weekly, biweekly (every other week) or monthly
	Count int    // occurrences, the first included
	Until string // the last date that may have one, YYYY-MM-DD, on the meeting's clocks
}

// MaxOccurrences is how many meetings one series may have.
const MaxOccurrences = 26

// RepeatError says why a repetition cannot be.
type RepeatError struct{ why string }

func (e *RepeatError) Error() string {
	return fmt.Sprintf("repeat %s; want for example weekly x6, biweekly x4 or monthly until 2026-12-31", e.why)
}

var repeatForm = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(weekly|biweekly|monthly) (?:x(\d{1,3})|until (\d{4}-\d{2}-\d{2}))$`)
})

// ParseRepeat reads "weekly x6" or "monthly until 2026-12-31". The error is a
// *RepeatError.
func ParseRepeat(s string) (Repeat, error) {
	part := repeatForm().FindStringSubmatch(strings.ToLower(strings.Join(strings.Fields(s), " ")))
	if part == nil {
		return Repeat{}, &RepeatError{"is not understood"}
	}
	r := Repeat{Every: part[1], Until: part[3]}
	if part[2] != "" {
		r.Count, _ = strconv.Atoi(part[2])
		if r.Count < 2 || r.Count > MaxOccurrences {
			return Repeat{}, &RepeatError{fmt.Sprintf("must be from 2 to %d times", MaxOccurrences)}
		}
	} else if _, err := time.Parse(time.DateOnly, r.Until); err != nil {
		return Repeat{}, &RepeatError{"names a date that there is not"}
	}
	return r, nil
}

// Starts lists when the occurrences begin, the first one first: each at the same
// time on the clocks of loc, across clock changes too. It refuses, with a
// *RepeatError, fewer than 2 and more than MaxOccurrences, and monthly meetings
// on a day that not every month has: what becomes of February is not published
// (vennio-api.md, Bookings). So it does an occurrence at a time that the clocks
// of its day skip or show twice.
func (r Repeat) Starts(first time.Time, loc *time.Location) ([]time.Time, error) {
	local := first.In(loc)
	year, month, day := local.Date()
	hour, minute, second := local.Clock()
	const everyMonthHas = 28
	if r.Every == "monthly" && day > everyMonthHas {
		return nil, &RepeatError{fmt.Sprintf("monthly cannot begin on the %dth, which some months lack: choose a day up to the 28th", day)}
	}
	var all []time.Time
	for i := 0; len(all) <= MaxOccurrences; i++ {
		days, months := 7*i, 0
		switch r.Every {
		case "biweekly":
			days = 14 * i
		case "monthly":
			days, months = 0, i
		}
		wall := time.Date(year, month+time.Month(months), day+days, hour, minute, second, 0, time.UTC)
		if r.Count > 0 && i == r.Count || r.Count == 0 && wall.Format(time.DateOnly) > r.Until {
			break
		}
		shown := read(wall, loc).at
		if len(shown) != 1 && i > 0 {
			return nil, &RepeatError{fmt.Sprintf("cannot be: on %s the clocks of %s do not show %s exactly once; choose another time of day", wall.Format(dayLayout), loc, wall.Format("15:04"))}
		}
		if i == 0 {
			shown = []time.Time{local}
		}
		all = append(all, shown[0])
	}
	if len(all) < 2 || len(all) > MaxOccurrences {
		return nil, &RepeatError{fmt.Sprintf("must make from 2 to %d meetings", MaxOccurrences)}
	}
	return all, nil
}

// Text says how it repeats: "weekly, 6 times", "monthly, until 2026-12-31".
func (r Repeat) Text() string {
	if r.Count > 0 {
		return fmt.Sprintf("%s, %d times", r.Every, r.Count)
	}
	return r.Every + ", until " + r.Until
}
