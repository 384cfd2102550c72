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

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/sandbox"
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
	mu       sync.Mutex
	received map[string]int
}

func (l *listener) sink(t *testing.T, tenant string) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		l.mu.Lock()
		defer l.mu.Unlock()
		l.received[strings.TrimSpace(tenant+" "+r.Header.Get("webhook-id"))]++
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

func (l *listener) all() map[string]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.received)
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
	l := &listener{received: map[string]int{}}
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

// earlier is the state that an earlier release has left, in PostgreSQL or in SQLite, and the account at Vennio.
type earlier struct {
	box    *sandbox.Server
	vennio string
	env    []string
	where  string // of the database
	export string // its ledger, as that release exported it
}

func fromEarlierRelease(t *testing.T, kind string) earlier {
	t.Helper()
	read := func(name string) []byte {
		raw, err := os.ReadFile(filepath.Join("testdata", name))
		require.NoError(t, err)
		return raw
	}
	e := earlier{export: string(read("ledger." + kind + ".jsonl"))}
	e.box = sandbox.New(sandbox.Options{RateLimitPerHour: -1, Seed: 1, Storage: &account{data: read("ledger." + kind + ".account.json"), revision: "1"}})
	srv := httptest.NewServer(e.box)
	t.Cleanup(func() { srv.Close(); e.box.Close() })
	e.vennio = srv.URL
	settings := filepath.Join(t.TempDir(), "settings.yml")
	require.NoError(t, os.WriteFile(settings, fmt.Appendf(nil, "tenants: [{name: acme, api_key: %s, consent: human}]\n", sandbox.DefaultKey()), 0o600))
	more := []string{"VENNIO_MCP_SETTINGS=" + settings}
	if kind == "postgres" {
		e.where = restored(t, "ledger.dump")
		e.env = environment(t, e.vennio, e.where, more...)
	} else {
		e.where = t.TempDir()
		require.NoError(t, os.Chmod(e.where, 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(e.where, sqldb.DatabaseFile), read("ledger.sqlite"), 0o600))
		e.env = environment(t, e.vennio, "", append(more, "VENNIO_STATE_DIR="+e.where)...)
	}
	e.env = append(e.env, "VENNIO_SIGNING_SECRET=a signing secret of the fixture")
	return e
}

// The earlier release was killed twice while Vennio executed a booking: one was executed, the other one was not. Two
// requests wait for a person, and the outcomes of two bookings are recorded as unknown.
//
// req: O4, O5
// field: ledger and database of an earlier release
func TestReq_O5_ALedgerOfAnEarlierReleaseIsContinued(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"postgres", "sqlite"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			e := fromEarlierRelease(t, kind)
			assert.Contains(t, command(t, e.env, "ledger", "verify"), "The ledger holds: 18 entries")
			assert.Equal(t, e.export, command(t, e.env, "ledger", "export"), "byte for byte")

			r := startReplica(t, e.env)
			l := consent.New(open(t, e.where), nil)
			require.Eventually(t, func() bool {
				left, err := l.UnsettledSent(t.Context(), 0)
				return err == nil && len(left) == 0
			}, 6*patience, tick)
			found, err := l.HasBooking(t.Context(), "", interrupted(t, e.box), "")
			require.NoError(t, err)
			assert.True(t, found, "the interrupted booking was executed, and is recorded")
			assert.Len(t, e.box.Bookings(), 4, "nothing is booked again")
			r.kill()

			refused := open(t, e.where).Write(t.Context(), func(tx *sqldb.Tx) error {
				return tx.Exec(`INSERT INTO entries (seq, at, kind, digest, commitment, prev, hash) VALUES (19, '', 'sent', '', '', '', '')`)
			})
			require.ErrorContains(t, refused, "upgrade this program", "a process of the earlier release that still runs")
			after := command(t, e.env, "ledger", "export")
			assert.True(t, strings.HasPrefix(after, e.export), "the entries from before are as they were")
			assert.Greater(t, strings.Count(after, "\n"), 18)
			assert.Contains(t, command(t, e.env, "ledger", "verify"), "The ledger holds")
		})
	}
}

// interrupted returns the id of the booking that was made when the earlier release was killed.
func interrupted(t *testing.T, box *sandbox.Server) string {
	t.Helper()
	for _, b := range box.Bookings() {
		if b.CustomerName == "guest4" {
			return b.ID
		}
	}
	require.Fail(t, "the fixture has no such booking")
	return ""
}

// account is a sandbox.Storage in memory.
type account struct {
	mu       sync.Mutex
	revision string
	data     []byte
}

func (a *account) Load(known string) (string, []byte, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.revision == known {
		return known, nil, nil
	}
	return a.revision, a.data, nil
}

func (a *account) Update(known string, change func(string, []byte) ([]byte, error)) (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	data := a.data
	if a.revision == known {
		data = nil
	}
	changed, err := change(a.revision, data)
	if err == nil && changed != nil {
		a.revision, a.data = a.revision+"+", changed
	}
	return a.revision, err
}
