package times

import (
	"slices"
	"time"
)

// hours is the part of each day in which a meeting must lie, in minutes after midnight. A latest of 0 means no
// end.
type hours struct {
	earliest, latest int
	widest           [2]int // the widest meaning of a part of the day
	point            bool   // the meeting begins exactly at earliest
	by               bool   // "by 5pm", which may be a deadline
	ofDay            bool   // they require a day: "first thing"
	shift            int    // number of days to add, for midnight at the end of a day
	days             weekdaySet
}

const (
	noon, endOfDay    = 12 * 60, 24 * 60
	workBegins        = 9 * 60
	workEnds          = 17 * 60
	afterLunch        = 13 * 60
	afterWork         = 18 * 60
	lateInDay         = 16 * 60
	beforeCloseOfWork = 15 * 60
)

// partsOfDay has the core of each part of the day, on which everybody agrees, and its widest meaning. A time
// next to a part of the day may be outside the core but not outside the widest meaning.
var partsOfDay = map[string]hours{
	"morning":         part24(8, 12, 5, 13),
	"early morning":   part24(7, 9, 5, 10),
	"mid morning":     {earliest: 9*60 + 30, latest: 11 * 60, widest: [2]int{8 * 60, noon}},
	"late morning":    part24(10, 12, 9, 13),
	"am":              part24(8, 12, 0, 12),
	"breakfast":       part24(8, 9, 6, 11),
	"lunch":           part24(12, 14, 11, 15),
	"afternoon":       part24(12, 18, 12, 19),
	"early afternoon": part24(12, 15, 12, 16),
	"mid afternoon":   part24(14, 16, 13, 17),
	"late afternoon":  part24(16, 18, 14, 19),
	"pm":              part24(12, 18, 12, 24),
	"dinner":          part24(18, 20, 17, 23),
	"evening":         part24(18, 22, 16, 24),
	"early evening":   part24(18, 20, 16, 21),
	"late evening":    part24(20, 22, 19, 24),
	"night":           part24(18, 22, 17, 24),
	"daytime":         part24(8, 18, 6, 20),
	"early":           part24(8, 10, 5, 12),
	"late":            part24(16, 18, 14, 22),
	"first thing":     {earliest: 8 * 60, latest: 10 * 60, widest: [2]int{5 * 60, 11 * 60}, ofDay: true},
	"last thing":      {earliest: lateInDay, latest: 18 * 60, widest: [2]int{14 * 60, 22 * 60}, ofDay: true},
	"business hours":  {earliest: workBegins, latest: workEnds, widest: [2]int{6 * 60, 20 * 60}, days: workdays},
}

// part24 returns a part of the day and its widest meaning, in full hours.
func part24(from, to, widestFrom, widestTo int) hours {
	return hours{earliest: from * 60, latest: to * 60, widest: [2]int{widestFrom * 60, widestTo * 60}}
}

// hour parses a time or a part of the day.
func (r *reader) hour() bool {
	return slices.ContainsFunc([]func() bool{r.partOfDay, r.boundByMeal, r.clockRange, r.clockBound, r.clockPoint}, r.try)
}

// partOfDay parses "afternoon", "late morning", "first thing (in the morning)".
func (r *reader) partOfDay() bool {
	name := ""
	if r.is("early", "late") && r.ends(1) && len(r.part().terms) > 0 { // "Friday early"
		r.pos++
		return r.addHours(partsOfDay[r.tokens[r.pos-1].text])
	}
	if r.is("early", "mid", "late") {
		name, r.pos = r.tok().text+" ", r.pos+1
	} else if r.modifier != "" && r.is("morning", "afternoon", "evening") {
		name, r.modifier = r.modifier+" ", ""
	}
	if r.is("around") && partsOfDay[r.ahead(1).text] != (hours{}) { // "around lunchtime"
		r.pos++
	}
	t := r.tok()
	h, ok := partsOfDay[name+t.text]
	meridian := t.text == "am" || t.text == "pm" // "Friday am", but not German "am Freitag"
	if t.kind != word || !ok || t.text == "early" || t.text == "late" || meridian && len(r.part().terms) == 0 {
		return false
	}
	r.pos++
	if r.is("ish") {
		r.skip()
	}
	if h.ofDay && r.is("in") && r.ahead(1).text == "morning" {
		r.pos += 2
	}
	return r.addHours(h)
}

