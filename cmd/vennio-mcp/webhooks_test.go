package main

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/webhooks"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// well runs a command that must succeed and tells no secret.
func well(t *testing.T, env []string, args ...string) string {
	t.Helper()
	code, out, errs := run(t, env, args...)
	require.Zero(t, code, out+errs)
	assert.NotContains(t, out+errs, "whsec_")
	return out
}

// subscriptions are the lines of webhooks list.
func subscriptions(t *testing.T, env []string) (all []subscriptionLine) {
	t.Helper()
	for line := range strings.Lines(well(t, env, "webhooks", "list", "--json")) {
		var l subscriptionLine
		require.NoError(t, json.Unmarshal([]byte(line), &l))
		all = append(all, l)
	}
	return all
}

// req: W1, W2. From the subscription to the event in the inbox, between processes.
func TestReq_W2_ARegisteredWebhookBringsABookingIntoTheInbox(t *testing.T) {
	t.Parallel()
	vennio := startSandboxProcess(t)
	env := stored(t, toVennio(t, vennio))
	url := start(t, env, "serve", "--addr", "127.0.0.1:0").address() + webhooks.Path
	assert.Equal(t, http.StatusServiceUnavailable, post(t, url, evt1).status, "no secret yet")
	out := well(t, env, "webhooks", "register", "--url", url)
	assert.Contains(t, out, "Subscribed as wh_")
	assert.Contains(t, shape(out), shape(answer(t, "events.md", "vennio-mcp webhooks register --url https://your.host/webhooks/vennio")), "the page shows it")
	assert.Contains(t, out, "vennio-mcp serve --addr 127.0.0.1:")
	all := subscriptions(t, env)
	require.Len(t, all, 1)
	assert.True(t, all[0].Here && all[0].AtVennio)
	assert.Len(t, all[0].Events, 14, "consent.changed is the guide's alone")

	booked := talk(t, env, `{"name":"find_slots","arguments":{"when":"next week"}}`)
	id := booked[strings.Index(booked, `"slot_id":"`)+len(`"slot_id":"`):][:33]
	talk(t, env, `{"name":"book_slot","arguments":{"slot_id":"`+id+`","title":"Intro","attendees":[{"email":"ada@example.com","name":"Ada"}],"consent":{"granted":true,"given_by":"Ada","statement":"yes"}}}`)
	require.Eventually(t, func() bool {
		return strings.Count(well(t, env, "events", "list", "--type", "booking.created"), "\n") == 1 &&
			strings.Contains(well(t, env, "events", "list"), "booking.created")
	}, patience, tick)
	assert.Equal(t, http.StatusUnauthorized, post(t, url, evt1).status, "unsigned")

	assert.Equal(t, "Ended: "+all[0].ID+"\n", well(t, env, "webhooks", "remove", all[0].ID))
	assert.Empty(t, subscriptions(t, env))
	assert.Contains(t, well(t, env, "webhooks", "list"), "To make one")
}

func TestWebhooksAreListedWhereverTheyAreKnown(t *testing.T) {
	t.Parallel()
	vennio := startSandboxProcess(t)
	env, others := toVennio(t, vennio), toVennio(t, vennio, "VENNIO_API_DIALECT=guide")
	well(t, env, "webhooks", "register", "--url", "http://127.0.0.1:9/a", "--events", "booking.c*, consent.revoked")
	assert.Contains(t, well(t, env, "webhooks", "register", "--url", "https://a.example.com/b"), "webhooks remove wh_", "the older one")
	well(t, others, "webhooks", "register", "--url", "https://b.example.com/c")
	all := subscriptions(t, env)
	require.Len(t, all, 3)
	assert.Equal(t, []string{"booking.cancelled", "booking.confirmed", "booking.created", "consent.revoked"}, all[0].Events)
	assert.Contains(t, all[2].Events, "consent.changed")
	assert.False(t, all[2].Here)
	assert.Contains(t, well(t, env, "webhooks", "list"), "not made from here")
	well(t, others, "webhooks", "remove", all[1].ID)
	assert.Contains(t, well(t, env, "webhooks", "list"), "GONE at Vennio")
	well(t, env, "webhooks", "remove", all[1].ID)
	assert.Len(t, subscriptions(t, env), 2)
}

