package events_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/events"
	"github.com/vennio-mcp/vennio-mcp/internal/jobs"
)

// bar: W3
func TestBar_W3_WhatIsTriedAgainAndWhatIsNot(t *testing.T) {
	t.Parallel()
	for status, tries := range map[int]int{
		500: 5, 503: 5, 408: 5, 409: 5, 425: 5, 429: 5,
		301: 1, 307: 1, 400: 1, 401: 1, 403: 1, 404: 1, 410: 1, 422: 1,
	} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			crm := newEar(t, func(int, heard) (int, string) { return status, "" })
			r := newRig(t, crm.sink("crm"))
			r.run()
			r.tell(booking("evt_1", "booking.created", "b-1"))
			var dead []jobs.Record
			require.Eventually(t, func() (done bool) {
				var err error
				dead, err = r.inbox.DeadLetters(t.Context())
				require.NoError(t, err)
				return len(dead) == 1
			}, patience, tick)
			assert.Len(t, crm.all(), tries)
			assert.Contains(t, dead[0].Why, fmt.Sprint("the sink answered ", status))
			assert.NotContains(t, dead[0].Why, crm.url)
		})
	}
}

func TestASinkThatIsNotThereIsTriedAgainAndNotNamedByItsAddress(t *testing.T) {
	t.Parallel()
	gone := httptest.NewServer(nil)
	gone.Close()
	r := newRig(t, events.Sink{Name: "gone", Type: "http", URL: gone.URL + "/canary", Secret: "s", Pause: time.Millisecond})
	r.run()
	r.tell(booking("evt_1", "booking.created", "b-1"))
	require.Eventually(t, func() bool {
		dead, err := r.inbox.DeadLetters(t.Context())
		require.NoError(t, err)
		return len(dead) == 1 && assert.Equal(t, jobs.MaxTries, dead[0].Tries) && assert.NotContains(t, dead[0].Why, "canary")
	}, patience, tick)
}

func TestRetryAfterIsHonoured(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "1800")
		w.WriteHeader(http.StatusTooManyRequests)
	}))
	t.Cleanup(srv.Close)
	r := newRig(t, events.Sink{Name: "busy", Type: "http", URL: srv.URL, Secret: "s", Pause: time.Millisecond})
	r.run()
	r.tell(booking("evt_1", "booking.created", "b-1"))
	var task jobs.Record
	require.Eventually(t, func() bool {
		_, tasks, err := r.inbox.Show(t.Context(), "evt_1")
		require.NoError(t, err)
		task = tasks[0]
		return task.Tries == 1 && task.State == jobs.Waiting
	}, patience, tick)
	assert.WithinDuration(t, time.Now().Add(30*time.Minute), task.Next, time.Minute)
}

func TestSlackIsToldASentenceWithoutAddresses(t *testing.T) {
	t.Parallel()
	london, err := time.LoadLocation("Europe/London")
	require.NoError(t, err)
	told := func(emails bool, body string) string {
		team := newEar(t, nil)
		r := newRigWith(t, func(o *events.Options) {
			o.Zone, o.Sinks = london, []events.Sink{{Name: "team", Type: "slack", URL: team.url, Emails: emails}}
		})
		r.run()
		r.tell(body)
		var said struct{ Text string }
		require.NoError(t, json.Unmarshal([]byte(team.hears(t, 1)[0].body), &said))
		return said.Text
	}
	assert.Equal(t, `New booking: "Design review", Mon 18 May 2026, 15:00–15:30 (Europe/London, UTC+1), with Bob (booking b-1).`,
		told(false, booking("e", "booking.created", "b-1")))
	sly := `{"id":"e","type":"booking.cancelled","data":{"id":"b-1","title":"<!channel> & eve@example.com","customer_email":"bob@example.com","start_time":"2026-05-18T14:00:00Z","end_time":"2026-05-18T14:30:00Z"}}`
	assert.Equal(t, `Booking cancelled: "&lt;!channel&gt; &amp; [address]", Mon 18 May 2026, 15:00–15:30 (Europe/London, UTC+1), with [address] (booking b-1).`, told(false, sly))
	assert.Contains(t, told(true, sly), "with bob@example.com")
	assert.Equal(t, `Calendar access revoked: the calendar of Ada for Bob.`,
		told(false, `{"id":"e","type":"consent.revoked","data":{"id":"c","grantor":{"id":"p-1","name":"Ada"},"grantee":{"id":"p-2","name":"Bob"}}}`))
	assert.Equal(t, `Vennio tells: moon.full.`, told(false, `{"id":"e","type":"moon.full"}`))
	assert.Contains(t, told(false, `{"id":"e","type":"booking.created","data":{"id":"b","status":"pending_payment"}}`), "(not confirmed: payment is pending)")
}

func TestSinksThatCannotBeAreRefused(t *testing.T) {
	t.Parallel()
	ok := events.Sink{Name: "a", Type: "http", URL: "https://example.com", Secret: "s"}
	r := newRig(t)
	for want, sinks := range map[string][]events.Sink{
		"the name is taken":  {ok, ok},
		"url: want https":    {{Name: "a", Type: "http", URL: "http://canary.example.com", Secret: "s"}},
		"url: want an addre": {{Name: "a", Type: "http", URL: "canary", Secret: "s"}},
		"pause: want":        {{Name: "a", Type: "http", URL: "https://example.com", Secret: "s", Pause: time.Hour}},
	} {
		_, err := events.Open(r.db, events.Options{Sinks: sinks})
		require.ErrorContains(t, err, want)
		assert.NotContains(t, err.Error(), "canary")
	}
}
