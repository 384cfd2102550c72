package times_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/vennio-mcp/vennio-mcp/internal/times"
)

// The years for which the properties are shown, in seconds since 1970.
var (
	firstSecond = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	lastSecond  = time.Date(2038, 1, 1, 0, 0, 0, 0, time.UTC).Unix() - 1
)

// transitions finds the instants from which the clocks of loc have another offset, by looking
// every four days and halving: it must not rely on what the package relies on.
func transitions(loc *time.Location) []time.Time {
	offset := func(second int64) int {
		_, seconds := time.Unix(second, 0).In(loc).Zone()
		return seconds
	}
	const stride = 4 * 24 * 3600
	var found []time.Time
	for low := firstSecond; low < lastSecond; low += stride {
		before, after := low, low+stride
		if offset(before) == offset(after) {
			continue
		}
		for after-before > 1 {
			if middle := (before + after) / 2; offset(middle) == offset(low) {
				before = middle
			} else {
				after = middle
			}
		}
		found = append(found, time.Unix(after, 0))
	}
	return found
}

func requireReadBack(t require.TestingT, start, end time.Time, loc *time.Location) {
	label := times.Label(start, end, loc)
	gotStart, gotEnd := readLabel(t, label)
	require.True(t, start.Equal(gotStart) && end.Equal(gotEnd), "%s read as %s to %s", label, times.UTC(gotStart), times.UTC(gotEnd))
}

func drawZone(t *rapid.T) *time.Location {
	loc, err := times.Zone(rapid.SampledFrom(times.Zones()).Draw(t, "zone"))
	require.NoError(t, err)
	return loc
}

func drawInstant(t *rapid.T) time.Time {
	return time.Unix(rapid.Int64Range(firstSecond, lastSecond).Draw(t, "instant"), 0)
}

func TestReq_S3_AnyLabelInAnyZoneReadsBack(t *testing.T) {
	t.Parallel()
	const stride = 20 // zones to try with one instant
	names := times.Zones()
	rapid.Check(t, func(rt *rapid.T) {
		start := drawInstant(rt)
		end := start.Add(time.Duration(rapid.Int64Range(1, 3*24*3600).Draw(rt, "seconds")) * time.Second)
		for i := rapid.IntRange(0, stride-1).Draw(rt, "first zone"); i < len(names); i += stride {
			requireReadBack(rt, start, end, zone(t, names[i]))
		}
	})
}

func TestReq_S3_LabelsReadBackAroundEveryClockChangeOfEveryZone(t *testing.T) {
	t.Parallel()
	changes := 0
	for _, name := range times.Zones() {
		loc := zone(t, name)
		found := transitions(loc)
		changes += len(found)
		for _, instant := range append(found, time.Unix(firstSecond, 0)) { // also where clocks never change
			for _, minutes := range []int{-60, -30, -15, 0, 30} {
				start := instant.Add(time.Duration(minutes) * time.Minute)
				requireReadBack(t, start, start.Add(30*time.Minute), loc)
			}
		}
	}
	require.Greater(t, changes, 10_000, "the search for clock changes found too few")
}

func TestReq_S3_LordHoweAndApiaAreAmongTheClockChanges(t *testing.T) {
	t.Parallel()
	half, skipped := false, false
	for _, change := range transitions(zone(t, "Australia/Lord_Howe")) {
		half = half || step(change, zone(t, "Australia/Lord_Howe")) == 30*time.Minute
	}
	for _, change := range transitions(zone(t, "Pacific/Apia")) {
		skipped = skipped || step(change, zone(t, "Pacific/Apia")) == 24*time.Hour
	}
	require.True(t, half, "Lord Howe moves its clocks by half an hour")
	require.True(t, skipped, "Samoa skipped a day")
}

// step is how far the clocks go forward at a change.
func step(change time.Time, loc *time.Location) time.Duration {
	_, before := change.Add(-time.Second).In(loc).Zone()
	_, after := change.In(loc).Zone()
	return time.Duration(after-before) * time.Second
}
