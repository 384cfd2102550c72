package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vennio-mcp/vennio-mcp/ci/programs/bench/echo"
	"github.com/vennio-mcp/vennio-mcp/internal/mcpserver"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/sandbox"
)

// figures are repeated measurements of one quantity.
type figures []float64

// quantile returns the q-quantile of the figures, or 0 if there are none.
func (f figures) quantile(q float64) float64 {
	if len(f) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(f))
	place := q * float64(len(sorted)-1)
	low := int(place)
	high := min(low+1, len(sorted)-1)
	return sorted[low] + (sorted[high]-sorted[low])*(place-float64(low))
}

func (f figures) median() float64 { return f.quantile(0.5) }

// ratiosTo divides the figures round by round, because a disturbance affects both values of a round.
func (f figures) ratiosTo(g figures) figures {
	ratios := make(figures, min(len(f), len(g)))
	for i := range ratios {
		ratios[i] = f[i] / g[i]
	}
	return ratios
}

// medianWithQuartiles formats the median and the quartiles.
func (f figures) medianWithQuartiles() string { return f.withQuartiles(f.median()) }

// withQuartiles formats another middle value with the quartiles of f.
func (f figures) withQuartiles(middle float64) string {
	return fmt.Sprintf("%s (%s–%s)", ratio(middle), ratio(f.quantile(0.25)), ratio(f.quantile(0.75)))
}

// medianOfSeconds formats the median and the quartiles of seconds.
func (f figures) medianOfSeconds() string {
	return fmt.Sprintf("%s (%s–%s)", formatSeconds(f.median()), formatSeconds(f.quantile(0.25)), formatSeconds(f.quantile(0.75)))
}

// times formats median, quartiles and 99th percentile of seconds.
func (f figures) times() string {
	return f.medianOfSeconds() + ", p99 " + formatSeconds(f.quantile(0.99))
}

func ratio(v float64) string {
	switch {
	case v >= 10:
		return fmt.Sprintf("%.0f", v)
	case v >= 0.1:
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.3f", v)
}

// formatSeconds formats seconds as ms or µs.
func formatSeconds(seconds float64) string {
	if ms := seconds * 1e3; ms >= 1 {
		return fmt.Sprintf("%.1f ms", ms)
	}
	return fmt.Sprintf("%.0f µs", seconds*1e6)
}

// percentile returns the q-quantile of sorted durations.
func percentile[T cmp.Ordered](sorted []T, q float64) (zero T) {
	if len(sorted) == 0 {
		return zero
	}
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

// target is a program under test. Callers are numbered from 0.
type target struct {
	name string
	call func(ctx context.Context, caller int) error
}

// sample is the result of one load.
type sample struct {
	perSecond float64
	p50, p99  time.Duration
}

// load runs concurrent callers of c, each of which sends its next call as soon as it has received a response,
// until a limit is reached or an error occurs.
func load(ctx context.Context, c target, callers int, o options) (sample, error) {
	var given atomic.Int64
	took, failed := make([][]time.Duration, callers), make([]error, callers)
	began := time.Now()
	end := began.Add(o.span)
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() {
			for at := time.Now(); failed[i] == nil && at.Before(end) && given.Add(1) <= int64(o.calls); {
				failed[i] = c.call(ctx, i)
				now := time.Now()
				took[i] = append(took[i], now.Sub(at))
				at = now
			}
		})
	}
	all.Wait()
	return summary(slices.Concat(took...), time.Since(began)), errors.Join(failed...)
}

func summary(took []time.Duration, span time.Duration) sample {
	slices.Sort(took)
	return sample{float64(len(took)) / span.Seconds(), percentile(took, 0.5), percentile(took, 0.99)}
}

// series are the results of a target with a number of callers, by round.
type series struct {
	target
	callers       int
	rate          figures // calls per second
	median, worst figures // seconds: p50 and p99
}

