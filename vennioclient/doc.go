// Package vennioclient is a typed Go client of the Vennio API. It depends only on the
// standard library and implements the API as docs/vennio-api.md describes it.
//
//	c, err := vennioclient.New(os.Getenv("VENNIO_API_KEY"))
//	free, err := c.Slots(ctx, vennioclient.SlotsQuery{Hosts: []string{host}, Duration: 30 * time.Minute, From: from, To: to})
//	made, err := c.CreateBooking(ctx, "order-4711", vennioclient.BookingRequest{...})
//
// Every call takes a context, whose end also stops the wait between attempts.
//
// # Two dialects
//
// Vennio's reference and its getting-started guide use different names. A Client writes
// requests in its [Dialect] and decodes answers in either. It ignores unknown fields and
// passes unknown values of enumerations through unchanged.
//
// # Times
//
// Times are sent and returned in UTC. Vennio's times must be RFC 3339 with an
// offset or Z; fractions of a second are accepted. A time without an offset is
// refused (KindMalformed) even if the query named a zone, because interpreting it in the
// wrong zone would book the wrong hour.
//
// # Errors and writes
//
// A failed call returns an [*Error] with a Kind. Reads are repeated if the kind allows it;
// writes only under an [IdempotencyKey], with the same key and the same bytes. [OutcomeOf]
// returns whether a failed write took effect: done, not done or unknown.
//
// A refusal that follows an attempt without an answer leaves the outcome unknown, even if
// net/http made the earlier attempt.
//
// The API key is sent only in the Authorization header of requests to the base URL. It
// appears neither in errors nor in a formatted Client, and is not sent to the target of a
// redirect.
//
// # Proposals
//
// [Client.CreateProposal] asks people which of several times suits them. Its links, and the
// token that [InvitationFrom] reads from one, are each a [Secret] too: whoever has it can respond.
// A call with an invitation does not send the API key, and its errors do not contain the
// invitation; one that is not valid is a [KindInvitation].
//
// # Webhooks
//
// [Client.CreateWebhook] subscribes to events; package webhook verifies and decodes the
// deliveries. The signing secret is a [Secret], which is never printed.
package vennioclient
