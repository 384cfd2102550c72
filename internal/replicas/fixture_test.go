package replicas_test

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// restored returns a database with the content of a fixture.
func restored(t *testing.T, fixture string) string {
	t.Helper()
	_, where := database(t)
	dump, err := os.ReadFile(filepath.Join("testdata", fixture))
	require.NoError(t, err)
	conn, err := pgx.Connect(t.Context(), where)
	require.NoError(t, err)
	defer func() { _ = conn.Close(t.Context()) }()
	_, err = conn.PgConn().Exec(t.Context(), string(dump)).ReadAll()
	require.NoError(t, err)
	return where
}

// listener records the events that the sinks of all tenants receive, as "tenant event".
type listener struct {
	mu    sync.Mutex
	heard map[string]int
}

func (l *listener) sink(t *testing.T, tenant string) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		l.mu.Lock()
		defer l.mu.Unlock()
		l.heard[strings.TrimSpace(tenant+" "+r.Header.Get("webhook-id"))]++
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

func (l *listener) all() map[string]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.heard)
}

// The dump was written by the program of 30 November 2026 (testdata/README.md), which was killed. It
// left, for each of two tenants, a delivery that failed and waits for its next try, one that was not
// tried yet, and one that was under way.
//
// field: deliveries left by an earlier release, PostgreSQL
// req: W3
func TestDeliveriesLeftByAnEarlierReleaseAreMade(t *testing.T) {
	t.Parallel()
	where := restored(t, "pending.dump")
	l := &listener{heard: map[string]int{}}
	settings := filepath.Join(t.TempDir(), "settings.yml")
	require.NoError(t, os.WriteFile(settings, fmt.Appendf(nil, `
sinks:
  - {name: crm, type: http, url: %q, secret: fixture sink secret}
tenants:
  - name: acme
    api_key: vennio_sk_test_fixture_acme
    webhook_secret: whsec_fixture_acme
    sinks:
      - {name: crm, type: http, url: %q, secret: fixture sink secret}
`, l.sink(t, ""), l.sink(t, "acme")), 0o600))
	env := environment(t, "http://127.0.0.1:9", where, "VENNIO_MCP_SETTINGS="+settings, "VENNIO_API_KEY=vennio_sk_test_fixture",
		"VENNIO_WEBHOOK_SECRET=whsec_fixture", "VENNIO_SIGNING_SECRET=a signing secret of the fixture", "VENNIO_EVENTS_KEEP=876000h")
	dead := command(t, env, "events", "dead", "--json", "--all-tenants")
	assert.Contains(t, dead, `"event":"evt_dead","to":"crm","state":"dead"`)
	startReplica(t, env)
	want := map[string]int{
		"evt_retry": 1, "evt_waiting": 1, "evt_running": 1, "acme evt_retry": 1, "acme evt_waiting": 1, "acme evt_running": 1,
	}
	require.Eventually(t, func() bool { return len(l.all()) >= len(want) }, patience, tick)
	require.Eventually(t, func() bool {
		var all strings.Builder
		for _, event := range []string{"evt_retry", "evt_waiting", "evt_running"} {
			all.WriteString(command(t, env, "events", "show", event, "--json"))
			all.WriteString(command(t, env, "events", "show", event, "--json", "--tenant", "acme"))
		}
		return !strings.Contains(all.String(), `"state":"waiting"`) && !strings.Contains(all.String(), `"state":"running"`)
	}, patience, tick)
	assert.Equal(t, want, l.all(), "each is delivered once; what was delivered or given up before is not")
	assert.Equal(t, dead, command(t, env, "events", "dead", "--json", "--all-tenants"), "the dead letter is kept")
	assert.Equal(t, 8, strings.Count(command(t, env, "events", "list", "--all-tenants"), "\n"), "no event is lost")
}
