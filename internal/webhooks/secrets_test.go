package webhooks_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/internal/webhooks"
)

// req: X5, W1. A subscription that was registered for a tenant counts at its path
// alone, and at none once the settings have no such tenant.
func TestReq_X5_SubscriptionsDoNotCrossTenants(t *testing.T) {
	t.Parallel()
	r := newRigWith(t, func(o *webhooks.Options) { o.Others = []webhooks.Tenant{{Name: "acme"}, {Name: "beta"}} })
	db := sqldb.Open(r.dir)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	elsewhere, err := webhooks.Open(db, webhooks.Options{}) // as webhooks register does, in another process
	require.NoError(t, err)
	for _, tenant := range []string{"acme", "gone"} {
		require.NoError(t, elsewhere.Of(tenant).Register(t.Context(), "wh_1", "https://example.com", "whsec_of_"+tenant))
	}
	body := booking("evt_1", "booking.created", "b-1")
	require.Eventually(t, func() bool {
		status, _ := r.tellTenant("acme", body, "whsec_of_acme")
		return status == http.StatusOK
	}, patience, tick)
	for path, signed := range map[string]string{"beta": "whsec_of_acme", "": "whsec_of_acme", "gone": "whsec_of_gone"} {
		status, _ := r.tellTenant(path, body, signed)
		assert.NotEqual(t, http.StatusOK, status, path)
	}
	require.NoError(t, elsewhere.Of("beta").Unregister(t.Context(), "wh_1"))
	kept, err := elsewhere.Of("acme").Subscriptions(t.Context())
	require.NoError(t, err)
	assert.Len(t, kept, 1, "Beta ends no subscription of Acme's")
}
