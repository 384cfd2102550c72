package times

import (
	"slices"
	"strings"
	"time"
)

// count parses "3" or "a".
func (r *reader) count() (n int, ok bool) {
	t := r.tok()
	switch {
	case t.kind == number && !t.ordinal:
		r.pos++
		return t.n, true
	case r.is("a") && r.ahead(1).kind == number && !r.ahead(1).ordinal && strings.HasPrefix(r.ahead(1).raw, "fortnight"):
		r.show(r.pos, " ")
		r.pos += 2
		return r.tokens[r.pos-1].n, true
	case r.accept("a"):
		return 1, true
	}
	return 0, false
}

func (r *reader) after(d date, n int, unit string) date {
	switch unit {
	case "week":
		return d + date(7*n)
	case "month":
		return d.addMonths(n)
	case "quarter":
		return d.addMonths(3 * n)
	case "year":
		return d.addMonths(12 * n)
	case "workday":
		r.hint("Public holidays are not considered")
		return workday(d, n)
	}
	return d + date(n)
}

func unitSteps(unit string) bool {
	return slices.Contains([]string{"day", "week", "month", "quarter", "year", "workday"}, unit)
}

// amount parses "in 10 days", "within 48 hours", "3 weeks from now", "next 5 working days", "next business day".
func (r *reader) amount() (term, bool) {
	how := r.tok().text
	switch {
	case r.is("following", "coming") && r.ahead(1).text == "workday":
		r.pos++
		how = "next"
	case !r.accept("in", "within", "within next", "next"):
		how = ""
	}
	if t := r.tok(); (how == "in" || how == "within" || how == "within next") && t.kind == clock && t.hours > 0 {
		r.pos++
		return r.spanOfHours(how, t.hours, "hour")
	}
	vague := how != "" && r.is("around") && r.skip()
	if r.is("few") {
		return r.vagueNumber(how)
	}
	n, counted := r.count()
	more := n
	if counted && (r.tok().kind == dash || r.is("or", "to")) && r.ahead(1).kind == number {
		r.pos++
		more, _ = r.count()
	}
	unit := r.tok().text
	if !r.isUnit(unit) || unit == "weekend" || r.tok().kind != word || more < n || n > 100_000 {
		return term{}, false
	}
	r.pos++
	if !counted {
		return r.uncounted(how, unit)
	}
	r.showCount(more, unit)
	t, ok := r.counted(how, n, more, unit)
	if ok && vague {
		r.suggestOnly = "names no exact number"
	}
	return t, ok
}

// counted returns the day or the span of n to more units.
func (r *reader) counted(how string, n, more int, unit string) (term, bool) {
	if r.accept("ago") {
		r.fail(problem{what: "is past", suggestions: []meaning{{dates: dates{r.today, r.today}}, {dates: dates{r.today + 1, r.today + 1}}}})
		return dayOf(r.today), true
	}
	now := r.accept("from now") || (r.is("from") && r.ahead(1).text == "today" && r.accept("from") && r.accept("today"))
	until := spanOf(r.today, r.after(r.today, more, unit))
	switch {
	case unit == "minute" || unit == "hour":
		if how == "" && !now {
			return term{}, false
		}
		return r.spanOfHours(how, more, unit)
	case how == "in" || how == "" && (now || r.accept("today")):
		return spanOf(r.after(r.today, n, unit), r.after(r.today, more, unit)), true
	case how != "":
		if how != "within" && r.is("from") && r.beginsDay() { // "the next two weeks starting Monday"
			r.pos++
			from, ok := r.oneDay()
			return r.span(from.span().first, more, unit), ok
		}
		if unit == "workday" {
			until.named = workdays
		}
		r.accept("today") // "within two weeks of today"
		return until, true
	case r.ends(0):
		r.suggestOnly = "names no day"
		if r.choose(2, true) == 0 {
			return dayOf(r.after(r.today, more, unit)), true
		}
		return until, true
	}
	return term{}, false
}

// beginsDay reports whether a single day follows the current token.
func (r *reader) beginsDay() bool {
	pos, failed, only := r.pos, r.failed, r.suggestOnly
	defer func() { r.pos, r.failed, r.suggestOnly = pos, failed, only }()
	r.pos++
	if r.isClock() {
		return false
	}
	_, ok := r.oneDay()
	return ok
}

// showCount replaces "a" by 1 and uses the plural of the unit in the canonical phrase.
func (r *reader) showCount(n int, unit string) {
	at := r.pos - 2
	if at >= 0 && r.tokens[at].text == "a" {
		r.show(at, "1")
	}
	if n != 1 {
		r.show(r.pos-1, unit+"s")
	}
}

