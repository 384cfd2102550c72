package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	atHome       = "http://localhost:7777" // the public URL: browsers of the tests reach the server there
	clientID     = "vennio-approvals"
	clientSecret = "c4n4ry-client-secret+/=" // with characters that must be escaped
)

// login is where people sign in: the OpenID Connect endpoints of an authority. Whoever has its cookie
// sso=ada is signed in as Ada.
type login struct {
	a *authority

	mu        sync.Mutex
	received  []string // paths
	codes     map[string]url.Values
	claims    jwt.MapClaims                 // of ID tokens, over the usual ones
	header    map[string]any                // of ID tokens, over the usual one
	forge     func(usual jwt.Claims) string // makes the ID token instead
	described map[string]any                // over the usual description
	broken    map[string]int                // statuses by path
}

func (l *login) serves(w http.ResponseWriter, r *http.Request) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.received = append(l.received, r.URL.Path)
	if status := l.broken[r.URL.Path]; status != 0 {
		http.Error(w, "out of order", status)
		return true
	}
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		says := map[string]any{
			"issuer": l.a.url, "authorization_endpoint": l.a.url + "/authorize", "token_endpoint": l.a.url + "/token", "jwks_uri": l.a.url + "/jwks",
			"id_token_signing_alg_values_supported": []string{"ES256", "HS256", "none"},
		}
		maps.Copy(says, l.described)
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(says)
	case "/authorize":
		l.authorize(w, r)
	case "/token":
		l.token(w, r)
	default:
		return false
	}
	return true
}

func (l *login) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if q.Get("response_type") != "code" || q.Get("client_id") != clientID || q.Get("redirect_uri") != atHome+"/approvals/signed-in" ||
		q.Get("scope") != "openid profile email" || q.Get("code_challenge_method") != "S256" || len(q.Get("state")) < 26 || len(q.Get("nonce")) < 26 {
		http.Error(w, "bad request: "+r.URL.RawQuery, http.StatusBadRequest)
		return
	}
	if sso, err := r.Cookie("sso"); err != nil || sso.Value != "ada" {
		http.Error(w, "Password, please", http.StatusUnauthorized)
		return
	}
	code := rand.Text()
	l.codes[code] = q
	http.Redirect(w, r, q.Get("redirect_uri")+"?"+url.Values{"code": {code}, "state": {q.Get("state")}, "iss": {l.a.url}}.Encode(), http.StatusFound)
}

func (l *login) token(w http.ResponseWriter, r *http.Request) {
	id, secret, basic := r.BasicAuth()
	secret, _ = url.QueryUnescape(secret)
	if l.described["token_endpoint_auth_methods_supported"] != nil && !basic {
		id, secret = r.PostFormValue("client_id"), r.PostFormValue("client_secret")
	}
	asked, known := l.codes[r.PostFormValue("code")]
	challenge := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	w.Header().Set("Content-Type", "application/json")
	if id != clientID || secret != clientSecret || !known || r.PostFormValue("grant_type") != "authorization_code" || r.PostFormValue("redirect_uri") != asked.Get("redirect_uri") ||
		base64.RawURLEncoding.EncodeToString(challenge[:]) != asked.Get("code_challenge") {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = fmt.Fprint(w, `{"error":"invalid_grant"}`)
		return
	}
	delete(l.codes, r.PostFormValue("code"))
	claims := jwt.MapClaims{
		"iss": l.a.url, "aud": clientID, "sub": "ada-7", "exp": time.Now().Add(time.Hour).Unix(), "iat": time.Now().Unix(), "nonce": asked.Get("nonce"),
		"org": "acme", "name": "Ada Byron", "scope": nil,
	}
	maps.Copy(claims, l.claims)
	token := ""
	if l.forge != nil {
		token = l.forge(claims)
	} else {
		token = l.a.signs(l.header, claims)
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"access_token": "opaque", "token_type": "Bearer", "expires_in": 60, "id_token": token})
}

// with changes what the login does.
func (l *login) with(change func(l *login)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.claims, l.header, l.forge, l.described, l.broken = nil, nil, nil, nil, nil
	change(l)
}