func TestWebhooksAreRefusedWithWhatToDo(t *testing.T) {
	t.Parallel()
	env := toVennio(t, startSandboxProcess(t))
	none := clean(t)
	for name, tc := range map[string]struct {
		env  []string
		args []string
		code int
		says string
	}{
		"no key":       {none, []string{"register", "--url", "https://a.example.com"}, 2, "set VENNIO_API_KEY"},
		"no url":       {env, []string{"register"}, 2, "--url https://your.host/webhooks/vennio"},
		"not https":    {env, []string{"register", "--url", "http://a.example.com"}, 1, "must be an absolute https URL"},
		"no such type": {env, []string{"register", "--url", "https://a.example.com", "--events", "booking.made"}, 2, "the types are booking.created"},
		"unreachable":  {toVennio(t, vennioclient.DefaultBaseURL), []string{"register", "--url", "http://127.0.0.1:9/a"}, 2, "proxy or tunnel"},
		"publishable":  {append(env, "VENNIO_API_KEY=vennio_pk_test_c4n4ry"), []string{"register", "--url", "https://a.example.com"}, 1, "use a secret key"},
		"Vennio down":  {toVennio(t, "http://127.0.0.1:9"), []string{"list"}, 1, "vennio-mcp doctor"},
		"no such id":   {env, []string{"remove", "wh_0"}, 2, "webhooks list"},
		"no id":        {env, []string{"remove"}, 2, "want one id"},
	} {
		code, out, errs := run(t, tc.env, append([]string{"webhooks"}, tc.args...)...)
		assert.Equal(t, tc.code, code, name)
		assert.Empty(t, out, name)
		assert.Contains(t, errs, tc.says, name)
	}
	assert.Empty(t, subscriptions(t, env))
}

// req: W4. A booking is paid on the sandbox's own page. Its subscribers are
// notified, because serve receives the events of its sandbox without any settings.
func TestReq_W4_APaymentReachesASubscribedClient(t *testing.T) {
	t.Parallel()
	url := start(t, stored(t, clean(t)), "serve", "--addr", "127.0.0.1:0").address()
	c := continuous(t, url)
	told := collectUpdates(t, c, "2025-11-25")
	_, found := ask(t, c, "find_slots", map[string]any{"hosts": []string{"Haruka"}})
	require.NotEmpty(t, found)
	held := toPay(t, c, found[len(found)-1].SlotID)
	browser := newBrowser(t)
	received := func(n string) func() bool {
		return func() bool {
			_, metrics := browser.open(url + "/metrics")
			return strings.Contains(metrics, `vennio_mcp_webhook_deliveries_total{result="accepted"} `+n)
		}
	}
	require.Eventually(t, received("1"), patience, tick, "booking.created")
	follow(t, c, "vennio://bookings/"+held.BookingID)
	_, page := browser.open(held.CheckoutURL)
	token := regexp.MustCompile(`name="token" value="([^"]+)"`).FindStringSubmatch(page)
	require.NotEmpty(t, token)
	status, _ := browser.do(http.MethodPost, held.CheckoutURL, map[string][]string{"token": {token[1]}, "outcome": {"pay"}})
	require.Equal(t, http.StatusOK, status)
	hear(t, told, "vennio://bookings/"+held.BookingID)
	assert.Eventually(t, received("2"), patience, tick, "booking.confirmed")
	a, _ := ask(t, c, "get_booking", map[string]any{"booking_id": held.BookingID})
	assert.Equal(t, "confirmed", a.Status)
}

// toPay books a slot of Haruka's, which waits for payment.
func toPay(t *testing.T, c *client.Client, slot string) (held schemas.BookSlotResult) {
	t.Helper()
	req := mcp.CallToolRequest{}
	req.Params.Name, req.Params.Arguments = "book_slot", map[string]any{
		"slot_id": slot, "title": "Intro", "hosts": []string{"Haruka"},
		"attendees": []any{map[string]any{"email": "ada@example.com", "name": "Ada"}},
		"consent":   map[string]any{"granted": true, "given_by": "Ada", "statement": "Yes"},
	}
	got, err := c.CallTool(t.Context(), req)
	require.NoError(t, err)
	raw, err := json.Marshal(got.StructuredContent)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, &held))
	require.Equal(t, "pending_payment", held.Status, string(raw))
	return held
}
