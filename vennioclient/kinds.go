package vennioclient

import (
	"net/http"
	"slices"
	"strings"
)

// Kind says what went wrong, in words that outlive HTTP statuses.
type Kind string

// The kinds, with the HTTP statuses they come with.
const (
	KindInvalid              Kind = "invalid_request"        // 400, a 422 that says no more, or refused before sending
	KindUnauthorized         Kind = "unauthorized"           // 401
	KindForbidden            Kind = "forbidden"              // 403
	KindNotFound             Kind = "not_found"              // 404
	KindCalendarNotConnected Kind = "calendar_not_connected" // 404
	KindSlotTaken            Kind = "slot_taken"             // 409
	KindInFlight             Kind = "in_flight"              // 409: the same key is being worked on
	KindConflict             Kind = "conflict"               // 409 of unknown meaning
	KindImpossible           Kind = "impossible"             // 422: valid, but for instance in the past
	KindKeyReused            Kind = "key_reused"             // 422: the key was used with another body
	KindRateLimited          Kind = "rate_limited"           // 429
	KindUnavailable          Kind = "unavailable"            // 5xx
	KindNetwork              Kind = "network"                // no answer, or one cut off
	KindCanceled             Kind = "canceled"               // the context ended
	KindMalformed            Kind = "malformed"              // 2xx that cannot be understood
	KindUnknown              Kind = "unknown"                // anything else
)

// Kinds lists every Kind, so that tables over them can be tested for holes.
func Kinds() []Kind {
	return []Kind{
		KindInvalid, KindUnauthorized, KindForbidden, KindNotFound, KindCalendarNotConnected,
		KindSlotTaken, KindInFlight, KindConflict, KindImpossible, KindKeyReused, KindRateLimited,
		KindUnavailable, KindNetwork, KindCanceled, KindMalformed, KindUnknown,
	}
}

// kindOf classifies a refusal. 404, 409 and 422 have two meanings each, so words
// decide: said holds those of the problem, the most telling first.
func kindOf(status int, said ...string) Kind {
	switch status {
	case http.StatusBadRequest:
		return KindInvalid
	case http.StatusUnauthorized:
		return KindUnauthorized
	case http.StatusForbidden:
		return KindForbidden
	case http.StatusNotFound:
		return first(said, KindNotFound, KindCalendarNotConnected)
	case http.StatusConflict:
		return first(said, KindConflict, refusals...)
	case http.StatusUnprocessableEntity:
		return first(said, KindInvalid, refusals...)
	case http.StatusTooManyRequests:
		return KindRateLimited
	}
	if status >= http.StatusInternalServerError {
		return KindUnavailable
	}
	return KindUnknown
}

// refusals are what a 409 or a 422 may mean, in the order of asking.
var refusals = []Kind{KindInFlight, KindKeyReused, KindCalendarNotConnected, KindImpossible, KindSlotTaken}

// first returns the kind that the first telling text names, or else otherwise.
func first(said []string, otherwise Kind, among ...Kind) Kind {
	for _, text := range said {
		text = strings.ToLower(strings.NewReplacer("-", " ", "_", " ").Replace(text))
		if i := slices.IndexFunc(among, func(k Kind) bool { return telling[k](text) }); i >= 0 {
			return among[i]
		}
	}
	return otherwise
}

// telling knows a kind by its words, in a slug or in a sentence. The slugs of
// these kinds are not published (vennio-api.md, Errors), so all plausible ones
// count. What only repeats the status ("conflict", "Unprocessable Entity") tells
// nothing.
var telling = map[Kind]func(text string) bool{
	KindInFlight: func(s string) bool {
		return has(s, "idempoten", "key", "request") &&
			has(s, "in progress", "in flight", "inflight", "being processed", "still running", "concurrent")
	},
	KindKeyReused: func(s string) bool {
		return has(s, "idempoten", "this key", "same key", "key reuse") &&
			has(s, "reuse", "different", "other", "mismatch", "already used")
	},
	KindCalendarNotConnected: func(s string) bool {
		return has(s, "calendar") && has(s, "connect", "no calendar")
	},
	KindImpossible: func(s string) bool {
		return s == "unprocessable" || has(" "+s+" ", " past ", " past.", "already passed", "impossible", "outside", "too soon", "too far")
	},
	KindSlotTaken: func(s string) bool {
		return has(s, "slot", "time", "book") &&
			has(s, "taken", "unavailable", "not available", "no longer available", "not free", "no longer free",
				"already booked", "double book", "overlap", "busy", "slot conflict", "booking conflict", "time conflict")
	},
}

func has(text string, words ...string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, w) })
}
