package replicas_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/internal/webhooks"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/webhook"
)

// workers are processes that share a queue, with the tasks of each.
type workers struct {
	mu        sync.Mutex
	by, times map[string]int // tasks by process, and runs by task
}

// join starts another process that works until ctx ends.
func (c *workers) join(ctx context.Context, t *testing.T, working *sync.WaitGroup, who, where string) *webhooks.Dispatcher {
	t.Helper()
	q, err := webhooks.NewDispatcher(open(t, where), webhooks.DispatcherOptions{Queues: []webhooks.Queue{{Name: "a"}}, Workers: 2, Poll: 5 * time.Millisecond})
	require.NoError(t, err)
	require.NoError(t, q.Migrate(t.Context()))
	working.Go(func() {
		assert.NoError(t, q.Run(ctx, func(_ context.Context, task webhooks.Task) error {
			c.mu.Lock()
			defer c.mu.Unlock()
			<-time.After(time.Millisecond)
			c.by[who]++
			c.times[task.Event]++
			return nil
		}))
	})
	return q
}

// req: W3. Processes share tasks: no task runs twice, and no process is idle. Tasks are added until both have worked: one of
// them may begin late.
func TestReplicasShareTheFollowUps(t *testing.T) {
	t.Parallel()
	_, where := database(t)
	c := &workers{by: map[string]int{}, times: map[string]int{}}
	ctx, stop := context.WithCancel(t.Context())
	var working sync.WaitGroup
	defer working.Wait()
	defer stop()
	c.join(ctx, t, &working, "first", where)
	q := c.join(ctx, t, &working, "second", where)
	db := open(t, where)
	tasks := 0
	done := func() (all, both bool) {
		c.mu.Lock()
		defer c.mu.Unlock()
		return len(c.times) == tasks, c.by["first"] > 0 && c.by["second"] > 0
	}
	require.Eventually(t, func() bool {
		all, both := done()
		for ; tasks < 60 || all && !both; all = false {
			if db.Write(t.Context(), func(tx *sqldb.Tx) error {
				return q.Add(t.Context(), tx, webhooks.Task{Event: fmt.Sprint(tasks), To: "a"})
			}) != nil {
				return false
			}
			tasks++
		}
		return all && both
	}, 2*patience, tick)
	c.mu.Lock()
	defer c.mu.Unlock()
	for event, n := range c.times {
		assert.Equal(t, 1, n, event)
	}
	assert.Positive(t, c.by["first"])
	assert.Positive(t, c.by["second"])
}

// hanging is a sink that never responds to its first caller.
type hanging struct {
	begun, told chan struct{}
	once        sync.Once
}

func (h *hanging) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body) // otherwise the server does not notice that the caller disconnects
	first := false
	h.once.Do(func() { first = true })
	if first {
		close(h.begun)
		<-r.Context().Done()
		return
	}
	h.told <- struct{}{}
}

// rescueAfter is the RescueAfter of the replicas of the next test. The timeout of an attempt is half of it.
const rescueAfter = 40 * time.Second

// req: W3. A task of a killed replica is tried again by another one after RescueAfter. The
// interrupted attempt counts. A task of a running replica is not rescued.
func TestAnotherReplicaRescuesTheTasksOfAKilledOne(t *testing.T) {
	t.Parallel()
	_, where := database(t)
	_, vennio := vennio(t)
	sink := &hanging{begun: make(chan struct{}), told: make(chan struct{}, 10)}
	srv := httptest.NewServer(sink)
	t.Cleanup(srv.Close)
	settings := filepath.Join(t.TempDir(), "settings.yml")
	require.NoError(t, os.WriteFile(settings, fmt.Appendf(nil, "sinks:\n  - {name: crm, type: http, url: %q, secret: s}\n", srv.URL), 0o600))
	env := environment(t, vennio, where, "VENNIO_MCP_SETTINGS="+settings, "VENNIO_WEBHOOK_SECRET=whsec", "VENNIO_MCP_RESCUE_AFTER="+rescueAfter.String())
	dies := startReplica(t, env)
	tell(t, dies.url(), "", "evt_1")
	<-sink.begun
	startReplica(t, env)
	<-time.After(rescueAfter / 10)
	assert.Empty(t, sink.told, "the task of a running replica is not rescued")
	dies.kill()
	died := time.Now()
	select {
	case <-sink.told:
	case <-time.After(3 * patience):
		require.Fail(t, "the task was not tried again")
	}
	t.Logf("tried again %.1f s after the kill", time.Since(died).Seconds())

	q, err := webhooks.NewDispatcher(open(t, where), webhooks.DispatcherOptions{})
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		found, err := q.TasksOf(t.Context(), "", "evt_1")
		require.NoError(t, err)
		r := found[len(found)-1]
		return r.State == webhooks.Done && r.Tries == 2
	}, patience, tick, "the interrupted attempt counts")
}

// tell delivers an event to a tenant's path like Vennio.
func tell(t *testing.T, url, tenant, id string) {
	t.Helper()
	body := fmt.Sprintf(`{"id":%q,"type":"booking.created","data":{"booking":{"id":"b-1","status":"confirmed"}}}`, id)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/webhooks/vennio"+tenant, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set(webhook.SignatureHeader, webhook.Sign([]byte(body), "whsec"))
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusOK, resp.StatusCode)
}

// field: request of several replicas. Even if the agent calls all replicas at once, the sink receives each request
// once.
func TestReplicasTellOfARequestOnce(t *testing.T) {
	t.Parallel()
	const requests, public = 5, "http://localhost:9"
	_, where := database(t)
	_, vennio := vennio(t)
	told := make(chan string, 100)
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		told <- string(body)
	}))
	t.Cleanup(srv.Close)
	settings := filepath.Join(t.TempDir(), "settings.yml")
	require.NoError(t, os.WriteFile(settings, fmt.Appendf(nil, "sinks:\n  - {name: crm, type: http, url: %q, secret: s}\n", srv.URL), 0o600))
	env := environment(t, vennio, where, "VENNIO_CONSENT=human", "VENNIO_MCP_PUBLIC_URL="+public, "VENNIO_MCP_SETTINGS="+settings)
	replicas := []*replica{startReplica(t, env), startReplica(t, env)}
	pages := make([]string, requests)
	var calls sync.WaitGroup
	for i, o := range offers(t, vennio, requests) {
		for _, r := range replicas {
			calls.Go(func() {
				got, err := call(t.Context(), r.url(), "book_slot", o.arguments("ada"))
				if assert.NoError(t, err) && r == replicas[0] {
					pages[i] = got.ApprovalURL
				}
			})
		}
	}
	calls.Wait()
	for _, page := range pages {
		require.Contains(t, page, public+"/approvals/")
	}
	q, err := webhooks.NewDispatcher(open(t, where), webhooks.DispatcherOptions{})
	require.NoError(t, err)
	var got strings.Builder
	for range requests {
		select {
		case body := <-told:
			var event struct{ ID string }
			require.NoError(t, json.Unmarshal([]byte(body), &event))
			found, err := q.TasksOf(t.Context(), "", event.ID)
			require.NoError(t, err)
			assert.Len(t, found, 1)
			got.WriteString(body)
		case <-time.After(patience):
			require.Fail(t, "not told")
		}
	}
	for _, page := range pages {
		assert.Equal(t, 1, strings.Count(got.String(), page))
	}
	assert.Equal(t, requests, strings.Count(command(t, env, "events", "list"), "consent.requested"))
	assert.Empty(t, told)
}