func (l *login) wasAsked(path string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(strings.Join(l.received, " ")+" ", path+" ")
}

// approvers is a company whose people sign in at an authority to approve.
type approvers struct {
	*company
	*login
	dial string
}

func newApprovers(t *testing.T, allow string) *approvers {
	t.Helper()
	a := newAuthority(t)
	a.login = &login{a: a, codes: map[string]url.Values{}}
	c := &company{t: t, bank: newBank(t, keyOfAcme, keyOfBeta)}
	hosts := strings.TrimSuffix(sandboxHostsSetting(), ",")
	c.env = stored(t, clean(t, "VENNIO_API_URL="+c.bank.url, "VENNIO_MCP_PUBLIC_URL="+atHome, "CLIENT_SECRET="+clientSecret, "VENNIO_CONSENT=human", "VENNIO_MCP_SETTINGS="+settingsFile(t, fmt.Sprintf(`
oauth:
  issuer: "%s"
  jwks_url: "%s/jwks"
  tenant_claim: org
  sign_in: {client_id: %s, client_secret: "${CLIENT_SECRET}"%s}
tenants:
  - {name: acme, api_key: %s, hosts: "%s"}
  - {name: beta, api_key: %s, hosts: "%s"}
`, a.url, a.url, clientID, allow, keyOfAcme, hosts, keyOfBeta, hosts))))
	c.server = start(t, c.env, "serve", "--addr", "127.0.0.1:0")
	c.url = c.server.address()
	return &approvers{c, a.login, strings.TrimPrefix(c.url, "http://")}
}

// request has an agent of a tenant ask for a booking, and returns the path of its page.
func (c *approvers) request(tenant string) string {
	c.t.Helper()
	m := c.as(c.a.token(atHome, tenant, allScopes))
	got := m.says("tools/call", map[string]any{"name": "book_slot", "arguments": map[string]any{
		"slot_id": m.finds(), "title": "Intro", "hosts": []string{alice}, "attendees": []any{map[string]any{"email": "grace@example.com", "name": "Grace"}},
		"consent": map[string]any{"granted": false},
	}}, nil)
	path := regexp.MustCompile(`/approvals/[A-Z2-7]{26}`).FindString(got.body)
	require.NotEmpty(c.t, path, got.body)
	return path
}

// visitor is a browser that finds the server at its public URL; sso: it is signed in at the authority.
func (c *approvers) visitor(sso bool) browser {
	c.t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(c.t, err)
	if sso {
		at, err := url.Parse(c.a.url)
		require.NoError(c.t, err)
		jar.SetCookies(at, []*http.Cookie{{Name: "sso", Value: "ada"}})
	}
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		if address == strings.TrimPrefix(atHome, "http://") {
			address = c.dial
		}
		return new(net.Dialer).DialContext(ctx, network, address)
	}
	site := &http.Transport{DialContext: dial}
	c.t.Cleanup(site.CloseIdleConnections)
	return browser{c.t, &http.Client{Jar: jar, Transport: site}}
}

// step opens one address and follows no redirect.
func (b browser) step(address string) *http.Response {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, address, nil)
	require.NoError(b.t, err)
	still := *b.Client
	still.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := still.Do(req)
	require.NoError(b.t, err)
	_ = resp.Body.Close()
	return resp
}

// callback has the browser sign in at the authority, and returns the address that leads back.
func (b browser) callback() string {
	b.t.Helper()
	back := b.step(b.step(atHome + "/approvals/sign-in").Header.Get("Location")).Header.Get("Location")
	require.Contains(b.t, back, "/approvals/signed-in?code=")
	return back
}

func (b browser) paired() bool {
	b.t.Helper()
	status, _ := b.open(atHome + "/approvals")
	return status == http.StatusOK
}

