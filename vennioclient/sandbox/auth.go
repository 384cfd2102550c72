package sandbox

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The documented scopes; the others are in choices.go.
const (
	scopeReadAvailability = "read:availability"
	scopeCreateBooking    = "create:booking"
)

// publishableScopes are the scopes of a publishable key; the other kinds have all scopes.
var publishableScopes = []string{scopeReadAvailability, scopeCreateBooking}

// caller is the sender of a request. The token is never logged.
type caller struct {
	token string
	kind  string
}

// callerOf reads the Authorization header. It accepts any non-empty key except refresh
// tokens, which cannot be used for calls, and keys that end in _revoked.
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

func (c caller) requireKey() error {
	if c.kind == keyAnonymous {
		return refuse(unauthorized, "")
	}
	return nil
}

func (c caller) requireScope(scope string) error {
	if c.kind != keyPublishable || scope == "" || slices.Contains(publishableScopes, scope) {
		return nil
	}
	p := refuse(forbidden, "A "+c.kind+" key lacks the scope "+scope+".")
	p.KeyType, p.AvailableScopes = c.kind, publishableScopes
	return p
}

const (
	defaultRateLimit = 1000 // calls an hour, the example of the documentation
	rateWindow       = time.Hour
)

// quota counts the calls of a key since its window began.
type quota struct {
	began time.Time
	used  int
}

// checkRate counts a call of a key, sets the X-RateLimit headers and refuses calls over the
// limit. The caller must hold s.mu.
func (s *Server) checkRate(token string, now time.Time, h http.Header) error {
	if s.limit < 0 {
		return nil
	}
	q := s.quotas[token]
	if now.Sub(q.began) >= rateWindow {
		maps.DeleteFunc(s.quotas, func(_ string, old quota) bool { return now.Sub(old.began) >= rateWindow })
		q = quota{began: now}
	}
	q.used++
	s.quotas[token] = q
	reset := q.began.Add(rateWindow)
	h.Set("X-RateLimit-Limit", strconv.Itoa(s.limit))
	h.Set("X-RateLimit-Remaining", strconv.Itoa(max(0, s.limit-q.used)))
	h.Set("X-RateLimit-Reset", strconv.FormatInt(reset.Unix(), 10))
	if q.used <= s.limit {
		return nil
	}
	p := refuse(rateLimited, fmt.Sprintf("The rate limit of %d calls an hour is used up.", s.limit))
	p.retryAfter = reset.Sub(now)
	return p
}
