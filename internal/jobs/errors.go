package jobs

import (
	"sync"
	"time"
)

// maxWait bounds how long a task waits because somebody asked for it.
const maxWait = time.Hour

type finalError struct{ cause error }

func (e *finalError) Error() string { return e.cause.Error() }
func (e *finalError) Unwrap() error { return e.cause }

// Final marks an error after which no further try makes sense: the task is a
// dead letter at once.
func Final(cause error) error { return &finalError{cause} }

type laterError struct {
	cause error
	wait  time.Duration
}

func (e *laterError) Error() string { return e.cause.Error() }
func (e *laterError) Unwrap() error { return e.cause }

// Later marks an error after which the next try must wait, an hour at most.
func Later(cause error, wait time.Duration) error { return &laterError{cause, min(wait, maxWait)} }

// notes keeps what was said about a job until it is asked for.
type notes struct {
	mu   sync.Mutex
	wait map[int64]time.Duration
}

func newNotes() *notes { return &notes{wait: make(map[int64]time.Duration)} }

func (n *notes) put(job int64, wait time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.wait[job] = wait
}

func (n *notes) take(job int64) time.Duration {
	n.mu.Lock()
	defer n.mu.Unlock()
	wait := n.wait[job]
	delete(n.wait, job)
	return wait
}
