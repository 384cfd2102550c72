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

// SignInOptions describe this server as a client of an OpenID Connect issuer (OpenID Connect Core 1.0),
// at which people sign in with a browser.
type SignInOptions struct {
	Issuer       string
	ClientID     string
	ClientSecret string   // empty: a public client, for which PKCE alone counts
	Scopes       []string // beside openid
	RedirectURL  string   // where the issuer sends the browser back to
	TenantClaim  string   // of the ID token; empty: everybody belongs to the default tenant
	Tenants      map[string]bool

	// Domains of verified e-mail addresses, and subjects, that may sign in; both empty: everybody.
	Domains, Subjects []string

	Now  func() time.Time // nil: the clock
	Warn func(error)      // called with why somebody could not sign in, and of malformed keys; may be nil
}

// The reasons why nobody was signed in. Errors that wrap them carry the details, for the log.
var (
	ErrIssuerAway = errors.New("the authorization server cannot be used")
	ErrCode       = errors.New("the authorization server does not accept the code")
	ErrIDToken    = errors.New("the ID token is not valid")
	ErrNoTenant   = errors.New("the ID token names no tenant that is served here")
	ErrNotAllowed = errors.New("the settings do not allow this person to sign in")
)

// Person is who signed in.
type Person struct {
	Subject string // what the issuer calls them, always the same
	Name    string // for people to read
	Tenant  string
}

// Attempt is one attempt to sign in. All of it is a secret of the browser that makes it.
type Attempt struct {
	State    string `json:"state"`
	Nonce    string `json:"nonce"`
	Verifier string `json:"verifier"` // of PKCE (RFC 7636)
}

// NewAttempt returns an attempt that nobody can guess.
func NewAttempt() Attempt {
	return Attempt{State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier()}
}

// SignIn signs people in at one issuer, whose description is fetched when it is first needed. It is
// safe for concurrent use.
type SignIn struct {
	o      SignInOptions
	client *http.Client
	busy   chan struct{} // holds a token for each code that is being redeemed
	warned *rate.Limiter // limits calls of Warn: visitors without credentials cause them
	turn   chan struct{} // held while the fields below are used

	found    *issuer
	foundAt  time.Time
	failure  error
	failedAt time.Time
}

// issuer is what an issuer says of itself (OpenID Connect Discovery 1.0).
type issuer struct {
	oauth    oauth2.Config
	verifier *oidc.IDTokenVerifier
}

const (
	describedFor = time.Hour       // until an issuer's description is fetched again
	failedFor    = 3 * time.Second // before it is tried again: visitors without credentials cause it
	maxAnswer    = 1 << 20         // bytes
	maxRedeemed  = 32              // codes at once
)

// NewSignIn returns a SignIn, without asking the issuer for anything.
func NewSignIn(o SignInOptions) *SignIn {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Warn == nil {
		o.Warn = func(error) {}
	}
	return &SignIn{
		o: o, busy: make(chan struct{}, maxRedeemed), warned: rate.NewLimiter(rate.Every(time.Second), 20), turn: make(chan struct{}, 1),
		client: &http.Client{Timeout: FetchLimit, CheckRedirect: stay, Transport: boundedAnswers{http.DefaultTransport}},
	}
}

// Issuer is where people sign in.
func (s *SignIn) Issuer() string { return s.o.Issuer }

// RedirectURL is where the issuer sends the browser back to.
func (s *SignIn) RedirectURL() string { return s.o.RedirectURL }

// warn passes an error on to the log.
func (s *SignIn) warn(err error) {
	if s.warned.Allow() {
		s.o.Warn(fmt.Errorf("signing in at %s: %w", s.o.Issuer, err))
	}
}

// AuthURL is where the browser is sent to sign in.
func (s *SignIn) AuthURL(ctx context.Context, a Attempt) (string, error) {
	i, err := s.issuer(ctx)
	if err != nil {
		s.warn(err)
		return "", err
	}
	return i.oauth.AuthCodeURL(a.State, oidc.Nonce(a.Nonce), oauth2.S256ChallengeOption(a.Verifier)), nil
}

