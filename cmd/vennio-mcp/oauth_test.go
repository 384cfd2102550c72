package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/doctor"
)

const (
	resource  = "https://mcp.example.com" // what tokens must be for
	allScopes = "vennio:read vennio:book"
)

// authority is an authorization server: it tells its key, and signs tokens.
type authority struct {
	t    *testing.T
	key  *ecdsa.PrivateKey
	url  string
	keys func(own string) string // its key set, around its own key; nil: that key alone
	more string                  // settings beside issuer, jwks_url and tenant_claim

	login *login // where people sign in (signin_test.go); nil: nowhere
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	own := published(t, key)
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a.login != nil && a.login.serves(w, r) {
			return
		}
		if a.keys != nil {
			_, _ = fmt.Fprint(w, a.keys(own))
			return
		}
		_, _ = fmt.Fprintf(w, `{"keys":[%s]}`, own)
	}))
	t.Cleanup(site.Close)
	a.key, a.url = key, site.URL
	return a
}

// published is a key as the authority serves it.
func published(t *testing.T, key *ecdsa.PrivateKey) string {
	t.Helper()
	point, err := key.PublicKey.Bytes() // 4, then x and y
	require.NoError(t, err)
	b64 := base64.RawURLEncoding.EncodeToString
	return fmt.Sprintf(`{"kty":"EC","crv":"P-256","alg":"ES256","use":"sig","kid":"k","x":%q,"y":%q}`, b64(point[1:33]), b64(point[33:]))
}

// token is Ada's, good for an hour.
func (a *authority) token(audience, tenant string, scope any) string {
	return a.signs(nil, jwt.MapClaims{"aud": audience, "org": tenant, "scope": scope})
}

// absent takes a parameter out of the header of a token, or a claim out of it.
type absent struct{}

// signs makes a token of Ada's with more header parameters and claims.
func (a *authority) signs(header map[string]any, claims jwt.MapClaims) string {
	a.t.Helper()
	all := jwt.MapClaims{"iss": a.url, "aud": resource, "sub": "ada", "exp": time.Now().Add(time.Hour).Unix(), "org": "acme", "scope": allScopes}
	maps.Copy(all, claims)
	maps.DeleteFunc(all, func(_ string, value any) bool { return value == absent{} })
	made := jwt.NewWithClaims(jwt.SigningMethodES256, all)
	made.Header["kid"] = "k"
	maps.Copy(made.Header, header)
	maps.DeleteFunc(made.Header, func(_ string, value any) bool { return value == absent{} })
	signed, err := made.SignedString(a.key)
	require.NoError(a.t, err)
	return signed
}

// signsRaw makes a token of claims that no map can hold.
func (a *authority) signsRaw(claims string) string {
	a.t.Helper()
	b64 := base64.RawURLEncoding.EncodeToString
	text := b64([]byte(`{"alg":"ES256","kid":"k","typ":"at+jwt"}`)) + "." + b64([]byte(claims))
	signature, err := jwt.SigningMethodES256.Sign(text, a.key)
	require.NoError(a.t, err)
	return text + "." + b64(signature)
}

// trusting is a company that takes this authority's tokens and no others.
func (a *authority) trusting() *company {
	a.t.Helper()
	c := &company{t: a.t, bank: newBank(a.t, keyOfAcme, keyOfBeta)}
	settings := filepath.Join(a.t.TempDir(), "settings.yaml")
	require.NoError(a.t, os.WriteFile(settings, fmt.Appendf(nil, `
oauth: {issuer: "%s", jwks_url: "%s/jwks", tenant_claim: org%s}
tenants:
  - {name: acme, api_key: %s, consent: attested}
  - {name: beta, api_key: %s, consent: attested}
`, a.url, a.url, a.more, keyOfAcme, keyOfBeta), 0o600))
	c.env = stored(a.t, clean(a.t, "VENNIO_API_URL="+c.bank.url, "VENNIO_MCP_SETTINGS="+settings, "VENNIO_MCP_PUBLIC_URL="+resource, "VENNIO_LOG_LEVEL=debug"))
	c.server = start(a.t, c.env, "serve", "--addr", "127.0.0.1:0")
	c.url = c.server.address()
	return c
}

