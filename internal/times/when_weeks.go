package times

import (
	"slices"
	"strings"
	"time"
)

// container parses a week or month by itself, but not the plain word "week".
func (r *reader) container() (term, bool) {
	unit := r.tok()
	if r.is("in", "at") {
		unit = r.ahead(1)
	}
	after := r.ahead(1).text == "after next" || r.is("week") && r.ahead(1).text == "after"
	if unit.kind == word && r.isUnit(unit.text) && unit.text != "weekend" && !after {
		return term{}, false
	}
	return r.anyContainer()
}

// anyContainer parses "next week", "this weekend", "January 2027", "Q1": spans that may contain other terms.
func (r *reader) anyContainer() (term, bool) {
	how := r.tok().text
	if !r.accept("this", "next", "coming", "following", "last") {
		how = ""
		r.accept("in", "at")
	}
	if t, ok := r.monthOrQuarter(how); ok {
		return t, true
	}
	if t := r.tok(); t.kind == number && t.digits == 4 && t.n >= 2000 && t.n < 2100 && r.pos > 0 && r.tokens[r.pos-1].text == "in" {
		r.pos++
		s := yearOf(firstOf(t.n, 1))
		return term{kind: spanTerm, spans: []dates{s}, unit: "year"}, s.last >= r.today
	}
	unit := r.tok().text
	switch {
	case r.accept("week", "weekend", "month", "quarter", "year"):
	case how == "next" && r.lastUnit != "" && (r.tok().kind == comma || r.tok().kind == filler):
		unit = r.lastUnit
		r.show(r.pos-1, "next "+unit)
	default:
		return term{}, false
	}
	if r.accept("after next") {
		how = "after next"
	} else if how == "" && r.is("after") && r.ends(1) { // "next week or the week after"
		how = "following"
		r.show(r.pos-1, "following "+unit)
		r.show(r.pos, " ")
		r.pos++
	}
	if r.tok().kind == number && !r.tok().ordinal && unit == "week" && how == "" {
		return term{}, false
	}
	r.lastUnit = unit
	t, ok := r.unitSpan(how, unit)
	t.unit = unit
	return t, ok
}

var unitsAfter = map[string]int{"": 0, "this": 0, "next": 1, "after next": 2, "last": -1}

func (r *reader) unitSpan(how, unit string) (term, bool) {
	n, known := unitsAfter[how]
	if how == "last" {
		return r.pastUnit(unit)
	}
	if unit == "weekend" {
		return r.weekend(how), true
	}
	switch how {
	case "following":
		if !r.recent.single() && r.recent.last > 0 {
			next := r.recent.last + 1
			return spanOf(next, next+(r.recent.last-r.recent.first)), true
		}
		n, known = 1, true
	case "coming":
		return r.comingUnit(unit), true
	}
	var s dates
	switch unit {
	case "week":
		r.hint("A week begins on " + r.weekStart.String() + " here")
		s = r.weekOf(r.today + date(7*n))
	case "month":
		s = monthOf(monthOf(r.today).first.addMonths(n))
	case "quarter":
		s = quarterOf(monthOf(r.today).first.addMonths(3 * n))
	default:
		s = yearOf(firstOf(r.today.year()+n, 1))
	}
	return spanOf(s.first, s.last), known
}

// comingUnit returns "the coming week" or "the next week", which may count from today or mean the calendar week.
func (r *reader) comingUnit(unit string) term {
	if r.choose(2, true) == 0 {
		return spanOf(r.today, r.after(r.today, 1, unit))
	}
	t, _ := r.unitSpan("next", unit)
	return t
}

// pastUnit records that a span is past and suggests the following ones.
func (r *reader) pastUnit(unit string) (term, bool) {
	this, ok1 := r.unitSpan("this", unit)
	next, ok2 := r.unitSpan("next", unit)
	if !ok1 || !ok2 || unit == "weekend" {
		return term{}, false
	}
	r.fail(problem{what: "is past", suggestions: []meaning{{dates: this.span()}, {dates: next.span()}}})
	return this, true
}