// Person redeems the code with which the issuer sent the browser back, and returns who signed in.
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
		return Person{}, fmt.Errorf("%w: too many people sign in at once", ErrIssuerAway)
	}
	i, err := s.issuer(ctx)
	if err != nil {
		return Person{}, err
	}
	ctx, cancel := context.WithTimeout(oidc.ClientContext(ctx, s.client), 2*FetchLimit)
	defer cancel()
	tokens, err := i.oauth.Exchange(ctx, code, oauth2.VerifierOption(a.Verifier))
	if refused, ok := errors.AsType[*oauth2.RetrieveError](err); ok && refused.Response.StatusCode < http.StatusInternalServerError {
		return Person{}, fmt.Errorf("%w: %s", ErrCode, sanitize.Line(err.Error(), 300))
	}
	if err != nil {
		return Person{}, fmt.Errorf("%w: %s", ErrIssuerAway, sanitize.Line(err.Error(), 300))
	}
	raw, _ := tokens.Extra("id_token").(string)
	return s.person(ctx, i, raw, a.Nonce)
}

// issuer returns the issuer's description. One caller at a time fetches it, at most every few seconds.
func (s *SignIn) issuer(ctx context.Context) (*issuer, error) {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w", ErrIssuerAway, ctx.Err())
	}
	since := func(t time.Time) time.Duration { return s.o.Now().Sub(t).Abs() }
	switch {
	case s.found != nil && since(s.foundAt) < describedFor:
		return s.found, nil
	case s.failure != nil && since(s.failedAt) < failedFor:
		return nil, s.failure
	}
	found, err := s.describe(context.WithoutCancel(ctx)) // a visitor who goes away must not fail the others
	if err != nil {
		s.failure, s.failedAt = fmt.Errorf("%w: %s", ErrIssuerAway, sanitize.Line(err.Error(), 300)), s.o.Now()
		return nil, s.failure
	}
	s.found, s.foundAt, s.failure = found, s.o.Now(), nil
	return found, nil
}

// describe fetches the issuer's description.
func (s *SignIn) describe(ctx context.Context) (*issuer, error) {
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
			return nil, fmt.Errorf("its description names no https address as %s", name)
		}
	}
	// Basic is the default of the standard. x/oauth2 would find out by trying both, and use up the code.
	endpoint.AuthStyle = oauth2.AuthStyleInHeader
	if s.o.ClientSecret == "" || len(more.Methods) > 0 && !slices.Contains(more.Methods, "client_secret_basic") {
		endpoint.AuthStyle = oauth2.AuthStyleInParams
	}
	// One malformed key must not disable the others, as with access tokens.
	keys := oidc.NewRemoteKeySet(oidc.ClientContext(ctx, keyClient(s.o.Warn)), more.Keys)
	return &issuer{
		oauth: oauth2.Config{ClientID: s.o.ClientID, ClientSecret: s.o.ClientSecret, Endpoint: endpoint, RedirectURL: s.o.RedirectURL, Scopes: append([]string{oidc.ScopeOpenID}, s.o.Scopes...)},
		verifier: oidc.NewVerifier(s.o.Issuer, keys, &oidc.Config{
			ClientID: s.o.ClientID, SupportedSigningAlgs: algorithms(), Now: func() time.Time { return s.o.Now().Add(-leeway) },
		}),
	}, nil
}

// confidential reports whether what is sent to an address stays confidential: https, or http on loopback.
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
		return invalid(errors.New("the authorization server sent none: the scope openid may not be allowed for this client"))
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

// identity are the claims of an ID token that go-oidc does not check.
type identity struct {
	nonce, party string
	name, email  string // email only where the issuer has verified it
	all          members
}

// identityOf reads the claims by their exact names, as those of access tokens.
func identityOf(payload []byte) (c identity, err error) {
	if c.all, err = membersOf(payload); err != nil {
		return c, err
	}
	var required struct{ iss, sub, aud, exp json.RawMessage }
	var verified any
	for _, one := range []struct {
		name string
		into any
	}{
		{"iss", &required.iss},
		{"sub", &required.sub},
		{"aud", &required.aud},
		{"exp", &required.exp},
		{"nonce", &c.nonce},
		{"azp", &c.party},
		{"name", &c.name},
		{"email", &c.email},
		{"email_verified", &verified}, // a boolean; AWS Cognito issues a string
	} {
		if err := c.all.read(one.name, one.into); err != nil {
			return c, err
		}
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

// admit decides whether the person may answer here, and for which tenant.
func (s *SignIn) admit(subject string, c identity) (Person, error) {
	p := Person{Subject: subject, Name: sanitize.First(100, c.name, c.email, subject)}
	if p.Name == "" {
		return Person{}, fmt.Errorf("%w: nothing of its subject can be seen", ErrIDToken)
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

// boundedAnswers bounds the length of what is read of each response.
type boundedAnswers struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (b boundedAnswers) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.next.RoundTrip(r)
	if err == nil {
		resp.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(resp.Body, maxAnswer), resp.Body}
	}
	return resp, err
}
