// Package passkey makes and checks the WebAuthn credentials (passkeys) with which people sign what they
// agree to (W3C Web Authentication Level 3). It stores nothing. All binary values are base64url without
// padding (RFC 4648, 5), as in the JSON of browsers.
//
// The library reads the public keys and verifies the signatures. Its package protocol, which also reads what
// surrounds them, is not used: its initialisation would add 2 MB to the resident memory of every process, for
// attestations, which are not requested here.
package passkey

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-webauthn/webauthn/protocol/webauthncbor"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
)

// Site is a relying party: the site whose pages use passkeys.
type Site struct {
	ID     string // relying party id: a host name, to which browsers bind passkeys
	Origin string // scheme, host and port of the pages
}

// ErrNoSite refuses a site on which browsers offer no passkeys.
var ErrNoSite = errors.New("passkeys need https and a host name, or http on localhost; browsers do not offer them for an IP address")

// SiteOf returns the site of a base URL such as https://book.example.com or http://localhost:4311.
func SiteOf(base string) (Site, error) {
	u, err := url.Parse(base)
	if err != nil {
		return Site{}, ErrNoSite
	}
	host := strings.ToLower(u.Hostname())
	_, notIP := netip.ParseAddr(host)
	if host == "" || notIP == nil || u.Scheme != "https" && (u.Scheme != "http" || host != Local) {
		return Site{}, ErrNoSite
	}
	origin := u.Scheme + "://" + host
	if port := u.Port(); port != "" && port != map[string]string{"https": "443", "http": "80"}[u.Scheme] {
		origin = u.Scheme + "://" + net.JoinHostPort(host, port)
	}
	return Site{ID: host, Origin: origin}, nil
}

// Local is the relying party id of pages on this machine: passkeys for it work on every port.
const Local = "localhost"

// Credential is a passkey as it was enrolled.
type Credential struct {
	ID        string `json:"id"`
	PublicKey string `json:"public_key"` // COSE_Key (RFC 9052, 7)
	Name      string `json:"name"`       // of its owner
	RP        string `json:"rp"`         // the ID of its Site

	// Until is set for a passkey of the settings file that signs nothing from then on; what it signed before
	// still verifies. Zero: it has no end.
	Until time.Time `json:"-"`
}

// SignsAt reports whether the passkey may sign at an instant.
func (c Credential) SignsAt(t time.Time) bool { return c.Until.IsZero() || t.Before(c.Until) }

// Check returns an error if the id or the public key cannot be those of a passkey.
func (c Credential) Check() error {
	if id, err := decode(c.ID); err != nil || len(id) == 0 || len(id) > 1023 { // WebAuthn, 4, Credential ID
		return errors.New("the id is not base64url of 1 to 1023 bytes")
	}
	key, err := decode(c.PublicKey)
	if err == nil {
		_, err = webauthncose.ParsePublicKey(key)
	}
	var kind webauthncose.PublicKeyData
	if err != nil || webauthncbor.Unmarshal(key, &kind) != nil || !slices.Contains(algorithms, webauthncose.COSEAlgorithmIdentifier(kind.Algorithm)) {
		return errors.New("the public key is not base64url of a COSE key for ES256, EdDSA or RS256")
	}
	return nil
}

// Statement is what a person signs with a passkey.
type Statement struct {
	Verb    string // approve, decline, add or remove: a signature over one is not valid for another
	Digest  string // hexadecimal SHA-256 of what is approved, declined, added or removed
	Subject string // the id of the request to the person
	Expires string // RFC 3339
	Nonce   string // see NewNonce
}

// label begins each statement, so that a signature made for another purpose is never valid as one.
const label = "vennio-mcp passkey v1"

// Challenge returns the challenge of WebAuthn that stands for the statement: the SHA-256 of the label and
// the fields, one per line.
func (s Statement) Challenge() string {
	hash := sha256.Sum256([]byte(strings.Join([]string{label, s.Verb, s.Digest, s.Subject, s.Expires, s.Nonce}, "\n")))
	return encode(hash[:])
}

