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
	ours, fast, bare := program{s.withVennio(), s.ours, nil}, program{s.withVennio(), s.fast, nil}, program{path: s.bare}
	web, fastWeb := ours.with("serve", "--addr", "127.0.0.1:0"), fast.with("serve", "--addr", "127.0.0.1:0")
	return []entry{
		{&r.overHTTP, "`find_slots`", c.http(findSlots, web)},
		{&r.fastHTTP, "`find_slots`, jsonv2", c.http(findSlots, fastWeb)},
		{&r.lightHTTP, "`find_slots`, refused", c.http(light, web)},
		{&r.pingHTTP, "`ping`", c.http(ping, web)},
		{&r.echoHTTP, "mcp-go echo", c.http(sayHello, bare.with("http"))},
		{&r.echoPingHTTP, "mcp-go `ping`", c.http(ping, bare.with("http"))},
		{&r.overSSE, "`find_slots`", c.sse(findSlots, web)},
		{&r.lightSSE, "`find_slots`, refused", c.sse(light, web)},
		{&r.pingSSE, "`ping`", c.sse(ping, web)},
		{&r.echoSSE, "mcp-go echo", c.sse(sayHello, bare.with("sse"))},
		{&r.echoPingSSE, "mcp-go `ping`", c.sse(ping, bare.with("sse"))},
		{&r.plainHTTP, "net/http, an answer as long", c.plain()},
		{&r.vennio, "the sandbox alone", c.vennio},
		{&r.overStdio, "`find_slots`", c.stdio(findSlots, ours)},
		{&r.fastStdio, "`find_slots`, jsonv2", c.stdio(findSlots, fast)},
		{&r.echoStdio, "mcp-go echo, mcp-go's loop", c.stdio(sayHello, bare)},
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
