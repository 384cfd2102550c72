// Package auth authenticates callers over HTTP and determines their tenant. Credentials are
// bearer tokens, of which the operator stores the hashes, or JWT access tokens of an authorization
// server (MCP 2025-11-25, Authorization: this server is an OAuth 2.1 protected resource).
//
// A caller's credential is valid for this server only: it is never sent to Vennio, and a Vennio API
// key is never accepted as a credential. If the operator allows it, callers send the Vennio API key
// to use next to their credential, in a separate header.
package auth

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/tenant"
)

// The scopes of callers. A token of the settings file that lists no scopes has ScopeRead
// and ScopeBook.
const (
	ScopeRead    = "vennio:read"    // tools that read, resources, prompts
	ScopeBook    = "vennio:book"    // tools that write
	ScopeAsk     = "vennio:ask"     // the caller shows forms and cards to a person; their answers count under the policy human
	ScopeMetrics = "vennio:metrics" // metrics of the whole process
)

// Scopes lists every scope.
func Scopes() []string { return []string{ScopeRead, ScopeBook, ScopeAsk, ScopeMetrics} }

// Caller is the identity that the credential of a request proves.
type Caller struct {
	Name   string // name of the token in the settings, or "oauth:" and the subject of a JWT
	Client string // the OAuth client to which a JWT was issued (RFC 9068, 2.2); empty if the token does not say
	Tenant string // empty: the default tenant
	Scopes []string
	Key    string // the Vennio API key that the caller sent, a secret; empty: none
	open   bool   // callers are not authenticated, and have every scope
}

// May reports whether the caller has a scope.
func (c Caller) May(scope string) bool { return c.open || slices.Contains(c.Scopes, scope) }

// Anonymous reports whether callers are not authenticated, as over stdio and on a loopback
// server without tokens.
func (c Caller) Anonymous() bool { return c.open }

// Owner identifies the caller that a session belongs to. Other callers cannot use the session.
func (c Caller) Owner() string { return c.Tenant + "\x00" + c.Name }

// String omits the key.
func (c Caller) String() string { return c.Tenant + "/" + c.Name }

// GoString omits the key.
func (c Caller) GoString() string { return c.String() }

type contextKey struct{}

// With returns a context that carries the caller.
func With(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, contextKey{}, c)
}

// From returns the caller in ctx. Without one, as over stdio, it returns an anonymous
// caller that has every scope.
func From(ctx context.Context) Caller {
	if c, ok := ctx.Value(contextKey{}).(Caller); ok {
		return c
	}
	return Caller{open: true}
}

// HeaderKey is the header in which callers send their Vennio API key.
const HeaderKey = "X-Vennio-Api-Key"

// Options configure a Checker.
type Options struct {
	Tokens []Token
	OAuth  *OAuth // nil: JWTs are refused

	// PublicURL is the address of this server for callers, such as https://mcp.example.com. It is
	// the resource identifier (RFC 9728, 1.2).
	PublicURL string
	// CallerKeys requires that callers of the default tenant send the Vennio API key to use.
	CallerKeys bool
	// Tenants holds the names of the tenants for which the operator set a Vennio API key.
	Tenants map[string]bool
	// Keys derive the tenant names of callers that send their own Vennio API key.
	Keys tenant.Keyring
}

// Checker authenticates the callers of HTTP requests. It is safe for concurrent use.
type Checker struct {
	o     Options
	oauth *verifier
}

