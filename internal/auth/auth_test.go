package auth_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/auth"
	"github.com/vennio-mcp/vennio-mcp/internal/tenant"
)

func TestATokenIsVerifiedByItsHash(t *testing.T) {
	t.Parallel()
	token := auth.NewToken()
	assert.NotEqual(t, token, auth.NewToken())
	hash, err := auth.ParseHash(auth.HashOf(token).String())
	require.NoError(t, err)
	check, err := auth.New(t.Context(), auth.Options{Tokens: []auth.Token{
		{Name: "other", Hash: auth.HashOf("x")}, {Name: "ada", Tenant: "acme", Hash: hash}, {Name: "last", Hash: auth.HashOf("y")},
	}})
	require.NoError(t, err)
	got, err := check.Identify(bearer(t, token))
	require.NoError(t, err)
	assert.Equal(t, "ada", got.Name)
	assert.Equal(t, "acme", got.Tenant)
	for _, bad := range []string{"", "sha256:", token, "sha256:zz", "md5:" + hash.String()[7:], hash.String() + "0"} {
		_, err := auth.ParseHash(bad)
		require.Error(t, err)
		assert.NotContains(t, err.Error(), token)
	}
}

func TestWithoutCredentialsInTheSettingsCallersAreAnonymous(t *testing.T) {
	t.Parallel()
	check, err := auth.New(t.Context(), auth.Options{})
	require.NoError(t, err)
	assert.False(t, check.Required())
	got, err := check.Identify(request(t))
	require.NoError(t, err)
	assert.True(t, got.May(auth.ScopeBook))
	assert.Nil(t, check.Metadata())
}

// req: X5. Each caller's key is a separate tenant, whose name other callers cannot produce.
func TestReq_X5_ACallersKeyIsASeparateTenant(t *testing.T) {
	t.Parallel()
	check, err := auth.New(t.Context(), auth.Options{CallerKeys: true, Keys: tenant.NewKeyring([]byte("secret"))})
	require.NoError(t, err)
	tenants := map[string]bool{}
	for _, key := range []string{"vennio_sk_test_one", "vennio_sk_test_two", "vennio_sk_test_one"} {
		got, err := check.Identify(request(t, auth.HeaderKey, key))
		require.NoError(t, err)
		assert.Equal(t, key, got.Key)
		assert.NotContains(t, fmt.Sprintf("%v %+v %#v", got, got, got), "vennio_sk")
		assert.NotContains(t, got.Tenant, "vennio_sk")
		tenants[got.Tenant] = true
	}
	assert.Len(t, tenants, 2)
	for _, headers := range [][]string{{}, {auth.HeaderKey, ""}, {auth.HeaderKey, "vennio_sk_a b"}, {auth.HeaderKey, "vennio_sk_test_one", auth.HeaderKey, "vennio_sk_test_two"}} {
		_, err := check.Identify(request(t, headers...))
		assert.Error(t, err, headers)
	}
}

func TestTheNumberOfTrustedProxyHops(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		forwarded []string
		hops      int
		want      string
	}{
		{nil, 0, "192.0.2.1"},
		{[]string{"203.0.113.9"}, 0, "192.0.2.1"},                             // no trusted proxy
		{[]string{"203.0.113.9"}, 1, "203.0.113.9"},                           // appended by the proxy
		{[]string{"198.51.100.1, 203.0.113.9"}, 1, "203.0.113.9"},             // the first entry comes from the caller
		{[]string{"198.51.100.1", "203.0.113.9, 10.0.0.1"}, 2, "203.0.113.9"}, // several headers
		{[]string{"203.0.113.9"}, 2, "192.0.2.1"},                             // passed only one of the proxies
		{[]string{"evil\r\n"}, 1, "192.0.2.1"},
		{[]string{"[2001:db8::1]:443"}, 1, "2001:db8::1"},
	} {
		r := request(t)
		r.RemoteAddr = "192.0.2.1:1234"
		for _, v := range c.forwarded {
			r.Header.Add("X-Forwarded-For", v)
		}
		assert.Equal(t, c.want, auth.Client(r, c.hops).String(), c)
	}
	r := request(t, "X-Forwarded-Proto", "http, https")
	assert.False(t, auth.Secure(r, 0))
	assert.True(t, auth.Secure(r, 1))
	r.RemoteAddr = "127.0.0.1:1"
	assert.True(t, auth.Local(r, 0))
	assert.False(t, auth.Local(r, 1), "a proxy is configured")
	for _, header := range []string{"X-Forwarded-For", "Forwarded", "Via"} {
		r := request(t, header, "x")
		r.RemoteAddr = "127.0.0.1:1"
		assert.False(t, auth.Local(r, 0), header)
	}
}

