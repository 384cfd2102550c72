package vennioclient

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// Retry says how often and how patiently a call is repeated: reads after
// KindNetwork, KindUnavailable and KindRateLimited; writes under an
// IdempotencyKey after KindInFlight as well, always with the same key and the
// same bytes; other writes never.
//
// The wait before attempt n+1 is random, up to Base doubled n-1 times but at
// most Max ("full jitter"), and not shorter than Vennio's Retry-After. Where
// Retry-After is longer than Max, or the wait longer than the context lives, the
// error is returned at once.
type Retry struct {
	Attempts int           // in all; 0 means 3, 1 never repeats
	Base     time.Duration // 0 means 200 ms
	Max      time.Duration // 0 means 5 s
	// Sleep waits for d, or until ctx ends and then returns an error. nil is a
	// real timer; tests inject their own.
	Sleep func(ctx context.Context, d time.Duration) error
}

// WithRetry replaces the retry policy. Zero fields keep their defaults.
func WithRetry(r Retry) Option {
	return func(c *Client) error {
		if r.Attempts < 0 || r.Base < 0 || r.Max < 0 {
			return errors.New("the retry policy has a negative field")
		}
		c.retry = r.withDefaults()
		return nil
	}
}

func (r Retry) withDefaults() Retry {
	if r.Attempts == 0 {
		r.Attempts = 3
	}
	if r.Base == 0 {
		r.Base = 200 * time.Millisecond
	}
	if r.Max == 0 {
		r.Max = 5 * time.Second
	}
	if r.Sleep == nil {
		r.Sleep = Sleep
	}
	return r
}

// do sends r until it is answered for good.
func (c *Client) do(ctx context.Context, r request) (answer, *Error) {
	if !r.key.legal() {
		return answer{}, invalid("key", "must be at most 256 letters, digits or _ - : .")
	}
	doubt := false // an attempt may have taken effect
	for attempt := 1; ; attempt++ {
		got, failed := c.attempt(ctx, r)
		if failed == nil {
			got.attempts = attempt
			return got, nil
		}
		failed.Attempts = attempt
		doubt = doubt || OutcomeOf(failed) == Unknown
		wait, again := c.retry.next(ctx, r, failed)
		if !again {
			return answer{}, failed.under(doubt)
		}
		if err := c.retry.Sleep(ctx, wait); err != nil {
			why := fmt.Errorf("%w while waiting after: %w", err, failed)
			return answer{}, (&Error{Kind: KindCanceled, Attempts: attempt, Err: why}).under(doubt)
		}
	}
}

// next says whether r goes again after failed, and after which wait.
func (r Retry) next(ctx context.Context, req request, failed *Error) (time.Duration, bool) {
	if failed.Attempts >= r.Attempts || !repeatable(req, failed.Kind) || failed.RetryAfter > r.Max {
		return 0, false
	}
	wait := max(failed.RetryAfter, r.backoff(failed.Attempts))
	if end, ok := ctx.Deadline(); ok && time.Until(end) < wait {
		return 0, false
	}
	return wait, true
}

// repeatable: a write goes again only under an idempotency key, and only where
// Vennio has not decided yet.
func repeatable(r request, k Kind) bool {
	switch k {
	case KindNetwork, KindUnavailable, KindRateLimited:
		return !r.write() || r.key != ""
	case KindInFlight:
		return r.write() && r.key != ""
	default:
		return false
	}
}

// backoff draws the wait after so many attempts.
func (r Retry) backoff(attempts int) time.Duration {
	ceiling := min(r.Base, r.Max)
	for range attempts - 1 {
		if ceiling > r.Max/2 { // doubling might overflow
			ceiling = r.Max
			break
		}
		ceiling *= 2
	}
	return rand.N(ceiling) //nolint:gosec // jitter spreads load, it hides nothing
}

// Sleep waits for d, or until ctx ends, and then returns its error.
func Sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
