package auth

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/golang-jwt/jwt/v5"
)

// claims are the claims of an access token that this package reads.
type claims struct {
	jwt.RegisteredClaims
	scopes []string // of scope and scp together
	all    members  // every claim, for the one that names the tenant
}

// UnmarshalJSON reads the claims by their exact names: claim names are
// case-sensitive and unique (RFC 7519, 4 and 10.1.1), while encoding/json takes
// EXP for exp and the last of two.
func (c *claims) UnmarshalJSON(raw []byte) error {
	all, err := membersOf(raw)
	if err != nil {
		return err
	}
	c.all = all
	var scope, scp texts
	for _, one := range []struct {
		name string
		into any
	}{
		{"iss", &c.Issuer},
		{"sub", &c.Subject},
		{"aud", &c.Audience},
		{"exp", &c.ExpiresAt},
		{"nbf", &c.NotBefore},
		{"iat", &c.IssuedAt},
		{"scope", &scope}, // RFC 9068, 2.2.3: a string; Duende IdentityServer issues an array
		{"scp", &scp},     // Microsoft Entra ID: a string; Okta: an array
	} {
		if err := all.read(one.name, one.into); err != nil {
			return err
		}
	}
	c.scopes = append(scope, scp...)
	return nil
}

// checkHeader refuses a header with crit: this server implements no extension, so
// there is none whose criticality it could honour (RFC 7515, 4.1.11). It refuses a
// header that names a parameter twice as well (RFC 7515, 4).
func checkHeader(token string) error {
	encoded, _, _ := strings.Cut(token, ".")
	raw, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil {
		return errors.New("its header is not base64url")
	}
	header, err := membersOf(raw)
	if err != nil {
		return fmt.Errorf("its header: %w", err)
	}
	for name := range header {
		if strings.EqualFold(name, "crit") {
			return errors.New("its header has crit, and no extension is supported here")
		}
	}
	return nil
}

// members are the members of one JSON object, by their exact names.
type members map[string]json.RawMessage

// membersOf reads an object and refuses one that has two members of one name.
func membersOf(raw []byte) (members, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.New("it is not a JSON object")
	}
	all := members{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, err
		}
		key, _ := name.(string) // the decoder takes nothing else for a name
		if _, twice := all[key]; twice {
			return nil, fmt.Errorf("it has the member %.20q twice", key)
		}
		all[key] = value
	}
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the JSON object")
	}
	return all, nil
}

// read decodes the member called name, if there is one. It refuses a member whose
// name differs in case alone: another reader of the same token may take the one
// for the other.
func (m members) read(name string, into any) error {
	for other := range m {
		if other != name && strings.EqualFold(other, name) {
			return fmt.Errorf("it has the member %.20q, which differs from %q in case alone", other, name)
		}
	}
	if value, ok := m[name]; ok {
		return json.Unmarshal(value, into)
	}
	return nil
}

// texts is a list of strings, or one string with blanks between them.
type texts []string

// UnmarshalJSON reads either form.
func (t *texts) UnmarshalJSON(raw []byte) error {
	var one string
	if json.Unmarshal(raw, &one) == nil {
		*t = strings.Fields(one)
		return nil
	}
	var list []string
	if err := json.Unmarshal(raw, &list); err != nil {
		return err
	}
	for _, entry := range list {
		*t = append(*t, strings.Fields(entry)...)
	}
	return nil
}

// audiences are the values of aud that mean the resource: it as it is, and, where
// it is an http(s) origin, with and without the slash of its root, which URL
// libraries add (RFC 3986, 6.2.3). Any longer path is compared as it is.
func audiences(resource string) []string {
	origin := strings.TrimSuffix(resource, "/")
	u, err := url.Parse(origin)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || origin != u.Scheme+"://"+u.Host {
		return []string{resource}
	}
	return []string{origin, origin + "/"}
}
