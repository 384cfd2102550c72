package times

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// vocabulary is all that when understands, as the model is told it. Spelling is forgiving: case,
// spaces, "fri", "on friday", "the day after tomorrow".
const vocabulary = "today, tomorrow, this week, next week, a weekday such as friday, or in 3 days"

// meaning is what a phrase of the vocabulary means: whole dates, the last one included.
type meaning struct {
	words       string // the phrase in its one spelling
	first, last time.Time
	// other is set where people differ about the phrase: then it is not used, and both are told.
	other time.Time
	hint  string // see Window.Hint
}

var inDays = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^in (\d{1,3}) days?$`) })

// meaningOf reads a phrase on the calendar of the zone; false when it is none of the vocabulary.
func (d *draft) meaningOf(words string) (meaning, bool) {
	phrase := strings.Join(strings.Fields(strings.ToLower(words)), " ")
	today := dateOf(d.Now, d.Loc)
	switch phrase {
	case "today":
		return d.day(phrase, today), true
	case "tomorrow":
		return d.day(phrase, today.AddDate(0, 0, 1)), true
	case "day after tomorrow", "the day after tomorrow":
		return d.day("in 2 days", today.AddDate(0, 0, 2)), true
	case "this week":
		return meaning{words: phrase, first: today, last: d.weekEnd(today), hint: d.weekHint()}, true
	case "next week":
		end := d.weekEnd(today)
		return meaning{words: phrase, first: end.AddDate(0, 0, 1), last: end.AddDate(0, 0, 7), hint: d.weekHint()}, true
	}
	if m := inDays().FindStringSubmatch(phrase); m != nil {
		n, _ := strconv.Atoi(m[1]) // at most three digits
		return d.day("in "+days(n), today.AddDate(0, 0, n)), true
	}
	return d.weekday(phrase, today)
}

// day means one date. A date that the zone skipped is nobody's tomorrow: the next one is.
func (d *draft) day(words string, date time.Time) meaning {
	date = d.existing(date, 1)
	return meaning{words: words, first: date, last: date}
}

// weekday means the coming "friday" or "on fri", today included. For "next friday" people differ:
// it is the coming one, today excluded, or the one of next week; where both are one date it is that.
func (d *draft) weekday(phrase string, today time.Time) (meaning, bool) {
	name, isNext := strings.CutPrefix(phrase, "next ")
	for _, lead := range []string{"this ", "on "} {
		name = strings.TrimPrefix(name, lead)
	}
	day, ok := Weekday(name)
	if !ok {
		return meaning{}, false
	}
	words := strings.ToLower(day.String())
	coming := d.existing(today.AddDate(0, 0, daysUntil(today.Weekday(), day)), 7)
	if !isNext {
		m := meaning{words: words, first: coming, last: coming}
		if coming.Equal(today) {
			m.hint = day.String() + ` is today: for the one after it send when "in 7 days"`
		}
		return m, true
	}
	if coming.Equal(today) {
		coming = d.existing(today.AddDate(0, 0, 7), 7)
	}
	m := meaning{words: "next " + words, first: coming, last: coming}
	begins := d.weekEnd(today).AddDate(0, 0, 1)
	if ofNextWeek := begins.AddDate(0, 0, daysUntil(begins.Weekday(), day)); !ofNextWeek.Equal(coming) {
		m.other = ofNextWeek
	}
	return m, true
}

// existing is the date, or where the zone skipped it the first one after it, in steps of so many
// days, that it did not skip.
func (d *draft) existing(date time.Time, step int) time.Time {
	for {
		if _, exists := startOf(date, d.Loc); exists {
			return date
		}
		date = date.AddDate(0, 0, step)
	}
}

// weekEnd is the last date of the week that holds the date.
func (d *draft) weekEnd(date time.Time) time.Time {
	return date.AddDate(0, 0, 6-daysUntil(d.WeekStart, date.Weekday()))
}

func (d *draft) weekHint() string { return "A week begins on " + d.WeekStart.String() + " here" }

// daysUntil is how far it is from one weekday to the next such, 0 to 6 days.
func daysUntil(from, to time.Weekday) int { return (int(to) - int(from) + 7) % 7 }

var weekdays = []string{"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"}

// Weekday reads the English name of a weekday or its first three letters, in any case.
func Weekday(name string) (time.Weekday, bool) {
	name = strings.ToLower(name)
	i := slices.IndexFunc(weekdays, func(day string) bool { return day == name || day[:3] == name })
	return time.Weekday(max(i, 0)), i >= 0
}
