package vennioclient

import "errors"

// Outcome says what became of a write.
type Outcome string

// The three outcomes. Unknown is no failure: the write may have taken effect.
// Repeat it with the same key, or read, before telling anyone that it did not.
const (
	Done    Outcome = "done"
	NotDone Outcome = "not_done"
	Unknown Outcome = "unknown"
)

// OutcomeOf tells from the error of a write what became of it.
//
// NotDone: nothing was sent, or Vennio refused it (400, 401, 403, 404, a taken
// slot, an impossible time, a reused key, 429). Unknown: no answer came, or one
// that does not settle it (5xx, same key in flight, a conflict without a
// meaning, a success that cannot be read), or err is not a client's.
//
// One attempt that ended unknown makes the whole call Unknown, whatever a later
// attempt says. That holds for a taken slot too: had the first attempt booked
// and then failed to store its answer, it is our own booking that takes the
// slot. A look at the bookings costs less than a second booking.
func OutcomeOf(err error) Outcome {
	if err == nil {
		return Done
	}
	e, ok := errors.AsType[*Error](err)
	switch {
	case !ok || e.doubt:
		return Unknown
	case !e.Sent && e.Status == 0:
		return NotDone
	}
	switch e.Kind {
	case KindInvalid, KindUnauthorized, KindForbidden, KindNotFound, KindCalendarNotConnected,
		KindSlotTaken, KindImpossible, KindKeyReused, KindRateLimited:
		return NotDone
	default:
		return Unknown
	}
}