// boundByMeal parses "after lunch", "before work".
func (r *reader) boundByMeal() bool {
	bound := r.tok().text
	if !r.accept("after", "before", "from", "until", "by") {
		return false
	}
	var h hours
	switch {
	case bound == "after" && r.accept("lunch"):
		h.earliest = afterLunch
	case bound == "before" && r.accept("lunch"), bound == "until" && r.accept("lunch"):
		h.latest = noon
	case bound == "by" && r.accept("lunch"):
		h.latest, h.by = noon, true
	case bound == "after" && r.accept("work"), bound == "after" && r.accept("business hours"), bound == "after" && r.accept("hour"):
		h.earliest = afterWork
	case bound == "before" && r.accept("work"):
		h.latest = workBegins
	default:
		return false
	}
	return r.addHours(h)
}

// timeRef is a time in 12-hour or 24-hour notation.
type timeRef struct {
	minute   int
	known    bool // the half of the day is certain
	half     bool // "half nine", which means 9:30 in Britain and 8:30 elsewhere
	midnight bool
	approx   bool
	token    int // the first token of the time
	end      int // the token after it
}

// timeAt parses a time without choosing between its readings. With bare it accepts a plain number.
func (r *reader) timeAt(bare bool) (ref timeRef, ok bool) {
	ref.token = r.pos
	ok = r.spokenTime(&ref) || r.writtenTime(&ref, bare)
	if !ok {
		return ref, false
	}
	if !r.accept("o'clock") && r.tokens[ref.token].kind == clock {
		r.accept("hour") // "14:30 hours"
	}
	switch {
	case r.is("am", "pm"):
		ref.setHalf(r.tok().text)
		r.pos++
	case !ref.known && r.is("morning", "afternoon", "evening", "night"):
		ref.setHalf(halfOf(r.tok().text))
		r.pos++
	case !ref.known && r.is("in", "at") && slices.Contains([]string{"morning", "afternoon", "evening", "night"}, r.ahead(1).text):
		ref.setHalf(halfOf(r.ahead(1).text))
		r.pos += 2
	}
	if r.accept("ish") {
		ref.approx = true
	}
	ref.end = r.pos
	return ref, ref.minute < endOfDay
}

// halfOf returns the half of the day, am or pm, of "morning", "afternoon", "evening" or "night".
func halfOf(part string) string {
	if part == "morning" {
		return "am"
	}
	return "pm"
}

func (ref *timeRef) setHalf(half string) {
	if ref.known || ref.minute >= 13*60 {
		ref.known = true
		return
	}
	ref.known = true
	ref.minute %= noon
	if half == "pm" {
		ref.minute += noon
	}
}

// spokenTime parses "noon", "half past nine", "quarter to three", "ten past four".
func (r *reader) spokenTime(ref *timeRef) bool {
	hour := func(minutes int) bool {
		t := r.tok()
		if t.kind != number || t.ordinal || t.n < 1 || t.n > 12 {
			return false
		}
		r.pos++
		ref.minute = (t.n*60 + minutes) % endOfDay
		return true
	}
	switch {
	case r.accept("noon"):
		ref.minute, ref.known = noon, true
		return true
	case r.accept("midnight"):
		ref.known, ref.midnight = true, true
		return true
	case r.accept("half past"):
		return hour(30)
	case r.accept("quarter past"):
		return hour(15)
	case r.accept("quarter to"):
		return hour(-15)
	case r.accept("half"):
		ref.half = true
		return hour(30)
	}
	t := r.tok()
	fives := t.kind == number && !t.ordinal && slices.Contains([]int{5, 10, 20, 25}, t.n)
	switch {
	case fives && r.ahead(1).text == "past":
		r.pos += 2
		return hour(t.n)
	case fives && r.ahead(1).text == "to" && (t.digits == 0 || r.pos > 0 && r.tokens[r.pos-1].text == "at"):
		r.pos += 2
		return hour(-t.n)
	}
	return false
}

