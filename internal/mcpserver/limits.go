package mcpserver

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/semaphore"
	"golang.org/x/time/rate"

	"github.com/vennio-mcp/vennio-mcp/internal/jsonlimits"
)

// limiter lets a fixed number of calls run at once. A bounded number more wait, in
// the order of arrival, and together hold a bounded number of bytes.
type limiter struct {
	*callQueue

	groups []*counter // of callers that share the queue; a call counts in each
}

type callQueue struct {
	mu       sync.Mutex
	free     int // calls that may start at once
	waiting  []*ticket
	maxCalls int // that wait
	bytes    int
	maxBytes int
}

func newLimiter(running, waiting, bytes int) *limiter {
	return &limiter{callQueue: &callQueue{free: running, maxCalls: waiting, maxBytes: bytes}}
}

// ticket is the right of one call to run, at once or in its turn.
type ticket struct {
	from *limiter
	size int
	turn chan struct{} // closed when the call may run
}

var atOnce = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

// take returns a ticket for a message of size bytes without waiting. It reports
// false when a group has reached its limit, or too many calls wait.
func (l *limiter) take(size int) (*ticket, bool) {
	if !takeAll(l.groups) {
		return nil, false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.free > 0:
		l.free--
		return &ticket{from: l, turn: atOnce}, true
	case len(l.waiting) >= l.maxCalls, l.bytes+size > l.maxBytes:
		releaseAll(l.groups)
		return nil, false
	default:
		t := &ticket{from: l, size: size, turn: make(chan struct{})}
		l.waiting = append(l.waiting, t)
		l.bytes += size
		return t, true
	}
}

// wait returns nil once the call may run. When ctx ends first, or has ended by the
// time the call may run, the ticket is released.
func (t *ticket) wait(ctx context.Context) error {
	select {
	case <-t.turn:
	case <-ctx.Done():
	}
	if ctx.Err() == nil {
		return nil
	}
	t.release()
	return context.Cause(ctx)
}

// release lets the next call run, or leaves the queue. It is called once.
func (t *ticket) release() {
	releaseAll(t.from.groups)
	q := t.from.callQueue
	q.mu.Lock()
	defer q.mu.Unlock()
	if at := slices.Index(q.waiting, t); at >= 0 {
		q.waiting = slices.Delete(q.waiting, at, at+1)
		q.bytes -= t.size
		return
	}
	if len(q.waiting) == 0 {
		q.free++
		return
	}
	next := q.waiting[0]
	q.waiting = slices.Delete(q.waiting, 0, 1)
	q.bytes -= next.size
	close(next.turn)
}

type counter struct {
	limit int64
	used  atomic.Int64
}

func newCounter(limit int) *counter { return &counter{limit: int64(limit)} }

func (c *counter) take() bool {
	for {
		used := c.used.Load()
		if used >= c.limit {
			return false
		}
		if c.used.CompareAndSwap(used, used+1) {
			return true
		}
	}
}

func (c *counter) release() { c.used.Add(-1) }

func (c *counter) full() bool { return c.used.Load() >= c.limit }

func (c *counter) taken() int { return int(c.used.Load()) }

func takeAll(all []*counter) bool {
	for i, c := range all {
		if !c.take() {
			releaseAll(all[:i])
			return false
		}
	}
	return true
}

func releaseAll(all []*counter) {
	for _, c := range all {
		c.release()
	}
}

// quota is what a group of callers may have at once: all callers, all that bring
// their own Vennio keys, or one tenant of several.
type quota struct {
	tenants  *counter
	calls    *counter
	streams  *counter
	sessions *counter // of Streamable HTTP
	memory   *memoryBudget
}

// newQuota is the given parts of all there is, and at least one of each.
func newQuota(o HTTPOptions, tenants int, calls, sessions, memory float64) *quota {
	part := func(of int, share float64) *counter { return newCounter(max(1, int(share*float64(of)))) }
	return &quota{
		tenants: newCounter(tenants), calls: part(o.MaxCalls, calls),
		streams: part(o.MaxSessions, sessions), sessions: part(o.MaxSessions, sessions),
		memory: newMemoryBudget(int64(memory * float64(o.MaxBodies))),
	}
}

// tenantQuota keeps one tenant of several from using up what the others need: half
// of the calls and of the memory, and a quarter of the sessions and streams.
func tenantQuota(o HTTPOptions, tenants int) *quota { return newQuota(o, tenants, 0.5, 0.25, 0.5) }

