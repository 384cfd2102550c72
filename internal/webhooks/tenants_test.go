package webhooks_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/tenant"
	"github.com/vennio-mcp/vennio-mcp/internal/webhooks"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/webhook"
)

// newTenantsRig returns a rig with the default tenant and two others. The secret of each other
// tenant is its name. Each tenant has a sink named crm.
func newTenantsRig(t *testing.T, own, acme, beta *listener) *rig {
	t.Helper()
	return newRigWith(t, func(o *webhooks.Options) {
		o.Sinks = []webhooks.Sink{own.sink("crm")}
		o.Others = []webhooks.Tenant{
			{Identity: tenant.Identity{Name: "acme"}, Secrets: []string{"acme", "acme-next"}, Sinks: []webhooks.Sink{acme.sink("crm")}},
			{Identity: tenant.Identity{Name: "beta"}, Secrets: []string{"beta"}, Sinks: []webhooks.Sink{beta.sink("crm")}},
		}
	})
}

func (r *rig) deliverTo(tenant, body, secret string) (status int, text string) {
	r.t.Helper()
	return r.deliverAt(webhooks.PathOf(tenant), body, webhook.Sign([]byte(body), secret))
}

// req: X5, W1. A delivery belongs to the tenant of its path and must be signed with a secret of
// that tenant.
func TestReq_X5_ASecretIsAcceptedForItsTenantOnly(t *testing.T) {
	t.Parallel()
	r := newTenantsRig(t, newListener(t, nil), newListener(t, nil), newListener(t, nil))
	body := booking("evt_1", "booking.created", "b-1")
	for secretOf, path := range map[string]string{"acme": "beta", "acme-next": "", "beta": "acme", secret: "acme"} {
		status, text := r.deliverTo(path, body, secretOf)
		assert.Equal(t, http.StatusUnauthorized, status, "%s at %q: %s", secretOf, path, text)
	}
	for _, next := range []string{"acme", "acme-next"} {
		status, text := r.deliverTo("acme", body, next)
		assert.Equal(t, http.StatusOK, status, text)
	}
	assert.Empty(t, r.stored())
	shown, _, err := r.service.Of("acme").Show(t.Context(), "evt_1")
	require.NoError(t, err)
	assert.Equal(t, "acme", shown.Tenant)
	_, _, err = r.service.Of("beta").Show(t.Context(), "evt_1")
	require.ErrorIs(t, err, webhooks.ErrNoEvent)
}

// req: X5. Answers do not reveal which tenants exist.
func TestReq_X5_TenantsCannotBeEnumerated(t *testing.T) {
	t.Parallel()
	r := newRigWith(t, func(o *webhooks.Options) {
		o.Others = []webhooks.Tenant{{Identity: tenant.Identity{Name: "acme"}, Secrets: []string{"acme"}}, {Identity: tenant.Identity{Name: "silent"}}}
	})
	body := booking("evt_1", "booking.created", "b-1")
	for _, signature := range []string{"", "no signature", webhook.Sign([]byte(body), "guess"), webhook.Sign([]byte(body), "")} {
		want, wantText := r.deliverAt(webhooks.PathOf("acme"), body, signature)
		assert.Equal(t, http.StatusUnauthorized, want)
		for _, other := range []string{"silent", "nobody", "ACME", "acme%20"} {
			status, text := r.deliverAt(webhooks.PathOf(other), body, signature)
			assert.Equal(t, want, status, other)
			assert.Equal(t, wantText, text, other)
		}
	}
}

// req: X5, W2. The same id in two accounts means two events.
func TestReq_X5_EventsAreSentToTheirTenantsSinksOnly(t *testing.T) {
	t.Parallel()
	own, beta := newListener(t, nil), newListener(t, nil)
	acme := newListener(t, func(int, received) (int, string) { return http.StatusOK, `{"id":"ACME-1"}` })
	r := newTenantsRig(t, own, acme, beta)
	r.run()
	var watched eventLog
	r.service.Of("acme").Watch(watched.watch)
	for _, tenant := range []string{"acme", "beta", "acme"} {
		status, text := r.deliverTo(tenant, booking("evt_1", "booking.created", "b-1"), tenant)
		require.Equal(t, http.StatusOK, status, text)
	}
	assert.Equal(t, 2, r.counted(webhooks.Accepted))
	assert.Equal(t, 1, r.counted(webhooks.Duplicate))
	assert.Contains(t, acme.wait(t, 1)[0].body, `"tenant":"acme"`)
	assert.Contains(t, beta.wait(t, 1)[0].body, `"tenant":"beta"`)
	for _, tenant := range []string{"acme", "beta"} {
		require.Eventually(t, func() bool { return done(t, r.service.Of(tenant), "evt_1") }, waitLimit, tick)
		_, _ = r.deliverTo(tenant, booking("evt_2", "booking.updated", "b-1"), tenant)
	}
	assert.Contains(t, acme.wait(t, 2)[1].body, `"external_id":"ACME-1"`)
	assert.NotContains(t, beta.wait(t, 2)[1].body, "external_id", "the id belongs to Acme")
	assert.Empty(t, own.all())
	assert.Equal(t, []string{"booking.created b-1", "booking.updated b-1"}, watched.all())
	all, err := r.service.List(t.Context(), webhooks.EventFilter{})
	require.NoError(t, err)
	assert.Len(t, all, 4)
}