// req: X1. The real binary as a protected resource: it says who issues tokens.
func TestReq_X1_WhoIssuesTokensIsTold(t *testing.T) {
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

// req: X1. It takes their tokens, tells tenants and scopes by them, and asks for
// more where they do not do.
func TestReq_X1_TokensOfAnAuthorizationServer(t *testing.T) {
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
	assert.NotContains(t, c.bank.received(), "eyJ", "the token goes nowhere")
	assert.NotContains(t, c.everything(), "eyJ")
	assert.NotContains(t, c.everything(), canary)
}

// status is how the server answers ping under a token.
func (c *company) status(token string) int {
	c.t.Helper()
	got := post(c.t, c.url+"/mcp", hello[:strings.Index(hello, "\n")], "Authorization", "Bearer "+token)
	return got.status
}

// field: JWT audience with or without the root's slash
func TestReq_X1_AnAudienceMayHaveTheSlashOfTheRoot(t *testing.T) {
	t.Parallel()
	issuer := newAuthority(t)
	c := issuer.trusting()
	for audience, want := range map[any]int{
		resource: http.StatusOK, resource + "/": http.StatusOK,
		resource + "//": http.StatusUnauthorized, resource + "/mcp": http.StatusUnauthorized, resource + "/?": http.StatusUnauthorized,
		"http://mcp.example.com/": http.StatusUnauthorized, "https://mcp.example.com.evil.example/": http.StatusUnauthorized, "": http.StatusUnauthorized,
	} {
		assert.Equal(t, want, c.status(issuer.signs(nil, jwt.MapClaims{"aud": audience})), audience)
		assert.Equal(t, want, c.status(issuer.signs(nil, jwt.MapClaims{"aud": []any{"https://other.example.com", audience}})), audience)
	}

	longer := newAuthority(t)
	longer.more = ", audience: " + resource + "/mcp"
	c = longer.trusting()
	for audience, want := range map[string]int{
		resource + "/mcp": http.StatusOK, resource + "/mcp/": http.StatusUnauthorized, resource: http.StatusUnauthorized, resource + "/": http.StatusUnauthorized,
	} {
		assert.Equal(t, want, c.status(longer.token(audience, "acme", allScopes)), audience)
	}
	told := get(t, c.url+"/.well-known/oauth-protected-resource/mcp", "Host", "mcp.example.com")
	assert.Contains(t, told.body, `"resource":"`+resource+`/mcp"`, "clients ask for tokens with the audience that is set")
}

// field: JWT scope as an array
func TestReq_X1_ScopesMayBeAnArray(t *testing.T) {
	t.Parallel()
	issuer := newAuthority(t)
	c := issuer.trusting()
	for name, claims := range map[string]jwt.MapClaims{
		"scope, a string":           {"scope": "openid vennio:read"},
		"scope, an array":           {"scope": []string{"openid", "vennio:read"}},
		"scope, an array of one":    {"scope": []string{"openid vennio:read"}},
		"scp, a string":             {"scope": nil, "scp": "vennio:read"},
		"scp, an array":             {"scope": nil, "scp": []string{"vennio:read"}},
		"scope and scp in parts":    {"scope": []string{"openid"}, "scp": "vennio:read"},
		"scope with further blanks": {"scope": " openid  vennio:read "},
	} {
		token := issuer.signs(nil, claims)
		assert.Equal(t, http.StatusOK, c.status(token), name)
		got := c.as(token).says("tools/call", map[string]any{"name": "book_slot"}, nil)
		assert.Equal(t, http.StatusForbidden, got.status, "%s: it may read and not book", name)
	}
	for name, claims := range map[string]jwt.MapClaims{
		"a number": {"scope": 7}, "an object": {"scope": map[string]string{"vennio:read": ""}}, "numbers": {"scope": []any{"vennio:read", 7}},
	} {
		assert.Equal(t, http.StatusUnauthorized, c.status(issuer.signs(nil, claims)), name)
	}
	assert.Equal(t, http.StatusForbidden, c.status(issuer.signs(nil, jwt.MapClaims{"scope": []string{}})))
}

// field: one malformed key in a JWKS
func TestReq_X1_AMalformedKeyDisablesItselfAlone(t *testing.T) {
	t.Parallel()
	broken := map[string]string{
		"not base64url":          `{"kty":"RSA","kid":"%s","n":"***","e":"AQAB"}`,
		"a missing member":       `{"kty":"EC","kid":"%s","crv":"P-256","x":"AAAA"}`,
		"a point off the curve":  `{"kty":"EC","kid":"%s","crv":"P-256","x":"AAAA","y":"AAAA"}`,
		"a short Ed25519 key":    `{"kty":"OKP","kid":"%s","crv":"Ed25519","x":"AAAA"}`,
		"a member of a bad type": `{"kty":"EC","kid":"%s","x":7}`,
		"no kty":                 `{"kid":"%s"}`,
		"a weak RSA key":         `{"kty":"RSA","kid":"%s","n":"` + strings.Repeat("u", 171) + `","e":"AQAB"}`,
		"a bad certificate":      `{"kty":"RSA","kid":"%s","n":"` + strings.Repeat("u", 342) + `","e":"AQAB","x5c":["****"]}`,
	}
	issuer := newAuthority(t)
	issuer.keys = func(own string) string {
		var set strings.Builder
		for name, key := range broken {
			fmt.Fprintf(&set, key+",", name)
		}
		return `{"keys":[null,7,{"kty":"EC","kid":8},` + set.String() + strings.TrimSuffix(own, "}") + `,"d":"***"}]}` // of ours, the private half alone is bad
	}
	c := issuer.trusting()
	assert.Equal(t, http.StatusOK, c.status(issuer.token(resource, "acme", allScopes)))
	require.Eventually(t, func() bool { return strings.Contains(c.everything(), "malformed keys are not used") }, patience, tick)
	e := examine(t, c.env)
	e.says(t, doctor.OK, "token keys", "1 usable at "+issuer.url)
	for name := range broken {
		e.says(t, doctor.Warning, "token keys", `the key "`+name+`": `)
	}
	for n := range 3 {
		e.says(t, doctor.Warning, "token keys", fmt.Sprintf("key number %d: ", n+1))
	}
}

// A token is checked by the keys that can have signed it, and without a kid by a few.
// field: key set with equal, missing or unfit key ids and algorithms
func TestReq_X1_ATokenIsCheckedByTheKeysThatFitIt(t *testing.T) {
	t.Parallel()
	var strangers []string
	for range 20 {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		require.NoError(t, err)
		strangers = append(strangers, published(t, key))
	}
	without := func(key string) string { return strings.Replace(key, `"kid":"k",`, "", 1) }
	with := func(old, other string) func(string) string {
		return func(own string) string { return strings.Replace(own, old, other, 1) }
	}
	for name, x := range map[string]struct {
		keys       func(own string) string
		kid, blind int // status of a token with a kid, and without one
	}{
		"its own key alone":           {func(own string) string { return own }, http.StatusOK, http.StatusOK},
		"another key of the same kid": {func(own string) string { return strangers[0] + "," + own }, http.StatusOK, http.StatusOK},
		"a key of another kind and the same kid": {
			func(own string) string {
				return `{"kty":"OKP","crv":"Ed25519","kid":"k","x":"` + strings.Repeat("A", 43) + `"},` + own
			}, http.StatusOK, http.StatusOK,
		},
		"keys without a kid": {func(own string) string { return without(strangers[0]) + "," + without(own) }, http.StatusUnauthorized, http.StatusOK},
		"no algorithm":       {with(`"alg":"ES256",`, ""), http.StatusOK, http.StatusOK},
		"another algorithm":  {with("ES256", "ES384"), http.StatusUnauthorized, http.StatusUnauthorized},
		"for encryption":     {with(`"sig"`, `"enc"`), http.StatusUnauthorized, http.StatusUnauthorized},
		"for wrapping keys":  {with(`"use":"sig"`, `"key_ops":["wrapKey"]`), http.StatusUnauthorized, http.StatusUnauthorized},
		"one key among many": {func(own string) string {
			return strings.ReplaceAll(strings.Join(strangers, ","), `"kid":"k"`, `"kid":"other"`) + "," + own
		}, http.StatusOK, http.StatusUnauthorized},
		"a few others by kid": {func(own string) string { return strings.Join(strangers[:3], ",") + "," + own }, http.StatusOK, http.StatusOK},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			issuer := newAuthority(t)
			issuer.keys = func(own string) string { return "\ufeff" + `{"keys":[` + x.keys(own) + `]}` } // a byte order mark may be ignored
			c := issuer.trusting()
			assert.Equal(t, x.kid, c.status(issuer.signs(nil, nil)))
			assert.Equal(t, x.blind, c.status(issuer.signs(map[string]any{"kid": absent{}}, nil)))
		})
	}
}

