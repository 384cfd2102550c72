package tools_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/schemas"
)

func weeksFrom(day time.Weekday) option { return func(w *world) { w.deps.WeekStart = day } }

func TestReq_S7_PhrasesAreResolvedAndShown(t *testing.T) {
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
			When: "friday", Description: "all of Fri 15 May 2026", Days: []string{"fri"},
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

func TestReq_S7_PhrasesAreThoseOfTheZoneAskedFor(t *testing.T) {
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

func TestReq_S7_WeeksBeginWhereTheOperatorSays(t *testing.T) {
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

// field: hours and days in a phrase
func TestReq_S7_HoursAndDaysOfAPhraseAreEchoedAndKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t, weeksFrom(time.Monday)) // it is Wednesday, 09:00 in London; Alice works from 09:00 to 17:30
	for phrase, want := range map[string]schemas.Window{
		"Tue or Thu afternoon next week": {
			When: "tuesday or thursday afternoon next week", Description: "Tue 19 May 2026 – the end of Thu 21 May 2026, on Tue/Thu, between 12:00 and 18:00",
			From: "2026-05-19T00:00:00+01:00", To: "2026-05-22T00:00:00+01:00", Earliest: "12:00", Latest: "18:00", Days: []string{"tue", "thu"},
		},
		"no earlier than 4pm tomorrow, please": {
			When: "from 16:00 tomorrow", Description: "all of Thu 14 May 2026, from 16:00 on",
			From: "2026-05-14T00:00:00+01:00", To: "2026-05-15T00:00:00+01:00", Earliest: "16:00",
		},
		"friday at 3": {
			When: "friday at 15:00", Description: "all of Fri 15 May 2026, between 15:00 and 15:30",
			From: "2026-05-15T00:00:00+01:00", To: "2026-05-16T00:00:00+01:00", Earliest: "15:00", Latest: "15:30", Days: []string{"fri"},
		},
	} {
		got := w.find(args{"when": phrase, "timezone": "Europe/London", "limit": 10})
		require.False(t, got.IsError, got.Text)
		want.Timezone = "Europe/London"
		assert.Equal(t, want, got.Data.Window)
		assert.Contains(t, got.Text, want.When+" = "+want.Description+" (Europe/London)")
		assertWithin(t, w, want, got.Data.Slots)
		for _, s := range got.Data.Slots {
			start, end := instants(t, s)
			assert.GreaterOrEqual(t, start.In(w.deps.Zone).Format("15:04"), want.Earliest, phrase)
			assert.True(t, want.Latest == "" || end.In(w.deps.Zone).Format("15:04") <= want.Latest, phrase)
			assert.True(t, len(want.Days) == 0 || slices.Contains(want.Days, strings.ToLower(start.In(w.deps.Zone).Format("Mon"))), phrase)
		}
	}
	found := w.find(args{"when": "friday at 3", "timezone": "Europe/London"})
	require.Len(t, found.Data.Slots, 1, "a time is one slot")
	booked := w.book(agreed(found.Data.Slots[0].SlotID))
	require.False(t, booked.IsError, booked.Text)
	full := w.find(args{"when": "friday at 3", "timezone": "Europe/London"})
	require.Empty(t, full.Data.Slots, "times outside the hours are not offered")
	require.NotNil(t, full.Data.NextOpening)
	assert.Contains(t, full.Data.NextOpening.StartLocal, "Mon 18 May 2026, 15:00", "the next day at that time")
}

// field: the length of the meeting and a phrase
func TestReq_S7_ATimeIsAsLongAsTheMeeting(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got := w.find(args{"when": "friday at 3pm", "duration_minutes": 90})
	require.Len(t, got.Data.Slots, 1, got.Text)
	assert.Equal(t, "16:30", got.Data.Window.Latest)
	refused := w.find(args{"when": "friday between 2 and 3", "duration_minutes": 90})
	assert.Equal(t, schemas.CodeInvalidWindow, refused.Code)
	assert.Contains(t, refused.Text, `leaves 60 minutes of a day and the meeting takes 90: send when "15 may 2026 after 14:00"`)

	booked := w.book(agreed(got.Data.Slots[0].SlotID))
	require.False(t, booked.IsError, booked.Text)
	moved := w.find(args{"when": "monday at 2pm", "reschedule_of": booked.Data.BookingID})
	require.False(t, moved.IsError, moved.Text)
	assert.Equal(t, "15:30", moved.Data.Window.Latest, "as long as the booking")
	assert.Len(t, moved.Data.Slots, 1)
}

// field: more than 40 characters
func TestReq_S7_LongPhrasesAreTaken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got := w.find(args{"when": "Could we please find a time on Thursday afternoon next week, preferably after 2 pm if that works for everyone?"})
	require.False(t, got.IsError, got.Text)
	assert.Equal(t, "thursday afternoon next week after 14:00", got.Data.Window.When)
	long := w.find(args{"when": strings.Repeat("a", 201)})
	assert.Contains(t, long.Text, "when has 201 characters, the most is 200")
}

