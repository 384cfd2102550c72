package auth

import (
	"cmp"
	"encoding/json"
	"net/http"
	"strings"
)

// MetadataPath is where clients learn who issues tokens for this server (RFC
// 9728, 3). They may append the path of the endpoint that they called.
const MetadataPath = "/.well-known/oauth-protected-resource"

// metadata describes the protected resource (RFC 9728, 2). Its resource is the
// audience that tokens must have: clients ask their tokens for it (RFC 8707, 2).
type metadata struct {
	Resource string   `json:"resource"`
	Servers  []string `json:"authorization_servers"`
	Scopes   []string `json:"scopes_supported"`
	Methods  []string `json:"bearer_methods_supported"`
	Name     string   `json:"resource_name"`
}

// Metadata serves the description; nil where no OAuth is set.
func (c *Checker) Metadata() http.Handler {
	if c.oauth == nil {
		return nil
	}
	raw, _ := json.Marshal(metadata{ // texts alone
		Resource: cmp.Or(c.oauth.o.Audience, c.o.PublicURL), Servers: []string{c.oauth.o.Issuer}, Scopes: []string{ScopeRead, ScopeBook},
		Methods: []string{"header"}, Name: "Vennio scheduling",
	})
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "max-age=300")
		_, _ = w.Write(append(raw, '\n'))
	})
}

// metadataURL is where Metadata is served; empty where it is not.
func (c *Checker) metadataURL() string {
	if c.oauth == nil {
		return ""
	}
	return strings.TrimRight(c.o.PublicURL, "/") + MetadataPath
}
