package vennioclient

import "strings"

// KeyClass is the type of an API key, which its prefix indicates (vennio-api.md, Hosts and
// authentication).
type KeyClass string

// The types of keys. A KeyUnknown may be valid: the getting-started guide uses
// sk_test_xxx.
const (
	KeyLiveSecret      KeyClass = "live secret"
	KeyTestSecret      KeyClass = "test secret"
	KeyLivePublishable KeyClass = "live publishable"
	KeyTestPublishable KeyClass = "test publishable"
	KeyOAuth           KeyClass = "oauth"
	KeyUnknown         KeyClass = "unknown"
)

// KeyKind returns the type of apiKey. It only examines the prefix.
func KeyKind(apiKey string) KeyClass {
	for _, known := range []struct {
		prefix string
		class  KeyClass
	}{
		{"vennio_sk_live_", KeyLiveSecret},
		{"vennio_sk_test_", KeyTestSecret},
		{"vennio_pk_live_", KeyLivePublishable},
		{"vennio_pk_test_", KeyTestPublishable},
		{"vennio_at_", KeyOAuth},
	} {
		if strings.HasPrefix(apiKey, known.prefix) {
			return known.class
		}
	}
	return KeyUnknown
}

// Test reports whether bookings made with the key cause neither an e-mail nor a calendar
// event.
func (k KeyClass) Test() bool { return k == KeyTestSecret || k == KeyTestPublishable }

// Publishable reports whether the key can only read availability and create
// bookings; anything else is answered with 403.
func (k KeyClass) Publishable() bool { return k == KeyLivePublishable || k == KeyTestPublishable }

// IdempotencyKey identifies a write: calls with the same key and the same body are
// executed once, for 24 hours. It has 1 to 256 letters, digits or any of _ - : .
// (vennio-api.md, Idempotency). Without a key (""), a write is sent once and never
// repeated.
type IdempotencyKey string

func (k IdempotencyKey) valid() bool {
	return len(k) <= 256 && strings.TrimLeft(string(k), keyAlphabet) == ""
}

const keyAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_:.-"

// Secret is a string that is neither printed nor marshalled, not even as an unexported
// field of a printed value.
type Secret struct{ text secret }

func secretOf(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{func() string { return text }}
}

// Reveal returns the secret string, or "" if there is none.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return s.text()
}

// String returns whether there is a secret, without its content.
func (s Secret) String() string {
	if s.text == nil {
		return "[no secret]"
	}
	return "[secret]"
}

// GoString returns String, so that %#v does not print the secret.
func (s Secret) GoString() string { return s.String() }
