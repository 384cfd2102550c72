package times

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// monthday is the first date from a date on that has the number in its month.
func monthday(from date, n int) (date, bool) {
	for i := range 12 {
		if s := monthOf(monthOf(from).first.addMonths(i)); s.first+date(n-1) <= s.last && s.first+date(n-1) >= from {
			return s.first + date(n-1), n >= 1
		}
	}
	return 0, false
}

// year reads the year after a month or date; 0 for none.
func (r *reader) year() int {
	at := r.pos
	r.skipComma()
	if t := r.tok(); t.kind == number && t.digits == 4 && t.n >= 2000 && t.n < 2100 {
		r.pos++
		return t.n
	}
	if (r.is("next") || r.is("this")) && r.ahead(1).text == "year" {
		next := r.is("next")
		r.pos += 2
		if next {
			return r.today.year() + 1
		}
		return r.today.year()
	}
	r.pos = at
	return 0
}

// shortYear reads the year of "5 Jan 27": this one or the next; 0 for none.
func (r *reader) shortYear() int {
	t := r.tok()
	if year := 2000 + t.n; t.kind == number && t.digits == 2 && !t.ordinal && (year == r.today.year() || year == r.today.year()+1) && (r.ends(1) || r.ahead(1).text == "at") {
		r.show(r.pos, strconv.Itoa(year))
		r.pos++
		return year
	}
	return 0
}

func (r *reader) skipComma() {
	if r.tok().kind == comma && r.pos < len(r.tokens) {
		r.show(r.pos, " ")
		r.pos++
	}
}

// recently is how long ago a date may be that is taken for a mistake, not for the one of next year.
const recently = 62

// yearly is the coming occurrence of what there is each year, or that of the year where one was named.
// One that passed lately is offered, not used.
func (r *reader) yearly(find func(year int) (dates, bool), year int) term {
	if year != 0 {
		s, ok := find(year)
		if !ok {
			return term{}
		}
		if s.last < r.today {
			if again, ok := find(r.today.year()); ok && again.last >= r.today {
				r.fail(problem{what: "is past", offers: []meaning{{dates: again}}})
			} else if again, ok := find(r.today.year() + 1); ok {
				r.fail(problem{what: "is past", offers: []meaning{{dates: again}}})
			}
		}
		return spanOf(s.first, s.last)
	}
	var prior dates
	for year := r.today.year() - 1; year < r.today.year()+9; year++ {
		s, ok := find(year)
		switch {
		case !ok:
		case s.last < r.today:
			prior = s
		default:
			t := spanOf(s.first, s.last)
			if r.today-prior.last <= recently && prior.last > 0 {
				if r.choose(2, false) == 0 {
					t = spanOf(prior.first, prior.last) // the beginning of a range
				} else {
					r.only = "is past, if " + toldDates(prior) + " is meant"
				}
			}
			t.anyYear = true
			return t
		}
	}
	return term{}
}

func toldDates(s dates) string {
	if s.single() {
		return s.first.time().Format("2 Jan 2006")
	}
	return s.first.time().Format("2 Jan 2006") + " to " + s.last.time().Format("2 Jan 2006")
}

// figures reads "2026-12-14", "14/12", "12/5", of which both readings count.
func (r *reader) figures() (term, bool) {
	t := r.tok()
	if t.kind != numericDate || len(t.dates) == 0 {
		return term{}, false
	}
	at := r.pos
	r.pos++
	which := t.dates[0]
	if len(t.dates) > 1 {
		which = t.dates[r.choose(2, true)]
	}
	found, ok := r.datesOf(which[0], which[1], which[2], which[2])
	if ok && len(found.spans) > 0 {
		r.show(at, dateText(found.span().first))
	}
	return found, ok
}

func dateText(d date) string { return strings.ToLower(d.time().Format("2 January 2006")) }

// datesOf are the days from one to another of a month; year 0 is the coming one.
func (r *reader) datesOf(year, month, first, last int) (term, bool) {
	if month < 1 || month > 12 || first < 1 || last > 31 || last < first || year != 0 && (year < 1970 || year > 2199) {
		return term{}, false
	}
	exists := func(year int) (dates, bool) {
		a, ok1 := civil(year, month, first)
		b, ok2 := civil(year, month, last)
		return dates{a, b}, ok1 && ok2
	}
	here := year
	if here == 0 { // the year of the month that is meant
		if here = r.today.year(); monthOf(firstOf(here, month)).last < r.today {
			here++
		}
	}
	if _, ok := exists(here); !ok {
		end := monthOf(firstOf(here, month)).last
		r.fail(problem{
			what:   fmt.Sprintf("names %d %s %d, which does not exist", last, time.Month(month), here),
			offers: []meaning{{dates: dates{end, end}}, {dates: dates{end + 1, end + 1}}},
		})
		return dayOf(end), true
	}
	t := r.yearly(exists, year)
	return t, len(t.spans) > 0
}

