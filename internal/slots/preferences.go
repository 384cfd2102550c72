package slots

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/times"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// Preferences are the preferences of a host, as the operator set them. Lunch, NoMeetings, Before and After
// exclude free times unless a call overrides them; Work ranks them; Lengths sets the default length. They are
// no limits: a time that was found can be booked.
type Preferences struct {
	Zone          *time.Location // of all hours and days
	Work          times.Opening  // working hours; none: the usual ones (Person)
	Lunch         times.Opening  // hours that no meeting may overlap
	NoMeetings    []time.Weekday // days on which no part of a meeting may be, sorted
	Before, After time.Duration  // free time before and after each meeting
	Lengths       []time.Duration
}

// The names of the preferences that exclude free times.
const (
	atLunch     = "lunch"
	noMeetings  = "days without meetings"
	freeBetween = "free time between meetings"
)

// Exclude reports whether the preferences exclude any time.
func (p Preferences) Exclude() bool {
	return len(p.Lunch)+len(p.NoMeetings) > 0 || p.Before+p.After > 0
}

// String describes the preferences that exclude times: "no meetings on Wed, lunch 12:00-13:00, 10 min free
// before and 5 min after meetings (Europe/London)". It is empty if there are none.
func (p Preferences) String() string { return p.inZone(p.excluding()) }

// Describe describes all preferences, including working hours and lengths; "none" if there are none.
func (p Preferences) Describe() string {
	parts := p.excluding()
	if len(p.Work) > 0 {
		parts = append([]string{"working hours " + p.Work.String()}, parts...)
	}
	if len(p.Lengths) > 0 {
		parts = append(parts, "meetings of "+p.LengthsText())
	}
	return cmp.Or(p.inZone(parts), "none")
}

// LengthsText describes the preferred lengths: "25 or 50 minutes".
func (p Preferences) LengthsText() string {
	words := make([]string, len(p.Lengths))
	for i, length := range p.Lengths {
		words[i] = strconv.Itoa(int(length.Minutes()))
	}
	return strings.Join(words, " or ") + " minutes"
}

func (p Preferences) inZone(parts []string) string {
	if len(parts) == 0 {
		return ""
	}
	return strings.Join(parts, ", ") + " (" + p.Zone.String() + ")"
}

// excluding describes the preferences that exclude times.
func (p Preferences) excluding() (parts []string) {
	if len(p.NoMeetings) > 0 {
		parts = append(parts, "no meetings on "+dayNames(p.NoMeetings))
	}
	if len(p.Lunch) > 0 {
		parts = append(parts, "lunch "+p.Lunch.String())
	}
	switch before, after := int(p.Before.Minutes()), int(p.After.Minutes()); {
	case before > 0 && after > 0:
		parts = append(parts, fmt.Sprintf("%d min free before and %d min after meetings", before, after))
	case before > 0:
		parts = append(parts, fmt.Sprintf("%d min free before meetings", before))
	case after > 0:
		parts = append(parts, fmt.Sprintf("%d min free after meetings", after))
	}
	return parts
}

func dayNames(days []time.Weekday) string {
	names := make([]string, len(days))
	for i, d := range days {
		names[i] = d.String()[:3]
	}
	return strings.Join(names, "/")
}

// excludes names the preference that excludes a meeting, apart from the free time between meetings. It is
// empty if none does.
func (p Preferences) excludes(m vennioclient.Slot) string {
	switch {
	case onDays(p.NoMeetings, m, p.Zone):
		return noMeetings
	case p.Lunch.Overlaps(m.Start, m.End, p.Zone):
		return atLunch
	}
	return ""
}

// onDays reports whether a part of the meeting is on one of the days.
func onDays(days []time.Weekday, m vennioclient.Slot, loc *time.Location) bool {
	return len(days) > 0 && (slices.Contains(days, m.Start.In(loc).Weekday()) || slices.Contains(days, m.End.Add(-time.Second).In(loc).Weekday()))
}

// Allow reports whether all hosts' preferences allow a meeting, apart from the free time between meetings.
func Allow(all []Preferences, m vennioclient.Slot) bool {
	return !slices.ContainsFunc(all, func(p Preferences) bool { return p.excludes(m) != "" })
}

// Buffers returns the longest free time that any of the hosts wants before and after a meeting.
func Buffers(all []Preferences) (before, after time.Duration) {
	for _, p := range all {
		before, after = max(before, p.Before), max(after, p.After)
	}
	return before, after
}

