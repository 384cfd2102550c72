package webhooks_test

import (
	"fmt"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/webhooks"
)

// Bodies that never end are read only as far as there is memory for them; the other
// deliveries wait with their bodies unread. The timeouts are longer than the test, so
// that the server ends none of them. Not parallel: it measures the whole heap.
//
// field: test that depended on the machine's speed
func TestBodiesThatNeverEndHoldABoundedMemory(t *testing.T) {
	const clients, half = 300, 512 << 10
	r := newRigWith(t, func(o *webhooks.Options) { o.BodyTimeout, o.WaitTimeout = time.Hour, time.Hour })
	r.send(booking("evt_1", "booking.created", "b-1")) // what is made once is made
	before := heap()
	part := strings.Repeat("x", half)
	for range clients {
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(r.url, "http://"))
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close() })
		go func() {
			_, _ = fmt.Fprintf(conn, "POST /webhooks/vennio HTTP/1.1\r\nHost: localhost\r\nX-Webhook-Signature: %064d\r\nContent-Length: %d\r\n\r\n%s", 0, 2*half, part)
		}()
	}
	var held int64
	require.Eventually(t, func() bool { held = heap() - before; return held > 16*half }, patience, tick, "some are being read")
	for range 20 { // and no more than some
		runtime.Gosched()
		held = max(held, heap()-before)
	}
	assert.Less(t, held, int64(32*4*half), "%d clients hold %d MiB", clients, held>>20)
	assert.Zero(t, r.counted(webhooks.Failed))
	t.Logf("%d clients, half a MiB each: %d MiB held", clients, held>>20)
}

// heap is what is in use, after a collection.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
