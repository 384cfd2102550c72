package times_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/vennio-mcp/vennio-mcp/internal/times"
)

// The echoed phrase is the phrase: sent again it is the same window.
func TestReq_S7_EchoedPhrasesMeanTheSame(t *testing.T) {
	t.Parallel()
	for _, c := range corpus(t) {
		w, err := times.ParseWindow(c.input())
		if err != nil {
			continue
		}
		again := c.input()
		again.When = w.When
		echoed, err := times.ParseWindow(again)
		if assert.NoError(t, err, "%s, echoed as %q", c, w.When) {
			assert.Equal(t, resolved(w), resolved(echoed), "%s, echoed as %q", c, w.When)
			assert.Equal(t, w.When, echoed.When, c)
		}
	}
}

// What is not known is never dropped: a phrase with a word more is refused.
//
// field: a word that is not known
func TestReq_S7_NoWordIsDropped(t *testing.T) {
	t.Parallel()
	for _, c := range corpus(t) {
		for _, phrase := range []string{c.phrase + " xyzzy", "Xyzzy " + c.phrase, c.phrase + " with Bob", c.phrase + " unless it rains"} {
			in := c.input()
			in.When = phrase
			_, err := times.ParseWindow(in)
			assert.Error(t, err, "%q at %s", phrase, c.clock)
		}
	}
}

// Any words of the lexicon in any order are a sound window that is echoed as itself, or are refused
// with calls each of which is accepted.
//
// field: offered calls sent literally
func TestReq_S7_AnyWordsAreAWindowOrRefusedWithCallsThatWork(t *testing.T) {
	t.Parallel()
	lexicon, err := os.ReadFile("lexicon.txt")
	require.NoError(t, err)
	words := strings.FieldsFunc(string(lexicon), func(r rune) bool { return strings.ContainsRune(" |\n:", r) })
	common := strings.Fields("3 14th at 7 12/5 half tuesday friday next this week from to until by after before between and or , - morning 10:30 2pm december in 5 days weeks except tursday")
	random := rand.New(rand.NewPCG(1, 2))
	clocks := corpus(t)
	understood := 0
	for range 2500 {
		in := clocks[random.IntN(len(clocks))].input()
		var phrase []string
		for range 1 + random.IntN(6) {
			from := words
			if random.IntN(3) > 0 {
				from = common
			}
			phrase = append(phrase, from[random.IntN(len(from))])
		}
		in.When = strings.Join(phrase, " ")
		w, err := times.ParseWindow(in)
		if err != nil {
			requirePresentable(t, err)
			requireAccepted(t, in, err)
			continue
		}
		understood++
		require.True(t, w.From.Before(w.To) && !w.From.Before(in.Now), in.When)
		again := in
		again.When = w.When
		echoed, err := times.ParseWindow(again)
		if assert.NoError(t, err, "%q at %s, echoed as %q", in.When, in.Now, w.When) {
			assert.Equal(t, resolved(w), resolved(echoed), "%q at %s, echoed as %q", in.When, in.Now, w.When)
		}
	}
	require.Greater(t, understood, 150)
}

// requireAccepted sends every call that a refusal offers.
func requireAccepted(t *testing.T, in times.WindowInput, refusal error) {
	t.Helper()
	calls, zones := offeredCalls(refusal.Error())
	for i, call := range calls {
		in.When, in.From, in.To = call.When, call.From, call.To
		if zones[i] != "" {
			in.Loc = zone(t, zones[i])
		}
		_, err := times.ParseWindow(in)
		require.NoError(t, err, refusal.Error())
	}
}

// A calendar of its own: day is a date as the instant at which it is noon in UTC, which is asked one
// by one whether a phrase means it.
type day struct {
	time.Time
	ahead    int // days after today
	week     int // weeks begun after this one, by the first day of the week
	monday   int // the same with weeks from Monday on
	month    int // months begun after this one
	workdays int // Monday to Friday after today, this day included
}

func (d day) is(name string) bool { return strings.EqualFold(d.Weekday().String(), name) }

// calendarFrom lists the days from today on.
func calendarFrom(now time.Time, weekStart time.Weekday) (all []day) {
	year, month, date := now.Date()
	d := day{Time: time.Date(year, month, date, 12, 0, 0, 0, time.UTC)}
	for range 130 {
		all = append(all, d)
		d.Time = d.AddDate(0, 0, 1)
		d.ahead++
		if d.Weekday() == weekStart {
			d.week++
		}
		if d.Weekday() == time.Monday {
			d.monday++
		}
		if d.Day() == 1 {
			d.month++
		}
		if d.Weekday() != time.Saturday && d.Weekday() != time.Sunday {
			d.workdays++
		}
	}
	return all
}

