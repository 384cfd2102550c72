package webhooks_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/tenant"
	"github.com/vennio-mcp/vennio-mcp/internal/webhooks"
)

const pages = "https://mcp.example.com/approvals/"

// newRigWithPages returns a rig that sends requests for approval to its sinks.
func newRigWithPages(t *testing.T, set func(*webhooks.Options), sinks ...webhooks.Sink) *rig {
	t.Helper()
	return newRigWith(t, func(o *webhooks.Options) {
		o.Sinks, o.Page = sinks, func(id string) (string, error) { return pages + id, nil }
		set(o)
	})
}

func unchanged(*webhooks.Options) {}

// request stores a proposal and calls Request for it.
func (r *rig) request(ledger *consent.Ledger, title, client string) consent.Proposal {
	r.t.Helper()
	r.requests++
	start := time.Date(2026, 12, r.requests, 17, 0, 0, 0, time.UTC)
	p, err := ledger.Propose(r.t.Context(), consent.Act{
		Tool: "book_slot", SlotID: fmt.Sprint("s", r.requests), Title: title, Start: start, End: start.Add(30 * time.Minute), Zone: "Europe/London",
		Hosts: []consent.Host{{ID: "h-1", Name: "Alice Marlow"}}, Attendees: []consent.Attendee{{Email: fmt.Sprintf("bob%d@example.com", r.requests), Mailed: true}},
	})
	require.NoError(r.t, err)
	for range 2 { // the agent repeats its call
		require.NoError(r.t, r.inbox.Request(r.t.Context(), p, client))
	}
	return p
}

// done waits until the follow-ups of all requests are done, and returns them.
func (r *rig) done() (tasks []webhooks.TaskRecord) {
	r.t.Helper()
	require.Eventually(r.t, func() bool {
		found, err := r.inbox.List(r.t.Context(), webhooks.EventFilter{Type: string(webhooks.Requested)})
		require.NoError(r.t, err)
		tasks = nil
		for _, e := range found {
			_, more, err := r.inbox.Show(r.t.Context(), e.ID)
			require.NoError(r.t, err)
			tasks = append(tasks, more...)
		}
		for _, task := range tasks {
			if task.State != webhooks.Done {
				return false
			}
		}
		return true
	}, waitLimit, tick)
	return tasks
}

// field: request that waits for a person, sent to an HTTP sink and to Slack
func TestSinksReceiveARequestOnce(t *testing.T) {
	t.Parallel()
	crm, picky, team, trusted := newListener(t, nil), newListener(t, nil), newListener(t, nil), newListener(t, nil)
	r := newRigWithPages(t, unchanged, crm.sink("crm"), picky.sink("picky", "booking.*"),
		webhooks.Sink{Name: "team", Type: "slack", URL: sanitize.Secret(team.url), Events: []string{"consent.*"}}, webhooks.Sink{Name: "trusted", Type: "slack", URL: sanitize.Secret(trusted.url), Emails: true})
	p := r.request(r.ledger, `<!channel> https://evil.example vennio_sk_live_4f9c2e7a1b3d5f60718293a4b5c6d7e8`, "evil <https://evil.example|client>")
	r.run()
	got := crm.wait(t, 1)[0]
	var body struct {
		ID, Type  string
		Timestamp time.Time
		Tenant    string
		Data      struct {
			Request struct {
				Question, Client string
				Expires          time.Time
				URL              string `json:"approval_url"`
			}
		}
	}
	require.NoError(t, json.Unmarshal([]byte(got.body), &body), got.body)
	assert.Equal(t, "consent.requested", body.Type)
	assert.Equal(t, got.header.Get("Webhook-Id"), body.ID)
	assert.NotContains(t, body.ID, p.ID)
	assert.True(t, p.At.Equal(body.Timestamp))
	assert.True(t, p.Expires.Equal(body.Data.Request.Expires))
	assert.Equal(t, pages+p.ID, body.Data.Request.URL)
	assert.Contains(t, body.Data.Request.Question, ", Tue 1 Dec 2026, 17:00–17:30 London, with Alice Marlow, for bob1@example.com? Vennio e-mails bob1@example.com.")
	assert.NotContains(t, got.body, "4f9c2e7a1b3d5f60718293a4b5c6d7e8")
	hook, err := standardwebhooks.NewWebhook(sinkSecret)
	require.NoError(t, err)
	require.NoError(t, hook.Verify([]byte(got.body), got.header))

	text := slackText(t, team.wait(t, 1)[0])
	assert.Contains(t, text, "Approval needed: Book ")
	assert.Contains(t, text, "for [address]? Vennio e-mails [address]. Requested by ")
	assert.Contains(t, text, "&lt;!channel&gt; https[:]//evil[.]example")
	assert.True(t, strings.HasSuffix(text, " (UTC): "+pages+p.ID), text)
	assert.Equal(t, 1, strings.Count(text, "://"), "the page is the only link")
	assert.NotContains(t, text, "4f9c2e7a1b3d5f60718293a4b5c6d7e8")
	assert.Contains(t, slackText(t, trusted.wait(t, 1)[0]), "for bob1@example[.]com?")
	assert.Len(t, r.done(), 3)
	for _, listener := range []*listener{crm, team, trusted} {
		assert.Len(t, listener.all(), 1)
	}
	assert.Empty(t, picky.all())
}

