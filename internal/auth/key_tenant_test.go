package auth_test

import (
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/auth"
	keyring "github.com/vennio-mcp/vennio-mcp/internal/tenant"
)

// The ledger contains tenant names that were derived from callers' keys. These names were derived by the
// program of 30 November 2026 (commit 55c487f).
//
// field: tenants of callers' keys of an earlier release
func TestTenantsOfCallersKeysAreUnchanged(t *testing.T) {
	t.Parallel()
	token := auth.NewToken()
	for secret, tenant := range map[string]string{"a secret": "key:9a8b9dd48bba4670287a054d78254c43", "another secret": "key:40a237782b3f91d4e56d93e46c24e252"} {
		c, err := auth.New(t.Context(), auth.Options{Tokens: []auth.Token{{Name: "ada", Hash: auth.HashOf(token)}}, CallerKeys: true, Keys: keyring.NewKeyring([]byte(secret))})
		require.NoError(t, err)
		r := httptest.NewRequestWithContext(t.Context(), "POST", "/mcp", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set(auth.HeaderKey, "vennio_sk_test_fixture")
		caller, err := c.Identify(r)
		require.NoError(t, err)
		assert.Equal(t, tenant, caller.Tenant)
	}
}
