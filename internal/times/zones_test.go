package times_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/times"
)

// zone is a zone that exists.
func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	loc, err := times.Zone(name)
	require.NoError(t, err)
	return loc
}

func TestReq_S1_EveryListedZoneLoadsUnderItsName(t *testing.T) {
	t.Parallel()
	require.Greater(t, len(times.Zones()), 500)
	require.Less(t, len(times.Zones()), 2048)
	for _, name := range times.Zones() {
		assert.Equal(t, name, zone(t, name).String())
	}
}

func TestReq_S1_OldNamesCountriesAndUTCAreZones(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"Europe/London", "America/Argentina/Buenos_Aires", "Asia/Calcutta", "US/Pacific", "Japan", "Singapore",
		"UTC", "Etc/UTC",
	} {
		assert.Contains(t, times.Zones(), name)
	}
}

func TestReq_S1_CaseAndSpacesAreMended(t *testing.T) {
	t.Parallel()
	for sent, want := range map[string]string{
		"europe/london":                    "Europe/London",
		"EUROPE/LONDON":                    "Europe/London",
		"america/new york":                 "America/New_York",
		"  America / New  York ":           "America/New_York",
		"america/argentina/buenos aires":   "America/Argentina/Buenos_Aires",
		"utc":                              "UTC",
		"etc/utc":                          "Etc/UTC",
		"japan":                            "Japan",
		"america/port-au-prince":           "America/Port-au-Prince",
		"America/North Dakota/New_Salem\n": "America/North_Dakota/New_Salem",
	} {
		assert.Equal(t, want, zone(t, sent).String(), "%q", sent)
	}
}

func TestZonesAreSortedAndACopy(t *testing.T) {
	t.Parallel()
	list := times.Zones()
	require.True(t, slices.IsSorted(list))
	list[0] = "changed by the caller"
	require.NotEqual(t, list[0], times.Zones()[0])
}

func TestZoneIndexAndZoneAtAreEachOthersInverse(t *testing.T) {
	t.Parallel()
	for i, name := range times.Zones() {
		at, ok := times.ZoneAt(i)
		assert.True(t, ok)
		assert.Equal(t, name, at)
		index, ok := times.ZoneIndex(name)
		assert.True(t, ok)
		assert.Equal(t, i, index)
	}
	for _, outside := range []int{-1, len(times.Zones()), 4096} {
		_, ok := times.ZoneAt(outside)
		assert.False(t, ok, outside)
	}
	for _, name := range []string{"", "EST", "europe/london", "Zulu"} {
		_, ok := times.ZoneIndex(name)
		assert.False(t, ok, name)
	}
}

func TestSuggestZones(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		prefix string
		limit  int
		want   []string
	}{
		{"lon", 10, []string{"Europe/London", "Arctic/Longyearbyen"}},
		{"NEW Y", 10, []string{"America/New_York"}},
		{"america/new", 10, []string{"America/New_York"}},
		{"buenos", 10, []string{"America/Argentina/Buenos_Aires", "America/Buenos_Aires"}},
		{"", 3, []string{"Europe/London", "America/New_York", "America/Los_Angeles"}},
		{"Europe/", 2, []string{"Europe/London", "Europe/Berlin"}},
		{"nowhere", 10, []string{}},
		{"lon", 0, []string{}},
		{"lon", -1, []string{}},
	} {
		assert.Equal(t, c.want, times.SuggestZones(c.prefix, c.limit), "%q", c.prefix)
	}
	assert.ElementsMatch(t, times.Zones(), times.SuggestZones("", 2048), "each zone once, no other name")
}
