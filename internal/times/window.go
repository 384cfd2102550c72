package times

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Window is the span of a search, [From, To), in whole seconds and in the zone Loc.
type Window struct {
	From, To time.Time
	Loc      *time.Location
	// Cut reports that the From that was sent is past and was replaced by the current minute. It is false for
	// phrases such as "today", which mean the rest of the day.
	Cut bool
	// When is the phrase in canonical spelling, or "" if none was sent.
	When string
	// Earliest and Latest bound the part of each day in which a meeting must lie, in minutes after
	// midnight, if When names hours; 0 means no bound.
	Earliest, Latest int
	// Days are the weekdays on which a meeting may be, if When names some.
	Days []time.Weekday
	// Hint explains how When was interpreted if that is not obvious, as a sentence without a full stop.
	Hint string
}

// WindowInput is a window as it was sent, with the context in which it is interpreted.
type WindowInput struct {
	// When describes days and hours in English, instead of From and To: "next week", "Tue or Wed
	// afternoon", "by Friday". An ambiguous phrase is an error.
	When string
	// From and To are RFC 3339 times with an offset (seconds are optional), dates ("2026-05-14": its start
	// as From, its end as To), or local times in Loc ("2026-05-14T09:00"). An empty From means Now; an
	// empty To means DefaultDays after From.
	From, To string
	// WeekStart is the first day of the week; zero is Sunday.
	WeekStart time.Weekday
	// Loc is the zone of dates and local times; nil means UTC.
	Loc *time.Location
	// Now is the current time.
	Now time.Time
	// DefaultDays is the length of a window without To, MaxDays the greatest length, both in calendar days
	// of Loc. Zero means 7 and 60.
	DefaultDays, MaxDays int
	// MaxWhenDays is the greatest length of a window that When describes, in days. Zero means MaxDays.
	MaxWhenDays int
	// MaxAhead is how far from Now the window may begin. Zero means 728 days.
	MaxAhead time.Duration
	// Meeting is the length of the meeting to find: "at 3pm" is a window of that length. Zero means 30
	// minutes.
	Meeting time.Duration
	// Prefers is set if the caller has an argument prefer for hours, which errors may then suggest.
	Prefers bool
}

const (
	defaultDays = 7
	maxDays     = 60
	maxAhead    = 728 * 24 * time.Hour
)

// WindowError reports an invalid window. Its text is one sentence without a full stop, under 1,000 bytes,
// that says what to send instead.
type WindowError struct {
	// Problems lists everything that is wrong with when, from and to, each with the next step.
	Problems []string
}

// Error lists all problems.
func (e *WindowError) Error() string { return strings.Join(e.Problems, "; ") }

// ParseWindow parses a window. If it began in the past, it starts at the next whole minute. The error is a
// [*WindowError] if the window has ended, runs backwards, is too long or too far ahead, contains a local time
// that the clocks of Loc skip or show twice, or if When is unknown, ambiguous or combined with From or To.
func ParseWindow(in WindowInput) (Window, error) {
	d := newDraft(in)
	if d.When != "" {
		d.parseWhen()
	} else {
		d.readFrom()
		d.readTo()
	}
	if d.hasFrom {
		d.checkAhead()
	}
	if d.hasTo {
		d.checkPast()
	}
	if d.hasFrom && d.hasTo {
		d.checkOrder()
		d.checkLength()
	}
	if len(d.problems) > 0 {
		return Window{}, &WindowError{d.problems}
	}
	return Window{
		From: d.start(), To: d.to, Loc: d.Loc, Cut: d.When == "" && d.from.Before(d.earliest),
		When: d.parsed.words, Hint: strings.Join(d.parsed.hints, ". "),
		Earliest: d.parsed.earliest, Latest: d.parsed.latest, Days: d.parsed.named.days(),
	}, nil
}

// draft is the state while a window is parsed.
type draft struct {
	WindowInput
	earliest       time.Time // the first permitted start: Now, rounded up to a whole minute
	from, to       time.Time
	hasFrom, hasTo bool    // whether from and to are valid
	parsed         meaning // the meaning of When, if it was sent and understood
	problems       []string
}

