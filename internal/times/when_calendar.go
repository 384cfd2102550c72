package times

import (
	"slices"
	"strings"
	"time"
)

// date counts the days since 1 January 1970.
type date int

func dateAt(t time.Time) date { return date(dateOf(t, time.UTC).Unix() / (24 * 60 * 60)) }

// time is the date as a wall time at midnight.
func (d date) time() time.Time { return time.Unix(int64(d)*24*60*60, 0).UTC() }

func (d date) weekday() time.Weekday { return d.time().Weekday() }

func (d date) year() int { return d.time().Year() }

// civil is the date of a year, month and day; false where there is none, such as 30 February.
func civil(year, month, day int) (date, bool) {
	t := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	return dateAt(t), month >= 1 && month <= 12 && t.Day() == day && day >= 1
}

func firstOf(year, month int) date {
	d, _ := civil(year+(month-1)/12, (month-1)%12+1, 1)
	return d
}

// addMonths keeps the day of the month where there is one, else it is the last day.
func (d date) addMonths(n int) date {
	t := d.time()
	first := firstOf(t.Year(), int(t.Month())+n)
	last := firstOf(t.Year(), int(t.Month())+n+1) - 1
	return min(first+date(t.Day()-1), last)
}

// dates is a range of dates, the last one included.
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

// isoWeekOf is the first day of a week of ISO 8601, which holds the year's fourth of January if it
// is the first one.
func isoWeekOf(year, week int) date {
	fourth, _ := civil(year, 1, 4)
	return fourth - date(daysUntil(time.Monday, fourth.weekday())) + date(7*(week-1))
}

// weekdaySet holds weekdays, Sunday in its lowest bit. Zero means that none was named.
type weekdaySet uint8

const workdays, weekendDays, everyDay weekdaySet = 0b0111110, 0b1000001, 0b1111111

func setOf(days ...time.Weekday) (s weekdaySet) {
	for _, day := range days {
		s |= 1 << day
	}
	return s
}

func (s weekdaySet) has(day time.Weekday) bool { return s>>day&1 == 1 }

// days lists the set from Monday on.
func (s weekdaySet) days() (all []time.Weekday) {
	for i := range 7 {
		if day := time.Weekday((i + 1) % 7); s.has(day) {
			all = append(all, day)
		}
	}
	return all
}

var monthNames = strings.Fields("january february march april may june july august september october november december")

// monthNamed is the number of a month, 0 for none.
func monthNamed(name string) int { return slices.Index(monthNames, name) + 1 }

// calendar is what phrases are read against.
type calendar struct {
	now       time.Time
	loc       *time.Location
	today     date
	minute    int // of the day
	weekStart time.Weekday
	meeting   int // its length in minutes
	openDays  int // the length of a window that names no end
}

func (c calendar) weekOf(d date) dates {
	first := d - date(daysUntil(c.weekStart, d.weekday()))
	return dates{first, first + 6}
}

// coming is the first such weekday from a date on.
func coming(from date, day time.Weekday) date { return from + date(daysUntil(from.weekday(), day)) }

// daysUntil is how far it is from one weekday to the next such, 0 to 6 days.
func daysUntil(from, to time.Weekday) int { return (int(to) - int(from) + 7) % 7 }

// weekendOf is the Saturday and Sunday of the week, from Monday on, that holds the date.
func weekendOf(d date) dates {
	saturday := d - date(daysUntil(time.Monday, d.weekday())) + 5
	return dates{saturday, saturday + 1}
}

// workday is the nth Monday to Friday after the date.
func workday(d date, n int) date {
	for n > 0 {
		if d++; workdays.has(d.weekday()) {
			n--
		}
	}
	return d
}

// nthWeekday is the nth such weekday of a span, or the last one where n is negative.
func nthWeekday(s dates, day time.Weekday, n int) (date, bool) {
	d := coming(s.first, day) + date(7*(n-1))
	if n < 0 {
		d = coming(s.last-6, day)
	}
	return d, d >= s.first && d <= s.last
}

var weekdays = []string{"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"}

// Weekday reads the English name of a weekday or its first three letters, in any case.
func Weekday(name string) (time.Weekday, bool) {
	name = strings.ToLower(name)
	i := slices.IndexFunc(weekdays, func(day string) bool { return day == name || day[:3] == name })
	return time.Weekday(max(i, 0)), i >= 0
}

func nameOf(day time.Weekday) string { return weekdays[day] }

// holidays are those whose date follows from the year; a holiday that countries keep on different
// dates has all of them, and is then not used.
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

// easter is the Sunday of the Western churches by Butcher's algorithm, so many days later.
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

// canadian zones are those where Thanksgiving is in October.
func canadian(zone string) bool {
	if strings.HasPrefix(zone, "Canada/") {
		return true
	}
	city, found := strings.CutPrefix(zone, "America/")
	return found && slices.Contains(strings.Fields(`Atikokan Blanc-Sablon Cambridge_Bay Coral_Harbour Creston Dawson Dawson_Creek
		Edmonton Fort_Nelson Glace_Bay Goose_Bay Halifax Inuvik Iqaluit Moncton Montreal Nipigon Pangnirtung Rainy_River Rankin_Inlet
		Regina Resolute St_Johns Swift_Current Thunder_Bay Toronto Vancouver Whitehorse Winnipeg Yellowknife`), city)
}
