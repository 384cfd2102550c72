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

// day returns candidates as Vennio makes them: every 15 minutes, overlapping.
func day(date string, from, to int) (all []vennioclient.Slot) {
	midnight, _ := time.Parse(time.DateOnly, date)
	for m := from * 60; m+30 <= to*60; m += 15 {
		start := midnight.Add(time.Duration(m) * time.Minute)
		all = append(all, vennioclient.Slot{Start: start, End: start.Add(30 * time.Minute)})
	}
	return all
}

// choices are the choices as a person sees them.
func choices(p slots.Picked) (all []string) {
	for _, c := range p.Choices {
		all = append(all, c.Start.Format("Mon 15:04: ")+c.Reason)
	}
	return all
}

// week is Wednesday to Friday, 09:00 to 18:00.
func week() []vennioclient.Slot {
	return slices.Concat(day("2026-05-13", 9, 18), day("2026-05-14", 9, 18), day("2026-05-15", 9, 18))
}

func TestReq_S8_PickSpreadsOverDaysAndTimesOfDay(t *testing.T) {
	t.Parallel()
	p := slots.Pick(week(), 5, slots.Wishes{Zone: time.UTC})
	assert.Equal(t, []string{
		"Wed 09:00: first free", "Thu 12:00: another day, afternoon", "Fri 09:00: another day",
		"Wed 12:00: also that day", "Thu 09:00: also that day",
	}, choices(p))
	assert.True(t, p.More)
	assert.False(t, p.Missed)
}

func TestReq_S8_PickOfOneDayDoesNotOverlap(t *testing.T) {
	t.Parallel()
	p := slots.Pick(day("2026-05-13", 9, 10), 10, slots.Wishes{Zone: time.UTC})
	assert.Equal(t, []string{"Wed 09:00: first free", "Wed 09:30: also that day"}, choices(p))
	assert.False(t, p.More)
	p = slots.Pick(day("2026-05-13", 11, 13), 2, slots.Wishes{Zone: time.UTC})
	assert.Equal(t, []string{"Wed 11:00: first free", "Wed 12:00: also that day, afternoon"}, choices(p))
}

func TestPickOfNothingIsNothing(t *testing.T) {
	t.Parallel()
	assert.Equal(t, slots.Picked{}, slots.Pick(nil, 3, slots.Wishes{Zone: time.UTC}))
	_, found := slots.First(nil, slots.Wishes{Zone: time.UTC})
	assert.False(t, found)
}

func TestNearestPutsTheClosestFirst(t *testing.T) {
	t.Parallel()
	wanted := meeting(time.Date(2026, 5, 13, 11, 0, 0, 0, time.UTC))
	chosen := slots.Nearest(day("2026-05-13", 9, 18), 3, wanted, slots.Wishes{Zone: time.UTC})
	assert.Equal(t, []string{
		"Wed 11:00: same day, same time", "Wed 10:30: same day, 30 min earlier", "Wed 11:30: same day, 30 min later",
	}, choices(slots.Picked{Choices: chosen}))
}

func TestNearestSaysHowFarOnTheClocksOfTheZone(t *testing.T) {
	t.Parallel()
	tokyo, err := time.LoadLocation("Asia/Tokyo")
	require.NoError(t, err)
	wanted := time.Date(2026, 5, 13, 14, 0, 0, 0, time.UTC) // 23:00 in Tokyo
	for hours, reason := range map[int]string{
		0: "same day, same time", 1: "next day, 23 h earlier", 24: "next day, same time", 48: "2 days later, same time",
		-24: "the day before, same time", -72: "3 days earlier, same time", -2: "same day, 2 h earlier",
	} {
		start := wanted.Add(time.Duration(hours) * time.Hour)
		got := slots.Nearest([]vennioclient.Slot{{Start: start, End: start.Add(time.Hour)}}, 1, meeting(wanted), slots.Wishes{Zone: tokyo})
		assert.Equal(t, reason, got[0].Reason, hours)
	}
	start := wanted.Add(-90 * time.Minute)
	got := slots.Nearest([]vennioclient.Slot{{Start: start, End: start.Add(time.Hour)}}, 1, meeting(wanted), slots.Wishes{Zone: tokyo})
	assert.Equal(t, "same day, 1 h 30 min earlier", got[0].Reason)
}

