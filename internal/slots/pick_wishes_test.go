package slots_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/slots"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
)

func at(t *testing.T, text string) time.Time {
	t.Helper()
	instant, err := time.Parse(time.RFC3339, text)
	require.NoError(t, err)
	return instant
}

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	loc, err := times.Zone(name)
	require.NoError(t, err)
	return loc
}

// narrowing is wishes that some of the week fits, and what is offered then.
func narrowing(t *testing.T) map[string]narrowed {
	t.Helper()
	return map[string]narrowed{
		"hours": {
			slots.Wishes{Hours: slots.Hours{Earliest: 13 * 60, Latest: 14 * 60}},
			[]string{"Wed 13:00: first that fits", "Thu 13:00: another day", "Fri 13:00: another day"},
		},
		"from an hour on": {
			slots.Wishes{Hours: slots.Hours{Earliest: 17 * 60}},
			[]string{"Wed 17:00: first that fits", "Thu 17:00: another day", "Fri 17:00: another day"},
		},
		"days": {
			slots.Wishes{Days: []time.Weekday{time.Friday, time.Thursday}},
			[]string{"Thu 09:00: first that fits", "Fri 12:00: another day, afternoon", "Thu 17:00: also that day, evening"},
		},
		"days to avoid": {
			slots.Wishes{Avoid: []time.Weekday{time.Wednesday, time.Friday}},
			[]string{"Thu 09:00: first that fits", "Thu 12:00: also that day, afternoon", "Thu 17:00: also that day, evening"},
		},
		"busy": {
			slots.Wishes{Busy: []slots.Span{
				{at(t, "2026-05-13T00:00:00Z"), at(t, "2026-05-14T09:20:00Z")}, {at(t, "2026-05-14T10:00:00Z"), at(t, "2026-05-16T00:00:00Z")},
			}},
			[]string{"Thu 09:30: first that fits"},
		},
		"all of them": {
			slots.Wishes{
				Hours: slots.Hours{Earliest: 9 * 60, Latest: 10 * 60}, Days: []time.Weekday{time.Wednesday}, Avoid: []time.Weekday{time.Thursday},
				Busy: []slots.Span{{at(t, "2026-05-13T09:15:00Z"), at(t, "2026-05-13T09:30:00Z")}},
			},
			[]string{"Wed 09:30: first that fits"},
		},
	}
}

type narrowed struct {
	wishes slots.Wishes
	want   []string
}

func TestBar_S11_WishesNarrowTheChoice(t *testing.T) {
	t.Parallel()
	for name, c := range narrowing(t) {
		c.wishes.Zone = time.UTC
		p := slots.Pick(week(), 3, c.wishes)
		assert.Equal(t, c.want, told(p), name)
		assert.False(t, p.Missed, name)
		assert.True(t, c.wishes.Any(), name)
	}
}

func TestBar_S11_WhereNothingFitsTheNearestIsOfferedAndSaysWhatItMisses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		wishes slots.Wishes
		want   []string
	}{
		"hours": {
			slots.Wishes{Hours: slots.Hours{Earliest: 18 * 60, Latest: 20 * 60}},
			[]string{"Wed 17:30: nearest fit, outside the hours asked for", "Thu 17:30: another day, outside the hours asked for"},
		},
		"early hours": {
			slots.Wishes{Hours: slots.Hours{Latest: 9 * 60}, Avoid: []time.Weekday{time.Wednesday, time.Thursday}},
			[]string{"Fri 09:00: nearest fit, outside the hours asked for", "Fri 09:30: also that day, outside the hours asked for"},
		},
		"days": {
			slots.Wishes{Days: []time.Weekday{time.Saturday}},
			[]string{"Wed 09:00: nearest fit, not on a day asked for", "Thu 12:00: another day, afternoon, not on a day asked for"},
		},
		"one of the two": {
			slots.Wishes{Days: []time.Weekday{time.Saturday}, Hours: slots.Hours{Earliest: 17 * 60, Latest: 18 * 60}},
			[]string{"Wed 17:00: nearest fit, not on a day asked for", "Thu 17:00: another day, not on a day asked for"},
		},
		"both": {
			slots.Wishes{Days: []time.Weekday{time.Saturday}, Hours: slots.Hours{Earliest: 20 * 60, Latest: 21 * 60}},
			[]string{"Wed 17:30: nearest fit, outside the hours asked for, not on a day asked for", "Thu 17:30: another day, outside the hours asked for, not on a day asked for"},
		},
	} {
		c.wishes.Zone = time.UTC
		p := slots.Pick(week(), 2, c.wishes)
		assert.Equal(t, c.want, told(p), name)
		assert.True(t, p.Missed, name)
	}
}