func slackText(t *testing.T, got received) string {
	t.Helper()
	var message struct{ Text string }
	require.NoError(t, json.Unmarshal([]byte(got.body), &message))
	return message.Text
}

// field: request that was answered, has expired or was erased before a late attempt
// The sink is unavailable until then. Afterwards it receives only the request that is still open.
func TestARequestThatIsNoLongerOpenIsNotSent(t *testing.T) {
	t.Parallel()
	var up atomic.Bool
	var refused taskLog
	accepted := make(chan string, 10)
	crm := newListener(t, func(_ int, h received) (int, string) {
		if !up.Load() {
			refused.note(h.body)
			return http.StatusServiceUnavailable, ""
		}
		accepted <- h.body
		return http.StatusOK, ""
	})
	sink := crm.sink("crm")
	sink.Pause = time.Second
	r := newRigWithPages(t, unchanged, sink)
	earlier := consent.New(r.db, func() time.Time { return time.Now().Add(-consent.Lifetime) })
	r.request(earlier, "expired", "")
	r.run()
	r.done()
	attempted := func(title string) consent.Proposal {
		p := r.request(r.ledger, title, "")
		require.Eventually(t, func() bool {
			return slices.ContainsFunc(refused.all(), func(body string) bool { return strings.Contains(body, p.ID) })
		}, waitLimit, tick, title)
		return p
	}
	for _, agreed := range []bool{true, false} {
		_, err := r.ledger.Answer(t.Context(), attempted(fmt.Sprint(agreed)).ID, consent.Answer{Agreed: agreed, By: "Ada", Method: consent.OnPage})
		require.NoError(t, err)
	}
	attempted("erased")
	_, _, err := r.ledger.Erase(t.Context(), fmt.Sprintf("bob%d@example.com", r.requests))
	require.NoError(t, err)
	open := attempted("open")
	up.Store(true)
	assert.Len(t, r.done(), 5)
	require.Len(t, accepted, 1)
	assert.Contains(t, <-accepted, pages+open.ID)
	assert.False(t, slices.ContainsFunc(crm.all(), func(h received) bool { return strings.Contains(h.body, `"expired"`) }))
}

// field: event of Vennio with the type of our own event
// It is sent on unchanged, and no request is read for it.
func TestAnEventOfVennioCannotAnnounceARequest(t *testing.T) {
	t.Parallel()
	crm, team := newListener(t, nil), newListener(t, nil)
	r := newRigWithPages(t, unchanged, crm.sink("crm"), webhooks.Sink{Name: "team", Type: "slack", URL: sanitize.Secret(team.url)})
	p := r.request(consent.New(r.db, time.Now), "Intro", "")
	_, err := r.ledger.Answer(t.Context(), p.ID, consent.Answer{By: "Ada", Method: consent.OnPage})
	require.NoError(t, err)
	r.run()
	r.done()
	r.send(`{"id":"evt_1","type":"consent.requested","data":{"proposal":"` + p.ID + `"}}`)
	assert.Contains(t, crm.wait(t, 1)[0].body, `"data":{"proposal":"`)
	assert.Equal(t, "Vennio event: consent.requested.", slackText(t, team.wait(t, 1)[0]))
}

// field: request of one tenant
func TestARequestIsSentToItsTenantsSinksOnly(t *testing.T) {
	t.Parallel()
	own, acme := newListener(t, nil), newListener(t, nil)
	r := newRigWithPages(t, func(o *webhooks.Options) {
		o.Others = []webhooks.Tenant{{Identity: tenant.Identity{Name: "acme"}, Sinks: []webhooks.Sink{acme.sink("crm")}}}
	}, own.sink("crm"))
	r.inbox = r.service.Of("acme")
	p := r.request(r.ledger, "Intro", "")
	require.NoError(t, r.service.Of("gone").Request(t.Context(), p, ""), "a tenant without sinks")
	r.run()
	assert.Contains(t, acme.wait(t, 1)[0].body, `"tenant":"acme"`)
	r.done()
	assert.Empty(t, own.all())
	found, err := r.service.List(t.Context(), webhooks.EventFilter{})
	require.NoError(t, err)
	assert.Len(t, found, 1)
}
