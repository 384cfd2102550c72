package tools_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/slots"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/sandbox"
)

// withPreferences is a world whose hosts have preferences in London, the zone of the operator.
func withPreferences(t *testing.T, p slots.Preferences) *world {
	t.Helper()
	return newWorld(t, func(w *world) { w.deps.Preferences = p })
}

func lunchAt(t *testing.T, hours string) slots.Preferences {
	t.Helper()
	lunch, err := slots.ParseLunch(hours)
	require.NoError(t, err)
	return slots.Preferences{Lunch: lunch}
}

func TestReq_S13_LunchDaysAndBuffersExcludeTimesUnlessTheCallOverridesThem(t *testing.T) {
	t.Parallel()
	noon := args{"from": "2026-05-15T13:00", "to": "2026-05-15T13:30"} // a Friday; Alice is busy before and after it
	for name, p := range map[string]slots.Preferences{
		"lunch":                      lunchAt(t, "fri 13:00-14:00"),
		"days without meetings":      {NoMeetings: []time.Weekday{time.Friday}},
		"free time between meetings": {Before: 5 * time.Minute},
	} {
		w := withPreferences(t, p)
		got := w.find(noon)
		require.False(t, got.IsError, got.Text)
		assert.Empty(t, got.Data.Slots, name)
		assert.Contains(t, got.Data.Note, "What is free in this window is excluded by the hosts' preferences. Offer the next opening", name)
		assert.Contains(t, got.Data.Note, "the hosts' preferences ("+name+"). If the user asks for those times, send ignore_preferences true.")
		assert.Contains(t, got.Text, "hosts prefer ", name)
		require.NotNil(t, got.Data.NextOpening, got.Text)

		all := w.find(noon.with("ignore_preferences", true))
		assert.NotEmpty(t, all.Data.Slots, name)
		assert.NotContains(t, all.Data.Note, "left out")
		assert.Contains(t, all.Data.Preferences, "the hosts' preferences do not count")
	}
	got := withPreferences(t, lunchAt(t, "fri 13:00-14:00")).find(noon.with("ignore_preferences", true))
	assert.Contains(t, got.Data.Slots[0].Reason, ", during a host's lunch")
	got = withPreferences(t, slots.Preferences{NoMeetings: []time.Weekday{time.Friday}}).find(args{"from": "2026-05-15", "to": "2026-05-18", "ignore_preferences": true})
	assert.Contains(t, got.Data.Slots[0].Description, "Monday 18 May 2026", "times that nobody minds come first")
	w := newWorld(t)
	assert.NotContains(t, w.find(noon).Text, "prefer")
}

func TestReq_S13_BuffersKeepTimeFreeBetweenMeetings(t *testing.T) {
	t.Parallel()
	w := withPreferences(t, slots.Preferences{Before: 20 * time.Minute, After: 10 * time.Minute})
	made := w.book(agreed(w.find(args{"from": "2026-05-15T10:15", "to": "2026-05-15T10:45"}).Data.Slots[0].SlotID))
	require.Empty(t, made.Code, made.Text)
	for at, free := range map[string]bool{"09:15": false, "09:30": true, "09:45": false, "10:45": false, "11:00": false, "11:15": true, "11:30": false} {
		begin, err := time.ParseInLocation("2006-01-02 15:04", "2026-05-15 "+at, w.deps.Zone)
		require.NoError(t, err)
		got := w.find(args{"from": begin.Format("2006-01-02T15:04"), "to": begin.Add(30 * time.Minute).Format("2006-01-02T15:04")})
		assert.Equal(t, free, len(got.Data.Slots) == 1, "%s: %s", at, got.Text)
	}
	// The time of a booking that is to be moved will be free.
	got := w.find(args{"reschedule_of": made.Data.BookingID, "from": "2026-05-15T10:45", "to": "2026-05-15T11:15"})
	assert.Len(t, got.Data.Slots, 1, got.Text)
	got = w.find(args{"reschedule_of": made.Data.BookingID, "from": "2026-05-15T10:30", "to": "2026-05-15T11:00"})
	assert.Len(t, got.Data.Slots, 1, got.Text)
}

func TestReq_S13_PreferencesApplyInTheZoneOfTheHost(t *testing.T) {
	t.Parallel()
	w := withPreferences(t, lunchAt(t, "12:00-14:00"))
	got := w.find(args{"timezone": "Asia/Tokyo", "from": "2026-05-15T20:00", "to": "2026-05-15T22:00"}) // 12:00 to 14:00 in London
	assert.Empty(t, got.Data.Slots, got.Text)
	got = w.find(args{"timezone": "Asia/Tokyo", "from": "2026-05-15T18:00", "to": "2026-05-15T20:00"})
	assert.NotEmpty(t, got.Data.Slots, got.Text)

	// Haruka's own preferences replace those of all hosts, in her zone; a meeting with both respects both.
	tokyo, err := time.LoadLocation("Asia/Tokyo")
	require.NoError(t, err)
	alice, haruka := sandbox.Hosts()[0], sandbox.Hosts()[2]
	w = newWorld(t, func(w *world) {
		w.deps.Preferences = slots.Preferences{NoMeetings: []time.Weekday{time.Friday}}
		w.deps.HostPreferences = map[string]slots.Preferences{haruka.ID: {Zone: tokyo, NoMeetings: []time.Weekday{time.Thursday}}}
	})
	days := func(hosts ...string) (all []string) {
		for _, s := range w.find(args{"hosts": hosts, "limit": 10, "timezone": "Europe/London"}).Data.Slots {
			start, _ := instants(t, s)
			all = append(all, start.In(tokyo).Weekday().String())
		}
		return all
	}
	assert.NotContains(t, days(alice.Name), "Friday")
	assert.Contains(t, days(alice.Name), "Thursday")
	assert.NotContains(t, days(haruka.Name), "Thursday")
	assert.Contains(t, days(haruka.Name), "Friday")
	both := days(alice.Name, haruka.Name)
	require.NotEmpty(t, both)
	assert.NotContains(t, both, "Thursday")
	assert.NotContains(t, both, "Friday")
}