// generated is a phrase and the days that it means.
type generated struct {
	phrase string
	means  func(d day) bool
}

// drawDays draws words for days.
func drawDays(t *rapid.T, all []day) generated {
	n := rapid.IntRange(1, 40).Draw(t, "n")
	names := []string{"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"}
	name := rapid.SampledFrom(names).Draw(t, "weekday")
	other := rapid.SampledFrom(names).Draw(t, "other weekday")
	first := slices.IndexFunc(all, func(d day) bool { return d.is(name) })           // the coming one
	date := all[rapid.IntRange(0, 100).Draw(t, "date")]                              // a date
	end := all[min(date.ahead+rapid.IntRange(0, 25).Draw(t, "length"), len(all)-10)] // one after it
	nextWeek := func(d day) bool { return d.week == 1 }
	return rapid.SampledFrom([]generated{
		{"today", func(d day) bool { return d.ahead == 0 }},
		{"tomorrow", func(d day) bool { return d.ahead == 1 }},
		{"the day after tomorrow", func(d day) bool { return d.ahead == 2 }},
		{fmt.Sprintf("in %d days", n), func(d day) bool { return d.ahead == n }},
		{fmt.Sprintf("%d days from now", n), func(d day) bool { return d.ahead == n }},
		{fmt.Sprintf("within %d days", n), func(d day) bool { return d.ahead <= n }},
		{"in 2 weeks", func(d day) bool { return d.ahead == 14 }},
		{"in the next 3 weeks", func(d day) bool { return d.ahead <= 21 }},
		{"this week", func(d day) bool { return d.week == 0 }},
		{"next week", nextWeek},
		{"the week after next", func(d day) bool { return d.week == 2 }},
		{"this month", func(d day) bool { return d.month == 0 }},
		{"next month", func(d day) bool { return d.month == 1 }},
		{"this weekend", func(d day) bool { return d.monday == 0 && (d.is("saturday") || d.is("sunday")) }},
		{"weekdays next week", func(d day) bool { return nextWeek(d) && !d.is("saturday") && !d.is("sunday") }},
		{"in 3 business days", func(d day) bool {
			return d.workdays == 3 && !d.is("saturday") && !d.is("sunday") && d.ahead > 0
		}},
		{strings.ToLower(name), func(d day) bool { return d.ahead == first }},
		{name + " next week", func(d day) bool { return nextWeek(d) && d.is(name) }},
		{"next week except " + name, func(d day) bool { return nextWeek(d) && !d.is(name) }},
		{"until " + name, func(d day) bool { return d.ahead <= first }},
		{"next month on " + name + "s or " + other + "s", func(d day) bool { return d.month == 1 && (d.is(name) || d.is(other)) }},
		{date.Format("2 January 2006"), func(d day) bool { return d.ahead == date.ahead }},
		{date.Format("Jan 2, 2006"), func(d day) bool { return d.ahead == date.ahead }},
		{date.Format("Monday, 2 Jan 2006"), func(d day) bool { return d.ahead == date.ahead }},
		{date.Format("2006-01-02"), func(d day) bool { return d.ahead == date.ahead }},
		{date.Format("2 Jan 2006") + " to " + end.Format("2 Jan 2006"), func(d day) bool { return d.ahead >= date.ahead && d.ahead <= end.ahead }},
		{"by " + date.Format("Jan 2 2006"), func(d day) bool { return d.ahead <= date.ahead }},
		{"before " + end.Format("2 Jan 2006"), func(d day) bool { return d.ahead < end.ahead }},
	}).Draw(t, "days")
}

