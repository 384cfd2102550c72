package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/webhooks"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/webhook"
)

// follows an address's changes as the holder of a token.
func (c *company) follows(token, uri string) <-chan string {
	c.t.Helper()
	agent, err := client.NewSSEMCPClient(c.url+"/sse", transport.WithHeaders(map[string]string{"Authorization": "Bearer " + token}))
	require.NoError(c.t, err)
	told := collectUpdates(c.t, agent, "2025-11-25")
	follow(c.t, agent, uri)
	return told
}

// pastIt books with a key, past this server.
func pastIt(t *testing.T, vennio, key string) {
	t.Helper()
	env := stored(t, clean(t, "VENNIO_API_URL="+vennio, "VENNIO_API_KEY="+key, "VENNIO_CONSENT=attested", "VENNIO_HOSTS=Alice="+alice))
	booked := talk(t, env, `{"name":"find_slots","arguments":{"when":"next week"}}`)
	id := booked[strings.Index(booked, `"slot_id":"`)+len(`"slot_id":"`):][:33]
	talk(t, env, `{"name":"book_slot","arguments":{"slot_id":"`+id+`","title":"Intro","attendees":[{"email":"ada@example.com","name":"Ada"}],"consent":{"granted":true,"given_by":"Ada","statement":"yes"}}}`)
}

// req: X5, W1, W2, W4. What happens in one account is stored for its tenant, told
// to that tenant's subscribers, and to nobody else's.
func TestReq_X5_EventsDoNotCrossTenants(t *testing.T) {
	t.Parallel()
	c := newCompany(t)
	const upcoming = "vennio://bookings/upcoming"
	acme, beta := c.follows(c.acme, upcoming), c.follows(c.beta, upcoming)
	for _, tenant := range []string{"acme", "beta"} {
		out := well(t, c.env, "webhooks", "register", "--tenant", tenant, "--url", c.url+webhooks.PathOf(tenant))
		assert.Contains(t, out, "events list --tenant "+tenant)
	}
	pastIt(t, c.bank.url, keyOfAcme)
	hear(t, acme, upcoming)
	inbox := func(args ...string) string { return well(t, c.env, append([]string{"events", "list"}, args...)...) }
	assert.Contains(t, inbox("--tenant", "acme"), "booking.created")
	assert.Equal(t, "No events.\n", inbox("--tenant", "beta"))
	assert.Equal(t, "No events.\n", inbox())
	assert.Contains(t, inbox("--all-tenants"), "acme ")
	assert.Empty(t, beta, "Beta was notified of Acme's booking")
	pastIt(t, c.bank.url, keyOfBeta)
	hear(t, beta, upcoming)
	assert.Equal(t, 1, strings.Count(inbox("--tenant", "beta", "--type", "booking.created"), "\n"))
	assert.Empty(t, acme)
	for path, status := range map[string]int{"acme": 401, "nobody": 401, "acme/": 404, "": 503} { // as for one of these names
		assert.Equal(t, status, post(t, c.url+webhooks.PathOf(path), evt1, webhook.SignatureHeader, webhook.Sign([]byte(evt1), "guess")).status, path)
	}
}

// req: X5. Subscriptions are made with the tenant's key, and are its own.
func TestReq_X5_WebhooksAreRegisteredByTenant(t *testing.T) {
	t.Parallel()
	c := newCompany(t)
	well(t, c.env, "webhooks", "register", "--tenant", "acme", "--url", "https://a.example.com"+webhooks.PathOf("acme"))
	list := func(tenant string) string { return well(t, c.env, "webhooks", "list", "--tenant", tenant) }
	assert.Contains(t, list("acme"), "delivers to this server")
	assert.Contains(t, list("beta"), "webhooks register --tenant beta --url https://your.host/webhooks/vennio/beta")
	all := well(t, c.env, "webhooks", "list", "--all-tenants", "--json")
	var line subscriptionLine
	require.NoError(t, json.Unmarshal([]byte(all), &line), all)
	assert.Equal(t, "acme", line.Tenant)
	for args, want := range map[string]string{
		"register --tenant beta --url https://a.example.com/webhooks/vennio/acme": "this address receives another tenant's events; give https://your.host/webhooks/vennio/beta",
		"register --tenant beta --url https://a.example.com/webhooks/vennio":      "this address receives another tenant's events",
		"register --tenant gamma --url https://a.example.com":                     "has no such tenant; there are acme, beta",
		"register --url https://a.example.com":                                    "no default tenant: name a tenant with --tenant NAME",
		"register --tenant beta":                                                  "--url https://your.host/webhooks/vennio/beta",
		"remove --tenant beta " + line.ID:                                         "there is no subscription",
	} {
		code, _, errs := run(t, c.env, append([]string{"webhooks"}, strings.Fields(args)...)...)
		assert.Equal(t, 2, code, args)
		assert.Contains(t, errs, want, args)
	}
	public := append(c.env, "VENNIO_MCP_PUBLIC_URL=https://mcp.example.com")
	assert.Contains(t, well(t, public, "webhooks", "register", "--tenant", "beta"), "https://mcp.example.com/webhooks/vennio/beta")
	well(t, c.env, "webhooks", "remove", "--tenant", "acme", line.ID)
	assert.Contains(t, list("acme"), "No subscriptions")
}

