package auth

import (
	"context"
	"net/http"
	"strings"

	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/tenant"
)

// HeaderKey is the header in which callers bring their Vennio key.
const HeaderKey = "X-Vennio-Api-Key"

// Options says who is known.
type Options struct {
	Tokens []Token
	OAuth  *OAuth // nil: no JWTs

	// PublicURL is where callers reach this server, such as
	// https://mcp.example.com: the identifier of the resource (RFC 9728, 1.2).
	PublicURL string
	// CallerKeys: callers of the default tenant bring the Vennio key to use.
	CallerKeys bool
	// Tenants are the names of those that have a key of the operator's.
	Tenants map[string]bool
	// Keys name the tenants of callers that send their own Vennio key.
	Keys tenant.Keyring
}

// Checker tells who is calling. It is safe for concurrent use.
type Checker struct {
	o     Options
	oauth *verifier
}

// New returns a Checker. With neither tokens nor OAuth nobody is asked who they
// are: see Asks. The keys of OAuth's issuer are fetched until ctx ends; that
// they cannot be had now is no error.
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

// Asks tells whether callers must say who they are.
func (c *Checker) Asks() bool { return len(c.o.Tokens) > 0 || c.oauth != nil }

// Identify tells who sent r, or why they are not let in: always a *Denied.
func (c *Checker) Identify(r *http.Request) (Caller, error) {
	caller := Caller{open: true}
	if c.Asks() {
		token, err := bearer(r.Header.Values("Authorization"))
		if err != nil {
			return Caller{}, err
		}
		if caller, err = c.holder(r.Context(), token); err != nil {
			return Caller{}, err
		}
	}
	return c.withKey(caller, r.Header.Values(HeaderKey))
}

const maxToken = 8 << 10 // bytes

// isToken knows the b64token of RFC 6750, 2.1.
func isToken(s string) bool {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/"
	s = strings.TrimRight(s, "=")
	return s != "" && len(s) <= maxToken && strings.Trim(s, letters) == ""
}

// bearer reads the one Authorization header (RFC 6750, 2.1).
func bearer(headers []string) (string, error) {
	if len(headers) == 0 {
		return "", &Denied{Status: http.StatusUnauthorized, Why: "this server asks who calls: send Authorization: Bearer TOKEN"}
	}
	scheme, token, _ := strings.Cut(headers[0], " ")
	token = strings.TrimSpace(token)
	switch {
	case len(headers) > 1, !strings.EqualFold(scheme, "Bearer"), !isToken(token):
		return "", &Denied{Status: http.StatusBadRequest, Code: "invalid_request", Why: "want one header Authorization: Bearer TOKEN"}
	case sanitize.VennioKey(token):
		return "", &Denied{
			Status: http.StatusUnauthorized, Code: "invalid_token",
			Why: "a Vennio key is no credential of this server: send this server's own token, and replace that key if others may have seen it",
		}
	}
	return token, nil
}

// holder is whom a token was given to.
func (c *Checker) holder(ctx context.Context, token string) (Caller, error) {
	if t, ok := find(c.o.Tokens, token); ok {
		caller := Caller{Name: t.Name, Tenant: t.Tenant, Scopes: t.Scopes}
		if len(caller.Scopes) == 0 {
			caller.Scopes = []string{ScopeRead, ScopeBook}
		}
		return caller, nil
	}
	if c.oauth == nil || strings.Count(token, ".") != 2 {
		return Caller{}, unknown(nil)
	}
	caller, err := c.oauth.verify(ctx, token)
	if err == nil && caller.Tenant != "" && !c.o.Tenants[caller.Tenant] {
		err = &Denied{Status: http.StatusForbidden, Why: "the tenant that this token names is not served here: ask this server's operator"}
	}
	return caller, err
}

// withKey adds the Vennio key that the caller brought, if they may and must. The
// callers of one key are one tenant.
func (c *Checker) withKey(caller Caller, headers []string) (Caller, error) {
	bring := c.o.CallerKeys && caller.Tenant == "" && !c.o.Tenants[""]
	switch {
	case !bring && len(headers) == 0:
		return caller, nil
	case !bring:
		return Caller{}, &Denied{Status: http.StatusBadRequest, Why: "this server uses the Vennio key that its operator set: leave out the header " + HeaderKey}
	case len(headers) == 0:
		return Caller{}, &Denied{Status: http.StatusBadRequest, Why: "send your Vennio API key in the header " + HeaderKey}
	case len(headers) > 1, !plausible(headers[0]):
		return Caller{}, &Denied{Status: http.StatusBadRequest, Why: "want one header " + HeaderKey + " with a Vennio API key in it, without blanks"}
	}
	caller.Key = headers[0]
	caller.Tenant = c.o.Keys.NameOfCallerKey(caller.Key)
	return caller, nil
}

// plausible keys are short and without blanks, control characters and the like.
func plausible(key string) bool {
	const least, most = 8, 512
	return len(key) >= least && len(key) <= most && !strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' })
}
