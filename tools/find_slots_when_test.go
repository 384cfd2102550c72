package tools_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/schemas"
)

func weeksFrom(day time.Weekday) option { return func(w *world) { w.deps.WeekStart = day } }

func TestBar_S7_PhrasesAreResolvedAndShown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, weeksFrom(time.Monday)) // it is Wednesday, 09:00 in London
	for phrase, want := range map[string]schemas.Window{
		"today": {
			When: "today", Description: "Wed 13 May 2026, 09:00 UTC+1 – the end of that day",
			From: "2026-05-13T09:00:00+01:00", To: "2026-05-14T00:00:00+01:00",
		},
		"Tomorrow": {
			When: "tomorrow", Description: "all of Thu 14 May 2026",
			From: "2026-05-14T00:00:00+01:00", To: "2026-05-15T00:00:00+01:00",
		},
		"this week": {
			When: "this week", Description: "Wed 13 May 2026, 09:00 UTC+1 – the end of Sun 17 May 2026",
			From: "2026-05-13T09:00:00+01:00", To: "2026-05-18T00:00:00+01:00",
		},
		"next week": {
			When: "next week", Description: "Mon 18 May 2026 – the end of Sun 24 May 2026",
			From: "2026-05-18T00:00:00+01:00", To: "2026-05-25T00:00:00+01:00",
		},
		"on fri": {
			When: "friday", Description: "all of Fri 15 May 2026",
			From: "2026-05-15T00:00:00+01:00", To: "2026-05-16T00:00:00+01:00",
		},
		"in 5 days": {
			When: "in 5 days", Description: "all of Mon 18 May 2026",
			From: "2026-05-18T00:00:00+01:00", To: "2026-05-19T00:00:00+01:00",
		},
	} {
		got := w.find(args{"when": phrase, "timezone": "Europe/London"})
		require.False(t, got.IsError, got.Text)
		want.Timezone = "Europe/London"
		assert.Equal(t, want, got.Data.Window)
		assert.Contains(t, got.Text, want.When+" = "+want.Description+" (Europe/London)")
		assert.NotContains(t, got.Data.Note, "cut to the future", "what is left of today is what was meant")
		assertWithin(t, w, want, got.Data.Slots)
	}
}

// assertWithin: there are slots, ahead of now and inside the window.
func assertWithin(t *testing.T, w *world, window schemas.Window, slots []schemas.Slot) {
	t.Helper()
	require.NotEmpty(t, slots)
	for _, s := range slots {
		start, end := instants(t, s)
		assert.False(t, start.Format(time.RFC3339) < w.clock.Format(time.RFC3339))
		assert.LessOrEqual(t, end.In(w.deps.Zone).Format(time.RFC3339), window.To)
		assert.GreaterOrEqual(t, start.In(w.deps.Zone).Format(time.RFC3339), window.From)
	}
}

func TestBar_S7_PhrasesAreThoseOfTheZoneAskedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.clock = time.Date(2026, 5, 13, 15, 0, 0, 0, time.UTC) // Thursday in Tokyo
	got := w.find(args{"when": "tomorrow", "timezone": "Asia/Tokyo"})
	require.False(t, got.IsError, got.Text)
	assert.Equal(t, "all of Fri 15 May 2026", got.Data.Window.Description)
	for _, s := range got.Data.Slots {
		assert.Contains(t, s.StartLocal, "Fri 15 May 2026")
	}
}

func TestBar_S7_WeeksBeginWhereTheOperatorSays(t *testing.T) {
	t.Parallel()
	for day, want := range map[time.Weekday]string{
		time.Monday: "Mon 18 May 2026 – the end of Sun 24 May 2026", time.Sunday: "Sun 17 May 2026 – the end of Sat 23 May 2026",
		time.Saturday: "Sat 16 May 2026 – the end of Fri 22 May 2026",
	} {
		got := newWorld(t, weeksFrom(day)).find(args{"when": "next week"})
		require.False(t, got.IsError, got.Text)
		assert.Equal(t, want, got.Data.Window.Description)
		assert.Contains(t, got.Data.Note, "A week begins on "+day.String()+" here.")
	}
}

func TestBar_S7_WhatIsNotKnownIsRefusedWithExamples(t *testing.T) {
	t.Parallel()
	w := newWorld(t, weeksFrom(time.Monday))
	for _, tc := range []struct {
		arguments args
		says      string
	}{
		{args{"when": "sometime soon"}, `when "sometime soon" is not known: send today, tomorrow, this week, next week, a weekday such as friday, or in 3 days; ` +
			"for another span send from and to, such as from 2026-05-13 and to 2026-05-15"},
		{args{"when": "next friday"}, `when "next friday" is Fri 15 May 2026 to some and Fri 22 May 2026 to others`},
		{args{"when": "in 601 days"}, `when "in 601 days" is over 600 days ahead: send when "in 600 days" or less`},
		{args{"when": "tomorrow", "from": "2026-05-14"}, `when "tomorrow" is a whole window: drop from`},
		{args{"when": "tomorrow", "from": "2026-05-14", "to": "2026-05-15"}, `when "tomorrow" is a whole window: drop from and to`},
		{args{"when": "whenever", "to": "2026-05-15"}, "drop when"},
		{args{"to": "next week"}, `send when "next week" instead of from and to, or from 2026-05-18 and to 2026-05-24`},
	} {
		got := w.find(tc.arguments)
		assert.Equal(t, schemas.CodeInvalidWindow, got.Code, got.Text)
		assert.Contains(t, got.Text, tc.says)
	}
	assert.Zero(t, w.vennio.Calls(), "nothing was asked of Vennio")
}

// The clocks of London go back that night: tomorrow has 25 hours, and all of them are searched.
func TestBar_S7_TomorrowThroughAClockChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.clock = time.Date(2026, 10, 24, 12, 0, 0, 0, time.UTC)
	got := w.find(args{"when": "tomorrow", "timezone": "Europe/London"})
	require.False(t, got.IsError, got.Text)
	assert.Equal(t, "2026-10-25T00:00:00+01:00", got.Data.Window.From)
	assert.Equal(t, "2026-10-26T00:00:00Z", got.Data.Window.To)
	require.NotNil(t, got.Data.NextOpening, "a Sunday")
	assert.Contains(t, got.Data.NextOpening.StartLocal, "Mon 26 Oct 2026")
	assert.Contains(t, got.Data.NextOpening.Timezone, "Europe/London, UTC")
}
