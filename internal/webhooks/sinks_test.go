package webhooks_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/webhooks"
)

// req: W3
func TestReq_W3_HTTPSinksReceiveSignedEvents(t *testing.T) {
	t.Parallel()
	crm := newListener(t, nil)
	r := newRig(t, crm.sink("crm", "booking.*"))
	r.run()
	r.send(booking("evt_1", "booking.created", "b-1"))
	h := crm.wait(t, 1)[0]
	w, err := standardwebhooks.NewWebhook(sinkSecret)
	require.NoError(t, err)
	require.NoError(t, w.Verify([]byte(h.body), h.header))
	assert.Equal(t, "evt_1", h.header.Get("webhook-id"))
	assert.JSONEq(t, `{"id":"evt_1","type":"booking.created","timestamp":"2026-05-18T09:00:00Z","data":{"booking":{"id":"b-1","status":"confirmed",
		"title":"Design review","customer_name":"Bob","customer_email":"bob@example.com","start_time":"2026-05-18T14:00:00Z","end_time":"2026-05-18T14:30:00Z"}}}`, h.body)

	require.Eventually(t, func() bool {
		_, records, err := r.inbox.Show(t.Context(), "evt_1")
		require.NoError(t, err)
		return len(records) == 1 && records[0].State == webhooks.Done
	}, waitLimit, tick)
}

// req: W3
func TestReq_W3_TheSinksIDOfABookingIsStoredAndSentBack(t *testing.T) {
	t.Parallel()
	crm := newListener(t, func(int, received) (int, string) { return http.StatusOK, `{"id": 4711}` })
	archive := newListener(t, nil)
	r := newRig(t, crm.sink("crm"), archive.sink("archive"))
	r.run()
	r.send(booking("evt_1", "booking.created", "b-1"))
	crm.wait(t, 1)
	require.Eventually(t, func() bool {
		_, records, err := r.inbox.Show(t.Context(), "evt_1")
		require.NoError(t, err)
		return len(records) == 2 && records[0].State == webhooks.Done && records[1].State == webhooks.Done
	}, waitLimit, tick)
	r.send(booking("evt_2", "booking.cancelled", "b-1"))
	r.send(booking("evt_3", "booking.created", "b-2"))
	for _, h := range crm.wait(t, 3)[1:] {
		var body struct {
			ID       string `json:"id"`
			External string `json:"external_id"`
		}
		require.NoError(t, json.Unmarshal([]byte(h.body), &body))
		assert.Equal(t, map[string]string{"evt_2": "4711", "evt_3": ""}[body.ID], body.External)
		if body.External != "" {
			assert.Equal(t, fields(t, strings.Replace(documented(t), `"tenant": "sales", `, "", 1)), fields(t, h.body), "docs/events.md shows the fields; those of the default tenant have no tenant")
		}
	}
	for _, h := range archive.wait(t, 3) {
		assert.NotContains(t, h.body, "4711", "another sink's id")
	}
}

// documented returns the body in docs/events.md.
func documented(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/events.md")
	require.NoError(t, err)
	m := regexp.MustCompile("(?s)```json\n(.*?)```").FindSubmatch(page)
	require.NotNil(t, m)
	return string(m[1])
}

func fields(t *testing.T, body string) []string {
	t.Helper()
	var object map[string]json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(body), &object))
	return slices.Sorted(maps.Keys(object))
}

// req: W3
func TestReq_W3_StatusesThatAreRetried(t *testing.T) {
	t.Parallel()
	attempts := map[int]int{
		500: 5, 503: 5, 408: 5, 409: 5, 425: 5, 429: 5,
		301: 1, 307: 1, 400: 1, 401: 1, 403: 1, 404: 1, 410: 1, 422: 1,
	}
	listeners, sinks := map[int]*listener{}, []webhooks.Sink(nil)
	for status := range attempts {
		listeners[status] = newListener(t, func(int, received) (int, string) { return status, "" })
		sinks = append(sinks, listeners[status].sink(fmt.Sprint(status)))
	}
	r := newRigWith(t, func(o *webhooks.Options) { o.Sinks, o.Poll = sinks, 0 }) // many queues: the default polling interval
	r.run()
	r.send(booking("evt_1", "booking.created", "b-1"))
	for _, letter := range r.dead(len(attempts)) {
		status, err := strconv.Atoi(letter.Task.To)
		require.NoError(t, err)
		assert.Len(t, listeners[status].all(), attempts[status], status)
		assert.Contains(t, letter.Why, fmt.Sprint("the sink answered ", status))
		assert.NotContains(t, letter.Why, listeners[status].url)
	}
}

