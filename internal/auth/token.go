package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
)

// Token is a bearer token in the settings. They contain its hash, not the token.
type Token struct {
	Name   string
	Tenant string // empty: the default tenant
	Hash   Hash
	Scopes []string // none: ScopeRead and ScopeBook
}

// Hash is the SHA-256 hash of a token. A slow hash would add nothing, because tokens have 256 random
// bits.
type Hash [sha256.Size]byte

const (
	hashPrefix  = "sha256:"
	tokenPrefix = "vmcp_" // so that scanners for leaked secrets recognize tokens
)

// NewToken returns a random token. The operator sends it to the caller and stores its Hash.
func NewToken() string { return tokenPrefix + rand.Text() + rand.Text() }

// HashOf returns the hash of a token.
func HashOf(token string) Hash { return sha256.Sum256([]byte(token)) }

// String returns "sha256:" and 64 hexadecimal digits.
func (h Hash) String() string { return hashPrefix + hex.EncodeToString(h[:]) }

// ParseHash parses the format of String. Its error quotes nothing, because the operator may have
// entered a token instead of its hash.
func ParseHash(s string) (h Hash, err error) {
	digits, ok := strings.CutPrefix(strings.TrimSpace(s), hashPrefix)
	raw, err := hex.DecodeString(digits)
	if !ok || err != nil || len(raw) != len(h) {
		return h, errors.New("write sha256: and 64 hexadecimal digits, as vennio-mcp token new prints them")
	}
	return Hash(raw), nil
}

// find returns the entry of a presented token. Its running time does not depend on whether and where
// the list contains the token.
func find(all []Token, presented string) (found Token, ok bool) {
	hash, at := HashOf(presented), -1
	for i := range all {
		same := subtle.ConstantTimeCompare(all[i].Hash[:], hash[:])
		at = subtle.ConstantTimeSelect(same, i, at)
	}
	if at < 0 {
		return Token{}, false
	}
	return all[at], true
}

// credentialParams are common names of query parameters for credentials, in lower case without "-"
// and "_".
var credentialParams = []string{"key", "apikey", "token", "accesstoken", "authorization", "bearer", "secret", "password", "xvennioapikey", "vennioapikey", "venniokey"}

// CredentialInQuery reports whether the query of a URL may contain a credential. That is not allowed,
// because URLs are stored in logs and histories and sent in Referer headers (MCP 2025-11-25,
// Authorization, Access Token Usage).
func CredentialInQuery(u *url.URL) bool {
	if sanitize.VennioKey(u.RawQuery) || strings.Contains(u.RawQuery, tokenPrefix) {
		return true
	}
	for name := range u.Query() {
		if slices.Contains(credentialParams, strings.NewReplacer("-", "", "_", "").Replace(strings.ToLower(name))) {
			return true
		}
	}
	return false
}
