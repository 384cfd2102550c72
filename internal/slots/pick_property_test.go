package slots_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/vennio-mcp/vennio-mcp/internal/slots"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// may is the first minute of the weeks in which the properties are shown. In
// them no zone changes its clocks by so much that a minute of the day is lost.
var may = time.Date(2026, 5, 13, 0, 0, 0, 0, time.UTC)

func drawSpan(t *rapid.T, most int) (start, end time.Time) {
	start = may.Add(time.Duration(rapid.IntRange(0, 14*24*60).Draw(t, "start")) * time.Minute)
	return start, start.Add(time.Duration(rapid.IntRange(5, most).Draw(t, "minutes")) * time.Minute)
}

func drawFree(t *rapid.T) (all []vennioclient.Slot) {
	for range rapid.IntRange(0, 60).Draw(t, "n") {
		start, end := drawSpan(t, 480)
		all = append(all, vennioclient.Slot{Start: start, End: end, Description: rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "words")})
	}
	return all
}

func drawWishes(t *rapid.T) slots.Wishes {
	location := rapid.Custom(func(t *rapid.T) *time.Location {
		loc, err := times.Zone(rapid.SampledFrom(times.Zones()).Draw(t, "zone"))
		require.NoError(t, err)
		return loc
	})
	weekdays := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) time.Weekday { return time.Weekday(rapid.IntRange(0, 6).Draw(t, "day")) }), 0, 4)
	w := slots.Wishes{
		Zone: location.Draw(t, "zone"), Days: weekdays.Draw(t, "days"), Avoid: weekdays.Draw(t, "avoid"),
	}
	for _, loc := range rapid.SliceOfN(location, 0, 2).Draw(t, "people") {
		w.People = append(w.People, slots.Person{Zone: loc})
	}
	if rapid.Bool().Draw(t, "hours") {
		w.Hours.Earliest = rapid.IntRange(0, 23*60).Draw(t, "earliest")
		w.Hours.Latest = rapid.IntRange(w.Hours.Earliest+1, 24*60-1).Draw(t, "latest")
	}
	for range rapid.IntRange(0, 5).Draw(t, "busy") {
		start, end := drawSpan(t, 3000)
		w.Busy = append(w.Busy, slots.Span{Start: start, End: end})
	}
	return w
}

// allowed and misses say again, minute by minute, what the package works out with borders.
func allowed(s vennioclient.Slot, w slots.Wishes) bool {
	for t := s.Start; t.Before(s.End); t = t.Add(time.Minute) {
		if slices.Contains(w.Avoid, t.In(w.Zone).Weekday()) {
			return false
		}
		for _, b := range w.Busy {
			if !t.Before(b.Start) && t.Before(b.End) {
				return false
			}
		}
	}
	return true
}

func misses(s vennioclient.Slot, w slots.Wishes) (n int) {
	if len(w.Days) > 0 && !slices.Contains(w.Days, s.Start.In(w.Zone).Weekday()) {
		n++
	}
	if w.Hours == (slots.Hours{}) {
		return n
	}
	for t := s.Start; t.Before(s.End); t = t.Add(time.Minute) {
		minute := times.MinuteOfDay(t, w.Zone)
		midnight := minute == 0 && t.After(s.Start) // Latest ends the day
		if minute < w.Hours.Earliest || minute >= w.Hours.Latest || midnight {
			return n + 1
		}
	}
	return n
}

func TestReq_S8_S11_PickHoldsWhateverTheSlotsAndWishes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		free, w, n := drawFree(t), drawWishes(t), rapid.IntRange(1, 10).Draw(t, "limit")
		p := slots.Pick(free, n, w)
		require.LessOrEqual(t, len(p.Choices), n)
		fewest, possible := 3, false
		for _, s := range free {
			if allowed(s, w) {
				possible, fewest = true, min(fewest, misses(s, w))
			}
		}
		require.Equal(t, possible, len(p.Choices) > 0, "something is offered if anything can be")
		require.Equal(t, possible && fewest > 0, p.Missed)
		for i, c := range p.Choices {
			require.Contains(t, free, c.Slot)
			require.True(t, allowed(c.Slot, w), "excluded times are never offered")
			require.Equal(t, fewest, misses(c.Slot, w), "only what misses the fewest wishes is offered")
			require.NotEmpty(t, c.Reason)
			for _, other := range p.Choices[:i] {
				require.False(t, c.Start.Before(other.End) && other.Start.Before(c.End), "none overlaps another")
			}
		}
		again := slices.Clone(free)
		rand.Shuffle(len(again), func(i, j int) { again[i], again[j] = again[j], again[i] })
		require.Equal(t, p, slots.Pick(again, n, w), "the order of the slots does not matter")
		require.Equal(t, p, slots.Pick(append(again, free...), n, w), "nor does hearing of them twice")
	})
}

// As long as there are days not yet offered, each choice is on one. (A time that follows a choice
// at midnight would be back-to-back, so there is none here.)
func TestReq_S8_PickSpreadsWhateverTheSlots(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		free := slices.DeleteFunc(drawFree(t), func(s vennioclient.Slot) bool {
			return s.Start.Hour() < 1 || s.End.Hour() == 23 || s.End.YearDay() != s.Start.YearDay()
		})
		date := func(s vennioclient.Slot) string { return s.Start.Format(time.DateOnly) }
		dates := map[string]bool{}
		for _, c := range slots.Pick(free, 100, slots.Wishes{Zone: time.UTC}).Choices {
			dates[date(c.Slot)] = true
		}
		offered := map[string]bool{}
		for i, c := range slots.Pick(free, 10, slots.Wishes{Zone: time.UTC}).Choices {
			if i < len(dates) {
				require.False(t, offered[date(c.Slot)], "%d of %d days", i, len(dates))
			}
			offered[date(c.Slot)] = true
		}
	})
}