// writtenTime parses "15:00", "3", "1500", "0930".
func (r *reader) writtenTime(ref *timeRef, bare bool) bool {
	t := r.tok()
	switch {
	case t.kind == clock:
		ref.minute, ref.known = t.n, t.exact
		r.pos++
		return true
	case t.kind != number || t.ordinal:
		return false
	}
	after := r.ahead(1)
	if last := r.ahead(2).text; t.digits == 0 && after.kind == number && after.digits == 0 {
		bare = bare || last == "am" || last == "pm"
	}
	bare = bare || after.text == "tonight" || after.text == "in" && partsOfDay[r.ahead(2).text] != hours{}
	meridian := after.text == "am" || after.text == "pm" || after.text == "o'clock" || after.text == "ish" && t.digits > 0
	switch hoursLeft := t.n / 100; {
	case t.digits >= 3 && t.digits <= 4 && hoursLeft < 24 && t.n%100 < 60:
		military := after.text == "hour"
		if !military && !meridian && (!bare || hoursLeft == 20 && t.n != 2000) && t.raw[0] != '0' {
			return false
		}
		ref.minute = hoursLeft*60 + t.n%100
		ref.known = t.digits == 4 && !meridian
		if r.pos++; military {
			r.pos++
		}
		return true
	case t.digits > 2 || t.n > 24 || !bare && !meridian || r.bareDays && t.n > 12:
		return false
	case !meridian && (after.kind == word && r.isUnit(after.text) || r.isDate()):
		return false
	}
	ref.minute, ref.known = t.n*60, t.n > 12 || t.n == 0 || t.digits == 2 && t.raw[0] == '0'
	if r.pos++; t.digits == 0 && after.kind == number && after.digits == 0 && slices.Contains(spokenMinutes, after.n) && t.n <= 12 {
		ref.minute += after.n // "nine thirty"
		r.pos++
	}
	return true
}

var spokenMinutes = []int{10, 15, 20, 25, 30, 40, 45, 50, 55}

// isDate reports whether the next numbers belong to a month: "3 to 5 December".
func (r *reader) isDate() bool {
	for i := 0; ; i++ {
		t := r.ahead(i)
		switch {
		case t.kind == number, t.kind == dash, t.kind == slash, t.text == "to", t.text == "or", t.text == "and" && i > 0:
		case t.kind == comma && r.pos+i < len(r.tokens) && i > 0:
		case t.kind == word && t.text == "until" && i > 0:
		default:
			return t.kind == word && monthNamed(t.text) > 0 && (t.text != "may" || i > 0)
		}
		if r.pos+i >= len(r.tokens) {
			return false
		}
	}
}

// showTime replaces the tokens of a time by its canonical spelling.
func (r *reader) showTime(ref timeRef, minute int) {
	for i := ref.token; i < ref.end; i++ {
		r.show(i, " ")
	}
	r.show(ref.token, ClockOf(minute))
}

// resolveTime chooses the half of the day for a time without one: morning for 8 to 11, afternoon for 1 to 6, both
// for 7.
func (r *reader) resolveTime(ref timeRef) int {
	m := ref.minute
	if ref.half {
		m -= 60 * r.choose(2, true)
	}
	other := (m + noon) % endOfDay
	switch hour := m / 60; {
	case ref.known, hour > 12:
	case hour == 7:
		if r.choose(2, true) == 1 {
			m = other
		}
	case hour >= 8:
		if r.partNamed() && r.choose(2, false) == 1 {
			m = other
		}
	default: // 1 to 6
		if !r.partNamed() || r.choose(2, false) == 0 {
			m = other
		}
	}
	r.showTime(ref, m)
	return m
}

// partNamed reports whether the phrase names a part of the day, which may imply an unusual time.
func (r *reader) partNamed() bool {
	return slices.ContainsFunc(r.tokens, func(t token) bool {
		return t.kind == word && (t.text == "tonight" || partsOfDay[t.text] != hours{})
	})
}

