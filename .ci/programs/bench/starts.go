package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"time"
)

// rests is how often memory at rest is measured.
const rests = 5

// measureStarts starts the programs in turn, each as a person starts it: no
// settings, so vennio-mcp brings its sandbox along. The first of each warms up
// the file cache and makes the signing secret.
func (r *report) measureStarts(ctx context.Context, s *stage, o options) error {
	for round := range o.starts + 1 {
		for _, p := range []struct {
			path string
			into *figures
		}{{s.ours, &r.start}, {s.bare, &r.startBare}, {s.fast, &r.startFast}} {
			took, err := s.startUp(ctx, p.path)
			if err != nil {
				return err
			}
			if round > 0 {
				*p.into = append(*p.into, took.Seconds())
			}
		}
	}
	for range rests {
		if err := r.measureRest(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// startUp is the time from the start of the process to its answer to initialize.
func (s *stage) startUp(ctx context.Context, path string) (time.Duration, error) {
	began := time.Now()
	c, err := s.spawn(ctx, nil, program{path: path})
	if err != nil {
		return 0, err
	}
	if _, err := io.WriteString(c.in, hello+"\n"); err != nil {
		c.stop()
		return 0, err
	}
	_, err = bufio.NewReader(c.out).ReadBytes('\n')
	took := time.Since(began)
	if err != nil {
		c.stop()
		return 0, fmt.Errorf("no answer to initialize: %w", err)
	}
	return took, c.finish()
}

// measureRest measures memory after initialize and one call.
func (r *report) measureRest(ctx context.Context, s *stage) error {
	for _, p := range []struct {
		path string
		q    question
		into *figures
	}{{s.ours, findSlots, &r.rest}, {s.bare, sayHello, &r.restBare}, {s.fast, findSlots, &r.restFast}} {
		c, err := s.spawn(ctx, nil, program{path: p.path})
		if err != nil {
			return err
		}
		speaks, err := newPipe(c.in, c.out)
		if err == nil {
			err = speaks.ask(ctx, p.q)
		}
		if bytes := c.memory(); bytes > 0 {
			*p.into = append(*p.into, float64(bytes))
		}
		c.stop()
		if err != nil {
			return err
		}
	}
	return nil
}
