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

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

const (
	// beat is how often a client hears that its call still waits.
	beat = 15 * time.Second
	// patience is how long, each time, Vennio may take to answer in silence.
	patience = 5 * time.Second
	// lull is how long the same words are not said again: reads beside one
	// another may all be told to wait.
	lull = time.Second
	// maxToken is the largest number that is still exact once it has been read as
	// JSON: a token must come back as it was.
	maxToken = 1 << 53
)

// progress tells the client of one call what the call waits for, if it gave a
// token (MCP, Progress). No wait depends on it: it never blocks, and what cannot
// be told is dropped.
type progress struct {
	gone  func() error                                            // not nil: the call was cancelled
	send  func(step int, message string)                          // to the client, at once
	every func(time.Duration) (tick <-chan time.Time, end func()) // the clock
	now   func() time.Time

	mu    sync.Mutex
	steps int
	last  string
	at    time.Time // of last
	over  bool      // the call is answered
}

type progressKey struct{}

// withProgress lets what waits under the returned context tell so. The returned
// func ends it, before the call is answered.
func (d Deps) withProgress(ctx context.Context, req mcp.CallToolRequest) (context.Context, func()) {
	token, ok := tokenOf(req)
	if !ok {
		return ctx, func() {}
	}
	p := &progress{gone: ctx.Err, every: d.Every, now: d.Now, send: func(step int, message string) {
		_ = server.ServerFromContext(ctx).SendNotificationToClient(ctx, "notifications/progress", // dropped where the client does not read
			map[string]any{"progressToken": token, "progress": step, "message": message})
	}}
	if p.every == nil {
		p.every = ticker
	}
	return context.WithValue(ctx, progressKey{}, p), p.end
}

// tokenOf is the token of a call: a string or a whole number, and no other.
func tokenOf(req mcp.CallToolRequest) (token mcp.ProgressToken, ok bool) {
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

func ticker(each time.Duration) (tick <-chan time.Time, end func()) {
	t := time.NewTicker(each)
	return t.C, t.Stop
}

// say tells one more thing. Each step is higher than the one before, however
// many wait beside one another.
func (p *progress) say(message string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over || p.gone() != nil || message == p.last && p.now().Sub(p.at) < lull {
		return
	}
	p.steps++
	p.last, p.at = message, p.now()
	p.send(p.steps, message)
}

func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = true
}

// waiting says at once, and then at every beat, what the call waits for, until
// the returned func is called.
func waiting(ctx context.Context, what func() string) (done func()) {
	p, asked := ctx.Value(progressKey{}).(*progress)
	if !asked {
		return func() {}
	}
	p.say(what())
	return p.saying(beat, what)
}

// saying says it at every tick.
func (p *progress) saying(each time.Duration, what func() string) (done func()) {
	tick, end := p.every(each)
	quit, gone := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		for {
			select {
			case <-tick:
				p.say(what())
			case <-quit:
				return
			}
		}
	}()
	return func() {
		end()
		close(quit)
		<-gone // so that nothing is said of a wait that is over
	}
}

// AwaitVennio tells a client that asked for progress every few seconds that
// Vennio has not answered a request yet: one that answers soon is not spoken of.
func AwaitVennio(next http.RoundTripper) http.RoundTripper { return awaiting{next} }

type awaiting struct{ next http.RoundTripper }

func (a awaiting) RoundTrip(r *http.Request) (*http.Response, error) {
	if p, asked := r.Context().Value(progressKey{}).(*progress); asked {
		defer p.saying(patience, func() string { return "Waiting for Vennio to answer." })()
	}
	return a.next.RoundTrip(r)
}

// WaitForVennio waits for d before Vennio is asked again, or until ctx ends, and
// then returns its error. A client that asked for progress is told. It is meant
// as [vennioclient.Retry].Sleep.
func WaitForVennio(ctx context.Context, d time.Duration) error {
	defer waiting(ctx, func() string { return "Waiting for Vennio: it is asked again in " + briefly(d) + "." })()
	return vennioclient.Sleep(ctx, d)
}

// deedsAwaited name what a person is asked about: nothing of what they or others wrote.
var deedsAwaited = map[string]string{toolBook: "this booking", toolReschedule: "this new time", toolCancel: "this cancellation"}

// forPerson tells, until the returned func is called, that the answer to p is
// waited for, and until when.
func (d Deps) forPerson(ctx context.Context, p consent.Proposal, q mcp.ElicitationParams, until time.Time) (done func()) {
	where := "in the client"
	if q.Mode == mcp.ElicitationModeURL {
		where = "on the approval page"
	}
	return waiting(ctx, func() string {
		return fmt.Sprintf("Waiting for a person to approve %s %s; %s left.", deedsAwaited[p.Act.Tool], where, briefly(until.Sub(d.Now())))
	})
}

// briefly is a length of time in words, rounded.
func briefly(d time.Duration) string {
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
