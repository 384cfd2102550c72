// Package sandbox is a Vennio that fits in a process: an http.Handler that keeps
// state, honours the documented semantics (docs/vennio-api.md), and fails on demand. It
// stands at the far end of our tests and behind `vennio-mcp sandbox`, and it
// imports nothing of ours, so that a misspelt field cannot hide.
//
// What the documentation leaves open is chosen in choices.go, and nowhere else.
//
// # Who is there
//
// Four hosts (see [Hosts]): Alice in London, who is booked where no host is
// named; Bob in New York; Haruka in Tokyo, who charges, so that her bookings
// wait for payment; Dana, whose calendar is not connected. Business hours are
// Monday to Friday, and every workday has both free and busy times, made from the
// seed, the host and the date alone.
//
// The owner of the key is a party of their own, with active calendar access from
// Alice (with details), Bob and Haruka (free and busy times), and revoked access from Dana.
//
// # Keys
//
// [DefaultKey], and any other non-empty key: vennio_pk_… is publishable, vennio_at_… an
// OAuth token, everything else a secret key. Keys that end in _revoked and
// refresh tokens (vennio_rt_…) are refused. All keys belong to one account.
//
// # Making it fail
//
// Faults wait in one line: each call takes the first, whatever its kind, and
// meets no other. FailNext(2, 502) and then LoseNext(1) fail two calls and lose the
// answer of the third. A held write is apart from that line.
//
// Each method for this has an order over HTTP: a POST of a JSON object, or of
// nothing, under /_sandbox/, without a key and never counted as a call. It
// answers {"ok":true}, or 400 and {"error":"…"}. The number n is 1 unless given; a host is an id or e-mail address.
//
//	POST /_sandbox/fail         {"n":2,"status":502}                   an HTML page, as of a proxy
//	                            {"status":429,"slug":"rate-limited","retry_after_seconds":30}
//	POST /_sandbox/lose         {"n":1}                                does the work, then hangs up
//	POST /_sandbox/timeout      {"n":1}                                does the work, then answers 504
//	POST /_sandbox/drop         {"n":1}                                hangs up first
//	POST /_sandbox/slow         {"n":1,"milliseconds":2500}
//	POST /_sandbox/calm         {}                                     forgets the faults still to come
//	POST /_sandbox/hold         {}                                     keeps the next write in flight
//	POST /_sandbox/release      {}                                     lets go of all held writes
//	POST /_sandbox/take         {"host":"alice@example.com","start":"…","end":"…"}
//	POST /_sandbox/revoke       {"consent_id":"…"}
//	POST /_sandbox/disconnect   {"host":"…"}
//	POST /_sandbox/pay          {"booking_id":"…"}
//	POST /_sandbox/cancel       {"booking_id":"…"}
//	POST /_sandbox/descriptions {"hide":true}
//	POST /_sandbox/duplicate    {"n":1}                                delivers the next event twice
//	POST /_sandbox/emit         {"count":1000,"type":"booking.updated"}  sends events; answers their ids
//	GET  /_sandbox/state        calls, writes, hosts, bookings and deliveries so far
//
// # What it tells
//
// Events are really delivered, signed as documented, to the webhooks that were
// subscribed with POST /v1/webhooks, and tried up to three times more. [Server.Close] ends that.
//
// A booking with Haruka is paid, declined or left to expire on the page that its
// checkout_url leads to: /checkout/{id} of the sandbox itself.
package sandbox
