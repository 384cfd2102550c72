package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
)

// SignatureHeader carries the signature of a delivery (vennio-api.md, Webhooks).
const SignatureHeader = "X-Webhook-Signature"

// Why a delivery is not Vennio's. All three deserve the answer 401; they differ
// for whoever looks for the cause. None repeats a secret, a signature or a body.
var (
	ErrUnsigned  = errors.New("webhook: the delivery has no " + SignatureHeader + " header")
	ErrMisshapen = errors.New("webhook: the signature is not 64 hexadecimal digits")
	ErrMismatch  = errors.New("webhook: the signature fits none of the secrets")
)

// Sign returns the signature of a delivery: the HMAC-SHA256 of the raw body under
// the subscription's whole secret ("whsec_" included), in lower-case hexadecimal
// digits, without a prefix.
func Sign(body []byte, secret string) string { return hex.EncodeToString(mac(body, secret)) }

// Verify checks the signature of the raw body, as it came and before anything
// reads it. While a secret is rotated two are valid: give both. All secrets are
// tried, in constant time each; an empty one never fits. The error is
// ErrUnsigned, ErrMisshapen or ErrMismatch.
func Verify(body []byte, signature string, secrets ...string) error {
	if signature == "" {
		return ErrUnsigned
	}
	given, err := hex.DecodeString(signature)
	if err != nil || len(given) != sha256.Size {
		return ErrMisshapen
	}
	fits := false
	for _, secret := range secrets {
		same := hmac.Equal(given, mac(body, secret))
		fits = fits || same && secret != ""
	}
	if !fits {
		return ErrMismatch
	}
	return nil
}

func mac(body []byte, secret string) []byte {
	h := hmac.New(sha256.New, []byte(secret))
	_, _ = h.Write(body) // never fails
	return h.Sum(nil)
}
