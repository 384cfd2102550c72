package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
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

	"github.com/vennio-mcp/vennio-mcp/internal/app"
	"github.com/vennio-mcp/vennio-mcp/internal/config"
	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb/storetest"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/sandbox"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/webhook"
)

// inside is a server in the test's own process, so that faults can be made in its
// store; Vennio is a sandbox behind real HTTP.
type inside struct {
	*app.App
	vennio *sandbox.Server
	api    string // where Vennio is
	url    string
	stop   func()
}

// insideOptions change a server inside; the zero value takes every default.
type insideOptions struct {
	vennio     *sandbox.Server                      // nil: starts a separate one
	around     func(next http.Handler) http.Handler // before Vennio
	store      sqldb.Options                        // the zero value waits for patience
	settlement app.Intervals
	env        []string
	now        func() time.Time
}

// longWait makes a store wait for other processes and goroutines however slow the machine is.
var longWait = sqldb.Options{Patience: patience, Stall: 5 * patience}

func serveInside(t *testing.T, dir string, o insideOptions) *inside {
	t.Helper()
	s := &inside{vennio: o.vennio}
	if s.vennio == nil {
		s.vennio = sandbox.New(sandbox.Options{})
		t.Cleanup(s.vennio.Close)
	}
	var handler http.Handler = s.vennio
	if o.around != nil {
		handler = o.around(handler)
	}
	api := httptest.NewServer(handler)
	t.Cleanup(api.Close)
	s.api = api.URL
	p := program{getenv: envLookup(append([]string{
		"VENNIO_API_KEY=" + sandbox.DefaultKey(), "VENNIO_API_URL=" + api.URL, "VENNIO_HOSTS=" + sandboxHostsSetting(), "VENNIO_CONSENT=attested",
		"VENNIO_STATE_DIR=" + dir, "VENNIO_LOG_LEVEL=error",
	}, o.env...)), errs: new(lockedBuffer), store: cmp.Or(o.store, longWait), settlement: o.settlement, now: o.now}
	cfg, err := config.Load(nil, p.getenv)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	s.App, err = p.newServeApp(ctx, cfg)
	require.NoError(t, err)
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s.url = "http://" + ln.Addr().String()
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, ln) }()
	s.stop = sync.OnceFunc(func() { cancel(); require.NoError(t, <-done); s.Close() })
	t.Cleanup(s.stop)
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

// field: full disk, sqlite. Over every transport the result says that nothing was
// sent and to make the same call again; readiness tells the same; once there is
// room again, the same call books.
func TestAFullDiskIsReportedAndPasses(t *testing.T) {
	t.Parallel()
	s := serveInside(t, t.TempDir(), insideOptions{})
	s.ready(t, http.StatusOK)
	clients, refused := s.overBoth(t), map[string]map[string]any{}
	storetest.Pragma(t, s.Store, "max_page_count = 1")
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
	storetest.Pragma(t, s.Store, "max_page_count = 100000")
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
	db := sqldb.OpenWith(dir, longWait)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	storetest.Exec(t, db, `CREATE TABLE river_migration (unexpected TEXT)`) // in the place of River's table
	s := serveInside(t, dir, insideOptions{})
	var said struct{ Reasons []string }
	require.NoError(t, json.Unmarshal([]byte(s.ready(t, http.StatusServiceUnavailable)), &said))
	require.Len(t, said.Reasons, 1)
	assert.Contains(t, said.Reasons[0], "the job engine does not start")
	storetest.Exec(t, db, `DROP TABLE river_migration`)
	s.ready(t, http.StatusOK)
}

