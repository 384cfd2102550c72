// Package vennioclient is a typed Go client of the Vennio API. It stands on the
// standard library alone, and mirrors Vennio as docs/vennio-api.md describes it.
//
//	c, err := vennioclient.New(os.Getenv("VENNIO_API_KEY"))
//	free, err := c.Slots(ctx, vennioclient.SlotsQuery{Hosts: []string{host}, Duration: 30 * time.Minute, From: from, To: to})
//	made, err := c.CreateBooking(ctx, "order-4711", vennioclient.BookingRequest{...})
//
// Every call takes a context, which ends waiting between attempts as well.
//
// # Two dialects
//
// Vennio's reference and its getting-started guide name things differently. A
// Client writes the [Dialect] it was built with; it reads every form of either.
// Fields that it does not know are ignored, values of enumerations that it does
// not know are carried through as they are.
//
// # Times
//
// Times are sent and returned in UTC. Vennio's times must be RFC 3339 with an
// offset or Z; fractions of a second are accepted. A time without an offset is
// refused (KindMalformed) even where the query named a zone, because reading it
// in the wrong zone would book the wrong hour.
//
// # Errors and writes
//
// A failed call returns an [*Error], whose Kind says what went wrong. Reads are
// repeated where the kind allows it; writes only under an [IdempotencyKey], with
// the same key and the same bytes. Whether a failed write took effect is a
// question of its own, answered by [OutcomeOf]: done, not done or unknown.
//
// A refusal that follows an attempt without an answer leaves the outcome unknown,
// also where net/http made the earlier attempt by itself.
//
// The API key goes nowhere but into the Authorization header of requests to the
// base URL: not into errors, not into a formatted Client, not across a redirect.
//
// # Webhooks
//
// [Client.CreateWebhook] subscribes to events; package webhook verifies and
// decodes what is then delivered. The signing secret is a [Secret], which nothing
// prints.
package vennioclient
