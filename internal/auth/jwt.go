package auth

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/time/rate"
)

// OAuth describes the issuer whose JWT access tokens are accepted (RFC 9068).
type OAuth struct {
	Issuer      string // value of the claim iss
	JWKS        string // URL of the issuer's JWK Set (RFC 7517): https, or http on loopback
	Audience    string // required value of aud: this server's resource identifier (RFC 8707)
	TenantClaim string // claim that names the tenant; empty: all tokens are for the default tenant

	Now  func() time.Time // nil: time.Now
	Warn func(error)      // called if the keys cannot be fetched or are malformed; may be nil
}

const (
	leeway     = 30 * time.Second // for differences between the clocks of this server and of the issuer
	refresh    = time.Hour        // interval at which the issuer's keys are fetched
	refetch    = 3 * time.Second  // longest time that a caller waits for a fetch
	retryEvery = 30 * time.Second // shortest interval between fetches for unknown keys
)

// FetchTimeout is the timeout for one request to the issuer.
const FetchTimeout = 10 * time.Second

type verifier struct {
	o      OAuth
	parser *jwt.Parser
	keys   jwkset.Storage
	busy   chan struct{} // contains one element for each signature that is being verified
}

// newVerifier starts to fetch the issuer's keys. They are fetched again every hour, and if a token
// names an unknown key, so that the issuer can rotate them.
func newVerifier(ctx context.Context, o OAuth) (*verifier, error) {
	warn := func(_ context.Context, err error) {
		if o.Warn != nil {
			o.Warn(fmt.Errorf("the keys of the token issuer: %w", err))
		}
	}
	kept, err := jwkset.NewStorageFromHTTP(o.JWKS, jwkset.HTTPClientStorageOptions{
		Client: keyClient(func(err error) { warn(ctx, err) }), Ctx: ctx, HTTPTimeout: FetchTimeout,
		NoErrorReturnFirstHTTPReq: true, RefreshErrorHandler: warn, RefreshInterval: refresh,
	})
	if err != nil {
		return nil, fmt.Errorf("the keys of the token issuer: %w", err)
	}
	set, err := jwkset.NewHTTPClient(jwkset.HTTPClientOptions{
		HTTPURLs: map[string]jwkset.Storage{o.JWKS: kept}, RateLimitWaitMax: refetch,
		RefreshUnknownKID: rate.NewLimiter(rate.Every(retryEvery), 2),
	})
	if err != nil {
		return nil, fmt.Errorf("the keys of the token issuer: %w", err)
	}
	options := []jwt.ParserOption{
		jwt.WithValidMethods(algorithms()),
		jwt.WithIssuer(o.Issuer), jwt.WithAudience(audiences(o.Audience)...), jwt.WithExpirationRequired(), jwt.WithLeeway(leeway),
	}
	if o.Now != nil {
		options = append(options, jwt.WithTimeFunc(o.Now))
	}
	return &verifier{o, jwt.NewParser(options...), set, make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2))}, nil
}

// algorithms returns the accepted signature algorithms (RFC 7518). None uses a shared secret.
func algorithms() []string {
	return []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
}

var errRedirect = errors.New("redirects are not followed")

// refuseRedirect is the CheckRedirect function of clients that must not follow redirects.
func refuseRedirect(*http.Request, []*http.Request) error { return errRedirect }

var errCanceled = errors.New("the caller canceled the request before the token was verified")

// parse decodes and verifies a JWT. At most half of the cores verify signatures at the same time;
// other callers wait. This bounds the CPU time that forged tokens can use. A rate limit would not
// help: only the verification distinguishes forged tokens from valid ones, so it would refuse both.
func (v *verifier) parse(ctx context.Context, token string) (c claims, err error) {
	busy := false
	defer func() {
		if busy {
			<-v.busy
		}
	}()
	if err := checkHeader(token); err != nil {
		return c, err
	}
	_, err = v.parser.ParseWithClaims(token, &c, func(t *jwt.Token) (any, error) {
		key, err := v.keysFor(ctx, t) // before a slot is taken, because this may wait for the issuer
		if err != nil {
			return nil, err
		}
		select {
		case v.busy <- struct{}{}:
			busy = true
			return key, nil
		case <-ctx.Done():
			return nil, errCanceled
		}
	})
	return c, err
}

// verify returns the caller to which a JWT was issued.
func (v *verifier) verify(ctx context.Context, token string) (Caller, error) {
	c, err := v.parse(ctx, token)
	if errors.Is(err, errCanceled) {
		return Caller{}, &Denied{Status: http.StatusServiceUnavailable, Why: "too many tokens are being verified: send the same request again", Cause: err}
	}
	if err != nil {
		return Caller{}, invalidToken(err)
	}
	if c.Subject == "" {
		return Caller{}, invalidToken(errors.New("it has no subject"))
	}
	caller := Caller{Name: "oauth:" + c.Subject, Client: cmp.Or(c.clientID, c.azp), Scopes: c.scopes}
	if v.o.TenantClaim == "" {
		return caller, nil
	}
	if c.all.read(v.o.TenantClaim, &caller.Tenant) != nil || caller.Tenant == "" {
		return Caller{}, &Denied{Status: http.StatusForbidden, Why: "the token names no tenant: ask the operator of this server for access"}
	}
	return caller, nil
}

