package main

import (
	"context"
	"errors"
	"math"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFiguresAreMediansAndQuartilesInAnyOrder(t *testing.T) {
	t.Parallel()
	f := figures{5, 1, 4, 2, 3}
	assert.Equal(t, 3.0, f.median())
	assert.Equal(t, 2.0, f.quantile(0.25))
	assert.Equal(t, 5.0, f.quantile(1))
	assert.Equal(t, 2.5, figures{2, 3}.median())
	assert.Zero(t, figures(nil).median())
	assert.Equal(t, "3.00 (2.00–4.00)", f.medianWithQuartiles())
	assert.Equal(t, figures{5, 1, 4, 2, 3}, f, "the rounds stay in their order")
}

// req: Q5. Each round is divided by the same round of the other series, not by its median.
func TestRatiosAreOfTheSameRound(t *testing.T) {
	t.Parallel()
	assert.Equal(t, figures{2, 3}, figures{4, 9}.ratiosTo(figures{2, 3, 1}))
}

func TestFiguresAreFormatted(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "12", ratio(12.3))
	assert.Equal(t, "1.23", ratio(1.23))
	assert.Equal(t, "0.012", ratio(0.0123))
	assert.Equal(t, "950 µs", formatSeconds(0.00095))
	assert.Equal(t, "12.3 ms", formatSeconds(0.0123))
}

func TestASummaryHasRateAndPercentiles(t *testing.T) {
	t.Parallel()
	var took []time.Duration
	for i := range 100 {
		took = append(took, time.Duration(100-i)*time.Millisecond)
	}
	s := summary(took, 2*time.Second)
	assert.Equal(t, sample{perSecond: 50, p50: 51 * time.Millisecond, p99: 100 * time.Millisecond}, s)
	assert.False(t, math.IsNaN(summary(nil, time.Second).perSecond))
}

func TestALoadEndsWithItsCalls(t *testing.T) {
	t.Parallel()
	var calls atomic.Int64
	c := target{"counts", func(context.Context, int) error { calls.Add(1); return nil }}
	_, err := load(t.Context(), c, 4, options{calls: 100, span: time.Hour})
	require.NoError(t, err)
	assert.EqualValues(t, 100, calls.Load())
}

func TestALoadEndsWithItsTime(t *testing.T) {
	t.Parallel()
	c := target{"fast", func(context.Context, int) error { return nil }}
	_, err := load(t.Context(), c, 2, options{calls: 1 << 62, span: time.Millisecond})
	assert.NoError(t, err)
}

func TestALoadEndsWithAnError(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	calls := 0
	c := target{"broken", func(context.Context, int) error {
		if calls++; calls == 3 {
			return broken
		}
		return nil
	}}
	_, err := load(t.Context(), c, 1, options{calls: 1000, span: time.Hour})
	require.ErrorIs(t, err, broken)
	assert.Equal(t, 3, calls)
}

func TestEachRoundMeasuresAllSeriesAndBeginsWithAnother(t *testing.T) {
	t.Parallel()
	var order []string
	register := func(name string) *series {
		return &series{callers: 1, target: target{name, func(context.Context, int) error {
			order = append(order, name)
			return nil
		}}}
	}
	all := []*series{register("a"), register("b"), register("c")}
	require.NoError(t, measureAll(t.Context(), all, options{rounds: 2, calls: 1, span: time.Hour}))
	assert.Equal(t, []string{"a", "b", "c", "b", "c", "a", "c", "a", "b"}, order)
	for _, m := range all {
		assert.Len(t, m.rate, 2, "the first round only warms up")
	}
}