// req: C9. With oauth.sign_in, signing in at the issuer pairs the browser with the tenant of the person,
// under the name that the issuer provides. A person without credentials there cannot pair one.
// field: sign-in at the issuer
func TestReq_C9_SigningInPairsTheBrowser(t *testing.T) {
	t.Parallel()
	c := newApprovers(t, "")
	ours, theirs := atHome+c.request("acme"), atHome+c.request("beta")
	id := strings.TrimPrefix(ours, atHome+"/approvals/")
	assert.False(t, c.wasAsked("/.well-known/openid-configuration"), "nothing is asked of the issuer before somebody signs in")

	agent := c.visitor(false)
	offer := `<a class="pay" href="` + atHome + `/approvals/sign-in?to=` + id + `">Sign in</a>`
	status, page := agent.open(ours)
	assert.Equal(t, http.StatusForbidden, status)
	assert.Contains(t, page, offer)
	assert.NotContains(t, page, "Grace")
	_, page = agent.open(atHome + "/approvals")
	assert.Contains(t, page, `href="`+atHome+`/approvals/sign-in">`)
	status, page = agent.open(atHome + "/approvals/sign-in?to=" + id)
	assert.Equal(t, http.StatusUnauthorized, status)
	assert.Contains(t, page, "Password, please", "the issuer asks")
	assert.False(t, agent.paired())

	ends := func() string { return time.Now().UTC().AddDate(0, 0, 90).Format(time.DateOnly) }
	began := ends() // the day may end before the list is printed
	ada := c.visitor(true)
	started := ada.step(atHome + "/approvals/sign-in?to=" + id)
	assert.Equal(t, http.StatusSeeOther, started.StatusCode)
	require.Len(t, started.Cookies(), 1)
	kept := started.Cookies()[0]
	assert.True(t, kept.HttpOnly)
	assert.Equal(t, http.SameSiteLaxMode, kept.SameSite)
	assert.Equal(t, "/approvals", kept.Path)
	assert.Equal(t, 600, kept.MaxAge)
	assert.Contains(t, started.Header.Get("Content-Security-Policy"), "form-action 'self';")

	status, page = ada.open(atHome + "/approvals/sign-in?to=" + id)
	require.Equal(t, http.StatusOK, status, page)
	assert.Contains(t, page, "Approve this booking?", "it leads to the request")
	assert.Contains(t, page, `value="Ada Byron" readonly`)
	assert.NotContains(t, page, "nothing on this page is real", "the tenants have keys")
	status, page = ada.open(theirs)
	assert.Equal(t, http.StatusForbidden, status, "a request of another tenant")
	assert.NotContains(t, page, "Grace")
	_, page = ada.do(http.MethodPost, ours, url.Values{"decision": {"approve"}, "name": {"Grace Hopper"}})
	assert.Contains(t, page, ">Booked</h1>")
	_, export, _ := run(t, c.env, "ledger", "export")
	assert.Contains(t, export, "Ada Byron", "the name on record is the issuer's")
	assert.NotContains(t, export, "Grace Hopper")

	_, list, _ := run(t, c.env, "approvals", "browsers", "--tenant", "acme")
	assert.Regexp(t, `^[a-z2-7]{8}  "Ada Byron"  paired \S+, until (`+began+`|`+ends()+`), signed in as "ada-7"\n$`, list)
	_, list, _ = run(t, c.env, "approvals", "browsers", "--tenant", "beta")
	assert.Contains(t, list, "No browser is paired")
	c.with(func(l *login) { l.claims = jwt.MapClaims{"org": "beta"} })
	_, _ = ada.open(atHome + "/approvals/sign-in")
	for _, address := range []string{ours, theirs} {
		status, _ = ada.open(address)
		assert.Equal(t, http.StatusOK, status, "one browser, two tenants")
	}
	assert.NotContains(t, c.everything(), clientSecret)
}

// refusal is an ID token that signs nobody in, and what the page says.
type refusal struct {
	change func(*login)
	want   string
}

func claiming(claims jwt.MapClaims) func(*login) { return func(l *login) { l.claims = claims } }

// forging has the token endpoint return a token that is signed in another way.
func forging(t *testing.T, method jwt.SigningMethod, key any) func(*login) {
	return func(l *login) {
		l.forge = func(claims jwt.Claims) string {
			made := jwt.NewWithClaims(method, claims)
			made.Header["kid"] = "k"
			signed, err := made.SignedString(key)
			assert.NoError(t, err)
			return signed
		}
	}
}

