package main

import (
	"context"
	"fmt"
)

// many is the greater number of callers.
const many = 32

// pair is a contender under one caller, and under many.
type pair struct{ one, many *match }

// entry is a contender to be, and where its figures go.
type entry struct {
	into *pair
	name string
	open func(context.Context, string) (contender, error)
}

// roster lists who answers calls. What is as long as an answer of find_slots
// comes after find_slots.
func (r *report) roster(c *company) []entry {
	s := c.stage
	ours, fast := program{s.withVennio(), s.ours, nil}, program{s.withVennio(), s.fast, nil}
	return []entry{
		{&r.overHTTP, "vennio-mcp find_slots", c.http(findSlots, ours.with("serve", "--addr", "127.0.0.1:0"))},
		{&r.fastHTTP, "vennio-mcp find_slots, jsonv2", c.http(findSlots, fast.with("serve", "--addr", "127.0.0.1:0"))},
		{&r.echoHTTP, "mcp-go echo", c.http(sayHello, program{path: s.bare}.with("http"))},
		{&r.plainHTTP, "net/http, an answer as long", c.plain()},
		{&r.vennio, "the sandbox alone", c.vennio},
		{&r.overStdio, "vennio-mcp find_slots", c.stdio(findSlots, ours)},
		{&r.fastStdio, "vennio-mcp find_slots, jsonv2", c.stdio(findSlots, fast)},
		{&r.echoStdio, "mcp-go echo, mcp-go's loop", c.stdio(sayHello, program{path: s.bare})},
		{&r.echoOurs, "mcp-go echo, our loop", c.stdio(sayHello, program{path: s.self}.with("-as", "stdio"))},
		{&r.huge, "128 KiB of arguments", c.stdio(huge, ours)},
		{&r.hugeFast, "128 KiB of arguments, jsonv2", c.stdio(huge, fast)},
	}
}

// measureCalls plays every contender against every other.
func (r *report) measureCalls(ctx context.Context, s *stage, o options) error {
	c := &company{stage: s}
	defer c.close()
	var matches []*match
	for _, e := range r.roster(c) {
		opened, err := e.open(ctx, e.name)
		if err != nil {
			return fmt.Errorf("%s: %w", e.name, err)
		}
		*e.into = pair{&match{contender: opened, callers: 1}, &match{contender: opened, callers: many}}
		matches = append(matches, e.into.one, e.into.many)
	}
	return play(ctx, matches, o)
}
