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
	maxNamed   = 20      // malformed keys that a message lists
	maxTried   = 16      // keys that are tried per token
)

// KeySet contains the keys of a JWK Set (RFC 7517, 5) that can verify signatures.
type KeySet struct {
	Usable    int
	Malformed []string // one entry per malformed key: its name and the problem
	kept      []jwkset.JWKMarshal
}

// keySetOf decodes a JWK Set key by key, so that a malformed key does not make the others unusable.
// It ignores keys of unsupported types and keys that are not for signatures; they are not malformed
// (RFC 7517, 5).
func keySetOf(raw []byte) (KeySet, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	raw = bytes.TrimPrefix(raw, []byte("\ufeff")) // a byte order mark may be ignored (RFC 8259, 8.1)
	if err := json.Unmarshal(raw, &set); err != nil || set.Keys == nil {
		return KeySet{}, errors.New("it is not a JWK Set, which is a JSON object with the member keys")
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

// nameOfKey returns the name of a key for messages: its kid, if it has one, otherwise its position.
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

// publicKey decodes one key and reports whether it can verify signatures. Its error describes a
// malformed key without quoting it.
func publicKey(raw json.RawMessage) (key jwkset.JWKMarshal, ok bool, err error) {
	var m jwkset.JWKMarshal
	if err := json.Unmarshal(raw, &m); err != nil || m.KTY == "" {
		return key, false, errors.New("it is not a JSON object with kty and members of the right types")
	}
	if m.USE != "" && m.USE != jwkset.UseSig || len(m.KEYOPS) > 0 && !slices.Contains(m.KEYOPS, jwkset.KeyOpsVerify) || m.KTY == jwkset.KtyOct {
		return key, false, nil
	}
	// A private key that was published by mistake is not decoded.
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

// keysFor returns the keys for the algorithm and the kid of a token. Several keys may have the same
// kid (RFC 7517, 4.5). For a token without kid (RFC 7515, 4.1.4), it returns all keys for the
// algorithm. The number of keys is limited, because forged tokens cost their sender nothing.
func (v *verifier) keysFor(ctx context.Context, t *jwt.Token) (any, error) {
	ctx = context.WithoutCancel(ctx) // a caller that cancels must not end a fetch for which others wait
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

// signs reports whether the type of a key belongs to a signing method.
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

// keyClient returns a client that fetches JWK Sets and removes malformed keys, because jwkset refuses
// a set with one malformed key. It calls warn if the malformed keys change.
func keyClient(warn func(error)) *http.Client {
	return &http.Client{Timeout: FetchTimeout, CheckRedirect: refuseRedirect, Transport: &keyFilter{next: http.DefaultTransport, warn: warn}}
}

// keyFilter removes malformed keys from the JWK Sets in responses.
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
	f.warnIfChanged(strings.Join(set.Malformed, "; "))
	raw, err := json.Marshal(jwkset.JWKSMarshal{Keys: set.kept})
	if err != nil {
		return nil, err
	}
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(raw)), int64(len(raw))
	return resp, nil
}

func (f *keyFilter) warnIfChanged(malformed string) {
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
		return KeySet{}, fmt.Errorf("the JWK Set is longer than %d bytes", maxKeySet)
	}
	return keySetOf(raw)
}

// Keys fetches the issuer's JWK Set once, for diagnosis. It does not follow redirects.
func (o OAuth) Keys(ctx context.Context) (KeySet, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, o.JWKS, nil)
	if err != nil {
		return KeySet{}, err
	}
	client := &http.Client{Timeout: FetchTimeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
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
