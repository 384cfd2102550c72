package tenant

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"strings"
)

// ShortMAC is the length in bytes of the MACs of Keyring.SignShort.
const ShortMAC = 8

// Keyring authenticates what this server hands out and gets back (slot ids, list
// cursors, cookies, states of questions), and derives names that only it can compute.
// The MACs are HMAC-SHA256 (RFC 2104). The first key signs; while the signing secret
// is rotated, further keys still verify. A message begins with its purpose and a
// version, such as "vennio-mcp question v1", so that a MAC made for one purpose is
// not accepted for another.
//
// A Keyring is immutable and safe for concurrent use. The zero Keyring has no key
// and must not be used.
type Keyring struct {
	keys   [][]byte // the first signs, all verify
	source source
}

// source is the origin of the signing secret; it is stored in the database.
type source string

const (
	fromSettings source = "setting"
	fromFolder   source = "folder"
	generated    source = ""
)

// NewKeyring returns a keyring that signs with secret and also verifies with the
// rotated secrets.
func NewKeyring(secret []byte, rotated ...[]byte) Keyring {
	return Keyring{keys: append([][]byte{secret}, rotated...), source: fromSettings}
}

// LoadKeyring returns the keyring of the configured secrets, of which the first
// signs. Without any it uses the secret in the state folder; see [SigningSecret].
func LoadKeyring(configured [][]byte, stateDir string) (Keyring, error) {
	if len(configured) > 0 {
		return NewKeyring(configured[0], configured[1:]...), nil
	}
	secret, err := SigningSecret(stateDir)
	if err != nil {
		return Keyring{}, err
	}
	return Keyring{keys: [][]byte{secret}, source: fromFolder}, nil
}

// TemporaryKeyring returns a keyring with a random secret that is not stored
// anywhere: what it signs is valid until the process ends.
func TemporaryKeyring() Keyring {
	secret := make([]byte, sha256.Size)
	_, _ = rand.Read(secret) // never fails
	return Keyring{keys: [][]byte{secret}, source: generated}
}

// Temporary reports whether the keyring is a [TemporaryKeyring].
func (k Keyring) Temporary() bool { return k.source == generated }

// Derive returns a keyring whose keys are derived from those of k for a purpose.
// Nothing about the keys of k can be learned from it.
func (k Keyring) Derive(purpose string) Keyring {
	derived := Keyring{keys: make([][]byte, len(k.keys)), source: k.source}
	for i, key := range k.keys {
		derived.keys[i] = sign(key, purpose)
	}
	return derived
}

// ForTenant returns the keyring of a tenant. What is signed for one tenant does not
// verify for another. The default tenant, whose name is empty, has the keyring k.
func (k Keyring) ForTenant(name string) Keyring {
	if name == "" {
		return k
	}
	return k.Derive("vennio-mcp tenant v1\x00" + name)
}

// Sign returns the MAC of a message, 32 bytes.
func (k Keyring) Sign(message string) []byte { return sign(k.keys[0], message) }

// Verify reports whether mac is the MAC of a message under one of the keys.
func (k Keyring) Verify(message string, mac []byte) bool { return k.verify(message, mac, sha256.Size) }

// SignShort returns the first 8 bytes of the MAC of a message, for what people and
// models copy. A forger who may try a million times succeeds with a probability of
// 2^-44.
func (k Keyring) SignShort(message string) []byte { return k.Sign(message)[:ShortMAC] }

// VerifyShort is Verify for a MAC of [Keyring.SignShort].
func (k Keyring) VerifyShort(message string, mac []byte) bool {
	return k.verify(message, mac, ShortMAC)
}

// verify compares with the MAC under every key, in constant time.
func (k Keyring) verify(message string, mac []byte, size int) (valid bool) {
	for _, key := range k.keys {
		valid = hmac.Equal(mac, sign(key, message)[:size]) || valid
	}
	return valid
}

func sign(key []byte, message string) []byte {
	mac := hmac.New(sha256.New, key)
	_, _ = mac.Write([]byte(message))
	return mac.Sum(nil)
}

// SaltedHash is HMAC-SHA256 of a text with a stored salt as the key: without the
// salt the text cannot be guessed from it. It is no signature.
func SaltedHash(salt, text string) []byte { return sign([]byte(salt), text) }

// Join encodes parts as one message, each preceded by its length in 8 bytes, so that
// two different lists never give the same message.
func Join(parts ...string) string {
	var b strings.Builder
	for _, part := range parts {
		_ = binary.Write(&b, binary.BigEndian, uint64(len(part))) // a Builder returns no errors
		_, _ = b.WriteString(part)
	}
	return b.String()
}