func refusals(t *testing.T, issuer string) map[string]refusal {
	t.Helper()
	past := time.Now().Add(-time.Hour).Unix()
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	const invalid, none = "You are not signed in", "belongs to no tenant of this server"
	return map[string]refusal{
		"the nonce of another attempt":  {claiming(jwt.MapClaims{"nonce": rand.Text()}), invalid},
		"no nonce":                      {claiming(jwt.MapClaims{"nonce": absent{}}), invalid},
		"an empty nonce":                {claiming(jwt.MapClaims{"nonce": ""}), invalid},
		"the audience of access tokens": {claiming(jwt.MapClaims{"aud": atHome}), invalid},
		"no audience":                   {claiming(jwt.MapClaims{"aud": absent{}}), invalid},
		"another client's, ours too":    {claiming(jwt.MapClaims{"aud": []string{"other", clientID}}), invalid},
		"issued to another client":      {claiming(jwt.MapClaims{"azp": "other"}), invalid},
		"another issuer":                {claiming(jwt.MapClaims{"iss": "https://login.example.com"}), invalid},
		"the issuer with a slash":       {claiming(jwt.MapClaims{"iss": issuer + "/"}), invalid},
		"expired":                       {claiming(jwt.MapClaims{"exp": past}), invalid},
		"no expiry":                     {claiming(jwt.MapClaims{"exp": absent{}}), invalid},
		"expired, spelled twice":        {claiming(jwt.MapClaims{"exp": past, "EXP": time.Now().Add(time.Hour).Unix()}), invalid},
		"not valid yet":                 {claiming(jwt.MapClaims{"nbf": time.Now().Add(time.Hour).Unix()}), invalid},
		"no subject":                    {claiming(jwt.MapClaims{"sub": absent{}}), invalid},
		"an empty subject":              {claiming(jwt.MapClaims{"sub": ""}), invalid},
		"a critical extension":          {func(l *login) { l.header = map[string]any{"crit": []string{"exp"}} }, invalid},
		"alg none":                      {forging(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType), invalid},
		"HMAC with the client's secret": {forging(t, jwt.SigningMethodHS256, []byte(clientSecret)), invalid},
		"another key":                   {forging(t, jwt.SigningMethodES256, other), invalid},
		"no ID token":                   {func(l *login) { l.forge = func(jwt.Claims) string { return "" } }, invalid},
		"no JWT":                        {func(l *login) { l.forge = func(jwt.Claims) string { return "a.b.c" } }, invalid},
		"a tenant that is not served":   {claiming(jwt.MapClaims{"org": "gamma"}), none},
		"no tenant":                     {claiming(jwt.MapClaims{"org": absent{}}), none},
		"an empty tenant":               {claiming(jwt.MapClaims{"org": ""}), none},
		"several tenants":               {claiming(jwt.MapClaims{"org": []string{"acme", "beta"}}), none},
		"the tenant in two spellings":   {claiming(jwt.MapClaims{"Org": "beta"}), none},
	}
}

// field: ID token that is forged, of another client or of another attempt
func TestOnlyTheIDTokenOfTheAttemptSignsIn(t *testing.T) {
	t.Parallel()
	c := newApprovers(t, "")
	for name, x := range refusals(t, c.a.url) {
		c.with(x.change)
		ada := c.visitor(true)
		status, page := ada.open(atHome + "/approvals/sign-in")
		assert.Equal(t, http.StatusForbidden, status, name)
		assert.Contains(t, page, x.want, name)
		assert.Contains(t, page, `/approvals/sign-in">Sign in</a>`, "%s: the next step", name)
		assert.False(t, ada.paired(), name)
	}
	_, list, _ := run(t, c.env, "approvals", "browsers", "--tenant", "acme")
	assert.Contains(t, list, "No browser is paired")
	require.Eventually(t, func() bool { return strings.Contains(c.everything(), "its nonce is not the one of this attempt") }, patience, tick, "the log says why")

	for name, change := range map[string]func(*login){
		"several audiences, issued to us": claiming(jwt.MapClaims{"aud": []string{"other", clientID}, "azp": clientID}),
		"expired a moment ago":            claiming(jwt.MapClaims{"exp": time.Now().Add(-time.Second).Unix()}),
		"a malformed key beside the right": func(l *login) {
			l.a.keys = func(own string) string { return `{"keys":[{"kty":"EC","kid":"x"},` + own + `]}` }
		},
	} {
		c.with(change)
		ada := c.visitor(true)
		_, page := ada.open(atHome + "/approvals/sign-in")
		assert.True(t, ada.paired(), name+page)
	}
}

