package webhooks

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"golang.org/x/sync/semaphore"
)

const (
	maxBody = 1 << 20
	small   = 16 << 10 // far more than Vennio's deliveries have

	// Bytes of bodies held at once, until each is stored or refused: the first of
	// each, and the rest of those that are not small.
	smallRoom = 16 << 20
	largeRoom = 16 << 20
	leastHeld = 1 << 10 // what the least of deliveries costs

	// A body must arrive within the body timeout, plus a second for each leastRate
	// bytes beyond the small ones.
	defaultBodyTimeout = 2 * time.Second
	leastRate          = 256 << 10

	defaultWaitTimeout  = 2 * time.Second
	defaultUnsignedRate = 200
	maxQueue            = 4096 // requests that wait for room with their bodies unread
)

var errNoRoom = errors.New("too much at once")

// room bounds the memory that deliveries hold before anybody knows whose they
// are. It is handed out by bytes, so that a stranger who lets one byte trickle
// after the other holds few; and small bodies, which are all that Vennio is known
// to send, do not wait for large ones.
type room struct {
	small, large *semaphore.Weighted
	queue        chan struct{}

	bodyTimeout, waitTimeout time.Duration // see Options
}

func newRoom(bodyTimeout, waitTimeout time.Duration) *room {
	return &room{
		small: semaphore.NewWeighted(smallRoom), large: semaphore.NewWeighted(largeRoom), queue: make(chan struct{}, maxQueue),
		bodyTimeout: bodyTimeout, waitTimeout: waitTimeout,
	}
}

// read reads a body, and holds room for it until leave, which is never nil. The
// error is errNoRoom, an [http.MaxBytesError], [os.ErrDeadlineExceeded] if it came
// too slowly, or says what else broke.
func (m *room) read(w http.ResponseWriter, r *http.Request) (body []byte, leave func(), err error) {
	length := r.ContentLength
	if length < 0 {
		length = maxBody // it does not say
	}
	leave = func() {}
	first := max(leastHeld, min(length, small))
	if !m.enter(r.Context(), m.small, first) {
		return nil, leave, errNoRoom
	}
	leave = func() { m.small.Release(first) }
	limited := http.MaxBytesReader(w, r.Body, maxBody)
	head, err := within(w, m.bodyTimeout, func() ([]byte, error) { return io.ReadAll(io.LimitReader(limited, small)) })
	if err != nil || length <= small || len(head) < small {
		return head, leave, err
	}
	rest := length - small
	if !m.enter(r.Context(), m.large, rest) {
		return nil, leave, errNoRoom
	}
	leave = func() { m.small.Release(first); m.large.Release(rest) }
	body, err = within(w, m.bodyTimeout+time.Duration(rest)*time.Second/leastRate, func() ([]byte, error) {
		whole := bytes.NewBuffer(make([]byte, 0, length+bytes.MinRead))
		_, _ = whole.Write(head) // never fails
		_, err := whole.ReadFrom(limited)
		return whole.Bytes(), err
	})
	return body, leave, err
}

// within sets how long a body may take to come. One that broke off gets no more
// time, whoever goes on reading it.
func within(w http.ResponseWriter, limit time.Duration, read func() ([]byte, error)) ([]byte, error) {
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(limit)) // not every writer can
	body, err := read()
	if err == nil {
		_ = control.SetReadDeadline(time.Time{})
	}
	return body, err
}

// enter waits until there is room for so many bytes.
func (m *room) enter(ctx context.Context, in *semaphore.Weighted, n int64) bool {
	if in.TryAcquire(n) {
		return true
	}
	select {
	case m.queue <- struct{}{}:
		defer func() { <-m.queue }()
	default:
		return false
	}
	limited, cancel := context.WithTimeout(ctx, m.waitTimeout)
	defer cancel()
	return in.Acquire(limited, n) == nil
}