// weekend returns Saturday and Sunday. Before Saturday, "next weekend" may mean the coming weekend or the one
// after it.
func (r *reader) weekend(how string) term {
	this := weekendOf(r.today)
	onIt := r.today >= this.first
	after := date(0)
	switch {
	case how == "next" && onIt:
		after = 7
	case how == "next", how == "coming" && onIt:
		after = date(7 * r.choose(2, true))
	case how == "after next" && onIt:
		after = 14
	case how == "after next":
		after = 7 + date(7*r.choose(2, true))
	case how == "following":
		after = 7
	}
	return r.weekendTerm(dates{this.first + after, this.last + after})
}

// monthOrQuarter parses "January", "next May", "March 2027", "Q1", "first quarter of 2027", "2026-W51".
func (r *reader) monthOrQuarter(how string) (term, bool) {
	t := r.tok()
	switch {
	case t.kind == isoWeek:
		r.pos++
		return r.isoWeek(t.n, t.digits)
	case t.kind == word && monthNamed(t.text) > 0 && r.isMonth():
		r.pos++
		return r.month(monthNamed(t.text), how)
	case t.kind == word && len(t.text) == 2 && t.text[0] == 'q':
		r.pos++
		return r.quarter(int(t.text[1] - '0'))
	case t.kind == number && t.ordinal && t.n <= 4 && r.ahead(1).text == "quarter":
		r.pos += 2
		return r.quarter(t.n)
	}
	return term{}, false
}

// isMonth reports whether the current token is a month. "may" only is if the context says so.
func (r *reader) isMonth() bool {
	if r.tok().text != "may" {
		return true
	}
	before := token{}
	if r.pos > 0 {
		before = r.tokens[r.pos-1]
	}
	switch before.text {
	case "in", "next", "this", "early", "mid", "late", "start", "end", "by", "until", "before", "after", "from", "to", "first half", "second half", "first week of", "last week of", "rest":
		return true
	}
	return before.kind == number || r.ahead(1).kind == number || len(r.tokens) == 1
}

// month returns the current or next month with that number.
func (r *reader) month(n int, how string) (term, bool) {
	year := r.year()
	find := func(year int) (dates, bool) { return monthOf(firstOf(year, n)), true }
	t := r.yearly(find, year)
	if how == "next" && year == 0 && t.span().first.year() == r.today.year() && r.choose(2, true) == 1 {
		s := monthOf(firstOf(r.today.year()+1, n))
		t = spanOf(s.first, s.last)
	}
	t.unit = "month"
	return t, how != "last"
}

func (r *reader) quarter(n int) (term, bool) {
	year := r.year()
	t := r.yearly(func(year int) (dates, bool) { return quarterOf(firstOf(year, 3*n-2)), true }, year)
	t.unit = "quarter"
	return t, n >= 1 && n <= 4
}

func (r *reader) isoWeek(week, year int) (term, bool) {
	if year == 0 {
		year = r.year()
	}
	find := func(year int) (dates, bool) {
		first := isoWeekOf(year, week)
		return dates{first, first + 6}, first < isoWeekOf(year+1, 1)
	}
	if week < 1 || week > 53 {
		return term{}, false
	}
	r.hint("Weeks are numbered by ISO 8601")
	t := r.yearly(find, year)
	t.unit = "week"
	return t, len(t.spans) > 0
}

