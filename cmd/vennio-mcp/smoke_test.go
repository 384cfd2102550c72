package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/config"
	"github.com/vennio-mcp/vennio-mcp/internal/webhooks"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/sandbox"
)

// testKey is an environment whose Vennio is at url, with a test key.
func testKey(t *testing.T, url string, more ...string) []string {
	t.Helper()
	return stored(t, clean(t, append([]string{"VENNIO_API_URL=" + url, "VENNIO_API_KEY=vennio_sk_test_c4n4ry", "VENNIO_BUSINESS_ID=" + sandbox.Hosts()[0].ID, "USER=ada"}, more...)...))
}

// statuses are those of the sandbox's bookings.
func statuses(t *testing.T, vennio string) (all []string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, vennio+"/v1/bookings", nil)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+sandbox.DefaultKey())
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	var page struct{ Bookings []struct{ Status string } }
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&page))
	for _, b := range page.Bookings {
		all = append(all, b.Status)
	}
	return all
}

func cancelled(n int) []string { return strings.Fields(strings.Repeat("cancelled ", n)) }

func resultOf(t *testing.T, raw string) (got smokeResult) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(raw), &got), raw)
	return got
}

// slowBookings is what smoke adds to its verdict on a machine on which a booking takes more than two seconds.
var slowBookings = regexp.MustCompile(`; \d+ took longer than 2000 ms, which alerts`)

func TestSmokePassesOnTheBuiltInSandbox(t *testing.T) {
	t.Parallel()
	code, out, errs := run(t, clean(t, "USER=ada"), "smoke")
	assert.Zero(t, code, out+errs)
	out = slowBookings.ReplaceAllString(out, "")
	assert.Empty(t, errs)
	assert.Contains(t, out, "passed: 5 booked, each booking.created within 30s, all cancelled.")
	assert.Equal(t, shape(answer(t, "events.md", "vennio-mcp smoke")), shape(out), "docs/events.md shows it")
	code, out, _ = run(t, clean(t, "VENNIO_CONSENT=attested", "VENNIO_CANARY=0%", "VENNIO_TOOLS=find_slots"), "smoke", "--bookings", "3", "--json")
	assert.Zero(t, code, "whatever the settings make of the tools")
	got := resultOf(t, out)
	assert.Equal(t, passed, got.Verdict)
	assert.True(t, got.Sandbox)
	require.Len(t, got.Bookings, 3)
	require.Len(t, got.Latencies, 4)
	for _, l := range got.Latencies {
		assert.True(t, 0 < l.Min && l.Min <= l.Median && l.Median <= l.Max, l)
	}
	for _, b := range got.Bookings {
		assert.Positive(t, min(b.Find, b.Book, b.Event, b.Cancel))
	}
}

func TestSmokeLeavesNothingBehindAndTheYesOnRecord(t *testing.T) {
	t.Parallel()
	vennio := startSandboxProcess(t)
	env := testKey(t, vennio)
	code, out, errs := run(t, env, "smoke", "--yes", "--json", "--bookings", "2")
	require.Zero(t, code, out+errs)
	assert.Equal(t, passed, resultOf(t, out).Verdict)
	assert.Contains(t, errs, "Vennio sends no e-mail about them (test key)")
	assert.Equal(t, cancelled(2), statuses(t, vennio))
	assert.Empty(t, subscriptions(t, env))
	ledger := well(t, env, "ledger", "export")
	assert.Equal(t, 4, strings.Count(ledger, `"kind":"approved"`), "two booked, two cancelled")
	assert.Equal(t, 4, strings.Count(ledger, "approved in the terminal"))
	assert.Contains(t, ledger, "--yes on the command line")
	assert.Contains(t, ledger, "vennio-mcp smoke", "the client that asked")
	assert.Contains(t, well(t, env, "ledger", "verify"), "The ledger holds")
}

