package main

import (
	"context"
	"fmt"
)

const (
	crowded   = 1000 // open sessions whose memory is measured
	crowdings = 3    // times, in fresh processes
	warming   = 200  // calls in the first session, before the others come
)

// crowd is a server with many open sessions, and what they took of its memory.
type crowd struct {
	name         string
	p            program
	q            question
	stream       bool    // over SSE; else over Streamable HTTP, with no stream open
	before, with figures // resident bytes
}

// growth is one caller beside more and more sessions that are open and quiet.
type growth struct{ ours, echo *match }

// sizes are how many sessions are open beside the caller's own, and it.
var sizes = []int{1, 10, 100, crowded}

func rosterOfCrowds(s *stage) []*crowd {
	ours, bare := program{s.withVennio(), s.ours, []string{"serve", "--addr", "127.0.0.1:0"}}, program{path: s.bare}
	return []*crowd{
		{name: "vennio-mcp, SSE", p: ours, q: light, stream: true},
		{name: "mcp-go echo, SSE", p: bare.with("sse"), q: sayHello, stream: true},
		{name: "vennio-mcp, Streamable HTTP", p: ours, q: light},
		{name: "mcp-go echo, Streamable HTTP", p: bare.with("http"), q: sayHello},
	}
}

// measureSessions measures what open sessions cost: memory, and the time of
// others.
func (r *report) measureSessions(ctx context.Context, s *stage, o options) error {
	r.crowds = rosterOfCrowds(s)
	for range crowdings {
		for _, one := range r.crowds {
			if err := one.measure(ctx, s); err != nil {
				return fmt.Errorf("%s: %w", one.name, err)
			}
		}
	}
	return r.measureGrowth(ctx, s, o)
}

// measure opens the sessions in a fresh process.
func (d *crowd) measure(ctx context.Context, s *stage) error {
	c := &company{stage: s}
	defer c.close()
	started, err := c.listening(ctx, d.p)
	if err != nil {
		return err
	}
	w := newWeb(started.url)
	defer w.http.CloseIdleConnections()
	first, err := d.join(ctx, w)
	if err != nil {
		return err
	}
	for range warming {
		if err := first(ctx); err != nil {
			return err
		}
	}
	before := started.memory()
	for n := 1; n < crowded; n++ {
		if _, err := d.join(ctx, w); err != nil {
			return fmt.Errorf("session %d: %w", n+1, err)
		}
	}
	if with := started.memory(); with > 0 {
		d.before, d.with = append(d.before, float64(before)), append(d.with, float64(with))
	}
	return nil
}

// join opens a session in which one call is made, as clients that find the tools
// do. What it returns makes one more.
func (d *crowd) join(ctx context.Context, w *web) (func(context.Context) error, error) {
	if d.stream {
		opened, err := w.open(ctx)
		if err != nil {
			return nil, err
		}
		call := func(ctx context.Context) error { return opened.ask(ctx, d.q) }
		return call, call(ctx)
	}
	session, err := w.session(ctx)
	if err != nil {
		return nil, err
	}
	call := func(ctx context.Context) error { _, err := w.ask(ctx, session, d.q); return err }
	return call, call(ctx)
}

// measureGrowth plays servers with few and with many sessions side by side.
func (r *report) measureGrowth(ctx context.Context, s *stage, o options) error {
	c := &company{stage: s}
	defer c.close()
	ours, echo := r.crowds[0], r.crowds[1]
	var matches []*match
	for _, n := range sizes {
		g := &growth{}
		for _, side := range []struct {
			of   *crowd
			into **match
		}{{ours, &g.ours}, {echo, &g.echo}} {
			m, err := c.crowd(ctx, side.of, n)
			if err != nil {
				return err
			}
			*side.into = m
			matches = append(matches, m)
		}
		r.growth = append(r.growth, g)
	}
	return play(ctx, matches, o)
}

// crowd starts a server with n open sessions, in the first of which is called.
func (c *company) crowd(ctx context.Context, d *crowd, n int) (*match, error) {
	started, err := c.listening(ctx, d.p)
	if err != nil {
		return nil, err
	}
	w := newWeb(started.url)
	first, err := d.join(ctx, w)
	for i := 1; i < n && err == nil; i++ {
		_, err = d.join(ctx, w)
	}
	name := fmt.Sprintf("%s with %d sessions", d.name, n)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return &match{contender: contender{name, func(ctx context.Context, _ int) error { return first(ctx) }}, callers: 1}, nil
}