func newDraft(in WindowInput) *draft {
	in.When, in.From, in.To = strings.TrimSpace(in.When), strings.TrimSpace(in.From), strings.TrimSpace(in.To)
	in.Loc = cmp.Or(in.Loc, time.UTC)
	in.Now = in.Now.In(in.Loc)
	in.DefaultDays = cmp.Or(in.DefaultDays, defaultDays)
	in.MaxDays = cmp.Or(in.MaxDays, maxDays)
	in.MaxWhenDays = cmp.Or(in.MaxWhenDays, in.MaxDays)
	in.MaxAhead = cmp.Or(in.MaxAhead, maxAhead)
	return &draft{WindowInput: in, earliest: wholeMinute(in.Now)}
}

func wholeMinute(t time.Time) time.Time {
	whole := t.Truncate(time.Minute)
	if whole.Before(t) {
		whole = whole.Add(time.Minute)
	}
	return whole
}

func (d *draft) readFrom() {
	d.from, d.hasFrom = d.earliest, true
	if d.From != "" {
		d.from, d.hasFrom = d.parse("from", d.From)
	}
}

func (d *draft) readTo() {
	switch {
	case d.To != "":
		d.to, d.hasTo = d.parse("to", d.To)
	case d.hasFrom:
		d.to, d.hasTo = addDays(d.from, d.DefaultDays, d.Loc), true
	}
}

// start returns the start of the search, which is not in the past.
func (d *draft) start() time.Time {
	if d.from.Before(d.earliest) {
		return d.earliest
	}
	return d.from
}

func (d *draft) addProblem(format string, args ...any) {
	d.problems = append(d.problems, fmt.Sprintf(format, args...))
}

func (d *draft) checkAhead() {
	limit := d.Now.Add(d.MaxAhead)
	if !d.from.After(limit) {
		return
	}
	most := days(int(d.MaxAhead.Hours() / 24))
	if d.When != "" {
		d.addProblem(`when %s is over %s ahead: send when "in %s" or less`, quote(d.When), most, most)
		return
	}
	d.addProblem("from %s is over %s ahead: send %s or earlier", quote(d.From), most, ymd(limit))
}

func (d *draft) checkPast() {
	if d.to.After(d.earliest) {
		return
	}
	subject, advice := "to "+quote(d.To)+" is", ymd(d.earliest)+" or later"
	switch {
	case d.When != "": // within the last seconds of a day
		subject, advice = "when "+quote(d.When)+" is", `when "tomorrow", or later`
	case d.To == "":
		subject = fmt.Sprintf("from %s with the %s after it is", quote(d.From), days(d.DefaultDays))
	}
	d.addProblem("%s past: it is now %s, %s in %s: send %s", subject, Day(d.Now, d.Loc), d.Now.Format("15:04"), d.Loc, advice)
}

func (d *draft) checkOrder() {
	if d.From == "" || d.from.Before(d.to) {
		return // without from, checkPast reports the problem
	}
	d.addProblem("from (%s) is not before to (%s): send from before to", formatInstant(d.from, d.Loc), d.describeTo())
}

func (d *draft) checkLength() {
	start := d.start()
	most := d.MaxDays
	if d.When != "" {
		most = max(most, d.MaxWhenDays)
	}
	if !d.to.After(addDays(start, most, d.Loc)) {
		return
	}
	first := dateOf(start, d.Loc)
	length := int(dateOf(d.to, d.Loc).Sub(first).Hours() / 24)
	if addDays(start, length, d.Loc).Before(d.to) {
		length++
	}
	if d.When != "" {
		d.addProblem("when %s is %s and one search takes %s: send from %s and to %s first", quote(d.When),
			days(length), days(most), ymd(first), ymd(first.AddDate(0, 0, d.MaxDays-1)))
		return
	}
	d.addProblem("from (%s) to (%s) is %s and one search takes %s: send to %s first, then from %s",
		formatInstant(start, d.Loc), d.describeTo(), days(length), days(d.MaxDays),
		ymd(first.AddDate(0, 0, d.MaxDays-1)), ymd(first.AddDate(0, 0, d.MaxDays)))
}

