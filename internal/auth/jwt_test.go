package auth_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/auth"
)

// issuer is an authorization server that serves only its keys.
type issuer struct {
	t       *testing.T
	url     string
	kid     string
	key     ed25519.PrivateKey
	fetches atomic.Int64
}

const resource = "https://mcp.example.com"

var noon = time.Date(2026, 5, 13, 12, 0, 0, 0, time.UTC)

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	i := &issuer{t: t}
	i.rotate("one")
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		i.fetches.Add(1)
		public := base64.RawURLEncoding.EncodeToString(i.key.Public().(ed25519.PublicKey))
		_, _ = fmt.Fprintf(w, `{"keys":[{"kty":"OKP","crv":"Ed25519","use":"sig","alg":"EdDSA","kid":%q,"x":%q}]}`, i.kid, public)
	}))
	t.Cleanup(site.Close)
	i.url = site.URL
	return i
}

func (i *issuer) rotate(kid string) {
	i.kid = kid
	var err error
	_, i.key, err = ed25519.GenerateKey(rand.Reader)
	require.NoError(i.t, err)
}

// req: C15. The OAuth client of a token, to which the key of a card is bound.
func TestTheClientOfATokenIsKnown(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	for claim, client := range map[string]string{"client_id": "chat", "azp": "portal"} {
		got, err := i.checker(t.Context(), "org").Identify(bearer(t, i.token(func(c jwt.MapClaims) { c[claim] = client })))
		require.NoError(t, err)
		assert.Equal(t, client, got.Client)
	}
}

// token returns a valid token, unless change makes it invalid.
func (i *issuer) token(change func(jwt.MapClaims)) string {
	i.t.Helper()
	claims := jwt.MapClaims{
		"iss": "https://login.example.com", "aud": resource, "sub": "ada", "exp": noon.Add(time.Hour).Unix(),
		"scope": "vennio:read vennio:book", "org": "acme",
	}
	if change != nil {
		change(claims)
	}
	t := jwt.NewWithClaims(jwt.SigningMethodEdDSA, claims)
	t.Header["kid"] = i.kid
	signed, err := t.SignedString(i.key)
	require.NoError(i.t, err)
	return signed
}

func (i *issuer) checker(ctx context.Context, claim string) *auth.Checker {
	i.t.Helper()
	c, err := auth.New(ctx, auth.Options{
		OAuth: &auth.OAuth{
			Issuer: "https://login.example.com", JWKS: i.url, Audience: resource, TenantClaim: claim, Now: func() time.Time { return noon },
		},
		PublicURL: resource, Tenants: map[string]bool{"": true, "acme": true},
	})
	require.NoError(i.t, err)
	return c
}

func request(t *testing.T, headers ...string) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/mcp", nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

func bearer(t *testing.T, token string) *http.Request {
	t.Helper()
	return request(t, "Authorization", "Bearer "+token)
}

func TestReq_X1_JWTsOfTheIssuerAreAccepted(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	got, err := i.checker(t.Context(), "org").Identify(bearer(t, i.token(nil)))
	require.NoError(t, err)
	assert.Equal(t, "oauth:ada", got.Name)
	assert.Equal(t, "acme", got.Tenant)
	assert.Empty(t, got.Client)
	assert.True(t, got.May(auth.ScopeBook))
	assert.False(t, got.May(auth.ScopeMetrics))
	got, err = i.checker(t.Context(), "").Identify(bearer(t, i.token(func(c jwt.MapClaims) {
		delete(c, "scope")
		c["scp"] = []string{"vennio:read"} // the form of some issuers
		c["aud"] = []string{"https://other.example.com", resource}
	})))
	require.NoError(t, err)
	assert.Empty(t, got.Tenant)
	assert.True(t, got.May(auth.ScopeRead))
	assert.False(t, got.May(auth.ScopeBook))
}

func TestReq_X1_OtherJWTsAreRefused(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	check := i.checker(t.Context(), "org")
	for name, change := range map[string]func(jwt.MapClaims){
		"another issuer":                func(c jwt.MapClaims) { c["iss"] = "https://evil.example.com" },
		"another audience":              func(c jwt.MapClaims) { c["aud"] = "https://api.example.com" },
		"no audience":                   func(c jwt.MapClaims) { delete(c, "aud") },
		"expired":                       func(c jwt.MapClaims) { c["exp"] = noon.Add(-time.Minute).Unix() },
		"no expiry":                     func(c jwt.MapClaims) { delete(c, "exp") },
		"not yet valid":                 func(c jwt.MapClaims) { c["nbf"] = noon.Add(time.Minute).Unix() },
		"no subject":                    func(c jwt.MapClaims) { delete(c, "sub") },
		"unknown tenant":                func(c jwt.MapClaims) { c["org"] = "beta" },
		"no tenant":                     func(c jwt.MapClaims) { delete(c, "org") },
		"a tenant of a key":             func(c jwt.MapClaims) { c["org"] = "key:0123456789abcdef0123456789abcdef" },
		"a tenant that is not a string": func(c jwt.MapClaims) { c["org"] = 7 },
	} {
		_, err := check.Identify(bearer(t, i.token(change)))
		denied := new(auth.Denied)
		require.ErrorAs(t, err, &denied, name)
		assert.Contains(t, []int{http.StatusUnauthorized, http.StatusForbidden}, denied.Status, name)
	}
	good := i.token(nil)
	unsigned, err := jwt.NewWithClaims(jwt.SigningMethodNone, jwt.MapClaims{"sub": "ada"}).SignedString(jwt.UnsafeAllowNoneSignatureType)
	require.NoError(t, err)
	byPublicKey := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"iss": "https://login.example.com", "aud": resource, "sub": "ada", "exp": noon.Add(time.Hour).Unix()})
	byPublicKey.Header["kid"] = i.kid
	confused, err := byPublicKey.SignedString([]byte(i.key.Public().(ed25519.PublicKey)))
	require.NoError(t, err)
	for _, token := range []string{unsigned, confused, good[:len(good)-4] + "AAAA", good + "x", "a.b.c", "..", "not-a-jwt"} {
		_, err := check.Identify(bearer(t, token))
		assert.Error(t, err, token)
	}
}

