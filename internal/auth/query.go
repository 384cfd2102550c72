package auth

import (
	"net/url"
	"slices"
	"strings"

	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
)

// names of query parameters in which people are used to send credentials.
var names = []string{"key", "apikey", "token", "accesstoken", "authorization", "bearer", "secret", "password", "xvennioapikey", "vennioapikey", "venniokey"}

// InQuery tells whether an address carries what may be a credential: addresses
// end up in logs, histories and Referer headers (MCP 2025-11-25, Authorization,
// Access Token Usage).
func InQuery(u *url.URL) bool {
	if sanitize.VennioKey(u.RawQuery) || strings.Contains(u.RawQuery, tokenPrefix) {
		return true
	}
	for name := range u.Query() {
		if slices.Contains(names, strings.NewReplacer("-", "", "_", "").Replace(strings.ToLower(name))) {
			return true
		}
	}
	return false
}
