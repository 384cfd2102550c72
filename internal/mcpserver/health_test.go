package mcpserver_test

import (
	"context"
	"io"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/mcpserver"
)

func TestReq_O3_ReadySaysWhyNot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var broken atomic.Bool
		s, _ := openPiped(t, newRig(), mcpserver.HTTPOptions{Unready: func(context.Context) []string {
			if broken.Load() {
				return []string{"the store cannot be used"}
			}
			return nil
		}})
		for _, tc := range []struct {
			broken bool
			status int
			said   string
		}{
			{false, http.StatusOK, `{"status":"ready"}`},
			{true, http.StatusServiceUnavailable, `{"status":"unready","reasons":["the store cannot be used"]}`},
			{false, http.StatusOK, `{"status":"ready"}`},
		} {
			broken.Store(tc.broken)
			<-time.After(time.Second) // of the bubble: a result is reused for this long
			resp := s.ask(http.MethodGet, "/readyz", "")
			body, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			assert.Equal(t, tc.status, resp.StatusCode)
			assert.JSONEq(t, tc.said, string(body))
			assert.Equal(t, http.StatusOK, s.ask(http.MethodGet, "/healthz", "").StatusCode, "the process is alive nevertheless")
		}
		s.stop()
		s.ended()
	})
}

// readiness returns the statuses of concurrent readiness probes.
func readiness(t *testing.T, s *site, crowd int) <-chan int {
	t.Helper()
	statuses := make(chan int, crowd)
	for range crowd {
		go func() {
			resp, err := s.http.Do(s.request(t.Context(), http.MethodGet, "/readyz", ""))
			if assert.NoError(t, err) {
				_ = resp.Body.Close()
				statuses <- resp.StatusCode
			}
		}()
	}
	return statuses
}

// req: X2. However many clients probe, the store is checked once per second, and a
// client that disconnects does not make the server report that it is not ready.
func TestReq_X2_ReadinessIsFoundOnceForAllWhoAsk(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		found, asked, answer := new(atomic.Int64), make(chan struct{}, 100), make(chan struct{})
		s, _ := openPiped(t, newRig(), mcpserver.HTTPOptions{Unready: func(ctx context.Context) []string {
			found.Add(1)
			asked <- struct{}{}
			select {
			case <-answer:
				return nil
			case <-ctx.Done():
				return []string{"cut"}
			}
		}})
		hasty, hangUp := context.WithCancel(t.Context())
		gone := make(chan error, 1)
		go func() {
			_, err := s.http.Do(s.request(hasty, http.MethodGet, "/readyz", ""))
			gone <- err
		}()
		<-asked
		hangUp()
		require.Error(t, <-gone)
		const crowd = 20
		statuses := readiness(t, s, crowd)
		close(answer)
		for range crowd {
			assert.Equal(t, http.StatusOK, <-statuses)
		}
		assert.Equal(t, int64(1), found.Load())
		s.stop()
		s.ended()
	})
}

// field: hung store. A check that does not return delays one probe by a second and the
// following probes only a little; no second check starts meanwhile.
func TestAReadinessCheckThatHangsDelaysFewProbes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hang, found := make(chan struct{}), new(atomic.Int64)
		s, _ := openPiped(t, newRig(), mcpserver.HTTPOptions{Unready: func(context.Context) []string {
			if found.Add(1) > 1 {
				<-hang
			}
			return nil
		}})
		probe := func() (status int, took time.Duration) {
			began := time.Now()
			resp := s.ask(http.MethodGet, "/readyz", "")
			return resp.StatusCode, time.Since(began)
		}
		status, _ := probe()
		assert.Equal(t, http.StatusOK, status)
		<-time.After(2 * time.Second) // of the bubble
		status, took := probe()
		assert.Equal(t, http.StatusServiceUnavailable, status)
		assert.Equal(t, time.Second, took)
		for range 20 {
			<-time.After(2 * time.Second)
			status, took = probe()
			assert.Equal(t, http.StatusServiceUnavailable, status)
			assert.Zero(t, took)
		}
		assert.Equal(t, int64(2), found.Load())
		close(hang)
		synctest.Wait()
		status, _ = probe()
		assert.Equal(t, http.StatusOK, status)
		s.stop()
		s.ended()
	})
}

// field: hung store. A check that fails slowly, again and again, delays only the
// first probe.
func TestAReadinessCheckThatFailsSlowlyDelaysTheFirstProbe(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _ := openPiped(t, newRig(), mcpserver.HTTPOptions{Unready: func(context.Context) []string {
			<-time.After(2 * time.Second)
			return []string{"the store cannot be used"}
		}})
		for i := range 10 {
			began := time.Now()
			assert.Equal(t, http.StatusServiceUnavailable, s.ask(http.MethodGet, "/readyz", "").StatusCode)
			assert.LessOrEqual(t, time.Since(began), map[bool]time.Duration{true: time.Second, false: 100 * time.Millisecond}[i == 0])
			<-time.After(5 * time.Second)
		}
		s.stop()
		s.ended()
	})
}

// req: X2. Pages are open to unauthenticated clients, and each has its own rate limit.
func TestReq_X2_PagesArePaced(t *testing.T) {
	t.Parallel()
	seen := new(atomic.Int64)
	page := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { seen.Add(1) })
	s := open(t, newRig(), mcpserver.HTTPOptions{RatePage: 0.01, Pages: map[string]http.Handler{"/approvals/": page, "/webhooks/vennio": page}})
	assert.Equal(t, http.StatusOK, s.ask(http.MethodGet, "/approvals/a", "").StatusCode)
	for _, path := range []string{"/approvals/a", "/approvals/b"} {
		resp := s.ask(http.MethodGet, path, "")
		assert.Equal(t, http.StatusTooManyRequests, resp.StatusCode)
		assert.Equal(t, "100", resp.Header.Get("Retry-After"))
	}
	assert.Equal(t, http.StatusOK, s.ask(http.MethodPost, "/webhooks/vennio", "{}").StatusCode, "requests for pages do not block events")
	assert.Equal(t, int64(2), seen.Load())
}

// req: O3. New connections on the same address get the status until draining ends.
func TestReq_O3_WhileDrainingItIsNotReadyAndLives(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newRig()
		s, _ := openPiped(t, g, mcpserver.HTTPOptions{})
		headers := s.login("2025-06-18", `{}`)
		stream, _ := s.sse()
		result := make(chan string, 1)
		go func() { result <- single(t, s.post(slowCall(1), headers...)).text() }()
		receive(t, g.started)
		s.stop()
		assert.Empty(t, stream.data(), "the drain has begun")

		resp := s.ask(http.MethodGet, "/readyz", "")
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		assert.Equal(t, http.StatusServiceUnavailable, resp.StatusCode)
		assert.Contains(t, string(body), `"draining: `)
		assert.Equal(t, http.StatusOK, s.ask(http.MethodGet, "/healthz", "").StatusCode)
		assert.Equal(t, http.StatusForbidden, s.ask(http.MethodGet, "/readyz", "", "Origin", "https://evil.example").StatusCode, "the host policy still applies")
		refused := s.post(slowCall(2), headers...)
		assert.Equal(t, http.StatusServiceUnavailable, refused.StatusCode)
		assert.Contains(t, single(t, refused).Error.Message, "stopping")

		g.free(t)
		assert.Equal(t, "1", receive(t, result))
		s.ended()
		_, err = s.http.Do(s.request(t.Context(), http.MethodGet, "/readyz", ""))
		require.Error(t, err, "the listener is closed")
	})
}
