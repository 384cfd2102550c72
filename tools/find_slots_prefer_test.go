package tools_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/schemas"
)

func TestReq_S11_PreferredHoursDaysAndBusyTimesAreApplied(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	busy := []any{
		args{"start": "2026-05-14T00:00:00+01:00", "end": "2026-05-15T00:00:00+01:00"}, // all Thursday
		args{"start": "2026-05-19T09:00:00Z", "end": "2026-05-19T09:30:00Z"},
	}
	got := w.find(args{
		"timezone": "America/New_York", "duration_minutes": 30, "limit": 10, "busy": busy,
		"prefer": args{"earliest": "05:00", "latest": "06:30", "avoid_days": []string{"fri"}, "days": []string{"thu", "wed", "tue"}},
	})
	require.False(t, got.IsError, got.Text)
	require.NotEmpty(t, got.Data.Slots)
	newYork, err := time.LoadLocation("America/New_York")
	require.NoError(t, err)
	for _, s := range got.Data.Slots {
		start, end := instants(t, s)
		local := start.In(newYork)
		assert.Contains(t, []time.Weekday{time.Tuesday, time.Wednesday}, local.Weekday(), "not on Thursday: busy; not on Friday: avoided")
		assert.GreaterOrEqual(t, local.Format("15:04"), "05:00", "on the clocks of the zone of the window")
		assert.LessOrEqual(t, end.In(newYork).Format("15:04"), "06:30")
		assert.False(t, start.Format(time.RFC3339) == "2026-05-19T09:00:00Z" || start.Format(time.RFC3339) == "2026-05-19T09:15:00Z", "busy")
	}
	assert.Equal(t, "between 05:00 and 06:30, on Tue/Wed/Thu, never on Fri, clear of 2 appointments", got.Data.Preferences)
	assert.Contains(t, got.Text, "(America/New_York), "+got.Data.Preferences+", best first.")
}

func TestReq_S11_WhereNothingFitsItSaysSoAndOffersTheNearest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for says, prefer := range map[string]args{
		"outside the hours asked for": {"earliest": "20:00", "latest": "21:00"},
		"not on a day asked for":      {"days": []string{"sun"}},
	} {
		got := w.find(args{"timezone": "Europe/London", "prefer": prefer})
		require.NotEmpty(t, got.Data.Slots, got.Text)
		assert.Contains(t, got.Data.Note, "Nothing fits all that was preferred; these come nearest and say what they miss.")
		assert.Contains(t, got.Data.Slots[0].Reason, "nearest fit")
		for _, s := range got.Data.Slots {
			assert.Contains(t, s.Reason, says)
		}
	}
	evening := w.find(args{"timezone": "Europe/London", "prefer": args{"earliest": "20:00"}})
	assert.Contains(t, evening.Data.Slots[0].EndLocal, "17:30", "the last of the day is the nearest to 20:00")
	fits := w.find(args{"timezone": "Europe/London", "prefer": args{"earliest": "16:00"}})
	assert.NotContains(t, fits.Data.Note, "Nothing fits")
	assert.Equal(t, "first that fits", fits.Data.Slots[0].Reason)
}

func TestReq_S11_WishesThatCannotBeAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	span := func(start, end string) args { return args{"busy": []any{args{"start": start, "end": end}}} }
	for says, arguments := range map[string]args{
		"prefer.earliest is not a time of day, want HH:MM from 00:00 to 23:59":    {"prefer": args{"earliest": "24:30"}},
		"prefer.latest is not a time of day":                                      {"prefer": args{"latest": "9"}},
		"prefer.earliest is not a time of day, want HH:MM from 00:00":             {"prefer": args{"earliest": "morning"}},
		"prefer.latest is not after prefer.earliest":                              {"prefer": args{"earliest": "17:00", "latest": "09:00"}},
		"prefer.latest leaves 30 minutes of the day, the meeting takes 45":        {"prefer": args{"earliest": "09:00", "latest": "09:30"}, "duration_minutes": 45},
		"prefer.latest leaves 0 minutes of the day, the meeting takes 30":         {"prefer": args{"latest": "00:00"}},
		"prefer.days[0] must be one of mon, tue, wed, thu, fri, sat, sun":         {"prefer": args{"days": []string{"someday"}}},
		"prefer.avoid_days[1] is also in prefer.days, drop one":                   {"prefer": args{"days": []string{"tue"}, "avoid_days": []string{"mon", "tue"}}},
		"prefer.avoid_days leaves no day":                                         {"prefer": args{"avoid_days": []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}}},
		"prefer.earlist is not an argument, did you mean earliest?":               {"prefer": args{"earlist": "09:00"}},
		"busy[0].end (Thu 14 May 2026, 10:00 UTC+1) is not after busy[0].start (": span("2026-05-14T10:00:00Z", "2026-05-14T09:00:00Z"),
		`busy[0].end "2026-12-31T23:59:60Z" is not a date or time: send a date such as 2026-05-13, or a time with its offset such as 2026-05-14T09:00:00+01:00`: span("2026-05-14T10:00:00Z", "2026-12-31T23:59:60Z"),
		"busy[0].end is missing": {"busy": []any{args{"start": "2026-05-14T10:00:00Z"}}},
		`timezone "mars" is not an IANA zone: name an area and city, such as Europe/London or America/New_York; busy[0].start "soon" is not a date or time`: span("soon", "2026-05-14T10:00:00Z").with("timezone", "mars"),
	} {
		got := w.find(arguments)
		assert.Equal(t, schemas.CodeInvalidArguments, got.Code, got.Text)
		assert.Contains(t, got.Text, says)
	}
	assert.Zero(t, w.vennio.Calls())
}

