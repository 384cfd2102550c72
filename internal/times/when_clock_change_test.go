package times_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/times"
)

// req: S6
func TestReq_S7_DaysOfAClockChangeAreWhole(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		zone, now, when, text string
		length                time.Duration
	}{
		{"Europe/London", "2026-03-28T12:00:00Z", "tomorrow", "all of Sun 29 Mar 2026", 23 * time.Hour},
		{"Europe/London", "2026-10-24T12:00:00Z", "tomorrow", "all of Sun 25 Oct 2026", 25 * time.Hour},
		{"Australia/Lord_Howe", "2026-10-03T01:00:00Z", "tomorrow", "all of Sun 4 Oct 2026", 23*time.Hour + 30*time.Minute},
		{"Australia/Lord_Howe", "2026-04-04T01:00:00Z", "tomorrow", "all of Sun 5 Apr 2026", 24*time.Hour + 30*time.Minute},
		{"Africa/Cairo", "2026-04-23T12:00:00Z", "friday", "all of Fri 24 Apr 2026", 23 * time.Hour}, // from 01:00, its start
		{"Pacific/Apia", "2011-12-29T12:00:00Z", "today", "Thu 29 Dec 2011, 02:00 UTC-10 – the end of that day", 22 * time.Hour},
		{"Pacific/Apia", "2011-12-29T12:00:00Z", "tomorrow", "all of Sat 31 Dec 2011", 24 * time.Hour}, // there was no Friday
		{"Pacific/Apia", "2011-12-29T12:00:00Z", "in 1 day", "all of Sat 31 Dec 2011", 24 * time.Hour},
		{"Pacific/Apia", "2011-12-29T12:00:00Z", "in 2 days", "all of Sat 31 Dec 2011", 24 * time.Hour},
		{"Pacific/Apia", "2011-12-29T12:00:00Z", "friday", "all of Fri 6 Jan 2012", 24 * time.Hour},
		{"Pacific/Apia", "2011-12-29T12:00:00Z", "this week", "Thu 29 Dec 2011, 02:00 UTC-10 – the end of Sun 1 Jan 2012", 70 * time.Hour},
		{"Pacific/Apia", "2011-12-22T12:00:00Z", "next week", "Mon 26 Dec 2011 – the end of Sun 1 Jan 2012", 6 * 24 * time.Hour},
	} {
		now, err := time.Parse(time.RFC3339, c.now)
		require.NoError(t, err)
		w, err := when(t, c.when, c.zone, time.Monday, now)
		require.NoError(t, err)
		assert.Equal(t, c.text, w.Text(), c.zone)
		assert.Equal(t, c.length, w.To.Sub(w.From), "%s in %s", c.when, c.zone)
	}
}

// Seen from just before, at and after each change of each zone, days and weeks lie end to end:
// no instant is in two of them, and none in neither.
func TestReq_S7_DaysAndWeeksAbutAroundEveryClockChange(t *testing.T) {
	t.Parallel()
	changes := 0
	for _, name := range times.Zones() {
		loc := zone(t, name)
		for i, change := range transitions(loc) {
			changes++
			for _, hours := range []int{-25, -1, 0} {
				requireAbut(t, change.Add(time.Duration(hours)*time.Hour), loc, time.Weekday(i%7))
			}
		}
	}
	require.Greater(t, changes, 10_000)
}

func requireAbut(t *testing.T, now time.Time, loc *time.Location, weekStart time.Weekday) {
	t.Helper()
	window := func(words string) times.Window {
		w, err := times.ParseWindow(times.WindowInput{When: words, WeekStart: weekStart, Loc: loc, Now: now})
		require.NoError(t, err, "%s at %s in %s", words, now, loc)
		return w
	}
	today, tomorrow, thisWeek, nextWeek := window("today"), window("tomorrow"), window("this week"), window("next week")
	require.True(t, today.From.Equal(now), "%s in %s", now, loc)
	require.True(t, today.To.Equal(tomorrow.From) && tomorrow.From.Before(tomorrow.To), "%s in %s", now, loc)
	require.True(t, thisWeek.From.Equal(now) && thisWeek.To.Equal(nextWeek.From), "%s in %s", now, loc)
	require.Equal(t, weekStart, nextWeek.To.Weekday(), "%s in %s", now, loc)
}