// uncounted parses "next business day", "in the next hour", and "in the next week", which is ambiguous.
func (r *reader) uncounted(how, unit string) (term, bool) {
	switch {
	case unit == "workday" && (how == "next" || how == "within next") && r.is("before", "after"):
		return term{}, false
	case unit == "workday" && (how == "next" || how == "within next"):
		return dayOf(r.after(r.today, 1, unit)), true
	case (unit == "hour" || unit == "minute") && how != "" && how != "in":
		return r.spanOfHours("within", 1, unit)
	case unit == "day" && how == "next":
		return dayOf(r.today + 1), true
	case how == "within next" && unit != "day":
		return r.comingUnit(unit), true
	case how == "within" && unit != "day":
		if r.choose(2, true) == 0 {
			return spanOf(r.today, r.after(r.today, 1, unit)), true
		}
		t, ok := r.unitSpan("this", unit)
		return t, ok
	}
	return term{}, false
}

// vagueNumber parses "a few days". It suggests two numbers.
func (r *reader) vagueNumber(how string) (term, bool) {
	r.pos++
	unit := r.tok().text
	hours := unit == "hour" || unit == "minute"
	if !unitSteps(unit) && !hours || how == "" && r.ahead(1).text != "from now" && !r.ends(1) {
		return term{}, false
	}
	if r.pos++; how == "" {
		r.accept("from now")
	}
	r.suggestOnly = "names no exact number"
	const some, many = 3, 5
	switch {
	case hours:
		return r.spanOfHours("within", some+(many-some)*r.choose(2, true), unit)
	case r.choose(2, true) == 1:
		return spanOf(r.today, r.after(r.today, many, unit)), true
	case how == "in" || how == "":
		return dayOf(r.after(r.today, some, unit)), true
	}
	return spanOf(r.today, r.after(r.today, some, unit)), true
}

// spanOfHours returns the time from now until n units later, or around that time.
func (r *reader) spanOfHours(how string, n int, unit string) (term, bool) {
	length := time.Duration(n) * time.Hour
	if unit == "minute" {
		length = time.Duration(n) * time.Minute
	}
	r.from, r.to = r.now, r.now.Add(length)
	if how == "in" || how == "" { // the meeting starts within the following hour
		r.from, r.to = r.to, r.to.Add(time.Hour+time.Duration(r.meeting)*time.Minute)
	}
	first, last := dateAt(dateOf(r.from, r.loc)), dateAt(dateOf(r.to.Add(-time.Second), r.loc))
	return spanOf(first, max(first, last)), true
}

// oneDay parses a term that is a single date.
func (r *reader) oneDay() (term, bool) {
	t, ok := r.term()
	if !ok || t.kind == filterTerm || t.kind == openTerm || t.kind == rangeTerm {
		return term{}, false
	}
	s, ok := r.datesOfTerm(t, r.today)
	if !ok || !s.single() {
		return term{}, false
	}
	one := dayOf(s.first)
	one.holiday, one.named = t.holiday, t.named
	if t.kind == weekdayTerm {
		one.named = setOf(s.first.weekday())
	}
	return one, true
}

// aroundDay parses "a week from Tuesday", "Tuesday week", "the day after Christmas", "two days before Christmas",
// "the Monday after Christmas", "a week today".
func (r *reader) aroundDay() (term, bool) {
	if t, ok := r.dayThenWeeks(); ok {
		return t, true
	}
	if r.is(weekdays...) && (r.ahead(1).text == "before" || r.ahead(1).text == "after") {
		return r.weekdayBeside()
	}
	spans := r.tok().the || r.pos > 0 && r.tokens[r.pos-1].raw == "for" // "the 7 days from Friday"
	n, counted := r.count()
	if !counted {
		n = 1
	}
	if r.is("next", "following") && r.ahead(1).text == "workday" && (r.ahead(2).text == "after" || r.ahead(2).text == "before") {
		r.pos++
	}
	unit := r.tok().text
	weekMonday := unit == "week" && (isWeekday(r.ahead(1).text) || r.ahead(1).text == "today" || r.ahead(1).text == "tomorrow") && !r.isContainerAfter(2)
	if !unitSteps(unit) || r.tok().kind != word || !counted && unit != "day" && unit != "workday" && !weekMonday {
		return term{}, false
	}
	r.pos++
	if counted {
		r.showCount(n, unit)
	}
	how := r.tok().text
	at := r.pos
	spans = counted && how == "from" && (spans || strings.HasPrefix(r.tok().raw, "starting") || strings.HasPrefix(r.tok().raw, "beginning"))
	if !r.accept("from", "after", "before") && (how == "" || unit != "week" && unit != "month") {
		return term{}, false
	}
	weekday := r.tok()
	t, ok := r.oneDay()
	if !ok || !counted && !weekMonday && how != "after" && how != "before" {
		return term{}, false
	}
	d := t.span().first
	if spans {
		r.show(at, "starting")
		return r.span(d, n, unit), true
	}
	if isWeekday(weekday.text) && weekday.kind == word && d == r.today {
		d += date(7 * r.choose(2, true)) // "a week from Tuesday" on a Tuesday
	}
	if how == "before" {
		n = -n
	}
	if unit == "workday" && n < 0 {
		return term{}, false
	}
	day := dayOf(r.after(d, n, unit))
	if unit == "week" && !t.holiday { // the weekday remains the same
		day.named = t.named
	}
	return day, true
}

