package times_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/times"
)

func when(t testing.TB, words, zoneName string, weekStart time.Weekday, now time.Time) (times.Window, error) {
	t.Helper()
	return times.ParseWindow(times.WindowInput{When: words, WeekStart: weekStart, Loc: zone(t, zoneName), Now: now})
}

func TestReq_S7_PhrasesAreResolvedAndTold(t *testing.T) {
	t.Parallel()
	const monday, today = "A week begins on Monday here", `Thursday is today: for the one after it send when "in 7 days"`
	for _, c := range []struct{ sent, when, text, hint string }{
		{"today", "today", "Thu 14 May 2026, 10:06 UTC+1 – the end of that day", ""},
		{"Tomorrow", "tomorrow", "all of Fri 15 May 2026", ""},
		{"the day after tomorrow", "in 2 days", "all of Sat 16 May 2026", ""},
		{"this week", "this week", "Thu 14 May 2026, 10:06 UTC+1 – the end of Sun 17 May 2026", monday},
		{" next  WEEK ", "next week", "Mon 18 May 2026 – the end of Sun 24 May 2026", monday},
		{"friday", "friday", "all of Fri 15 May 2026", ""},
		{"on fri", "friday", "all of Fri 15 May 2026", ""},
		{"this wednesday", "wednesday", "all of Wed 20 May 2026", ""},
		{"thursday", "thursday", "Thu 14 May 2026, 10:06 UTC+1 – the end of that day", today},
		{"next monday", "next monday", "all of Mon 18 May 2026", ""},
		{"next thursday", "next thursday", "all of Thu 21 May 2026", ""},
		{"in 0 days", "in 0 days", "Thu 14 May 2026, 10:06 UTC+1 – the end of that day", ""},
		{"in 1 day", "in 1 day", "all of Fri 15 May 2026", ""},
		{"in 164 days", "in 164 days", "all of Sun 25 Oct 2026", ""},
	} {
		w, err := when(t, c.sent, "Europe/London", time.Monday, thursday)
		require.NoError(t, err, c.sent)
		assert.Equal(t, []string{c.when, c.text, c.hint}, []string{w.When, w.Text(), w.Hint}, c.sent)
		assert.False(t, w.Cut, "what is left of today is what was meant")
	}
}

func TestReq_S7_WeeksBeginWhereTheSettingSays(t *testing.T) {
	t.Parallel()
	sunday := time.Date(2026, time.May, 17, 12, 0, 0, 0, time.UTC)
	for start, want := range map[time.Weekday][3]string{
		time.Monday:   {"Sun 17 May 2026, 13:00 UTC+1 – the end of that day", "Mon 18 May 2026 – the end of Sun 24 May 2026", "A week begins on Monday here"},
		time.Sunday:   {"Sun 17 May 2026, 13:00 UTC+1 – the end of Sat 23 May 2026", "Sun 24 May 2026 – the end of Sat 30 May 2026", "A week begins on Sunday here"},
		time.Saturday: {"Sun 17 May 2026, 13:00 UTC+1 – the end of Fri 22 May 2026", "Sat 23 May 2026 – the end of Fri 29 May 2026", "A week begins on Saturday here"},
	} {
		this, err1 := when(t, "this week", "Europe/London", start, sunday)
		next, err2 := when(t, "next week", "Europe/London", start, sunday)
		require.NoError(t, errors.Join(err1, err2))
		assert.Equal(t, want, [3]string{this.Text(), next.Text(), next.Hint})
	}
}

// People differ about "next friday"; where they differ it is not guessed.
func TestReq_S7_NextWeekdayIsUsedOnlyWhereAllAgree(t *testing.T) {
	t.Parallel()
	_, err := when(t, "next friday", "Europe/London", time.Monday, thursday)
	require.EqualError(t, err, `when "next friday" is Fri 15 May 2026 to some and Fri 22 May 2026 to others: `+
		`send when "in 1 day" or "in 8 days", whichever is meant`)
	_, err = when(t, "next sun", "Europe/London", time.Monday, thursday)
	require.ErrorContains(t, err, "Sun 17 May 2026 to some and Sun 24 May 2026 to others")
	w, err := when(t, "next sun", "Europe/London", time.Sunday, thursday)
	require.NoError(t, err, "where weeks begin on Sunday the coming one is in the next week")
	assert.Equal(t, "all of Sun 17 May 2026", w.Text())
}

