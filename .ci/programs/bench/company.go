package main

import (
	"context"
	"strconv"

	"github.com/vennio-mcp/vennio-mcp/vennioclient/sandbox"
)

// program is a command to start.
type program struct {
	env  []string
	path string
	args []string
}

func (p program) with(args ...string) program {
	p.args = args
	return p
}

// company starts contenders, and ends their processes.
type company struct {
	stage    *stage
	children []*child
	size     int // bytes of an answer of find_slots over HTTP, once there was one
}

func (c *company) close() {
	for _, started := range c.children {
		started.stop()
	}
}

// stdio asks q over one pipe, whoever calls.
func (c *company) stdio(q question, p program) func(context.Context, string) (contender, error) {
	return func(ctx context.Context, name string) (contender, error) {
		started, err := c.stage.spawn(ctx, nil, p)
		if err != nil {
			return contender{}, err
		}
		c.children = append(c.children, started)
		speaks, err := newPipe(started.in, started.out)
		return contender{name, func(ctx context.Context, _ int) error { return speaks.ask(ctx, q) }}, err
	}
}

// http asks q over Streamable HTTP, each caller in a session of its own.
func (c *company) http(q question, p program) func(context.Context, string) (contender, error) {
	return func(ctx context.Context, name string) (contender, error) {
		started, err := c.listening(ctx, p)
		if err != nil {
			return contender{}, err
		}
		w := newWeb(started.url)
		var sessions [many]string
		for i := range sessions {
			if sessions[i], err = w.session(ctx); err != nil {
				return contender{}, err
			}
		}
		body, err := w.ask(ctx, sessions[0], q)
		if c.size == 0 {
			c.size = len(body)
		}
		return contender{name, func(ctx context.Context, caller int) error {
			_, err := w.ask(ctx, sessions[caller], q)
			return err
		}}, err
	}
}

// sse asks q over SSE, each caller on a stream of its own.
func (c *company) sse(q question, p program) func(context.Context, string) (contender, error) {
	return func(ctx context.Context, name string) (contender, error) {
		started, err := c.listening(ctx, p)
		if err != nil {
			return contender{}, err
		}
		w := newWeb(started.url)
		var streams [many]*stream
		for i := range streams {
			if streams[i], err = w.open(ctx); err != nil {
				return contender{}, err
			}
		}
		return contender{name, func(ctx context.Context, caller int) error {
			return streams[caller].ask(ctx, q)
		}}, nil
	}
}

// plain sends what find_slots is sent to a handler that does nothing with it.
func (c *company) plain() func(context.Context, string) (contender, error) {
	return func(ctx context.Context, name string) (contender, error) {
		started, err := c.listening(ctx, program{path: c.stage.self}.with("-as", "nethttp", "-size", strconv.Itoa(c.size)))
		if err != nil {
			return contender{}, err
		}
		w := newWeb(started.url)
		return contender{name, func(ctx context.Context, _ int) error {
			_, err := w.ask(ctx, "", findSlots)
			return err
		}}, nil
	}
}

// vennio asks the sandbox what find_slots asks it.
func (c *company) vennio(_ context.Context, name string) (contender, error) {
	w := newWeb(c.stage.availability())
	return contender{name, func(ctx context.Context, _ int) error { return w.get(ctx, sandbox.DefaultKey()) }}, nil
}

func (c *company) listening(ctx context.Context, p program) (*child, error) {
	started, err := c.stage.start(ctx, p)
	if err == nil {
		c.children = append(c.children, started)
	}
	return started, err
}