// describeTo formats the end. If it was sent as a date, the text names that date and not the next midnight.
func (d *draft) describeTo() string {
	if len(d.To) == len(time.DateOnly) {
		return endOf(d.to, d.Loc)
	}
	return formatInstant(d.to, d.Loc)
}

func days(n int) string {
	if n == 1 {
		return "1 day"
	}
	return fmt.Sprintf("%d days", n)
}

// The layouts of from and to. Fractions of a second are accepted and dropped.
var (
	instantLayouts = []string{"2006-01-02T15:04:05Z07:00", "2006-01-02T15:04Z07:00", "2006-01-02T15:04:05Z0700", "2006-01-02T15:04Z0700"} // the latter two: ISO 8601-1, 5.3.4.1
	localLayouts   = []string{"2006-01-02T15:04:05", "2006-01-02T15:04"}
	dateLayouts    = []string{time.DateOnly}
)

// exact is RFC 3339 with a numeric offset even for UTC.
const exact = "2006-01-02T15:04:05-07:00"

// parse parses one end of the window or adds a problem.
func (d *draft) parse(field, sent string) (time.Time, bool) {
	// RFC 3339, section 5.6, allows lower-case letters, and a space instead of the T.
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
	d.refuseFreeText(field, sent)
	return time.Time{}, false
}