// clockRange parses "between 2 and 4", "from 9 to 11", "2-4pm".
func (r *reader) clockRange() bool {
	between := r.accept("between")
	from := !between && r.accept("from")
	if !between && !from {
		r.accept("at")
	}
	if t := r.tok(); t.kind == number && t.digits == 0 && t.n%5 == 0 && r.ahead(1).text == "to" && !between && !from && r.choose(2, true) == 1 {
		return false // "ten to four" is a time
	}
	first, ok := r.numberBefore("to")
	if !ok {
		first, ok = r.timeAt(true)
	}
	if !ok {
		return false
	}
	if !r.rangeWord(between) {
		return false
	}
	r.pos++
	second, ok := r.timeAt(true)
	if !ok || first.midnight {
		return false
	}
	if r.isBareNumber(first) && r.isBareNumber(second) && second.minute > noon && r.choose(2, true) == 1 {
		r.bareDays = true // "21-23" may be days of the month
		return false
	}
	start, end, ok := r.resolveTimeRange(first, second)
	if !ok {
		return false
	}
	return r.addHours(hours{earliest: start, latest: end})
}

// isBareNumber reports whether a time is a plain number.
func (r *reader) isBareNumber(ref timeRef) bool {
	t := r.tokens[ref.token]
	return t.kind == number && t.digits > 0 && t.digits <= 2 && ref.end == ref.token+1 && t.raw[0] != '0'
}

// numberBefore parses an hour in words before the given word: the ten in "from ten to four".
func (r *reader) numberBefore(word string) (timeRef, bool) {
	t := r.tok()
	if t.kind != number || t.ordinal || t.digits != 0 || t.n < 1 || t.n > 12 || r.ahead(1).text != word {
		return timeRef{}, false
	}
	r.pos++
	return timeRef{minute: t.n * 60, token: r.pos - 1, end: r.pos}, true
}

// resolveTimeRange chooses the halves of the day so that the range is positive and short.
func (r *reader) resolveTimeRange(first, second timeRef) (start, end int, ok bool) {
	later := func(m, than int) int { // the first time after than with the same position on a 12-hour clock as m
		for m %= noon; m <= than; {
			m += noon
		}
		return m
	}
	end = second.minute
	if second.midnight {
		end = endOfDay
	}
	switch {
	case !first.known && !second.known:
		start = r.resolveTime(first)
		end = later(second.minute, start)
	case !first.known:
		start = first.minute % noon
		if start+noon < end {
			start += noon
		}
	default:
		if start = first.minute; !second.known {
			end = later(second.minute, start)
		}
	}
	if end <= start || end > endOfDay {
		return 0, 0, false
	}
	r.showTime(first, start)
	r.showTime(second, end)
	if end == endOfDay {
		r.show(second.token, "midnight")
		end = 0
	}
	return start, end, true
}

// clockBound parses "after 3", "no later than 4pm", "from 10", "3pm onwards", "by noon".
func (r *reader) clockBound() bool {
	bound := r.tok().text
	switch {
	case r.accept("after", "from", "before", "until", "by"):
	case r.accept("past"): // "past 3pm"
		r.show(r.pos-1, "after")
		bound = "after"
	case r.accept("at the latest"): // "latest 11am"
		r.show(r.pos-1, "until")
		bound = "until"
	case r.is("asap") && r.tok().raw == "earliest":
		r.show(r.pos, "from")
		r.pos++
		bound = "from"
	default:
		bound = ""
		r.accept("at")
	}
	after := r.ahead(1).text
	ref, ok := r.timeAt(bound != "" || after == "onwards" || after == "at the latest" || after == "or earlier")
	if !ok || ref.midnight {
		return false
	}
	switch {
	case bound == "" && r.accept("onwards"):
		bound = "from"
	case bound == "" && r.accept("at the latest"):
		bound = "until"
	case bound == "" && r.accept("or earlier"): // the meeting begins no later
		m := r.resolveTime(ref)
		return r.addHours(hours{latest: m + r.meeting})
	case bound == "":
		return false
	case bound == "from" && r.accept("onwards"), bound == "after" && r.accept("onwards"):
	}
	m := r.resolveTime(ref)
	switch bound {
	case "after", "from":
		return r.addHours(hours{earliest: m})
	case "by", "until":
		return r.addHours(hours{latest: m, by: true})
	}
	return r.addHours(hours{latest: m})
}

