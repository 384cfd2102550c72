package times

import (
	"slices"
	"strings"
	"time"
)

type termKind int

const (
	spanTerm     termKind = iota // dates
	weekdayTerm                  // weekdays[0] in the week or month next to it, else the next one
	rangeTerm                    // weekdays[0] to weekdays[1], likewise
	filterTerm                   // all days of a set: "Mondays", "weekdays"
	monthdayTerm                 // "the 14th" in the month next to it, else the next one
	openTerm                     // any day
)

// term is a description of days.
type term struct {
	kind     termKind
	spans    []dates // the dates of a spanTerm, or the day numbers of a monthdayTerm
	weekdays [2]time.Weekday
	named    weekdaySet
	holiday  bool
	anyYear  bool   // the phrase names no year
	end      bool   // "the end of" a week or month; as a limit it is the last day
	unit     string // week, month, … of a spanTerm
	tonight  bool   // only the evening
}

func spanOf(first, last date) term { return term{kind: spanTerm, spans: []dates{{first, last}}} }

func dayOf(d date) term { return spanOf(d, d) }

// span returns the range of a term that has one range.
func (t term) span() dates { return t.spans[0] }

func (r *reader) isUnit(text string) bool {
	switch text {
	case "minute", "hour", "day", "week", "month", "quarter", "year", "workday", "weekend":
		return true
	}
	return false
}

// datedRange parses "Mon 14 Dec to Fri 18 Dec", "Monday 14 to Friday 18 December": a range of dates with weekdays.
func (r *reader) datedRange() bool {
	if name := r.tok().text; !isWeekday(name) && (name != "from" && name != "between" || !isWeekday(r.ahead(1).text)) {
		return false
	}
	return r.try(func() bool {
		between := r.accept("between")
		r.accept("from")
		first, firstDay, ok := r.datedDay()
		if !ok {
			return false
		}
		if !r.rangeWord(between) {
			return false
		}
		r.pos++
		second, lastDay, ok := r.datedDay()
		if !ok || lastDay < 0 && second.kind == monthdayTerm {
			return false
		}
		t, ok := r.between(first, second)
		if !ok || t.span().first.weekday() != firstDay || lastDay >= 0 && t.span().last.weekday() != lastDay {
			return false
		}
		return r.addTerm(t)
	})
}

// dateConfirms reports whether a date follows its own weekday, as in "next Tuesday, 8 December".
func dateConfirms(weekday, date part) bool {
	if len(weekday.terms) != 1 || len(date.terms) != 1 || len(weekday.hours) > 0 {
		return false
	}
	a, b := weekday.terms[0], date.terms[0]
	return a.kind == spanTerm && b.kind == spanTerm && len(a.spans) == 1 && len(b.spans) == 1 && a.span().single() && b.span().single() &&
		b.unit == "" && a.named == setOf(b.span().first.weekday()) && b.named == 0
}

// datedDay parses "Mon 14 Dec", "Fri 18", "18 December"; day is -1 without a weekday.
func (r *reader) datedDay() (t term, day time.Weekday, ok bool) {
	day = -1
	if name := r.tok(); name.kind == word && isWeekday(name.text) {
		day, _ = Weekday(name.text)
		r.pos++
		r.skipComma()
	}
	for _, rule := range []func() (term, bool){r.monthDays, r.numericDateTerm} {
		if r.try(func() bool { t, ok = rule(); return ok && len(t.spans) == 1 && t.span().single() }) {
			return t, day, true
		}
	}
	if n := r.tok(); day >= 0 && n.kind == number && n.digits > 0 && n.digits <= 2 && n.n >= 1 && n.n <= 31 {
		r.pos++
		return term{kind: monthdayTerm, spans: []dates{{date(n.n), date(n.n)}}}, day, true
	}
	return term{}, day, false
}

// day parses a term or a range of days.
func (r *reader) day() bool {
	return r.try(func() bool {
		between := r.accept("between")
		from := !between && r.accept("from")
		r.inBetween = between
		first, ok := r.term()
		r.inBetween = false
		if !ok {
			return false
		}
		if r.try(func() bool { return r.rangeFrom(first, between) }) {
			return true
		}
		if ranged := len(first.spans) == 1 && !first.span().single() && first.unit == ""; (between || from) && !ranged {
			return false
		}
		switch {
		case r.accept("onwards"):
			if r.tokens[r.pos-2].text == "from now" { // "from now onwards" is any time
				r.show(r.pos-1, "or later")
			}
			r.limits = append(r.limits, limit{word: "from", term: first})
			return true
		case r.is("at the latest") && !r.timeAfter(1) && r.accept("at the latest"):
			r.limits = append(r.limits, limit{word: "until", term: first})
			return true
		}
		return r.addTerm(first)
	})
}