// ParseSpan parses a span whose ends have the format of From and To of a window, in loc. Its error is a
// [*WindowError] that begins with the name of the invalid end: the prefix, then start or end.
func ParseSpan(prefix, start, end string, loc *time.Location, now time.Time) (from, to time.Time, err error) {
	d := newDraft(WindowInput{From: start, To: end, Loc: loc, Now: now})
	d.from, d.hasFrom = d.parse("from", d.From)
	d.to, d.hasTo = d.parse("to", d.To)
	if d.hasFrom && d.hasTo && !d.from.Before(d.to) {
		d.addProblem("to (%s) is not after %sstart (%s)", d.describeTo(), prefix, formatInstant(d.from, d.Loc))
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

// asEnds renames from and to to start and end in the text of a problem.
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

// localTime returns the instant with the local time wall, or adds a problem if there is none or two.
func (d *draft) localTime(field, sent string, wall time.Time) (time.Time, bool) {
	r := instantsOf(wall, d.Loc)
	if len(r.at) == 1 {
		return r.at[0], true
	}
	fault, first, second := "does not exist in %s, where the clocks go forward", r.earlier, r.later
	if len(r.at) > 1 {
		fault, first, second = "exists twice in %s, where the clocks go back", r.at[0], r.at[1]
	}
	d.addProblem("%s %s "+fault+": send %s or %s", field, quote(sent), d.Loc,
		first.Format(exact), second.Format(exact))
	return time.Time{}, false
}

// date returns the start of a date for from, and the start of the next date for to, because a window excludes
// its end.
func (d *draft) date(field, sent string, date time.Time) (time.Time, bool) {
	start, exists := startOfDate(date, d.Loc)
	if !exists {
		d.addProblem("%s %s is a date that %s skipped: send %s or %s", field, quote(sent), d.Loc,
			date.AddDate(0, 0, -1).Format(time.DateOnly), date.AddDate(0, 0, 1).Format(time.DateOnly))
		return time.Time{}, false
	}
	if field == "to" {
		start, _ = startOfDate(date.AddDate(0, 0, 1), d.Loc)
	}
	return start, true
}

// Text formats the window with weekdays and offsets, and whole days without times:
//
//	Mon 18 May 2026 – the end of Sun 24 May 2026
//	Thu 14 May 2026, 10:06 UTC+1 – the end of that day
//	Thu 14 May 2026, 10:06 UTC+1 – Thu 21 May 2026, 10:06 UTC+1
//	Mon 18 May 2026 – the end of Sun 24 May 2026, on Tue/Thu, between 12:00 and 18:00
//
// It does not contain the zone.
func (w Window) Text() string {
	text := w.ends()
	if len(w.Days) > 0 && w.To.Sub(w.From) > 25*time.Hour {
		names := make([]string, len(w.Days))
		for i, day := range w.Days {
			names[i] = day.String()[:3]
		}
		text += ", on " + strings.Join(names, "/")
	}
	return text + hoursText(w.Earliest, w.Latest)
}

// hoursText formats a part of the day as a suffix.
func hoursText(earliest, latest int) string {
	switch {
	case earliest > 0 && latest > 0:
		return ", between " + ClockOf(earliest) + " and " + ClockOf(latest)
	case earliest > 0:
		return ", from " + ClockOf(earliest) + " on"
	case latest > 0:
		return ", until " + ClockOf(latest)
	}
	return ""
}

// Holds reports whether a meeting is on the days and within the hours that the phrase names.
func (w Window) Holds(start, end time.Time) bool {
	first, last := at(start, w.Loc), at(end, w.Loc)
	if len(w.Days) > 0 && !slices.Contains(w.Days, first.Weekday()) {
		return false
	}
	begins, ends := MinuteOfDay(first, w.Loc), MinuteOfDay(last, w.Loc)
	if days := int(dateOf(last, w.Loc).Sub(dateOf(first, w.Loc)) / (24 * time.Hour)); days > 0 {
		ends += days * endOfDay
	}
	return begins >= w.Earliest && (w.Latest == 0 || ends <= w.Latest)
}

// Touches reports whether any part of a booking is on the days and within the hours that the phrase names.
func (w Window) Touches(start, end time.Time) bool {
	if w.Earliest == 0 && w.Latest == 0 && len(w.Days) == 0 {
		return true
	}
	first, last := dateOf(start, w.Loc), dateOf(end, w.Loc)
	for day := first; !day.After(last); day = day.AddDate(0, 0, 1) {
		begins, ends := 0, endOfDay
		if day.Equal(first) {
			begins = MinuteOfDay(start, w.Loc)
		}
		if day.Equal(last) {
			ends = MinuteOfDay(end, w.Loc)
		}
		on := len(w.Days) == 0 || slices.Contains(w.Days, day.Weekday())
		if on && ends > w.Earliest && (w.Latest == 0 || begins < w.Latest) {
			return true
		}
	}
	return false
}

func (w Window) ends() string {
	from, to := formatInstant(w.From, w.Loc), formatInstant(w.To, w.Loc)
	if beginsDay(w.From, w.Loc) {
		from = Day(w.From, w.Loc)
	}
	last := w.To.Add(-time.Second)
	switch {
	case !beginsDay(w.To, w.Loc):
		return from + " – " + to
	case Day(w.From, w.Loc) != Day(last, w.Loc):
		return from + " – " + endOf(w.To, w.Loc)
	case beginsDay(w.From, w.Loc):
		return "all of " + from
	default:
		return from + " – the end of that day"
	}
}

// formatInstant formats an instant with its offset: "Sat 16 May 2026, 00:00 UTC+1".
func formatInstant(t time.Time, loc *time.Location) string {
	return Day(t, loc) + ", " + Clock(t, loc) + " " + Offset(t, loc)
}

// endOf formats the end of the day that ends at t.
func endOf(t time.Time, loc *time.Location) string {
	return "the end of " + Day(t.Add(-time.Second), loc)
}

func beginsDay(t time.Time, loc *time.Location) bool {
	loc = at(t, loc).Location()
	start, _ := startOfDate(dateOf(t, loc), loc)
	return t.Equal(start)
}

// The limits for quoted text of the model, so that an error with two quotes fits in 400 bytes.
const (
	maxQuoteRunes = 40
	maxQuoteBytes = 64
)

// cleanText makes text of the model safe for a message: one line, only printable characters (no control,
// invisible or bidirectional ones), no double quotes, and truncated.
func cleanText(s string) string {
	var b strings.Builder
	runes := 0
	for _, r := range strings.TrimSpace(s) {
		if r == '"' {
			r = '\''
		}
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			continue
		}
		if runes == maxQuoteRunes || b.Len()+utf8.RuneLen(r) > maxQuoteBytes {
			return b.String() + "…"
		}
		b.WriteRune(r)
		runes++
	}
	return b.String()
}

func quote(s string) string { return `"` + cleanText(s) + `"` }
