package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/vennioclient/webhook"
)

// desk is a server with a sink, and the command line beside it, on one state folder.
type desk struct {
	t       *testing.T
	env     []string
	url     string
	refuses atomic.Bool  // the sink does, for good
	told    atomic.Int64 // how often the sink did not
}

func (d *desk) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	if d.refuses.Load() {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	d.told.Add(1)
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{t: t}
	crm := httptest.NewServer(d)
	t.Cleanup(crm.Close)
	settings := filepath.Join(t.TempDir(), "settings.yml")
	require.NoError(t, os.WriteFile(settings, fmt.Appendf(nil, "sinks: [{name: crm, type: http, url: %q, secret: s, events: [booking.*]}]\n", crm.URL), 0o600))
	d.env = stored(t, clean(t, "VENNIO_API_KEY=vennio_sk_test_c4n4ry_x", "VENNIO_API_URL=http://127.0.0.1:9", "VENNIO_MCP_SETTINGS="+settings, "VENNIO_WEBHOOK_SECRET=whsec_c4n4ry"))
	d.url = start(t, d.env, "serve", "--addr", "127.0.0.1:0").address() + "/webhooks/vennio"
	return d
}

func (d *desk) tell(body, secret string) int {
	d.t.Helper()
	return post(d.t, d.url, body, webhook.SignatureHeader, webhook.Sign([]byte(body), secret)).status
}

func (d *desk) events(args ...string) string {
	d.t.Helper()
	code, out, errs := run(d.t, d.env, append([]string{"events"}, args...)...)
	require.Zero(d.t, code, errs)
	return out
}

// letter waits for the one dead letter.
func (d *desk) letter() (letter taskLine) {
	d.t.Helper()
	require.Eventually(d.t, func() bool {
		out := d.events("dead", "--json")
		return out != "" && json.Unmarshal([]byte(out), &letter) == nil
	}, patience, tick)
	return letter
}

func (d *desk) isTold(times int64) {
	d.t.Helper()
	require.Eventually(d.t, func() bool { return d.told.Load() == times }, patience, tick)
}

const evt1, evt2 = `{"id":"evt_1","type":"booking.created","data":{"booking":{"id":"b-1"}}}`, `{"id":"evt_2","type":"proposal.created"}`

// req: W1, W2
func TestReq_W2_EventsFromTheCommandLine(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	assert.Equal(t, http.StatusOK, d.tell(evt1, "whsec_c4n4ry"))
	assert.Equal(t, http.StatusOK, d.tell(evt2, "whsec_c4n4ry"))
	assert.Equal(t, http.StatusUnauthorized, d.tell(evt2, "whsec_y"))
	assert.Equal(t, http.StatusForbidden, post(t, d.url, evt1, "Origin", "https://evil.example.com").status, "behind the door")
	d.isTold(1)

	assert.Equal(t, 2, strings.Count(d.events("list"), "\n"))
	assert.Contains(t, d.events("list", "--type", "booking.*"), "evt_1")
	assert.Equal(t, "No events.\n", d.events("list", "--since", "2126-01-01T00:00:00Z"))
	var line eventLine
	require.NoError(t, json.Unmarshal([]byte(d.events("list", "--limit", "1", "--json")), &line))
	assert.Equal(t, "evt_2", line.ID)
	assert.Contains(t, d.events("show", "evt_1"), evt1)

	assert.Equal(t, "Events: 2. Follow-ups queued: 1; vennio-mcp serve executes them.\n", d.events("replay", "--since", "1h"))
	d.isTold(2)
	assert.JSONEq(t, `{"events":1,"follow_ups":1}`, d.events("replay", "--id", "evt_1", "--sink", "crm", "--json"))
	d.isTold(3)
}

// req: W3
func TestReq_W3_DeadLettersFromTheCommandLine(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.refuses.Store(true)
	assert.Equal(t, http.StatusOK, d.tell(evt1, "whsec_c4n4ry"))
	letter := d.letter()
	assert.Equal(t, taskLine{ID: letter.ID, Event: "evt_1", To: "crm", State: "dead", Tries: 1, Ended: letter.Ended, Why: letter.Why}, letter)
	assert.Contains(t, d.events("dead"), "the sink answered 403 Forbidden")
	var line eventLine
	require.NoError(t, json.Unmarshal([]byte(d.events("show", "evt_1", "--json")), &line))
	assert.Equal(t, []taskLine{letter}, line.FollowUps)
	assert.JSONEq(t, evt1, string(line.Body))

	d.refuses.Store(false)
	assert.Equal(t, "Queued again: 1\n", d.events("retry", "--all"))
	d.isTold(1)
	assert.Equal(t, "No dead letters.\n", d.events("dead"))
	d.refuses.Store(true)
	d.events("replay", "--type", "booking.created")
	assert.Contains(t, d.events("drop", strconv.FormatInt(d.letter().ID, 10)), "Dropped")
	assert.Empty(t, d.events("dead", "--json"))
}

func TestEventCommandsSayWhatToDoNext(t *testing.T) {
	t.Parallel()
	env := clean(t)
	code, _, errs := run(t, append(env, "VENNIO_MCP_SETTINGS=/no/settings"), "events", "list")
	assert.Equal(t, 2, code)
	assert.Contains(t, errs, "the settings file cannot be read")
	for args, want := range map[string]string{
		"show":                         "want one id; vennio-mcp events list shows them",
		"show nope":                    `there is no event "nope"; vennio-mcp events list shows`,
		"list --since soon":            `--since "soon": want a duration ago, such as 24h`,
		"replay":                       "choose events with --id, --type, --since or --until",
		"replay --id a --type b":       "--id names one event",
		"replay --id nope":             `there is no event "nope"`,
		"replay --since 1h --sink a":   "the settings have no such sink: a; sinks are set in the settings file",
		"retry 7":                      `there is no dead letter "7"; vennio-mcp events dead shows`,
		"retry":                        "want one id; vennio-mcp events dead shows them",
		"drop x":                       `there is no dead letter "x"`,
		"dead letters":                 `"letters" is not expected here`,
		"shwo":                         `unknown command "shwo", did you mean show?; see: vennio-mcp events --help`,
		"list --settings /no/settings": "set VENNIO_MCP_SETTINGS in the environment",
	} {
		code, out, errs := run(t, env, append([]string{"events"}, strings.Fields(args)...)...)
		assert.Equal(t, 2, code, args)
		assert.Contains(t, errs, want, args)
		assert.Empty(t, out, args)
	}
}