// After the issuer has rotated its keys, a token with a new key is accepted at once, and tokens with
// unknown keys cause few requests to the issuer.
func TestTheKeysAreFetchedAgainAtALimitedRate(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	check := i.checker(t.Context(), "org")
	i.rotate("two")
	_, err := check.Identify(bearer(t, i.token(nil)))
	require.NoError(t, err)
	for n := range 20 {
		i.kid = fmt.Sprintf("made up %d", n)
		token := i.token(nil)
		i.kid = "two"
		_, err := check.Identify(bearer(t, token))
		require.Error(t, err)
	}
	assert.LessOrEqual(t, i.fetches.Load(), int64(4))
}

// req: X4. The issuer's keys are fetched from the configured address, without following redirects.
func TestReq_X4_TheIssuersKeysAreFetchedFromNowhereElse(t *testing.T) {
	t.Parallel()
	evil := newIssuer(t)
	led := httptest.NewServer(http.RedirectHandler(evil.url, http.StatusTemporaryRedirect))
	t.Cleanup(led.Close)
	honest := &issuer{t: t, url: led.URL}
	_, err := honest.checker(t.Context(), "org").Identify(bearer(t, evil.token(nil)))
	require.Error(t, err)
	assert.Zero(t, evil.fetches.Load())
	_, err = evil.checker(t.Context(), "org").Identify(bearer(t, evil.token(nil)))
	require.NoError(t, err, "the token is valid at its own issuer")
}

func TestTheProtectedResourceMetadata(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	check := i.checker(t.Context(), "org")
	w := httptest.NewRecorder()
	check.Metadata().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, auth.MetadataPath, nil))
	var got struct {
		Resource string   `json:"resource"`
		Servers  []string `json:"authorization_servers"`
		Scopes   []string `json:"scopes_supported"`
		Methods  []string `json:"bearer_methods_supported"`
	}
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &got))
	assert.Equal(t, resource, got.Resource)
	assert.Equal(t, []string{"https://login.example.com"}, got.Servers)
	assert.Equal(t, []string{"vennio:read", "vennio:book"}, got.Scopes)
	assert.Equal(t, []string{"header"}, got.Methods)
	_, err := check.Identify(request(t))
	denied := new(auth.Denied)
	require.ErrorAs(t, err, &denied)
	assert.Contains(t, check.Challenge(denied), `resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource"`)
	assert.Contains(t, check.Challenge(denied), `scope="vennio:read vennio:book"`)
}

// cancelsWhileWaiting checks that a JWT whose sender cancels before a slot is free is refused with 503.
func cancelsWhileWaiting(t *testing.T, check *auth.Checker, token string) {
	t.Helper()
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	refused := make(chan error, 1)
	go func() {
		_, err := check.Identify(bearer(t, token).WithContext(canceled))
		refused <- err
	}()
	denied := new(auth.Denied)
	select {
	case err := <-refused:
		require.ErrorAs(t, err, &denied)
	case <-time.After(time.Minute):
		require.FailNow(t, "the canceled request was not answered")
	}
	assert.Equal(t, http.StatusServiceUnavailable, denied.Status)
}

// req: X2. At most half of the cores verify JWTs at the same time. Other JWTs wait and are not refused.
// Bearer tokens of the settings do not wait.
func TestReq_X2_AtMostHalfOfTheCoresVerifyJWTs(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	slots := max(1, runtime.GOMAXPROCS(0)/2)
	var active atomic.Int64
	started, release := make(chan struct{}, 100), make(chan struct{})
	check, err := auth.New(t.Context(), auth.Options{
		Tokens: []auth.Token{{Name: "bob", Hash: auth.HashOf("bob")}},
		OAuth: &auth.OAuth{Issuer: "https://login.example.com", JWKS: i.url, Audience: resource, Now: func() time.Time { // called during the verification
			assert.LessOrEqual(t, active.Add(1), int64(slots))
			defer active.Add(-1)
			started <- struct{}{}
			<-release
			return noon
		}},
	})
	require.NoError(t, err)
	token := i.token(nil)
	errs := make(chan error, slots+20)
	for range cap(errs) {
		go func() {
			_, err := check.Identify(bearer(t, token))
			errs <- err
		}()
	}
	for range slots {
		<-started
	}
	cancelsWhileWaiting(t, check, token)
	_, err = check.Identify(bearer(t, "bob"))
	require.NoError(t, err)
	close(release)
	for range cap(errs) {
		require.NoError(t, <-errs)
	}
}
