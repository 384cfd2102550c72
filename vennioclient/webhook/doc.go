// Package webhook receives what Vennio tells by webhook (docs/vennio-api.md,
// Webhooks): it checks the signature over the raw bytes, and decodes the event.
//
//	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
//	err = webhook.Verify(body, r.Header.Get(webhook.SignatureHeader), current, previous)
//	e, err := webhook.Decode(body)
//
// The signature covers the body alone, with no time in it, so an old delivery
// that is sent again verifies again: keep each [Event.ID] and treat the second
// as the first. Vennio delivers up to three times more where it was not answered
// with success, in no promised order.
//
// The envelope is not published. [Decode] reads every plausible form; what it
// does not know it carries through.
package webhook