// clockPoint parses "at 3pm", "15:00", "around 3", "noonish".
func (r *reader) clockPoint() bool {
	about := r.accept("around")
	at := r.accept("at")
	about = about || r.accept("around")
	also := len(r.part().terms)+len(r.part().hours) == 0 && len(r.parts) > 1 && (r.part().joined == "or" || r.part().joined == ",") &&
		slices.ContainsFunc(r.parts[len(r.parts)-2].hours, func(h hours) bool { return h.point }) // "at 10 or 11"
	ref, ok := r.timeAt(at || about || also)
	if !ok {
		return false
	}
	if ref.midnight {
		if about {
			return false
		}
		return r.addHours(hours{latest: r.meeting, point: true, shift: r.choose(2, true)})
	}
	m := r.resolveTime(ref)
	if !about && !ref.approx {
		return r.addHours(hours{earliest: m, latest: m + r.meeting, point: true})
	}
	if !about { // "3ish"
		r.show(ref.token, "around "+r.tokens[ref.token].show)
		if at {
			r.show(ref.token-1, " ")
		}
	}
	const slack = 30
	return r.addHours(hours{earliest: max(0, m-slack), latest: m + slack + r.meeting, point: true})
}

// endOfDayWord parses "by EOD" and "COB", the end of a day.
func (r *reader) endOfDayWord() bool {
	return r.try(func() bool {
		until := r.accept("by", "before", "until")
		if !until {
			r.accept("at")
		}
		end := r.tok().text
		if !r.accept("eod", "cob") || r.dayEnd != "" {
			return false
		}
		r.dayEnd, r.dayEndUntil = end, until
		return true
	})
}

// intersect returns the hours that are in both; ok is false if there are none.
func (h hours) intersect(o hours) (hours, bool) {
	both := hours{
		earliest: max(h.earliest, o.earliest), latest: max(h.latest, o.latest), widest: h.widest,
		point: h.point || o.point, by: h.by || o.by, ofDay: h.ofDay || o.ofDay, shift: h.shift + o.shift, days: h.days | o.days,
	}
	if h.latest > 0 && o.latest > 0 {
		both.latest = min(h.latest, o.latest)
	}
	switch {
	case h.widest == o.widest:
	case h.widest[1] > 0 && o.widest[1] > 0: // "first thing in the morning"
		both.widest = [2]int{max(h.widest[0], o.widest[0]), min(h.widest[1], o.widest[1])}
	case h.widest[1] == 0:
		return o.intersect(h)
	default: // a time next to a part of the day
		return both.withTimes(h, o)
	}
	if h.point && o.point && h != o {
		return both, false
	}
	return both, both.latest == 0 || both.earliest < both.latest
}

// withTimes returns the hours of a part of the day, narrowed by the times that the phrase names beside it.
func (h hours) withTimes(part, times hours) (hours, bool) {
	inside := func(minute int) bool { return minute >= part.widest[0] && minute <= part.widest[1] }
	h.earliest, h.latest = part.earliest, part.latest
	if times.earliest > 0 {
		if !inside(times.earliest) || times.earliest == part.widest[1] {
			return h, false
		}
		h.earliest = times.earliest
	}
	if times.latest > 0 || times.point {
		if !times.point && !inside(times.latest) {
			return h, false
		}
		h.latest = times.latest
	}
	switch {
	case times.point:
	case times.latest == 0 && h.earliest >= h.latest: // "tonight after 10"
		h.latest = part.widest[1] % endOfDay
	case times.earliest == 0 && h.latest <= h.earliest: // "tomorrow morning before 8"
		h.earliest = part.widest[0]
	}
	return h, h.latest == 0 || h.earliest < h.latest
}

// join returns the hours that are in either; ok is false unless they touch.
func (h hours) join(o hours) (hours, bool) {
	if h == o {
		return h, true
	}
	if h.point || o.point || h.latest == 0 || o.latest == 0 || h.latest < o.earliest || o.latest < h.earliest {
		return hours{}, false
	}
	return hours{earliest: min(h.earliest, o.earliest), latest: max(h.latest, o.latest)}, true
}

// instant returns the instant of a minute of a day. If the clocks skip it, it returns the instant of the change.
func (c calendar) instant(d date, minute int) time.Time {
	r := instantsOf(d.time().Add(time.Duration(minute)*time.Minute), c.loc)
	if len(r.at) > 0 {
		return r.at[0]
	}
	return r.jump
}
