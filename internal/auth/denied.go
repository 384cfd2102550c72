package auth

import (
	"fmt"
	"net/http"
	"strings"
)

// Denied is why a caller is not let in, as they may read it.
type Denied struct {
	Status int    // of HTTP
	Code   string // RFC 6750, 3.1: invalid_request, invalid_token or insufficient_scope; empty where no credential was sent
	Why    string // one sentence that says what to do
	Scope  string // what would be enough, for insufficient_scope
	Cause  error  // for the log; never shown
}

func (d *Denied) Error() string {
	if d.Cause != nil {
		return d.Why + ": " + d.Cause.Error()
	}
	return d.Why
}

func (d *Denied) Unwrap() error { return d.Cause }

// Challenge is the value of WWW-Authenticate that goes with a denial (RFC 6750, 3;
// RFC 9728, 5.1); empty where another credential would not help.
func (c *Checker) Challenge(d *Denied) string {
	if d.Status != http.StatusUnauthorized && d.Code == "" {
		return ""
	}
	parts := []string{`Bearer realm="vennio-mcp"`}
	add := func(name, value string) {
		if value != "" {
			parts = append(parts, fmt.Sprintf(`%s="%s"`, name, value))
		}
	}
	add("error", d.Code)
	if d.Code != "" {
		add("error_description", quotable(d.Why))
	}
	scope := d.Scope
	if scope == "" && c.oauth != nil {
		scope = ScopeRead + " " + ScopeBook
	}
	add("scope", scope)
	add("resource_metadata", c.metadataURL())
	return strings.Join(parts, ", ")
}

// quotable is text as RFC 6750, 3 allows it in a description: printable ASCII
// without what would end the quotation, or the header.
func quotable(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '"':
			return '\''
		case r == '\\':
			return '/'
		case r < ' ' || r > '~':
			return ' '
		}
		return r
	}, text)
}

func unknown(cause error) *Denied {
	return &Denied{Status: http.StatusUnauthorized, Code: "invalid_token", Why: "the bearer token is not valid here, or no longer: get a new one", Cause: cause}
}

// Lacks denies a caller without a scope.
func Lacks(scope string) *Denied {
	d := &Denied{Status: http.StatusForbidden, Code: "insufficient_scope", Why: "this needs the scope " + scope + ", which this token does not have", Scope: scope}
	if scope == ScopeBook {
		d.Scope = ScopeRead + " " + ScopeBook
	}
	return d
}