func TestReq_S7_UnknownPhrasesAreRefusedWithExamples(t *testing.T) {
	t.Parallel()
	const known = ` is not understood: send a day, a week or a span in English, such as when "tomorrow afternoon", "next week" or "until friday"`
	for _, sent := range []string{"soonish", "in -1 days", "next", "fr", "whatever", "the day of the conference", "one of these days"} {
		_, err := when(t, sent, "Europe/London", time.Monday, thursday)
		assert.EqualError(t, err, `when "`+sent+`"`+known)
	}
}

func TestReq_S7_WhenBesideFromOrToSaysWhichToDrop(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ when, from, to, problem string }{
		{"tomorrow", "2026-05-15", "", `when "tomorrow" is a whole window: drop from`},
		{"next friday", "", "2026-05-15", `when "next friday" is a whole window: drop to`},
		{"next week", "2026-05-15", "2026-05-16", `when "next week" is a whole window: drop from and to`},
		{"soonish", "2026-05-15", "", `when "soonish" is not understood, and from or to says the window: drop when`},
	} {
		_, err := times.ParseWindow(times.WindowInput{When: c.when, From: c.from, To: c.to, Loc: zone(t, "Europe/London"), Now: thursday})
		assert.EqualError(t, err, c.problem)
	}
	w, err := times.ParseWindow(times.WindowInput{When: "tomorrow", From: " ", Now: thursday})
	require.NoError(t, err, "a blank is nothing")
	assert.Equal(t, "all of Fri 15 May 2026", w.Text())
}

func TestReq_S7_PhrasesKeepTheLimits(t *testing.T) {
	t.Parallel()
	_, err := when(t, "in 900 days", "Europe/London", time.Monday, thursday)
	require.EqualError(t, err, `when "in 900 days" is over 728 days ahead: send when "in 728 days" or less`)
	_, err = when(t, "in 728 days", "Europe/London", time.Monday, thursday)
	require.NoError(t, err)
	late := time.Date(2026, time.May, 17, 22, 59, 30, 0, time.UTC)
	for _, sent := range []string{"today", "this week", "sunday"} {
		_, err = when(t, sent, "Europe/London", time.Monday, late)
		require.EqualError(t, err, `when "`+sent+`" is past: it is now Sun 17 May 2026, 23:59 in Europe/London: send when "tomorrow", or later`)
	}
	_, err = times.ParseWindow(times.WindowInput{When: "next week", WeekStart: time.Monday, MaxDays: 2, Now: thursday})
	require.ErrorContains(t, err, "is 7 days and one search takes 2 days")
}

func TestReq_S4_WindowsAreToldInWords(t *testing.T) {
	t.Parallel()
	for text, ends := range map[string][2]string{
		"all of Fri 15 May 2026":                                         {"2026-05-15", "2026-05-15"},
		"Fri 15 May 2026 – the end of Sun 17 May 2026":                   {"2026-05-15", "2026-05-17"},
		"Fri 15 May 2026 – Sun 17 May 2026, 12:00 UTC+1":                 {"2026-05-15", "2026-05-17T12:00"},
		"Fri 15 May 2026, 09:00 UTC+1 – the end of that day":             {"2026-05-15T09:00", "2026-05-15"},
		"Fri 15 May 2026, 09:00 UTC+1 – the end of Sun 17 May 2026":      {"2026-05-15T09:00", "2026-05-17"},
		"Fri 15 May 2026, 09:00 UTC+1 – Fri 15 May 2026, 17:00 UTC+1":    {"2026-05-15T09:00", "2026-05-15T17:00"},
		"Sun 25 Oct 2026, 01:30 UTC+1 – Sun 25 Oct 2026, 01:30 UTC":      {"2026-10-25T01:30:00+01:00", "2026-10-25T01:30:00Z"},
		"Sat 24 Oct 2026 – the end of Sun 25 Oct 2026":                   {"2026-10-24", "2026-10-25"},
		"Thu 14 May 2026, 10:06 UTC+1 – Thu 21 May 2026, 10:06 UTC+1":    {"", ""},
		"Fri 15 May 2026, 09:00:30 UTC+1 – Fri 15 May 2026, 17:00 UTC+1": {"2026-05-15T09:00:30", "2026-05-15T17:00"},
		"Sat 28 Mar 2026, 09:00 UTC – Sun 29 Mar 2026, 09:00 UTC+1":      {"2026-03-28T09:00", "2026-03-29T09:00"},
	} {
		now := thursday
		if strings.Contains(text, "Mar") {
			now = now.AddDate(0, -2, 0)
		}
		w, err := times.ParseWindow(times.WindowInput{From: ends[0], To: ends[1], Loc: zone(t, "Europe/London"), Now: now})
		require.NoError(t, err)
		assert.Equal(t, text, w.Text())
		assert.Empty(t, w.When+w.Hint)
	}
}
