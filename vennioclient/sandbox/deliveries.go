package sandbox

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"sync"
	"time"
)

const (
	signatureHeader = "X-Webhook-Signature" // documented
	maxRetries      = 3                     // documented: up to 3 times, with exponential backoff
)

// Deliveries counts deliveries, one for each event and subscription, whatever the number of
// attempts.
type Deliveries struct {
	Delivered int `json:"delivered"` // answered with a status of 200 to 299
	Failed    int `json:"failed"`    // given up after the retries, because of too many pending deliveries, or at Close
	Pending   int `json:"pending"`   // in progress or waiting for a retry
}

// delivery is one event for one subscription.
type delivery struct {
	url, signature string
	body           []byte
	tries          int
}

// dispatcher sends deliveries concurrently, in no defined order. It has no goroutine while
// there is nothing to send.
type dispatcher struct {
	wait   func(context.Context, time.Duration) error
	http   *http.Client
	ctx    context.Context // cancelled by close
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu      sync.Mutex // guards everything below
	queue   []delivery
	workers int
	idle    chan struct{} // closed when no worker is left; nil if nobody waits for that
	closed  bool
	counts  Deliveries
}

func newDispatcher(wait func(context.Context, time.Duration) error) *dispatcher {
	c := &dispatcher{wait: wait, http: &http.Client{
		Timeout:       deliveryTimeout,
		Transport:     &http.Transport{MaxIdleConnsPerHost: maxParallel, IdleConnTimeout: deliveryTimeout},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c
}

// add queues deliveries, up to the limit.
func (c *dispatcher) add(due []delivery) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, d := range due {
		if c.closed || c.counts.Pending >= maxPending {
			c.counts.Failed++
			continue
		}
		c.counts.Pending++
		c.enqueue(d)
	}
}

// enqueue queues one delivery. The caller must hold c.mu.
func (c *dispatcher) enqueue(d delivery) {
	c.queue = append(c.queue, d)
	if c.workers < maxParallel {
		c.workers++
		c.wg.Go(c.run)
	}
}

// run sends deliveries until the queue is empty.
func (c *dispatcher) run() {
	for {
		c.mu.Lock()
		if len(c.queue) == 0 {
			c.workers--
			if c.workers == 0 && c.idle != nil {
				close(c.idle)
				c.idle = nil
			}
			c.mu.Unlock()
			return
		}
		d := c.queue[0]
		c.queue = c.queue[1:]
		c.mu.Unlock()
		d.tries++
		c.settle(d, c.post(d))
	}
}

// settle records the result of an attempt. Retries wait in their own goroutine, so that
// receivers that do not answer do not delay the others.
func (c *dispatcher) settle(d delivery, delivered bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case delivered:
		c.counts.Delivered++
		c.counts.Pending--
	case c.closed, d.tries > maxRetries:
		c.counts.Failed++
		c.counts.Pending--
	default:
		c.wg.Go(func() { c.retryLater(d) })
	}
}

// retryLater queues a delivery again after the backoff.
func (c *dispatcher) retryLater(d delivery) {
	err := c.wait(c.ctx, retryBase<<(d.tries-1))
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil || c.closed {
		c.counts.Failed++
		c.counts.Pending--
		return
	}
	c.enqueue(d)
}

// post makes one attempt and reports whether the receiver accepted it.
func (c *dispatcher) post(d delivery) bool {
	r, err := http.NewRequestWithContext(c.ctx, http.MethodPost, d.url, bytes.NewReader(d.body))
	if err != nil {
		return false
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "Vennio-Sandbox/1")
	r.Header.Set(signatureHeader, d.signature)
	resp, err := c.http.Do(r)
	if err != nil {
		return false
	}
	_, _ = io.CopyN(io.Discard, resp.Body, maxBody)
	_ = resp.Body.Close()
	return resp.StatusCode >= 200 && resp.StatusCode <= 299
}

// flush waits until every delivery was attempted once, or until ctx ends.
func (c *dispatcher) flush(ctx context.Context) {
	c.mu.Lock()
	if c.workers == 0 {
		c.mu.Unlock()
		return
	}
	if c.idle == nil {
		c.idle = make(chan struct{})
	}
	idle := c.idle
	c.mu.Unlock()
	select {
	case <-idle:
	case <-ctx.Done():
	}
}

func (c *dispatcher) close() {
	c.mu.Lock()
	c.closed = true
	c.counts.Failed += len(c.queue)
	c.counts.Pending -= len(c.queue)
	c.queue = nil
	c.mu.Unlock()
	c.cancel()
	c.wg.Wait()
	c.http.CloseIdleConnections()
}

func (c *dispatcher) counters() Deliveries {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.counts
}
