package mcpserver

import (
	"context"
	"slices"
	"sync"
)

// gate lets a fixed number in at a time. A bounded number more wait, in order of
// arrival, and together hold a bounded number of bytes.
type gate struct {
	mu       sync.Mutex
	places   int
	free     int
	queue    []*place
	depth    int
	held     int
	maxBytes int
	of       *gate // whose places these are a share of; nil: they are its own
}

func newGate(places, depth, maxBytes int) *gate {
	return &gate{places: places, free: places, depth: depth, maxBytes: maxBytes}
}

// place is one position at a gate: first in the queue, then inside.
type place struct {
	gate *gate
	size int
	in   chan struct{} // closed on admission
	from *gate         // the share it was taken from; nil: none
}

var admitted = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

// share is a gate whose places are among those of g, at most so many of them and
// of those that wait there: who has a share cannot take it all. A share can be
// shared again.
func (g *gate) share(places int) *gate {
	return &gate{places: places, free: places, of: g}
}

// takeShare takes a place of the gate behind, while there is one in the share.
func (g *gate) takeShare(size int) (*place, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.free == 0 {
		return nil, false
	}
	p, ok := g.of.take(size)
	if ok {
		g.free--
		p.from = g
	}
	return p, ok
}

// back returns a place to the share it was taken from, and to what that is a
// share of.
func (g *gate) back() {
	if g == nil || g.of == nil {
		return
	}
	g.mu.Lock()
	g.free++
	g.mu.Unlock()
	g.of.back()
}

// take reserves a place for a message of size bytes, without waiting. It reports
// false when the queue is full.
func (g *gate) take(size int) (*place, bool) {
	if g.of != nil {
		return g.takeShare(size)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.free > 0 {
		g.free--
		return &place{gate: g, in: admitted}, true
	}
	if len(g.queue) >= g.depth || g.held+size > g.maxBytes {
		return nil, false
	}
	p := &place{gate: g, size: size, in: make(chan struct{})}
	g.queue = append(g.queue, p)
	g.held += size
	return p, true
}

// full tells whether nobody more gets in without waiting.
func (g *gate) full() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.free == 0
}

// taken is how many are in.
func (g *gate) taken() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.places - g.free
}

// wait returns nil once p is admitted. When ctx ends first, or has ended by the
// time p is admitted, the place is given up.
func (p *place) wait(ctx context.Context) error {
	select {
	case <-p.in:
	case <-ctx.Done():
	}
	if ctx.Err() == nil {
		return nil
	}
	p.giveUp()
	return context.Cause(ctx)
}

// release lets the next one in.
func (p *place) release() {
	p.from.back()
	g := p.gate
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.queue) == 0 {
		g.free++
		return
	}
	next := g.queue[0]
	g.queue = slices.Delete(g.queue, 0, 1)
	g.held -= next.size
	close(next.in)
}

func (p *place) giveUp() {
	g := p.gate
	g.mu.Lock()
	at := slices.Index(g.queue, p)
	if at >= 0 {
		g.queue = slices.Delete(g.queue, at, at+1)
		g.held -= p.size
	}
	g.mu.Unlock()
	if at < 0 {
		p.release()
		return
	}
	p.from.back()
}
