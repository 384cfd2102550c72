package times

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// refuseWords refuses what is no date, with the date to send where the words mean one.
func (d *draft) refuseWords(field, sent string) {
	today := dateOf(d.Now, d.Loc)
	if dates := datesOf(sent, today); dates != "" {
		d.refuse("%s %s is not a date: send %s", field, quote(sent), dates)
		return
	}
	example := time.Date(today.Year(), today.Month(), today.Day()+1, 9, 0, 0, 0, d.Loc)
	d.refuse("%s %s is not a date or time: send a date such as %s, or a time with its offset such as %s",
		field, quote(sent), today.Format(time.DateOnly), example.Format(exact))
}

var inDays = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^in (\d{1,3}) days?$`) })

// datesOf tells which dates the words mean, seen from today; "" when they mean none.
func datesOf(words string, today time.Time) string {
	after := func(n int) string { return today.AddDate(0, 0, n).Format(time.DateOnly) }
	phrase := strings.Join(strings.Fields(strings.ToLower(words)), " ")
	sunday := (7 - int(today.Weekday())) % 7 // days to the end of this week, which began on Monday
	switch phrase {
	case "today", "now", "tonight":
		return after(0)
	case "tomorrow":
		return after(1)
	case "day after tomorrow", "the day after tomorrow":
		return after(2)
	case "this week":
		return "from " + after(0) + " to " + after(sunday)
	case "next week":
		return "from " + after(sunday+1) + " to " + after(sunday+7)
	}
	if m := inDays().FindStringSubmatch(phrase); m != nil {
		n, _ := strconv.Atoi(m[1]) // at most three digits
		return after(n)
	}
	if n, ok := daysToWeekday(phrase, today.Weekday()); ok {
		return after(n) + ", or " + after(n+7) + " for the week after"
	}
	return ""
}

var weekdays = []string{"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"}

// daysToWeekday is how far the coming "friday", "next fri" or "on friday" is: 0 to 6 days. People
// differ about which Friday is the next, so the answer always comes with the one after it.
func daysToWeekday(phrase string, today time.Weekday) (int, bool) {
	for _, lead := range []string{"this ", "next ", "on "} {
		phrase = strings.TrimPrefix(phrase, lead)
	}
	i := slices.IndexFunc(weekdays, func(day string) bool { return day == phrase || day[:3] == phrase })
	if i < 0 {
		return 0, false
	}
	return (i - int(today) + 7) % 7, true
}
