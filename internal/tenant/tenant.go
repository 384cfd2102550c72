// Package tenant identifies tenants and holds the keys that keep them apart
// (requirement X5).
//
// A tenant is one Vennio account that this server uses. The default tenant has an
// empty name, the settings file names the others, and callers that send their own
// Vennio API key belong to a tenant that is named after a hash of that key.
package tenant

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/vennio-mcp/vennio-mcp/internal/lazyregexp"
)

// Identity distinguishes a tenant from all others without revealing its API key.
type Identity struct {
	Name string // empty for the default tenant
	// Account is a fingerprint of the API key. It is stored with webhook
	// subscriptions, so that one made with another key can be recognized.
	Account string
	// Origin is a fingerprint of Vennio's address and the API key. It is stored with
	// proposals, so that an approval is executed only for the account it was given for.
	Origin string
	// Realm binds slot ids to Vennio's address and the tenant: a slot id of another
	// realm is unknown.
	Realm string
}

// NewIdentity returns the identity of the tenant with this name, which uses the API
// key at the API address.
func NewIdentity(name, apiURL, apiKey string) Identity {
	account := fingerprint("vennio-mcp account v1", apiKey)
	realm := apiURL
	if name != "" {
		realm += "\x00" + name
	}
	return Identity{Name: name, Account: account, Origin: fingerprint("vennio-mcp origin v1", apiURL+"\x00"+account), Realm: realm}
}

// fingerprint is 128 bits of a hash, as 32 hexadecimal digits.
func fingerprint(purpose, text string) string {
	sum := sha256.Sum256([]byte(purpose + "\x00" + text))
	return hex.EncodeToString(sum[:16])
}

// callerKeyPrefix begins the names of tenants whose callers send their own API key.
// ValidName excludes the colon, so no tenant of the settings file can have such a name.
const callerKeyPrefix = "key:"

// NameOfCallerKey returns the name of the tenant of callers that send their own API
// key. All callers with the same key are one tenant. Nobody without the signing
// secret can compute the name from the key.
func (k Keyring) NameOfCallerKey(apiKey string) string {
	return callerKeyPrefix + hex.EncodeToString(k.Sign("vennio-mcp tenant of a caller's key v1\x00" + apiKey)[:16])
}

var validName = lazyregexp.New(`^[a-z0-9][a-z0-9._-]{0,63}$`)

// ValidName reports whether the settings file may name a tenant so: lower-case
// letters, digits and .-_, at most 64 characters, the first a letter or digit.
func ValidName(name string) bool { return validName().MatchString(name) }
