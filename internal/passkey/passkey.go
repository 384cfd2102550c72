// Package passkey makes and checks the WebAuthn credentials (passkeys) with which people sign what they
// agree to (W3C Web Authentication Level 3). It stores nothing. All binary values are base64url without
// padding (RFC 4648, 5), as in the JSON of browsers.
package passkey

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
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
}

// Check returns an error if the id or the public key cannot be those of a passkey.
func (c Credential) Check() error {
	if id, err := decode(c.ID); err != nil || len(id) == 0 || len(id) > 1023 { // WebAuthn, 4, Credential ID
		return errors.New("the id is not base64url of 1 to 1023 bytes")
	}
	key, err := decode(c.PublicKey)
	if err == nil {
		_, err = webauthncose.ParsePublicKey(key)
	}
	if err != nil {
		return errors.New("the public key is not base64url of a COSE key")
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
// the fields, each on a line of its own.
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

// CreationOptions returns the options with which a browser makes a passkey, as JSON for
// PublicKeyCredential.parseCreationOptionsFromJSON. An authenticator that has one of the known passkeys
// makes no second one.
func CreationOptions(site Site, owner, challenge string, known []Credential) string {
	user := make([]byte, 16)
	_, _ = rand.Read(user) // never fails
	o := protocol.PublicKeyCredentialCreationOptions{
		RelyingParty:          protocol.RelyingPartyEntity{CredentialEntity: protocol.CredentialEntity{Name: "vennio-mcp"}, ID: site.ID},
		User:                  protocol.UserEntity{CredentialEntity: protocol.CredentialEntity{Name: owner}, DisplayName: owner, ID: protocol.URLEncodedBase64(user)},
		Parameters:            parameters(),
		Timeout:               int(timeout.Milliseconds()),
		CredentialExcludeList: descriptors(known),
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			ResidentKey: protocol.ResidentKeyRequirementPreferred, UserVerification: protocol.VerificationRequired,
		},
		Attestation: protocol.PreferNoAttestation,
	}
	o.Challenge, _ = decode(challenge)
	return toJSON(o)
}

func parameters() (all []protocol.CredentialParameter) {
	for _, algorithm := range []webauthncose.COSEAlgorithmIdentifier{webauthncose.AlgES256, webauthncose.AlgEdDSA, webauthncose.AlgRS256} {
		all = append(all, protocol.CredentialParameter{Type: protocol.PublicKeyCredentialType, Algorithm: algorithm})
	}
	return all
}

func descriptors(all []Credential) (list []protocol.CredentialDescriptor) {
	for _, c := range all {
		id, err := decode(c.ID)
		if err == nil {
			list = append(list, protocol.CredentialDescriptor{Type: protocol.PublicKeyCredentialType, CredentialID: id})
		}
	}
	return list
}

// RequestOptions returns the options with which a browser lets a person sign with one of the allowed
// passkeys, as JSON for PublicKeyCredential.parseRequestOptionsFromJSON.
func RequestOptions(site Site, challenge string, allowed []Credential) string {
	o := protocol.PublicKeyCredentialRequestOptions{
		Timeout: int(timeout.Milliseconds()), RelyingPartyID: site.ID, AllowedCredentials: descriptors(allowed), UserVerification: protocol.VerificationRequired,
	}
	o.Challenge, _ = decode(challenge)
	return toJSON(o)
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

// Enrol returns the passkey that a browser has made, from the JSON of PublicKeyCredential.toJSON.
func Enrol(response string, site Site, owner, challenge string) (Credential, error) {
	made, err := protocol.ParseCredentialCreationResponseBytes([]byte(response))
	if err != nil {
		return Credential{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	data := made.Response.AttestationObject.AuthData
	if err := check(made.Response.CollectedClientData, data, challenge, site); err != nil {
		return Credential{}, err
	}
	_, err = made.Verify(challenge, site.ID, []string{site.Origin}, nil, nil, protocol.TopOriginExplicitVerificationMode, false, true, true,
		nil, parameters(), protocol.AttestationPolicy{}, protocol.SignaturePolicy{})
	if err != nil {
		return Credential{}, fmt.Errorf("%w: %w", ErrSignature, err)
	}
	c := Credential{ID: encode(data.AttData.CredentialID), PublicKey: encode(data.AttData.CredentialPublicKey), Name: owner, RP: site.ID}
	return c, c.Check()
}

// check finds the mistakes for which there is an error of their own. The library's checks follow it.
func check(client protocol.CollectedClientData, data protocol.AuthenticatorData, challenge string, site Site) error {
	id := sha256.Sum256([]byte(site.ID))
	switch {
	case client.Challenge != challenge:
		return ErrOther
	case client.Origin != site.Origin || string(data.RPIDHash) != string(id[:]):
		return ErrOrigin
	case !data.Flags.UserVerified():
		return ErrUnverified
	}
	return nil
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
func ParseAssertion(response, nonce string) (Assertion, error) {
	got, err := protocol.ParseCredentialRequestResponseBytes([]byte(response))
	if err != nil {
		return Assertion{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	raw := got.Raw.AssertionResponse
	return Assertion{got.ID, encode(raw.AuthenticatorData), encode(raw.ClientDataJSON), encode(raw.Signature), nonce}, nil
}

// Verify checks that a passkey made the assertion over the statement on a site, after the device had
// verified the person. It returns the passkey's counter, which is 0 for passkeys that do not count.
func (a Assertion) Verify(c Credential, s Statement, site Site) (counter uint32, err error) {
	got, err := a.parse()
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	key, err := decode(c.PublicKey)
	if err != nil || a.Credential != c.ID {
		return 0, ErrSignature
	}
	s.Nonce = a.Nonce
	challenge, data := s.Challenge(), got.Response.AuthenticatorData
	if c.RP != site.ID {
		return 0, ErrOrigin
	}
	if err := check(got.Response.CollectedClientData, data, challenge, site); err != nil {
		return 0, err
	}
	err = got.Verify(challenge, site.ID, "", []string{site.Origin}, nil, nil, protocol.TopOriginExplicitVerificationMode, false, true, true, key, protocol.SignaturePolicy{})
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrSignature, err)
	}
	return data.Counter, nil
}

// Site returns the site on which the assertion was made, as the browser recorded it.
func (a Assertion) Site() (Site, error) {
	got, err := a.parse()
	if err != nil {
		return Site{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return SiteOf(got.Response.CollectedClientData.Origin)
}

// Counter returns the passkey's counter at the assertion, without a check of the signature.
func (a Assertion) Counter() uint32 {
	got, err := a.parse()
	if err != nil {
		return 0
	}
	return got.Response.AuthenticatorData.Counter
}

// Counts reports whether a passkey whose counter was last may now have the counter next: it increases with
// each signature, or is always 0 (WebAuthn, 7.2, step 22).
func Counts(last, next uint32) bool { return next > last || next == 0 && last == 0 }

func (a Assertion) parse() (*protocol.ParsedCredentialAssertionData, error) {
	var parts [4][]byte
	for i, text := range []string{a.Credential, a.AuthenticatorData, a.ClientData, a.Signature} {
		var err error
		if parts[i], err = decode(text); err != nil {
			return nil, err
		}
	}
	return protocol.CredentialAssertionResponse{
		PublicKeyCredential: protocol.PublicKeyCredential{Credential: protocol.Credential{ID: a.Credential, Type: string(protocol.PublicKeyCredentialType)}, RawID: parts[0]},
		AssertionResponse: protocol.AuthenticatorAssertionResponse{
			AuthenticatorResponse: protocol.AuthenticatorResponse{ClientDataJSON: parts[2]}, AuthenticatorData: parts[1], Signature: parts[3],
		},
	}.Parse()
}

func encode(raw []byte) string { return base64.RawURLEncoding.EncodeToString(raw) }

func decode(text string) ([]byte, error) { return base64.RawURLEncoding.Strict().DecodeString(text) }

// toJSON encodes options, which always have a JSON form.
func toJSON(v any) string {
	text, _ := json.Marshal(v)
	return string(text)
}
