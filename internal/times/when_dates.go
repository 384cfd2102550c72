package times

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// date counts the days since 1 January 1970.
type date int

func dateAt(t time.Time) date { return date(dateOf(t, time.UTC).Unix() / (24 * 60 * 60)) }

// time returns the date as a wall time at midnight.
func (d date) time() time.Time { return time.Unix(int64(d)*24*60*60, 0).UTC() }

func (d date) weekday() time.Weekday { return d.time().Weekday() }

func (d date) year() int { return d.time().Year() }

// civil returns the date of a year, month and day, and whether it exists (30 February does not).
func civil(year, month, day int) (date, bool) {
	t := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	return dateAt(t), month >= 1 && month <= 12 && t.Day() == day && day >= 1
}

func firstOf(year, month int) date {
	d, _ := civil(year+(month-1)/12, (month-1)%12+1, 1)
	return d
}

// addMonths keeps the day of the month, or uses the last day if the month is shorter.
func (d date) addMonths(n int) date {
	t := d.time()
	first := firstOf(t.Year(), int(t.Month())+n)
	last := firstOf(t.Year(), int(t.Month())+n+1) - 1
	return min(first+date(t.Day()-1), last)
}

// dates is a range of dates, including the last one.
type dates struct{ first, last date }

func (s dates) single() bool { return s.first == s.last }

func monthOf(d date) dates {
	t := d.time()
	return dates{firstOf(t.Year(), int(t.Month())), firstOf(t.Year(), int(t.Month())+1) - 1}
}

func quarterOf(d date) dates {
	t := d.time()
	month := (int(t.Month())-1)/3*3 + 1
	return dates{firstOf(t.Year(), month), firstOf(t.Year(), month+3) - 1}
}

func yearOf(d date) dates { return dates{firstOf(d.year(), 1), firstOf(d.year()+1, 1) - 1} }

// isoWeekOf returns the first day of an ISO 8601 week. Week 1 contains 4 January.
func isoWeekOf(year, week int) date {
	fourth, _ := civil(year, 1, 4)
	return fourth - date(daysUntil(time.Monday, fourth.weekday())) + date(7*(week-1))
}

// weekdaySet is a set of weekdays, with Sunday in the lowest bit. Zero means that the phrase names none.
type weekdaySet uint8

const workdays, weekendDays, everyDay weekdaySet = 0b0111110, 0b1000001, 0b1111111

func setOf(days ...time.Weekday) (s weekdaySet) {
	for _, day := range days {
		s |= 1 << day
	}
	return s
}

func (s weekdaySet) has(day time.Weekday) bool { return s>>day&1 == 1 }

// days lists the set, beginning with Monday.
func (s weekdaySet) days() (all []time.Weekday) {
	for i := range 7 {
		if day := time.Weekday((i + 1) % 7); s.has(day) {
			all = append(all, day)
		}
	}
	return all
}

var monthNames = strings.Fields("january february march april may june july august september october november december")

func monthNamed(name string) int { return slices.Index(monthNames, name) + 1 }

// calendar is the context in which phrases are interpreted.
type calendar struct {
	now       time.Time
	loc       *time.Location
	today     date
	minute    int // of the day
	weekStart time.Weekday
	meeting   int // its length in minutes
	openDays  int // the length in days of a window without an end
}

func (c calendar) weekOf(d date) dates {
	first := d - date(daysUntil(c.weekStart, d.weekday()))
	return dates{first, first + 6}
}

// onOrAfter returns the first date with that weekday, from included.
func onOrAfter(from date, day time.Weekday) date { return from + date(daysUntil(from.weekday(), day)) }

// daysUntil returns the number of days from one weekday to the next occurrence of another, 0 to 6.
func daysUntil(from, to time.Weekday) int { return (int(to) - int(from) + 7) % 7 }

// weekendOf returns the Saturday and Sunday of the week, beginning on Monday, that contains the date.
func weekendOf(d date) dates {
	saturday := d - date(daysUntil(time.Monday, d.weekday())) + 5
	return dates{saturday, saturday + 1}
}

