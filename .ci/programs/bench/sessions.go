package main

import (
	"context"
	"fmt"
	"io"
)

const (
	sessionCount  = 1000 // open sessions whose memory is measured
	sessionRounds = 3    // repetitions, each in a new process
	warmupCalls   = 200  // calls in the first session before the others are opened
)

// sessionLoad is a server with many open sessions, and their memory.
type sessionLoad struct {
	name         string
	p            program
	q            request
	sse          bool    // over SSE, else over Streamable HTTP without an open stream
	before, with figures // resident bytes
}

// growth is one caller next to a number of idle sessions.
type growth struct{ ours, echo *series }

// sizes are the numbers of open sessions, including that of the caller.
var sizes = []int{1, 10, 100, sessionCount}

func sessionTargets(s *environment) []*sessionLoad {
	ours, bare := program{s.withVennio(), s.ours, []string{"serve", "--addr", "127.0.0.1:0"}}, program{path: s.bare}
	return []*sessionLoad{
		{name: "vennio-mcp, SSE", p: ours, q: refusedCall, sse: true},
		{name: "mcp-go echo, SSE", p: bare.with("sse"), q: echoCall, sse: true},
		{name: "vennio-mcp, Streamable HTTP", p: ours, q: refusedCall},
		{name: "mcp-go echo, Streamable HTTP", p: bare.with("http"), q: echoCall},
	}
}

// measureSessions measures the memory of open sessions and their effect on other calls.
func (r *report) measureSessions(ctx context.Context, s *environment, o options) error {
	r.sessionLoads = sessionTargets(s)
	for range sessionRounds {
		for _, one := range r.sessionLoads {
			if err := one.measure(ctx, s); err != nil {
				return fmt.Errorf("%s: %w", one.name, err)
			}
		}
	}
	return r.measureGrowth(ctx, s, o)
}

// measure opens the sessions in a new process.
func (d *sessionLoad) measure(ctx context.Context, s *environment) error {
	c := &fleet{environment: s}
	defer c.close()
	started, err := c.startListening(ctx, d.p)
	if err != nil {
		return err
	}
	w := newHTTPClient(started.url)
	defer w.http.CloseIdleConnections()
	first, err := d.openSession(ctx, w)
	if err != nil {
		return err
	}
	for range warmupCalls {
		if err := first(ctx); err != nil {
			return err
		}
	}
	before := started.memory()
	for n := 1; n < sessionCount; n++ {
		if _, err := d.openSession(ctx, w); err != nil {
			return fmt.Errorf("session %d: %w", n+1, err)
		}
	}
	if with := started.memory(); with > 0 {
		d.before, d.with = append(d.before, float64(before)), append(d.with, float64(with))
	}
	return nil
}

// openSession opens a session and makes one call in it. The function that it returns makes another call.
func (d *sessionLoad) openSession(ctx context.Context, w *httpClient) (func(context.Context) error, error) {
	if d.sse {
		opened, err := w.open(ctx)
		if err != nil {
			return nil, err
		}
		call := func(ctx context.Context) error { return opened.send(ctx, d.q) }
		return call, call(ctx)
	}
	session, err := w.session(ctx)
	if err != nil {
		return nil, err
	}
	call := func(ctx context.Context) error { _, err := w.send(ctx, session, d.q); return err }
	return call, call(ctx)
}

// measureGrowth measures servers with few and with many sessions in the same rounds.
func (r *report) measureGrowth(ctx context.Context, s *environment, o options) error {
	c := &fleet{environment: s}
	defer c.close()
	ours, echo := r.sessionLoads[0], r.sessionLoads[1]
	var matches []*series
	for _, n := range sizes {
		g := &growth{}
		for _, side := range []struct {
			of   *sessionLoad
			into **series
		}{{ours, &g.ours}, {echo, &g.echo}} {
			m, err := c.sessionLoad(ctx, side.of, n)
			if err != nil {
				return err
			}
			*side.into = m
			matches = append(matches, m)
		}
		r.growth = append(r.growth, g)
	}
	return measureAll(ctx, matches, o)
}

// sessionLoad starts a server with n open sessions. Calls are made in the first one.
func (c *fleet) sessionLoad(ctx context.Context, d *sessionLoad, n int) (*series, error) {
	started, err := c.startListening(ctx, d.p)
	if err != nil {
		return nil, err
	}
	w := newHTTPClient(started.url)
	first, err := d.openSession(ctx, w)
	for i := 1; i < n && err == nil; i++ {
		_, err = d.openSession(ctx, w)
	}
	name := fmt.Sprintf("%s with %d sessions", d.name, n)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return &series{target: target{name, func(ctx context.Context, _ int) error { return first(ctx) }}, callers: 1}, nil
}

const kib = 1 << 10

// each returns the memory of one session in KiB.
func (d *sessionLoad) each() figures {
	each := make(figures, len(d.with))
	for i := range each {
		each[i] = (d.with[i] - d.before[i]) / (sessionCount - 1) / kib
	}
	return each
}

func (r *report) writeSessions(w io.Writer) {
	heading(w, "Sessions")
	header(w, fmt.Sprintf("%d sessions, one call made in each", sessionCount), "resident before", "with them", "a session")
	for _, d := range r.sessionLoads {
		if len(d.with) == 0 {
			line(w, d.name, "n/a", "n/a", "n/a")
			continue
		}
		each := d.each()
		line(w, d.name, fmt.Sprintf("%.0f MB", d.before.median()/megabyte), fmt.Sprintf("%.0f MB", d.with.median()/megabyte),
			fmt.Sprintf("%.0f KiB (%.0f–%.0f)", each.median(), each.quantile(0), each.quantile(1)))
	}
}

// writeGrowth compares a caller next to many sessions with a caller alone.
func (r *report) writeGrowth(w io.Writer) {
	_, _ = fmt.Fprintln(w)
	header(w, "open SSE sessions", "vennio-mcp: calls/s, × with one", "p50", "p99", "mcp-go echo: calls/s, × with one", "p50", "p99")
	first := r.growth[0]
	for i, g := range r.growth {
		line(w, fmt.Sprint(sizes[i]),
			g.ours.ratioTo(first.ours), formatSeconds(g.ours.median.median()), formatSeconds(g.ours.worst.median()),
			g.echo.ratioTo(first.echo), formatSeconds(g.echo.median.median()), formatSeconds(g.echo.worst.median()))
	}
}
