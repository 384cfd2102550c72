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

// Deliveries counts what became of the events, one for each subscription. A
// delivery counts once, however often it was tried.
type Deliveries struct {
	Delivered int `json:"delivered"` // answered with a status of 200 to 299
	Failed    int `json:"failed"`    // given up: after the retries, for want of room, or at Close
	Pending   int `json:"pending"`   // on their way, or waiting to be tried again
}

// delivery is one event on its way to one subscription.
type delivery struct {
	url, signature string
	body           []byte
	tries          int
}

// courier carries deliveries: a few at once, in no promised order. It has no
// goroutine while there is nothing to carry.
type courier struct {
	wait func(context.Context, time.Duration) error
	http *http.Client
	life context.Context // ends at close
	end  context.CancelFunc
	wg   sync.WaitGroup

	mu     sync.Mutex // guards everything below
	queue  []delivery
	busy   int // carriers
	closed bool
	counts Deliveries
}

func newCourier(wait func(context.Context, time.Duration) error) *courier {
	c := &courier{wait: wait, http: &http.Client{
		Timeout:       deliveryTimeout,
		Transport:     &http.Transport{MaxIdleConnsPerHost: maxCarriers, IdleConnTimeout: deliveryTimeout},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	c.life, c.end = context.WithCancel(context.Background())
	return c
}

// take accepts deliveries, as far as there is room.
func (c *courier) take(due []delivery) {
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

// enqueue needs c.mu.
func (c *courier) enqueue(d delivery) {
	c.queue = append(c.queue, d)
	if c.busy < maxCarriers {
		c.busy++
		c.wg.Go(c.carry)
	}
}

// carry delivers until nothing is left.
func (c *courier) carry() {
	for {
		c.mu.Lock()
		if len(c.queue) == 0 {
			c.busy--
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

// settle notes what became of an attempt. A carrier does not wait for the next
// one: whoever answers must not suffer from those who do not.
func (c *courier) settle(d delivery, delivered bool) {
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
		c.wg.Go(func() { c.again(d) })
	}
}

// again queues a delivery once more, after the backoff.
func (c *courier) again(d delivery) {
	err := c.wait(c.life, retryBase<<(d.tries-1))
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil || c.closed {
		c.counts.Failed++
		c.counts.Pending--
		return
	}
	c.enqueue(d)
}

// post tries once, and tells whether it was accepted.
func (c *courier) post(d delivery) bool {
	r, err := http.NewRequestWithContext(c.life, http.MethodPost, d.url, bytes.NewReader(d.body))
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

func (c *courier) close() {
	c.mu.Lock()
	c.closed = true
	c.counts.Failed += len(c.queue)
	c.counts.Pending -= len(c.queue)
	c.queue = nil
	c.mu.Unlock()
	c.end()
	c.wg.Wait()
	c.http.CloseIdleConnections()
}

func (c *courier) tally() Deliveries {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.counts
}
