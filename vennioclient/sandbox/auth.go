package sandbox

import (
	"net/http"
	"slices"
	"strings"
)

// The scopes that are published; the others are in choices.go.
const (
	scopeReadAvailability = "read:availability"
	scopeCreateBooking    = "create:booking"
)

// publishableScopes is all that a publishable key may do; the other kinds may do everything.
var publishableScopes = []string{scopeReadAvailability, scopeCreateBooking}

// caller is who sent a request. The token is never written anywhere.
type caller struct {
	token string
	kind  string
}

// callerOf reads the Authorization header. Any non-empty key is accepted, but
// for refresh tokens, which are not made for calls, and keys ending in _revoked.
func callerOf(r *http.Request) (caller, error) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	token = strings.TrimSpace(token)
	switch {
	case token == "":
		return caller{kind: keyAnonymous}, nil
	case !strings.EqualFold(scheme, "Bearer"):
		return caller{}, refuse(unauthorized, "The Authorization header must be of the form: Bearer KEY.")
	case strings.HasSuffix(token, "_revoked"), strings.HasPrefix(token, "vennio_rt_"):
		return caller{}, refuse(unauthorized, "This API key is not valid.")
	case strings.HasPrefix(token, "vennio_pk_"):
		return caller{token, keyPublishable}, nil
	case strings.HasPrefix(token, "vennio_at_"):
		return caller{token, keyOAuth}, nil
	default:
		return caller{token, keySecret}, nil
	}
}

// signed refuses a caller without a key.
func (c caller) signed() error {
	if c.kind == keyAnonymous {
		return refuse(unauthorized, "")
	}
	return nil
}

// may refuses a caller whose key lacks the scope.
func (c caller) may(scope string) error {
	if c.kind != keyPublishable || scope == "" || slices.Contains(publishableScopes, scope) {
		return nil
	}
	p := refuse(forbidden, "A "+c.kind+" key lacks the scope "+scope+".")
	p.KeyType, p.AvailableScopes = c.kind, publishableScopes
	return p
}
