package main

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestFiguresAreMediansAndQuartilesInAnyOrder(t *testing.T) {
	t.Parallel()
	f := figures{5, 1, 4, 2, 3}
	assert.Equal(t, 3.0, f.median())
	assert.Equal(t, 2.0, f.at(0.25))
	assert.Equal(t, 5.0, f.at(1))
	assert.Equal(t, 2.5, figures{2, 3}.median())
	assert.Zero(t, figures(nil).median())
	assert.Equal(t, "3.00 (2.00–4.00)", f.spread())
	assert.Equal(t, figures{5, 1, 4, 2, 3}, f, "the rounds stay in their order")
}

// req: Q5. Each round is divided by the same round of the other, not by its median.
func TestRatiosAreOfTheSameRound(t *testing.T) {
	t.Parallel()
	assert.Equal(t, figures{2, 3}, figures{4, 9}.by(figures{2, 3, 1}))
}

func TestFiguresAreToldBriefly(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "12", ratio(12.3))
	assert.Equal(t, "1.23", ratio(1.23))
	assert.Equal(t, "0.012", ratio(0.0123))
	assert.Equal(t, "950 µs", brief(0.00095))
	assert.Equal(t, "12.3 ms", brief(0.0123))
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
