package tools

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/slots"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
	"github.com/vennio-mcp/vennio-mcp/schemas"
)

const (
	defaultDays = 7
	maxDays     = 60
	maxAhead    = 700 * 24 * time.Hour // what a slot id can carry, less the longest window
)

// understand resolves what the model left open or said in words.
func (d Deps) understand(in schemas.FindSlotsInput) (q search, err error) {
	loc := d.Zone
	if in.Timezone != "" {
		if loc, err = times.Zone(in.Timezone); err != nil {
			return q, err
		}
		q.wishes.Awake = append(q.wishes.Awake, loc)
	}
	if in.GuestTimezone != "" {
		if q.guest, err = times.Zone(in.GuestTimezone); err != nil {
			return q, err
		}
		q.wishes.Awake = append(q.wishes.Awake, q.guest)
	}
	if q.hosts, err = d.Hosts.Resolve(in.Participants); err != nil {
		return q, err
	}
	q.duration, q.wishes.Zone = in.Duration(), loc
	wish(&q.wishes, in)
	q.window, err = times.ParseWindow(times.WindowInput{
		When: in.When, From: in.From, To: in.To, WeekStart: d.WeekStart, Loc: loc, Now: d.Now(),
		DefaultDays: defaultDays, MaxDays: maxDays, MaxAhead: maxAhead,
	})
	if err != nil && in.When != "" {
		err = &Refusal{Code: schemas.CodeInvalidWindow, Message: err.Error(), Next: "Send when alone, or from and to without it.", Cause: err}
	}
	return q, err
}

// wish reads preferences that fit their schema.
func wish(w *slots.Wishes, in schemas.FindSlotsInput) {
	if p := in.Prefer; p != nil {
		w.Hours.Earliest, _ = times.ParseClock(p.Earliest)
		w.Hours.Latest, _ = times.ParseClock(p.Latest)
		w.Days, w.Avoid = weekdays(p.Days), weekdays(p.AvoidDays)
	}
	for _, b := range in.Busy {
		start, _ := time.Parse(time.RFC3339, b.Start)
		end, _ := time.Parse(time.RFC3339, b.End)
		w.Busy = append(w.Busy, slots.Span{Start: start, End: end})
	}
}

// weekdays are the days of those names, in the order of a week, each once.
func weekdays(names []string) (all []time.Weekday) {
	for _, name := range names {
		if day, ok := times.Weekday(name); ok {
			all = append(all, day)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// preferences says what was wished as it was applied; "" where nothing was.
func preferences(in schemas.FindSlotsInput) string {
	var say []string
	if p := in.Prefer; p != nil {
		say = append(hours(p), dayNames("on ", p.Days)...)
		say = append(say, dayNames("never on ", p.AvoidDays)...)
	}
	switch n := len(in.Busy); {
	case n == 1:
		say = append(say, "clear of 1 appointment")
	case n > 1:
		say = append(say, fmt.Sprintf("clear of %d appointments", n))
	}
	return strings.Join(say, ", ")
}

func hours(p *schemas.Prefer) []string {
	switch {
	case p.Earliest != "" && p.Latest != "":
		return []string{"between " + p.Earliest + " and " + p.Latest}
	case p.Earliest != "":
		return []string{"from " + p.Earliest + " on"}
	case p.Latest != "":
		return []string{"until " + p.Latest}
	}
	return nil
}

func dayNames(lead string, names []string) []string {
	var short []string
	for _, day := range weekdays(names) {
		short = append(short, day.String()[:3])
	}
	if len(short) == 0 {
		return nil
	}
	return []string{lead + strings.Join(short, "/")}
}
