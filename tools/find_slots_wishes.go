package tools

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/slots"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
	"github.com/vennio-mcp/vennio-mcp/schemas"
)

// wishes reads preferences that fit their schema, the busy times, and whose working hours count.
func (d Deps) wishes(in schemas.FindSlotsInput, loc, guest *time.Location, busy []slots.Span) slots.Wishes {
	w := slots.Wishes{Zone: loc, Busy: busy, People: d.persons(loc, guest, in.Timezone == "")}
	if p := in.Prefer; p != nil {
		w.Hours.Earliest, _ = times.ParseClock(p.Earliest)
		w.Hours.Latest, _ = times.ParseClock(p.Latest)
		w.Days, w.Avoid = weekdays(p.Days), weekdays(p.AvoidDays)
	}
	return w
}

// persons are those whose working hours count. A zone that was named is that of whoever asks; otherwise loc is that of
// the hosts.
func (d Deps) persons(loc, guest *time.Location, ofHosts bool) []slots.Person {
	all := []slots.Person{{Zone: loc}}
	switch {
	case len(d.WorkingHours) == 0:
	case ofHosts:
		all[0].Work = d.WorkingHours
	default:
		all = append(all, slots.Person{Zone: d.Zone, Work: d.WorkingHours})
	}
	if guest != nil {
		all = append(all, slots.Person{Zone: guest})
	}
	return all
}

// busyTimes reads when the guest is busy: dates and local times are those of loc. Its error names
// each that is not understood, up to mostBusy.
func (d Deps) busyTimes(in schemas.FindSlotsInput, loc *time.Location) (all []slots.Span, err error) {
	const mostBusy = 4
	wrong := &times.WindowError{}
	for i, b := range in.Busy {
		start, end, err := times.ParseSpan(fmt.Sprintf("busy[%d].", i), b.Start, b.End, loc, d.Now())
		if bad, ok := errors.AsType[*times.WindowError](err); ok && len(wrong.Problems) < mostBusy {
			wrong.Problems = append(wrong.Problems, bad.Problems...)
		}
		all = append(all, slots.Span{Start: start, End: end})
	}
	if len(wrong.Problems) > 0 {
		return nil, &Refusal{Code: schemas.CodeInvalidArguments, Message: wrong.Error() + ".", Cause: wrong}
	}
	return all, nil
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
