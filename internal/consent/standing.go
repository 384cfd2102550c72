package consent

import (
	"context"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
)

// Standing tells what there is for exactly this act: the grant that can be sent
// or was, and if there is none the newest proposal, and if there is none
// neither. After an outcome of not_done that is the proposal of before, as used:
// a new approval is needed. A declined one is returned as long as the refusal holds.
//
// The grant may have been given on any rung: whether that counts is the
// policy's matter. ErrOtherAct: another act was sent under its slot id.
func (l *Ledger) Standing(ctx context.Context, act Act) (*Grant, *Proposal, error) {
	var g *Grant
	var p *Proposal
	expired := "" // the act of which something has expired
	err := l.look(ctx, func(w *work) error {
		found, err := w.ActByDigest(act.Digest())
		if err != nil {
			return err
		}
		kept := deref(found)
		if err := w.slotFree(act.Tenant, act.SlotID, kept.ID); err != nil || kept.ID == "" {
			return err
		}
		live, err := w.LiveGrant(kept.ID)
		switch {
		case err != nil:
			return err
		case live != nil && w.lapsed(live):
			expired = kept.ID
		case live != nil:
			g = new(grant(*live))
			return nil
		}
		latest, err := w.LatestProposal(kept.ID)
		if latest == nil || err != nil {
			return err
		}
		if w.overdue(*latest) {
			expired = kept.ID
		}
		p, err = w.latest(*latest, act)
		return err
	})
	if err == nil && expired != "" {
		err = l.expire(ctx, expired)
	}
	return g, p, err
}

// expire records that the grant and the newest proposal of an act have expired, if
// they have. What has once been seen expired stays so, whatever the clock says
// later.
func (l *Ledger) expire(ctx context.Context, act string) error {
	return l.change(ctx, func(w *work) error {
		if _, err := w.current(act); err != nil {
			return err
		}
		p, err := w.LatestProposal(act)
		if err != nil || p == nil || !w.overdue(*p) {
			return err
		}
		return w.expire(*p)
	})
}

// latest reads the newest proposal of an act; nil if it was declined so long ago that a person may
// be asked again.
func (w *work) latest(kept sqldb.Proposal, act Act) (*Proposal, error) {
	if kept.State == string(StateDeclined) {
		refused, err := w.refusal(act)
		if refused == nil || err != nil {
			return nil, err
		}
	}
	p, err := w.proposal(kept)
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

// Repeatable is how long a call without a slot id that was sent is taken for the
// same one when it is made again: as long as a slot id lives. Until then it
// settles what is unknown; later, what it was about needs a new yes.
const Repeatable = 2 * time.Hour

// SentOn returns the newest act of a tool on a booking that was sent within
// Repeatable and not settled as not done, and that fits; nil if there is none.
func (l *Ledger) SentOn(ctx context.Context, tenant, tool, bookingID string, fits func(Act) bool) (*Act, error) {
	var act *Act
	err := l.look(ctx, func(w *work) error {
		sent, err := w.SentOn(tenant, bookingID, w.now.Add(-Repeatable))
		if err != nil {
			return err
		}
		for _, g := range sent {
			if g.Act.JSON == "" {
				continue // erased
			}
			a, err := parseAct(g.Act.JSON)
			if err != nil {
				return err
			}
			if a.Tool == tool && a.BookingID == bookingID && fits(a) {
				act = &a
				return nil
			}
		}
		return nil
	})
	return act, err
}
