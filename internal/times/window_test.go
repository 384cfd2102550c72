package times_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/times"
)

// thursday is the now of most tests: 10:05:20 in London.
var thursday = time.Date(2026, time.May, 14, 9, 5, 20, 0, time.UTC)

func TestReq_S4_WindowsAreUnderstood(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ from, to, label string }{
		{"", "", "Thu 14 May 2026, 10:06 – Thu 21 May 2026, 10:06"},
		{"", "2026-05-14", "Thu 14 May 2026, 10:06 – Fri 15 May 2026, 00:00"},
		{"2026-05-15", "", "Fri 15 May 2026, 00:00 – Fri 22 May 2026, 00:00"},
		{"2026-05-15", "2026-05-15", "Fri 15 May 2026, 00:00 – Sat 16 May 2026, 00:00"},
		{"2026-05-18", "2026-05-22", "Mon 18 May 2026, 00:00 – Sat 23 May 2026, 00:00"},
		{"2026-05-15T09:00:00+01:00", "2026-05-15T17:00:00+01:00", "Fri 15 May 2026, 09:00–17:00"},
		{"2026-05-15T09:00:00Z", "2026-05-15T13:00:00-04:00", "Fri 15 May 2026, 10:00–18:00"},
		{"2026-05-15T09:00Z", "2026-05-15 13:00-04:00", "Fri 15 May 2026, 10:00–18:00"},
		{"2026-05-15t09:00:00.75z", "2026-05-15T18:00", "Fri 15 May 2026, 10:00–18:00"},
		{" 2026-05-15T09:00 ", "2026-05-15 17:30:00", "Fri 15 May 2026, 09:00–17:30"},
	} {
		w, err := times.ParseWindow(times.WindowInput{From: c.from, To: c.to, Loc: zone(t, "Europe/London"), Now: thursday})
		require.NoError(t, err)
		assert.Equal(t, c.label+" (Europe/London, UTC+1)", times.Label(w.From, w.To, w.Loc))
		assert.Zero(t, w.From.Nanosecond(), "whole seconds")
		assert.False(t, w.Cut)
	}
}

func TestReq_S5_WindowThatCrossesNowIsCut(t *testing.T) {
	t.Parallel()
	for _, from := range []string{"2026-05-14", "2026-03-01", "2026-05-14T10:05", "2026-05-14T09:05:59Z"} {
		w, err := times.ParseWindow(times.WindowInput{From: from, To: "2026-05-20", Loc: zone(t, "Europe/London"), Now: thursday})
		require.NoError(t, err)
		assert.Equal(t, "2026-05-14T09:06:00Z", times.UTC(w.From))
		assert.True(t, w.Cut)
	}
	w, err := times.ParseWindow(times.WindowInput{From: "2026-05-14T09:05:00Z", Now: thursday.Truncate(time.Minute)})
	require.NoError(t, err)
	assert.Equal(t, "2026-05-14T09:05:00Z", times.UTC(w.From))
	assert.False(t, w.Cut, "a whole minute is not rounded, the present is not past")
}

func TestLimitsAreThoseGiven(t *testing.T) {
	t.Parallel()
	limited := times.WindowInput{Now: thursday, DefaultDays: 1, MaxDays: 2, MaxAhead: 24 * time.Hour}
	w, err := times.ParseWindow(limited)
	require.NoError(t, err)
	assert.Equal(t, "Thu 14 May 2026, 09:06 – Fri 15 May 2026, 09:06 (UTC)", times.Label(w.From, w.To, w.Loc))

	limited.To = "2026-05-16"
	_, err = times.ParseWindow(limited)
	require.EqualError(t, err, "from (Thu 14 May 2026, 09:06 UTC) to (the end of Sat 16 May 2026) is 3 days "+
		"and one search takes 2 days: send to 2026-05-15 first, then from 2026-05-16")

	limited.From, limited.To = "2026-05-16", ""
	_, err = times.ParseWindow(limited)
	require.EqualError(t, err, `from "2026-05-16" is over 1 day ahead: send 2026-05-15 or earlier`)
}

