package slots_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/slots"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

func zoneOf(t *testing.T, name string) *time.Location {
	t.Helper()
	loc, err := times.Zone(name)
	require.NoError(t, err)
	return loc
}

// meetingIn returns a meeting in loc: "2026-03-29 12:30" and its length.
func meetingIn(t *testing.T, loc *time.Location, start string, length time.Duration) vennioclient.Slot {
	t.Helper()
	at, err := time.ParseInLocation("2006-01-02 15:04", start, loc)
	require.NoError(t, err)
	return vennioclient.Slot{Start: at, End: at.Add(length)}
}

// withheld names the preferences that exclude a meeting, if all the time around it is free.
func withheld(m vennioclient.Slot, p slots.Preferences) []string {
	_, by := slots.Withhold([]vennioclient.Slot{m}, []slots.Span{{Start: m.Start.AddDate(0, 0, -1), End: m.End.AddDate(0, 0, 1)}}, []slots.Preferences{p})
	return by
}

// req: S13. Lunch and days are those of the clocks of the host's zone, also on the days of clock changes.
func TestReq_S13_PreferencesOverClockChangesAndMidnight(t *testing.T) {
	t.Parallel()
	london, santiago := zoneOf(t, "Europe/London"), zoneOf(t, "America/Santiago")
	lunch, err := slots.ParseLunch("12:00-13:00")
	require.NoError(t, err)
	night, err := slots.ParseLunch("sat-sun 01:00-02:00, mon 00:00-00:30")
	require.NoError(t, err)
	sunday := []time.Weekday{time.Sunday}
	for _, c := range []struct {
		loc    *time.Location
		start  string
		length time.Duration
		p      slots.Preferences
		by     []string
	}{
		{london, "2026-03-29 11:30", 30 * time.Minute, slots.Preferences{Lunch: lunch}, nil},
		{london, "2026-03-29 11:31", 30 * time.Minute, slots.Preferences{Lunch: lunch}, []string{"lunch"}},
		{london, "2026-03-29 12:59", 30 * time.Minute, slots.Preferences{Lunch: lunch}, []string{"lunch"}},
		{london, "2026-03-29 13:00", 30 * time.Minute, slots.Preferences{Lunch: lunch}, nil},
		{london, "2026-03-28 11:00", 8 * time.Hour, slots.Preferences{Lunch: lunch}, []string{"lunch"}},
		{london, "2026-10-25 00:30", 4 * time.Hour, slots.Preferences{Lunch: night}, []string{"lunch"}},
		{london, "2026-10-25 02:00", time.Hour, slots.Preferences{Lunch: night}, nil},
		{london, "2026-10-25 23:45", 30 * time.Minute, slots.Preferences{Lunch: night}, []string{"lunch"}},
		{london, "2026-05-16 23:30", 30 * time.Minute, slots.Preferences{NoMeetings: sunday}, nil},
		{london, "2026-05-16 23:31", 30 * time.Minute, slots.Preferences{NoMeetings: sunday}, []string{"days without meetings"}},
		{santiago, "2026-09-05 23:30", 30 * time.Minute, slots.Preferences{NoMeetings: sunday}, nil}, // midnight is skipped that night
		{santiago, "2026-09-06 01:00", 30 * time.Minute, slots.Preferences{NoMeetings: sunday}, []string{"days without meetings"}},
	} {
		c.p.Zone = c.loc
		assert.Equal(t, c.by, withheld(meetingIn(t, c.loc, c.start, c.length), c.p), "%s %s, %s", c.start, c.length, c.p)
	}
	p := slots.Preferences{Zone: london, Before: 15 * time.Minute, After: 30 * time.Minute}
	free := []slots.Span{{Start: time.Date(2026, 5, 15, 23, 0, 0, 0, london), End: time.Date(2026, 5, 16, 1, 0, 0, 0, london)}}
	for start, kept := range map[string]int{"2026-05-15 23:00": 0, "2026-05-15 23:15": 1, "2026-05-15 23:45": 1, "2026-05-16 00:00": 1, "2026-05-16 00:15": 0} {
		found, _ := slots.Withhold([]vennioclient.Slot{meetingIn(t, london, start, 30*time.Minute)}, free, []slots.Preferences{p})
		assert.Len(t, found, kept, "%s: free time before and after crosses midnight", start)
	}
}

func TestReq_S13_PreferencesThatLeaveNoTimeAreMistakes(t *testing.T) {
	t.Parallel()
	hours := func(text string) times.Opening {
		o, err := slots.ParseLunch(text)
		require.NoError(t, err)
		return o
	}
	for name, p := range map[string]slots.Preferences{
		"lunch all day":                        {Lunch: hours("00:00-24:00")},
		"lunch in all working hours":           {Lunch: hours("12:00-14:00"), Work: hours("mon-fri 12:30-14:00")},
		"no meetings on all working days":      {Work: hours("wed 09:00-17:00"), NoMeetings: []time.Weekday{time.Wednesday}},
		"no preferred length fits":             {Work: hours("mon 09:00-09:20"), Lengths: []time.Duration{25 * time.Minute, 50 * time.Minute}},
		"bookings are allowed on no other day": {NoMeetings: []time.Weekday{time.Monday}},
	} {
		assert.ErrorContains(t, p.Check(hours("mon 09:00-17:00")), "leave no time for a meeting of", name)
	}
	require.NoError(t, slots.Preferences{}.Check(nil))
	require.NoError(t, slots.Preferences{Lunch: hours("12:00-13:00"), NoMeetings: []time.Weekday{time.Wednesday}, Work: hours("mon-fri 09:00-17:00")}.Check(nil))
}
