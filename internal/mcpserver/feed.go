package mcpserver

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/mark3labs/mcp-go/mcp"
)

// Feed tells clients that resources they subscribed to have changed. mcp-go
// acknowledges subscriptions and leaves the rest to others; and what it sends a
// moment before an answer over Streamable HTTP is lost (docs/library-notes.md,
// 19 and 24), so updates take a way of their own. One Feed serves all transports
// of a process. It is safe for concurrent use.
type Feed struct {
	known func(uri string) bool

	mu      sync.Mutex
	watches map[*watch]struct{}
}

// NewFeed returns a Feed for the resources that known reports; nil means any.
func NewFeed(known func(uri string) bool) *Feed {
	return &Feed{known: known, watches: make(map[*watch]struct{})}
}

// Updated tells every client that subscribed to one of them. It does not wait: a
// client that does not read is told later, and once, however often a resource
// changed meanwhile.
func (f *Feed) Updated(uris ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for w := range f.watches {
		for _, uri := range uris {
			w.changed(uri)
		}
	}
}

func (f *Feed) join() *watch {
	w := newWatch()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.watches[w] = struct{}{}
	return w
}

func (f *Feed) leave(w *watch) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.watches, w)
}

// wished are the resources that a message subscribes to, or no longer wants.
func wished(env envelope) []string {
	var m struct {
		Params struct {
			URI           string                 `json:"uri"`
			Notifications mcp.SubscriptionFilter `json:"notifications"`
		} `json:"params"`
	}
	switch env.Method {
	case mcp.MethodResourcesSubscribe, mcp.MethodResourcesUnsubscribe:
		if json.Unmarshal(env.raw, &m) == nil && m.Params.URI != "" {
			return []string{m.Params.URI}
		}
	case mcp.MethodSubscriptionsListen:
		if json.Unmarshal(env.raw, &m) == nil {
			return m.Params.Notifications.ResourceSubscriptions
		}
	default:
	}
	return nil // mcp-go says what is wrong with it
}

// refuses says why these resources cannot be subscribed to; nil lets them pass.
func (f *Feed) refuses(env envelope, uris []string) *fault {
	if env.Method == mcp.MethodResourcesUnsubscribe {
		return nil
	}
	if len(uris) > maxWatched {
		return &faultWatched
	}
	for _, uri := range uris {
		if f.known == nil || f.known(uri) {
			continue
		}
		code := mcp.RESOURCE_NOT_FOUND
		if env.Method == mcp.MethodSubscriptionsListen { // since 2026-07-28
			code = mcp.INVALID_PARAMS
		}
		return &fault{code, fmt.Sprintf("there is no resource %.100q to subscribe to; resources/list and resources/templates/list name those there are", uri)}
	}
	return nil
}

var faultWatched = fault{mcp.INVALID_PARAMS, fmt.Sprintf("at most %d resources can be subscribed to at once", maxWatched)}

// heed keeps what resources/subscribe and resources/unsubscribe ask for.
func (w *watch) heed(env envelope, uris []string) *fault {
	for _, uri := range uris {
		switch env.Method {
		case mcp.MethodResourcesSubscribe:
			if !w.subscribe(uri) {
				return &faultWatched
			}
		case mcp.MethodResourcesUnsubscribe:
			w.unsubscribe(uri)
		default:
		}
	}
	return nil
}

// stream writes updates as events to a stream that mcp-go keeps open, until ctx
// ends. What could not be written waits for the next stream.
func (w *watch) stream(ctx context.Context, g *guard) {
	select {
	case <-g.opened:
	case <-ctx.Done():
		return
	}
	for {
		select {
		case <-w.wake:
		case <-ctx.Done():
			return
		}
		for due := w.take(); len(due) > 0; due = due[1:] {
			if _, err := g.Write(event(due[0].encode())); err != nil {
				w.again(due)
				return
			}
		}
		g.Flush()
	}
}
