package mcpserver

import (
	"context"
	"encoding/json"
	"maps"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
)

// writer queues the messages on their way to one client and writes them one after
// the other, several at a time when several are waiting. Any goroutine may send;
// pump writes.
type writer struct {
	subscriber *subscriber     // whose updates pump writes; nil: none
	tag        json.RawMessage // the id of the subscriptions/listen request whose stream this is; nil: none
	messages   chan []byte
	last       chan struct{} // closed by finish
	gone       chan struct{} // closed when nothing is written any more

	start   sync.Once
	run     func() // runs pump from the first use of the writer on; nil: the transport runs it
	started bool

	makeNotes sync.Once // most clients receive no notification, and room for 1,024 takes 48 KiB
	notes     chan mcp.JSONRPCNotification
	noted     chan struct{} // closed when notes exists
}

// sink is where pump writes to.
type sink interface {
	message(b []byte) error
	flush() error
	// keepAlive is called when nothing was written for a while.
	keepAlive() error
}

func newWriter(s *subscriber, capacity int) *writer {
	return &writer{
		subscriber: s, messages: make(chan []byte, capacity),
		last: make(chan struct{}), gone: make(chan struct{}), noted: make(chan struct{}),
	}
}

// begin starts pump where the writer itself runs it.
func (o *writer) begin() {
	if o.run == nil {
		return
	}
	o.start.Do(func() {
		o.started = true
		go func() {
			defer close(o.gone)
			o.run()
		}()
	})
}

// end sends a last message, nil for none, by a writer that runs pump itself, and
// waits until all is written. It reports false, and does not send it, when nothing
// was sent before; what is sent later is dropped.
func (o *writer) end(last []byte) bool {
	o.start.Do(func() { close(o.gone) })
	if !o.started {
		return false
	}
	if last != nil {
		o.send(last)
	}
	o.finish()
	<-o.gone
	return true
}

// notifications is the channel for notifications. mcp-go asks for it when it has
// one, and drops the notification when the channel is full.
func (o *writer) notifications() chan<- mcp.JSONRPCNotification {
	o.makeNotes.Do(func() {
		o.notes = make(chan mcp.JSONRPCNotification, 1024)
		close(o.noted)
	})
	o.begin()
	return o.notes
}

// notesOut is the same channel for reading; nil while there was no notification.
func (o *writer) notesOut() <-chan mcp.JSONRPCNotification {
	select {
	case <-o.noted:
		return o.notes
	default:
		return nil
	}
}

// send queues one message. It waits for room, and drops the message when nothing
// is written any more.
func (o *writer) send(b []byte) {
	o.begin()
	select {
	case o.messages <- b:
	case <-o.gone:
	}
}

// finish makes pump write what is queued and stop. It is called once, after the
// last message.
func (o *writer) finish() { close(o.last) }

// pump writes to s until finish, an error of s, or the end of ctx. It flushes s
// whenever nothing more is waiting. tick may be nil.
func (o *writer) pump(ctx context.Context, s sink, tick <-chan time.Time) error {
	var wake <-chan struct{}
	if o.subscriber != nil {
		wake = o.subscriber.wake
	}
	noted := o.noted
	for {
		notes := o.notesOut()
		if notes != nil {
			noted = nil
		}
		var err error
		select {
		case <-noted:
			continue
		case b := <-o.messages:
			err = o.write(s, b)
		case n := <-notes:
			err = o.note(s, n)
		case <-wake:
			err = o.updates(s)
		case <-tick:
			err = s.keepAlive()
		case <-ctx.Done():
			return ctx.Err()
		case <-o.last:
			return o.rest(s)
		}
		if err == nil && len(o.messages) == 0 && len(o.notesOut()) == 0 {
			err = s.flush()
		}
		if err != nil {
			return err
		}
	}
}

// write writes the waiting notifications first: a handler sends them before it
// returns the result that b contains.
func (o *writer) write(s sink, b []byte) error {
	if err := o.waitingNotes(s); err != nil {
		return err
	}
	return s.message(b)
}

func (o *writer) waitingNotes(s sink) error {
	notes := o.notesOut()
	for range len(notes) {
		if err := o.note(s, <-notes); err != nil {
			return err
		}
	}
	return nil
}

func (o *writer) note(s sink, n mcp.JSONRPCNotification) error {
	switch {
	case n.Method == mcp.MethodNotificationSubscriptionsAcknowledged:
		defer o.subscriber.acknowledge(n.Params.Meta[mcp.MetaKeySubscriptionID])
	case o.tag != nil: // a broadcast shares its _meta with other streams
		meta := maps.Clone(n.Params.Meta)
		if meta == nil {
			meta = make(map[string]any, 1)
		}
		meta[mcp.MetaKeySubscriptionID] = o.tag
		n.Params.Meta = meta
	}
	if b, err := encode(n); err == nil {
		return s.message(b)
	}
	return nil // a notification of a tool that is not JSON must not end the connection
}

// updates writes which subscribed resources changed. What could not be written
// waits for the next stream of the session.
func (o *writer) updates(s sink) error {
	for due := o.subscriber.take(); len(due) > 0; due = due[1:] {
		if err := s.message(due[0].encode()); err != nil {
			o.subscriber.putBack(due)
			return err
		}
	}
	return nil
}

// rest writes what is still queued.
func (o *writer) rest(s sink) error {
	for range len(o.messages) {
		if err := o.write(s, <-o.messages); err != nil {
			return err
		}
	}
	if err := o.waitingNotes(s); err != nil {
		return err
	}
	if o.subscriber != nil {
		if err := o.updates(s); err != nil {
			return err
		}
	}
	return s.flush()
}