// NewNonce returns 32 random bytes of which authenticate made the last 8.
func NewNonce(authenticate func(random string) []byte) string {
	random := make([]byte, nonceLength-macLength)
	_, _ = rand.Read(random) // never fails
	return encode(append(random, authenticate(string(random))...))
}

const nonceLength, macLength = 32, 8

// CheckNonce reports whether a nonce has the form of NewNonce and verify accepts its last 8 bytes.
func CheckNonce(nonce string, verify func(random string, mac []byte) bool) bool {
	raw, err := decode(nonce)
	return err == nil && len(raw) == nonceLength && verify(string(raw[:nonceLength-macLength]), raw[nonceLength-macLength:])
}

// timeout is how long a browser lets a person use a passkey.
const timeout = 5 * time.Minute

// algorithms are those of the keys that are accepted, in the order of preference. Browsers and devices
// support at least one of them.
var algorithms = []webauthncose.COSEAlgorithmIdentifier{webauthncose.AlgES256, webauthncose.AlgEdDSA, webauthncose.AlgRS256}

// descriptor names a passkey in the options for a browser (WebAuthn, 5.8.3).
type descriptor struct {
	Type string `json:"type"`
	ID   string `json:"id"`
}

func descriptors(all []Credential) []descriptor {
	list := []descriptor{}
	for _, c := range all {
		list = append(list, descriptor{publicKey, c.ID})
	}
	return list
}

const publicKey = "public-key"

// CreationOptions returns the options with which a browser makes a passkey, as JSON for
// PublicKeyCredential.parseCreationOptionsFromJSON (WebAuthn, 5.4). An authenticator that has one of the
// known passkeys makes no second one.
func CreationOptions(site Site, owner, challenge string, known []Credential) string {
	user := make([]byte, 16)
	_, _ = rand.Read(user) // never fails
	var parameters []map[string]any
	for _, algorithm := range algorithms {
		parameters = append(parameters, map[string]any{"type": publicKey, "alg": algorithm})
	}
	return toJSON(map[string]any{
		"rp":                     map[string]any{"id": site.ID, "name": "vennio-mcp"},
		"user":                   map[string]any{"id": encode(user), "name": owner, "displayName": owner},
		"challenge":              challenge,
		"pubKeyCredParams":       parameters,
		"timeout":                timeout.Milliseconds(),
		"excludeCredentials":     descriptors(known),
		"authenticatorSelection": map[string]any{"residentKey": "preferred", "userVerification": "required"},
		"attestation":            "none",
	})
}

// RequestOptions returns the options with which a browser lets a person sign with one of the allowed
// passkeys, as JSON for PublicKeyCredential.parseRequestOptionsFromJSON (WebAuthn, 5.5).
func RequestOptions(site Site, challenge string, allowed []Credential) string {
	return toJSON(map[string]any{
		"rpId": site.ID, "challenge": challenge, "timeout": timeout.Milliseconds(), "allowCredentials": descriptors(allowed), "userVerification": "required",
	})
}

// Errors of a response that is not accepted.
var (
	ErrMalformed  = errors.New("the browser's answer about the passkey cannot be read")
	ErrOther      = errors.New("the passkey signed something else than is asked here")
	ErrOrigin     = errors.New("the passkey was used on another site")
	ErrUnverified = errors.New("the device did not check who used the passkey")
	ErrSignature  = errors.New("the signature is not that of the passkey")
	ErrCounter    = errors.New("the passkey's counter did not increase, so there may be a copy of it")
)

// clientData is what the browser adds to a challenge, and what the passkey signs (WebAuthn, 5.8.1).
type clientData struct {
	Type        string `json:"type"`
	Challenge   string `json:"challenge"`
	Origin      string `json:"origin"`
	CrossOrigin bool   `json:"crossOrigin"`
}