// weekdayBeside parses "the Monday after Christmas".
func (r *reader) weekdayBeside() (term, bool) {
	day, _ := Weekday(r.tok().text)
	before := r.ahead(1).text == "before"
	r.pos += 2
	if r.isClock() {
		return term{}, false
	}
	t, ok := r.oneDay()
	if !ok {
		return term{}, false
	}
	if before {
		return r.named(onOrAfter(t.span().first-7, day)), true
	}
	return r.named(onOrAfter(t.span().first+1, day)), true
}

// isContainerAfter reports whether a week or month follows to which the preceding weekday belongs.
func (r *reader) isContainerAfter(n int) bool {
	t := r.ahead(n)
	return t.text == "this" || t.text == "next" || t.text == "to" || t.kind == dash
}

// dayThenWeeks parses "Tuesday week", "Monday fortnight", "today week".
func (r *reader) dayThenWeeks() (t term, ok bool) {
	ok = r.try(func() bool {
		first := r.tok()
		d := r.today
		day, isDay := Weekday(first.text)
		switch {
		case first.kind != word:
			return false
		case isDay:
			d = onOrAfter(r.today, day)
		case first.text == "tomorrow":
			d++
		case first.text != "today":
			return false
		}
		r.pos++
		n := 1
		if r.tok().kind == number && !r.tok().ordinal {
			n = r.tok().n
			r.pos++
		}
		r.accept("a")
		if !r.accept("week") || r.is("of", "after", "before", "after next") || r.tok().kind == number {
			return false
		}
		if isDay && d == r.today {
			d += date(7 * r.choose(2, true))
		}
		if t = dayOf(d + date(7*n)); isDay {
			t.named = setOf(day)
		}
		return true
	})
	return t, ok
}

// special parses "asap", "weekdays", "weekends", "yesterday", "soon", "now".
func (r *reader) special() (term, bool) {
	if r.is("this", "next", "coming") && slices.Contains([]string{"spring", "summer", "autumn", "winter"}, r.ahead(1).text) {
		r.pos++
	}
	t := r.tok()
	if t.kind != word {
		return term{}, false
	}
	suggest := func(what string, suggestions ...meaning) (term, bool) {
		r.pos++
		r.fail(problem{what: what, suggestions: suggestions})
		return term{kind: openTerm}, true
	}
	soon := meaning{dates: dates{r.today, r.today + date(r.openDays)}, open: true, words: "asap"}
	switch t.text {
	case "asap":
		r.pos++
		return term{kind: openTerm}, true
	case "weekdays":
		r.pos++
		return term{kind: filterTerm, named: workdays}, true
	case "workday":
		r.pos++
		r.hint("Public holidays are not considered")
		r.show(r.pos-1, "working days")
		return term{kind: filterTerm, named: workdays}, true
	case "weekends":
		r.pos++
		return term{kind: filterTerm, named: weekendDays}, true
	case "soon":
		return suggest("names no span", soon)
	case "now":
		return suggest("names no span", soon, meaning{dates: dates{r.today, r.today}})
	case "in the new year":
		s := monthOf(firstOf(r.today.year()+1, 1))
		return suggest("names no exact span", meaning{dates: s})
	case "holidays":
		s := dates{fixed(12, 24)(r.today.year())[0], fixed(1, 1)(r.today.year() + 1)[0]}
		if r.pos > 0 && r.tokens[r.pos-1].text == "after" {
			s = dates{s.last + 1, s.last + 7}
		} else if r.pos > 0 && slices.Contains([]string{"before", "by", "until"}, r.tokens[r.pos-1].text) {
			s = dates{r.today, s.first - 1}
		}
		return suggest("names no exact span", meaning{dates: s})
	case "spring", "summer", "autumn", "winter":
		return r.season(t.text), true
	case "yesterday":
		return suggest("is past", meaning{dates: dates{r.today, r.today}}, meaning{dates: dates{r.today + 1, r.today + 1}})
	}
	return term{}, false
}

// lengthOf parses "30 minutes", "an hour": the length of the meeting, which does not belong in when.
func (r *reader) lengthOf() bool {
	return r.try(func() bool {
		n, ok := r.count()
		unit := r.tok().text
		if !ok || !r.accept("minute", "hour") {
			return false
		}
		if r.length = n; unit == "hour" {
			r.length = 60 * n
		}
		for i := 1; i <= 2; i++ {
			r.show(r.pos-i, " ")
		}
		return true
	})
}