// measureAll measures all series in interleaved rounds. The first round is a warm-up; each round begins with
// another series.
func measureAll(ctx context.Context, all []*series, o options) error {
	for round := range o.rounds + 1 {
		for i := range all {
			m := all[(round+i)%len(all)]
			s, err := load(ctx, m.target, m.callers, o)
			if err != nil {
				return errors.Join(errors.New(m.name), err)
			}
			if round == 0 {
				continue
			}
			m.rate = append(m.rate, s.perSecond)
			m.median = append(m.median, s.p50.Seconds())
			m.worst = append(m.worst, s.p99.Seconds())
		}
	}
	return nil
}

// manyCallers is the number of callers in the tests with concurrency.
const manyCallers = 32

// pair is a target with one caller and with many callers.
type pair struct{ one, manyCallers *series }

// entry describes a target that is still to be started, and where to store its results.
type entry struct {
	into *pair
	name string
	open func(context.Context, string) (target, error)
}

// targets lists the targets of the calls. The net/http handler follows find_slots because it responds with the
// same number of bytes.
func (r *report) targets(c *fleet) []entry {
	s := c.environment
	ours, fast, bare := program{s.withVennio(), s.ours, nil}, program{s.withVennio(), s.fast, nil}, program{path: s.bare}
	httpClient, fastWeb := ours.with("serve", "--addr", "127.0.0.1:0"), fast.with("serve", "--addr", "127.0.0.1:0")
	return []entry{
		{&r.overHTTP, "`find_slots`", c.http(findSlots, httpClient)},
		{&r.fastHTTP, "`find_slots`, jsonv2", c.http(findSlots, fastWeb)},
		{&r.lightHTTP, "`find_slots`, refused", c.http(refusedCall, httpClient)},
		{&r.pingHTTP, "`ping`", c.http(ping, httpClient)},
		{&r.echoHTTP, "mcp-go echo", c.http(echoCall, bare.with("http"))},
		{&r.echoPingHTTP, "mcp-go `ping`", c.http(ping, bare.with("http"))},
		{&r.overSSE, "`find_slots`", c.sse(findSlots, httpClient)},
		{&r.lightSSE, "`find_slots`, refused", c.sse(refusedCall, httpClient)},
		{&r.pingSSE, "`ping`", c.sse(ping, httpClient)},
		{&r.echoSSE, "mcp-go echo", c.sse(echoCall, bare.with("sse"))},
		{&r.echoPingSSE, "mcp-go `ping`", c.sse(ping, bare.with("sse"))},
		{&r.plainHTTP, "net/http, an answer as long", c.plain()},
		{&r.vennio, "the sandbox alone", c.vennio},
		{&r.overStdio, "`find_slots`", c.stdio(findSlots, ours)},
		{&r.fastStdio, "`find_slots`, jsonv2", c.stdio(findSlots, fast)},
		{&r.echoStdio, "mcp-go echo, mcp-go's loop", c.stdio(echoCall, bare)},
		{&r.echoOurs, "mcp-go echo, our loop", c.stdio(echoCall, program{path: s.self}.with("-as", "stdio"))},
		{&r.hugeCall, "128 KiB of arguments", c.stdio(hugeCall, ours)},
		{&r.hugeFast, "128 KiB of arguments, jsonv2", c.stdio(hugeCall, fast)},
	}
}

// measureCalls starts and measures all targets.
func (r *report) measureCalls(ctx context.Context, s *environment, o options) error {
	c := &fleet{environment: s}
	defer c.close()
	var matches []*series
	for _, e := range r.targets(c) {
		opened, err := e.open(ctx, e.name)
		if err != nil {
			return fmt.Errorf("%s: %w", e.name, err)
		}
		*e.into = pair{&series{target: opened, callers: 1}, &series{target: opened, callers: manyCallers}}
		matches = append(matches, e.into.one, e.into.manyCallers)
	}
	return measureAll(ctx, matches, o)
}

// program is a command with its environment and arguments.
type program struct {
	env  []string
	path string
	args []string
}

func (p program) with(args ...string) program {
	p.args = args
	return p
}

// fleet starts targets and stops their processes.
type fleet struct {
	environment *environment
	children    []*child
	size        int // bytes of a response of find_slots over HTTP, once known
}

