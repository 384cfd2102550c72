package slots_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/slots"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
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
			[]string{"Thu 09:00: first that fits", "Fri 12:00: another day, afternoon", "Thu 10:00: also that day"},
		},
		"days to avoid": {
			slots.Wishes{Avoid: []time.Weekday{time.Wednesday, time.Friday}},
			[]string{"Thu 09:00: first that fits", "Thu 12:00: also that day, afternoon", "Thu 10:00: also that day"},
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

func TestReq_S11_WishesNarrowTheChoice(t *testing.T) {
	t.Parallel()
	for name, c := range narrowing(t) {
		c.wishes.Zone = time.UTC
		p := slots.Pick(week(), 3, c.wishes)
		assert.Equal(t, c.want, choices(p), name)
		assert.False(t, p.Missed, name)
		assert.True(t, c.wishes.Any(), name)
	}
}

func TestReq_S11_WhereNothingFitsTheNearestIsOfferedAndSaysWhatItMisses(t *testing.T) {
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
		assert.Equal(t, c.want, choices(p), name)
		assert.True(t, p.Missed, name)
	}
}

func TestReq_S11_DaysToAvoidAndBusyTimesAreNeverOffered(t *testing.T) {
	t.Parallel()
	all := []time.Weekday{time.Wednesday, time.Thursday, time.Friday}
	assert.Equal(t, slots.Picked{}, slots.Pick(week(), 3, slots.Wishes{Zone: time.UTC, Avoid: all}))
	busy := slots.Span{Start: at(t, "2026-05-13T00:00:00Z"), End: at(t, "2026-05-16T00:00:00Z")}
	assert.Equal(t, slots.Picked{}, slots.Pick(week(), 3, slots.Wishes{Zone: time.UTC, Busy: []slots.Span{busy}}))
	over := day("2026-05-13", 23, 25) // 23:45 ends on Thursday
	p := slots.Pick(over, 9, slots.Wishes{Zone: time.UTC, Avoid: []time.Weekday{time.Thursday}})
	assert.Equal(t, []string{"Wed 23:00: first that fits", "Wed 23:30: also that day"}, choices(p), "an end at midnight touches no Thursday")
	p = slots.Pick(over[3:4], 9, slots.Wishes{Zone: time.UTC, Hours: slots.Hours{Latest: 23*60 + 59}})
	assert.Equal(t, []string{"Wed 23:45: nearest fit, outside the hours asked for"}, choices(p), "00:15 is after 23:59")
}

// people are those in the zones, at the usual working hours.
func people(t *testing.T, zones ...string) (all []slots.Person) {
	t.Helper()
	for _, name := range zones {
		all = append(all, slots.Person{Zone: zone(t, name)})
	}
	return all
}

// req: S8
// field: working hours of everybody
func TestReq_S8_WorkingHoursComeFirst(t *testing.T) {
	t.Parallel()
	w := slots.Wishes{Zone: time.UTC, People: people(t, "UTC")}
	early := slices.Concat(day("2026-05-13", 7, 12), day("2026-05-14", 7, 8), day("2026-05-15", 5, 7))
	assert.Equal(t, []string{
		"Wed 08:00: first in working hours", "Wed 09:00: also that day", // rather than Thursday at 07:00
		"Wed 10:00: also that day",
	}, choices(slots.Pick(early, 3, w)))
	assert.Equal(t, []string{"Thu 07:00: first free, outside working hours in UTC", "Fri 06:15: another day, at night in UTC"},
		choices(slots.Pick(slices.Concat(day("2026-05-14", 7, 8)[:1], day("2026-05-15", 6, 7)), 2, w)))

	w.People = people(t, "UTC", "America/New_York") // UTC-4: 12:00 is 08:00 there
	assert.Equal(t, []string{"Wed 12:00: first in working hours", "Thu 12:00: another day", "Fri 12:00: another day"}, choices(slots.Pick(week(), 3, w)))
	assert.Equal(t, []string{"Wed 11:00: first in the daytime, outside working hours in New York"}, choices(slots.Pick(day("2026-05-13", 9, 12), 1, w)))
	assert.Equal(t, []string{"Wed 10:15: best hour there is, at night in New York"}, choices(slots.Pick(day("2026-05-13", 9, 11), 1, w)))
}

// req: S8
// field: weekend of a guest
func TestReq_S8_AGuestsWeekendIsOutsideTheirWorkingHours(t *testing.T) {
	t.Parallel()
	w := slots.Wishes{Zone: time.UTC, People: people(t, "UTC", "Asia/Tokyo")} // UTC+9: Friday 15:00 is Saturday there
	friday := day("2026-05-15", 15, 19)
	monday := day("2026-05-18", 8, 10)
	assert.Equal(t, []string{"Mon 08:00: first in working hours"}, choices(slots.Pick(slices.Concat(friday, monday), 1, w)))
	dubai := slots.Wishes{Zone: time.UTC, People: []slots.Person{{Zone: time.UTC}, {Zone: zone(t, "Asia/Riyadh"), Work: opening(t, "sun-thu 09:00-17:00")}}}
	assert.Equal(t, []string{"Fri 15:00: first free, on a Friday in Riyadh"}, choices(slots.Pick(friday, 1, dubai)), "hours of their own")
	late := append(day("2026-05-15", 8, 9), day("2026-05-14", 19, 21)...) // Friday in Riyadh, or Thursday after 22:00
	assert.Equal(t, []string{"Fri 08:00: first in the daytime, on a Friday in Riyadh"}, choices(slots.Pick(late, 1, dubai)))
}

func opening(t *testing.T, text string) times.Opening {
	t.Helper()
	o, err := times.ParseOpening(text)
	require.NoError(t, err)
	return o
}