// workday returns the nth day from Monday to Friday after the date.
func workday(d date, n int) date {
	for n > 0 {
		if d++; workdays.has(d.weekday()) {
			n--
		}
	}
	return d
}

// nthWeekday returns the nth such weekday of a span, or the last one if n is negative.
func nthWeekday(s dates, day time.Weekday, n int) (date, bool) {
	d := onOrAfter(s.first, day) + date(7*(n-1))
	if n < 0 {
		d = onOrAfter(s.last-6, day)
	}
	return d, d >= s.first && d <= s.last
}

var weekdays = []string{"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"}

// Weekday parses the English name of a weekday or its first three letters, ignoring case.
func Weekday(name string) (time.Weekday, bool) {
	name = strings.ToLower(name)
	i := slices.IndexFunc(weekdays, func(day string) bool { return day == name || day[:3] == name })
	return time.Weekday(max(i, 0)), i >= 0
}

func nameOf(day time.Weekday) string { return weekdays[day] }

// holidays maps names to the dates in a year. Holidays that differ between countries have several dates; the
// phrase is then ambiguous.
var holidays = map[string]func(year int) []date{
	"new year's day":         fixed(1, 1),
	"epiphany":               fixed(1, 6),
	"burns night":            fixed(1, 25),
	"martin luther king day": nth(1, time.Monday, 3),
	"valentine's day":        fixed(2, 14),
	"presidents' day":        nth(2, time.Monday, 3),
	"st patrick's day":       fixed(3, 17),
	"good friday":            easter(-2),
	"easter":                 easter(0),
	"easter monday":          easter(1),
	"st george's day":        fixed(4, 23),
	"may day":                fixed(5, 1),
	"memorial day":           nth(5, time.Monday, -1),
	"mother's day": func(year int) []date { // Britain: three weeks before Easter; most others: the second Sunday of May
		return append(easter(-21)(year), nth(5, time.Sunday, 2)(year)...)
	},
	"father's day":     nth(6, time.Sunday, 3),
	"juneteenth":       fixed(6, 19),
	"canada day":       fixed(7, 1),
	"independence day": fixed(7, 4),
	"bastille day":     fixed(7, 14),
	"labor day":        nth(9, time.Monday, 1),
	"columbus day":     nth(10, time.Monday, 2),
	"halloween":        fixed(10, 31),
	"guy fawkes night": fixed(11, 5),
	"veterans day":     fixed(11, 11),
	"remembrance day":  fixed(11, 11),
	"thanksgiving":     nth(11, time.Thursday, 4),
	"black friday":     thanksgivingPlus(1),
	"cyber monday":     thanksgivingPlus(4),
	"st andrew's day":  fixed(11, 30),
	"christmas eve":    fixed(12, 24),
	"christmas":        fixed(12, 25),
	"boxing day":       fixed(12, 26),
	"new year's eve":   fixed(12, 31),
}

func fixed(month, day int) func(int) []date {
	return func(year int) []date {
		d, _ := civil(year, month, day)
		return []date{d}
	}
}

func nth(month int, day time.Weekday, n int) func(int) []date {
	return func(year int) []date {
		d, _ := nthWeekday(monthOf(firstOf(year, month)), day, n)
		return []date{d}
	}
}

func thanksgivingPlus(days date) func(int) []date {
	return func(year int) []date { return []date{nth(11, time.Thursday, 4)(year)[0] + days} }
}

// easter returns the date a number of days after Western Easter Sunday (Butcher's algorithm).
func easter(days date) func(int) []date {
	return func(year int) []date {
		a, b, c := year%19, year/100, year%100
		d, e := b/4, b%4
		g := (8*b + 13) / 25
		h := (19*a + b - d - g + 15) % 30
		i, k := c/4, c%4
		l := (32 + 2*e + 2*i - h - k) % 7
		m := (a + 11*h + 22*l) / 451
		month, day := (h+l-7*m+114)/31, (h+l-7*m+114)%31+1
		sunday, _ := civil(year, month, day)
		return []date{sunday + days}
	}
}