// monthDays reads "14 December 2026", "Dec 3rd-5th", "14 or 16 December", "the 14th", "the 3rd to the 5th".
func (r *reader) monthDays() (term, bool) {
	month, year := 0, 0
	if t := r.tok(); t.kind == word && monthNamed(t.text) > 0 {
		month = monthNamed(t.text)
		r.pos++
	}
	days, ordinal := r.dayNumbers(month > 0)
	if len(days) == 0 {
		return term{}, false
	}
	dayFirst := month == 0
	if month == 0 {
		r.accept("in")
		if t := r.tok(); t.kind == word && monthNamed(t.text) > 0 {
			month = monthNamed(t.text)
			r.pos++
		}
	}
	if month == 0 {
		t := term{kind: monthdayTerm, spans: days}
		return t, ordinal || r.bareDays
	}
	if year = r.year(); year == 0 && dayFirst {
		year = r.shortYear()
	}
	var all term
	for _, s := range days {
		t, ok := r.datesOf(year, month, int(s.first), int(s.last))
		if !ok {
			return term{}, false
		}
		all.spans, all.anyYear = append(all.spans, t.spans...), year == 0
	}
	return all, true
}

// dayNumbers reads numbers of days: one, or several before or after the name of a month.
func (r *reader) dayNumbers(afterMonth bool) (days []dates, ordinal bool) {
	isDay := func(t token) bool {
		return t.kind == number && t.n >= 1 && t.n <= 31 && t.digits <= 2
	}
	isTime := func(i int) bool {
		switch t := r.ahead(i); t.text {
		case "am", "pm", "o'clock", "ish", "hour", "minute", "day", "week", "month", "year", "workday", "quarter":
			return true
		}
		return false
	}
	for {
		t := r.tok()
		word := t.digits == 0 && !t.the                                                                                      // "first" alone is no day
		half := afterMonth && t.digits > 0 && (r.ahead(1).text == "am" || r.ahead(1).text == "pm") && r.choose(2, true) == 0 // "January 10 am"
		if join := r.ahead(1); t.ordinal && !afterMonth && (join.text == "or" || join.text == "and" || join.kind == slash) && r.ahead(2).ordinal && strings.HasPrefix(r.ahead(3).text, "week") {
			break // "the 2nd or 3rd week"
		}
		if !isDay(t) || isTime(1) && !half || word && !afterMonth && !r.isDate() || !afterMonth && !t.ordinal && !r.bareDays && !r.isDate() {
			break
		}
		ordinal = ordinal || t.ordinal
		if t.digits == 0 && t.ordinal {
			r.show(r.pos, ordinalText(t.n))
		}
		r.pos++
		s := dates{date(t.n), date(t.n)}
		join, end := r.tok(), r.ahead(1)
		through := join.kind == dash || join.text == "to" || join.text == "until" || join.text == "and" && r.inBetween
		belongs := end.ordinal || r.bareDays || r.isDateFrom(1)
		if afterMonth {
			belongs = !r.monthFollows(2)
		}
		if through && belongs && isDay(end) && !isTime(2) && end.n > t.n {
			ordinal = ordinal || end.ordinal
			r.pos += 2
			s.last = date(end.n)
		}
		days = append(days, s)
		join = r.tok()
		if join.kind == comma && r.listAhead() {
			r.show(r.pos, "or")
			r.pos++
			continue
		}
		if more := r.ahead(1); (join.text == "or" || join.text == "and" || join.kind == slash) && isDay(more) && !isTime(2) &&
			more.n > int(s.last) && (afterMonth && !r.monthFollows(2) || !afterMonth && r.isDateFrom(1)) {
			r.pos++
			continue
		}
		break
	}
	return days, ordinal
}

// listAhead tells whether a comma is followed by days up to a last one after "or": "21, 22 or 23".
func (r *reader) listAhead() bool {
	for i := 0; ; i += 2 {
		join, n := r.ahead(i), r.ahead(i+1)
		if n.kind != number || n.digits == 0 || n.digits > 2 || r.pos+i >= len(r.tokens) {
			return false
		}
		if join.text == "or" || join.text == "and" {
			return i > 0
		}
		if join.kind != comma {
			return false
		}
	}
}

// monthFollows tells whether the name of a month is so many tokens ahead.
func (r *reader) monthFollows(n int) bool {
	t := r.ahead(n)
	return t.kind == word && monthNamed(t.text) > 0
}

func (r *reader) isDateFrom(n int) bool {
	r.pos += n
	defer func() { r.pos -= n }()
	return r.isDate()
}

// holidayTerm reads "Christmas Eve", "Thanksgiving 2027".
func (r *reader) holidayTerm() (term, bool) {
	in := r.pos
	r.accept("next", "this", "coming")
	name := r.tok()
	find := holidays[name.text]
	if name.kind != word || find == nil || r.pos > in && !r.isHolidayEnd() {
		return term{}, false
	}
	r.pos++
	which := 0
	if n := len(find(2026)); n > 1 {
		which = r.choose(n, true)
	}
	switch {
	case name.text != "thanksgiving":
	case canadian(r.loc.String()):
		find = nth(10, time.Monday, 2)
		r.hint("Thanksgiving is that of Canada")
	default:
		r.hint("Thanksgiving is that of the United States")
	}
	t := r.yearly(func(year int) (dates, bool) { d := find(year)[which]; return dates{d, d}, true }, r.year())
	t.holiday = true
	return t, len(t.spans) > 0
}

func (r *reader) isHolidayEnd() bool { return r.ahead(1).text != "week" }