// claims are the claims of an access token that this package reads.
type claims struct {
	jwt.RegisteredClaims
	scopes   []string // of scope and scp together
	clientID string   // RFC 9068, 2.2
	azp      string   // the same in tokens of Auth0, Keycloak and Microsoft Entra ID
	all      members  // all claims, because the settings name the claim of the tenant
}

// UnmarshalJSON decodes the claims by their exact names. Claim names are case-sensitive and unique
// (RFC 7519, 4 and 10.1.1), but encoding/json accepts EXP as exp, and the last of two members with
// the same name.
func (c *claims) UnmarshalJSON(raw []byte) error {
	all, err := membersOf(raw)
	if err != nil {
		return err
	}
	c.all = all
	var scope, scp spaceSeparated
	if err := all.readEach(
		member{"iss", &c.Issuer},
		member{"sub", &c.Subject},
		member{"aud", &c.Audience},
		member{"exp", &c.ExpiresAt},
		member{"nbf", &c.NotBefore},
		member{"iat", &c.IssuedAt},
		member{"scope", &scope}, // RFC 9068, 2.2.3: a string; Duende IdentityServer issues an array
		member{"client_id", &c.clientID},
		member{"azp", &c.azp},
		member{"scp", &scp}, // Microsoft Entra ID: a string; Okta: an array
	); err != nil {
		return err
	}
	c.scopes = append(scope, scp...)
	return nil
}

// checkHeader refuses a header with the parameter crit, because this server supports no extensions
// (RFC 7515, 4.1.11), and a header with a duplicate parameter (RFC 7515, 4).
func checkHeader(token string) error {
	encoded, _, _ := strings.Cut(token, ".")
	raw, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil {
		return errors.New("its header is not base64url")
	}
	header, err := membersOf(raw)
	if err != nil {
		return fmt.Errorf("its header: %w", err)
	}
	for name := range header {
		if strings.EqualFold(name, "crit") {
			return errors.New("its header has crit, and this server supports no extensions")
		}
	}
	return nil
}

// members maps the exact names of the members of a JSON object to their values.
type members map[string]json.RawMessage

// membersOf decodes a JSON object. Duplicate names are an error.
func membersOf(raw []byte) (members, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.New("it is not a JSON object")
	}
	all := members{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, err
		}
		key, _ := name.(string) // the decoder accepts only strings as names
		if _, duplicate := all[key]; duplicate {
			return nil, fmt.Errorf("it has the member %.20q twice", key)
		}
		all[key] = value
	}
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is data after the JSON object")
	}
	return all, nil
}

// read decodes the member with this name, if it exists. It refuses a member whose name differs only
// in case, because another program may accept it as the same name.
func (m members) read(name string, into any) error {
	for other := range m {
		if other != name && strings.EqualFold(other, name) {
			return fmt.Errorf("it has the member %.20q, which differs from %q only in case", other, name)
		}
	}
	if value, ok := m[name]; ok {
		return json.Unmarshal(value, into)
	}
	return nil
}

// member is the name of a member, and where its value goes.
type member struct {
	name string
	into any
}

// readEach reads members in their order, up to the first error.
func (m members) readEach(list ...member) error {
	for _, one := range list {
		if err := m.read(one.name, one.into); err != nil {
			return err
		}
	}
	return nil
}

// spaceSeparated is a list of words. In JSON it is a string, separated by spaces, or an array of
// strings.
type spaceSeparated []string

// UnmarshalJSON decodes both forms.
func (t *spaceSeparated) UnmarshalJSON(raw []byte) error {
	var one string
	if json.Unmarshal(raw, &one) == nil {
		*t = strings.Fields(one)
		return nil
	}
	var list []string
	if err := json.Unmarshal(raw, &list); err != nil {
		return err
	}
	for _, entry := range list {
		*t = append(*t, strings.Fields(entry)...)
	}
	return nil
}

// audiences returns the accepted values of aud. An http or https origin is accepted with and without
// the final slash, which URL libraries add (RFC 3986, 6.2.3). Other resource identifiers must match
// exactly.
func audiences(resource string) []string {
	origin := strings.TrimSuffix(resource, "/")
	u, err := url.Parse(origin)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || origin != u.Scheme+"://"+u.Host {
		return []string{resource}
	}
	return []string{origin, origin + "/"}
}
