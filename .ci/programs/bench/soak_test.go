package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// walked returns snapshots of nine minutes with the given number of goroutines.
func walked(went func(minute float64) float64) samples {
	var t samples
	for at := time.Duration(0); at < 9*time.Minute; at += 10 * time.Second {
		t = append(t, snapshot{at, gauges{goroutines: went(at.Minutes()), heap: 10 * megabyte}})
	}
	return t
}

func TestWhatGrowsAfterTheWarmUpFailsTheSoak(t *testing.T) {
	t.Parallel()
	leaks := assess(walked(func(m float64) float64 { return 50 + 10*m }), nil, nil, 9*time.Minute)
	require.ErrorContains(t, leaks.err(), "goroutines grew")
	assert.InDelta(t, 600, leaks.findings[0].perHour, 1)
	stays := assess(walked(func(float64) float64 { return 50 }), nil, gauges{goroutines: 61}, 9*time.Minute)
	require.ErrorContains(t, stays.err(), "goroutines grew", "the state at rest")
	warms := assess(walked(func(m float64) float64 { return 50 + 10*min(m, 3) }), nil, nil, 9*time.Minute)
	require.NoError(t, warms.err())
	assert.InDelta(t, 0, warms.findings[0].perHour, 1)
	assert.Equal(t, 80.0, warms.findings[0].middle)
	swings := assess(walked(func(m float64) float64 { return 50 + 2*float64(int(m*6)%3) }), nil, nil, 9*time.Minute)
	require.NoError(t, swings.err())
}

func TestASoakReportsAllGauges(t *testing.T) {
	t.Parallel()
	v := assess(walked(func(float64) float64 { return 50 }), gauges{goroutines: 30, heap: 5 * megabyte}, gauges{goroutines: 40, heap: 9 * megabyte}, 9*time.Minute)
	var out strings.Builder
	v.write(&out, &soakRun{results: newResults(), sink: &sink{}})
	assert.Contains(t, out.String(), "| goroutines | 30 | 50 | 50 | 10 % + 5 | 0 | 40 | no |")
	assert.Contains(t, out.String(), "| heap in use | 5.0 MB | 10.0 MB | 10.0 MB | 10 % + 2.0 MB | 0.0 MB | 9.0 MB | no |")
	assert.Contains(t, out.String(), "| resident memory | n/a |", "where the system does not tell")
}

func TestAFailedOperationFailsTheSoak(t *testing.T) {
	t.Parallel()
	k := newResults()
	k.note("one", nil)
	require.NoError(t, k.err())
	k.note("two", assert.AnError)
	require.ErrorContains(t, k.err(), "1 operations failed, such as\ntwo: ")
}

func TestGaugesAreReadFromMetrics(t *testing.T) {
	t.Parallel()
	g := readGauges([]byte("# HELP go_goroutines Number.\n# TYPE go_goroutines gauge\ngo_goroutines 12\nx{a=\"b\"} 1\nprocess_resident_memory_bytes 4.5e+07\n"))
	assert.Equal(t, 12.0, g[goroutines])
	assert.Equal(t, 45e6, g[residentSet])
	assert.NotContains(t, g, "x")
}
