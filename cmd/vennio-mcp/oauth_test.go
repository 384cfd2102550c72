package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	resource  = "https://mcp.example.com" // what tokens must be for
	allScopes = "vennio:read vennio:book"
)

// authority is an authorization server: it tells its key, and signs tokens.
type authority struct {
	t   *testing.T
	key *ecdsa.PrivateKey
	url string
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	point, err := key.PublicKey.Bytes() // 4, then x and y
	require.NoError(t, err)
	b64 := base64.RawURLEncoding.EncodeToString
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, `{"keys":[{"kty":"EC","crv":"P-256","alg":"ES256","use":"sig","kid":"k","x":%q,"y":%q}]}`, b64(point[1:33]), b64(point[33:]))
	}))
	t.Cleanup(site.Close)
	return authority{t, key, site.URL}
}

// token is Ada's, good for an hour.
func (a authority) token(audience, tenant, scope string) string {
	a.t.Helper()
	made := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims{
		"iss": a.url, "aud": audience, "sub": "ada", "exp": time.Now().Add(time.Hour).Unix(), "org": tenant, "scope": scope,
	})
	made.Header["kid"] = "k"
	signed, err := made.SignedString(a.key)
	require.NoError(a.t, err)
	return signed
}

// trusting is a company that takes this authority's tokens and no others.
func (a authority) trusting() *company {
	a.t.Helper()
	c := &company{t: a.t, bank: newBank(a.t, keyOfAcme, keyOfBeta)}
	settings := filepath.Join(a.t.TempDir(), "settings.yaml")
	require.NoError(a.t, os.WriteFile(settings, fmt.Appendf(nil, `
oauth: {issuer: "%s", jwks_url: "%s/jwks", tenant_claim: org}
tenants:
  - {name: acme, api_key: %s, consent: attested}
  - {name: beta, api_key: %s, consent: attested}
`, a.url, a.url, keyOfAcme, keyOfBeta), 0o600))
	c.server = start(a.t, clean(a.t, "VENNIO_API_URL="+c.bank.url, "VENNIO_MCP_SETTINGS="+settings, "VENNIO_MCP_PUBLIC_URL="+resource, "VENNIO_LOG_LEVEL=debug"), "serve", "--addr", "127.0.0.1:0")
	c.url = c.server.address()
	return c
}

// bar: X1. The real binary as a protected resource: it says who issues tokens.
func TestBar_X1_WhoIssuesTokensIsTold(t *testing.T) {
	t.Parallel()
	issuer := newAuthority(t)
	c := issuer.trusting()
	for _, path := range []string{"", "/mcp", "/sse"} {
		told := get(t, c.url+"/.well-known/oauth-protected-resource"+path, "Host", "mcp.example.com")
		assert.Contains(t, told.body, `"resource":"`+resource+`"`)
		assert.Contains(t, told.body, `"authorization_servers":["`+issuer.url+`"]`)
	}
	challenge := post(t, c.url+"/mcp", "{}").header.Get("WWW-Authenticate")
	assert.Contains(t, challenge, `resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource"`)
}

// bar: X1. It takes their tokens, tells tenants and scopes by them, and asks for
// more where they do not do.
func TestBar_X1_TokensOfAnAuthorizationServer(t *testing.T) {
	t.Parallel()
	issuer := newAuthority(t)
	c := issuer.trusting()
	ada := c.as(issuer.token(resource, "acme", allScopes))
	made := ada.books(ada.finds(), "ada@acme.example")
	require.True(t, c.holds(keyOfAcme, made.BookingID), made.Error)
	bob := c.as(issuer.token(resource, "beta", allScopes))
	assert.Equal(t, "not_found", bob.call("get_booking", map[string]any{"booking_id": made.BookingID}).Error.Code)
	reader := c.as(issuer.token(resource, "acme", "openid vennio:read"))
	got := reader.says("tools/call", map[string]any{"name": "book_slot"}, nil)
	assert.Equal(t, http.StatusForbidden, got.status)
	assert.Contains(t, got.header.Get("WWW-Authenticate"), `error="insufficient_scope"`)
	for token, want := range map[string]int{
		issuer.token("https://other.example.com", "acme", allScopes): http.StatusUnauthorized,
		issuer.token(resource, "gamma", allScopes):                   http.StatusForbidden,
		issuer.token(resource, "acme", "openid"):                     http.StatusForbidden,
		strings.ToUpper(issuer.token(resource, "acme", allScopes)):   http.StatusUnauthorized,
	} {
		assert.Equal(t, want, post(t, c.url+"/mcp", "{}", "Authorization", "Bearer "+token).status)
	}
	assert.NotContains(t, c.bank.heard(), "eyJ", "the token goes nowhere")
	assert.NotContains(t, c.everything(), "eyJ")
	assert.NotContains(t, c.everything(), canary)
}