// req: S8
// field: back-to-back offers
func TestReq_S8_OffersAreNotBackToBackWhenOthersAreFree(t *testing.T) {
	t.Parallel()
	w := slots.Wishes{Zone: time.UTC, People: people(t, "UTC")}
	assert.Equal(t, []string{"Wed 09:00: first free", "Wed 10:00: also that day", "Wed 11:00: also that day"}, choices(slots.Pick(day("2026-05-13", 9, 12), 3, w)))
	assert.Equal(t, []string{"Wed 09:00: first free", "Wed 09:30: also that day"}, choices(slots.Pick(day("2026-05-13", 9, 10), 3, w)), "no other is free")
}

// field: evening
func TestReq_S8_TheEveningBeginsAfterTheWorkingDay(t *testing.T) {
	t.Parallel()
	late := slices.Concat(day("2026-05-13", 9, 10)[:1], day("2026-05-14", 17, 20))
	w := slots.Wishes{Zone: time.UTC, People: people(t, "UTC")}
	assert.Equal(t, "Thu 17:00: another day, afternoon", choices(slots.Pick(late, 2, w))[1])
	assert.Equal(t, "Thu 19:00: another day, evening, outside working hours in UTC", choices(slots.Pick(slices.Concat(late[:1], day("2026-05-14", 19, 20)), 2, w))[1])
	w.People[0].Work = opening(t, "mon-fri 09:00-17:30")
	assert.Equal(t, "Thu 18:00: another day, evening, outside working hours in UTC", choices(slots.Pick(slices.Concat(late[:1], day("2026-05-14", 18, 20)), 2, w))[1])
}

// field: time of a booking that is to be moved
func TestReq_S8_AMoveNeverFirstOffersTheTimeThatIsLeft(t *testing.T) {
	t.Parallel()
	w := slots.Wishes{Zone: time.UTC, People: people(t, "UTC"), Leaving: &slots.Span{Start: at(t, "2026-05-13T09:15:00Z"), End: at(t, "2026-05-13T09:45:00Z")}}
	assert.Equal(t, []string{"Wed 09:45: first clear of the present time"}, choices(slots.Pick(day("2026-05-13", 9, 11), 1, w)))
	night := slices.Concat(day("2026-05-13", 9, 10)[:2], day("2026-05-13", 23, 24))
	assert.Equal(t, "Wed 23:00: first clear of the present time, at night in UTC", choices(slots.Pick(night, 1, w))[0], "never")
	assert.Equal(t, []string{"Wed 09:00: first free, overlaps the present time"}, choices(slots.Pick(day("2026-05-13", 9, 10)[:2], 1, w)), "there is no other")
}

func TestReq_S9_FirstIsTheEarliestThatFits(t *testing.T) {
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
		{slots.Wishes{People: people(t, "UTC", "America/New_York")}, "Wed 12:00: first after that window"},
		{slots.Wishes{People: people(t, "UTC", "America/Anchorage")}, "Wed 16:00: first after that window"},
		{slots.Wishes{People: people(t, "UTC", "Asia/Tokyo")}, "Wed 09:00: first after that window"},
		{slots.Wishes{People: people(t, "UTC", "Pacific/Honolulu")}, "Wed 17:00: first after that window, outside working hours in Honolulu"},
	} {
		c.wishes.Zone = time.UTC
		first, ok := slots.First(week(), c.wishes)
		require.True(t, ok)
		assert.Equal(t, c.want, first.Start.Format("Mon 15:04: ")+first.Reason)
	}
}

// req: S8
// field: working hours over midnight
func TestReq_S8_WorkingHoursOverMidnightAreOne(t *testing.T) {
	t.Parallel()
	work, err := times.ParseOpening("mon-fri 22:00-24:00, tue-sat 00:00-03:00, tue-sat 03:00-06:00, sat 23:30-24:00")
	require.NoError(t, err)
	berlin := zone(t, "Europe/Berlin")
	for text, want := range map[string]bool{
		"2026-05-12T21:30:00+02:00": false, // Tuesday, before they begin
		"2026-05-12T22:00:00+02:00": true,
		"2026-05-12T23:30:00+02:00": true, // over midnight
		"2026-05-12T23:00:00+02:00": true, // to midnight
		"2026-05-13T02:30:00+02:00": true, // over hours that touch
		"2026-05-13T05:30:00+02:00": false,
		"2026-05-16T23:30:00+02:00": false, // Saturday; nobody works on Sunday
		"2026-05-17T00:00:00+02:00": false,
	} {
		start := at(t, text)
		assert.Equal(t, want, work.Holds(start, start.Add(time.Hour), berlin), text)
	}
	start := at(t, "2026-05-12T22:00:00+02:00")
	assert.False(t, work.Holds(start, start.Add(26*time.Hour), berlin), "longer than a night")
}

// Where somebody must meet at night whatever is chosen, the others need not.
//
// req: S8
// field: a night for one, not for all
func TestReq_S8_ANightForOneIsNoNightForTheOthers(t *testing.T) {
	t.Parallel()
	london, newYork := zone(t, "Europe/London"), zone(t, "America/New_York")
	w := slots.Wishes{Zone: london, Hours: slots.Hours{Latest: 10 * 60}, People: []slots.Person{{Zone: london}, {Zone: newYork}}}
	var free []vennioclient.Slot
	for start := at(t, "2026-05-10T23:00:00Z"); start.Before(at(t, "2026-05-15T23:00:00Z")); start = start.Add(30 * time.Minute) {
		free = append(free, meeting(start))
	}
	for _, c := range slots.Pick(free, 3, w).Choices {
		local := c.Start.In(london)
		assert.GreaterOrEqual(t, local.Hour(), 8, local)
	}
}