// req: S11
func TestReq_S9_NoSlotsSaysWhatWasSearchedAndOffersTheNextOpening(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, hosts := range [][]string{{"Alice"}, {"Alice", "Bob"}} {
		got := w.find(args{"from": "2026-05-16", "to": "2026-05-17", "hosts": hosts}) // a weekend
		require.False(t, got.IsError, got.Text)
		assert.Empty(t, got.Data.Slots)
		assert.Contains(t, got.Text, "No free times for 30 minutes with Alice Marlow")
		assert.Contains(t, got.Text, "Sat 16 May 2026 – the end of Sun 17 May 2026 (Europe/London)")
		require.NotNil(t, got.Data.NextOpening)
		assert.Contains(t, got.Data.NextOpening.StartLocal, "Mon 18 May 2026")
		assert.Contains(t, got.Text, got.Data.NextOpening.SlotID)
		assert.Contains(t, got.Data.Note, "Nothing is free in this window.")

		got = w.find(args{
			"when": "today", "hosts": hosts, "prefer": args{"avoid_days": []string{"wed", "fri"}, "earliest": "16:00"},
			"busy": []any{args{"start": "2026-05-14T00:00:00Z", "end": "2026-05-18T16:00:00Z"}},
		})
		assert.Empty(t, got.Data.Slots)
		assert.Contains(t, got.Text, "(Europe/London), from 16:00 on, never on Wed/Fri, clear of 1 appointment. Now: ")
		assert.Equal(t, "from 16:00 on, never on Wed/Fri, clear of 1 appointment", got.Data.Preferences)
		assert.Contains(t, got.Data.Note, "What is free in this window falls on days to avoid or in the guest's own appointments.")
		require.NotNil(t, got.Data.NextOpening, "with the same wishes")
		start, _ := instants(t, *got.Data.NextOpening)
		assert.False(t, start.Before(time.Date(2026, 5, 18, 16, 0, 0, 0, time.UTC)), "clear of the appointment")
		assert.GreaterOrEqual(t, start.In(w.deps.Zone).Hour(), 16)
		assert.Equal(t, "first after that window", got.Data.NextOpening.Reason)
	}
}

func TestReq_S9_NothingForWeeksIsSaid(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.NoError(t, w.vennio.Take(w.deps.Hosts[0].ID, wednesday, wednesday.AddDate(0, 6, 0)))
	for _, arguments := range []args{{}, {"prefer": args{"earliest": "16:00"}}} {
		got := w.find(arguments)
		require.False(t, got.IsError, got.Text)
		assert.Nil(t, got.Data.NextOpening)
		assert.Contains(t, got.Data.Note, "Nothing was found in this window or in the 60 days after it")
	}
}

func TestReq_S9_ADisconnectedCalendarIsAnErrorThatSaysHowToReconnect(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.vennio.Disconnect(w.deps.Hosts[0].ID)
	for who, hosts := range map[string][]string{"Alice Marlow": nil, "Alice Marlow or Bob Castellano": {"Alice", "Bob"}} {
		got := w.find(args{"hosts": hosts})
		assert.Equal(t, schemas.CodeCalendarNotConnected, got.Code)
		assert.Contains(t, got.Text, "The calendar of "+who+" is not connected to Vennio, so the free times are unknown (not: none).")
		assert.Contains(t, got.Text, who+" must sign in to Vennio and connect the calendar there, again if it was connected before.")
		assert.Empty(t, got.Data.Slots)
	}
}
