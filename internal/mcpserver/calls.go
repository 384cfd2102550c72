package mcpserver

import (
	"context"
	"errors"
	"sync"
)

var (
	// errCancelled is the cause a call's context carries when the client gave
	// the call up. Such a call is not answered (MCP, Cancellation).
	errCancelled = errors.New("cancelled by the client")
	errStopping  = errors.New("the server is stopping")
	errBusy      = errors.New("too many calls are running and waiting")
)

// call is one request that may take long, from its arrival to its answer.
type call struct {
	env    envelope
	ctx    context.Context // of the call itself, so that it can be cancelled before it starts
	cancel context.CancelCauseFunc
	place  *place
	reply  func([]byte) // called exactly once; nil means that no answer is due
}

// callTable knows the calls of one client that are not answered yet.
type callTable struct {
	mu     sync.Mutex
	byID   map[string]*call
	count  int
	closed bool
	idle   chan struct{} // closed when closed and count is 0
}

func newCallTable() *callTable {
	return &callTable{byID: make(map[string]*call), idle: make(chan struct{})}
}

// add reports false when the table takes no more calls.
func (t *callTable) add(c *call) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return false
	}
	t.byID[string(c.env.ID)] = c
	t.count++
	return true
}

// done forgets an answered call.
func (t *callTable) done(c *call) {
	c.cancel(nil)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.byID[string(c.env.ID)] == c { // a client may have used the id twice
		delete(t.byID, string(c.env.ID))
	}
	t.count--
	if t.closed && t.count == 0 {
		close(t.idle)
	}
}

// cancel ends the context of the call with this id, waiting or running.
func (t *callTable) cancel(id string) {
	t.mu.Lock()
	c := t.byID[id]
	t.mu.Unlock()
	if c != nil {
		c.cancel(errCancelled)
	}
}

// close takes no more calls; the channel is closed once the last is answered.
func (t *callTable) close() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.closed && t.count == 0 {
		close(t.idle)
	}
	t.closed = true
	return t.idle
}
