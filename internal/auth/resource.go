package auth

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// MetadataPath is the path of the protected resource metadata, which names the issuer of tokens for
// this server (RFC 9728, 3). Clients may append the path of the endpoint that they called.
const MetadataPath = "/.well-known/oauth-protected-resource"

// metadata describes the protected resource (RFC 9728, 2). Clients request tokens for Resource
// (RFC 8707, 2), so it is the audience that tokens must have.
type metadata struct {
	Resource string   `json:"resource"`
	Servers  []string `json:"authorization_servers"`
	Scopes   []string `json:"scopes_supported"`
	Methods  []string `json:"bearer_methods_supported"`
	Name     string   `json:"resource_name"`
}

// Metadata returns a handler that serves the protected resource metadata; nil without OAuth.
func (c *Checker) Metadata() http.Handler {
	if c.oauth == nil {
		return nil
	}
	raw, _ := json.Marshal(metadata{ // strings only: this cannot fail
		Resource: cmp.Or(c.oauth.o.Audience, c.o.PublicURL), Servers: []string{c.oauth.o.Issuer}, Scopes: []string{ScopeRead, ScopeBook},
		Methods: []string{"header"}, Name: "Vennio scheduling",
	})
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "max-age=300")
		_, _ = w.Write(append(raw, '\n'))
	})
}

// metadataURL returns the address of the protected resource metadata; empty without OAuth.
func (c *Checker) metadataURL() string {
	if c.oauth == nil {
		return ""
	}
	return strings.TrimRight(c.o.PublicURL, "/") + MetadataPath
}

// Challenge returns the value of the header WWW-Authenticate for a refused request (RFC 6750, 3;
// RFC 9728, 5.1); empty if another credential would not help.
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

// quotable replaces the characters that RFC 6750, 3 does not allow in error_description: all except
// visible ASCII and spaces, and those that would end the quoted string.
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