func done(t *testing.T, in *webhooks.Inbox, id string) bool {
	t.Helper()
	_, tasks, err := in.Show(t.Context(), id)
	require.NoError(t, err)
	return len(tasks) == 1 && tasks[0].State == webhooks.Done
}

// req: X5, W3. Only their tenant can list, retry and drop dead letters, and only its sinks receive
// replayed events, also after a restart.
func TestReq_X5_DeadLettersDoNotCrossTenants(t *testing.T) {
	t.Parallel()
	own, beta := newListener(t, nil), newListener(t, nil)
	acme := newListener(t, func(n int, _ received) (int, string) {
		return map[bool]int{true: http.StatusForbidden, false: http.StatusOK}[n == 1], ""
	})
	r := newTenantsRig(t, own, acme, beta)
	_, _ = r.deliverTo("acme", booking("evt_1", "booking.created", "b-1"), "acme") // no follow-up runs yet, as after a crash
	r.run()
	letters := func(tenant string) []webhooks.TaskRecord {
		dead, err := r.service.Of(tenant).DeadLetters(t.Context())
		require.NoError(t, err)
		return dead
	}
	require.Eventually(t, func() bool { return len(letters("acme")) == 1 }, waitLimit, tick)
	letter := letters("acme")[0]
	assert.Equal(t, webhooks.Task{Tenant: "acme", Event: "evt_1", To: "crm"}, letter.Task)
	for _, other := range []string{"", "beta", "nobody"} {
		assert.Empty(t, letters(other))
		require.ErrorIs(t, r.service.Of(other).Retry(t.Context(), letter.ID), webhooks.ErrNoDeadLetter)
		require.ErrorIs(t, r.service.Of(other).Drop(t.Context(), letter.ID), webhooks.ErrNoDeadLetter)
		events, _, err := r.service.Of(other).Replay(t.Context(), webhooks.EventFilter{AllTenants: true}, "")
		require.NoError(t, err)
		assert.Zero(t, events)
	}
	all, err := r.service.DeadLetters(t.Context())
	require.NoError(t, err)
	assert.Len(t, all, 1)
	require.NoError(t, r.service.Of("acme").Retry(t.Context(), letter.ID))
	acme.wait(t, 2)
	_, err = r.service.Of("acme").ReplayOne(t.Context(), "evt_1", "crm")
	require.NoError(t, err)
	acme.wait(t, 3)
	assert.Empty(t, own.all())
	assert.Empty(t, beta.all())
}

// req: X5, W4. Calendar access that is revoked in one account remains in the others, although the
// host has the same id there.
func TestReq_X5_RevokedAccessAffectsItsTenantOnly(t *testing.T) {
	t.Parallel()
	r := newTenantsRig(t, newListener(t, nil), newListener(t, nil), newListener(t, nil))
	r.run()
	requests := map[string]string{}
	start := time.Now().Add(24 * time.Hour)
	for _, tenant := range []string{"", "acme", "beta"} {
		p, err := r.ledger.Propose(t.Context(), consent.Act{
			Tool: "book_slot", Tenant: tenant, SlotID: "s", Start: start, End: start.Add(time.Hour), Hosts: []consent.Host{{ID: "p-1"}}, Title: "Call",
		})
		require.NoError(t, err)
		requests[tenant] = p.ID
	}
	status, text := r.deliverTo("acme", `{"id":"e","type":"consent.revoked","data":{"consent":{"id":"c-1","grantor":{"id":"p-1"}}}}`, "acme")
	require.Equal(t, http.StatusOK, status, text)
	state := func(tenant string) consent.State {
		now, err := r.ledger.Proposal(t.Context(), requests[tenant])
		require.NoError(t, err)
		return now.State
	}
	require.Eventually(t, func() bool { return state("acme") == consent.StateExpired }, waitLimit, tick)
	assert.Equal(t, consent.StateOpen, state("beta"))
	assert.Equal(t, consent.StateOpen, state(""))
}

// req: X5. The type of one tenant's inbox has no method that affects other tenants, so that no
// caller can use one by mistake.
func TestReq_X5_AnInboxHasNoMethodsForAllTenants(t *testing.T) {
	t.Parallel()
	r := newTenantsRig(t, newListener(t, nil), newListener(t, nil), newListener(t, nil))
	var one any = r.service.Of("acme")
	_, erases := one.(interface {
		Erase(context.Context, func(string) bool) (int, error)
	})
	_, runs := one.(interface{ Run(context.Context) error })
	_, serves := one.(interface{ Handler() http.Handler })
	_, moves := one.(interface {
		Of(tenant string) *webhooks.Inbox
	})
	_, names := one.(interface {
		Tenants(context.Context) ([]string, error)
	})
	assert.False(t, erases || runs || serves || moves || names)
	_, _ = r.deliverTo("beta", booking("evt_1", "booking.created", "b-1"), "beta")
	found, err := r.service.Of("acme").List(t.Context(), webhooks.EventFilter{AllTenants: true})
	require.NoError(t, err)
	assert.Empty(t, found)
}
