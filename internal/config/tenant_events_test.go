package config_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/config"
)

// req: X5. A sink receives the events of one account only, and no two accounts share a
// secret.
func TestReq_X5_SinksAndSecretsOfOneAccountAreNotInherited(t *testing.T) {
	t.Parallel()
	file := settingsFile(t, `
sinks: [{name: crm, type: http, url: "https://crm.example.com", secret: canary}]
caller_keys: true
tenants:
  - {name: acme, api_key: canary_key_1, webhook_secret: "${ACME}", key_created: 2026-05-13}
  - name: beta
    api_key: canary_key_2
    sinks:
      - {name: crm, type: http, url: "https://beta.example.com", secret: "${ACME}", events: [booking.*]}
`)
	c, err := config.Load(map[string]string{"settings": file}, env{
		"VENNIO_API_KEY": "canary_key_0", "VENNIO_WEBHOOK_SECRET": "canary_own", "VENNIO_API_KEY_CREATED": "2026-01-01", "ACME": "canary_new,canary_old",
	}.get)
	require.NoError(t, err)
	acme, ok := c.Of("acme")
	require.True(t, ok)
	beta, ok := c.Of("beta")
	require.True(t, ok)
	own, ok := c.Of("")
	require.True(t, ok)
	_, ok = c.Of("gamma")
	assert.False(t, ok)
	assert.Empty(t, acme.Sinks)
	assert.Equal(t, []config.Secret{"canary_new", "canary_old"}, acme.WebhookSecrets)
	assert.Equal(t, time.Date(2026, 5, 13, 0, 0, 0, 0, time.UTC), acme.KeyCreated)
	require.Len(t, beta.Sinks, 1)
	assert.Equal(t, "https://beta.example.com", beta.Sinks[0].URL.Reveal())
	assert.Empty(t, beta.WebhookSecrets)
	assert.True(t, beta.KeyCreated.IsZero(), "the age of another key")
	assert.Equal(t, "https://crm.example.com", own.Sinks[0].URL.Reveal())
	assert.Empty(t, c.ForTenant().Sinks, "callers with their own key have no sinks")
	assert.NotContains(t, fmt.Sprintf("%v %+v %#v", c, c, c), "canary_new")
}

func TestMistakesAboutATenantsEventsAreNamed(t *testing.T) {
	t.Parallel()
	begin := "caller_keys: true\ntenants:\n  - name: acme\n    api_key: canary_key_1\n    webhook_secret: canary_a\n"
	second := "  - name: beta\n    api_key: canary_key_2\n"
	for content, want := range map[string]string{
		begin + "    sinks:\n      - {name: crm, kind: http}\n":             ":7: tenants: sinks: unknown field \"kind\"",
		begin + "    sinks:\n      - {name: crm, type: mail}\n":             ":7: tenants: sinks: type: want http or slack",
		begin + "    sinks: crm\n":                                          ":6: tenants: sinks: want a list",
		begin + "    hours: [1]\n":                                          ":6: ",
		begin + "    webhook_secret: canary_b\n":                            "already defined",
		begin + second + "    webhook_secret: canary_b,canary_c,canary_d\n": ":8: tenants: webhook_secret holds none or more than two",
		begin + second + "    webhook_secret: canary_b,canary_a\n":          ":8: tenants: webhook_secret: the tenant acme has it too",
		begin + second + "    webhook_secret: canary_own\n":                 ":8: tenants: webhook_secret: VENNIO_WEBHOOK_SECRET has it too",
		begin + second + "    key_created: soon\n":                          ":8: tenants: key_created \"soon\": want a day",
		begin + second + "    sinks: [{name: a, type: slack, url: \"https://x.example.com\"}, {name: a, type: slack, url: \"https://x.example.com\"}]\n": ":8: tenants: sinks: name: \"a\" is taken",
	} {
		_, err := config.Load(map[string]string{"settings": settingsFile(t, content)}, env{"VENNIO_WEBHOOK_SECRET": "canary_own"}.get)
		require.ErrorContains(t, err, want, content)
		assert.NotContains(t, err.Error(), "canary", content)
	}
}

func TestAnAnchorServesTwoTenants(t *testing.T) {
	t.Parallel()
	file := settingsFile(t, `
caller_keys: true
tenants:
  - {name: acme, api_key: key_1, timezone: &zone Asia/Tokyo, sinks: &all [{name: team, type: slack, url: "https://x.example.com"}]}
  - {name: beta, api_key: key_2, timezone: *zone, sinks: *all}
`)
	c, err := config.Load(map[string]string{"settings": file}, env{}.get)
	require.NoError(t, err)
	assert.Equal(t, c.Tenants[0].Sinks, c.Tenants[1].Sinks)
	assert.Equal(t, "Asia/Tokyo", c.Tenants[1].Zone.String())
}
