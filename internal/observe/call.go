package observe

import (
	"context"
	"sync"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
)

// call is what is learnt of a tool call while it runs. It travels in the call's
// context, which the ledger's watcher is given.
type call struct {
	mu     sync.Mutex
	method consent.Method // of the consent involved, if any
	sent   time.Time      // when the write last went out
}

type callKey struct{}

func withCall(ctx context.Context) (context.Context, *call) {
	c := new(call)
	return context.WithValue(ctx, callKey{}, c), c
}

// callIn is the call under way, or one of which nothing is kept.
func callIn(ctx context.Context) *call {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		return c
	}
	return new(call)
}

// note learns from what happened to a consent. It returns how long a write took
// once that is known, and else 0.
func (c *call) note(e consent.Event, now time.Time) (took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e.Method != "" {
		c.method = e.Method
	}
	switch e.Kind {
	case consent.EventSent:
		c.sent = now
	case consent.EventWritten, consent.EventNotWritten, consent.EventUncertain:
		if !c.sent.IsZero() {
			took = now.Sub(c.sent)
		}
	default:
	}
	return took
}

func (c *call) lastMethod() consent.Method {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.method
}