func TestReq_X3_CredentialsInURLsAreDetected(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]bool{
		"/mcp": false, "/message?sessionId=ABC": false, "/approvals/x?lang=en": false, "/mcp?keyboard=x": false,
		"/mcp?key=": true, "/mcp?Api_Key=x": true, "/mcp?access-token=x": true, "/mcp?x=vennio_sk_live_1": true,
		"/mcp?vennio_at_1": true, "/mcp?a=" + auth.NewToken(): true, "/mcp?X-Vennio-Api-Key=x": true,
	} {
		u, err := url.Parse(address)
		require.NoError(t, err)
		assert.Equal(t, want, auth.CredentialInQuery(u), address)
	}
}

func TestTheChallengeOfARefusal(t *testing.T) {
	t.Parallel()
	check, err := auth.New(t.Context(), auth.Options{Tokens: []auth.Token{{Name: "ada"}}})
	require.NoError(t, err)
	assert.Equal(t, `Bearer realm="vennio-mcp"`, check.Challenge(&auth.Denied{Status: http.StatusUnauthorized, Why: "x"}))
	assert.Empty(t, check.Challenge(&auth.Denied{Status: http.StatusBadRequest, Why: "x"}))
	assert.Contains(t, check.Challenge(auth.MissingScope(auth.ScopeBook)), `error="insufficient_scope"`)
	assert.Contains(t, check.Challenge(&auth.Denied{Status: 401, Code: "invalid_token", Why: `a "quoted\" why`}), `error_description="a 'quoted/' why"`)
	broken := check.Challenge(&auth.Denied{Status: 401, Code: "invalid_token", Why: "a\r\nX-Injected: 1\x00\u2028"})
	assert.Contains(t, broken, `error_description="a  X-Injected: 1  "`)
}

func TestLoopbackHosts(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]bool{
		"localhost": true, "LocalHost": true, "app.localhost": true, "a.b.LOCALHOST": true, "127.0.0.1": true, "127.255.255.254": true,
		"::1": true, "0:0:0:0:0:0:0:1": true, "::ffff:127.0.0.1": true, "::ffff:7f00:2": true,
		"": false, "localhost.example.com": false, "notlocalhost": false, "localhost.": false, "localhost:80": false, "[::1]": false, "0.0.0.0": false, "::": false,
		"128.0.0.1": false, "10.0.0.1": false, "169.254.0.1": false, "::2": false, "fe80::1": false, "::ffff:128.0.0.1": false, "127.1": false, "2130706433": false, "0x7f.0.0.1": false, "127.0.0.1.evil.example": false,
	} {
		assert.Equal(t, want, auth.LoopbackHost(host), "%q", host)
	}
}

// The ledger contains tenant names that were derived from callers' keys. These names were derived by the
// program of 30 November 2026 (commit 55c487f).
//
// field: tenants of callers' keys of an earlier release
func TestTenantsOfCallersKeysAreUnchanged(t *testing.T) {
	t.Parallel()
	token := auth.NewToken()
	for secret, name := range map[string]string{"a secret": "key:9a8b9dd48bba4670287a054d78254c43", "another secret": "key:40a237782b3f91d4e56d93e46c24e252"} {
		c, err := auth.New(t.Context(), auth.Options{Tokens: []auth.Token{{Name: "ada", Hash: auth.HashOf(token)}}, CallerKeys: true, Keys: tenant.NewKeyring([]byte(secret))})
		require.NoError(t, err)
		r := httptest.NewRequestWithContext(t.Context(), "POST", "/mcp", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set(auth.HeaderKey, "vennio_sk_test_fixture")
		caller, err := c.Identify(r)
		require.NoError(t, err)
		assert.Equal(t, name, caller.Tenant)
	}
}
