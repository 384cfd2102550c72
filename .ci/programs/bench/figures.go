package main

import (
	"cmp"
	"fmt"
	"slices"
)

// figures are the same thing measured several times.
type figures []float64

// at is the value below which the part q of the figures lies; 0 of none.
func (f figures) at(q float64) float64 {
	if len(f) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(f))
	place := q * float64(len(sorted)-1)
	low := int(place)
	high := min(low+1, len(sorted)-1)
	return sorted[low] + (sorted[high]-sorted[low])*(place-float64(low))
}

func (f figures) median() float64 { return f.at(0.5) }

// by divides round by round: what disturbs a round disturbs both alike.
func (f figures) by(g figures) figures {
	ratios := make(figures, min(len(f), len(g)))
	for i := range ratios {
		ratios[i] = f[i] / g[i]
	}
	return ratios
}

// spread is the median with the quartiles around it.
func (f figures) spread() string { return f.around(f.median()) }

// around tells a middle that was computed otherwise, with the quartiles of f.
func (f figures) around(middle float64) string {
	return fmt.Sprintf("%s (%s–%s)", ratio(middle), ratio(f.at(0.25)), ratio(f.at(0.75)))
}

// times is the same for seconds, with the 99th of a hundred.
func (f figures) times() string {
	return fmt.Sprintf("%s (%s–%s), p99 %s", brief(f.median()), brief(f.at(0.25)), brief(f.at(0.75)), brief(f.at(0.99)))
}

func ratio(v float64) string {
	switch {
	case v >= 10:
		return fmt.Sprintf("%.0f", v)
	case v >= 0.1:
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.3f", v)
}

// brief is a time in the unit that suits it.
func brief(seconds float64) string {
	if ms := seconds * 1e3; ms >= 1 {
		return fmt.Sprintf("%.1f ms", ms)
	}
	return fmt.Sprintf("%.0f µs", seconds*1e6)
}

// percentile of durations that are already sorted.
func percentile[T cmp.Ordered](sorted []T, q float64) (zero T) {
	if len(sorted) == 0 {
		return zero
	}
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}
