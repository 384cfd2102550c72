package auth

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"

	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
)

const (
	maxKeySet  = 1 << 20 // bytes
	minRSABits = 2048    // RFC 7518, 3.3
	maxNamed   = 20      // malformed keys that a message names
	maxTried   = 16      // keys that are tried for one token
)

// KeySet is what a JWK Set (RFC 7517, 5) holds for checking signatures.
type KeySet struct {
	Usable    int
	Malformed []string // which keys are malformed, and how
	kept      []jwkset.JWKMarshal
}

// keySetOf reads a JWK Set key by key, so that a malformed one disables itself
// alone. Keys of kinds that are not supported or not for signatures are left out
// and not malformed (RFC 7517, 5).
func keySetOf(raw []byte) (KeySet, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	raw = bytes.TrimPrefix(raw, []byte("\ufeff")) // a byte order mark may be ignored (RFC 8259, 8.1)
	if err := json.Unmarshal(raw, &set); err != nil || set.Keys == nil {
		return KeySet{}, errors.New("it is not a JWK Set: want a JSON object with the member keys")
	}
	found, malformed := KeySet{kept: []jwkset.JWKMarshal{}}, 0
	for i, raw := range set.Keys {
		switch key, ok, err := publicKey(raw); {
		case err != nil:
			if malformed++; malformed <= maxNamed {
				found.Malformed = append(found.Malformed, fmt.Sprintf("%s: %v", nameOfKey(i, raw), err))
			}
		case ok:
			found.kept = append(found.kept, key)
		}
	}
	if malformed > maxNamed {
		found.Malformed = append(found.Malformed, fmt.Sprintf("and %d more", malformed-maxNamed))
	}
	found.Usable = len(found.kept)
	return found, nil
}

// nameOfKey is how a message calls a key: by its kid, if it has one.
func nameOfKey(i int, raw json.RawMessage) string {
	var key struct {
		KID json.RawMessage `json:"kid"`
	}
	var kid string
	if json.Unmarshal(raw, &key) == nil && json.Unmarshal(key.KID, &kid) == nil && kid != "" {
		return "the key " + sanitize.Quote(kid, 60)
	}
	return fmt.Sprintf("key number %d", i+1)
}

// publicKey reads one key and reports whether signatures can be checked with it.
// Its error says why the key is malformed, and quotes nothing of it.
func publicKey(raw json.RawMessage) (key jwkset.JWKMarshal, ok bool, err error) {
	var m jwkset.JWKMarshal
	if err := json.Unmarshal(raw, &m); err != nil || m.KTY == "" {
		return key, false, errors.New("it is not a JSON object with kty and members of the right types")
	}
	if m.USE != "" && m.USE != jwkset.UseSig || len(m.KEYOPS) > 0 && !slices.Contains(m.KEYOPS, jwkset.KeyOpsVerify) || m.KTY == jwkset.KtyOct {
		return key, false, nil
	}
	// The private half of a key that was published by mistake is not read.
	key = jwkset.JWKMarshal{KTY: m.KTY, USE: m.USE, ALG: m.ALG, KID: m.KID, CRV: m.CRV, X: m.X, Y: m.Y, N: m.N, E: m.E, X5C: m.X5C, X5T: m.X5T, X5TS256: m.X5TS256}
	read, err := jwkset.NewJWKFromMarshal(key, jwkset.JWKMarshalOptions{}, jwkset.JWKValidateOptions{})
	switch {
	case errors.Is(err, jwkset.ErrUnsupportedKey):
		return key, false, nil
	case err != nil:
		return key, false, errors.New("members are missing, cannot be decoded or do not match one another")
	}
	switch public := read.Key().(type) {
	case *rsa.PublicKey:
		if bits := public.N.BitLen(); bits < minRSABits {
			return key, false, fmt.Errorf("its modulus has %d bits, fewer than %d (RFC 7518, 3.3)", bits, minRSABits)
		}
		return key, true, nil
	case *ecdsa.PublicKey, ed25519.PublicKey:
		return key, true, nil
	}
	return key, false, nil
}

