package mcpserver

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/mark3labs/mcp-go/mcp"
)

// maxSubscribed is how many resources one subscription may name.
const maxSubscribed = 100

// Subscriptions notifies clients when resources that they subscribed to change.
// mcp-go acknowledges subscriptions and leaves the notifications to its user
// (docs/library-notes.md, 24). One Subscriptions serves all transports of a
// process. It is safe for concurrent use.
type Subscriptions struct {
	known func(uri string) bool

	mu          sync.Mutex
	subscribers map[*subscriber]struct{}
}

// NewSubscriptions returns a Subscriptions for the resources that known reports;
// nil means all.
func NewSubscriptions(known func(uri string) bool) *Subscriptions {
	return &Subscriptions{known: known, subscribers: make(map[*subscriber]struct{})}
}

// Updated notifies every client that subscribed to one of these resources. It does
// not wait: a client that does not read is notified later, and once, however often
// a resource changed meanwhile.
func (s *Subscriptions) Updated(uris ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for one := range s.subscribers {
		for _, uri := range uris {
			one.changed(uri)
		}
	}
}

// Matching returns the resources with a prefix to which clients subscribe, sorted, each once.
func (s *Subscriptions) Matching(prefix string) (uris []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for one := range s.subscribers {
		uris = append(uris, one.matching(prefix)...)
	}
	slices.Sort(uris)
	return slices.Compact(uris)
}

func (s *subscriber) matching(prefix string) (uris []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, set := range s.subscriptions {
		for _, uri := range set.uris {
			if strings.HasPrefix(uri, prefix) {
				uris = append(uris, uri)
			}
		}
	}
	return uris
}

func (s *Subscriptions) join() *subscriber {
	one := &subscriber{wake: make(chan struct{}, 1), subscriptions: []*subscription{{acknowledged: true}}}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.subscribers[one] = struct{}{}
	return one
}

func (s *Subscriptions) leave(one *subscriber) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.subscribers, one)
}

// subscriptionURIs returns the resources that a message subscribes to or
// unsubscribes from.
func subscriptionURIs(env envelope) []string {
	var m struct {
		Params struct {
			URI           string                 `json:"uri"`
			Notifications mcp.SubscriptionFilter `json:"notifications"`
		} `json:"params"`
	}
	switch {
	case json.Unmarshal(env.raw, &m) != nil:
		return nil // mcp-go reports what is wrong with the message
	case env.Method == mcp.MethodSubscriptionsListen:
		return m.Params.Notifications.ResourceSubscriptions
	case m.Params.URI == "":
		return nil
	default:
		return []string{m.Params.URI}
	}
}

// check returns why these resources cannot be subscribed to, or nil.
func (s *Subscriptions) check(env envelope, uris []string) *rpcError {
	if env.Method == mcp.MethodResourcesUnsubscribe {
		return nil
	}
	if len(uris) > maxSubscribed {
		return &errorTooManySubscriptions
	}
	for _, uri := range uris {
		if s.known == nil || s.known(uri) {
			continue
		}
		code := mcp.RESOURCE_NOT_FOUND
		if env.Method == mcp.MethodSubscriptionsListen { // since MCP 2026-07-28
			code = mcp.INVALID_PARAMS
		}
		return &rpcError{Code: code, Message: fmt.Sprintf("there is no resource %.100q to subscribe to; resources/list and resources/templates/list name those that exist", uri)}
	}
	return nil
}

var errorTooManySubscriptions = rpcError{Code: mcp.INVALID_PARAMS, Message: fmt.Sprintf("at most %d resources can be subscribed to at once", maxSubscribed)}

// subscriber holds what one client subscribed to and was not notified of yet.
// Changes are kept by resource, so their number is bounded by the subscriptions.
type subscriber struct {
	wake chan struct{} // holds a value while there is an update to write

	mu            sync.Mutex
	subscriptions []*subscription
	due           []update
}

