package consent

import "context"

// Standing tells what there is for exactly this act: the grant that can be sent
// or was, and if there is none the newest proposal, and if there is none
// neither. After an outcome of not_done that is the proposal of before, as used:
// a new yes is needed.
//
// The grant may have been given on any rung: whether that counts is the
// policy's matter. ErrOtherAct: another act was sent under its slot id.
func (l *Ledger) Standing(ctx context.Context, act Act) (*Grant, *Proposal, error) {
	var g *Grant
	var p *Proposal
	err := l.look(ctx, func(w *work) error {
		found, err := w.ActByDigest(act.Digest())
		if err != nil {
			return err
		}
		kept := deref(found)
		if err := w.slotFree(act.Tenant, act.SlotID, kept.ID); err != nil || kept.ID == "" {
			return err
		}
		live, err := w.usable(kept.ID)
		if live != nil {
			g = new(grant(*live))
		}
		if live != nil || err != nil {
			return err
		}
		p, err = w.latest(kept.ID)
		return err
	})
	return g, p, err
}

func (w *work) latest(act string) (*Proposal, error) {
	kept, err := w.LatestProposal(act)
	if kept == nil || err != nil {
		return nil, err
	}
	p, err := w.proposal(*kept)
	return &p, err
}

// SentUnder returns the act that was sent under a slot id and not settled as not
// done, or nil. A call that is repeated finds by it what it was about, although
// the booking has changed since.
func (l *Ledger) SentUnder(ctx context.Context, tenant, slotID string) (*Act, error) {
	var act *Act
	err := l.look(ctx, func(w *work) error {
		g, err := w.SentGrant(tenant, slotID)
		if err != nil || g == nil || g.Act.JSON == "" {
			return err
		}
		a, err := parseAct(g.Act.JSON)
		act = &a
		return err
	})
	return act, err
}
