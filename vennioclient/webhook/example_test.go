package webhook_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/vennio-mcp/vennio-mcp/vennioclient/webhook"
)

// Receive an event: read the raw bytes, verify the signature, and then decode them.
func Example() {
	receive := func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil {
			http.Error(w, "too large", http.StatusRequestEntityTooLarge)
			return
		}
		if err := webhook.Verify(body, r.Header.Get(webhook.SignatureHeader), "whsec_current", "whsec_previous"); err != nil {
			http.Error(w, "not signed by Vennio", http.StatusUnauthorized)
			return
		}
		e, err := webhook.Decode(body)
		if err != nil {
			http.Error(w, "not an event", http.StatusBadRequest)
			return
		}
		if b, ok := e.Booking(); ok {
			fmt.Println(e.Type, b.ID, b.Status) // store e.ID before the answer: it may come twice
		}
		w.WriteHeader(http.StatusNoContent)
	}

	const body = `{"id":"evt_1","type":"booking.confirmed","data":{"booking":{"id":"b-1","status":"confirmed"}}}`
	for _, secret := range []string{"whsec_previous", "whsec_forged"} {
		r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/webhooks/vennio", strings.NewReader(body))
		r.Header.Set(webhook.SignatureHeader, webhook.Sign([]byte(body), secret))
		w := httptest.NewRecorder()
		receive(w, r)
		fmt.Println(w.Code)
	}
	// Output:
	// booking.confirmed b-1 confirmed
	// 204
	// 401
}
