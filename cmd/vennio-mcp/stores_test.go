package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/client"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/config"
	"github.com/vennio-mcp/vennio-mcp/internal/store/storetest"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/sandbox"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/webhook"
)

// inside is a server in the test's own process, so that faults can be made in its
// store; Vennio is a sandbox behind real HTTP.
type inside struct {
	*assembled
	vennio *sandbox.Server
	url    string
}

func serveInside(t *testing.T, dir string, env ...string) *inside {
	t.Helper()
	s := &inside{vennio: sandbox.New(sandbox.Options{})}
	api := httptest.NewServer(s.vennio)
	t.Cleanup(func() { api.Close(); s.vennio.Close() })
	p := program{getenv: settings(append([]string{
		"VENNIO_API_KEY=" + sandbox.DefaultKey(), "VENNIO_API_URL=" + api.URL, "VENNIO_HOSTS=" + new(box).hosts(), "VENNIO_CONSENT=attested",
		"VENNIO_STATE_DIR=" + dir, "VENNIO_LOG_LEVEL=error",
	}, env...)), errs: new(lockedBuffer)}
	cfg, err := config.Load(nil, p.getenv)
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	s.assembled, err = p.open(ctx, cfg)
	require.NoError(t, err)
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s.url = "http://" + ln.Addr().String()
	done := make(chan error, 1)
	go func() { done <- s.serve(ctx, p, cfg, ln) }()
	t.Cleanup(func() { stop(); require.NoError(t, <-done); s.close() })
	return s
}

// ready waits until /readyz says so, or why not.
func (s *inside) ready(t *testing.T, want int) (reasons string) {
	t.Helper()
	require.Eventually(t, func() bool {
		status, body := newBrowser(t).open(s.url + "/readyz")
		reasons = body
		return status == want
	}, patience, 50*time.Millisecond, "%s", &reasons)
	return reasons
}

// overBoth are clients of SSE and Streamable HTTP.
func (s *inside) overBoth(t *testing.T) map[string]*client.Client {
	t.Helper()
	sse, err := client.NewSSEMCPClient(s.url + "/sse")
	require.NoError(t, err)
	handshake(t, sse, "2024-11-05")
	return map[string]*client.Client{"sse": sse, "streamable http": agentAt(t, s.url)}
}

// field: full disk, sqlite. Over every transport the agent is told that nothing was
// sent and to make the same call again; readiness tells the same; once there is
// room again, the same call books.
func TestAFullDiskIsToldAndPasses(t *testing.T) {
	t.Parallel()
	s := serveInside(t, t.TempDir())
	s.ready(t, http.StatusOK)
	clients, refused := s.overBoth(t), map[string]map[string]any{}
	storetest.Pragma(t, s.store, "max_page_count = 1")
	for name, c := range clients {
		answer := "confirmed"
		for n := 0; strings.Contains(answer, "confirmed") && n < 20; n++ { // until the pages there are have no room left
			refused[name] = aBooking(t, c)
			refused[name]["notes"] = strings.Repeat("x", 2000)
			answer = say(t, c, "book_slot", refused[name])
		}
		assert.Contains(t, answer, "store_unavailable", name)
		assert.Contains(t, answer, "sent nothing to Vennio")
		assert.Contains(t, answer, "Make exactly the same call again")
	}
	before := len(s.vennio.Bookings())
	assert.Contains(t, s.ready(t, http.StatusServiceUnavailable), "the store cannot be written")
	storetest.Pragma(t, s.store, "max_page_count = 100000")
	s.ready(t, http.StatusOK)
	for name, c := range clients {
		answer := say(t, c, "book_slot", refused[name])
		assert.True(t, strings.Contains(answer, "confirmed") || strings.Contains(answer, "slot_taken"), "%s: %s", name, answer) // both were offered the same
	}
	assert.Equal(t, before+1, len(s.vennio.Bookings()), "nothing was booked before")
}

// field: job engine that cannot start. The server says that it is not ready, and
// recovers by itself.
func TestAServerWhoseJobEngineCannotStartIsNotReady(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	claim := filepath.Join(dir, "follow-ups.lock")
	require.NoError(t, os.Mkdir(claim, 0o700)) // where the file of the claim is to be
	s := serveInside(t, dir)
	var said struct{ Reasons []string }
	require.NoError(t, json.Unmarshal([]byte(s.ready(t, http.StatusServiceUnavailable)), &said))
	require.Len(t, said.Reasons, 1)
	assert.Contains(t, said.Reasons[0], "the job engine does not start")
	require.NoError(t, os.Remove(claim))
	s.ready(t, http.StatusOK)
}

// field: rate of signed deliveries. More than 200 a second of one process are
// taken, whatever the rate of callers is.
func TestSignedDeliveriesAreTakenWhateverTheRate(t *testing.T) {
	t.Parallel()
	const deliveries, secret = 450, "whsec_c4n4ry" // more than twice the rate of pages
	s := serveInside(t, t.TempDir(), "VENNIO_WEBHOOK_SECRET="+secret, "VENNIO_MCP_RATE=1", "VENNIO_MCP_RATE_ALL=1")
	var sending sync.WaitGroup
	next := make(chan int)
	for range 16 {
		sending.Go(func() {
			for i := range next {
				body := fmt.Sprintf(`{"id":"evt_%d","type":"booking.created","data":{"booking":{"id":"b-1","status":"confirmed"}}}`, i)
				got := post(t, s.url+"/webhooks/vennio", body, webhook.SignatureHeader, webhook.Sign([]byte(body), secret))
				assert.Equal(t, http.StatusOK, got.status, got.body)
			}
		})
	}
	for i := range deliveries {
		next <- i
	}
	close(next)
	sending.Wait()
}