// canadian reports whether Thanksgiving is in October in the zone.
func canadian(zone string) bool {
	if strings.HasPrefix(zone, "Canada/") {
		return true
	}
	city, found := strings.CutPrefix(zone, "America/")
	return found && slices.Contains(strings.Fields(`Atikokan Blanc-Sablon Cambridge_Bay Coral_Harbour Creston Dawson Dawson_Creek
		Edmonton Fort_Nelson Glace_Bay Goose_Bay Halifax Inuvik Iqaluit Moncton Montreal Nipigon Pangnirtung Rainy_River Rankin_Inlet
		Regina Resolute St_Johns Swift_Current Thunder_Bay Toronto Vancouver Whitehorse Winnipeg Yellowknife`), city)
}

// monthday returns the first date, from included, that is day n of its month.
func monthday(from date, n int) (date, bool) {
	for i := range 12 {
		if s := monthOf(monthOf(from).first.addMonths(i)); s.first+date(n-1) <= s.last && s.first+date(n-1) >= from {
			return s.first + date(n-1), n >= 1
		}
	}
	return 0, false
}

// year parses the year after a month or date, or returns 0.
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

// shortYear parses the year in "5 Jan 27" if it is this or the next year, else returns 0.
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

// recentDays is the age in days up to which a past date is treated as a mistake, and not as one of next year.
const recentDays = 62

// yearly returns the next occurrence of an annual date, or that of the given year. If an occurrence passed
// recently, the next one is only suggested.
func (r *reader) yearly(find func(year int) (dates, bool), year int) term {
	if year != 0 {
		s, ok := find(year)
		if !ok {
			return term{}
		}
		if s.last < r.today {
			if again, ok := find(r.today.year()); ok && again.last >= r.today {
				r.fail(problem{what: "is past", suggestions: []meaning{{dates: again}}})
			} else if again, ok := find(r.today.year() + 1); ok {
				r.fail(problem{what: "is past", suggestions: []meaning{{dates: again}}})
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
			if r.today-prior.last <= recentDays && prior.last > 0 {
				if r.choose(2, false) == 0 {
					t = spanOf(prior.first, prior.last) // as the beginning of a range
				} else {
					r.suggestOnly = "is past, if " + formatDates(prior) + " is meant"
				}
			}
			t.anyYear = true
			return t
		}
	}
	return term{}
}

func formatDates(s dates) string {
	if s.single() {
		return s.first.time().Format("2 Jan 2006")
	}
	return s.first.time().Format("2 Jan 2006") + " to " + s.last.time().Format("2 Jan 2006")
}

// numericDateTerm parses "2026-12-14", "14/12" and "12/5"; both readings of the last one count.
func (r *reader) numericDateTerm() (term, bool) {
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

// datesOf returns the days from first to last of a month. Year 0 means the next occurrence.
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
			what:        fmt.Sprintf("names %d %s %d, which does not exist", last, time.Month(month), here),
			suggestions: []meaning{{dates: dates{end, end}}, {dates: dates{end + 1, end + 1}}},
		})
		return dayOf(end), true
	}
	t := r.yearly(exists, year)
	return t, len(t.spans) > 0
}

// monthDays parses "14 December 2026", "Dec 3rd-5th", "14 or 16 December", "the 14th", "the 3rd to the 5th".
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

// dayNumbers parses one or several day numbers before or after the name of a month.
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
		through := r.rangeWord(r.inBetween)
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

// listAhead reports whether a list of days follows that ends with "or": "21, 22 or 23".
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

// monthFollows reports whether the token n positions ahead is a month.
func (r *reader) monthFollows(n int) bool {
	t := r.ahead(n)
	return t.kind == word && monthNamed(t.text) > 0
}

func (r *reader) isDateFrom(n int) bool {
	r.pos += n
	defer func() { r.pos -= n }()
	return r.isDate()
}

// holidayTerm parses "Christmas Eve", "Thanksgiving 2027".
func (r *reader) holidayTerm() (term, bool) {
	in := r.pos
	r.accept("next", "this", "coming")
	name := r.tok()
	find := holidays[name.text]
	if name.kind != word || find == nil || r.pos > in && r.ahead(1).text == "week" {
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
