package webhooks_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/internal/tenant"
	"github.com/vennio-mcp/vennio-mcp/internal/webhooks"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/webhook"
)

// req: X5, W1. The secret of a subscription is accepted at its tenant's path only, and at no path
// if the settings do not have the tenant.
func TestReq_X5_SubscriptionsDoNotCrossTenants(t *testing.T) {
	t.Parallel()
	r := newRigWith(t, func(o *webhooks.Options) {
		o.Others = []webhooks.Tenant{{Identity: tenant.Identity{Name: "acme"}}, {Identity: tenant.Identity{Name: "beta"}}}
	})
	db := sqldb.OpenWith(r.dir, longWait)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	otherProcess, err := webhooks.Open(db, webhooks.Options{}) // as the command webhooks register in another process
	require.NoError(t, err)
	for _, tenant := range []string{"acme", "gone"} {
		require.NoError(t, otherProcess.Of(tenant).Register(t.Context(), "wh_1", "https://example.com", "whsec_of_"+tenant))
	}
	body := booking("evt_1", "booking.created", "b-1")
	require.Eventually(t, func() bool {
		status, _ := r.deliverTo("acme", body, "whsec_of_acme")
		return status == http.StatusOK
	}, waitLimit, tick)
	for path, signed := range map[string]string{"beta": "whsec_of_acme", "": "whsec_of_acme", "gone": "whsec_of_gone"} {
		status, _ := r.deliverTo(path, body, signed)
		assert.NotEqual(t, http.StatusOK, status, path)
	}
	require.NoError(t, otherProcess.Of("beta").Unregister(t.Context(), "wh_1"))
	kept, err := otherProcess.Of("acme").Subscriptions(t.Context())
	require.NoError(t, err)
	assert.Len(t, kept, 1, "Beta cannot delete a subscription of Acme")
}

// req: X5. If a tenant's name is given to another account, the secrets of the old account are not
// accepted, unless Vennio lists the subscription for the new account: then only the key has changed.
func TestReq_X5_ATenantIgnoresSecretsOfAnotherAccount(t *testing.T) {
	t.Parallel()
	r := newRigWith(t, func(o *webhooks.Options) {
		o.Others = []webhooks.Tenant{{Identity: tenant.Identity{Name: "sales", Account: "new"}}}
	})
	before, err := webhooks.Open(r.db, webhooks.Options{Others: []webhooks.Tenant{{Identity: tenant.Identity{Name: "sales", Account: "old"}}}})
	require.NoError(t, err)
	require.NoError(t, before.Of("sales").Register(t.Context(), "wh_1", "https://example.com", "whsec_1"))
	body := booking("evt_1", "booking.created", "b-1")
	status, text := r.deliverTo("sales", body, "whsec_1")
	assert.Equal(t, http.StatusUnauthorized, status, text)
	n, err := r.service.Of("sales").AssignAccount(t.Context(), []string{"wh_2"})
	require.NoError(t, err)
	assert.Zero(t, n)
	n, err = r.service.Of("sales").AssignAccount(t.Context(), []string{"wh_1"})
	require.NoError(t, err)
	assert.Equal(t, 1, n)
	require.Eventually(t, func() bool {
		status, _ := r.deliverTo("sales", body, "whsec_1")
		return status == http.StatusOK
	}, waitLimit, tick)
	names, err := r.service.SubscribedTenants(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []string{"sales"}, names)
}

// manualClock is a clock that only move advances.
type manualClock struct{ at atomic.Int64 }

func (c *manualClock) now() time.Time       { return time.Unix(0, c.at.Load()) }
func (c *manualClock) move(d time.Duration) { c.at.Add(int64(d)) }

func newManualClock() *manualClock {
	c := new(manualClock)
	c.at.Store(time.Date(2026, 5, 18, 9, 0, 0, 0, time.UTC).UnixNano())
	return c
}

// req: W1. A signature with the secret of a removed subscription matches, so only the passage of
// time makes a running server read the secrets again.
func TestReq_W1_ARemovedSecretIsRefusedWithinHalfAMinute(t *testing.T) {
	t.Parallel()
	clock := newManualClock()
	r := newRigWith(t, func(o *webhooks.Options) {
		o.Now, o.Others = clock.now, []webhooks.Tenant{{Identity: tenant.Identity{Name: "acme"}}}
	})
	db := sqldb.OpenWith(r.dir, longWait)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	otherProcess, err := webhooks.Open(db, webhooks.Options{Now: clock.now}) // as the command webhooks remove in another process
	require.NoError(t, err)
	for _, tenant := range []string{"", "acme"} {
		require.NoError(t, otherProcess.Of(tenant).Register(t.Context(), "wh_1", "https://example.com", "whsec_leaked"))
	}
	body := booking("evt_1", "booking.created", "b-1")
	for _, tenant := range []string{"", "acme"} {
		status, text := r.deliverTo(tenant, body, "whsec_leaked")
		require.Equal(t, http.StatusOK, status, text)
		require.NoError(t, otherProcess.Of(tenant).Unregister(t.Context(), "wh_1"))
	}
	clock.move(31 * time.Second)
	for _, tenant := range []string{"", "acme"} {
		status, text := r.deliverTo(tenant, body, "whsec_leaked")
		assert.Equal(t, http.StatusUnauthorized, status, "%q: %s", tenant, text)
	}
	status, text := r.deliverTo("", body, secret)
	assert.Equal(t, http.StatusOK, status, text)
}

// logBuffer collects the text of a log.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logBuffer) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), text)
}

// req: W1. While the database is unavailable it is read once a second, whatever the number of
// deliveries. Deliveries that cannot be verified are answered with 503, also at the paths of tenants
// that do not exist.
func TestReq_W1_AnUnavailableDatabaseIsReadOnceASecond(t *testing.T) {
	t.Parallel()
	clock, log := newManualClock(), new(logBuffer)
	r := newRigWith(t, func(o *webhooks.Options) { o.Now, o.Log = clock.now, slog.New(slog.NewTextHandler(log, nil)) })
	require.NoError(t, r.db.Close())
	for second := range 3 {
		for range 5 {
			status, text := r.deliver("{}", webhook.Sign([]byte("{}"), "whsec_other"))
			assert.Equal(t, http.StatusServiceUnavailable, status, text)
			otherStatus, otherText := r.deliverTo("nobody", "{}", "whsec_other")
			assert.Equal(t, status, otherStatus)
			assert.Equal(t, text, otherText)
		}
		assert.Equal(t, second+1, log.count("could not be read"))
		clock.move(time.Second)
	}
}