// limits are those of the process and of the groups of callers in it.
type limits struct {
	process *quota
	calls   *limiter
	rate    *rate.Limiter // of all callers together; nil: none

	// apiKeys caps the callers that bring their own Vennio keys, all together: keys
	// are easily invented, so the tenants of the settings file keep a quarter.
	apiKeys *quota

	// unauthenticated is the rate of answers to callers without a valid credential,
	// and pages the memory for pages, which are open to them. What they use up is
	// not taken from authenticated callers.
	unauthenticated *rate.Limiter
	pages           *memoryBudget
}

func newLimits(o HTTPOptions) limits {
	return limits{
		process: newQuota(o, o.MaxTenants, 1, 1, 1),
		calls:   newLimiter(o.MaxCalls, 4*o.MaxCalls, 16*o.MaxBody),
		rate:    newRate(o.RateAll),
		apiKeys: newQuota(o, o.MaxTenants, 0.75, 0.75, 0.75),

		unauthenticated: newRate(o.RateAll),
		pages:           newMemoryBudget(int64(o.MaxBodies) / 4),
	}
}

// quotas are the quotas that one request counts against: that of its tenant or
// group first, that of the process last.
type quotas []*quota

func (q quotas) counters(of func(*quota) *counter) []*counter {
	all := make([]*counter, len(q))
	for i, one := range q {
		all[i] = of(one)
	}
	return all
}

// limiter returns the calls of the process, counted in the groups too.
func (q quotas) limiter(process *limiter) *limiter {
	groups := q[:len(q)-1] // the queue itself bounds the process
	return &limiter{callQueue: process.callQueue, groups: groups.counters(func(q *quota) *counter { return q.calls })}
}

func (q quotas) memory() (all []*memoryBudget) {
	for _, one := range q {
		all = append(all, one.memory)
	}
	return all
}

// newRate allows perSecond requests a second and twice as many at once; nil allows
// any number.
func newRate(perSecond float64) *rate.Limiter {
	if perSecond <= 0 {
		return nil
	}
	return rate.NewLimiter(rate.Limit(perSecond), max(1, int(2*perSecond)))
}

// shortBody is the length in bytes up to which long bodies cannot keep a body out:
// a quarter of every memoryBudget is for such bodies alone.
const shortBody = 64 << 10

// memoryBudget bounds the memory of request bodies, while they are read and until
// their requests are over. No request waits for it, because one that waits would
// hold memory.
type memoryBudget struct{ all, long *semaphore.Weighted }

func newMemoryBudget(bytes int64) *memoryBudget {
	return &memoryBudget{all: semaphore.NewWeighted(bytes), long: semaphore.NewWeighted(bytes / 4 * 3)}
}

func (b *memoryBudget) take(size int64, long bool) bool {
	if !b.all.TryAcquire(size) {
		return false
	}
	if long && !b.long.TryAcquire(size) {
		b.all.Release(size)
		return false
	}
	return true
}

func (b *memoryBudget) release(size int64, long bool) {
	b.all.Release(size)
	if long {
		b.long.Release(size)
	}
}

// reservation is memory taken from budgets. A nil one is of nothing.
type reservation struct {
	from []*memoryBudget
	size int64
	long bool
}

// reserve takes the memory for a body of up to size bytes from every budget, or
// reports false where one of them has not enough.
func reserve(from []*memoryBudget, size int64) (*reservation, bool) {
	r := &reservation{from, bodyMemory(size, maxValues(size)), size > shortBody}
	for i, b := range from {
		if !b.take(r.size, r.long) {
			for _, taken := range from[:i] {
				taken.release(r.size, r.long)
			}
			return nil, false
		}
	}
	return r, true
}

// shrink gives back all but size bytes.
func (r *reservation) shrink(size int64) {
	if r == nil {
		return
	}
	size = min(size, r.size)
	for _, b := range r.from {
		b.release(r.size-size, r.long)
	}
	r.size = size
}

// bodyMemory is the memory that a message takes while it is read and answered. A
// decoded value takes about 256 bytes besides its text, in the two forms in which
// the arguments of a call exist at once: 30 KB of empty objects take over a
// megabyte.
func bodyMemory(bytes, values int64) int64 { return bytes + 256*values }

// maxValues is how many JSON values a message of so many bytes can contain.
func maxValues(bytes int64) int64 { return min(bytes/2+1, jsonlimits.MaxValues) }