// field: doctor on the key set of the authorization server
func TestReq_O3_TheDoctorChecksTheKeySet(t *testing.T) {
	t.Parallel()
	issuer := newAuthority(t)
	var keys atomic.Value
	issuer.keys = func(string) string { return keys.Load().(string) }
	keys.Store("")
	c := issuer.trusting()
	for set, want := range map[string]string{
		`{"keys":[]}`: "no key that can check a signature", `{"keys":[null, 7]}`: "no key that can check a signature",
		`{"keys":[{"kty":"oct","k":"AAAA"},{"kty":"OKP","crv":"Ed448","x":"AAAA"}]}`: "no key that can check a signature",
		"": "serves no key set", `{"issuer":"https://login.example.com"}`: "serves no key set", `[]`: "serves no key set",
	} {
		keys.Store(set)
		examine(t, c.env).says(t, doctor.Problem, "token keys", want)
	}
	env := append(c.env, "VENNIO_MCP_SETTINGS="+settingsFile(t, `
oauth: {issuer: "https://login.example.com", jwks_url: "http://127.0.0.1:1/jwks", tenant_claim: org}
tenants: [{name: acme, api_key: `+keyOfAcme+`}]
`))
	examine(t, env).says(t, doctor.Problem, "token keys", "nothing listens at http://127.0.0.1:1/jwks")
}

