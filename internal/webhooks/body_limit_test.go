package webhooks_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/webhooks"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/webhook"
)

// sendUnsigned sends the header of a delivery without a valid signature and the beginning of its body.
func (r *rig) sendUnsigned(signature string, length int, beginning string) net.Conn {
	r.t.Helper()
	return r.sendHeader(signature, fmt.Sprintf("Content-Length: %d\r\n\r\n%s", length, beginning))
}

// sendHeader sends a delivery of which the test writes the last headers and the body.
func (r *rig) sendHeader(signature, rest string) net.Conn {
	r.t.Helper()
	conn, err := new(net.Dialer).DialContext(r.t.Context(), "tcp", strings.TrimPrefix(r.url, "http://"))
	require.NoError(r.t, err)
	r.t.Cleanup(func() { _ = conn.Close() })
	_, err = fmt.Fprintf(conn, "POST /webhooks/vennio HTTP/1.1\r\nHost: localhost\r\nX-Webhook-Signature: %s\r\n%s", signature, rest)
	require.NoError(r.t, err)
	return conn
}

// readAnswer reads the response to sendUnsigned.
func readAnswer(t *testing.T, conn net.Conn) (status int, text string) {
	t.Helper()
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(waitLimit)))
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(raw)
}

var validForm = strings.Repeat("0", 64) // has the form of a signature

// req: X2. Slow senders do not delay other deliveries, whatever the size of their bodies.
func TestReq_X2_SlowUnsignedBodiesDoNotDelaySignedDeliveries(t *testing.T) {
	t.Parallel()
	for name, length := range map[string]int{"large": 1 << 20, "small": 10 << 10} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRigWith(t, func(o *webhooks.Options) { o.BodyTimeout = time.Hour }) // the server ends none of them
			r.send(booking("evt_0", "booking.created", "b-1"))                          // creates the tables
			for range 300 {
				r.sendUnsigned(validForm, length, "{")
			}
			for i := range 20 {
				body := booking(fmt.Sprint("evt_", i+1), "booking.created", "b-1")
				status, text := r.deliver(body, webhook.Sign([]byte(body), secret))
				require.Equal(t, http.StatusOK, status, text)
			}
		})
	}
}

// req: X2
func TestReq_X2_BodiesMustArriveInTime(t *testing.T) {
	t.Parallel()
	r := newRigWith(t, func(o *webhooks.Options) { o.BodyTimeout = 100 * time.Millisecond })
	for _, c := range []struct {
		name, signature, beginning string
		length                     int
		status                     int
		text                       string
		result                     webhooks.Result
	}{
		{"no signature", "", "", 100, http.StatusUnauthorized, "has no X-Webhook-Signature", webhooks.Unsigned},
		{"no valid form", "sha256=" + validForm, "", 100, http.StatusUnauthorized, "not 64 hexadecimal digits", webhooks.Misshapen},
		{"a small body that does not arrive", validForm, "{", 100, http.StatusBadRequest, "too slowly", webhooks.Malformed},
		{"a large body that does not arrive", validForm, strings.Repeat("x", 20<<10), 100 << 10, http.StatusBadRequest, "too slowly", webhooks.Malformed},
	} {
		before := r.counted(c.result)
		status, text := readAnswer(t, r.sendUnsigned(c.signature, c.length, c.beginning))
		assert.Equal(t, c.status, status, c.name)
		assert.Contains(t, text, c.text, c.name)
		assert.Equal(t, before+1, r.counted(c.result), c.name)
	}
}

// With and without Content-Length.
func TestBodiesOfEverySizeAreReadCompletely(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for i, size := range []int{16<<10 - 1, 16 << 10, 16<<10 + 1, 100 << 10, 1 << 20} {
		for _, chunked := range []bool{false, true} {
			head := fmt.Sprintf(`{"id":"evt_%d_%t","type":"booking.created","data":"`, i, chunked)
			body := head + strings.Repeat("x", size-len(head)-2) + `"}`
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.url, strings.NewReader(body))
			require.NoError(t, err)
			if chunked {
				req.ContentLength = -1
			}
			req.Header.Set(webhook.SignatureHeader, webhook.Sign([]byte(body), secret))
			resp, err := http.DefaultClient.Do(req)
			require.NoError(t, err)
			_ = resp.Body.Close()
			assert.Equal(t, http.StatusOK, resp.StatusCode, "%d, chunked: %t", size, chunked)
			e, _, err := r.inbox.Show(t.Context(), fmt.Sprintf("evt_%d_%t", i, chunked))
			require.NoError(t, err)
			assert.Equal(t, body, string(e.Body))
		}
	}
}

// Unfinished bodies are read only as far as there is memory for them. The other deliveries wait
// with the rest of their bodies unread. The timeouts are longer than the test, so that the server
// ends none of them. Not parallel: it measures the whole heap.
//
// field: test that depended on the machine's speed
func TestUnfinishedBodiesUseLimitedMemory(t *testing.T) {
	const clients, half = 300, 512 << 10
	const reading = 16 // bodies of 1 MiB that fit into the memory for large bodies
	r := newRigWith(t, func(o *webhooks.Options) { o.BodyTimeout, o.WaitTimeout = time.Hour, time.Hour })
	r.send(booking("evt_1", "booking.created", "b-1")) // creates the tables and the connections
	before := heap()
	part := bytes.Repeat([]byte("x"), half)
	for range clients {
		conn := r.sendUnsigned(validForm, 2*half, "")
		go func() { _, _ = conn.Write(part) }() // all clients write from the same memory
	}
	require.Eventually(t, func() bool { return webhooks.WaitingForMemory(r.service) == clients-reading }, waitLimit, tick)
	require.Eventually(t, func() bool { return heap()-before > 2*reading*half }, waitLimit, tick, "the bodies that fit are being read")
	used := heap() - before
	assert.Less(t, used, int64(64<<20), "%d clients use %d MiB", clients, used>>20)
	assert.Zero(t, r.counted(webhooks.Failed))
	t.Logf("%d clients, half a MiB each: %d MiB used", clients, used>>20)
}

// heap returns the bytes in use after a garbage collection, without those that pools kept over the first: they may be as
// many as the bodies.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