// field: rate of signed deliveries. More than 200 a second of one process are
// taken, whatever the rate of callers is.
func TestSignedDeliveriesAreTakenWhateverTheRate(t *testing.T) {
	t.Parallel()
	const deliveries, secret = 450, "whsec_c4n4ry" // more than twice the rate of pages
	s := serveInside(t, t.TempDir(), insideOptions{env: []string{"VENNIO_WEBHOOK_SECRET=" + secret, "VENNIO_MCP_RATE=1", "VENNIO_MCP_RATE_ALL=1"}})
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

// noWait is a pace at which whatever is left is settled at once.
var noWait = app.Intervals{Sweep: 10 * time.Millisecond, After: time.Nanosecond}

// req: W5
// field: settlement after a restart. The process dies after a booking was made and
// before that was noted: the next one asks Vennio, and books nothing.
func TestReq_W5_ARestartedServerSettlesWhatWasSent(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := serveInside(t, dir, insideOptions{})
	c := agentAt(t, first.url)
	require.Contains(t, say(t, c, "book_slot", aBooking(t, c)), "confirmed")
	_ = c.Close()
	first.stop()
	db := sqldb.OpenWith(dir, longWait)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	left := func() int {
		found, err := consent.New(db, time.Now).UnsettledSent(t.Context(), 0)
		require.NoError(t, err)
		return len(found)
	}
	require.Zero(t, left())
	writes := first.vennio.Writes()
	for name, restart := range map[string]func(*testing.T){
		"serve": func(t *testing.T) { serveInside(t, dir, insideOptions{vennio: first.vennio, settlement: noWait}) },
		"stdio": func(t *testing.T) { stdioInside(t, first, dir) },
	} {
		storetest.Exec(t, db, `UPDATE grants SET outcome = 'sent', booking = ''`)
		storetest.Exec(t, db, `UPDATE sends SET outcome = 'sent'`)
		require.Equal(t, 1, left())
		t.Run(name, func(t *testing.T) {
			restart(t)
			require.Eventually(t, func() bool { return left() == 0 }, patience, tick)
		})
		assert.Equal(t, writes, first.vennio.Writes(), "nothing is booked again")
		found, err := consent.New(db, time.Now).HasBooking(t.Context(), "", first.vennio.Bookings()[0].ID, "")
		require.NoError(t, err)
		assert.True(t, found, "the booking is on record")
	}
}

// stdioInside serves stdio in the test's own process, to the Vennio and from the
// folder of another server.
func stdioInside(t *testing.T, like *inside, dir string) {
	t.Helper()
	api := httptest.NewServer(like.vennio)
	t.Cleanup(api.Close)
	in, open, err := os.Pipe()
	require.NoError(t, err)
	p := program{
		getenv: envLookup([]string{"VENNIO_API_KEY=" + sandbox.DefaultKey(), "VENNIO_API_URL=" + api.URL, "VENNIO_STATE_DIR=" + dir, "VENNIO_LOG_LEVEL=error"}),
		in:     in, out: io.Discard, errs: new(lockedBuffer), settlement: noWait,
	}
	done := make(chan int, 1)
	go func() { done <- p.run(context.WithoutCancel(t.Context()), nil) }()
	t.Cleanup(func() {
		require.NoError(t, open.Close())
		require.Zero(t, <-done)
	})
}

// field: settlement for tenants. Before the first call of a tenant of the settings
// its account is asked; a tenant whose key is not here is not kept waiting for good.
func TestWhatTenantsSentIsSettledBeforeTheirFirstCall(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "settings.yml")
	require.NoError(t, os.WriteFile(file, fmt.Appendf(nil, "tenants:\n  - {name: acme, api_key: %s}\n", sandbox.DefaultKey()), 0o600))
	db := sqldb.OpenWith(dir, longWait)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	for tenant, age := range map[string]time.Duration{"acme": 2 * time.Minute, "gone": 2 * time.Hour, "young": 2 * time.Minute} {
		l := consent.New(db, func() time.Time { return time.Now().Add(-age) })
		g, err := l.Statement(t.Context(), consent.Act{
			Tool: "book_slot", Tenant: tenant, SlotID: tenant, Start: time.Now(), End: time.Now().Add(time.Hour),
			Hosts: []consent.Host{{ID: sandbox.Hosts()[0].ID}}, Attendees: []consent.Attendee{{Email: "ada@example.com"}},
		}, "Ada", "yes")
		require.NoError(t, err)
		_, err = l.SendWithin(t.Context(), g, consent.Quota{})
		require.NoError(t, err)
	}
	serveInside(t, dir, insideOptions{env: []string{"VENNIO_MCP_SETTINGS=" + file}, settlement: noWait})
	require.Eventually(t, func() bool {
		left, err := consent.New(db, time.Now).UnsettledSent(t.Context(), 0)
		require.NoError(t, err)
		return len(left) == 1 && left[0].Tenant == "young" // its caller may bring the key again
	}, patience, tick)
}