// field: callback that is replayed, foreign, or without its cookie
func TestAnAttemptIsCompletedOnceInItsBrowser(t *testing.T) {
	t.Parallel()
	c := newApprovers(t, "")
	const notOurs = "It was started in another browser"
	refused := func(b browser, address, want string, about ...any) {
		t.Helper()
		status, page := b.open(address)
		assert.Equal(t, http.StatusBadRequest, status, about...)
		assert.Contains(t, page, want)
		assert.Contains(t, page, "Nothing was changed")
		assert.Contains(t, page, "Sign in</a>")
		assert.False(t, b.paired())
	}
	ada, eve := c.visitor(true), c.visitor(true)
	back, evesBack := ada.callback(), eve.callback()
	refused(c.visitor(true), back, notOurs) // without the cookie
	refused(eve, back, notOurs)             // in another browser that has begun too
	refused(ada, evesBack, notOurs)         // the code and state of somebody else
	refused(ada, changed(t, back, func(q url.Values) { q.Del("state") }), notOurs)
	refused(ada, atHome+"/approvals/signed-in", notOurs)
	home, err := url.Parse(atHome + "/approvals")
	require.NoError(t, err)
	evesCode := changed(t, back, func(q url.Values) { q.Set("code", strings.Split(strings.Split(evesBack, "code=")[1], "&")[0]) })
	refused(ada, evesCode, "does not accept it") // the code of another attempt: PKCE
	refused(ada, back, notOurs)                  // the attempt is used up

	mallory := c.visitor(true)
	back = mallory.callback()
	cookies := mallory.Jar.Cookies(home)
	require.Len(t, cookies, 1)
	sealed := cookies[0].Value
	for name, value := range map[string]string{"cut": sealed[:len(sealed)-4], "changed": "A" + sealed[1:], "unsigned": strings.Split(sealed, ".")[0] + ".", "empty": ""} {
		forged := c.visitor(true)
		forged.Jar.SetCookies(home, []*http.Cookie{{Name: "vennio-sign-in", Value: value, Path: "/approvals"}})
		refused(forged, back, notOurs, name)
	}
	_, page := mallory.openFrom("cross-site", back)
	assert.Contains(t, page, `content="0"`, "the page loads itself, so that the browser sends all cookies")
	status, _ := mallory.open(back)
	assert.Equal(t, http.StatusOK, status)
	assert.True(t, mallory.paired())
	thief := c.visitor(true)
	thief.Jar.SetCookies(home, cookies) // the cookie and the code again
	refused(thief, back, "perhaps because it was completed before")
}

// field: callback with an error, without a code, or of another issuer
func TestACallbackWithoutACodeSignsNobodyIn(t *testing.T) {
	t.Parallel()
	c := newApprovers(t, "")
	for name, set := range map[string]func(url.Values){
		"refused": func(q url.Values) {
			q.Del("code")
			q.Set("error", "access_denied")
			q.Set("error_description", "Call+1-555-EVIL")
		},
		"no code":        func(q url.Values) { q.Del("code") },
		"another issuer": func(q url.Values) { q.Set("iss", "https://login.example.com") },
	} {
		b := c.visitor(true)
		address := changed(t, b.callback(), set)
		status, page := b.open(address)
		assert.Equal(t, http.StatusForbidden, status, name)
		assert.Contains(t, page, "You are not signed in", name)
		assert.NotContains(t, page, "EVIL", name)
		assert.False(t, b.paired(), name)
	}
	for _, path := range []string{"/approvals/sign-in", "/approvals/signed-in"} {
		status, _ := c.visitor(true).do(http.MethodPost, atHome+path, url.Values{})
		assert.Equal(t, http.StatusMethodNotAllowed, status)
	}
}