// weekTerm parses "week 50", "the week of the 14th", "w/c 14 Dec", "week ending 18 December", "Christmas week".
func (r *reader) weekTerm() (term, bool) {
	how := r.tok().text
	if _, ok := holidays[how]; ok && r.ahead(1).text == "week" {
		t, ok := r.holidayTerm()
		if r.pos++; !ok {
			return term{}, false
		}
		s := r.weekOf(t.span().first)
		return spanOf(s.first, s.last), true
	}
	if !r.accept("week", "weekend", "calendar week", "week of", "week commencing", "week ending") {
		return term{}, false
	}
	if how == "week" && r.isDate() { // "week 14-18 December"
		how = "week of"
	}
	if t, ok := r.datesOfWeek(how); ok {
		return t, true
	}
	switch t := r.tok(); {
	case (how == "week" || how == "calendar week") && t.kind == number && !t.ordinal && r.ahead(1).text != "am" && r.ahead(1).text != "pm":
		r.pos++
		return r.isoWeeks(t.n)
	case how == "calendar week":
		return term{}, false
	case (how == "week" || how == "weekend") && r.accept("before", "after"):
		return r.besideDay(how, t.text == "before")
	case how == "week":
		return term{}, false
	}
	if isWeekday(r.tok().text) && r.ahead(1).kind == number {
		r.pos++ // the date implies the weekday
	}
	t, ok := r.oneDay()
	if !ok {
		return term{}, false
	}
	d := t.span().first
	week := r.weekOf(d)
	switch how {
	case "weekend":
		return r.weekendTerm(weekendOf(d)), true
	case "week commencing":
		return spanOf(d, d+6), true
	case "week ending":
		return spanOf(week.first, d), true
	}
	r.hint("A week begins on " + r.weekStart.String() + " here")
	return spanOf(week.first, week.last), true
}

// datesOfWeek parses the range in "the week of 14-18 December".
func (r *reader) datesOfWeek(how string) (t term, ok bool) {
	if how != "week of" {
		return term{}, false
	}
	ok = r.try(func() bool {
		var readPhrase bool
		t, readPhrase = r.monthDays()
		return readPhrase && len(t.spans) == 1 && !t.span().single() && t.span().last-t.span().first < 7
	})
	return t, ok
}

// isoWeeks parses further week numbers: "weeks 51 and 52", "week 50 to 52".
func (r *reader) isoWeeks(week int) (term, bool) {
	all, ok := r.isoWeek(week, 0)
	for ok {
		join, more := r.tok(), r.ahead(1)
		through := r.rangeWord(false)
		if !through && join.text != "or" && join.text != "and" && join.kind != slash ||
			more.kind != number || more.ordinal || more.n <= week || r.ahead(2).text == "am" || r.ahead(2).text == "pm" || r.monthFollows(2) {
			break
		}
		r.pos += 2
		var t term
		if t, ok = r.isoWeek(more.n, 0); !ok {
			break
		}
		if last := len(all.spans) - 1; through {
			all.spans[last].last = t.span().last
		} else {
			all.spans = append(all.spans, t.spans...)
		}
		week = more.n
	}
	return all, ok
}

func (r *reader) weekendTerm(s dates) term {
	t := spanOf(s.first, s.last)
	t.named = weekendDays
	return t
}

// besideDay parses "the week before Christmas", which may mean seven days or a calendar week, and "the weekend
// after the 14th".
func (r *reader) besideDay(unit string, before bool) (term, bool) {
	t, ok := r.oneDay()
	if !ok {
		return term{}, false
	}
	d := t.span().first
	if unit == "weekend" {
		saturday := onOrAfter(d+1, time.Saturday)
		if before {
			saturday = onOrAfter(d-8, time.Saturday)
		}
		return r.weekendTerm(dates{saturday, saturday + 1}), true
	}
	week := r.weekOf(d)
	both := [2]dates{{week.first + 7, week.last + 7}, {d + 1, d + 7}}
	if before {
		both = [2]dates{{week.first - 7, week.last - 7}, {d - 7, d - 1}}
	}
	s := both[r.choose(2, true)]
	return spanOf(s.first, s.last), true
}

