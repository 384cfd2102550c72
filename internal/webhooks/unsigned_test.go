package webhooks_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/webhooks"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/webhook"
)

// sendUnsigned sends the head of a delivery without a valid signature and the beginning of its body.
func (r *rig) sendUnsigned(signature string, length int, begins string) net.Conn {
	r.t.Helper()
	conn, err := new(net.Dialer).DialContext(r.t.Context(), "tcp", strings.TrimPrefix(r.url, "http://"))
	require.NoError(r.t, err)
	r.t.Cleanup(func() { _ = conn.Close() })
	_, err = fmt.Fprintf(conn, "POST /webhooks/vennio HTTP/1.1\r\nHost: localhost\r\nX-Webhook-Signature: %s\r\nContent-Length: %d\r\n\r\n%s", signature, length, begins)
	require.NoError(r.t, err)
	return conn
}

// answered returns the response to an unauthenticated request.
func answered(t *testing.T, conn net.Conn) (status int, text string) {
	t.Helper()
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(patience)))
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(raw)
}

var shaped = strings.Repeat("0", 64) // a signature, to look at

// req: X2. Whoever sends slowly keeps nobody else waiting, whether they say that
// much will come or little.
func TestReq_X2_StrangersWhoTrickleStopNobodysWebhooks(t *testing.T) {
	t.Parallel()
	for name, length := range map[string]int{"large": 1 << 20, "small": 10 << 10} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRigWith(t, func(o *webhooks.Options) { o.BodyTimeout = time.Hour }) // the server ends none of them
			r.send(booking("evt_0", "booking.created", "b-1"))                          // the tables are made
			for range 300 {
				r.sendUnsigned(shaped, length, "{")
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
func TestReq_X2_BodiesThatDoNotComeAreNotWaitedFor(t *testing.T) {
	t.Parallel()
	r := newRigWith(t, func(o *webhooks.Options) { o.BodyTimeout = 100 * time.Millisecond })
	for _, c := range []struct {
		name, signature, begins string
		length                  int
		status                  int
		says                    string
		counts                  webhooks.Result
	}{
		{"no signature", "", "", 100, http.StatusUnauthorized, "has no X-Webhook-Signature", webhooks.Unsigned},
		{"no such signature", "sha256=" + shaped, "", 100, http.StatusUnauthorized, "not 64 hexadecimal digits", webhooks.Misshapen},
		{"little, and not that", shaped, "{", 100, http.StatusBadRequest, "too slowly", webhooks.Malformed},
		{"much, and not that", shaped, strings.Repeat("x", 20<<10), 100 << 10, http.StatusBadRequest, "too slowly", webhooks.Malformed},
	} {
		before := r.counted(c.counts)
		status, text := answered(t, r.sendUnsigned(c.signature, c.length, c.begins))
		assert.Equal(t, c.status, status, c.name)
		assert.Contains(t, text, c.says, c.name)
		assert.Equal(t, before+1, r.counted(c.counts), c.name)
	}
}

// Bodies of every size come whole, whether they say how long they are or not.
func TestBodiesOfEverySizeComeWhole(t *testing.T) {
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
