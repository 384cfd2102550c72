package replicas_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	page "github.com/vennio-mcp/vennio-mcp/internal/approval"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/sandbox"
)

// off is the difference between the clocks of replicas and that of the database.
const off = 10 * time.Minute

// clocks starts replicas with different clocks on one database.
func clocks(t *testing.T, env []string) map[string]*replica {
	t.Helper()
	return map[string]*replica{"ahead": startAhead(t, off, env), "behind": startAhead(t, -off, env), "right": startAhead(t, 0, env)}
}

// req: W5
// field: approval on replicas whose clocks differ. An approval is valid regardless of which replica asks, shows the
// page and books.
func TestReq_W5_AnApprovalCountsWhateverTheClocks(t *testing.T) {
	t.Parallel()
	_, where := database(t)
	box, vennio := vennio(t)
	const public = "http://localhost:9"
	replicas := clocks(t, environment(t, vennio, where, "VENNIO_CONSENT=human", "VENNIO_MCP_PUBLIC_URL="+public))
	booked := 0
	for asks := range replicas {
		for shows := range replicas {
			for books := range replicas {
				name := fmt.Sprintf("%s asks, %s shows, %s books", asks, shows, books)
				guest := fmt.Sprint("guest", booked)
				wanted := found(t, replicas[asks].url(), guest)
				got, err := call(t.Context(), replicas[asks].url(), "book_slot", wanted)
				require.NoError(t, err)
				require.Equal(t, schemas.StatusAwaiting, got.Status)
				link := regexp.MustCompile(public + `(/approvals/[A-Z2-7]+)`).FindStringSubmatch(got.ApprovalURL)
				require.NotEmpty(t, link, "%s: %+v", name, got)
				approve(t, where, replicas[shows].url(), link[1])
				got, err = call(t.Context(), replicas[books].url(), "book_slot", wanted)
				require.NoError(t, err)
				if assert.Equal(t, "confirmed", got.Status, "%s: %+v", name, got.Error) {
					booked++
				}
			}
		}
	}
	assert.Len(t, box.Bookings(), booked)
}

// found returns arguments that book a slot from find_slots of the replica at url.
func found(t *testing.T, url, guest string) map[string]any {
	t.Helper()
	host := sandbox.Hosts()[0]
	got, err := callOf[schemas.FindSlotsResult](t.Context(), url, "find_slots", map[string]any{"limit": 1, "when": "next week", "participants": []string{host.Name}})
	require.NoError(t, err)
	require.NotEmpty(t, got.Slots, "%+v", got.Error)
	return offer{id: got.Slots[0].SlotID, host: host}.arguments(guest)
}

// approve approves a booking in a paired browser.
func approve(t *testing.T, where, base, path string) {
	t.Helper()
	require.Contains(t, paired(t, where, base)(path, "approve"), ">Booked</h1>")
}

// paired pairs a browser with the server at url. answer submits a decision on the page at a path.
func paired(t *testing.T, where, base string) (answer func(path, decision string) string) {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	browser := &http.Client{Jar: jar}
	link, err := page.NewPairings(open(t, where), time.Now).NewLink(t.Context(), "", "")
	require.NoError(t, err)
	answer = func(path, decision string) string {
		return fetch(t, browser, http.MethodPost, base+path, url.Values{"name": {"Ada"}, "decision": {decision}})
	}
	require.Contains(t, answer(link, ""), "<h1>Approvals</h1>")
	return answer
}

// later is a sink that fails once for each event and records the times of its calls.
type later struct {
	mu    sync.Mutex
	calls map[string][]time.Time
}

func (l *later) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	l.mu.Lock()
	defer l.mu.Unlock()
	id := r.Header.Get("webhook-id")
	l.calls[id] = append(l.calls[id], time.Now())
	if len(l.calls[id]) == 1 {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}

func (l *later) of(id string) []time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]time.Time{}, l.calls[id]...)
}

// req: W5
// field: follow-ups on replicas whose clocks differ. Regardless of which replica receives an event, delivers it or
// leads, the delivery is immediate, and the retry happens after its delay, neither sooner nor minutes later.
func TestReq_W5_FollowUpsKeepTheirPausesWhateverTheClocks(t *testing.T) {
	t.Parallel()
	const pause = 6 * time.Second // longer than the interval of River's scheduler
	_, where := database(t)
	_, vennio := vennio(t)
	sink := &later{calls: map[string][]time.Time{}}
	srv := httptest.NewServer(sink)
	t.Cleanup(srv.Close)
	settings := filepath.Join(t.TempDir(), "settings.yml")
	require.NoError(t, os.WriteFile(settings, fmt.Appendf(nil, "sinks:\n  - {name: crm, type: http, url: %q, secret: s, pause: %s}\n", srv.URL, pause), 0o600))
	env := environment(t, vennio, where, "VENNIO_MCP_SETTINGS="+settings, "VENNIO_WEBHOOK_SECRET=whsec")
	for _, name := range []string{"ahead", "behind"} { // alone, it also delivers and leads
		r := startAhead(t, map[string]time.Duration{"ahead": off, "behind": -off}[name], env)
		began := time.Now()
		tell(t, r.url(), "", "evt_"+name)
		require.Eventually(t, func() bool { return len(sink.of("evt_"+name)) == 2 }, 2*patience, tick, name)
		calls := sink.of("evt_" + name)
		assert.Less(t, calls[0].Sub(began), off/10, name)
		assert.GreaterOrEqual(t, calls[1].Sub(calls[0]), pause*7/10, "%s: a fifth shorter at most", name)
		assert.Less(t, calls[1].Sub(calls[0]), off/10, name)
		r.kill()
	}
	replicas := clocks(t, env)
	for name, r := range replicas {
		tell(t, r.url(), "", "evt_all_"+name)
	}
	for name := range replicas {
		require.Eventually(t, func() bool { return len(sink.of("evt_all_"+name)) == 2 }, 2*patience, tick, name)
		calls := sink.of("evt_all_" + name)
		assert.GreaterOrEqual(t, calls[1].Sub(calls[0]), pause*7/10, name)
	}
}

// field: difference of clocks. Readiness and doctor report it; the replica is ready nevertheless.
func TestReadinessAndDoctorTellHowFarClocksDiffer(t *testing.T) {
	t.Parallel()
	_, where := database(t)
	_, vennio := vennio(t)
	env := environment(t, vennio, where)
	for name, r := range clocks(t, env) {
		const about = `this machine's clock is (9m5\d|10m\d+)s ` // the time of an answer on its way is not known exactly
		want := map[string]string{"ahead": about + "ahead of the database's", "behind": about + "behind the database's", "right": ""}[name]
		var said struct {
			Status string
			Notes  []string
		}
		require.Eventually(t, func() bool {
			said.Notes = nil
			return json.Unmarshal([]byte(fetch(t, http.DefaultClient, http.MethodGet, r.url()+"/readyz", nil)), &said) == nil && (len(said.Notes) == 1) == (want != "")
		}, patience, tick, name)
		assert.Equal(t, "ready", said.Status)
		if want != "" {
			assert.Regexp(t, want, said.Notes[0])
		}
		path, err := skewed()
		require.NoError(t, err)
		cmd := exec.CommandContext(t.Context(), path, "doctor")
		cmd.Env = r.env
		out, _ := cmd.CombinedOutput() // the difference from Vennio's clock may be reported as a problem
		if want == "" {
			want = "within 2s of this machine's"
		}
		assert.Regexp(t, want, string(out), name)
	}
}
