package auth

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/time/rate"

	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
)

// SignInOptions configure this server as a client of an OpenID Connect issuer (OpenID Connect Core
// 1.0), at which people sign in with a browser.
type SignInOptions struct {
	Issuer       string
	ClientID     string
	ClientSecret sanitize.Secret // empty: a public client, which is protected by PKCE only
	Scopes       []string        // in addition to openid
	RedirectURL  string          // where the issuer redirects the browser
	TenantClaim  string          // claim of the ID token that names the tenant; empty: the default tenant
	Tenants      map[string]bool // the tenants that this server serves

	// Domains (of verified e-mail addresses) and Subjects may sign in. If both are empty, everybody may.
	Domains, Subjects []string

	Now  func() time.Time // nil: time.Now
	Warn func(error)      // called for failed sign-ins and malformed keys; may be nil
}

// The errors of SignIn. Errors that wrap them have details for the log.
var (
	ErrIssuerUnavailable = errors.New("the authorization server is unavailable")
	ErrCode              = errors.New("the authorization server refused the code")
	ErrIDToken           = errors.New("the ID token is invalid")
	ErrNoTenant          = errors.New("the ID token names no tenant of this server")
	ErrNotAllowed        = errors.New("the settings do not allow this person to sign in")
)

// Person is a person who signed in.
type Person struct {
	Subject string // stable identifier at the issuer
	Name    string // display name
	Tenant  string
}

// Attempt is one sign-in attempt. All its values are secrets of the browser.
type Attempt struct {
	State    string `json:"state"`
	Nonce    string `json:"nonce"`
	Verifier string `json:"verifier"` // of PKCE (RFC 7636)
}

// NewAttempt returns an attempt with random values.
func NewAttempt() Attempt {
	return Attempt{State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier()}
}

// SignIn signs people in at one issuer. It fetches the metadata of the issuer when it first needs
// them. It is safe for concurrent use.
type SignIn struct {
	o      SignInOptions
	client *http.Client
	busy   chan struct{} // contains one element for each code that is being redeemed
	warned *rate.Limiter // limits calls of Warn, because unauthenticated requests cause them
	lock   chan struct{} // mutex for the fields below that can be waited for with a context

	found    *issuer
	foundAt  time.Time
	failure  error
	failedAt time.Time
}

// issuer is the configuration from the metadata of an issuer (OpenID Connect Discovery 1.0).
type issuer struct {
	oauth    oauth2.Config
	verifier *oidc.IDTokenVerifier
}

const (
	metadataLifetime = time.Hour       // after which the metadata are fetched again
	retryDelay       = 3 * time.Second // after a failed fetch, because unauthenticated requests cause fetches
	maxResponse      = 1 << 20         // bytes
	maxRedeemed      = 32              // codes at the same time
)

// NewSignIn returns a SignIn. It does not connect to the issuer.
func NewSignIn(o SignInOptions) *SignIn {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Warn == nil {
		o.Warn = func(error) {}
	}
	return &SignIn{
		o: o, busy: make(chan struct{}, maxRedeemed), warned: rate.NewLimiter(rate.Every(time.Second), 20), lock: make(chan struct{}, 1),
		client: &http.Client{Timeout: FetchTimeout, CheckRedirect: refuseRedirect, Transport: boundedResponses{http.DefaultTransport}},
	}
}

// Issuer returns the issuer at which people sign in.
func (s *SignIn) Issuer() string { return s.o.Issuer }

// RedirectURL returns the address to which the issuer redirects the browser.
func (s *SignIn) RedirectURL() string { return s.o.RedirectURL }

// warn calls Warn, at a limited rate.
func (s *SignIn) warn(err error) {
	if s.warned.Allow() {
		s.o.Warn(fmt.Errorf("sign-in at %s: %w", s.o.Issuer, err))
	}
}

// AuthURL returns the address of the issuer to which the browser is redirected for an attempt.
func (s *SignIn) AuthURL(ctx context.Context, a Attempt) (string, error) {
	i, err := s.issuer(ctx)
	if err != nil {
		s.warn(err)
		return "", err
	}
	return i.oauth.AuthCodeURL(a.State, oidc.Nonce(a.Nonce), oauth2.S256ChallengeOption(a.Verifier)), nil
}

