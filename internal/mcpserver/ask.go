package mcpserver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"github.com/mark3labs/mcp-go/mcp"
)

var (
	errUndeclared = errors.New("the client did not declare this capability")
	errHungUp     = errors.New("the client hung up before it answered")
)

// asks is what we asked one client and it has not answered yet.
type asks struct {
	send func([]byte)

	mu      sync.Mutex
	next    int64
	waiting map[string]chan envelope
	closed  bool
}

func newAsks(send func([]byte)) *asks {
	return &asks{send: send, waiting: make(map[string]chan envelope)}
}

// ask sends a request to the client and waits for its result. When ctx ends
// first, the client is told that nobody waits any more, so it can take its
// question off the screen.
func (a *asks) ask(ctx context.Context, method mcp.MCPMethod, params any) (json.RawMessage, error) {
	id, answer, err := a.open()
	if err != nil {
		return nil, err
	}
	defer a.forget(id)
	if err := a.post(id, method, params); err != nil {
		return nil, err
	}
	select {
	case e, ok := <-answer:
		return result(method, e, ok)
	case <-ctx.Done():
		a.withdraw(id)
		return nil, ctx.Err()
	}
}

func result(method mcp.MCPMethod, e envelope, ok bool) (json.RawMessage, error) {
	if !ok {
		return nil, errHungUp
	}
	if e.Error == nil {
		return e.Result, nil
	}
	var said struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	}
	_ = json.Unmarshal(e.Error, &said) // an odd error is an error all the same
	return nil, fmt.Errorf("the client answered %s with error %d: %s", method, said.Code, said.Message)
}

func (a *asks) open() (id json.RawMessage, answer chan envelope, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return nil, nil, errHungUp
	}
	a.next++
	id = strconv.AppendInt(nil, a.next, 10)
	answer = make(chan envelope, 1)
	a.waiting[string(id)] = answer
	return id, answer, nil
}

func (a *asks) forget(id json.RawMessage) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.waiting, string(id))
}

// answer hands a response of the client to whoever waits for it. A response
// nobody waits for is dropped.
func (a *asks) answer(e envelope) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if c, ok := a.waiting[string(e.ID)]; ok {
		delete(a.waiting, string(e.ID)) // one answer each: the channel holds one
		c <- e
	}
}

// hangUp fails every open question and every later one: no answer can come.
func (a *asks) hangUp() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closed = true
	for id, c := range a.waiting {
		delete(a.waiting, id)
		close(c)
	}
}

func (a *asks) post(id json.RawMessage, method mcp.MCPMethod, params any) error {
	b, err := json.Marshal(struct {
		JSONRPC string          `json:"jsonrpc"`
		ID      json.RawMessage `json:"id"`
		Method  mcp.MCPMethod   `json:"method"`
		Params  any             `json:"params,omitempty"`
	}{mcp.JSONRPC_VERSION, id, method, params})
	if err != nil {
		return fmt.Errorf("asking the client: %w", err)
	}
	a.send(b)
	return nil
}

// withdraw sends notifications/cancelled for one of our own requests.
func (a *asks) withdraw(id json.RawMessage) {
	a.send(fmt.Appendf(nil, `{"jsonrpc":"2.0","method":%q,"params":{"requestId":%s,"reason":"no longer waiting"}}`,
		mcp.MethodNotificationCancelled, id))
}
