package webhooks_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/webhooks"
)

// req: W3
func TestReq_W3_WhatIsTriedAgainAndWhatIsNot(t *testing.T) {
	t.Parallel()
	tries := map[int]int{
		500: 5, 503: 5, 408: 5, 409: 5, 425: 5, 429: 5,
		301: 1, 307: 1, 400: 1, 401: 1, 403: 1, 404: 1, 410: 1, 422: 1,
	}
	listeners, sinks := map[int]*listener{}, []webhooks.Sink(nil)
	for status := range tries {
		listeners[status] = newListener(t, func(int, received) (int, string) { return status, "" })
		sinks = append(sinks, listeners[status].sink(fmt.Sprint(status)))
	}
	r := newRigWith(t, func(o *webhooks.Options) { o.Sinks, o.Poll = sinks, 0 }) // many lanes: as often as ever
	r.run()
	r.send(booking("evt_1", "booking.created", "b-1"))
	for _, letter := range r.dead(len(tries)) {
		status, err := strconv.Atoi(letter.Task.To)
		require.NoError(t, err)
		assert.Len(t, listeners[status].all(), tries[status], status)
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
	}, patience, tick)
	return dead
}

func TestASinkThatIsNotThereIsTriedAgainAndNotNamedByItsAddress(t *testing.T) {
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
	r := newRig(t, webhooks.Sink{Name: "busy", Type: "http", URL: srv.URL, Secret: "s", Pause: time.Millisecond})
	r.run()
	r.send(booking("evt_1", "booking.created", "b-1"))
	var task webhooks.TaskRecord
	require.Eventually(t, func() bool {
		_, tasks, err := r.inbox.Show(t.Context(), "evt_1")
		require.NoError(t, err)
		task = tasks[0]
		return task.Tries == 1 && task.State == webhooks.Waiting
	}, patience, tick)
	assert.WithinDuration(t, time.Now().Add(30*time.Minute), task.Next, time.Minute)
}

// field: calendar access without a name
func TestSlackIsToldASentenceWithoutAddresses(t *testing.T) {
	t.Parallel()
	london, err := time.LoadLocation("Europe/London")
	require.NoError(t, err)
	team, trusted := newListener(t, nil), newListener(t, nil)
	r := newRigWith(t, func(o *webhooks.Options) {
		o.Zone, o.Sinks = london, []webhooks.Sink{{Name: "team", Type: "slack", URL: team.url}, {Name: "trusted", Type: "slack", URL: trusted.url, Emails: true}}
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
		`Calendar access granted: the calendar of somebody without a name (619c8492…) for "Bob".`,
		`Vennio event: moon.full.`,
		`New booking (not confirmed: payment is pending) (booking b-3).`,
	}, texts(t, team.wait(t, 6)))
	assert.Contains(t, strings.Join(texts(t, trusted.wait(t, 6)), "\n"), "with bob@example.com")
}

// field: keys and passwords in Slack
func TestWhatLooksLikeAKeyIsMaskedInSlack(t *testing.T) {
	t.Parallel()
	team := newListener(t, nil)
	r := newRigWith(t, func(o *webhooks.Options) {
		o.Sinks = []webhooks.Sink{{Name: "team", Type: "slack", URL: team.url}}
	})
	r.run()
	r.send(`{"id":"e1","type":"booking.created","data":{"id":"b-2","title":"Use vennio_sk_live_c4n4ry","customer":{"name":"postgres://ada:c4n4ry@db/x"}}}`)
	said := texts(t, team.wait(t, 1))[0]
	assert.Contains(t, said, "vennio_sk_live_****")
	assert.NotContains(t, said, "c4n4ry")
}

// field: names and links in Slack. Names are quoted, what is invisible is no name, and
// nothing that somebody wrote becomes a link or a mention.
func TestSlackQuotesNamesAndLinksNothing(t *testing.T) {
	t.Parallel()
	team := newListener(t, nil)
	r := newRigWith(t, func(o *webhooks.Options) {
		o.Sinks = []webhooks.Sink{{Name: "team", Type: "slack", URL: team.url, Emails: true}}
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
	said := texts(t, received)
	for _, who := range want {
		assert.Contains(t, said, "New booking, with "+who+" (booking b-2).")
	}
	for _, h := range received {
		assert.Contains(t, h.body, `"parse":"none","link_names":false,"mrkdwn":false,"unfurl_links":false,"unfurl_media":false`)
	}
}

// texts is what Slack shows.
func texts(t *testing.T, got []received) (said []string) {
	t.Helper()
	for _, h := range got {
		var m struct{ Text string }
		require.NoError(t, json.Unmarshal([]byte(h.body), &m))
		said = append(said, m.Text)
	}
	return said
}

func TestSinksThatCannotBeAreRefused(t *testing.T) {
	t.Parallel()
	ok := webhooks.Sink{Name: "a", Type: "http", URL: "https://example.com", Secret: "s"}
	r := newRig(t)
	for want, sinks := range map[string][]webhooks.Sink{
		"the name is taken":  {ok, ok},
		"url: want https":    {{Name: "a", Type: "http", URL: "http://canary.example.com", Secret: "s"}},
		"url: want an addre": {{Name: "a", Type: "http", URL: "canary", Secret: "s"}},
		"pause: want":        {{Name: "a", Type: "http", URL: "https://example.com", Secret: "s", Pause: time.Hour}},
	} {
		_, err := webhooks.Open(r.db, webhooks.Options{Tenant: webhooks.Tenant{Sinks: sinks}})
		require.ErrorContains(t, err, want)
		assert.NotContains(t, err.Error(), "canary")
	}
}
