package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/doctor"
)

// of returns what was found of a tenant.
func (e examined) of(tenant string) (own examined) {
	own = e
	own.findings = nil
	for _, f := range e.findings {
		if f.Tenant == tenant {
			own.findings = append(own.findings, f)
		}
	}
	return own
}

// req: O3, X5. Of each tenant its key, the key's age, hosts, zone and webhook.
func TestReq_O3_TheDoctorLooksAtEachTenant(t *testing.T) {
	t.Parallel()
	b := newBank(t, keyOfAcme, keyOfBeta)
	settings := filepath.Join(t.TempDir(), "settings.yaml")
	write := func(keyOfGamma string) {
		require.NoError(t, os.WriteFile(settings, fmt.Appendf(nil, `
caller_keys: true
tenants:
  - {name: acme, api_key: %s, hosts: "Alice=%s", key_created: 2026-01-02, timezone: Asia/Tokyo, webhook_secret: c4n4ry_whsec}
  - {name: beta, api_key: %s}
  - {name: gamma, api_key: %s, hosts: "Alice=%s"}
`, keyOfAcme, alice, keyOfBeta, keyOfGamma, alice), 0o600))
	}
	env := clean(t, "VENNIO_API_URL="+b.url, "VENNIO_MCP_SETTINGS="+settings)
	write("vennio_sk_test_c4n4ry_gone")
	e := examine(t, env)
	assert.Equal(t, 1, e.code)
	e.of("").says(t, doctor.OK, "key", "there is no default tenant")
	acme, beta, gamma := e.of("acme"), e.of("beta"), e.of("gamma")
	acme.says(t, doctor.OK, "address", "answers in")
	acme.says(t, doctor.OK, "scopes", "the key may read bookings")
	acme.says(t, doctor.Warning, "key age", "known since 2026-01-02")
	acme.says(t, doctor.OK, "dialect", "reference is understood")
	acme.says(t, doctor.OK, "host", "Alice has free times")
	acme.says(t, doctor.OK, "default zone", "Asia/Tokyo")
	acme.says(t, doctor.OK, "webhook", "a secret is set")
	beta.says(t, doctor.Warning, "host", "Set business_id (tenants, in the settings file)")
	beta.says(t, doctor.Warning, "webhook", "webhooks register --tenant beta --url https://your.host/webhooks/vennio/beta")
	beta.says(t, doctor.OK, "key age", "(0 days)")
	gamma.says(t, doctor.Problem, "scopes", "Vennio refuses the key (401")
	assert.Contains(t, e.text, "gamma: Vennio refuses the key")
	assert.Equal(t, 1, strings.Count(e.text, " address "), "told once")

	write(keyOfBeta)
	assert.Zero(t, examine(t, env).code)
}
