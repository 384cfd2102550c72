package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/auth"
	"github.com/vennio-mcp/vennio-mcp/internal/config"
	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/scheduling"
	"github.com/vennio-mcp/vennio-mcp/internal/tenant"
)

var hashLine = auth.HashOf("canary").String()

func TestTenantsHaveWhatAllHaveUnlessTheySetIt(t *testing.T) {
	t.Parallel()
	key := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(key, []byte("vennio_sk_test_beta\n"), 0o600))
	file := settingsFile(t, `
tokens:
  - {name: ada, hash: "`+hashLine+`", tenant: acme, scopes: ["vennio:read"]}
tenants:
  - {name: acme, api_key: "${ACME}", hosts: "Ada=id-1;50 EUR, Bob=id-2", consent: human, max_price: 60 EUR, rate: 5}
  - {name: beta, api_key_file: `+key+`, timezone: Asia/Tokyo, read_only: true, business_id: id-3, caller_requests: "3, 4"}
oauth: {issuer: "https://login.example.com", jwks_url: "https://login.example.com/jwks", tenant_claim: org}
`)
	c, err := config.Load(map[string]string{"settings": file, "public-url": "https://mcp.example.com/"}, env{
		"ACME": "vennio_sk_test_acme", "VENNIO_GUEST_DOMAINS": "example.com", "VENNIO_TIMEZONE": "Europe/Paris", "VENNIO_API_URL": "https://vennio.example.com",
	}.get)
	require.NoError(t, err)
	require.Len(t, c.Tenants, 2)
	acme, beta := c.Tenants[0], c.Tenants[1]
	assert.Equal(t, "vennio_sk_test_acme", acme.APIKey.Reveal())
	assert.Equal(t, consent.PolicyHuman, acme.Consent)
	assert.Equal(t, scheduling.Directory{{Name: "Ada", ID: "id-1", Price: "50 EUR"}, {Name: "Bob", ID: "id-2"}}, acme.Hosts)
	assert.Equal(t, "60.00 EUR", acme.Limits.MaxPrice.String())
	assert.Equal(t, []string{"example.com"}, acme.Limits.GuestDomains)
	assert.Equal(t, "Europe/Paris", acme.Zone.String())
	assert.InDelta(t, 5, float64(acme.Serve.Rate), 0)
	assert.Equal(t, "vennio_sk_test_beta", beta.APIKey.Reveal())
	assert.Equal(t, consent.PolicyAsk, beta.Consent)
	assert.True(t, beta.Tools.ReadOnly)
	assert.Equal(t, "Asia/Tokyo", beta.Zone.String())
	assert.Nil(t, beta.Limits.MaxPrice)
	assert.Equal(t, consent.AskLimits{Open: 3, Hourly: 4, TenantOpen: 100, TenantHourly: 300}, beta.Limits.Asking)
	assert.Equal(t, consent.AskLimits{Open: 20, Hourly: 30, TenantOpen: 100, TenantHourly: 300}, acme.Limits.Asking, "the defaults")
	assert.Equal(t, "https://vennio.example.com", beta.APIURL, "req: X4: the address is the operator's alone")
	assert.Equal(t, "https://mcp.example.com", c.Access(tenant.Keyring{}).OAuth.Audience)
	assert.Equal(t, []auth.Token{{Name: "ada", Tenant: "acme", Hash: auth.HashOf("canary"), Scopes: []string{"vennio:read"}}}, c.Serve.Tokens)
	assert.True(t, c.Real())
}

