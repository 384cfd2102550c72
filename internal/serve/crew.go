package serve

import (
	"context"
	"sync/atomic"
)

// maxParked bounds the goroutines a crew keeps for later.
const maxParked = 32

// crew runs calls, each on a goroutine of its own while it lasts. Goroutines are
// kept for the next call because their stacks have grown: to grow a new one
// costs a quarter of the time of a short call (BenchmarkStdioEcho).
type crew struct {
	work   chan *call
	parked atomic.Int32
}

func newCrew() *crew { return &crew{work: make(chan *call)} }

// start has run called with c. Kept goroutines end with ctx.
func (w *crew) start(ctx context.Context, run func(*call), c *call) {
	select {
	case w.work <- c:
	default:
		go w.stay(ctx, run, c)
	}
}

func (w *crew) stay(ctx context.Context, run func(*call), c *call) {
	for c != nil {
		run(c)
		c = w.park(ctx)
	}
}

// park waits for the next call; nil means that there is none for this goroutine.
func (w *crew) park(ctx context.Context) *call {
	defer w.parked.Add(-1)
	if w.parked.Add(1) > maxParked {
		return nil
	}
	select {
	case c := <-w.work:
		return c
	case <-ctx.Done():
		return nil
	}
}