// meeting is one of half an hour.
func meeting(start time.Time) vennioclient.Slot {
	return vennioclient.Slot{Start: start, End: start.Add(30 * time.Minute)}
}

// The alternatives to a time that was taken are at hours that are as good as those that were agreed, if there are any.
//
// req: S8
// field: alternatives to a taken time
func TestReq_S8_AlternativesAreAtHoursAsGood(t *testing.T) {
	t.Parallel()
	work, err := times.ParseOpening("mon-fri 10:00-16:00")
	require.NoError(t, err)
	newYork := zone(t, "America/New_York")
	utc := []slots.Person{{Zone: time.UTC}}
	leaving := slots.Span{Start: at(t, "2026-05-13T11:00:00Z"), End: at(t, "2026-05-13T11:30:00Z")}
	for name, c := range map[string]struct {
		from, to int
		wanted   string
		wishes   slots.Wishes
		want     []string
	}{
		"at 08:00 the later ones": {6, 11, "2026-05-13T08:00:00Z", slots.Wishes{People: utc}, []string{
			"Wed 08:00: same day, same time", "Wed 08:30: same day, 30 min later", "Wed 09:00: same day, 1 h later",
		}},
		"at 18:30 the earlier ones": {16, 22, "2026-05-13T18:30:00Z", slots.Wishes{People: utc}, []string{
			"Wed 18:30: same day, same time", "Wed 18:00: same day, 30 min earlier", "Wed 17:30: same day, 1 h earlier",
		}},
		"the guest's hours count": {11, 16, "2026-05-13T12:00:00Z", slots.Wishes{People: append(slices.Clone(utc), slots.Person{Zone: newYork})}, []string{
			"Wed 12:00: same day, same time", "Wed 12:30: same day, 30 min later", "Wed 13:00: same day, 1 h later",
		}},
		"the operator's hours count": {8, 12, "2026-05-13T10:00:00Z", slots.Wishes{People: []slots.Person{{Zone: time.UTC, Work: work}}}, []string{
			"Wed 10:00: same day, same time", "Wed 10:30: same day, 30 min later", "Wed 11:00: same day, 1 h later",
		}},
		"worse hours where there are no others, with what speaks against them": {20, 22, "2026-05-13T18:00:00Z", slots.Wishes{People: utc}, []string{
			"Wed 20:00: same day, 2 h later, outside working hours in UTC", "Wed 20:30: same day, 2 h 30 min later, outside working hours in UTC",
			"Wed 21:00: same day, 3 h later, outside working hours in UTC",
		}},
		"an evening that was agreed": {18, 22, "2026-05-13T20:00:00Z", slots.Wishes{People: utc}, []string{
			"Wed 20:00: same day, same time, outside working hours in UTC", "Wed 19:30: same day, 30 min earlier, outside working hours in UTC",
			"Wed 20:30: same day, 30 min later, outside working hours in UTC",
		}},
		"not the time that is left": {10, 13, "2026-05-13T11:30:00Z", slots.Wishes{People: utc, Leaving: &leaving}, []string{
			"Wed 11:30: same day, same time", "Wed 12:00: same day, 30 min later", "Wed 10:30: same day, 1 h earlier",
		}},
	} {
		c.wishes.Zone = time.UTC
		chosen := slots.Nearest(day("2026-05-13", c.from, c.to), 3, meeting(at(t, c.wanted)), c.wishes)
		assert.Equal(t, c.want, choices(slots.Picked{Choices: chosen}), name)
	}
}