func TestMistakesAboutCallersAndTenantsAreNamed(t *testing.T) {
	t.Parallel()
	tenant := "tenants: [{name: acme, api_key: canary_key_1}]\n"
	for content, want := range map[string]string{
		"tokens:\n  - {name: ada, hash: canary}":                                                 ":2: tokens: hash: write sha256:",
		"tokens:\n  - {hash: \"" + hashLine + "\"}":                                              ":2: tokens: name: is missing",
		"tokens:\n  - {name: ada, hash: \"" + hashLine + "\", scopes: [all]}":                    "scopes: \"all\": want some of vennio:read",
		"tokens:\n  - {name: ada, hash: \"" + hashLine + "\", tenant: none}":                     "tenant \"none\", which tenants",
		tenant + "tokens:\n  - {name: ada, hash: \"" + hashLine + "\"}":                          "names no tenant",
		"tokens: [{name: a, hash: \"" + hashLine + "\"}, {name: a, hash: \"" + hashLine + "\"}]": "\"a\" is taken by another token",
		"tenants:\n  - {name: Acme, api_key: canary_key_1}":                                      ":2: tenants: name: want lower-case",
		"tenants:\n  - {name: \"key:1\", api_key: canary_key_1}":                                 ":2: tenants: name: want lower-case",
		tenant:                       "neither tokens nor oauth",
		"tenants:\n  - {name: acme}": ":2: tenants: api_key: is missing",
		"tenants:\n  - {name: acme, api_key: \"${NOT_SET}\"}":                                                "the environment has no such variable",
		"tenants:\n  - {name: acme, api_key: canary_key_1, api_url: \"https://x.example\"}":                  "api_url: there is no such setting",
		"tenants:\n  - {name: acme, api_key: canary_key_1, hours: never}":                                    "hours \"never\": want weekdays",
		"tenants: [{name: a, api_key: canary_key_1}, {name: a, api_key: canary_key_2}]":                      "\"a\" is taken by another tenant",
		"oauth: {issuer: \"https://a.example\", jwks_url: \"http://a.example/jwks\", audience: x}":           "jwks_url: want an https address",
		"oauth: {jwks_url: \"https://a.example/jwks\", audience: x}":                                         "issuer: is missing",
		"oauth: {issuer: \"https://a.example\", jwks_url: \"https://a.example/jwks\"}":                       "oauth needs VENNIO_MCP_PUBLIC_URL",
		tenant + "oauth: {issuer: \"https://a.example\", jwks_url: \"https://a.example/jwks\", audience: x}": "names no tenant_claim",
	} {
		_, err := config.Load(map[string]string{"settings": settingsFile(t, content)}, env{}.get)
		require.ErrorContains(t, err, want, content)
		assert.NotContains(t, err.Error(), "canary", content)
	}
}

// field: settings of signing in
func TestSignInIsReadAndItsMistakesNameTheNextStep(t *testing.T) {
	t.Parallel()
	const oauth = "oauth:\n  issuer: https://login.example.com\n  jwks_url: https://login.example.com/jwks\n  tenant_claim: org\n"
	const tenants = "tenants: [{name: acme, api_key: canary_key_1}]\n"
	dir := t.TempDir()
	secret, empty := filepath.Join(dir, "secret"), filepath.Join(dir, "empty")
	require.NoError(t, os.WriteFile(secret, []byte("canary-file\n"), 0o600))
	require.NoError(t, os.WriteFile(empty, []byte("\n"), 0o600))
	load := func(signIn string) (config.Config, error) {
		return config.Load(map[string]string{"settings": settingsFile(t, oauth+"  sign_in: "+signIn+"\n"+tenants), "public-url": "http://localhost:8080"}, env{"SECRET": "canary-env"}.get)
	}
	c, err := load(`{client_id: vennio, client_secret: "${SECRET}", allow: {email_domains: [example.com], subjects: [17, "auth0|8"]}}`)
	require.NoError(t, err)
	o, ok := c.SignIn()
	require.True(t, ok)
	assert.Equal(t, auth.SignInOptions{
		Issuer: "https://login.example.com", ClientID: "vennio", ClientSecret: "canary-env", Scopes: []string{"profile", "email"}, TenantClaim: "org",
		Tenants: map[string]bool{"": false, "acme": true}, Domains: []string{"example.com"}, Subjects: []string{"17", "auth0|8"},
	}, o)
	assert.NotContains(t, fmt.Sprintf("%v %+v %#v %+v", c, c, c, *c.Serve.SignIn), "canary-env", "secrets print as stars")
	assert.Nil(t, c.Tenants[0].Serve.SignIn)
	c, err = load(`{client_id: vennio, client_secret_file: ` + secret + `, scopes: [email]}`)
	require.NoError(t, err)
	o, _ = c.SignIn()
	assert.Equal(t, "canary-file", o.ClientSecret.Reveal())
	assert.Equal(t, []string{"email"}, o.Scopes)

	for signIn, want := range map[string]string{
		`{}`: ":3: oauth: sign_in.client_id: is missing: register",
		`{client_id: a, client_secret: "${NOT_SET}"}`:                      ":5: oauth: sign_in.client_secret: ${NOT_SET}: the environment has no such variable",
		`{client_id: a, client_secret: canary, client_secret_file: /none}`: ":5: oauth: sign_in.client_secret_file: is set and client_secret too",
		`{client_id: a, client_secret_file: /none}`:                        ":5: oauth: sign_in.client_secret_file: cannot be read: /none",
		`{client_id: a, client_secret_file: ` + empty + `}`:                ":5: oauth: sign_in.client_secret_file: is empty",
		`{client_id: a, allow: {}}`:                                        ":5: oauth: sign_in.allow: is empty: want email_domains or subjects",
		`{client_id: a, allow: {email_domains: [], subjects: []}}`:         ":5: oauth: sign_in.allow: is empty: want email_domains or subjects",
		`{client_id: a, allow: {email_domains: ["@example.com"]}}`:         ":5: oauth: sign_in.allow.email_domains: want domains alone",
		`{client_id: a, allow: {email_domains: ["*.example.com"]}}`:        ":5: oauth: sign_in.allow.email_domains: want domains alone",
		`{client_id: a, allow: {subjects: [""]}}`:                          ":5: oauth: sign_in.allow.subjects: want the sub",
		`{client_id: a, scopes: [profile email]}`:                          ":5: oauth: sign_in.scopes: want names of scopes",
		`{client_id: a, redirect: x}`:                                      "unknown field",
		`{client_id: a, allow: {domains: [example.com]}}`:                  "unknown field",
	} {
		_, err := load(signIn)
		require.ErrorContains(t, err, want, signIn)
		assert.NotContains(t, err.Error(), "canary", signIn)
	}
	for content, want := range map[string]string{
		oauth + "  audience: x\n  sign_in: {client_id: a}\n" + tenants:                                                                                     "oauth.sign_in needs VENNIO_MCP_PUBLIC_URL",
		"oauth: {issuer: accounts.example.com, jwks_url: \"https://a.example/jwks\", audience: x, tenant_claim: org, sign_in: {client_id: a}}\n" + tenants: "issuer: want an https address",
		"caller_keys: true\noauth: {issuer: \"https://a.example\", jwks_url: \"https://a.example/jwks\", audience: x, sign_in: {client_id: a}}":            "oauth.sign_in has no tenant",
	} {
		_, err := config.Load(map[string]string{"settings": settingsFile(t, content)}, env{}.get)
		require.ErrorContains(t, err, want, content)
	}
}