// changed is an address with another query.
func changed(t *testing.T, address string, set func(url.Values)) string {
	t.Helper()
	u, err := url.Parse(address)
	require.NoError(t, err)
	q := u.Query()
	set(q)
	u.RawQuery = q.Encode()
	return u.String()
}

// openFrom opens an address as a link on a page of this site or another does (Fetch Metadata).
func (b browser) openFrom(site, address string) (int, string) {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, address, nil)
	require.NoError(b.t, err)
	req.Header.Set("Sec-Fetch-Site", site)
	resp, err := b.Do(req)
	require.NoError(b.t, err)
	defer func() { _ = resp.Body.Close() }()
	page, err := io.ReadAll(resp.Body)
	require.NoError(b.t, err)
	return resp.StatusCode, string(page)
}

// field: open redirect after signing in
func TestSigningInLeadsToOurPagesAlone(t *testing.T) {
	t.Parallel()
	c := newApprovers(t, "")
	for _, to := range []string{"https://evil.example", "//evil.example", "../../evil", "%2F%2Fevil.example", "ABC", strings.Repeat("A", 27), strings.Repeat("a", 26), "", strings.Repeat("A", 26) + "\n", "pair/" + strings.Repeat("A", 26)} {
		ada := c.visitor(true)
		back := ada.step(ada.step(atHome + "/approvals/sign-in?" + url.Values{"to": {to}}.Encode()).Header.Get("Location")).Header.Get("Location")
		done := ada.step(back)
		assert.Equal(t, "/approvals/", done.Header.Get("Location"), to)
	}
	ada := c.visitor(true)
	status, page := ada.openFrom("cross-site", atHome+"/approvals/sign-in")
	assert.Equal(t, http.StatusOK, status)
	assert.Contains(t, page, "Sign in</a>", "a page of another site does not start it")
	assert.False(t, ada.paired())
}

// field: names of people who signed in, and e-mail addresses that are not verified
func TestTheNameOnRecordIsTheIssuersAndCanBeRead(t *testing.T) {
	t.Parallel()
	c := newApprovers(t, "")
	verified := func(name, mail string, verified any) jwt.MapClaims {
		return jwt.MapClaims{"name": name, "email": mail, "email_verified": verified}
	}
	for want, claims := range map[string]jwt.MapClaims{
		"Ada King":         verified(" Ada\n\tKing\u202e\u200b ", "ada@example.com", true),
		"ada@example.com":  verified("", "ada@example.com", true),
		"bea@example.com":  verified("\u200b\u3164", "bea@example.com", "true"),
		"ada-unverified":   {"sub": "ada-unverified", "name": absent{}, "email": "boss@example.com", "email_verified": false},
		"ada-not-said":     {"sub": "ada-not-said", "name": absent{}, "email": "boss@example.com"},
		"ada-in-words":     {"sub": "ada-in-words", "name": absent{}, "email": "boss@example.com", "email_verified": "false"},
		"&lt;b&gt;Ada":     {"name": "<b>Ada"},
		"ada-without-name": {"sub": "ada-without-name", "name": absent{}},
	} {
		c.with(func(l *login) { l.claims = claims })
		_, page := c.visitor(true).open(atHome + "/approvals/sign-in")
		assert.Contains(t, strings.ReplaceAll(page, "&#34;", ""), "For "+want+".", want)
	}
	c.with(func(l *login) { l.claims = jwt.MapClaims{"name": absent{}, "sub": "\u200b"} })
	status, _ := c.visitor(true).open(atHome + "/approvals/sign-in")
	assert.Equal(t, http.StatusForbidden, status, "what cannot be seen is no name")
}