// tenantsDesk is a desk whose tenants Acme and Beta have a sink each.
func tenantsDesk(t *testing.T) (own, acme, beta *desk) {
	t.Helper()
	env := stored(t, clean(t, "VENNIO_API_KEY=vennio_sk_test_c4n4ry_x", "VENNIO_API_URL=http://127.0.0.1:9", "VENNIO_WEBHOOK_SECRET=whsec_c4n4ry", "ACME=whsec_old,whsec_new"))
	var sinks []string
	desks := make([]*desk, 3)
	for i := range desks {
		desks[i] = &desk{t: t}
		crm := httptest.NewServer(desks[i])
		t.Cleanup(crm.Close)
		sinks = append(sinks, fmt.Sprintf("sinks: [{name: crm, type: http, url: %q, secret: s, events: [booking.*]}]", crm.URL))
	}
	settings := filepath.Join(t.TempDir(), "settings.yml")
	require.NoError(t, os.WriteFile(settings, fmt.Appendf(nil, `%s
tenants:
  - {name: acme, api_key: vennio_sk_test_c4n4ry_a, webhook_secret: "${ACME}", %s}
  - {name: beta, api_key: vennio_sk_test_c4n4ry_b, webhook_secret: whsec_b, %s}
`, sinks[0], sinks[1], sinks[2]), 0o600))
	env = append(env, "VENNIO_MCP_SETTINGS="+settings)
	url := start(t, env, "serve", "--addr", "127.0.0.1:0").address()
	for i, tenant := range []string{"", "acme", "beta"} {
		desks[i].env, desks[i].url = env, url+webhooks.PathOf(tenant)
	}
	return desks[0], desks[1], desks[2]
}

// req: X5, W1, W3. Rotation, sinks, dead letters and replays of a tenant's, from
// the command line.
func TestReq_X5_SinksAndDeadLettersDoNotCrossTenants(t *testing.T) {
	t.Parallel()
	own, acme, beta := tenantsDesk(t)
	for _, secret := range []string{"whsec_c4n4ry", "whsec_b"} {
		assert.Equal(t, http.StatusUnauthorized, acme.tell(evt1, secret))
	}
	assert.Equal(t, http.StatusUnauthorized, beta.tell(evt1, "whsec_old"))
	assert.Equal(t, http.StatusUnauthorized, own.tell(evt1, "whsec_old"))
	assert.Equal(t, http.StatusOK, acme.tell(evt1, "whsec_old"))
	assert.Equal(t, http.StatusOK, acme.tell(evt1, "whsec_new"))
	acme.isTold(1)
	beta.refuses.Store(true)
	assert.Equal(t, http.StatusOK, beta.tell(evt1, "whsec_b"), "the same id in another account")
	var letter taskLine
	require.Eventually(t, func() bool {
		out := beta.events("dead", "--all-tenants", "--json")
		return out != "" && json.Unmarshal([]byte(out), &letter) == nil
	}, patience, tick)
	assert.Equal(t, "beta", letter.Tenant)
	assert.Equal(t, "No dead letters.\n", acme.events("dead", "--tenant", "acme"))
	for _, args := range [][]string{{"retry"}, {"drop"}, {"drop", "--tenant", "acme"}} {
		code, _, errs := run(t, own.env, append(append([]string{"events"}, args...), fmt.Sprint(letter.ID))...)
		assert.Equal(t, 2, code)
		assert.Contains(t, errs, "there is no dead letter")
	}
	assert.Contains(t, acme.events("replay", "--tenant", "acme", "--id", "evt_1"), "Follow-ups queued: 1")
	acme.isTold(2)
	beta.refuses.Store(false)
	assert.Equal(t, "Queued again: 1\n", beta.events("retry", "--tenant", "beta", "--all"))
	beta.isTold(1)
	assert.Contains(t, beta.events("show", "--tenant", "beta", "evt_1", "--json"), `"tenant":"beta"`)
	assert.Zero(t, own.told.Load())
	code, _, errs := run(t, own.env, "events", "list", "--tenant", "gamma")
	assert.Equal(t, 2, code)
	assert.Contains(t, errs, "there are acme, beta")
}

// req: O4. Erasing a person leaves nothing of theirs in events either.
func TestReq_O4_ErasingReachesEventsOfAllTenants(t *testing.T) {
	t.Parallel()
	own, acme, _ := tenantsDesk(t)
	const told = `{"id":"evt_3","type":"proposal.created","data":{"customer_email":"Zoe@zebra.example","note":"Unforgettable"}}`
	require.Equal(t, http.StatusOK, own.tell(told, "whsec_c4n4ry"))
	require.Equal(t, http.StatusOK, acme.tell(told, "whsec_new"))
	require.Equal(t, http.StatusOK, acme.tell(evt2, "whsec_new"))
	assert.Contains(t, well(t, own.env, "ledger", "erase", "zoe@zebra.example"), "Erased from 0 acts and 2 events")
	assert.NotContains(t, acme.events("show", "evt_3", "--tenant", "acme"), "Unforgettable")
	assert.Contains(t, acme.events("show", "evt_3", "--tenant", "acme"), "erased  ")
	assert.Contains(t, acme.events("show", "evt_2", "--tenant", "acme"), "proposal.created")
	home := strings.TrimPrefix(own.env[0], "HOME=")
	require.NoError(t, filepath.WalkDir(home, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		assert.NotContains(t, string(raw), "Unforgettable", path)
		return err
	}))
	code, _, errs := run(t, own.env, "events", "replay", "--id", "evt_3")
	assert.NotZero(t, code)
	assert.Contains(t, errs, "was erased")
}
