package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/time/rate"
)

// OAuth is whose JWT access tokens are taken (RFC 9068).
type OAuth struct {
	Issuer      string // as tokens say it in iss
	JWKS        string // address of the issuer's keys (RFC 7517): https, or http on loopback
	Audience    string // what tokens must be meant for: this server's resource identifier (RFC 8707)
	TenantClaim string // claim that names the tenant; empty: all are of the default one

	Now  func() time.Time // nil: the clock
	Warn func(error)      // told when the keys cannot be fetched; may be nil
}

const (
	leeway     = 30 * time.Second // between our clock and the issuer's
	refresh    = time.Hour        // of the issuer's keys
	refetch    = 3 * time.Second  // with the caller waiting
	retryEvery = 30 * time.Second // at most, for keys that are not known
)

// FetchLimit bounds how long fetching the issuer's keys may take.
const FetchLimit = 10 * time.Second

// verifier checks JWTs.
type verifier struct {
	o      OAuth
	parser *jwt.Parser
	keys   jwkset.Storage
	busy   chan struct{} // holds a token for each signature that is being checked
}

// newVerifier fetches the issuer's keys, and again every hour and when a token
// names a key that is not known, so that they can be rotated.
func newVerifier(ctx context.Context, o OAuth) (*verifier, error) {
	warn := func(_ context.Context, err error) {
		if o.Warn != nil {
			o.Warn(fmt.Errorf("the keys of the token issuer: %w", err))
		}
	}
	kept, err := jwkset.NewStorageFromHTTP(o.JWKS, jwkset.HTTPClientStorageOptions{
		Client: keyClient(func(err error) { warn(ctx, err) }), Ctx: ctx, HTTPTimeout: FetchLimit,
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

// algorithms are those of signatures that are accepted (RFC 7518): none with a shared secret.
func algorithms() []string {
	return []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
}

var errRedirect = errors.New("redirects are not followed")

func stay(*http.Request, []*http.Request) error { return errRedirect }

var errGone = errors.New("the caller did not wait for their token to be checked")

// parse reads a JWT and checks it. Signatures are checked on half of the cores at
// most, each in its turn: who forges many takes no more of the machine than that.
// They have no pace: only the check itself tells a forged token from a right one,
// and a pace would refuse both.
func (v *verifier) parse(ctx context.Context, token string) (c claims, err error) {
	turn := false
	defer func() {
		if turn {
			<-v.busy
		}
	}()
	if err := checkHeader(token); err != nil {
		return c, err
	}
	_, err = v.parser.ParseWithClaims(token, &c, func(t *jwt.Token) (any, error) {
		key, err := v.keysFor(ctx, t) // it may wait for the issuer, so it comes first
		if err != nil {
			return nil, err
		}
		select {
		case v.busy <- struct{}{}:
			turn = true
			return key, nil
		case <-ctx.Done():
			return nil, errGone
		}
	})
	return c, err
}

// verify tells whom a JWT was issued to.
func (v *verifier) verify(ctx context.Context, token string) (Caller, error) {
	c, err := v.parse(ctx, token)
	if errors.Is(err, errGone) {
		return Caller{}, &Denied{Status: http.StatusServiceUnavailable, Why: "too many tokens are being checked: send the same again", Cause: err}
	}
	if err != nil {
		return Caller{}, unknown(err)
	}
	if c.Subject == "" {
		return Caller{}, unknown(errors.New("it has no subject"))
	}
	caller := Caller{Name: "oauth:" + c.Subject, Scopes: c.scopes}
	if v.o.TenantClaim == "" {
		return caller, nil
	}
	if c.all.read(v.o.TenantClaim, &caller.Tenant) != nil || caller.Tenant == "" {
		return Caller{}, &Denied{Status: http.StatusForbidden, Why: "this token names no tenant: ask this server's operator for access"}
	}
	return caller, nil
}