func TestReq_S13_ThePreferredLengthIsTheDefault(t *testing.T) {
	t.Parallel()
	w := withPreferences(t, slots.Preferences{Lengths: []time.Duration{25 * time.Minute, 50 * time.Minute}})
	got := w.find(args{})
	assert.Equal(t, 25, got.Data.DurationMinutes)
	assert.NotContains(t, got.Data.Note, "Preferred lengths")
	got = w.find(args{"duration_minutes": 30})
	assert.Equal(t, 30, got.Data.DurationMinutes)
	assert.Contains(t, got.Data.Note, "Preferred lengths here: 25 or 50 minutes.")
	made := w.book(agreed(w.find(args{"duration_minutes": 45}).Data.Slots[0].SlotID))
	require.Empty(t, made.Code, made.Text)
	moved := w.find(args{"reschedule_of": made.Data.BookingID})
	assert.Equal(t, 45, moved.Data.DurationMinutes, "a move keeps the length")
	assert.NotContains(t, moved.Data.Note, "Preferred lengths")
}

// A slot that was found with the preferences overridden can be booked. If it was taken, the alternatives respect
// the preferences only where it did.
func TestReq_S13_AlternativesRespectThePreferences(t *testing.T) {
	t.Parallel()
	for _, ignore := range []bool{false, true} {
		w := withPreferences(t, lunchAt(t, "10:00-11:00"))
		at := args{"from": "2026-05-15T11:00", "to": "2026-05-15T11:30"}
		if ignore {
			at = args{"from": "2026-05-15T10:30", "to": "2026-05-15T11:00", "ignore_preferences": true}
		}
		slot := w.find(at).Data.Slots[0]
		start, end := instants(t, slot)
		require.NoError(t, w.vennio.Take(w.deps.Hosts[0].ID, start, end))
		taken := w.book(agreed(slot.SlotID))
		require.NotEmpty(t, taken.Data.Alternatives, taken.Text)
		lunch := false
		for _, s := range taken.Data.Alternatives {
			start, _ := instants(t, s)
			local := start.In(w.deps.Zone).Format("15:04")
			lunch = lunch || local > "09:30" && local < "11:00"
		}
		assert.Equal(t, ignore, lunch, taken.Text)
	}
}

// The preview of a series names its later days that the preferences exclude, unless the person has overridden them.
func TestReq_S13_TheLaterDaysOfASeriesAreCompared(t *testing.T) {
	t.Parallel()
	w := withPreferences(t, slots.Preferences{NoMeetings: []time.Weekday{time.Monday}})
	slot := w.find(args{"from": "2026-05-15T09:00", "to": "2026-05-15T09:30"}).Data.Slots[0].SlotID
	asked := w.book(agreed(slot).with("consent", notYet).with("repeat", "monthly x3")) // 15 May, 15 June, 15 July
	require.NotNil(t, asked.Data.Proposal, asked.Text)
	assert.Contains(t, asked.Text, "; the hosts' preferences exclude Mon 15 Jun 2026")
	assert.NotContains(t, asked.Text, "exclude Mon 15 Jun 2026,")
	asked = w.book(agreed(slot).with("consent", notYet).with("repeat", "weekly x3"))
	assert.NotContains(t, asked.Text, "preferences exclude")
	monday := w.find(args{"from": "2026-05-18T11:00", "to": "2026-05-18T11:30", "ignore_preferences": true}).Data.Slots[0].SlotID
	asked = w.book(agreed(monday).with("consent", notYet).with("repeat", "weekly x3"))
	assert.NotContains(t, asked.Text, "preferences exclude")
}

// Preferences that exclude all that is free later are named too.
func TestReq_S13_WhatIsFreeLaterMayBeExcludedToo(t *testing.T) {
	t.Parallel()
	w := withPreferences(t, lunchAt(t, "09:00-17:00"))
	got := w.find(args{"from": "2026-05-16", "to": "2026-05-17", "duration_minutes": 60}) // a weekend, without free times
	assert.Empty(t, got.Data.Slots)
	assert.Nil(t, got.Data.NextOpening, got.Text)
	assert.Contains(t, got.Data.Note, "Nothing was found in this window")
	assert.Contains(t, got.Data.Note, "(lunch). If the user asks for those times, send ignore_preferences true.")
}