// Withhold removes the meetings that the preferences of the hosts exclude, and names the preferences that
// excluded any. free are all times at which the hosts are free. The time between meetings has to be among
// them, because it is unknown what is in the calendar at other times.
func Withhold(meetings []vennioclient.Slot, free []Span, all []Preferences) (kept []vennioclient.Slot, by []string) {
	before, after := Buffers(all)
	excluding := func(m vennioclient.Slot) string {
		for _, p := range all {
			if name := p.excludes(m); name != "" {
				return name
			}
		}
		from, to := m.Start.Add(-before), m.End.Add(after)
		if before+after > 0 && !slices.ContainsFunc(free, func(f Span) bool { return f.Holds(from, to) }) {
			return freeBetween
		}
		return ""
	}
	kept = slices.DeleteFunc(meetings, func(m vennioclient.Slot) bool {
		name := excluding(m)
		if name != "" && !slices.Contains(by, name) {
			by = append(by, name)
		}
		return name != ""
	})
	slices.Sort(by)
	return kept, by
}

// Joined merges the times that touch or overlap.
func Joined(all []vennioclient.Slot) (spans []Span) {
	all = slices.SortedFunc(slices.Values(all), func(a, b vennioclient.Slot) int { return a.Start.Compare(b.Start) })
	for _, one := range all {
		if n := len(spans); n > 0 && !one.Start.After(spans[n-1].End) {
			if one.End.After(spans[n-1].End) {
				spans[n-1].End = one.End
			}
			continue
		}
		spans = append(spans, Span{Start: one.Start, End: one.End})
	}
	return spans
}

// The limits of what ParseLengths and ParseBuffers accept.
const (
	shortest  = 5 * time.Minute // of duration_minutes of find_slots
	longest   = 480 * time.Minute
	maxBuffer = 4 * time.Hour
)

// ParseLunch reads "12:00-13:00", which applies to every day, or hours of weekdays as times.ParseOpening does.
// "none" is no lunch.
func ParseLunch(s string) (times.Opening, error) {
	s = strings.ToLower(strings.TrimSpace(s))
	if s == "none" {
		return nil, nil
	}
	if !strings.ContainsAny(s, ", ") {
		s = "mon-sun " + s
	}
	return times.ParseOpening(s)
}

// ParseDays reads weekdays: "wed", "mon-wed, fri" or "none".
func ParseDays(s string) (days []time.Weekday, err error) {
	if strings.EqualFold(strings.TrimSpace(s), "none") {
		return nil, nil
	}
	for part := range strings.SplitSeq(s, ",") {
		found, ok := times.Weekdays(strings.ToLower(strings.TrimSpace(part)))
		if !ok {
			return nil, fmt.Errorf("%q: want weekdays with commas between, such as wed or mon-tue, fri, or none", s)
		}
		days = append(days, found...)
	}
	slices.Sort(days)
	if days = slices.Compact(days); len(days) == 7 {
		return nil, errors.New("leaves no day for meetings: leave out at least one weekday")
	}
	return days, nil
}

// ParseBuffers reads minutes before and after meetings: "10, 5", or "10" for both.
func ParseBuffers(s string) (before, after time.Duration, err error) {
	all, err := minutesList(s, 0, maxBuffer)
	switch {
	case err != nil || len(all) > 2:
		return 0, 0, fmt.Errorf("%q: want minutes before and after a meeting, each from 0 to 240, such as 10, 5", s)
	case len(all) == 1:
		return all[0], all[0], nil
	}
	return all[0], all[1], nil
}

// ParseLengths reads lengths of meetings in minutes: "25, 50". The first is the default.
func ParseLengths(s string) ([]time.Duration, error) {
	all, err := minutesList(s, shortest, longest)
	if err != nil {
		return nil, fmt.Errorf("%q: want minutes from 5 to 480 with commas between, such as 25, 50", s)
	}
	return all, nil
}

func minutesList(s string, least, most time.Duration) (all []time.Duration, err error) {
	for part := range strings.SplitSeq(s, ",") {
		part = strings.TrimSuffix(strings.TrimSpace(part), "m")
		n, err := strconv.Atoi(strings.TrimSpace(part))
		d := time.Duration(n) * time.Minute
		if err != nil || n > 24*60 || d < least || d > most {
			return nil, errors.New("not a number of minutes in range")
		}
		all = append(all, d)
	}
	return all, nil
}

// Check returns an error if the preferences leave no time for the shortest meeting within hours, which may be
// none. The error names no setting.
func (p Preferences) Check(hours times.Opening) error {
	length := shortest
	if len(p.Lengths) > 0 {
		length = slices.Min(p.Lengths)
	}
	monday := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC) // any Monday, in a zone without clock changes
	p.Zone = time.UTC
	for minute := range 7 * 24 * 60 {
		start := monday.Add(time.Duration(minute) * time.Minute)
		m := vennioclient.Slot{Start: start, End: start.Add(length)}
		within := func(o times.Opening) bool { return len(o) == 0 || o.Holds(m.Start, m.End, time.UTC) }
		if p.excludes(m) == "" && within(p.Work) && within(hours) {
			return nil
		}
	}
	return fmt.Errorf("leave no time for a meeting of %d minutes", int(length.Minutes()))
}
