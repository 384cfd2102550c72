package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
)

// SignatureHeader is the header with the signature of a delivery (vennio-api.md, Webhooks).
const SignatureHeader = "X-Webhook-Signature"

// The errors of Verify. Answer all three with 401; they differ only to help find the
// cause. None contains a secret, a signature or a body.
var (
	ErrUnsigned  = errors.New("webhook: the delivery has no " + SignatureHeader + " header")
	ErrMisshapen = errors.New("webhook: the signature is not 64 hexadecimal digits")
	ErrMismatch  = errors.New("webhook: the signature matches none of the secrets")
)

// Sign returns the signature of a delivery: the HMAC-SHA256 of the raw body under
// the subscription's whole secret ("whsec_" included), in lower-case hexadecimal
// digits, without a prefix.
func Sign(body []byte, secret string) string { return hex.EncodeToString(mac(body, secret)) }

// Verify checks the signature of the unmodified body. While a secret is rotated, two are
// valid: pass both. All secrets are tried, each in constant time; an empty one never
// matches. The error is ErrUnsigned, ErrMisshapen or ErrMismatch.
func Verify(body []byte, signature string, secrets ...string) error {
	if signature == "" {
		return ErrUnsigned
	}
	given, err := hex.DecodeString(signature)
	if err != nil || len(given) != sha256.Size {
		return ErrMisshapen
	}
	valid := false
	for _, secret := range secrets {
		same := hmac.Equal(given, mac(body, secret))
		valid = valid || same && secret != ""
	}
	if !valid {
		return ErrMismatch
	}
	return nil
}

func mac(body []byte, secret string) []byte {
	h := hmac.New(sha256.New, []byte(secret))
	_, _ = h.Write(body) // never fails
	return h.Sum(nil)
}
