package access_test

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/access"
)

func TestATokenIsKnownByItsHashAlone(t *testing.T) {
	t.Parallel()
	token := access.NewToken()
	assert.NotEqual(t, token, access.NewToken())
	hash, err := access.ParseHash(access.HashOf(token).String())
	require.NoError(t, err)
	check, err := access.New(t.Context(), access.Options{Tokens: []access.Token{
		{Name: "other", Hash: access.HashOf("x")}, {Name: "ada", Tenant: "acme", Hash: hash}, {Name: "last", Hash: access.HashOf("y")},
	}})
	require.NoError(t, err)
	got, err := check.Identify(bearer(t, token))
	require.NoError(t, err)
	assert.Equal(t, "ada", got.Name)
	assert.Equal(t, "acme", got.Tenant)
	for _, bad := range []string{"", "sha256:", token, "sha256:zz", "md5:" + hash.String()[7:], hash.String() + "0"} {
		_, err := access.ParseHash(bad)
		require.Error(t, err)
		assert.NotContains(t, err.Error(), token)
	}
}

func TestWhereNobodyIsAskedEveryoneMay(t *testing.T) {
	t.Parallel()
	check, err := access.New(t.Context(), access.Options{})
	require.NoError(t, err)
	assert.False(t, check.Asks())
	got, err := check.Identify(request(t))
	require.NoError(t, err)
	assert.True(t, got.May(access.ScopeBook))
	assert.Nil(t, check.Metadata())
}

// bar: X5. A caller's key makes a tenant that nobody else can name.
func TestBar_X5_ACallersKeyIsATenantOfItsOwn(t *testing.T) {
	t.Parallel()
	check, err := access.New(t.Context(), access.Options{CallerKeys: true, Secret: []byte("secret")})
	require.NoError(t, err)
	tenants := map[string]bool{}
	for _, key := range []string{"vennio_sk_test_one", "vennio_sk_test_two", "vennio_sk_test_one"} {
		got, err := check.Identify(request(t, access.HeaderKey, key))
		require.NoError(t, err)
		assert.Equal(t, key, got.Key)
		assert.NotContains(t, fmt.Sprintf("%v %+v %#v", got, got, got), "vennio_sk")
		assert.NotContains(t, got.Tenant, "vennio_sk")
		tenants[got.Tenant] = true
	}
	assert.Len(t, tenants, 2)
	for _, headers := range [][]string{{}, {access.HeaderKey, ""}, {access.HeaderKey, "vennio_sk_a b"}, {access.HeaderKey, "vennio_sk_test_one", access.HeaderKey, "vennio_sk_test_two"}} {
		_, err := check.Identify(request(t, headers...))
		assert.Error(t, err, headers)
	}
}

func TestProxiesAreBelievedByTheirNumber(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		forwarded []string
		hops      int
		want      string
	}{
		{nil, 0, "192.0.2.1"},
		{[]string{"203.0.113.9"}, 0, "192.0.2.1"},                             // nobody is trusted
		{[]string{"203.0.113.9"}, 1, "203.0.113.9"},                           // what the proxy saw
		{[]string{"198.51.100.1, 203.0.113.9"}, 1, "203.0.113.9"},             // what the caller wrote before it
		{[]string{"198.51.100.1", "203.0.113.9, 10.0.0.1"}, 2, "203.0.113.9"}, // in several headers
		{[]string{"203.0.113.9"}, 2, "192.0.2.1"},                             // did not pass both
		{[]string{"evil\r\n"}, 1, "192.0.2.1"},
		{[]string{"[2001:db8::1]:443"}, 1, "2001:db8::1"},
	} {
		r := request(t)
		r.RemoteAddr = "192.0.2.1:1234"
		for _, v := range c.forwarded {
			r.Header.Add("X-Forwarded-For", v)
		}
		assert.Equal(t, c.want, access.Client(r, c.hops).String(), c)
	}
	r := request(t, "X-Forwarded-Proto", "http, https")
	assert.False(t, access.Secure(r, 0))
	assert.True(t, access.Secure(r, 1))
	r.RemoteAddr = "127.0.0.1:1"
	assert.True(t, access.Local(r, 0))
	assert.False(t, access.Local(r, 1), "a proxy stands before us")
	for _, header := range []string{"X-Forwarded-For", "Forwarded", "Via"} {
		r := request(t, header, "x")
		r.RemoteAddr = "127.0.0.1:1"
		assert.False(t, access.Local(r, 0), header)
	}
}

func TestBar_X3_CredentialsInAddressesAreSeen(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]bool{
		"/mcp": false, "/message?sessionId=ABC": false, "/approvals/x?lang=en": false, "/mcp?keyboard=x": false,
		"/mcp?key=": true, "/mcp?Api_Key=x": true, "/mcp?access-token=x": true, "/mcp?x=vennio_sk_live_1": true,
		"/mcp?vennio_at_1": true, "/mcp?a=" + access.NewToken(): true, "/mcp?X-Vennio-Api-Key=x": true,
	} {
		u, err := url.Parse(address)
		require.NoError(t, err)
		assert.Equal(t, want, access.InQuery(u), address)
	}
}

func TestWhatADenialSays(t *testing.T) {
	t.Parallel()
	check, err := access.New(t.Context(), access.Options{Tokens: []access.Token{{Name: "ada"}}})
	require.NoError(t, err)
	assert.Equal(t, `Bearer realm="vennio-mcp"`, check.Challenge(&access.Denied{Status: http.StatusUnauthorized, Why: "x"}))
	assert.Empty(t, check.Challenge(&access.Denied{Status: http.StatusBadRequest, Why: "x"}))
	assert.Contains(t, check.Challenge(access.Lacks(access.ScopeBook)), `error="insufficient_scope"`)
	assert.Contains(t, check.Challenge(&access.Denied{Status: 401, Code: "invalid_token", Why: `a "quoted\" why`}), `error_description="a 'quoted/' why"`)
	broken := check.Challenge(&access.Denied{Status: 401, Code: "invalid_token", Why: "a\r\nX-Injected: 1\x00\u2028"})
	assert.Contains(t, broken, `error_description="a  X-Injected: 1  "`)
}