// field: JWT claim names and crit
func TestReq_X1_ClaimsAreMatchedByTheirExactNames(t *testing.T) {
	t.Parallel()
	issuer := newAuthority(t)
	c := issuer.trusting()
	require.Equal(t, http.StatusOK, c.status(issuer.signs(nil, jwt.MapClaims{"Name": "Ada", "custom": "x"})))
	past, later := time.Now().Add(-time.Hour).Unix(), time.Now().Add(time.Hour).Unix()
	for name, claims := range map[string]jwt.MapClaims{
		"EXP next to exp":      {"exp": past, "EXP": later},
		"exp next to EXP":      {"exp": later, "EXP": past},
		"AUD next to aud":      {"aud": "https://other.example.com", "AUD": resource},
		"Iss next to iss":      {"Iss": issuer.url},
		"SUB next to sub":      {"SUB": "eve"},
		"\u017fub next to sub": {"\u017fub": "eve"}, // folds to an s in encoding/json
		"NBF":                  {"NBF": past},
		"SCOPE":                {"SCOPE": allScopes},
		"Scp":                  {"Scp": []string{"vennio:book"}},
	} {
		assert.Equal(t, http.StatusUnauthorized, c.status(issuer.signs(nil, claims)), name)
	}
	assert.Equal(t, http.StatusForbidden, c.status(issuer.signs(nil, jwt.MapClaims{"ORG": "beta"})), "nor is the tenant taken from one of two")
	good := fmt.Sprintf(`"iss":%q,"aud":%q,"sub":"ada","org":"acme","scope":%q`, issuer.url, resource, allScopes)
	require.Equal(t, http.StatusOK, c.status(issuer.signsRaw(fmt.Sprintf(`{%s,"exp":%d}`, good, later))))
	for name, claims := range map[string]string{
		"exp twice":         fmt.Sprintf(`{%s,"exp":%d,"exp":%d}`, good, past, later),
		"exp twice, spelt":  fmt.Sprintf(`{%s,"exp":%d,"\u0065xp":%d}`, good, past, later),
		"sub twice":         fmt.Sprintf(`{%s,"exp":%d,"sub":"eve"}`, good, later),
		"the tenant twice":  fmt.Sprintf(`{%s,"exp":%d,"org":"beta"}`, good, later),
		"two objects":       fmt.Sprintf(`{%s,"exp":%d}{}`, good, later),
		"an array":          fmt.Sprintf(`[{%s,"exp":%d}]`, good, later),
		"exp that is null":  fmt.Sprintf(`{%s,"exp":null}`, good),
		"exp that is a day": fmt.Sprintf(`{%s,"exp":"2999-01-01"}`, good),
	} {
		assert.Equal(t, http.StatusUnauthorized, c.status(issuer.signsRaw(claims)), name)
	}
	for name, crit := range map[string]any{"an extension": []string{"b64"}, "empty": []string{}, "null": nil, "a string": "exp"} {
		assert.Equal(t, http.StatusUnauthorized, c.status(issuer.signs(map[string]any{"crit": crit, "b64": true}, nil)), "crit: %s", name)
	}
}

// settingsFile is a settings file for its owner alone.
func settingsFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "settings.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}
