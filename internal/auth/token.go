package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"strings"
)

// Token is a bearer token as the operator keeps it: without the token itself.
type Token struct {
	Name   string
	Tenant string // empty: the default one
	Hash   Hash
	Scopes []string // none: read and book
}

// Hash is the SHA-256 of a token. Tokens are 256 random bits, so that a slow
// hash would add nothing.
type Hash [sha256.Size]byte

const (
	hashPrefix  = "sha256:"
	tokenPrefix = "vmcp_" // so that scanners for leaked secrets know it
)

// NewToken makes a token; the operator gives it away and keeps its Hash.
func NewToken() string { return tokenPrefix + rand.Text() + rand.Text() }

// HashOf is the hash of a token.
func HashOf(token string) Hash { return sha256.Sum256([]byte(token)) }

// String is "sha256:" and 64 hexadecimal digits.
func (h Hash) String() string { return hashPrefix + hex.EncodeToString(h[:]) }

// ParseHash reads what String writes. Its error quotes nothing: a token may
// stand where its hash should.
func ParseHash(s string) (h Hash, err error) {
	digits, ok := strings.CutPrefix(strings.TrimSpace(s), hashPrefix)
	raw, err := hex.DecodeString(digits)
	if !ok || err != nil || len(raw) != len(h) {
		return h, errors.New("want sha256: and 64 hexadecimal digits, as vennio-mcp token new prints them")
	}
	return Hash(raw), nil
}

// find returns the token presented, in the same time wherever it stands and
// whether it is there or not.
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