func TestBar_S11_DaysToAvoidAndBusyTimesAreNeverOffered(t *testing.T) {
	t.Parallel()
	all := []time.Weekday{time.Wednesday, time.Thursday, time.Friday}
	assert.Equal(t, slots.Picked{}, slots.Pick(week(), 3, slots.Wishes{Zone: time.UTC, Avoid: all}))
	busy := slots.Span{Start: at(t, "2026-05-13T00:00:00Z"), End: at(t, "2026-05-16T00:00:00Z")}
	assert.Equal(t, slots.Picked{}, slots.Pick(week(), 3, slots.Wishes{Zone: time.UTC, Busy: []slots.Span{busy}}))
	over := day("2026-05-13", 23, 25) // 23:45 ends on Thursday
	p := slots.Pick(over, 9, slots.Wishes{Zone: time.UTC, Avoid: []time.Weekday{time.Thursday}})
	assert.Equal(t, []string{"Wed 23:00: first that fits", "Wed 23:30: also that day"}, told(p), "an end at midnight touches no Thursday")
	p = slots.Pick(over[3:4], 9, slots.Wishes{Zone: time.UTC, Hours: slots.Hours{Latest: 23*60 + 59}})
	assert.Equal(t, []string{"Wed 23:45: nearest fit, outside the hours asked for"}, told(p), "00:15 is after 23:59")
}

func TestBar_S8_NightsComeLastAndAreSaid(t *testing.T) {
	t.Parallel()
	newYork := zone(t, "America/New_York") // UTC-4: 09:00 UTC is 05:00 there
	w := slots.Wishes{Zone: time.UTC, Awake: []*time.Location{zone(t, "Europe/London"), newYork}}
	p := slots.Pick(week(), 3, w)
	assert.Equal(t, []string{"Wed 11:00: first in the daytime", "Thu 12:00: another day, afternoon", "Fri 17:00: another day, evening"}, told(p))
	p = slots.Pick(day("2026-05-13", 9, 11), 2, w)
	assert.Equal(t, []string{"Wed 09:00: first free, at night in New York", "Wed 09:30: also that day, at night in New York"}, told(p))
}

func TestBar_S9_FirstIsTheEarliestThatFits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		wishes slots.Wishes
		want   string
	}{
		{slots.Wishes{}, "Wed 09:00: first after that window"},
		{slots.Wishes{Avoid: []time.Weekday{time.Wednesday}}, "Thu 09:00: first after that window"},
		{slots.Wishes{Hours: slots.Hours{Earliest: 16 * 60}}, "Wed 16:00: first after that window"},
		{slots.Wishes{Hours: slots.Hours{Earliest: 20 * 60}}, "Wed 09:00: first after that window, outside the hours asked for"},
		{slots.Wishes{Days: []time.Weekday{time.Monday}}, "Wed 09:00: first after that window, not on a day asked for"},
		{slots.Wishes{Awake: []*time.Location{zone(t, "America/Anchorage")}}, "Wed 09:00: first after that window, at night in Anchorage"},
	} {
		c.wishes.Zone = time.UTC
		first, ok := slots.First(week(), c.wishes)
		require.True(t, ok)
		assert.Equal(t, c.want, first.Start.Format("Mon 15:04: ")+first.Reason)
	}
}