// dead waits for n dead letters.
func (r *rig) dead(n int) (dead []webhooks.TaskRecord) {
	r.t.Helper()
	require.Eventually(r.t, func() bool {
		var err error
		dead, err = r.inbox.DeadLetters(r.t.Context())
		require.NoError(r.t, err)
		return len(dead) == n
	}, waitLimit, tick)
	return dead
}

func TestAnUnreachableSinkIsRetriedAndItsURLNotStored(t *testing.T) {
	t.Parallel()
	r := newRig(t, webhooks.Sink{Name: "gone", Type: "http", URL: "http://127.0.0.1:1/canary", Secret: "s", Pause: time.Millisecond})
	r.run()
	r.send(booking("evt_1", "booking.created", "b-1"))
	letter := r.dead(1)[0]
	assert.Equal(t, webhooks.MaxAttempts, letter.Tries)
	assert.NotContains(t, letter.Why, "canary")
}

func TestRetryAfterIsHonoured(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "1800")
		w.WriteHeader(http.StatusTooManyRequests)
	}))
	t.Cleanup(srv.Close)
	r := newRig(t, webhooks.Sink{Name: "busy", Type: "http", URL: sanitize.Secret(srv.URL), Secret: "s", Pause: time.Millisecond})
	r.run()
	r.send(booking("evt_1", "booking.created", "b-1"))
	var task webhooks.TaskRecord
	require.Eventually(t, func() bool {
		_, tasks, err := r.inbox.Show(t.Context(), "evt_1")
		require.NoError(t, err)
		task = tasks[0]
		return task.Tries == 1 && task.State == webhooks.Waiting
	}, waitLimit, tick)
	assert.WithinDuration(t, time.Now().Add(30*time.Minute), task.Next, time.Minute)
}

// field: calendar access without a name
func TestSlackReceivesTextWithoutEmailAddresses(t *testing.T) {
	t.Parallel()
	london, err := time.LoadLocation("Europe/London")
	require.NoError(t, err)
	team, trusted := newListener(t, nil), newListener(t, nil)
	r := newRigWith(t, func(o *webhooks.Options) {
		o.Zone, o.Sinks = london, []webhooks.Sink{{Name: "team", Type: "slack", URL: sanitize.Secret(team.url)}, {Name: "trusted", Type: "slack", URL: sanitize.Secret(trusted.url), Emails: true}}
	})
	r.run()
	for _, body := range []string{
		booking("e1", "booking.created", "b-1"),
		`{"id":"e2","type":"booking.cancelled","data":{"id":"b-2","title":"<!channel> & eve@example.com","customer_email":"bob@example.com","start_time":"2026-05-18T14:00:00Z","end_time":"2026-05-18T14:30:00Z"}}`,
		`{"id":"e3","type":"consent.revoked","data":{"id":"c","grantor":{"id":"p-1","name":"Ada"},"grantee":{"id":"p-2","name":"Bob"}}}`,
		`{"id":"e6","type":"consent.granted","data":{"id":"c","grantor":{"id":"619c8492-3849-4201-abd3-6d668d3f30b3"},"grantee":{"id":"p-2","name":"Bob"}}}`,
		`{"id":"e4","type":"moon.full"}`,
		`{"id":"e5","type":"booking.created","data":{"id":"b-3","status":"pending_payment"}}`,
	} {
		r.send(body)
	}
	assert.ElementsMatch(t, []string{
		`New booking: "Design review", Mon 18 May 2026, 15:00–15:30 (Europe/London, UTC+1), with "Bob" (booking b-1).`,
		`Booking cancelled: "&lt;!channel&gt; &amp; [address]", Mon 18 May 2026, 15:00–15:30 (Europe/London, UTC+1), with [address] (booking b-2).`,
		`Calendar access revoked: the calendar of "Ada" for "Bob".`,
		`Calendar access granted: the calendar of an unnamed person (619c8492…) for "Bob".`,
		`Vennio event: moon.full.`,
		`New booking (not confirmed: payment is pending) (booking b-3).`,
	}, texts(t, team.wait(t, 6)))
	assert.Contains(t, strings.Join(texts(t, trusted.wait(t, 6)), "\n"), "with bob@example.com")
}

// field: keys and passwords in Slack
func TestKeysAndPasswordsAreMaskedInSlack(t *testing.T) {
	t.Parallel()
	team := newListener(t, nil)
	r := newRigWith(t, func(o *webhooks.Options) {
		o.Sinks = []webhooks.Sink{{Name: "team", Type: "slack", URL: sanitize.Secret(team.url)}}
	})
	r.run()
	r.send(`{"id":"e1","type":"booking.created","data":{"id":"b-2","title":"Use vennio_sk_live_c4n4ry","customer":{"name":"postgres://ada:c4n4ry@db/x"}}}`)
	shown := texts(t, team.wait(t, 1))[0]
	assert.Contains(t, shown, "vennio_sk_live_****")
	assert.NotContains(t, shown, "c4n4ry")
}

