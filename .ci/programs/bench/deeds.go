package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

// deed is something that clients do to a server.
type deed struct {
	name string
	do   func(ctx context.Context, v *visitor) error
}

// deeds are done in this order, by each visitor from another place on.
func deeds() []deed {
	return []deed{
		{"find_slots, in a session", inSession(findSlots)},
		{"read: tools, bookings, a resource", reads},
		{"book_slot, get_booking, cancel_booking", book},
		{"SSE: find_slots, and a stream closed", overSSE},
		{"a session begun and left", leaves},
		{"SSE: a stream dropped before the answer", dropsSSE},
		{"refused calls", refusals},
		{"find_slots, without a session (2026-07-28)", modern},
		{"a session's stream dropped half-way", dropsStream},
		{"a session begun and deleted", deletes},
		{"a call whose caller hangs up", hangsUp},
		{"SSE: a booking subscribed to, and the stream dropped", subscribes},
	}
}

// visitor is a client that keeps one session for itself.
type visitor struct {
	web     *web
	session string
	number  int // of this visitor
	done    int // deeds
}

// visit does one deed after the other until ctx ends. A deed that has begun is
// done to its end.
func (k *soaking) visit(ctx context.Context, number int) {
	all, tick := deeds(), time.NewTicker(pace)
	defer tick.Stop()
	v := &visitor{web: k.web, number: number}
	for v.done = number * len(all) / visitors; ; v.done++ {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		one := all[v.done%len(all)]
		k.calm.RLock()
		err := one.do(context.WithoutCancel(ctx), v)
		k.calm.RUnlock()
		k.tally.note(one.name, err)
	}
}

// mine is the visitor's own session, begun when there is none.
func (v *visitor) mine(ctx context.Context) (err error) {
	if v.session == "" {
		v.session, err = v.web.session(ctx)
	}
	return err
}

func inSession(q question) func(context.Context, *visitor) error {
	return func(ctx context.Context, v *visitor) error {
		if err := v.mine(ctx); err != nil {
			return err
		}
		_, err := v.web.ask(ctx, v.session, q)
		return err
	}
}

func reads(ctx context.Context, v *visitor) error {
	var failed []error
	for _, q := range []question{
		{method: "tools/list", arguments: "{}"},
		{method: "resources/read", arguments: `{"uri":"vennio://policy"}`},
		{method: "resources/read", arguments: `{"uri":"vennio://bookings/upcoming"}`},
		{method: "prompts/list", arguments: "{}"},
		{tool: "list_bookings", arguments: `{"limit":10}`},
	} {
		failed = append(failed, inSession(q)(ctx, v))
	}
	return errors.Join(failed...)
}

func leaves(ctx context.Context, v *visitor) error {
	session, err := v.web.session(ctx)
	if err == nil {
		_, err = v.web.ask(ctx, session, light)
	}
	return err
}

func deletes(ctx context.Context, v *visitor) error {
	session, err := v.web.session(ctx)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodDelete, v.web.url, nil)
	if err != nil {
		return err
	}
	r.Header.Set("Mcp-Session-Id", session)
	_, _, err = v.web.do(r)
	return err
}

// tally counts deeds, and keeps what went wrong.
type tally struct {
	mu     sync.Mutex
	done   map[string]int
	failed []error
}

func newTally() *tally { return &tally{done: map[string]int{}} }

func (t *tally) note(name string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.done[name]++
	if err != nil {
		t.failed = append(t.failed, fmt.Errorf("%s: %w", name, err))
	}
}

// err tells how many deeds failed, and the first of them.
func (t *tally) err() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.failed) == 0 {
		return nil
	}
	return errors.Join(append([]error{fmt.Errorf("%d deeds went wrong, such as", len(t.failed))}, t.failed[:min(3, len(t.failed))]...)...)
}

// told lists the deeds and how often each was done.
func (t *tally) told() string {
	var all []string
	for _, d := range deeds() {
		all = append(all, fmt.Sprintf("%s: %d", d.name, t.done[d.name]))
	}
	return strings.Join(all, "; ")
}
