package mcpserver

import (
	"encoding/json"
	"slices"
	"sync"

	"github.com/mark3labs/mcp-go/mcp"
)

// maxWatched bounds the resources one subscription may name.
const maxWatched = 100

// watch is what one client subscribed to and has not been told yet. Telling is
// by resource, so what waits is bounded by what is subscribed to.
type watch struct {
	wake chan struct{} // holds a value while there is something to tell

	mu   sync.Mutex
	subs []*subscription
	due  []update
}

// subscription is one set of resources: that of resources/subscribe (up to MCP
// 2025-11-25), or of one subscriptions/listen (2026-07-28).
type subscription struct {
	id   json.RawMessage // of the listen request, with which each update is tagged; nil for the other kind
	uris []string
	told bool // a listen stream begins with its acknowledgement
}

type update struct {
	of  *subscription
	uri string
}

func newWatch() *watch {
	return &watch{wake: make(chan struct{}, 1), subs: []*subscription{{told: true}}}
}

// subscribe adds to what resources/subscribe named; false means that it is full.
func (w *watch) subscribe(uri string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.subs[0]
	if slices.Contains(s.uris, uri) {
		return true
	}
	if len(s.uris) >= maxWatched {
		return false
	}
	s.uris = append(s.uris, uri)
	return true
}

func (w *watch) unsubscribe(uri string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.subs[0]
	s.uris = slices.DeleteFunc(s.uris, func(u string) bool { return u == uri })
	w.due = slices.DeleteFunc(w.due, func(u update) bool { return u.of == s && u.uri == uri })
}

// listen opens a subscription of its own, silent until told: acknowledged.
func (w *watch) listen(id json.RawMessage, uris []string, told bool) *subscription {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := &subscription{id: id, uris: uris, told: told}
	w.subs = append(w.subs, s)
	return s
}

// end closes what listen opened.
func (w *watch) end(s *subscription) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.subs = slices.DeleteFunc(w.subs, func(other *subscription) bool { return other == s })
	w.due = slices.DeleteFunc(w.due, func(u update) bool { return u.of == s })
}

// acknowledged lets the subscriptions of that request id speak.
func (w *watch) acknowledged(id any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.subs {
		s.told = s.told || sameID(s.id, id)
	}
	w.signal()
}

// sameID compares an id as it came with one that mcp-go has read: it turns
// numbers into floats.
func sameID(raw json.RawMessage, id any) bool {
	var mine any
	if json.Unmarshal(raw, &mine) != nil {
		return false
	}
	a, errA := json.Marshal(mine)
	b, errB := json.Marshal(id)
	return errA == nil && errB == nil && string(a) == string(b)
}

// changed notes that a resource changed, once until it is told.
func (w *watch) changed(uri string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.subs {
		if u := (update{s, uri}); slices.Contains(s.uris, uri) && !slices.Contains(w.due, u) {
			w.due = append(w.due, u)
		}
	}
	w.signal()
}

// signal is called with the lock held.
func (w *watch) signal() {
	if !slices.ContainsFunc(w.due, func(u update) bool { return u.of.told }) {
		return
	}
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// take returns what can be told now.
func (w *watch) take() []update {
	w.mu.Lock()
	defer w.mu.Unlock()
	var ready, wait []update
	for _, u := range w.due {
		if u.of.told {
			ready = append(ready, u)
		} else {
			wait = append(wait, u)
		}
	}
	w.due = wait
	return ready
}

// again puts back what could not be told.
func (w *watch) again(untold []update) {
	for _, u := range untold {
		w.changed(u.uri)
	}
}

// encode makes notifications/resources/updated.
func (u update) encode() []byte {
	type params struct {
		Meta map[string]json.RawMessage `json:"_meta,omitempty"`
		URI  string                     `json:"uri"`
	}
	p := params{URI: u.uri}
	if u.of.id != nil {
		p.Meta = map[string]json.RawMessage{mcp.MetaKeySubscriptionID: u.of.id}
	}
	b, _ := json.Marshal(struct { // strings, and an id that was read as JSON
		JSONRPC string `json:"jsonrpc"`
		Method  string `json:"method"`
		Params  params `json:"params"`
	}{mcp.JSONRPC_VERSION, mcp.MethodNotificationResourceUpdated, p})
	return b
}
