package times

import (
	"strings"
	"time"
)

// The forms that from and to may have. Fractions of a second are read and dropped.
var (
	instantLayouts = []string{"2006-01-02T15:04:05Z07:00", "2006-01-02T15:04Z07:00", "2006-01-02T15:04:05Z0700", "2006-01-02T15:04Z0700"} // the latter two: ISO 8601-1, 5.3.4.1
	localLayouts   = []string{"2006-01-02T15:04:05", "2006-01-02T15:04"}
	dateLayouts    = []string{time.DateOnly}
)

// exact is RFC 3339 with the offset always in figures, since the offset is the point of it.
const exact = "2006-01-02T15:04:05-07:00"

// parse reads one end of the window, or notes what is wrong with it.
func (d *draft) parse(field, sent string) (time.Time, bool) {
	// RFC 3339, section 5.6, allows small letters, and a space for the T.
	text := strings.Replace(strings.ToUpper(sent), " ", "T", 1)
	if t, ok := parseAs(text, instantLayouts); ok {
		return t.In(d.Loc), true
	}
	if wall, ok := parseAs(text, localLayouts); ok {
		return d.localTime(field, sent, wall)
	}
	if date, ok := parseAs(text, dateLayouts); ok {
		return d.date(field, sent, date)
	}
	d.refuseWords(field, sent)
	return time.Time{}, false
}

// ParseSpan reads a span whose ends are written like From and To of a window, in loc. Its error is a
// [*WindowError] that begins with the name of the end it is about, start or end after the prefix.
func ParseSpan(prefix, start, end string, loc *time.Location, now time.Time) (from, to time.Time, err error) {
	d := newDraft(WindowInput{From: start, To: end, Loc: loc, Now: now})
	d.from, d.hasFrom = d.parse("from", d.From)
	d.to, d.hasTo = d.parse("to", d.To)
	if d.hasFrom && d.hasTo && !d.from.Before(d.to) {
		d.refuse("to (%s) is not after %sstart (%s)", d.tellTo(), prefix, tell(d.from, d.Loc))
	}
	if len(d.problems) == 0 {
		return d.from, d.to, nil
	}
	for i, problem := range d.problems {
		if rest, ok := strings.CutPrefix(problem, "from "); ok {
			d.problems[i] = prefix + "start " + asEnds(rest)
		} else if rest, ok := strings.CutPrefix(problem, "to "); ok {
			d.problems[i] = prefix + "end " + asEnds(rest)
		}
	}
	return time.Time{}, time.Time{}, &WindowError{d.problems}
}

// asEnds writes what to send for the ends of a span, which are not called from and to.
func asEnds(problem string) string {
	return strings.NewReplacer(": send from ", ": send start ", ": send to ", ": send end ", " and to ", " and end ", " or from ", " or start ").Replace(problem)
}

func parseAs(text string, layouts []string) (time.Time, bool) {
	for _, layout := range layouts {
		if t, err := time.Parse(layout, text); err == nil {
			return t.Truncate(time.Second), true
		}
	}
	return time.Time{}, false
}

// localTime finds the one instant at which the clocks show wall, and refuses to choose from two.
func (d *draft) localTime(field, sent string, wall time.Time) (time.Time, bool) {
	r := read(wall, d.Loc)
	if len(r.at) == 1 {
		return r.at[0], true
	}
	fault, first, second := "does not exist in %s, where the clocks go forward", r.earlier, r.later
	if len(r.at) > 1 {
		fault, first, second = "exists twice in %s, where the clocks go back", r.at[0], r.at[1]
	}
	d.refuse("%s %s "+fault+": send %s or %s", field, quote(sent), d.Loc,
		first.Format(exact), second.Format(exact))
	return time.Time{}, false
}

// date is the first instant of a date sent as from; of one sent as to, the last, which is the
// first of the next date, since a window does not hold its end.
func (d *draft) date(field, sent string, date time.Time) (time.Time, bool) {
	start, exists := startOf(date, d.Loc)
	if !exists {
		d.refuse("%s %s is a date that %s skipped: send %s or %s", field, quote(sent), d.Loc,
			date.AddDate(0, 0, -1).Format(time.DateOnly), date.AddDate(0, 0, 1).Format(time.DateOnly))
		return time.Time{}, false
	}
	if field == "to" {
		start, _ = startOf(date.AddDate(0, 0, 1), d.Loc)
	}
	return start, true
}
