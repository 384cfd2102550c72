package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// waits are the callers of one connection who wait for their answers.
type waits struct {
	mu      sync.Mutex
	last    int // id given out
	waiting map[int]chan []byte
	gone    chan struct{} // closed when the server says no more
}

func newWaits() *waits { return &waits{waiting: map[int]chan []byte{}, gone: make(chan struct{})} }

// enter gives out an id, and the channel on which its answer will come.
func (w *waits) enter() (id int, mine chan []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last++
	mine = make(chan []byte, 1)
	w.waiting[w.last] = mine
	return w.last, mine
}

// answer gives a result to who waits for it, if anybody does.
func (w *waits) answer(a answer) {
	w.mu.Lock()
	caller := w.waiting[a.ID]
	delete(w.waiting, a.ID)
	w.mu.Unlock()
	if caller != nil {
		caller <- a.Result
	}
}

var errGone = errors.New("the server has gone")

// wait waits for the result that comes on mine, which should be what q gives.
func (w *waits) wait(ctx context.Context, mine <-chan []byte, q question) error {
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case result := <-mine:
		return q.check(result)
	case <-late.C:
		return fmt.Errorf("no answer within %s", patience)
	case <-w.gone:
		return errGone
	case <-ctx.Done():
		return ctx.Err()
	}
}