// authenticatorData is what the authenticator adds (WebAuthn, 6.1).
type authenticatorData struct {
	site    []byte // the SHA-256 of the relying party id
	flags   byte
	counter uint32
	rest    []byte // the new passkey, if there is one, and extensions
}

const flagPresent, flagVerified, flagAttested = 1 << 0, 1 << 2, 1 << 6

func parseAuthenticatorData(raw []byte) (authenticatorData, error) {
	const head = sha256.Size + 1 + 4
	if len(raw) < head {
		return authenticatorData{}, ErrMalformed
	}
	return authenticatorData{raw[:sha256.Size], raw[sha256.Size], binary.BigEndian.Uint32(raw[sha256.Size+1 : head]), raw[head:]}, nil
}

// attested returns the id and the public key of the new passkey (WebAuthn, 6.5.1).
func (d authenticatorData) attested() (id, key []byte, err error) {
	const head = 16 + 2 // the AAGUID and the length of the id
	if d.flags&flagAttested == 0 || len(d.rest) < head {
		return nil, nil, ErrMalformed
	}
	length := int(binary.BigEndian.Uint16(d.rest[16:head]))
	if len(d.rest) < head+length {
		return nil, nil, ErrMalformed
	}
	var cose any
	if _, err := webauthncbor.UnmarshalFirst(d.rest[head+length:], &cose); err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	key, err = webauthncbor.Marshal(cose)
	return d.rest[head : head+length], key, err
}

