// Package sandbox simulates the Vennio API in a process: an http.Handler that keeps state,
// implements the documented semantics (docs/vennio-api.md), and fails on request. Our
// tests and `vennio-mcp sandbox` use it. It imports no other package of this module, so
// that a misspelt field cannot go unnoticed.
//
// Behaviour that is not documented is decided in choices.go.
//
// # Hosts
//
// There are four hosts (see [Hosts]): Alice in London, the default host; Bob in New York;
// Haruka in Tokyo, whose bookings must be paid; Dana, whose calendar is not connected.
// Business hours are Monday to Friday, and every workday has both free and busy times,
// which depend only on the seed, the host and the date.
//
// The owner of the key is another person, with active calendar access to Alice (with
// details), Bob and Haruka (free and busy times), and revoked access to Dana.
//
// There is one team (see [Teams]): Alice and Bob.
//
// # Proposals
//
// The owner of the key organizes proposals with the calendar of Alice, the only host who has given
// booking:propose; [Server.Grant] gives it for another host. [Server.Invitations] returns the links
// that Vennio would send by e-mail. No page is served under a link: its last part is the token.
//
// # Keys
//
// [DefaultKey] and any other non-empty key are accepted: vennio_pk_… is publishable, vennio_at_… an
// OAuth token, everything else a secret key. Keys that end in _revoked and
// refresh tokens (vennio_rt_…) are refused. All keys belong to one account.
//
// # Storage
//
// The account is kept in memory, or in [Options].Storage, through which several processes can
// share it. Faults, held writes, rate limits, and the counts of calls and deliveries concern one
// process only.
//
// # Faults
//
// Faults form a queue: each call removes the first one, whatever its kind. FailNext(2, 502)
// and then LoseNext(1) fail two calls and lose the answer of the third. Held writes are not
// part of the queue.
//
// Each of these methods is also available over HTTP: POST a JSON object, or an empty body,
// to a path under /_sandbox/. It needs no key and is not counted as a call. The answer is
// {"ok":true}, or 400 and {"error":"…"}. n defaults to 1; a host is an id or e-mail address.
//
//	POST /_sandbox/fail         {"n":2,"status":502}                   the HTML page of a proxy
//	                            {"status":429,"slug":"rate-limited","retry_after_seconds":30}
//	POST /_sandbox/lose         {"n":1}                                executes the call, then drops the connection
//	POST /_sandbox/timeout      {"n":1}                                executes the call, then answers 504
//	POST /_sandbox/drop         {"n":1}                                drops the connection first
//	POST /_sandbox/slow         {"n":1,"milliseconds":2500}
//	POST /_sandbox/calm         {}                                     removes the pending faults
//	POST /_sandbox/hold         {}                                     keeps the next write in progress
//	POST /_sandbox/release      {}                                     continues all held writes
//	POST /_sandbox/take         {"host":"alice@example.com","start":"…","end":"…"}
//	POST /_sandbox/revoke       {"consent_id":"…"}
//	POST /_sandbox/grant        {"host":"…"}                           gives calendar access with all scopes
//	POST /_sandbox/disconnect   {"host":"…"}
//	POST /_sandbox/pay          {"booking_id":"…"}
//	POST /_sandbox/cancel       {"booking_id":"…"}
//	POST /_sandbox/descriptions {"hide":true}
//	POST /_sandbox/duplicate    {"n":1}                                delivers the next event twice
//	POST /_sandbox/emit         {"count":1000,"type":"booking.updated"}  sends events and answers with their ids
//	GET  /_sandbox/state        calls, writes, hosts, bookings, deliveries and links to proposals so far
//
// # Events and pages
//
// Events are delivered, signed as documented, to the webhooks that were created with
// POST /v1/webhooks, with up to three retries. [Server.Close] stops the deliveries.
//
// GET / is a page that describes the sandbox. The checkout_url of a booking with Haruka is
// another page, /checkout/{id}, on which the payment succeeds, fails or expires.
package sandbox
