package webhooks_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/webhooks"
)

// req: X5. A name that comes to mean another account inherits no secret, until
// Vennio lists the subscription in that account: then only the key is another.
func TestReq_X5_ANameInheritsNoSecretsOfAnotherAccount(t *testing.T) {
	t.Parallel()
	r := newRigWith(t, func(o *webhooks.Options) { o.Others = []webhooks.Tenant{{Name: "sales", Account: "new"}} })
	before, err := webhooks.Open(r.db, webhooks.Options{Others: []webhooks.Tenant{{Name: "sales", Account: "old"}}})
	require.NoError(t, err)
	require.NoError(t, before.Of("sales").Register(t.Context(), "wh_1", "https://example.com", "whsec_1"))
	body := booking("evt_1", "booking.created", "b-1")
	status, text := r.tellTenant("sales", body, "whsec_1")
	assert.Equal(t, http.StatusUnauthorized, status, text)
	n, err := r.service.Of("sales").AssignAccount(t.Context(), []string{"wh_2"})
	require.NoError(t, err)
	assert.Zero(t, n)
	n, err = r.service.Of("sales").AssignAccount(t.Context(), []string{"wh_1"})
	require.NoError(t, err)
	assert.Equal(t, 1, n)
	require.Eventually(t, func() bool {
		status, _ := r.tellTenant("sales", body, "whsec_1")
		return status == http.StatusOK
	}, patience, tick)
	names, err := r.service.SubscribedTenants(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []string{"sales"}, names)
}