// hourAndDay parses a plain number next to a day, which is a date or a time: "3 tomorrow", "Monday 14".
func (r *reader) hourAndDay() bool {
	t, next, before := r.tok(), r.ahead(1), token{kind: comma}
	if r.pos > 0 {
		before = r.tokens[r.pos-1]
	}
	if t.kind != number || t.ordinal || t.n < 1 || t.digits > 2 {
		return false
	}
	isDay := func(t token) bool {
		return t.kind == word && (t.text == "today" || t.text == "tomorrow" || isWeekday(t.text))
	}
	atTime := func() bool {
		ref, ok := r.timeAt(true)
		if !ok {
			return false
		}
		m := r.resolveTime(ref)
		return r.addHours(hours{earliest: m, latest: m + r.meeting, point: true})
	}
	switch {
	case isDay(next) && t.n <= 12 && (before.kind == comma || before.kind == filler):
		return r.try(atTime)
	case t.digits == 0 || before.kind != word || !isWeekday(before.text) || !r.ends(1):
		return false
	}
	day, _ := Weekday(before.text)
	d, exists := monthday(r.today, t.n)
	isDate := exists && d.weekday() == day && len(r.part().terms) == 1
	if isDate && (t.n > 12 || r.choose(2, true) == 1) {
		r.show(r.pos, ordinalText(t.n))
		r.pos++
		return r.addTerm(term{kind: monthdayTerm, spans: []dates{{date(t.n), date(t.n)}}})
	}
	return t.n <= 12 && r.try(atTime)
}

// timeAfter reports whether a time begins n tokens ahead.
func (r *reader) timeAfter(n int) bool {
	pos := r.pos
	r.pos = min(r.pos+n, len(r.tokens))
	_, ok := r.timeAt(true)
	r.pos = pos
	return ok
}

// rangeFrom parses the end of a range that begins with first.
func (r *reader) rangeFrom(first term, between bool) bool {
	if !r.rangeWord(between) {
		return false
	}
	r.pos++
	second, ok := r.term()
	if !ok {
		return false
	}
	t, ok := r.between(first, second)
	if !ok {
		return false
	}
	switch {
	case between && first.holiday && second.holiday:
		t.spans[0].first, t.spans[0].last = t.spans[0].first+1, t.spans[0].last-1
	case second.holiday && t.spans[0].first < t.spans[0].last && r.choose(2, true) == 0:
		t.spans[0].last--
	}
	return r.addTerm(t)
}

func (r *reader) between(first, second term) (term, bool) {
	if first.kind == weekdayTerm && second.kind == weekdayTerm {
		return term{kind: rangeTerm, weekdays: [2]time.Weekday{first.weekdays[0], second.weekdays[0]}}, true
	}
	if first.kind == monthdayTerm && second.kind == spanTerm {
		t := second.span().first.time()
		if d, ok := civil(t.Year(), int(t.Month()), int(first.span().first)); ok {
			first = dayOf(d)
		}
	}
	a, ok := r.datesOfTerm(first, r.today)
	if !ok {
		return term{}, false
	}
	b, ok := r.datesOfTerm(second, a.first)
	if ok && b.last < a.first && second.anyYear {
		b.last = b.last.addMonths(12)
	}
	if !ok || b.last < a.first {
		return term{}, false
	}
	return spanOf(a.first, b.last), true
}

// datesOfTerm returns the dates of a single term, relative to a date.
func (r *reader) datesOfTerm(t term, from date) (dates, bool) {
	switch t.kind {
	case spanTerm:
		return dates{t.spans[0].first, t.spans[len(t.spans)-1].last}, true
	case weekdayTerm:
		d := onOrAfter(from, t.weekdays[0])
		return dates{d, d}, true
	case monthdayTerm:
		d, ok := monthday(from, int(t.span().first))
		return dates{d, d}, ok
	default:
		return dates{}, false
	}
}

// term parses one term.
func (r *reader) term() (t term, ok bool) {
	for _, rule := range []func() (term, bool){
		r.relative, r.amount, r.weekTerm, r.fraction, r.ofMonth, r.aroundDay, r.monthDays, r.container, r.weekday, r.numericDateTerm, r.holidayTerm, r.special,
	} {
		if r.try(func() bool { t, ok = rule(); return ok }) {
			return t, true
		}
	}
	return term{}, false
}

