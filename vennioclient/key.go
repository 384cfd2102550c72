package vennioclient

import "strings"

// KeyClass says what sort of API key a token is, told by its prefix
// (vennio-api.md, Hosts and authentication).
type KeyClass string

// The sorts of key. KeyUnknown may still be valid: the getting-started guide
// writes sk_test_xxx.
const (
	KeyLiveSecret      KeyClass = "live secret"
	KeyTestSecret      KeyClass = "test secret"
	KeyLivePublishable KeyClass = "live publishable"
	KeyTestPublishable KeyClass = "test publishable"
	KeyOAuth           KeyClass = "oauth"
	KeyUnknown         KeyClass = "unknown"
)

// KeyKind returns the sort of apiKey. It looks at the prefix only.
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

// Test reports whether bookings made with the key stay without e-mail and
// calendar event.
func (k KeyClass) Test() bool { return k == KeyTestSecret || k == KeyTestPublishable }

// Publishable reports whether the key can only read availability and create
// bookings; anything else is answered with 403.
func (k KeyClass) Publishable() bool { return k == KeyLivePublishable || k == KeyTestPublishable }

// IdempotencyKey names one intention: calls with one key and one body are one
// write, for 24 hours. It has 1 to 256 letters, digits or any of _ - : .
// (vennio-api.md, Idempotency). The empty key stands for none: the write is then
// sent once and never repeated.
type IdempotencyKey string

func (k IdempotencyKey) legal() bool {
	return len(k) <= 256 && strings.TrimLeft(string(k), keyAlphabet) == ""
}

const keyAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_:.-"