// The greatest window and the farthest one are still good, and both neighbours are not.
func TestLimitsAreExact(t *testing.T) {
	t.Parallel()
	london := zone(t, "Europe/London")
	for _, c := range []struct {
		from, to string
		good     bool
	}{
		{"2026-10-01", "2026-11-29", true}, // 60 days and, as the clocks go back, an hour
		{"2026-10-01", "2026-11-30", false},
		{"2026-03-01T08:00", "2026-04-30T08:00", true}, // the clocks go forward in between
		{"2026-03-01T08:00", "2026-04-30T08:01", false},
		{"2028-02-27T10:00:00Z", "2028-02-28", true}, // 728 days after 1 March 2026
		{"2028-02-27T10:00:01Z", "2028-02-28", false},
	} {
		now := time.Date(2026, time.March, 1, 10, 0, 0, 0, time.UTC)
		if c.from == "2026-03-01T08:00" {
			now = now.Add(-5 * time.Hour)
		}
		_, err := times.ParseWindow(times.WindowInput{From: c.from, To: c.to, Loc: london, Now: now})
		assert.Equal(t, c.good, err == nil, "%s to %s: %v", c.from, c.to, err)
	}
}

func TestReq_S6_DayBeginsAtItsFirstInstant(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ zone, date, start, end string }{
		{"Africa/Cairo", "2026-04-24", "2026-04-23T22:00:00Z", "2026-04-24T21:00:00Z"},                   // 00:00 is skipped
		{"Asia/Beirut", "2026-03-29", "2026-03-28T22:00:00Z", "2026-03-29T21:00:00Z"},                    // 00:00 is skipped
		{"America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z"},              // 00:00 is skipped
		{"America/Sao_Paulo", "2018-02-18", "2018-02-18T03:00:00Z", "2018-02-19T03:00:00Z"},              // the hour before is there twice
		{"America/Havana", "2026-11-01", "2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z"},                 // 00:00 is there twice
		{"America/Goose_Bay", "2010-11-07", "2010-11-07T04:00:00Z", "2010-11-08T04:00:00Z"},              // 00:01 is followed by 23:01 of the date before
		{"Pacific/Apia", "2011-12-29", "2011-12-29T10:00:00Z", "2011-12-30T10:00:00Z"},                   // the next date is skipped
		{"Pacific/Apia", "2011-12-31", "2011-12-30T10:00:00Z", "2011-12-31T10:00:00Z"},                   // the date before is skipped
		{"Australia/Lord_Howe", "2026-04-05", "2026-04-04T13:00:00Z", "2026-04-05T13:30:00Z"},            // half an hour longer
		{"America/Argentina/Buenos_Aires", "2026-05-15", "2026-05-15T03:00:00Z", "2026-05-16T03:00:00Z"}, // a plain one
	} {
		now, _ := span(t, c.start, c.end)
		w, err := times.ParseWindow(times.WindowInput{From: c.date, To: c.date, Loc: zone(t, c.zone), Now: now.AddDate(0, 0, -3)})
		require.NoError(t, err, c.zone)
		assert.Equal(t, []string{c.start, c.end}, []string{times.UTC(w.From), times.UTC(w.To)}, "%s %s", c.zone, c.date)
	}
}

func TestReq_S6_DefaultLengthIsInWholeDaysThroughAClockChange(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ zone, from, to string }{
		{"Europe/London", "2026-10-23", "2026-10-30T00:00:00Z"},       // 169 hours
		{"Europe/London", "2026-10-23T09:00", "2026-10-30T09:00:00Z"}, // the same clock time
		{"Africa/Cairo", "2026-04-24", "2026-04-30T21:00:00Z"},        // from 01:00, the start of that day, to 00:00
		{"Africa/Cairo", "2026-04-17", "2026-04-23T22:00:00Z"},        // from 00:00 to 01:00, the start of that day
	} {
		w, err := times.ParseWindow(times.WindowInput{From: c.from, Loc: zone(t, c.zone), Now: thursday.AddDate(0, -2, 0)})
		require.NoError(t, err)
		assert.Equal(t, c.to, times.UTC(w.To), "%s %s", c.zone, c.from)
	}
}
