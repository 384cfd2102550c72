package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/auth"
	"github.com/vennio-mcp/vennio-mcp/internal/webhooks"
)

// req: X5, W1. What is kept of a tenant that the settings have no more is listed,
// and can be forgotten, though Vennio cannot be told.
func TestReq_X5_SubscriptionsOfATenantThatIsGoneCanBeRemoved(t *testing.T) {
	t.Parallel()
	bank := newBank(t, keyOfAcme, keyOfBeta)
	settings := filepath.Join(t.TempDir(), "settings.yaml")
	tenants := func(text string) {
		require.NoError(t, os.WriteFile(settings, []byte("tokens: [{name: bob, hash: \""+auth.HashOf(auth.NewToken()).String()+"\", tenant: beta}]\ntenants:\n"+text), 0o600))
	}
	env := clean(t, "VENNIO_API_URL="+bank.url, "VENNIO_MCP_SETTINGS="+settings)
	tenants("  - {name: acme, api_key: " + keyOfAcme + "}\n  - {name: beta, api_key: " + keyOfBeta + "}\n")
	well(t, env, "webhooks", "register", "--tenant", "acme", "--url", "https://a.example.com"+webhooks.PathOf("acme"))
	tenants("  - {name: beta, api_key: " + keyOfBeta + "}\n")

	assert.Contains(t, well(t, env, "webhooks", "list", "--all-tenants"), "the settings have no key for its tenant: set the key, or remove it")
	var line subscriptionLine
	out := well(t, env, "webhooks", "list", "--tenant", "acme", "--json")
	require.NoError(t, json.Unmarshal([]byte(out), &line), out)
	assert.True(t, line.NoKey && line.Here)
	for args, want := range map[string]string{
		"register --tenant acme --url https://a.example.com": "no key for this tenant",
		"remove --tenant acme wh_0":                          "there is no subscription",
	} {
		code, _, errs := run(t, env, append([]string{"webhooks"}, strings.Fields(args)...)...)
		assert.Equal(t, 2, code, args)
		assert.Contains(t, errs, want)
	}
	assert.Contains(t, well(t, env, "webhooks", "remove", "--tenant", "acme", line.ID), "Vennio was NOT informed")
	assert.NotContains(t, well(t, env, "webhooks", "list", "--all-tenants"), line.ID)
	code, _, errs := run(t, env, "webhooks", "list", "--tenant", "acme")
	assert.Equal(t, 2, code)
	assert.Contains(t, errs, "has no such tenant; there are beta")
}