func (c *fleet) close() {
	for _, started := range c.children {
		started.stop()
	}
}

// stdio sends q over one pipe for all callers.
func (c *fleet) stdio(q request, p program) func(context.Context, string) (target, error) {
	return func(ctx context.Context, name string) (target, error) {
		started, err := c.environment.spawn(ctx, nil, p)
		if err != nil {
			return target{}, err
		}
		c.children = append(c.children, started)
		speaks, err := newStdioClient(started.in, started.out)
		return target{name, func(ctx context.Context, _ int) error { return speaks.send(ctx, q) }}, err
	}
}

// http sends q over Streamable HTTP, with one session for each caller.
func (c *fleet) http(q request, p program) func(context.Context, string) (target, error) {
	return func(ctx context.Context, name string) (target, error) {
		started, err := c.startListening(ctx, p)
		if err != nil {
			return target{}, err
		}
		w := newHTTPClient(started.url)
		var sessions [manyCallers]string
		for i := range sessions {
			if sessions[i], err = w.session(ctx); err != nil {
				return target{}, err
			}
		}
		body, err := w.send(ctx, sessions[0], q)
		if c.size == 0 {
			c.size = len(body)
		}
		return target{name, func(ctx context.Context, caller int) error {
			_, err := w.send(ctx, sessions[caller], q)
			return err
		}}, err
	}
}

// sse sends q over SSE, with one stream for each caller.
func (c *fleet) sse(q request, p program) func(context.Context, string) (target, error) {
	return func(ctx context.Context, name string) (target, error) {
		started, err := c.startListening(ctx, p)
		if err != nil {
			return target{}, err
		}
		w := newHTTPClient(started.url)
		var streams [manyCallers]*sseClient
		for i := range streams {
			if streams[i], err = w.open(ctx); err != nil {
				return target{}, err
			}
		}
		return target{name, func(ctx context.Context, caller int) error {
			return streams[caller].send(ctx, q)
		}}, nil
	}
}

// plain sends calls of find_slots to a handler that ignores them.
func (c *fleet) plain() func(context.Context, string) (target, error) {
	return func(ctx context.Context, name string) (target, error) {
		started, err := c.startListening(ctx, program{path: c.environment.self}.with("-as", "nethttp", "-size", strconv.Itoa(c.size)))
		if err != nil {
			return target{}, err
		}
		w := newHTTPClient(started.url)
		return target{name, func(ctx context.Context, _ int) error {
			_, err := w.send(ctx, "", findSlots)
			return err
		}}, nil
	}
}

// vennio sends the API request of find_slots directly to the sandbox.
func (c *fleet) vennio(_ context.Context, name string) (target, error) {
	w := newHTTPClient(availability(c.environment.vennioURL()))
	return target{name, func(ctx context.Context, _ int) error { return w.get(ctx, sandbox.DefaultKey()) }}, nil
}

func (c *fleet) startListening(ctx context.Context, p program) (*child, error) {
	started, err := c.environment.start(ctx, p)
	if err == nil {
		c.children = append(c.children, started)
	}
	return started, err
}

// serveAs runs this process as one of the targets. It does nothing if as is "".
func serveAs(ctx context.Context, as string, size int) error {
	switch as {
	case "stdio": // the echo server on our stdio transport
		return mcpserver.Stdio(ctx, echo.New(), os.Stdin, os.Stdout, mcpserver.StdioOptions{})
	case "nethttp":
		return echo.Serve(ctx, os.Stderr, fixedResponse(size))
	case "vennio": // without the limit of 1000 calls an hour of the embedded sandbox
		return echo.Serve(ctx, os.Stderr, sandbox.New(sandbox.Options{RateLimitPerHour: -1}))
	}
	return nil
}

// fixedResponse responds to every request with JSON of the given size in bytes.
func fixedResponse(size int) http.Handler {
	const head, tail = `{"jsonrpc":"2.0","id":0,"result":"`, `"}`
	body := head + strings.Repeat("x", max(0, size-len(head)-len(tail))) + tail
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, body)
	})
}