// fraction parses "early next week", "mid December", "the end of the month", "the rest of the week".
func (r *reader) fraction() (term, bool) {
	how := r.tok().text
	if !r.accept("early", "mid", "late", "later", "start", "end", "rest", "first half", "second half", "first week of", "last week of") {
		return term{}, false
	}
	upTo := ""
	if next := r.ahead(1).text; slices.Contains([]string{"early", "mid", "late"}, next) && (r.tok().kind == dash || r.tok().kind == slash || r.is("to", "or", "and")) {
		r.pos++ // "early to mid January"
		upTo = next
		r.pos++
	}
	t, ok := r.anyContainer()
	if !ok && r.is("week of") { // "early in the week of the 14th"
		t, ok = r.weekTerm()
		t.unit = "week"
	}
	if !ok || len(t.spans) == 0 || t.unit == "" {
		return term{}, false
	}
	s, ok := r.fractionOf(how, t)
	if upTo != "" {
		second, also := r.fractionOf(upTo, t)
		s.last, ok = second.last, ok && also && second.last > s.last
	}
	out := spanOf(s.first, s.last)
	out.unit, out.end = t.unit, how == "end"
	if out.end {
		out.spans = append(out.spans, t.span())
	}
	return out, ok
}

func (r *reader) fractionOf(how string, t term) (dates, bool) {
	s := t.span()
	running := s.first <= r.today && r.today <= s.last
	switch {
	case how == "rest":
		return s, running
	case how == "later" && running:
		if r.today == s.last {
			return s, false
		}
		return dates{r.today + 1, s.last}, true
	case t.unit == "week":
		return r.weekFraction(how, s)
	case how == "first week of", how == "last week of":
		return r.endWeek(how, s), t.unit == "month" || t.unit == "year"
	}
	length := s.last - s.first + 1
	tenth, half := length/3, (length+1)/2
	if t.unit == "month" {
		tenth, half = 10, 15
	}
	switch how {
	case "early":
		return dates{s.first, s.first + tenth - 1}, true
	case "mid":
		return dates{s.first + tenth, s.first + 2*tenth - 1}, true
	case "late", "later":
		return dates{s.first + 2*tenth, s.last}, true
	case "start":
		return dates{s.first, s.first + 6}, true
	case "end":
		return dates{s.last - 6, s.last}, true
	case "first half":
		return dates{s.first, s.first + half - 1}, true
	}
	return dates{s.first + half, s.last}, true
}

// weekFraction returns working days of a week.
func (r *reader) weekFraction(how string, week dates) (dates, bool) {
	monday := onOrAfter(week.first, time.Monday)
	switch how {
	case "early", "start":
		return dates{monday, monday + 1}, true
	case "mid":
		return dates{monday + 1, monday + 3}, true
	case "late", "later", "end":
		return dates{monday + 3, monday + 4}, true
	case "first half":
		return dates{monday, monday + 2}, true
	case "second half":
		return dates{monday + 2, monday + 4}, true
	}
	return week, false
}

// endWeek returns the first or last week of a month, which may mean seven days or a calendar week.
func (r *reader) endWeek(how string, s dates) dates {
	week := r.weekOf(s.first + 6) // the first week that is entirely within the month
	seven := dates{s.first, s.first + 6}
	if how == "last week of" {
		week = r.weekOf(s.last)
		seven = dates{s.last - 6, s.last}
		week.last = min(week.last, s.last)
	}
	if r.choose(2, true) == 0 {
		return seven
	}
	return week
}

