package main

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// contender answers calls; each caller has a number from 0.
type contender struct {
	name string
	call func(ctx context.Context, caller int) error
}

// sample is what one load measured.
type sample struct {
	perSecond float64
	p50, p99  time.Duration
}

// load lets callers call c, each the next as soon as the last is answered, until
// the calls or the time are used up. An error ends it.
func load(ctx context.Context, c contender, callers int, o options) (sample, error) {
	var given atomic.Int64
	took, failed := make([][]time.Duration, callers), make([]error, callers)
	began := time.Now()
	end := began.Add(o.span)
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() {
			for at := time.Now(); failed[i] == nil && at.Before(end) && given.Add(1) <= int64(o.calls); {
				failed[i] = c.call(ctx, i)
				now := time.Now()
				took[i] = append(took[i], now.Sub(at))
				at = now
			}
		})
	}
	all.Wait()
	return summary(slices.Concat(took...), time.Since(began)), errors.Join(failed...)
}

func summary(took []time.Duration, span time.Duration) sample {
	slices.Sort(took)
	return sample{float64(len(took)) / span.Seconds(), percentile(took, 0.5), percentile(took, 0.99)}
}

// match is a contender under a number of callers, and how it did in each round.
type match struct {
	contender
	callers       int
	rate          figures // calls per second
	median, worst figures // seconds: p50 and p99
}

// play measures all matches side by side. The first round only warms up; each
// later one begins with another match.
func play(ctx context.Context, all []*match, o options) error {
	for round := range o.rounds + 1 {
		for i := range all {
			m := all[(round+i)%len(all)]
			s, err := load(ctx, m.contender, m.callers, o)
			if err != nil {
				return errors.Join(errors.New(m.name), err)
			}
			if round == 0 {
				continue
			}
			m.rate = append(m.rate, s.perSecond)
			m.median = append(m.median, s.p50.Seconds())
			m.worst = append(m.worst, s.p99.Seconds())
		}
	}
	return nil
}