// keysFor returns the keys that can have signed a token: those of its kid, or all
// where it names none (RFC 7515, 4.1.4), that are of its algorithm. Several keys may
// share a kid (RFC 7517, 4.5). A token without kid is checked against a few keys at
// most, because whoever sends a forged one pays nothing for the checks.
func (v *verifier) keysFor(ctx context.Context, t *jwt.Token) (any, error) {
	ctx = context.WithoutCancel(ctx) // a caller who goes away must not end the fetch that others wait for
	kid, named := t.Header["kid"]
	name, isText := kid.(string)
	if named && !isText {
		return nil, errors.New("its kid is not a string")
	}
	if named {
		if _, err := v.keys.KeyRead(ctx, name); err != nil { // fetches the set again for a new kid
			return nil, err
		}
	}
	all, err := v.keys.KeyReadAll(ctx)
	if err != nil {
		return nil, err
	}
	var fitting jwt.VerificationKeySet
	for _, one := range all {
		key := one.Marshal()
		if named && key.KID != name || key.ALG != "" && key.ALG.String() != t.Method.Alg() || !signs(t.Method, one.Key()) {
			continue
		}
		if len(fitting.Keys) == maxTried {
			return nil, fmt.Errorf("more than %d keys can have signed it: the issuer must name the key in kid", maxTried)
		}
		fitting.Keys = append(fitting.Keys, one.Key())
	}
	if len(fitting.Keys) == 0 {
		return nil, errors.New("no key of the issuer is for its kid and algorithm")
	}
	return fitting, nil
}

// signs reports whether keys of this type belong to a signing method.
func signs(method jwt.SigningMethod, key any) bool {
	switch key := key.(type) {
	case *rsa.PublicKey:
		return strings.HasPrefix(method.Alg(), "RS") || strings.HasPrefix(method.Alg(), "PS")
	case *ecdsa.PublicKey:
		m, ok := method.(*jwt.SigningMethodECDSA)
		return ok && m.CurveBits == key.Curve.Params().BitSize
	case ed25519.PublicKey:
		return method == jwt.SigningMethodEdDSA
	}
	return false
}

// keyClient fetches JWK Sets. What it returns has no malformed keys, for one would
// make jwkset refuse the whole set; warn hears of them when they change.
func keyClient(warn func(error)) *http.Client {
	return &http.Client{Timeout: FetchLimit, CheckRedirect: stay, Transport: &keyFilter{next: http.DefaultTransport, warn: warn}}
}

// keyFilter removes the malformed keys from each JWK Set that passes.
type keyFilter struct {
	next http.RoundTripper
	warn func(error)

	mu     sync.Mutex
	warned string
}

// RoundTrip implements http.RoundTripper.
func (f *keyFilter) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := f.next.RoundTrip(r)
	if err != nil || resp.StatusCode != http.StatusOK {
		return resp, err
	}
	set, err := readKeySet(resp)
	if err != nil {
		return nil, err
	}
	f.tell(strings.Join(set.Malformed, "; "))
	raw, err := json.Marshal(jwkset.JWKSMarshal{Keys: set.kept})
	if err != nil {
		return nil, err
	}
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(raw)), int64(len(raw))
	return resp, nil
}

func (f *keyFilter) tell(malformed string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if malformed != "" && malformed != f.warned {
		f.warn(errors.New("malformed keys are not used: " + malformed))
	}
	f.warned = malformed
}

func readKeySet(resp *http.Response) (KeySet, error) {
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxKeySet+1))
	switch {
	case err != nil:
		return KeySet{}, err
	case len(raw) > maxKeySet:
		return KeySet{}, fmt.Errorf("the key set is longer than %d bytes", maxKeySet)
	}
	return keySetOf(raw)
}

// Keys fetches the issuer's key set and says what is in it.
func (o OAuth) Keys(ctx context.Context) (KeySet, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, o.JWKS, nil)
	if err != nil {
		return KeySet{}, err
	}
	client := &http.Client{Timeout: FetchLimit, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(r)
	if err != nil {
		return KeySet{}, err
	}
	if resp.StatusCode != http.StatusOK {
		_ = resp.Body.Close()
		return KeySet{}, fmt.Errorf("the answer has status %d", resp.StatusCode)
	}
	return readKeySet(resp)
}