// ofMonth parses "the first Monday of January", "the last working day of the month", "the 14th of next month".
func (r *reader) ofMonth() (term, bool) {
	n, also := -1, 0
	if t := r.tok(); t.kind == number && t.ordinal {
		n = t.n
		r.pos++
		if more := r.ahead(1); (r.is("or", "and") || r.tok().kind == slash) && more.kind == number && more.ordinal && more.n > n && isWeekday(r.ahead(2).text) {
			r.pos += 2 // "the first or second Monday of January"
			also = more.n
		}
	} else if !r.accept("last") {
		return term{}, false
	}
	if t := r.tok(); t.kind == number && !t.ordinal && (n < 0 || n == 1) && (r.ahead(1).text == "day" || r.ahead(1).text == "week") {
		return r.endOfMonth(n)
	}
	what := r.tok()
	_, isDay := Weekday(what.text)
	isDay = isDay && what.kind == word
	if isDay && n == 1 && (r.ahead(1).text == "after" || r.ahead(1).text == "before") {
		return r.aroundDay() // "the first Monday after Christmas"
	}
	if isDay || what.text == "weekend" || what.text == "workday" || what.text == "day" && what.raw == "day" || n > 0 && (what.text == "week" || what.text == "week of") {
		r.pos++
	} else if n < 0 || !r.is("in", "this", "next", "month") {
		return term{}, false
	}
	of, ok := r.anyContainer()
	if !ok || of.unit != "month" && of.unit != "quarter" && of.unit != "year" {
		return term{}, false
	}
	t, ok := r.nthOf(n, what, of.span())
	if ok && also > 0 {
		second, exists := r.nthOf(also, what, of.span())
		t.spans, ok = append(t.spans, second.spans...), exists
	}
	if ok && t.span().last < r.today && of.unit == "month" { // "the first of the month", when it is over
		next := monthOf(of.span().last + 1)
		if again, ok := r.nthOf(n, what, next); ok {
			r.fail(problem{what: "is past", suggestions: []meaning{{dates: again.span()}}})
		}
	}
	return t, ok
}

// endOfMonth parses "(the first) three days of January", "(the last) two weeks of December".
func (r *reader) endOfMonth(n int) (term, bool) {
	count := date(r.tok().n)
	if r.ahead(1).text == "week" {
		count *= 7
	}
	r.pos += 2
	of, ok := r.anyContainer()
	if !ok || of.unit != "month" || count < 1 || count > 28 {
		return term{}, false
	}
	s := of.span()
	if n == 1 {
		return spanOf(s.first, s.first+count-1), true
	}
	return spanOf(s.last-count+1, s.last), true
}

// nthOf returns the nth weekday, working day, day or week of a span, or the last one if n is negative.
func (r *reader) nthOf(n int, what token, s dates) (term, bool) {
	day, isDay := Weekday(what.text)
	isDay = isDay && what.kind == word
	switch {
	case what.text == "weekend":
		d, ok := nthWeekday(s, time.Saturday, n)
		return r.weekendTerm(dates{d, d + 1}), ok
	case strings.HasPrefix(what.text, "week"):
		week := r.weekOf(s.first+6).first + date(7*(n-1))
		if r.choose(2, true) == 0 {
			week = s.first + date(7*(n-1))
		}
		return spanOf(week, week+6), week <= s.last
	case isDay:
		d, ok := nthWeekday(s, day, n)
		return r.named(d), ok
	case what.text == "workday":
		r.hint("Public holidays are not considered")
		if n > 0 {
			d := workday(s.first-1, n)
			return dayOf(d), d <= s.last
		}
		d := s.last
		for !workdays.has(d.weekday()) {
			d--
		}
		return dayOf(d), true
	case n > 0:
		return dayOf(s.first + date(n-1)), s.first+date(n-1) <= s.last
	}
	return dayOf(s.last), true
}

// season returns the three months of a season in either hemisphere.
func (r *reader) season(name string) term {
	r.pos++
	first := 3 + 3*slices.Index([]string{"spring", "summer", "autumn", "winter"}, name)
	if r.choose(2, true) == 1 {
		first = (first+5)%12 + 1
	}
	r.suggestOnly = "names a season"
	for year := r.today.year() - 1; ; year++ {
		s := dates{firstOf(year, first), firstOf(year, first+3) - 1}
		if s.last >= r.today {
			return spanOf(s.first, s.last)
		}
	}
}
