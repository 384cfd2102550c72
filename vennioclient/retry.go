package vennioclient

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"
)

// Retry is the retry policy. Reads are repeated after KindNetwork, KindUnavailable and
// KindRateLimited. Writes with an IdempotencyKey are also repeated after KindInFlight, with
// the same key and the same bytes. Other writes are never repeated, with one exception that
// Vennio documents: CancelProposal after a 502 with the code calendar_unavailable.
//
// The wait before attempt n+1 is random, up to Base doubled n-1 times but at most Max
// ("full jitter"), and not shorter than Vennio's Retry-After. If Retry-After is longer than
// Max, or the wait exceeds the deadline of the context, the error is returned at once.
type Retry struct {
	Attempts int           // total number of attempts; 0 means 3, 1 means no retries
	Base     time.Duration // 0 means 200 ms
	Max      time.Duration // 0 means 5 s
	// Sleep waits for d, or returns an error when ctx ends. nil means a real timer; tests
	// can set another function.
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
	r.Attempts = cmp.Or(r.Attempts, 3)
	r.Base = cmp.Or(r.Base, 200*time.Millisecond)
	r.Max = cmp.Or(r.Max, 5*time.Second)
	if r.Sleep == nil {
		r.Sleep = Sleep
	}
	return r
}

// do sends r until an attempt succeeds or must not be repeated.
func (c *Client) do(ctx context.Context, r request) (answer, *Error) {
	if !r.key.valid() {
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
			return answer{}, failed.withDoubt(doubt)
		}
		if err := c.retry.Sleep(ctx, wait); err != nil {
			why := fmt.Errorf("%w while waiting after: %w", err, failed)
			return answer{}, (&Error{Kind: KindCanceled, Attempts: attempt, Err: why}).withDoubt(doubt)
		}
	}
}

// next returns whether to repeat req after failed, and the wait before that.
func (r Retry) next(ctx context.Context, req request, failed *Error) (time.Duration, bool) {
	if failed.Attempts >= r.Attempts || !repeatable(req, failed) || failed.RetryAfter > r.Max {
		return 0, false
	}
	wait := max(failed.RetryAfter, r.backoff(failed.Attempts))
	if end, ok := ctx.Deadline(); ok && time.Until(end) < wait {
		return 0, false
	}
	return wait, true
}

// repeatable reports whether a call may be repeated: a write only with an idempotency key
// (or where Vennio documents that it is safe), and only if Vennio has not decided yet.
func repeatable(r request, e *Error) bool {
	if r.repeats502 && e.Status == http.StatusBadGateway && e.Code == "calendar_unavailable" {
		return true
	}
	switch e.Kind {
	case KindNetwork, KindUnavailable, KindRateLimited:
		return !r.write() || r.key != ""
	case KindInFlight:
		return r.write() && r.key != ""
	default:
		return false
	}
}

// backoff returns a random wait after the given number of attempts.
func (r Retry) backoff(attempts int) time.Duration {
	ceiling := min(r.Base, r.Max)
	for range attempts - 1 {
		if ceiling > r.Max/2 { // doubling might overflow
			ceiling = r.Max
			break
		}
		ceiling *= 2
	}
	return rand.N(ceiling) //nolint:gosec // jitter needs no secure randomness
}

// Sleep waits for d. If ctx ends first, it returns the error of ctx.
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
