package webhook_test

import (
	"errors"
	"testing"

	"github.com/vennio-mcp/vennio-mcp/vennioclient/webhook"
)

// Whatever arrives, it is an event with an id and a type, or ErrMalformed; and
// the same bytes are the same event. req: Q3
func FuzzDecode(f *testing.F) {
	f.Fuzz(func(t *testing.T, body []byte) {
		e, err := webhook.Decode(body)
		switch {
		case err != nil && !errors.Is(err, webhook.ErrMalformed):
			t.Fatal(err)
		case err == nil && (e.ID == "" || e.Type == ""):
			t.Fatalf("%+v", e)
		}
		again, _ := webhook.Decode(body)
		if e.ID != again.ID {
			t.Fatalf("%q, then %q", e.ID, again.ID)
		}
		b, ok := e.Booking()
		if ok && b.ID == "" {
			t.Fatalf("a booking without an id: %s", body)
		}
		c, ok := e.Consent()
		if ok && c.ID == "" {
			t.Fatalf("a consent without an id: %s", body)
		}
	})
}

// Only the signature of these bytes under a secret that is not empty fits. req: Q3, W1
func FuzzVerify(f *testing.F) {
	f.Fuzz(func(t *testing.T, body []byte, signature, secret string) {
		right := webhook.Sign(body, secret)
		if err := webhook.Verify(body, right, "another", secret); (err == nil) != (secret != "" || right == webhook.Sign(body, "another")) {
			t.Fatal(err)
		}
		if err := webhook.Verify(append(body, ' '), right, secret); err == nil {
			t.Fatal("another body fits")
		}
		if err := webhook.Verify(body, signature, secret); err == nil && len(signature) != len(right) {
			t.Fatalf("%q fits", signature)
		}
	})
}
