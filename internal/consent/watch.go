package consent

import (
	"cmp"
	"context"
	"strings"
)

// Event is something that happened to a consent, without anybody's data. Rung is
// empty until somebody has answered.
type Event struct {
	What Happening
	Rung Method
}

// Watcher is told of each Event once it is on record, in order, with the context
// of the call that caused it. It must be quick, and safe for concurrent use.
type Watcher func(context.Context, Event)

// Happening is what an Event is about. The list is closed.
type Happening string

// The happenings. A cancelled or unanswered question stays open to an answer
// elsewhere; a dismissed yes is an agent's, taken away by a person's no.
const (
	WasAsked      Happening = "asked"
	WasAgreed     Happening = "agreed"
	WasDeclined   Happening = "declined"
	WasCancelled  Happening = "cancelled"
	WasUnanswered Happening = "unanswered"
	WasExpired    Happening = "expired"
	WasDismissed  Happening = "dismissed"
	WasSent       Happening = "sent"
	WasWritten    Happening = "written"
	WasNotWritten Happening = "not_written"
	WasUncertain  Happening = "unknown"  // whether it was written
	WasRepeated   Happening = "repeated" // sent again after it was written: nothing new
)

// Happenings lists every Happening.
func Happenings() []Happening {
	return []Happening{
		WasAsked, WasAgreed, WasDeclined, WasCancelled, WasUnanswered, WasExpired, WasDismissed,
		WasSent, WasWritten, WasNotWritten, WasUncertain, WasRepeated,
	}
}

// Methods lists every Method, the best first.
func Methods() []Method { return []Method{InClient, OnPage, InTerminal, Attested} }

func (l *Ledger) tell(ctx context.Context, events ...Event) {
	for _, e := range events {
		for _, watch := range l.watchers {
			watch(ctx, e)
		}
	}
}

// notice keeps for the watchers what an entry is about.
func (w *work) notice(kind string, d details) {
	if what := happening(kind, d); what != "" {
		w.events = append(w.events, Event{what, cmp.Or(d.Rung, d.under)})
	}
}

// happening is "" for an erasure, which changes no consent.
func happening(kind string, d details) Happening {
	switch kind {
	case kindWithdrawn:
		if strings.HasPrefix(d.Why, "cancelled") {
			return WasCancelled
		}
		return WasUnanswered
	case kindRetired:
		if d.Why == whyDeclined {
			return WasDismissed
		}
		return WasExpired
	case kindSettled:
		return settled[d.Outcome]
	default:
		return simple[kind]
	}
}

var simple = map[string]Happening{
	kindProposed: WasAsked, kindApproved: WasAgreed, kindAttested: WasAgreed,
	kindDeclined: WasDeclined, kindExpired: WasExpired, kindClosed: WasExpired, kindSent: WasSent,
}

var settled = map[Outcome]Happening{Done: WasWritten, NotDone: WasNotWritten, Unknown: WasUncertain}
