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

// bar: X1. The real binary as a protected resource: it says who issues tokens,
// takes theirs, tells tenants and scopes by them, and asks for more where they
// do not do.
func TestBar_X1_TokensOfAnAuthorizationServer(t *testing.T) {
	t.Parallel()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	point, err := key.PublicKey.Bytes() // 4, then x and y
	require.NoError(t, err)
	b64 := base64.RawURLEncoding.EncodeToString
	issuer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, `{"keys":[{"kty":"EC","crv":"P-256","alg":"ES256","use":"sig","kid":"k","x":%q,"y":%q}]}`, b64(point[1:33]), b64(point[33:]))
	}))
	t.Cleanup(issuer.Close)
	token := func(audience, tenant, scope string) string {
		made := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims{
			"iss": issuer.URL, "aud": audience, "sub": "ada", "exp": time.Now().Add(time.Hour).Unix(), "org": tenant, "scope": scope,
		})
		made.Header["kid"] = "k"
		signed, err := made.SignedString(key)
		require.NoError(t, err)
		return signed
	}
	c := &company{t: t, bank: newBank(t, keyOfAcme, keyOfBeta)}
	settings := filepath.Join(t.TempDir(), "settings.yaml")
	require.NoError(t, os.WriteFile(settings, fmt.Appendf(nil, `
oauth: {issuer: "%s", jwks_url: "%s/jwks", tenant_claim: org}
tenants:
  - {name: acme, api_key: %s, consent: attested}
  - {name: beta, api_key: %s, consent: attested}
`, issuer.URL, issuer.URL, keyOfAcme, keyOfBeta), 0o600))
	const resource = "https://mcp.example.com"
	c.server = start(t, clean(t, "VENNIO_API_URL="+c.bank.url, "VENNIO_MCP_SETTINGS="+settings, "VENNIO_MCP_PUBLIC_URL="+resource, "VENNIO_LOG_LEVEL=debug"), "serve", "--addr", "127.0.0.1:0")
	c.url = c.server.address()

	for _, path := range []string{"", "/mcp", "/sse"} {
		told := get(t, c.url+"/.well-known/oauth-protected-resource"+path, "Host", "mcp.example.com")
		assert.Contains(t, told.body, `"resource":"`+resource+`"`)
		assert.Contains(t, told.body, `"authorization_servers":["`+issuer.URL+`"]`)
	}
	challenge := post(t, c.url+"/mcp", "{}").header.Get("WWW-Authenticate")
	assert.Contains(t, challenge, `resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource"`)

	const all = "vennio:read vennio:book"
	ada := c.as(token(resource, "acme", all))
	made := ada.books(ada.finds(), "ada@acme.example")
	require.True(t, c.holds(keyOfAcme, made.BookingID), made.Error)
	bob := c.as(token(resource, "beta", all))
	assert.Equal(t, "not_found", bob.call("get_booking", map[string]any{"booking_id": made.BookingID}).Error.Code)
	reader := c.as(token(resource, "acme", "openid vennio:read"))
	got := reader.says("tools/call", map[string]any{"name": "book_slot"}, nil)
	assert.Equal(t, http.StatusForbidden, got.status)
	assert.Contains(t, got.header.Get("WWW-Authenticate"), `error="insufficient_scope"`)
	for want, try := range map[string]int{
		token("https://other.example.com", "acme", all): http.StatusUnauthorized,
		token(resource, "gamma", all):                   http.StatusForbidden,
		token(resource, "acme", "openid"):               http.StatusForbidden,
		strings.ToUpper(token(resource, "acme", all)):   http.StatusUnauthorized,
	} {
		assert.Equal(t, try, post(t, c.url+"/mcp", "{}", "Authorization", "Bearer "+want).status)
	}
	assert.NotContains(t, c.bank.heard(), "eyJ", "the token goes nowhere")
	assert.NotContains(t, c.everything(), "eyJ")
	assert.NotContains(t, c.everything(), "c4n4ry")
}
