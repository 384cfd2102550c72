// Package webhook verifies the signature of a webhook delivery over its raw bytes, and
// decodes the event (docs/vennio-api.md, Webhooks).
//
//	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
//	err = webhook.Verify(body, r.Header.Get(webhook.SignatureHeader), current, previous)
//	e, err := webhook.Decode(body)
//
// The signature covers only the body, without a time, so an old delivery that is sent
// again is valid again: store each [Event.ID] and ignore repetitions. Vennio repeats a
// delivery up to three times if the answer is not a success, in no defined order.
//
// The envelope is not published. [Decode] accepts every plausible form and passes unknown
// types through.
package webhook
