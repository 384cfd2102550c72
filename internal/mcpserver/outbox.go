package mcpserver

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
)

// outbox is what is on its way to one client. Everybody posts, one goroutine
// pumps; so messages leave whole, one after the other, and several at a time
// when several are there.
type outbox struct {
	messages chan []byte
	start    sync.Once // makes notes: most clients are told nothing, and 1,024 of them take 48 KiB
	notes    chan mcp.JSONRPCNotification
	begun    chan struct{} // closed when notes is there
	watch    *watch        // resources the client subscribed to
	last     chan struct{} // closed by finish
	gone     chan struct{} // closed when the pump has stopped
}

// sink is where a pump writes to.
type sink interface {
	message(b []byte) error
	flush() error
	// quiet is called when nothing was written for a while.
	quiet() error
}

func newOutbox(w *watch) *outbox {
	return &outbox{
		watch:    w,
		messages: make(chan []byte, 64),
		begun:    make(chan struct{}),
		last:     make(chan struct{}),
		gone:     make(chan struct{}),
	}
}

// tell is where notifications go. mcp-go asks for it when it has one, and drops
// it rather than wait for room.
func (o *outbox) tell() chan<- mcp.JSONRPCNotification {
	o.start.Do(func() {
		o.notes = make(chan mcp.JSONRPCNotification, 1024)
		close(o.begun)
	})
	return o.notes
}

// told is where they come out; nil while there were none.
func (o *outbox) told() <-chan mcp.JSONRPCNotification {
	select {
	case <-o.begun:
		return o.notes
	default:
		return nil
	}
}

// send queues one message; it waits for room, and drops the message when nobody
// will ever write it.
func (o *outbox) send(b []byte) {
	select {
	case o.messages <- b:
	case <-o.gone:
	}
}

// finish makes the pump write what is queued and stop. Call it once, when no
// more messages will be sent.
func (o *outbox) finish() { close(o.last) }

// pump writes to s until finish, an error of s, or the end of ctx. The sink is
// flushed whenever nothing more is waiting. tick may be nil.
func (o *outbox) pump(ctx context.Context, s sink, tick <-chan time.Time) error {
	defer close(o.gone)
	begun := o.begun
	for {
		notes := o.told()
		if notes != nil {
			begun = nil
		}
		select {
		case <-begun:
			continue
		case b := <-o.messages:
			if err := o.write(s, b); err != nil {
				return err
			}
		case n := <-notes:
			if err := o.note(s, n); err != nil {
				return err
			}
		case <-o.watch.wake:
			if err := o.updates(s); err != nil {
				return err
			}
		case <-tick:
			if err := s.quiet(); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		case <-o.last:
			return o.rest(s)
		}
		if len(o.messages) == 0 && len(o.told()) == 0 {
			if err := s.flush(); err != nil {
				return err
			}
		}
	}
}

// write lets the notifications go first: a handler sends them before it returns
// the result that b carries.
func (o *outbox) write(s sink, b []byte) error {
	if err := o.notesSoFar(s); err != nil {
		return err
	}
	return s.message(b)
}

func (o *outbox) notesSoFar(s sink) error {
	notes := o.told()
	for range len(notes) {
		if err := o.note(s, <-notes); err != nil {
			return err
		}
	}
	return nil
}

func (o *outbox) note(s sink, n mcp.JSONRPCNotification) error {
	if n.Method == mcp.MethodNotificationSubscriptionsAcknowledged {
		defer o.watch.acknowledged(n.Params.Meta[mcp.MetaKeySubscriptionID])
	}
	if b, err := json.Marshal(n); err == nil {
		return s.message(b)
	}
	return nil // a tool's notification that is not JSON is not worth the connection
}

// updates tells what changed of the resources subscribed to.
func (o *outbox) updates(s sink) error {
	for _, u := range o.watch.take() {
		if err := s.message(u.encode()); err != nil {
			return err
		}
	}
	return nil
}

// rest writes what is still queued.
func (o *outbox) rest(s sink) error {
	for range len(o.messages) {
		if err := o.write(s, <-o.messages); err != nil {
			return err
		}
	}
	if err := o.notesSoFar(s); err != nil {
		return err
	}
	if err := o.updates(s); err != nil {
		return err
	}
	return s.flush()
}