func TestSmokeIsRefusedWhereItCouldDoHarm(t *testing.T) {
	t.Parallel()
	vennio := startSandboxProcess(t)
	live := append(testKey(t, vennio), "VENNIO_API_KEY=vennio_sk_live_c4n4ry")
	for name, tc := range map[string]struct {
		env  []string
		args []string
		says string
	}{
		"live":            {live, []string{"--yes"}, "not a test key"},
		"unknown":         {append(testKey(t, vennio), "VENNIO_API_KEY=c4n4ry"), []string{"--yes"}, "not a test key"},
		"live, nobody":    {live, []string{"--yes", "--live"}, "--attendee"},
		"live, no key":    {clean(t), []string{"--yes", "--live", "--attendee", "me@example.com"}, "set VENNIO_API_KEY"},
		"publishable":     {append(testKey(t, vennio), "VENNIO_API_KEY=vennio_pk_test_c4n4ry"), []string{"--yes"}, "cannot cancel"},
		"read-only":       {testKey(t, vennio, "VENNIO_READ_ONLY=1"), []string{"--yes"}, "VENNIO_READ_ONLY"},
		"nobody agrees":   {testKey(t, vennio), nil, "give --yes"},
		"no name":         {append(testKey(t, vennio), "USER="), []string{"--yes"}, "--name"},
		"too many":        {clean(t), []string{"--bookings", "11"}, "want a number from 1 to 10"},
		"no time":         {clean(t), []string{"--within", "0s"}, "want a duration"},
		"where it leads":  {testKey(t, vennio), []string{"--yes", "--events-url", "https://a.example.com"}, "--events-addr"},
		"on all networks": {clean(t), []string{"--events-addr", "0.0.0.0:80"}, "only loopback"},
	} {
		code, out, errs := run(t, tc.env, append([]string{"smoke"}, tc.args...)...)
		assert.Equal(t, 2, code, name)
		assert.Contains(t, errs, tc.says, name)
		assert.NotContains(t, out+errs, "c4n4ry", name)
	}
	assert.Empty(t, statuses(t, vennio))
	code, out, errs := run(t, live, "smoke", "--live", "--yes", "--attendee", "me@example.com", "--bookings", "1")
	assert.Zero(t, code, errs)
	assert.Contains(t, out, "LIVE: they are real")
	assert.Contains(t, out, "me@example.com")
}

// deafening leads events to where nobody listens.
var deafening = []string{"smoke", "--yes", "--bookings", "2", "--events-url", "https://127.0.0.1:9/", "--events-addr", "127.0.0.1:"}

func TestSmokeFailsWithoutEventsAndCancelsAllTheSame(t *testing.T) {
	t.Parallel()
	vennio := startSandboxProcess(t)
	env := testKey(t, vennio)
	code, out, _ := run(t, env, append(deafening, "--within", "300ms", "--json")...)
	assert.Equal(t, 1, code)
	got := resultOf(t, out)
	assert.Equal(t, failed, got.Verdict)
	assert.Equal(t, []string{"1: no booking.created within 300ms", "2: no booking.created within 300ms"}, got.Problems)
	assert.Equal(t, cancelled(2), statuses(t, vennio))
	assert.Empty(t, subscriptions(t, env))
}

func TestSmokeCancelsWhenItIsStopped(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		return // it has no SIGTERM
	}
	vennio := startSandboxProcess(t)
	env := testKey(t, vennio)
	p := start(t, env, deafening...)
	// Each look is one of the 1,000 calls that the key has in an hour, and the run needs some of them.
	require.Eventually(t, func() bool { return len(statuses(t, vennio)) == 2 }, patience, patience/200)
	p.terminate()
	assert.Equal(t, 1, p.wait(), p.stderr)
	assert.Equal(t, cancelled(2), statuses(t, vennio))
	assert.Empty(t, subscriptions(t, env))
}

func TestSmokeGoesOnWhenOneBookingFails(t *testing.T) {
	t.Parallel()
	vennio := startSandboxProcess(t)
	bad := true // written and read by the one call at a time of the run
	url := before(t, vennio, func(r *http.Request) bool {
		refuse := bad && r.Method == http.MethodPost && r.URL.Path == "/v1/bookings"
		bad = bad && !refuse
		return refuse
	}, func(*http.Response) error { return nil })
	code, out, _ := run(t, testKey(t, url), "smoke", "--yes", "--bookings", "2", "--json")
	assert.Equal(t, 1, code)
	got := resultOf(t, out)
	require.Len(t, got.Problems, 1)
	assert.Contains(t, got.Problems[0], "1: not booked: ")
	assert.Equal(t, cancelled(1), statuses(t, vennio))
}

// A Vennio that is not on this machine reaches what runs beside, or nobody.
func TestSmokeHearsThroughTheInboxOfARunningServer(t *testing.T) {
	t.Parallel()
	vennio := startSandboxProcess(t)
	env := testKey(t, vennio)
	p, f := program{getenv: envLookup(env), out: new(bytes.Buffer), errs: new(bytes.Buffer)}, smokeFlags{bookings: 2, yes: true, asJSON: true, within: patience}
	attempt := func() smokeResult {
		cfg, err := config.Load(nil, p.getenv)
		require.NoError(t, err)
		out := new(bytes.Buffer)
		p.out = out
		_ = p.smoke(t.Context(), cfg, f)
		return resultOf(t, out.String())
	}
	deaf := attempt()
	assert.Equal(t, incomplete, deaf.Verdict)
	assert.Contains(t, deaf.Summary, "not checked")
	url := start(t, env, "serve", "--addr", "127.0.0.1:0").address() + webhooks.Path
	well(t, env, "webhooks", "register", "--url", url)
	assert.Equal(t, passed, attempt().Verdict)
	assert.Equal(t, cancelled(4), statuses(t, vennio))
}
