package consent

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
)

// A refusal closes the slot or booking that it was about, not only the exact act: for firstClosed,
// and for twice as long after each further refusal of the same slot or booking.
const (
	firstClosed   = 10 * time.Minute
	longestClosed = 24 * time.Hour

	// readAtOnce bounds how many requests about one slot or booking are looked at.
	readAtOnce = 100
)

// closedFor is how long the nth refusal closes a slot or booking.
func closedFor(n int) time.Duration {
	period := firstClosed
	for range n - 1 {
		if period *= 2; period >= longestClosed {
			return longestClosed
		}
	}
	return period
}

// RefusedError is an ErrDeclined: a person declined this act, or another one about the same slot
// or booking, and the time for which that holds has not passed.
type RefusedError struct {
	Until      time.Time
	Wait       time.Duration
	Booking    bool // the booking is closed, otherwise the slot
	Changeable bool // a person may still be asked once for something else about it
}

func (*RefusedError) Error() string { return ErrDeclined.Error() }

// Is makes it an ErrDeclined.
func (*RefusedError) Is(target error) bool { return target == ErrDeclined }

// Refused returns a *RefusedError if an agent's statement about the act does not count because a
// person declined it or another act about the same slot or booking, otherwise nil.
func (l *Ledger) Refused(ctx context.Context, act Act) error {
	return l.look(ctx, func(w *work) error { return w.closed(act) })
}

// closed refuses an act while its slot or booking is closed in any way.
func (w *work) closed(act Act) error {
	refused, err := w.refusal(act)
	if refused == nil || err != nil {
		return err
	}
	return refused.RefusedError
}

// askable refuses to ask a person for an act while its slot or booking is closed, unless it is the
// one changed request that is allowed.
func (w *work) askable(act Act) error {
	refused, err := w.refusal(act)
	if refused == nil || err != nil || refused.changed {
		return err
	}
	return refused.RefusedError
}

// standingRefusal is a refusal that holds, as it concerns an act.
type standingRefusal struct {
	*RefusedError
	changed bool // the act is the one changed request that is allowed
}

// refusal returns the refusal that holds for the slot and the booking of an act, nil if there is
// none. An act that concerns both must be allowed by both.
func (w *work) refusal(act Act) (*standingRefusal, error) {
	var found *standingRefusal
	for _, place := range act.places() {
		r, err := w.refusalOf(place, act)
		if err != nil {
			return nil, err
		}
		if r == nil || found == nil {
			found = cmp.Or(found, r)
			continue
		}
		changeable, changed := found.Changeable && r.Changeable, found.changed && r.changed
		if r.Until.After(found.Until) {
			found = r
		}
		found.Changeable, found.changed = changeable, changed
	}
	return found, nil
}

// place is a slot, known by its hosts and the instant at which it begins, or a booking. The id of a
// slot does not identify it: each search signs another one.
type place struct {
	tenant  string
	hosts   []Party
	starts  time.Time
	booking string // empty: it is a slot
}

// places are the booking that an act changes or cancels and the slot that it takes: a move has both.
func (a Act) places() (all []place) {
	if a.BookingID != "" {
		all = append(all, place{tenant: a.Tenant, booking: a.BookingID})
	}
	if starts := a.takes(); !starts.IsZero() {
		all = append(all, place{tenant: a.Tenant, hosts: a.Hosts, starts: starts})
	}
	return all
}

// takes is when the slot begins that the act takes; zero for a cancellation.
func (a Act) takes() time.Time {
	if a.Verb() == "Cancel" {
		return time.Time{}
	}
	return a.Start
}

func (w *work) refusalOf(p place, act Act) (*standingRefusal, error) {
	refusals, err := w.refusalsOf(p)
	if err != nil {
		return nil, err
	}
	until, round := lastRound(refusals)
	if !until.After(w.now) {
		return nil, nil
	}
	e := &RefusedError{Until: until, Wait: until.Sub(w.now), Booking: p.booking != ""}
	if len(round) > 1 {
		return &standingRefusal{e, false}, nil
	}
	asked, err := w.askedSince(p, round[0].Refused)
	if err != nil {
		return nil, err
	}
	declined, wanted := round[0].act.essence(), act.essence()
	changed := declined != wanted
	e.Changeable = true
	for _, o := range asked {
		if other := o.essence(); other != declined {
			e.Changeable = false // it was made
			changed = changed && other == wanted
		}
	}
	return &standingRefusal{e, changed}, nil
}

