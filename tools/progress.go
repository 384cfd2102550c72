package tools

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

const (
	// progressInterval is the time between two notifications for a call that waits.
	progressInterval = 15 * time.Second
	// vennioPatience is the time without an answer of Vennio after which the client is notified, each time.
	vennioPatience = 5 * time.Second
	// repeatAfter is the time during which the same message is not sent again: several reads may wait at once.
	repeatAfter = time.Second
	// maxToken is the largest number that is exact after it was read as JSON: the token must be
	// returned unchanged.
	maxToken = 1 << 53
)

// progress notifies the client of one call of what the call waits for, if the client sent a token
// (MCP, Progress). It never blocks; a notification that cannot be sent is dropped.
type progress struct {
	cancelled func() error                   // not nil: the call was cancelled
	send      func(step int, message string) // to the client, without waiting
	every     func(time.Duration) (tick <-chan time.Time, end func())
	now       func() time.Time

	mu       sync.Mutex
	steps    int
	last     string
	lastAt   time.Time
	answered bool
}

type progressKey struct{}

// withProgress returns a context under which waiting operations notify the client, and a function that
// ends the notifications before the call is answered.
func (d *Deps) withProgress(ctx context.Context, req mcp.CallToolRequest) (context.Context, func()) {
	token, ok := progressToken(req)
	if !ok {
		return ctx, func() {}
	}
	p := &progress{cancelled: ctx.Err, every: d.Every, now: d.Now, send: func(step int, message string) {
		_ = server.ServerFromContext(ctx).SendNotificationToClient(ctx, "notifications/progress", // dropped if the client does not read
			map[string]any{"progressToken": token, "progress": step, "message": message})
	}}
	if p.every == nil {
		p.every = func(interval time.Duration) (<-chan time.Time, func()) {
			t := time.NewTicker(interval)
			return t.C, t.Stop
		}
	}
	return context.WithValue(ctx, progressKey{}, p), p.end
}

// progressToken accepts a string or a whole number, as the protocol does.
func progressToken(req mcp.CallToolRequest) (token mcp.ProgressToken, ok bool) {
	if req.Params.Meta == nil {
		return nil, false
	}
	switch token := req.Params.Meta.ProgressToken.(type) {
	case string:
		return token, true
	case float64:
		return token, token == math.Trunc(token) && math.Abs(token) <= maxToken
	default:
		return token, false
	}
}

// notify sends a message. Each step is higher than the one before, also if several operations wait
// at once.
func (p *progress) notify(message string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.answered || p.cancelled() != nil || message == p.last && p.now().Sub(p.lastAt) < repeatAfter {
		return
	}
	p.steps++
	p.last, p.lastAt = message, p.now()
	p.send(p.steps, message)
}

func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answered = true
}

// waiting notifies the client now, and then at every interval, of what the call waits for, until the
// returned function is called.
func waiting(ctx context.Context, message func() string) (done func()) {
	p, ok := ctx.Value(progressKey{}).(*progress)
	if !ok {
		return func() {}
	}
	p.notify(message())
	return p.repeat(progressInterval, message)
}

// repeat sends the message at every tick until done is called.
func (p *progress) repeat(interval time.Duration, message func() string) (done func()) {
	tick, stop := p.every(interval)
	quit, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-tick:
				p.notify(message())
			case <-quit:
				return
			}
		}
	}()
	return func() {
		stop()
		close(quit)
		<-stopped // no notification follows the end of the wait
	}
}

// AwaitVennio notifies a client that asked for progress, every few seconds, that Vennio has not
// answered a request yet.
func AwaitVennio(next http.RoundTripper) http.RoundTripper { return awaitVennio{next} }

type awaitVennio struct{ next http.RoundTripper }

func (a awaitVennio) RoundTrip(r *http.Request) (*http.Response, error) {
	if p, ok := r.Context().Value(progressKey{}).(*progress); ok {
		defer p.repeat(vennioPatience, func() string { return "Waiting for Vennio to answer." })()
	}
	return a.next.RoundTrip(r)
}

// WaitForVennio waits for d before Vennio is asked again and notifies a client that asked for
// progress. It returns the context's error if ctx ends first. It is meant as
// [vennioclient.Retry].Sleep.
func WaitForVennio(ctx context.Context, d time.Duration) error {
	defer waiting(ctx, func() string { return "Waiting for Vennio: it is asked again in " + roughly(d) + "." })()
	return vennioclient.Sleep(ctx, d)
}

// roughly is a duration in words, rounded.
func roughly(d time.Duration) string {
	switch s := int(math.Round(d.Seconds())); {
	case s <= 0:
		return "a moment"
	case s == 1:
		return "1 second"
	case s < 120:
		return fmt.Sprintf("%d seconds", s)
	}
	return fmt.Sprintf("%d minutes", int(math.Round(d.Minutes())))
}
