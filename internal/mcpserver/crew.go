package mcpserver

import (
	"context"
	"sync/atomic"
)

// maxParked bounds the goroutines a crew keeps for later.
const maxParked = 32

// crew runs calls, each on a goroutine of its own while it lasts. Goroutines are
// kept for the next call because their stacks have grown: to grow a new one
// costs a quarter of the time of a short call (BenchmarkStdioEcho). All clients
// behind a listener share one, or a thousand quiet ones would each keep some.
type crew struct {
	ctx    context.Context // kept goroutines end with it
	work   chan task
	parked atomic.Int32
}

// task is a call, and whose it is.
type task struct {
	peer *peer
	call *call
}

func newCrew(ctx context.Context) *crew { return &crew{ctx: ctx, work: make(chan task)} }

// start has p run c.
func (w *crew) start(p *peer, c *call) {
	select {
	case w.work <- task{p, c}:
	default:
		go w.stay(task{p, c})
	}
}

func (w *crew) stay(t task) {
	for t.call != nil {
		t.peer.run(t.call)
		t = w.park()
	}
}

// park waits for the next call; there may be none for this goroutine.
func (w *crew) park() task {
	defer w.parked.Add(-1)
	if w.parked.Add(1) > maxParked {
		return task{}
	}
	select {
	case t := <-w.work:
		return t
	case <-w.ctx.Done():
		return task{}
	}
}
