package main

import (
	"bytes"
	"encoding/json"
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

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The fixtures were written by the program of 30 November 2026: testdata/README.md.

// stateOf is a state folder with a copy of a fixture as its store.
func stateOf(t *testing.T, fixture string, change func([]byte) []byte) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", fixture))
	require.NoError(t, err)
	if change != nil {
		raw = change(raw)
	}
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "vennio-mcp.db"), raw, 0o600))
	return dir
}

// field: ledger of an earlier release
// bar: O4
func TestALedgerOfAnEarlierReleaseIsVerifiedAndExported(t *testing.T) {
	t.Parallel()
	want, err := os.ReadFile("testdata/ledger.jsonl")
	require.NoError(t, err)
	env := clean(t, "VENNIO_STATE_DIR="+stateOf(t, "ledger.sqlite", nil))
	for range 2 { // opening the store must not change it either
		code, out, errs := run(t, env, "ledger", "verify")
		require.Zero(t, code, errs)
		assert.Contains(t, out, fmt.Sprintf("The ledger holds: %d entries", bytes.Count(want, []byte("\n"))))
		code, out, errs = run(t, env, "ledger", "export")
		require.Zero(t, code, errs)
		assert.Equal(t, string(want), out)
	}
	for _, part := range []string{"acme", "beta", "Überblick", "cancel_booking", "reschedule_booking", `"kind":"declined"`, `"kind":"erased"`} {
		assert.True(t, bytes.Contains(want, []byte(part)), "the fixture covers %s", part)
	}
	assert.False(t, bytes.Contains(want, []byte("bob@beta.example")), "an erased person stays erased")
}

// field: changed byte in a ledger of an earlier release
// bar: O4
func TestAChangedByteInALedgerOfAnEarlierReleaseIsFound(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("testdata/ledger.jsonl")
	require.NoError(t, err)
	changes := map[string]string{"Yes, please book it.": "Yes, please cook it."} // of the entry and of the consent alike
	for line := range bytes.Lines(raw) {
		var entry struct {
			Seq        int
			Commitment string
		}
		require.NoError(t, json.Unmarshal(line, &entry))
		if entry.Seq == 24 || entry.Seq%7 == 1 { // an erased one, the first, the last, and some between
			changes[entry.Commitment] = map[bool]string{true: "1", false: "0"}[entry.Commitment[0] == '0'] + entry.Commitment[1:]
		}
	}
	for from, to := range changes {
		t.Run(from, func(t *testing.T) {
			t.Parallel()
			dir := stateOf(t, "ledger.sqlite", func(db []byte) []byte {
				require.True(t, bytes.Contains(db, []byte(from)))
				return bytes.ReplaceAll(db, []byte(from), []byte(to))
			})
			code, out, errs := run(t, clean(t, "VENNIO_STATE_DIR="+dir), "ledger", "verify")
			assert.Equal(t, 1, code, out)
			assert.Contains(t, errs, "the ledger does NOT hold")
		})
	}
}

// follower is a sink that notes which events it was sent, as "tenant event".
type follower struct {
	mu       sync.Mutex
	received map[string]int
}

func (f *follower) sink(t *testing.T, tenant string) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		f.mu.Lock()
		defer f.mu.Unlock()
		f.received[strings.TrimSpace(tenant+" "+r.Header.Get("webhook-id"))]++
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

func (f *follower) all() map[string]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.received)
}

// pendingInFixture are the deliveries that the killed program left to be made: one that failed and
// waits for its next try, one that was not tried yet, and one that was under way.
var pendingInFixture = map[string]int{
	"evt_retry": 1, "evt_waiting": 1, "evt_running": 1, "acme evt_retry": 1, "acme evt_waiting": 1, "acme evt_running": 1,
}

// field: deliveries left by an earlier release
// bar: W3
func TestDeliveriesLeftByAnEarlierReleaseAreMade_Slow(t *testing.T) {
	t.Parallel()
	f := &follower{received: map[string]int{}}
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
`, f.sink(t, ""), f.sink(t, "acme")), 0o600))
	env := clean(t, "VENNIO_STATE_DIR="+stateOf(t, "pending.sqlite", nil), "VENNIO_MCP_SETTINGS="+settings,
		"VENNIO_API_KEY=vennio_sk_test_fixture", "VENNIO_API_URL=http://127.0.0.1:9", "VENNIO_WEBHOOK_SECRET=whsec_fixture",
		"VENNIO_SIGNING_SECRET=a signing secret of the fixture", "VENNIO_EVENTS_KEEP=876000h") // the fixture gets older
	dead := func() string {
		code, out, errs := run(t, env, "events", "dead", "--json", "--all-tenants")
		require.Zero(t, code, errs)
		return out
	}
	before := dead()
	assert.Contains(t, before, `"event":"evt_dead","to":"crm","state":"dead"`)
	start(t, env, "serve", "--addr", "127.0.0.1:0").address()
	require.Eventually(t, func() bool { return len(f.all()) >= len(pendingInFixture) }, 3*patience, tick)
	require.Eventually(t, func() bool {
		for event := range pendingInFixture {
			args := []string{"events", "show", event, "--json"}
			if tenant, id, ok := strings.Cut(event, " "); ok {
				args = []string{"events", "show", id, "--tenant", tenant, "--json"}
			}
			code, out, errs := run(t, env, args...)
			require.Zero(t, code, errs)
			if strings.Contains(out, `"state":"waiting"`) || strings.Contains(out, `"state":"running"`) {
				return false
			}
		}
		return true
	}, 3*patience, tick)
	assert.Equal(t, pendingInFixture, f.all(), "each is delivered once; what was delivered or given up before is not")
	assert.Equal(t, before, dead(), "the dead letter is kept")
	_, out, _ := run(t, env, "events", "list", "--all-tenants")
	assert.Equal(t, 8, strings.Count(out, "\n"), "no event is lost")
}
