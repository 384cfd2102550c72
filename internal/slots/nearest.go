package slots

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/times"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// Nearest chooses at most n of the candidates, none overlapping another, instead of the time that was wanted. Those
// at hours that are no worse than the wanted ones for everybody come first, and of these the closest; of equals the
// earlier. The reasons say how far each is from the wanted time, on the clocks of w.Zone.
func Nearest(free []vennioclient.Slot, n int, wanted vennioclient.Slot, w Wishes) (chosen []Choice) {
	asGood, _, _ := w.level(wanted)
	rest := w.candidates(free)
	for len(rest) > 0 && len(chosen) < n {
		best := slices.MinFunc(rest, func(a, b candidate) int {
			return cmp.Or(
				cmp.Compare(rank(a.leaving), rank(b.leaving)),
				cmp.Compare(max(a.level, asGood), max(b.level, asGood)),
				cmp.Compare(a.Start.Sub(wanted.Start).Abs(), b.Start.Sub(wanted.Start).Abs()),
			)
		})
		chosen = append(chosen, Choice{best.Slot, apart(best.Start, wanted.Start, w.Zone) + best.caveats()})
		rest = slices.DeleteFunc(rest, func(c candidate) bool { return overlap(c.Slot, best.Slot) })
	}
	return chosen
}

// apart says how far t is from wanted: "45 min later", "next day, same time".
func apart(t, wanted time.Time, loc *time.Location) string {
	days := civilDay(t, loc) - civilDay(wanted, loc)
	switch days {
	case 0:
		return "same day, " + span(t.Sub(wanted))
	case 1:
		return "next day, " + inTheDay(t, wanted, loc)
	case -1:
		return "the day before, " + inTheDay(t, wanted, loc)
	}
	if days < 0 {
		return fmt.Sprintf("%d days earlier, %s", -days, inTheDay(t, wanted, loc))
	}
	return fmt.Sprintf("%d days later, %s", days, inTheDay(t, wanted, loc))
}

func inTheDay(t, wanted time.Time, loc *time.Location) string {
	by := times.MinuteOfDay(t, loc) - times.MinuteOfDay(wanted, loc)
	return span(time.Duration(by) * time.Minute)
}

// span is a length of time in words, to the minute.
func span(d time.Duration) string {
	side := "later"
	if d < 0 {
		d, side = -d, "earlier"
	}
	hours, minutes := int(d/time.Hour), int(d%time.Hour/time.Minute)
	switch {
	case hours == 0 && minutes == 0:
		return "same time"
	case hours == 0:
		return fmt.Sprintf("%d min %s", minutes, side)
	case minutes == 0:
		return fmt.Sprintf("%d h %s", hours, side)
	}
	return fmt.Sprintf("%d h %d min %s", hours, minutes, side)
}

// civilDay counts the days on the clocks of loc.
func civilDay(t time.Time, loc *time.Location) int {
	year, month, day := t.In(loc).Date()
	return int(time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Unix() / (24 * 60 * 60))
}