// field: a quarter of a year
func TestReq_S7_AQuarterIsOneSearch(t *testing.T) {
	t.Parallel()
	got := newWorld(t).find(args{"when": "Q3"})
	require.False(t, got.IsError, got.Text)
	assert.Equal(t, "Wed 1 Jul 2026 – the end of Wed 30 Sep 2026", got.Data.Window.Description)
}

// field: refused with calls that work
func TestReq_S7_RefusalsNameCallsForThisPhrase(t *testing.T) {
	t.Parallel()
	w := newWorld(t, weeksFrom(time.Monday))
	for phrase, says := range map[string]string{
		"friday with Bob":                   `is understood only without "with bob": send when "in 2 days"`,
		"monday morning or friday at 3":     `is more than one window: send when "18 may 2026 between 08:00 and 12:00", then "15 may 2026 at 15:00"`,
		"demain":                            `is not in English: send when "in 1 day"`,
		"friday at 3pm EST":                 `names a time zone, which goes into timezone: send when "15 may 2026 at 15:00" and timezone America/New_York`,
		"yesterday":                         `is past: send when "today" or "in 1 day", whichever is meant`,
		"an hour on friday":                 `names a length, which goes into duration_minutes (60): send when "in 2 days"`,
		"next year":                         `is 365 days and one search takes 92 days: send from 2027-01-01 and to 2027-03-01 first`,
		"at 3pm":                            `names a time and no day: send when "today at 15:00" or "14 may 2026 at 15:00", or the days as from and to with the hours in prefer, such as from 2026-05-13 and to 2026-05-20 and prefer {"earliest":"15:00","latest":"15:30"}, whichever is meant`,
		"friday 14 May":                     `names 14 May 2026, which is a Thursday: send when "in 2 days" or "in 1 day", whichever is meant`,
		"the weekend after next at the sea": `send when "23 may 2026 to 24 may 2026" or "30 may 2026 to 31 may 2026", whichever is meant`,
	} {
		got := w.find(args{"when": phrase, "timezone": "Europe/London"})
		assert.Equal(t, schemas.CodeInvalidWindow, got.Code, got.Text)
		assert.Contains(t, got.Text, says)
		assert.Contains(t, got.Text, "Next: Make the call that the message names. Where it names several, ask the person which is meant.")
		for _, m := range regexp.MustCompile(`(?:when|or|then) "([^"]+)"`).FindAllStringSubmatch(got.Text, -1) {
			if m[1] != phrase {
				accepted := w.find(args{"when": m[1], "timezone": "Europe/London"})
				assert.False(t, accepted.IsError, "%s: %s", phrase, accepted.Text)
			}
		}
	}
	literal := w.find(args{"from": "2026-05-13", "to": "2026-05-20", "prefer": args{"earliest": "15:00", "latest": "15:30"}})
	assert.False(t, literal.IsError, literal.Text)
}

func TestReq_S7_WhatIsNotKnownIsRefusedWithExamples(t *testing.T) {
	t.Parallel()
	w := newWorld(t, weeksFrom(time.Monday))
	for _, tc := range []struct {
		arguments args
		says      string
	}{
		{args{"when": "one of these days"}, `when "one of these days" is not understood: send a day, a week or a span in English, such as when "tomorrow afternoon", "next week" or "until friday"`},
		{args{"when": "sometime soon"}, `when "sometime soon" names no span: send when "asap"`},
		{args{"when": "next friday"}, `when "next friday" is Fri 15 May 2026 to some and Fri 22 May 2026 to others`},
		{args{"when": "in 601 days"}, `when "in 601 days" is over 600 days ahead: send when "in 600 days" or less`},
		{args{"when": "tomorrow", "from": "2026-05-14"}, `when "tomorrow" is a whole window: drop from`},
		{args{"when": "tomorrow", "from": "2026-05-14", "to": "2026-05-15"}, `when "tomorrow" is a whole window: drop from and to`},
		{args{"when": "who knows", "to": "2026-05-15"}, "drop when"},
		{args{"to": "next week"}, `send when "next week" instead of from and to, or from 2026-05-18 and to 2026-05-24`},
	} {
		got := w.find(tc.arguments)
		assert.Equal(t, schemas.CodeInvalidWindow, got.Code, got.Text)
		assert.Contains(t, got.Text, tc.says)
	}
	assert.Zero(t, w.vennio.Calls(), "nothing was asked of Vennio")
}

// The clocks of London go back that night: tomorrow has 25 hours, and all of them are searched.
func TestReq_S7_TomorrowThroughAClockChange(t *testing.T) {
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