// New returns a Checker. With neither tokens nor OAuth, callers are not authenticated (see
// Required). The Checker fetches the keys of the OAuth issuer until ctx ends. It is not an error
// if they are unavailable now.
func New(ctx context.Context, o Options) (*Checker, error) {
	c := &Checker{o: o}
	if o.OAuth != nil {
		var err error
		if c.oauth, err = newVerifier(ctx, *o.OAuth); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// Required reports whether callers must authenticate.
func (c *Checker) Required() bool { return len(c.o.Tokens) > 0 || c.oauth != nil }

// CallerKeys reports whether callers of the default tenant must send their own Vennio API key.
func (c *Checker) CallerKeys() bool { return c.o.CallerKeys && !c.o.Tenants[""] }

// Identify returns the caller that sent r. Its error is always a *Denied.
func (c *Checker) Identify(r *http.Request) (Caller, error) {
	caller := Caller{open: true}
	if c.Required() {
		token, err := bearer(r.Header.Values("Authorization"))
		if err != nil {
			return Caller{}, err
		}
		if caller, err = c.tokenCaller(r.Context(), token); err != nil {
			return Caller{}, err
		}
	}
	return c.withKey(caller, r.Header.Values(HeaderKey))
}

const maxToken = 8 << 10 // bytes

// isToken reports whether s is a b64token (RFC 6750, 2.1) of at most maxToken bytes.
func isToken(s string) bool {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/"
	s = strings.TrimRight(s, "=")
	return s != "" && len(s) <= maxToken && strings.Trim(s, letters) == ""
}

// bearer returns the token of the Authorization header (RFC 6750, 2.1). Several headers are an
// error.
func bearer(headers []string) (string, error) {
	if len(headers) == 0 {
		return "", &Denied{Status: http.StatusUnauthorized, Why: "this server requires authentication: send Authorization: Bearer TOKEN"}
	}
	scheme, token, _ := strings.Cut(headers[0], " ")
	token = strings.TrimSpace(token)
	switch {
	case len(headers) > 1, !strings.EqualFold(scheme, "Bearer"), !isToken(token):
		return "", &Denied{Status: http.StatusBadRequest, Code: "invalid_request", Why: "send exactly one header Authorization: Bearer TOKEN"}
	case sanitize.VennioKey(token):
		return "", &Denied{
			Status: http.StatusUnauthorized, Code: "invalid_token",
			Why: "a Vennio API key is not a credential for this server: send a token of this server, and replace that key if others may have seen it",
		}
	}
	return token, nil
}

// tokenCaller returns the caller to which a token was issued.
func (c *Checker) tokenCaller(ctx context.Context, token string) (Caller, error) {
	if t, ok := find(c.o.Tokens, token); ok {
		caller := Caller{Name: t.Name, Tenant: t.Tenant, Scopes: t.Scopes}
		if len(caller.Scopes) == 0 {
			caller.Scopes = []string{ScopeRead, ScopeBook}
		}
		return caller, nil
	}
	if c.oauth == nil || strings.Count(token, ".") != 2 {
		return Caller{}, invalidToken(nil)
	}
	caller, err := c.oauth.verify(ctx, token)
	if err == nil && caller.Tenant != "" && !c.o.Tenants[caller.Tenant] {
		err = &Denied{Status: http.StatusForbidden, Why: "this server does not serve the tenant that the token names: ask its operator"}
	}
	return caller, err
}

// withKey adds the Vennio API key that the caller sent. The header is required if callers use their
// own keys, and otherwise refused. Callers with the same key are one tenant.
func (c *Checker) withKey(caller Caller, headers []string) (Caller, error) {
	required := c.CallerKeys() && caller.Tenant == ""
	switch {
	case !required && len(headers) == 0:
		return caller, nil
	case !required:
		return Caller{}, &Denied{Status: http.StatusBadRequest, Why: "this server uses the Vennio API key that its operator set: omit the header " + HeaderKey}
	case len(headers) == 0:
		return Caller{}, &Denied{Status: http.StatusBadRequest, Why: "send your Vennio API key in the header " + HeaderKey}
	case len(headers) > 1, !plausible(headers[0]):
		return Caller{}, &Denied{Status: http.StatusBadRequest, Why: "send exactly one header " + HeaderKey + ", with a Vennio API key without blanks"}
	}
	caller.Key = headers[0]
	caller.Tenant = c.o.Keys.NameOfCallerKey(caller.Key)
	return caller, nil
}

// plausible reports whether a key has 8 to 512 bytes, all of them visible ASCII.
func plausible(key string) bool {
	const least, most = 8, 512
	return len(key) >= least && len(key) <= most && !strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' })
}

// Denied is the error for a request that is refused. Its fields, except Cause, are sent to the
// caller.
type Denied struct {
	Status int    // HTTP status
	Code   string // RFC 6750, 3.1: invalid_request, invalid_token or insufficient_scope; empty where no credential was sent
	Why    string // one sentence that includes the next step
	Scope  string // for insufficient_scope: the scopes that are sufficient, separated by spaces
	Cause  error  // for the log, not for the caller
}

func (d *Denied) Error() string {
	if d.Cause != nil {
		return d.Why + ": " + d.Cause.Error()
	}
	return d.Why
}

func (d *Denied) Unwrap() error { return d.Cause }

// invalidToken returns the same answer for every invalid token. The cause is for the log.
func invalidToken(cause error) *Denied {
	return &Denied{Status: http.StatusUnauthorized, Code: "invalid_token", Why: "the bearer token is invalid or expired: get a new one", Cause: cause}
}

// MissingScope refuses a caller that does not have a scope.
func MissingScope(scope string) *Denied {
	d := &Denied{Status: http.StatusForbidden, Code: "insufficient_scope", Why: "this needs the scope " + scope + ", which this token does not have", Scope: scope}
	if scope == ScopeBook {
		d.Scope = ScopeRead + " " + ScopeBook
	}
	return d
}