// subscription is a set of resources: the one of resources/subscribe (up to MCP
// 2025-11-25), or that of one subscriptions/listen request (2026-07-28).
type subscription struct {
	id           json.RawMessage // of the listen request, which each update names; nil for resources/subscribe
	uris         []string
	acknowledged bool // a listen stream begins with its acknowledgement
}

type update struct {
	of  *subscription
	uri string
}

// apply records what a successful resources/subscribe or resources/unsubscribe
// changes.
func (s *subscriber) apply(env envelope, uri string) *rpcError {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	set := s.subscriptions[0]
	switch env.Method {
	case mcp.MethodResourcesSubscribe:
		switch {
		case slices.Contains(set.uris, uri):
		case len(set.uris) >= maxSubscribed:
			return &errorTooManySubscriptions
		default:
			set.uris = append(set.uris, uri)
		}
	case mcp.MethodResourcesUnsubscribe:
		set.uris = slices.DeleteFunc(set.uris, func(u string) bool { return u == uri })
		s.due = slices.DeleteFunc(s.due, func(u update) bool { return u.of == set && u.uri == uri })
	default:
	}
	return nil
}

// listen adds the subscription of one subscriptions/listen request. Its updates
// wait for the acknowledgement.
func (s *subscriber) listen(id json.RawMessage, uris []string) *subscription {
	s.mu.Lock()
	defer s.mu.Unlock()
	one := &subscription{id: id, uris: uris}
	s.subscriptions = append(s.subscriptions, one)
	return one
}

// end removes what listen added.
func (s *subscriber) end(one *subscription) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.subscriptions = slices.DeleteFunc(s.subscriptions, func(other *subscription) bool { return other == one })
	s.due = slices.DeleteFunc(s.due, func(u update) bool { return u.of == one })
}

// acknowledge releases the updates of the subscriptions with that request id.
func (s *subscriber) acknowledge(id any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range s.subscriptions {
		one.acknowledged = one.acknowledged || sameID(one.id, id)
	}
	s.signal()
}

// sameID compares a received id with one that mcp-go has decoded: it turns numbers
// into floats.
func sameID(raw json.RawMessage, id any) bool {
	var decoded any
	if json.Unmarshal(raw, &decoded) != nil {
		return false
	}
	a, errA := json.Marshal(decoded)
	b, errB := json.Marshal(id)
	return errA == nil && errB == nil && string(a) == string(b)
}

// changed records that a resource changed, once until the client is notified.
func (s *subscriber) changed(uri string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range s.subscriptions {
		if u := (update{one, uri}); slices.Contains(one.uris, uri) && !slices.Contains(s.due, u) {
			s.due = append(s.due, u)
		}
	}
	s.signal()
}

// signal is called with the lock held.
func (s *subscriber) signal() {
	if !slices.ContainsFunc(s.due, func(u update) bool { return u.of.acknowledged }) {
		return
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// take returns the updates that can be written now.
func (s *subscriber) take() []update {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ready, waiting []update
	for _, u := range s.due {
		if u.of.acknowledged {
			ready = append(ready, u)
		} else {
			waiting = append(waiting, u)
		}
	}
	s.due = waiting
	return ready
}

// putBack returns updates that could not be written.
func (s *subscriber) putBack(unwritten []update) {
	for _, u := range unwritten {
		s.changed(u.uri)
	}
}

// encode makes a notifications/resources/updated message.
func (u update) encode() []byte {
	type params struct {
		Meta map[string]json.RawMessage `json:"_meta,omitempty"`
		URI  string                     `json:"uri"`
	}
	p := params{URI: u.uri}
	if u.of.id != nil {
		p.Meta = map[string]json.RawMessage{mcp.MetaKeySubscriptionID: u.of.id}
	}
	b, _ := encode(struct { // strings, and an id that was decoded before: encoding cannot fail
		JSONRPC string `json:"jsonrpc"`
		Method  string `json:"method"`
		Params  params `json:"params"`
	}{mcp.JSONRPC_VERSION, mcp.MethodNotificationResourceUpdated, p})
	return b
}