// field: names and links in Slack. Names are quoted, invisible text is not a name, and no text
// becomes a link or a mention.
func TestSlackTextQuotesNamesAndHasNoLinks(t *testing.T) {
	t.Parallel()
	team := newListener(t, nil)
	r := newRigWith(t, func(o *webhooks.Options) {
		o.Sinks = []webhooks.Sink{{Name: "team", Type: "slack", URL: sanitize.Secret(team.url), Emails: true}}
	})
	r.run()
	want := map[string]string{
		`"name":"Pay at https://evil.example/x"`:                             `"Pay at https[:]//evil[.]example/x"`,
		`"name":"www.evil.example.co.uk now"`:                                `"www[.]evil[.]example[.]co[.]uk now"`,
		`"name":"EVIL.COM"`:                                                  `"EVIL[.]COM"`,
		`"name":"вход.рф"`:                                                   `"вход[.]рф"`,
		`"name":"mailto:eve@evil.example"`:                                   `"mailto[:]eve@evil[.]example"`,
		`"name":"Eve eve@evil.example"`:                                      `"Eve eve@evil[.]example"`,
		`"name":"@here <!channel> <https://a.example|Bob>"`:                  `"@ here &lt;!channel&gt; &lt;https[:]//a[.]example|Bob&gt;"`,
		`"name":"Bob\" (booking b-1). Booking cancelled: \"All"`:             `"Bob' (booking b-1). Booking cancelled: 'All"`,
		`"name":"Bob\nBooking cancelled\u2028now"`:                           `"Bob Booking cancelled now"`,
		`"name":"Dr. J. R. Smith, 2.5 h, e.g. at 5 p.m. ... and so on: yes"`: `"Dr. J. R. Smith, 2.5 h, e.g. at 5 p.m. ... and so on: yes"`,
		`"name":"\u3164\u115f\u2800\u034f\ufe0f","email":"bob@example.com"`:  `bob@example.com`,
		`"name":"\u3164","email":"https://evil.example/@x"`:                  `"https[:]//evil[.]example/@ x"`,
	}
	n := 0
	for customer := range want {
		n++
		r.send(fmt.Sprintf(`{"id":"e%d","type":"booking.created","data":{"id":"b-2","title":"\u3164","customer":{%s}}}`, n, customer))
	}
	received := team.wait(t, len(want))
	shown := texts(t, received)
	for _, who := range want {
		assert.Contains(t, shown, "New booking, with "+who+" (booking b-2).")
	}
	for _, h := range received {
		assert.Contains(t, h.body, `"parse":"none","link_names":false,"mrkdwn":false,"unfurl_links":false,"unfurl_media":false`)
	}
}

// texts returns the texts of the messages to Slack.
func texts(t *testing.T, got []received) (shown []string) {
	t.Helper()
	for _, h := range got {
		var m struct{ Text string }
		require.NoError(t, json.Unmarshal([]byte(h.body), &m))
		shown = append(shown, m.Text)
	}
	return shown
}

func TestInvalidSinksAreRefused(t *testing.T) {
	t.Parallel()
	ok := webhooks.Sink{Name: "a", Type: "http", URL: "https://example.com", Secret: "s"}
	r := newRig(t)
	for want, sinks := range map[string][]webhooks.Sink{
		"the same name":      {ok, ok},
		"url: want https":    {{Name: "a", Type: "http", URL: "http://canary.example.com", Secret: "s"}},
		"url: want an addre": {{Name: "a", Type: "http", URL: "canary", Secret: "s"}},
		"pause: want":        {{Name: "a", Type: "http", URL: "https://example.com", Secret: "s", Pause: time.Hour}},
	} {
		_, err := webhooks.Open(r.db, webhooks.Options{Tenant: webhooks.Tenant{Sinks: sinks}})
		require.ErrorContains(t, err, want)
		assert.NotContains(t, err.Error(), "canary")
	}
}

// req: X4. Events are sent to the configured URL only. A redirect is a failure.
func TestReq_X4_RedirectsOfSinksAreNotFollowed(t *testing.T) {
	t.Parallel()
	evil := newListener(t, nil)
	redirecting := httptest.NewServer(http.RedirectHandler(evil.url, http.StatusTemporaryRedirect))
	t.Cleanup(redirecting.Close)
	sink := evil.sink("sink")
	sink.URL = sanitize.Secret(redirecting.URL)
	r := newRig(t, sink)
	r.run()
	r.send(booking("evt_1", "booking.confirmed", "b-1"))
	assert.NotEmpty(t, r.dead(1))
	assert.Empty(t, evil.all())
}
