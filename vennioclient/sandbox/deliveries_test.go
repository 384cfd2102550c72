package sandbox_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/vennioclient/sandbox"
)

// waits records the requested pauses and does not wait.
type waits struct {
	mu  sync.Mutex
	all []time.Duration
}

func (w *waits) wait(_ context.Context, d time.Duration) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = append(w.all, d)
	return nil
}

func TestDeliveriesAreRetriedThreeTimes(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		status func(n int) int
		want   sandbox.Deliveries
		waits  []time.Duration
	}{
		"accepted at last": {func(n int) int { return []int{500, 404, 302, 200}[n-1] }, sandbox.Deliveries{Delivered: 1}, []time.Duration{1e9, 2e9, 4e9}},
		"never accepted":   {func(int) int { return http.StatusUnauthorized }, sandbox.Deliveries{Failed: 1}, []time.Duration{1e9, 2e9, 4e9}},
		"at once":          {nil, sandbox.Deliveries{Delivered: 1}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, r := &waits{}, receive(t, row.status)
			s := subscribed(t, sandbox.Options{Wait: w.wait}, r)
			booked(t, s, alice)
			assert.Equal(t, row.want, settled(t, s))
			assert.Equal(t, row.waits, w.all)
			require.Len(t, r.all(), len(row.waits)+1)
			for _, raw := range r.raw {
				assert.Equal(t, r.raw[0], raw, "each attempt sends the same bytes")
			}
		})
	}
}

func TestAnUnreachableReceiverIsAFailedDelivery(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{Wait: new(waits).wait})
	t.Cleanup(s.Close)
	want[hook](t, s, http.StatusCreated, subscribe("http://127.0.0.1:1"))
	booked(t, s, alice)
	assert.Equal(t, sandbox.Deliveries{Failed: 1}, settled(t, s))
}

// Events are sent concurrently, but at most 16 at a time.
func TestConcurrentDeliveriesAreLimited(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	now, most := 0, 0
	full := make(chan struct{})
	enough := sync.OnceFunc(func() { close(full) })
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		mu.Lock()
		now++
		if most = max(most, now); now == 16 {
			enough()
		}
		mu.Unlock()
		<-full
		mu.Lock()
		now--
		mu.Unlock()
	}))
	t.Cleanup(server.Close)
	s := newServer(sandbox.Options{})
	t.Cleanup(s.Close)
	want[hook](t, s, http.StatusCreated, subscribe(server.URL))
	_, err := s.Emit("booking.updated", 300)
	require.NoError(t, err)
	assert.Equal(t, sandbox.Deliveries{Delivered: 300}, settled(t, s))
	assert.Equal(t, 16, most)
}

// A receiver that fails does not delay others, because pauses before retries occupy no sender.
func TestAFailingReceiverDoesNotDelayOthers(t *testing.T) {
	t.Parallel()
	forever := func(ctx context.Context, _ time.Duration) error { <-ctx.Done(); return ctx.Err() }
	bad, good := receive(t, func(int) int { return 500 }), receive(t, nil)
	s := subscribed(t, sandbox.Options{Wait: forever}, bad)
	want[hook](t, s, http.StatusCreated, subscribe(good.URL))
	_, err := s.Emit("booking.updated", 100)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return s.Deliveries().Delivered == 100 && len(bad.all()) == 100 }, time.Minute, time.Millisecond)
	s.Close()
	assert.Equal(t, sandbox.Deliveries{Delivered: 100, Failed: 100}, s.Deliveries())
}

func TestCloseEndsDeliveries(t *testing.T) {
	t.Parallel()
	arrived, open := make(chan struct{}, 100), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		select {
		case <-open:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(open) })
	s := newServer(sandbox.Options{})
	want[hook](t, s, http.StatusCreated, subscribe(server.URL))
	_, err := s.Emit("booking.updated", 100)
	require.NoError(t, err)
	<-arrived
	s.Close()
	s.Close()
	assert.Equal(t, sandbox.Deliveries{Failed: 100}, s.Deliveries())
	booked(t, s, alice)
	assert.Equal(t, sandbox.Deliveries{Failed: 101}, s.Deliveries(), "bookings still work, but events are not delivered")
}