// Person redeems the authorization code of an attempt and returns the person who signed in.
func (s *SignIn) Person(ctx context.Context, code string, a Attempt) (p Person, err error) {
	defer func() {
		if err != nil {
			s.warn(err)
		}
	}()
	select {
	case s.busy <- struct{}{}:
		defer func() { <-s.busy }()
	default:
		return Person{}, fmt.Errorf("%w: too many people are signing in at the same time", ErrIssuerUnavailable)
	}
	i, err := s.issuer(ctx)
	if err != nil {
		return Person{}, err
	}
	ctx, cancel := context.WithTimeout(oidc.ClientContext(ctx, s.client), 2*FetchTimeout)
	defer cancel()
	tokens, err := i.oauth.Exchange(ctx, code, oauth2.VerifierOption(a.Verifier))
	if refused, ok := errors.AsType[*oauth2.RetrieveError](err); ok && refused.Response.StatusCode < http.StatusInternalServerError {
		return Person{}, fmt.Errorf("%w: %s", ErrCode, sanitize.Line(err.Error(), 300))
	}
	if err != nil {
		return Person{}, fmt.Errorf("%w: %s", ErrIssuerUnavailable, sanitize.Line(err.Error(), 300))
	}
	raw, _ := tokens.Extra("id_token").(string)
	return s.person(ctx, i, raw, a.Nonce)
}

// issuer returns the configuration of the issuer. Only one call at a time fetches the metadata. After
// a failure, it returns the same error for retryDelay.
func (s *SignIn) issuer(ctx context.Context) (*issuer, error) {
	select {
	case s.lock <- struct{}{}:
		defer func() { <-s.lock }()
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w", ErrIssuerUnavailable, ctx.Err())
	}
	since := func(t time.Time) time.Duration { return s.o.Now().Sub(t).Abs() }
	switch {
	case s.found != nil && since(s.foundAt) < metadataLifetime:
		return s.found, nil
	case s.failure != nil && since(s.failedAt) < retryDelay:
		return nil, s.failure
	}
	found, err := s.discover(context.WithoutCancel(ctx)) // a canceled request must not fail the others
	if err != nil {
		s.failure, s.failedAt = fmt.Errorf("%w: %s", ErrIssuerUnavailable, sanitize.Line(err.Error(), 300)), s.o.Now()
		return nil, s.failure
	}
	s.found, s.foundAt, s.failure = found, s.o.Now(), nil
	return found, nil
}

// discover fetches the metadata of the issuer.
func (s *SignIn) discover(ctx context.Context) (*issuer, error) {
	provider, err := oidc.NewProvider(oidc.ClientContext(ctx, s.client), s.o.Issuer)
	if err != nil {
		return nil, err
	}
	var more struct {
		Keys    string   `json:"jwks_uri"`
		Methods []string `json:"token_endpoint_auth_methods_supported"`
	}
	if err := provider.Claims(&more); err != nil {
		return nil, err
	}
	endpoint := provider.Endpoint()
	for name, address := range map[string]string{"authorization_endpoint": endpoint.AuthURL, "token_endpoint": endpoint.TokenURL, "jwks_uri": more.Keys} {
		if !confidential(address) {
			return nil, fmt.Errorf("its metadata have no https address as %s", name)
		}
	}
	// HTTP Basic is the default of the standard. Without a setting, x/oauth2 tries both methods, and the
	// first try invalidates the code.
	endpoint.AuthStyle = oauth2.AuthStyleInHeader
	if s.o.ClientSecret == "" || len(more.Methods) > 0 && !slices.Contains(more.Methods, "client_secret_basic") {
		endpoint.AuthStyle = oauth2.AuthStyleInParams
	}
	// keyClient removes malformed keys, so that they do not make the others unusable.
	keys := oidc.NewRemoteKeySet(oidc.ClientContext(ctx, keyClient(s.o.Warn)), more.Keys)
	return &issuer{
		oauth: oauth2.Config{ClientID: s.o.ClientID, ClientSecret: s.o.ClientSecret.Reveal(), Endpoint: endpoint, RedirectURL: s.o.RedirectURL, Scopes: append([]string{oidc.ScopeOpenID}, s.o.Scopes...)},
		verifier: oidc.NewVerifier(s.o.Issuer, keys, &oidc.Config{
			ClientID: s.o.ClientID, SupportedSigningAlgs: algorithms(), Now: func() time.Time { return s.o.Now().Add(-leeway) },
		}),
	}, nil
}

