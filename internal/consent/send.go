package consent

import (
	"cmp"
	"context"
	"errors"

	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
)

// Send notes that the write which g allows goes out now, and returns g as it
// stands. It must have returned before anything is sent: should the process die
// on the way, the grant stands as sent, and the same key settles it.
//
// A sent or unknown grant may be sent again. ErrSettled: done or not done, with
// how it stands. ErrExpired: it was not sent in its time. ErrDeclined: a person
// said no before it was sent. ErrOtherAct: another act was sent under the slot
// id meanwhile. ErrNoGrant: unknown, or erased. ErrTampered: it is not what the
// ledger says.
func (l *Ledger) Send(ctx context.Context, g Grant) (Grant, error) {
	return l.SendWithin(ctx, g, Quota{})
}

// SendWithin is Send that keeps a quota: ErrQuota, and nothing is sent, where
// the quota's tool has used it up. What was sent before may be sent again.
func (l *Ledger) SendWithin(ctx context.Context, g Grant, q Quota) (Grant, error) {
	var late error
	err := l.change(ctx, func(w *work) error {
		kept, err := w.Grant(g.ID)
		if err == nil && (kept == nil || kept.Act.Digest == "") {
			err = ErrNoGrant
		}
		if err != nil {
			return err
		}
		g = grant(*kept)
		if err := w.provenGrant(*kept); err != nil {
			return err
		}
		if w.lapsed(kept) {
			late = ErrExpired
			g.Outcome, g.Detail = NotDone, whyLapsed
			return w.retire(*kept, whyLapsed)
		}
		if err := w.sendable(kept); err != nil {
			return err
		}
		if err := w.quota(kept, q); err != nil {
			return err
		}
		err = w.send(*kept)
		g.Outcome, g.Attempt = Sent, kept.Sends+1
		return err
	})
	err = cmp.Or(err, late)
	if errors.Is(err, ErrSettled) && g.Outcome == Done {
		l.tell(ctx, Event{WasRepeated, g.Rung})
	}
	return g, err
}

func (w *work) sendable(g *sqldb.Grant) error {
	switch Outcome(g.Outcome) {
	case Sent, Unknown:
		return nil
	case Unsent:
		if err := w.slotFree(g.Tenant, g.SlotID, g.Act.ID); err != nil || g.Rung != string(Attested) {
			return err
		}
		act, err := parseAct(g.Act.JSON) // attested before a person declined it under another spelling
		if err != nil {
			return err
		}
		return w.closed(act)
	default:
		return whySettled(g)
	}
}

// whySettled tells a retired grant from one that was carried out or refused.
func whySettled(g *sqldb.Grant) error {
	switch {
	case g.Sends > 0:
		return ErrSettled
	case g.Detail == whyDeclined:
		return ErrDeclined
	default:
		return ErrExpired
	}
}

func (w *work) send(g sqldb.Grant) error {
	attempt := sqldb.Send{N: g.Sends + 1, Outcome: string(Sent)}
	if _, err := w.record(kindSent, g.Act, details{Grant: g.ID, Attempt: attempt.N, under: Method(g.Rung)}); err != nil {
		return err
	}
	if err := w.AddSend(g.ID, attempt); err != nil {
		return err
	}
	if g.ProposalID != "" {
		if err := w.SetProposal(g.ProposalID, string(StateUsed)); err != nil {
			return err
		}
	}
	g.Outcome = string(Sent)
	return w.SetGrant(g)
}
