package slots_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"github.com/vennio-mcp/vennio-mcp/internal/slots"
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

func starts(chosen []vennioclient.Slot) (all []string) {
	for _, s := range chosen {
		all = append(all, s.Start.Format("Mon 15:04"))
	}
	return all
}

func TestPickSpreadsOverDaysAndTimesOfDay(t *testing.T) {
	t.Parallel()
	week := append(append(day("2026-05-13", 9, 18), day("2026-05-14", 9, 18)...), day("2026-05-15", 9, 18)...)
	chosen, more := slots.Pick(week, 3, time.UTC)
	assert.Equal(t, []string{"Wed 09:00", "Thu 12:00", "Fri 17:00"}, starts(chosen))
	assert.True(t, more)
}

func TestPickOfOneDayDoesNotOverlap(t *testing.T) {
	t.Parallel()
	chosen, more := slots.Pick(day("2026-05-13", 9, 10), 10, time.UTC)
	assert.Equal(t, []string{"Wed 09:00", "Wed 09:30"}, starts(chosen))
	assert.False(t, more)
}

func TestNearestPutsTheClosestFirst(t *testing.T) {
	t.Parallel()
	wanted := time.Date(2026, 5, 13, 11, 0, 0, 0, time.UTC)
	chosen := slots.Nearest(day("2026-05-13", 9, 18), 3, wanted)
	assert.Equal(t, []string{"Wed 11:00", "Wed 10:30", "Wed 11:30"}, starts(chosen))
}

func TestPickHoldsWhateverTheCandidates(t *testing.T) {
	t.Parallel()
	base := time.Date(2026, 5, 13, 0, 0, 0, 0, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		var all []vennioclient.Slot
		for range rapid.IntRange(0, 60).Draw(t, "n") {
			start := base.Add(time.Duration(rapid.IntRange(0, 14*24*60).Draw(t, "start")) * time.Minute)
			all = append(all, vennioclient.Slot{Start: start, End: start.Add(time.Duration(rapid.IntRange(5, 480).Draw(t, "length")) * time.Minute)})
		}
		n := rapid.IntRange(1, 10).Draw(t, "limit")
		chosen, more := slots.Pick(all, n, time.UTC)
		assert.LessOrEqual(t, len(chosen), n)
		assert.Equal(t, len(all) > 0, len(chosen) > 0)
		for i := 1; i < len(chosen); i++ {
			assert.False(t, chosen[i].Start.Before(chosen[i-1].End), "in order, none overlapping")
		}
		rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		again, moreAgain := slots.Pick(all, n, time.UTC)
		if unique(all) {
			assert.Equal(t, chosen, again, "the order of the candidates does not matter")
			assert.Equal(t, more, moreAgain)
		}
	})
}

func unique(all []vennioclient.Slot) bool {
	seen := map[time.Time]bool{}
	for _, s := range all {
		if seen[s.Start] {
			return false
		}
		seen[s.Start] = true
	}
	return true
}