// check checks what a signature covers besides the challenge's content (WebAuthn, 7.1 and 7.2). kind is
// webauthn.create or webauthn.get.
func check(rawClient, rawAuthenticator []byte, kind, challenge string, site Site) (authenticatorData, error) {
	data, err := parseAuthenticatorData(rawAuthenticator)
	if err != nil {
		return data, err
	}
	var client clientData
	if err := json.Unmarshal(rawClient, &client); err != nil {
		return data, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	id := sha256.Sum256([]byte(site.ID))
	switch {
	case client.Type != kind || client.Challenge != challenge:
		return data, ErrOther
	case client.Origin != site.Origin || client.CrossOrigin || !bytes.Equal(data.site, id[:]):
		return data, ErrOrigin
	case data.flags&flagPresent == 0 || data.flags&flagVerified == 0:
		return data, ErrUnverified
	}
	return data, nil
}

// response is the JSON of PublicKeyCredential.toJSON (WebAuthn, 5.1).
type response struct {
	ID       string `json:"id"`
	Type     string `json:"type"`
	Response struct {
		ClientData        string `json:"clientDataJSON"`
		AttestationObject string `json:"attestationObject"` // of a new passkey
		AuthenticatorData string `json:"authenticatorData"` // this and the next one of a signature
		Signature         string `json:"signature"`
	} `json:"response"`
}

func parse(text string) (r response, err error) {
	if err = json.Unmarshal([]byte(text), &r); err == nil && r.Type != publicKey {
		err = errors.New("its type is not " + publicKey)
	}
	if err != nil {
		err = fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return r, err
}

// Enrol returns the passkey that a browser has made, from the JSON of PublicKeyCredential.toJSON. The
// attestation, which would name the make of the device, is neither requested nor checked.
func Enrol(made string, site Site, owner, challenge string) (Credential, error) {
	r, err := parse(made)
	if err != nil {
		return Credential{}, err
	}
	raw, err := decodeAll(r.Response.ClientData, r.Response.AttestationObject)
	if err != nil {
		return Credential{}, err
	}
	var attestation struct {
		AuthenticatorData []byte `cbor:"authData"`
	}
	if err := webauthncbor.Unmarshal(raw[1], &attestation); err != nil {
		return Credential{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	data, err := check(raw[0], attestation.AuthenticatorData, "webauthn.create", challenge, site)
	if err != nil {
		return Credential{}, err
	}
	id, key, err := data.attested()
	if err != nil {
		return Credential{}, err
	}
	c := Credential{ID: encode(id), PublicKey: encode(key), Name: owner, RP: site.ID}
	if err := c.Check(); err != nil || c.ID != r.ID {
		return Credential{}, fmt.Errorf("%w: %w", ErrMalformed, cmp.Or(err, errors.New("it has two ids")))
	}
	return c, nil
}

// Assertion is a signature by a passkey over a Statement.
type Assertion struct {
	Credential        string `json:"credential"` // the ID of the passkey
	AuthenticatorData string `json:"authenticator_data"`
	ClientData        string `json:"client_data"`
	Signature         string `json:"signature"`
	Nonce             string `json:"nonce"` // of the Statement
}

// ParseAssertion reads what a browser returns, the JSON of PublicKeyCredential.toJSON.
func ParseAssertion(signed, nonce string) (Assertion, error) {
	r, err := parse(signed)
	if err != nil {
		return Assertion{}, err
	}
	a := Assertion{r.ID, r.Response.AuthenticatorData, r.Response.ClientData, r.Response.Signature, nonce}
	raw, err := decodeAll(a.AuthenticatorData, a.ClientData, a.Signature)
	if err == nil {
		_, err = parseAuthenticatorData(raw[0])
	}
	return a, err
}

// Verify checks that a passkey made the assertion over the statement on a site, after the device had
// verified the person. It returns the passkey's counter, which is 0 for passkeys that do not count.
func (a Assertion) Verify(c Credential, s Statement, site Site) (counter uint32, err error) {
	raw, err := decodeAll(a.AuthenticatorData, a.ClientData, a.Signature, c.PublicKey)
	if err != nil {
		return 0, err
	}
	if c.RP != site.ID {
		return 0, ErrOrigin
	}
	s.Nonce = a.Nonce
	data, err := check(raw[1], raw[0], "webauthn.get", s.Challenge(), site)
	if err != nil {
		return 0, err
	}
	key, err := webauthncose.ParsePublicKey(raw[3])
	if err != nil || a.Credential != c.ID {
		return 0, ErrSignature
	}
	hash := sha256.Sum256(raw[1])
	if valid, err := webauthncose.VerifySignature(key, slices.Concat(raw[0], hash[:]), raw[2]); err != nil || !valid {
		return 0, ErrSignature
	}
	return data.counter, nil
}

// Site returns the site on which the assertion was made, as the browser recorded it.
func (a Assertion) Site() (Site, error) {
	raw, err := decodeAll(a.ClientData)
	if err != nil {
		return Site{}, err
	}
	var client clientData
	if err := json.Unmarshal(raw[0], &client); err != nil {
		return Site{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return SiteOf(client.Origin)
}

// Counter returns the passkey's counter at the assertion, without a check of the signature.
func (a Assertion) Counter() uint32 {
	raw, err := decodeAll(a.AuthenticatorData)
	if err != nil {
		return 0
	}
	data, _ := parseAuthenticatorData(raw[0])
	return data.counter
}

// Counts reports whether a passkey whose counter was last may now have the counter next: it increases with
// each signature, or is always 0 (WebAuthn, 7.2, step 22).
func Counts(last, next uint32) bool { return next > last || next == 0 && last == 0 }

func encode(raw []byte) string { return base64.RawURLEncoding.EncodeToString(raw) }

// decodeAll decodes texts of a browser's answer.
func decodeAll(texts ...string) ([][]byte, error) {
	raw := make([][]byte, len(texts))
	for i, text := range texts {
		var err error
		if raw[i], err = decode(text); err != nil || text == "" {
			return nil, ErrMalformed
		}
	}
	return raw, nil
}

func decode(text string) ([]byte, error) { return base64.RawURLEncoding.Strict().DecodeString(text) }

// toJSON encodes options, which always have a JSON form.
func toJSON(v any) string {
	text, _ := json.Marshal(v)
	return string(text)
}