// refusedRequest is a request that a person declined.
type refusedRequest struct {
	sqldb.Proposal
	act Act
}

// refusalsOf returns the refusals of a place, the oldest first.
func (w *work) refusalsOf(p place) (found []refusedRequest, err error) {
	var kept []sqldb.Proposal
	if p.booking != "" {
		kept, err = w.RefusalsOfBooking(p.tenant, p.booking, readAtOnce)
	} else {
		kept, err = w.RefusalsOfSlot(p.tenant, p.starts, readAtOnce)
	}
	if err != nil {
		return nil, err
	}
	for _, k := range slices.Backward(kept) {
		act, err := parseAct(k.Act.JSON)
		if err != nil {
			return nil, err
		}
		if p.holds(act) {
			found = append(found, refusedRequest{k, act})
		}
	}
	return found, nil
}

// askedSince returns the acts about a place for which a person was asked since an instant.
func (w *work) askedSince(p place, since time.Time) (found []Act, err error) {
	var kept []sqldb.Proposal
	if p.booking != "" {
		kept, err = w.AskedOfBooking(p.tenant, p.booking, since, readAtOnce)
	} else {
		kept, err = w.AskedOfSlot(p.tenant, p.starts, since, readAtOnce)
	}
	if err != nil {
		return nil, err
	}
	for _, k := range kept {
		act, err := parseAct(k.Act.JSON)
		if err != nil {
			return nil, err
		}
		if p.holds(act) {
			found = append(found, act)
		}
	}
	return found, nil
}

// holds reports whether an act that begins at the same time concerns the place: one common host is
// enough, so that another host added or left out does not make it another slot.
func (p place) holds(act Act) bool {
	if p.booking != "" || len(p.hosts) == 0 || len(act.Hosts) == 0 {
		return true
	}
	return slices.ContainsFunc(p.hosts, func(a Party) bool {
		return slices.ContainsFunc(act.Hosts, func(b Party) bool {
			return Who{ID: a.ID, Name: a.Name}.is(b) || Who{ID: b.ID, Name: b.Name}.is(a)
		})
	})
}

// lastRound returns until when the last of the refusals closes their place, and the refusals of its
// round: those of requests that were made before the time of the refusal before had passed.
func lastRound(refusals []refusedRequest) (until time.Time, round []refusedRequest) {
	for i, r := range refusals {
		if !r.At.Before(until) {
			round = nil
		}
		round = append(round, r)
		if end := r.Refused.Add(closedFor(i + 1)); end.After(until) {
			until = end
		}
	}
	return until, round
}

// closes returns until when the slot or booking of an act is closed by what is on record.
func (w *work) closes(act Act) (latest time.Time, err error) {
	latest = w.now.Add(firstClosed)
	for _, p := range act.places() {
		refusals, err := w.refusalsOf(p)
		if err != nil {
			return latest, err
		}
		if until, _ := lastRound(refusals); until.After(latest) {
			latest = until
		}
	}
	return latest, nil
}

// essence is what remains of an act when its spelling is ignored: the slot id, the zones in which it
// is shown, the order of people and how they are called, and the punctuation of texts. A person who
// declined an act has declined every act with the same essence.
func (a Act) essence() string {
	var hosts, guests []string
	for _, h := range a.Hosts {
		_, bare, found := strings.Cut(h.ID, ":")
		if !found {
			bare = h.ID
		}
		hosts = append(hosts, fold(bare))
	}
	for _, g := range a.Attendees {
		guests = append(guests, fold(g.Email))
	}
	slices.Sort(hosts)
	slices.Sort(guests)
	return encode([]any{
		a.Tool, a.BookingID, a.Start.UTC(), a.End.UTC(), slices.Compact(hosts), slices.Compact(guests),
		letters(a.Title), letters(a.Notes), letters(a.Repeat), a.Count,
	})
}

// letters is a text without case, blanks and punctuation, unless it consists of them.
func letters(s string) string {
	s = fold(s)
	bare := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsNumber(r) {
			return r
		}
		return -1
	}, s)
	if bare == "" {
		return s
	}
	return bare
}