// relative parses "today", "tomorrow", "this morning".
func (r *reader) relative() (term, bool) {
	switch {
	case r.is("now") && (r.inBetween || r.ahead(1).text == "until" || r.ahead(1).text == "to" || r.ahead(1).kind == dash):
		r.show(r.pos, "today")
		r.pos++
		return dayOf(r.today), true
	case r.accept("today"):
		return dayOf(r.today), true
	case r.accept("tomorrow"):
		if r.is("week") {
			return term{}, false // "tomorrow week": aroundDay
		}
		return dayOf(r.today + 1), true
	case r.accept("tonight"):
		t := dayOf(r.today)
		t.tonight = true
		return t, true
	case r.accept("this"):
		if t := r.tok().text; t == "early" || t == "late" || t == "mid" {
			return dayOf(r.today), len(r.ahead(1).text) > 0 && partsOfDay[t+" "+r.ahead(1).text] != hours{}
		}
		_, ok := partsOfDay[r.tok().text]
		return dayOf(r.today), ok && r.is("morning", "afternoon", "evening", "lunch")
	case r.is("later", "rest") && r.ahead(1).text == "today", r.is("rest") && r.ahead(1).text == "day":
		r.pos += 2
		return dayOf(r.today), true
	case r.is("later") && (r.ahead(1).text == "this" && partsOfDay[r.ahead(2).text] != hours{} || r.ahead(1).text == "tonight"):
		r.show(r.pos, " ")
		r.pos++
		return r.relative()
	case r.accept("following") && r.accept("day"), r.is("day") && r.ahead(1).text == "after" && r.ends(2) && r.accept("day") && r.accept("after"):
		return dayOf(r.recent.last + 1), r.recent.single() && r.recent.first > 0
	case r.is("early", "late") && r.ahead(1).text == "this" && partsOfDay[r.ahead(2).text] != hours{}:
		r.modifier = r.tok().text
		r.pos += 2
		return dayOf(r.today), true
	case r.is("early", "late") && (r.ahead(1).text == "today" || r.ahead(1).text == "tomorrow" || isWeekday(r.ahead(1).text)):
		r.modifier = r.tok().text
		r.pos++
		return r.term()
	}
	return term{}, false
}

func isWeekday(text string) bool {
	_, ok := Weekday(text)
	return ok
}

// weekday parses "friday", "next friday", "friday after next", "Mondays".
func (r *reader) weekday() (term, bool) {
	how := r.tok().text
	if !r.accept("this", "next", "coming", "following", "last") {
		how = ""
	}
	if t, ok := r.nextWeekdays(how); ok {
		return t, true
	}
	name := r.tok().text
	if how == "" && r.tok().kind == word && strings.HasSuffix(name, "days") && isWeekday(strings.TrimSuffix(name, "s")) {
		r.pos++
		day, _ := Weekday(strings.TrimSuffix(name, "s"))
		return term{kind: filterTerm, named: setOf(day)}, true
	}
	day, ok := Weekday(name)
	if r.tok().kind != word || !ok || len(name) < 6 {
		return term{}, false
	}
	at := r.pos
	r.pos++
	if how == "" && r.is("next", "coming", "following") && !r.isUnit(r.ahead(1).text) && !isWeekday(r.ahead(1).text) {
		how = r.tok().text
		r.pos++
	} else if how == "" && r.accept("after next") {
		how = "after next"
	}
	soon := onOrAfter(r.today+1, day) // today excluded
	switch how {
	case "last":
		again := onOrAfter(r.today, day)
		r.fail(problem{what: "is past", suggestions: []meaning{{dates: dates{again, again}}}})
		return r.named(again), true
	case "this":
		r.show(at-1, " ")
		return term{kind: weekdayTerm, weekdays: [2]time.Weekday{day}}, true
	case "next", "after next":
		ofNextWeek := r.weekOf(r.today).first + 7 + date(daysUntil(r.weekStart, day))
		both := [2]date{soon, ofNextWeek}
		d := both[r.choose(2, true)]
		if how == "after next" {
			d += 7
		}
		return r.named(d), true
	case "coming":
		return r.named(soon), true
	case "following":
		return r.named(soon + date(7*r.choose(2, true))), true
	}
	return term{kind: weekdayTerm, weekdays: [2]time.Weekday{day}}, true
}

// nextWeekdays parses what follows "next" in "the next two Mondays".
func (r *reader) nextWeekdays(how string) (term, bool) {
	n, name := r.tok(), r.ahead(1).text
	day, ok := Weekday(strings.TrimSuffix(name, "s"))
	if how != "next" && how != "coming" || n.kind != number || n.ordinal || n.n < 1 || n.n > 12 || !ok || !strings.HasSuffix(name, "days") {
		return term{}, false
	}
	r.pos += 2
	first := onOrAfter(r.today+1, day)
	t := spanOf(first, first+date(7*(n.n-1)))
	t.named = setOf(day)
	return t, true
}

// named returns the term of a date that the phrase describes by its weekday.
func (r *reader) named(d date) term {
	t := dayOf(d)
	t.named = setOf(d.weekday())
	return t
}

// endOfWork returns the first remaining working day of a set, or the last one for hours after noon.
func (r *reader) endOfWork(set []date, h hours) []date {
	left := slices.DeleteFunc(slices.Clone(set), func(d date) bool { return d < r.today || !workdays.has(d.weekday()) })
	if len(left) > 1 && left[0] == r.today && h.latest <= r.minute {
		left = left[1:]
	}
	if len(left) == 0 {
		return set
	}
	r.hint("Public holidays are not considered")
	if h.earliest >= noon {
		return left[len(left)-1:]
	}
	return left[:1]
}