// confidential reports whether requests to an address are confidential: https, or http on loopback.
func confidential(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil {
		return false
	}
	return u.Scheme == "https" || u.Scheme == "http" && LoopbackHost(u.Hostname())
}

// person verifies an ID token (OpenID Connect Core 1.0, 3.1.3.7).
func (s *SignIn) person(ctx context.Context, i *issuer, raw, nonce string) (Person, error) {
	invalid := func(err error) (Person, error) {
		return Person{}, fmt.Errorf("%w: %s", ErrIDToken, sanitize.Line(err.Error(), 300))
	}
	if raw == "" {
		return invalid(errors.New("the authorization server sent none: check that it allows the scope openid for this client"))
	}
	if err := checkHeader(raw); err != nil {
		return invalid(err)
	}
	token, err := i.verifier.Verify(ctx, raw)
	if err != nil {
		return invalid(err)
	}
	var payload json.RawMessage
	if err := token.Claims(&payload); err != nil {
		return invalid(err)
	}
	c, err := identityOf(payload)
	switch {
	case err != nil:
		return invalid(err)
	case c.nonce == "" || c.nonce != nonce:
		return invalid(errors.New("its nonce is not the one of this attempt"))
	case c.party != "" && c.party != s.o.ClientID, c.party == "" && len(token.Audience) > 1:
		return invalid(errors.New("it was issued to another client (azp)"))
	case token.Subject == "":
		return invalid(errors.New("it has no subject"))
	}
	return s.admit(token.Subject, c)
}

// identity holds the claims of an ID token that go-oidc does not verify.
type identity struct {
	nonce, party string
	name, email  string // email is empty unless the issuer has verified it
	all          members
}

// identityOf decodes the claims by their exact names, as for access tokens.
func identityOf(payload []byte) (c identity, err error) {
	if c.all, err = membersOf(payload); err != nil {
		return c, err
	}
	var required struct{ iss, sub, aud, exp json.RawMessage }
	var verified any
	if err := c.all.readEach(
		member{"iss", &required.iss},
		member{"sub", &required.sub},
		member{"aud", &required.aud},
		member{"exp", &required.exp},
		member{"nonce", &c.nonce},
		member{"azp", &c.party},
		member{"name", &c.name},
		member{"email", &c.email},
		member{"email_verified", &verified}, // a boolean; AWS Cognito issues a string
	); err != nil {
		return c, err
	}
	for name, value := range map[string]json.RawMessage{"iss": required.iss, "sub": required.sub, "aud": required.aud, "exp": required.exp} {
		if value == nil {
			return c, fmt.Errorf("it has no claim %s", name)
		}
	}
	if verified != true && verified != "true" {
		c.email = ""
	}
	return c, nil
}

// admit checks that the person may sign in, and determines their tenant.
func (s *SignIn) admit(subject string, c identity) (Person, error) {
	p := Person{Subject: subject, Name: sanitize.First(100, c.name, c.email, subject)}
	if p.Name == "" {
		return Person{}, fmt.Errorf("%w: its subject has no visible characters", ErrIDToken)
	}
	if s.o.TenantClaim != "" && (c.all.read(s.o.TenantClaim, &p.Tenant) != nil || p.Tenant == "") {
		return Person{}, fmt.Errorf("%w: it has no claim %s with a name", ErrNoTenant, sanitize.Quote(s.o.TenantClaim, 60))
	}
	if !s.o.Tenants[p.Tenant] {
		return Person{}, fmt.Errorf("%w: it names %s", ErrNoTenant, sanitize.Quote(p.Tenant, 60))
	}
	at := strings.LastIndexByte(c.email, '@')
	listed := slices.Contains(s.o.Subjects, subject) ||
		at > 0 && slices.ContainsFunc(s.o.Domains, func(domain string) bool { return strings.EqualFold(domain, c.email[at+1:]) })
	if len(s.o.Subjects)+len(s.o.Domains) > 0 && !listed {
		return Person{}, ErrNotAllowed
	}
	return p, nil
}

// boundedResponses limits response bodies to maxResponse bytes.
type boundedResponses struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (b boundedResponses) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.next.RoundTrip(r)
	if err == nil {
		resp.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(resp.Body, maxResponse), resp.Body}
	}
	return resp, err
}