func TestSettingsOfServingAreChecked(t *testing.T) {
	t.Parallel()
	file := settingsFile(t, `- {name: ada, hash: "`+hashLine+`"}`)
	c, err := config.Load(map[string]string{
		"tokens-file": file, "allowed-hosts": "mcp.example.com, 10.0.0.7:8080", "allowed-origins": "https://app.example.com", "trusted-proxies": "2",
		"rate": "0.5", "rate-all": "off", "session-idle": "10s", "daily-bookings": "3", "hours": "mon 09:00-10:00",
		"caller-requests": "5, 0", "tenant-requests": "50,60",
	}, env{}.get)
	require.NoError(t, err)
	assert.Equal(t, []string{"mcp.example.com", "10.0.0.7:8080"}, c.Serve.AllowedHosts)
	assert.Equal(t, 2, c.Serve.Proxies)
	assert.Equal(t, config.Rate(-1), c.Serve.RateAll)
	assert.Equal(t, 10*time.Second, c.Serve.SessionIdle)
	assert.Equal(t, 3, c.Limits.Daily)
	assert.Equal(t, consent.AskLimits{Open: 5, TenantOpen: 50, TenantHourly: 60}, c.Limits.Asking)
	assert.Equal(t, "ada", c.Serve.Tokens[0].Name)
	wrong := map[string]string{
		"tokens-file": "/no/such/file", "allowed-hosts": "https://a.example", "allowed-origins": "*", "trusted-proxies": "all", "rate": "fast", "session-idle": "9s",
		"public-url": "mcp.example.com/path", "tls-cert": "/cert.pem", "daily-bookings": "-1", "guest-domains": "a b", "max-price": "100", "hours": "x",
		"caller-requests": "20", "tenant-requests": "-1, 5",
	}
	_, err = config.Load(wrong, env{}.get)
	require.Error(t, err)
	for name := range wrong {
		if name != "tls-cert" {
			assert.ErrorContains(t, err, "--"+name)
		}
	}
	assert.ErrorContains(t, err, "belong together")
	assert.Equal(t, len(wrong), strings.Count(err.Error(), "\n"))
}

func TestSessionsAreKeptUnlessTheOperatorSaysNo(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]bool{"": false, "false": false, "true": true, "1": true} {
		c, err := config.Load(nil, env{"VENNIO_MCP_STATELESS": said}.get)
		require.NoError(t, err, said)
		assert.Equal(t, want, c.Serve.Stateless, said)
	}
	_, err := config.Load(map[string]string{"stateless": "perhaps"}, env{}.get)
	require.ErrorContains(t, err, `"perhaps": want true or false`)
}

// A tenant whose choice of tools leaves none would be served an empty list.
func TestATenantWithoutAnyToolIsAMistake(t *testing.T) {
	t.Parallel()
	file := settingsFile(t, "tenants:\n  - {name: beta, api_key: vennio_sk_test_1, read_only: true}\n")
	_, err := config.Load(map[string]string{"settings": file, "tools": "book_slot"}, env{}.get)
	require.ErrorContains(t, err, "the tenant beta has no tool left")
	_, err = config.Load(map[string]string{"settings": file, "tools": "book_slot,find_slots"}, env{}.get)
	assert.NotContains(t, fmt.Sprint(err), "no tool left")
}