// drawHours draws words for hours, and the hours.
func drawHours(t *rapid.T) (phrase, hours string) {
	from := rapid.IntRange(8, 15).Draw(t, "hour")
	to := rapid.IntRange(from+1, 20).Draw(t, "to hour")
	half := rapid.SampledFrom([]string{"00", "30"}).Draw(t, "minutes")
	clock := fmt.Sprintf("%02d:%s", from, half)
	halfLater := fmt.Sprintf("%02d:30", from)
	if half == "30" {
		halfLater = fmt.Sprintf("%02d:00", from+1)
	}
	twelve, suffix := (from+11)%12+1, "am"
	if from >= 12 {
		suffix = "pm"
	}
	one := rapid.SampledFrom([][2]string{
		{"", "-"},
		{"in the morning", "08:00-12:00"},
		{"in the afternoon", "12:00-18:00"},
		{"in the evening", "18:00-22:00"},
		{"at " + clock, clock + "-" + halfLater},
		{fmt.Sprintf("at %d:%s%s", twelve, half, suffix), clock + "-" + halfLater},
		{"after " + clock, clock + "-"},
		{"before " + clock, "-" + clock},
		{fmt.Sprintf("between %s and %02d:30", clock, to), fmt.Sprintf("%s-%02d:30", clock, to)},
	}).Draw(t, "hours")
	return one[0], one[1]
}

// Around clock changes in every zone, words for days and hours are the days that an independent
// calendar names and the hours as they were said: each half hour of four months is asked whether it
// is in the window.
//
// field: generated phrases against an independent calendar
func TestReq_S7_GeneratedPhrasesAreTheirDaysAndHours(t *testing.T) {
	t.Parallel()
	understood := 0
	rapid.Check(t, func(t *rapid.T) {
		loc := drawZone(t)
		now := time.Unix(rapid.Int64Range(time.Date(2012, 1, 2, 0, 0, 0, 0, time.UTC).Unix(), lastSecond-200*24*3600).Draw(t, "now"), 0).In(loc)
		if changes := transitions(loc); len(changes) > 0 && rapid.Bool().Draw(t, "near a clock change") {
			change := rapid.SampledFrom(changes).Draw(t, "change")
			if change.Year() >= 2012 {
				now = change.Add(-time.Duration(rapid.IntRange(0, 9*24*60).Draw(t, "minutes before")) * time.Minute).In(loc)
			}
		}
		now = now.Truncate(time.Minute)
		weekStart := rapid.SampledFrom(weekdays).Draw(t, "week start")
		days := drawDays(t, calendarFrom(now, weekStart))
		words, hours := drawHours(t)
		in := times.WindowInput{
			When: strings.TrimSpace(days.phrase + " " + words), WeekStart: weekStart, Loc: loc, Now: now, DefaultDays: 7, MaxWhenDays: 92,
		}
		if strings.HasPrefix(days.phrase, "until") || strings.HasPrefix(days.phrase, "by") || strings.HasPrefix(days.phrase, "before") {
			in.When, hours = days.phrase, "-" // a time after these is a deadline
		}
		w, err := times.ParseWindow(in)
		if err != nil {
			return // past, a time that the clocks skip, more than one search takes
		}
		if strings.Contains(w.Hint, "that time of it is past") {
			return // the weekday is today, and the one of next week is meant
		}
		understood++
		got := resolved(w)
		require.Equal(t, hours, got.hours, in.When)
		meant := map[string]bool{}
		for _, d := range calendarFrom(now, weekStart) {
			meant[d.Format(time.DateOnly)] = days.means(d)
		}
		for at := firstInstant(now.AddDate(0, 0, -1).UTC().Truncate(24*time.Hour), loc); at.Before(now.AddDate(0, 0, 115)); at = at.Add(30 * time.Minute) {
			local := at.In(loc)
			expected := !at.Before(now) && meant[local.Format(time.DateOnly)]
			actual := !at.Before(w.From) && at.Before(w.To) && (len(w.Days) == 0 || slices.Contains(w.Days, local.Weekday()))
			require.Equal(t, expected, actual, "%q at %s: %s is in the window %s", in.When, now, local, w.Text())
		}
	})
	require.Greater(t, understood, 60)
}

// field: alternative said twice
func TestAnAlternativeSaidTwiceKeepsItsHours(t *testing.T) {
	t.Parallel()
	loc, err := time.LoadLocation("Europe/London")
	require.NoError(t, err)
	for phrase, want := range map[string]string{
		"saturday or saturday after 10:00": "10:00-", "tomorrow after 3pm or tomorrow after 3pm": "15:00-", "tomorrow at 10 or 10": "10:00-10:30",
		"friday morning or friday morning": "08:00-12:00", "tuesday or tuesday before noon": "-12:00",
	} {
		w, err := times.ParseWindow(times.WindowInput{When: phrase, Loc: loc, Now: time.Date(2026, 5, 13, 8, 0, 0, 0, time.UTC), DefaultDays: 7, MaxWhenDays: 92})
		if assert.NoError(t, err, phrase) {
			assert.Equal(t, want, resolved(w).hours, phrase)
		}
	}
}