// field: who may sign in
func TestTheOperatorMayNameWhoSignsIn(t *testing.T) {
	t.Parallel()
	c := newApprovers(t, ", allow: {email_domains: [Example.com], subjects: [bob-1]}")
	for name, x := range map[string]struct {
		claims jwt.MapClaims
		may    bool
	}{
		"a domain":                 {jwt.MapClaims{"email": "ada@EXAMPLE.com", "email_verified": true}, true},
		"a subject":                {jwt.MapClaims{"sub": "bob-1"}, true},
		"a domain, not verified":   {jwt.MapClaims{"email": "ada@example.com", "email_verified": false}, false},
		"a subdomain":              {jwt.MapClaims{"email": "ada@mail.example.com", "email_verified": true}, false},
		"a domain that ends so":    {jwt.MapClaims{"email": "ada@badexample.com", "email_verified": true}, false},
		"the domain in the name":   {jwt.MapClaims{"email": "ada@example.com@evil.example", "email_verified": true}, false},
		"a subject in other case":  {jwt.MapClaims{"sub": "BOB-1"}, false},
		"neither":                  {jwt.MapClaims{}, false},
		"a subject as the address": {jwt.MapClaims{"email": "bob-1", "email_verified": true}, false},
	} {
		c.with(func(l *login) { l.claims = x.claims })
		b := c.visitor(true)
		_, page := b.open(atHome + "/approvals/sign-in")
		assert.Equal(t, x.may, b.paired(), name)
		if !x.may {
			assert.Contains(t, page, "do not allow you to approve", name)
		}
	}
}

// field: issuer that is down, or describes itself wrongly
func TestAnIssuerThatIsDownIsSaid(t *testing.T) {
	t.Parallel()
	c := newApprovers(t, "")
	for name, change := range map[string]func(*login){
		"no description": func(l *login) {
			l.broken = map[string]int{"/.well-known/openid-configuration": http.StatusInternalServerError}
		},
		"another issuer":         func(l *login) { l.described = map[string]any{"issuer": "https://login.example.com"} },
		"clear text":             func(l *login) { l.described = map[string]any{"token_endpoint": "http://login.example.com/token"} },
		"no place to sign in":    func(l *login) { l.described = map[string]any{"authorization_endpoint": ""} },
		"a script for a sign-in": func(l *login) { l.described = map[string]any{"authorization_endpoint": "javascript:alert(1)"} },
	} {
		c.with(change)
		resp := c.visitor(true).step(atHome + "/approvals/sign-in")
		assert.Equal(t, http.StatusServiceUnavailable, resp.StatusCode, name)
		assert.Equal(t, "5", resp.Header.Get("Retry-After"), name)
		assert.Empty(t, resp.Cookies(), name)
		_, page := c.visitor(true).open(atHome + "/approvals/sign-in")
		assert.Contains(t, page, "Sign-in is not available right now", name)
		assert.Contains(t, page, "vennio-mcp approvals link", name)
	}
	c.with(func(*login) {})
	ada := c.visitor(true)
	require.Eventually(t, func() bool {
		return ada.step(atHome+"/approvals/sign-in").StatusCode == http.StatusSeeOther
	}, patience, patience/200, "it recovers by itself") // each look is a call of the browser, whose rate is limited
	c.with(func(l *login) { l.broken = map[string]int{"/token": http.StatusBadGateway} })
	status, page := c.visitor(true).open(atHome + "/approvals/sign-in")
	assert.Equal(t, http.StatusServiceUnavailable, status)
	assert.Contains(t, page, "Sign-in is not available right now")
}

// field: issuer that takes the client's secret in the body alone
func TestTheClientSecretIsSentAsTheIssuerSays(t *testing.T) {
	t.Parallel()
	c := newApprovers(t, "")
	c.with(func(l *login) {
		l.described = map[string]any{"token_endpoint_auth_methods_supported": []string{"private_key_jwt", "client_secret_post"}}
	})
	ada := c.visitor(true)
	_, page := ada.open(atHome + "/approvals/sign-in")
	assert.True(t, ada.paired(), page)
}
