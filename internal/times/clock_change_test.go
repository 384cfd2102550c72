package times_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/times"
)

func TestReq_S6_LocalTimesThatAreNoneOrTwoAreSpeltOut(t *testing.T) {
	t.Parallel()
	requireRefused(t, "Europe/London", thursday, []refusal{
		{"2027-03-28T01:30", "", []string{`from "2027-03-28T01:30" does not exist in Europe/London, where the clocks go forward: ` +
			"send 2027-03-28T00:30:00+00:00 or 2027-03-28T02:30:00+01:00"}},
		{"2026-10-25", "2026-10-25 01:30", []string{`to "2026-10-25 01:30" exists twice in Europe/London, where the clocks go back: ` +
			"send 2026-10-25T01:30:00+01:00 or 2026-10-25T01:30:00+00:00"}},
		{"2026-10-25T01:00", "2027-03-28T01:59:59", []string{
			`from "2026-10-25T01:00" exists twice in Europe/London, where the clocks go back: ` +
				"send 2026-10-25T01:00:00+01:00 or 2026-10-25T01:00:00+00:00",
			`to "2027-03-28T01:59:59" does not exist in Europe/London, where the clocks go forward: ` +
				"send 2027-03-28T00:59:59+00:00 or 2027-03-28T02:59:59+01:00",
		}},
	})
	requireRefused(t, "Australia/Lord_Howe", thursday, []refusal{
		{"2026-10-04T02:15", "", []string{`from "2026-10-04T02:15" does not exist in Australia/Lord_Howe, where the clocks go forward: ` +
			"send 2026-10-04T01:45:00+10:30 or 2026-10-04T02:45:00+11:00"}},
		{"2027-04-04T01:45", "", []string{`from "2027-04-04T01:45" exists twice in Australia/Lord_Howe, where the clocks go back: ` +
			"send 2027-04-04T01:45:00+11:00 or 2027-04-04T01:45:00+10:30"}},
	})
	requireRefused(t, "Pacific/Apia", time.Date(2011, time.December, 1, 0, 0, 0, 0, time.UTC), []refusal{
		{"2011-12-30T09:00", "", []string{`from "2011-12-30T09:00" does not exist in Pacific/Apia, where the clocks go forward: ` +
			"send 2011-12-29T09:00:00-10:00 or 2011-12-31T09:00:00+14:00"}},
		{"2011-12-30", "2011-12-30", []string{
			`from "2011-12-30" is a date that Pacific/Apia skipped: send 2011-12-29 or 2011-12-31`,
			`to "2011-12-30" is a date that Pacific/Apia skipped: send 2011-12-29 or 2011-12-31`,
		}},
	})
}

// The ends of a gap and of a repeated hour are unambiguous times.
func TestReq_S6_BordersOfAClockChangeAreRead(t *testing.T) {
	t.Parallel()
	for sent, want := range map[string]string{
		"2027-03-28T00:59:59": "2027-03-28T00:59:59Z", "2027-03-28T02:00": "2027-03-28T01:00:00Z",
		"2026-10-25T00:59:59": "2026-10-24T23:59:59Z", "2026-10-25T02:00": "2026-10-25T02:00:00Z",
		"2026-10-25T01:30:00+01:00": "2026-10-25T00:30:00Z", "2026-10-25T01:30:00+00:00": "2026-10-25T01:30:00Z",
	} {
		w, err := times.ParseWindow(times.WindowInput{From: sent, Loc: zone(t, "Europe/London"), Now: thursday})
		require.NoError(t, err)
		assert.Equal(t, want, times.UTC(w.From), sent)
	}
}

// Around each clock change of each zone, a local time is accepted if and only if it denotes one
// instant, and then as that instant.
func TestReq_S6_NoLocalTimeIsGuessedAroundAnyClockChange(t *testing.T) {
	t.Parallel()
	gone, twice := 0, 0
	for _, name := range times.Zones() {
		loc := zone(t, name)
		for _, change := range transitions(loc) {
			_, before := change.Add(-time.Second).In(loc).Zone()
			_, after := change.In(loc).Zone()
			for _, offset := range []int{before, after} {
				for _, seconds := range []int{-1, 0} {
					wall := change.UTC().Add(time.Duration(offset+seconds) * time.Second)
					switch n := readAt(t, wall, change, loc); n {
					case 0:
						gone++
					case 2:
						twice++
					}
				}
			}
		}
	}
	require.Greater(t, gone, 5_000)
	require.Greater(t, twice, 5_000)
}

// readAt uses a wall time near a clock change as from, and counts the instants that it denotes.
func readAt(t *testing.T, wall, change time.Time, loc *time.Location) int {
	t.Helper()
	instants := map[int64]bool{}
	for _, near := range []time.Duration{-time.Second, 0} {
		_, offset := change.Add(near).In(loc).Zone()
		instant := wall.Add(-time.Duration(offset) * time.Second)
		if instant.In(loc).Format(time.DateTime) == wall.Format(time.DateTime) {
			instants[instant.Unix()] = true
		}
	}
	w, err := times.ParseWindow(times.WindowInput{
		From: wall.Format("2006-01-02T15:04:05"), Loc: loc, Now: change.Add(-72 * time.Hour),
	})
	require.Equal(t, len(instants) == 1, err == nil, "%s in %s: %v", wall, loc, err)
	if err == nil {
		require.True(t, instants[w.From.Unix()], "%s in %s is read as %s", wall, loc, w.From)
	}
	return len(instants)
}
