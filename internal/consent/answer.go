package consent

import (
	"cmp"
	"context"
	"crypto/rand"

	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
)

// Answer is what a person said to a proposal.
type Answer struct {
	Agreed  bool
	By      string // who answered, as far as the channel shows; cut to 100 characters
	Claimed string // whom the agent names; kept as its claim alone, cut to 100 characters
	Words   string // what they said or pressed; cut to 500 characters
	Rung    Method // InClient, OnPage or InTerminal
}

// Answer takes a person's answer. An approval makes the act's one grant, or raises the
// one that an agent attested and that was not sent yet; a refusal also takes such a
// one away, and closes the slot or booking of the act for some time (see Ask).
//
// It is taken once: the second answer gets ErrAnswered, and a late one
// ErrExpired, together with how the proposal stands. ErrNoProposal: unknown id.
// ErrOtherAct, on a yes: another act was sent under the slot id meanwhile.
// ErrNotHuman: the method is not one of those three. ErrTampered: the proposal is
// not what the ledger says.
func (l *Ledger) Answer(ctx context.Context, id string, a Answer) (Proposal, error) {
	var p Proposal
	if !a.Rung.human() {
		return p, ErrNotHuman
	}
	a.By, a.Words, a.Claimed = sanitize.Line(a.By, 100), sanitize.Line(a.Words, 500), sanitize.Line(a.Claimed, 100)
	var late error
	err := l.change(ctx, func(w *work) error {
		kept, told, err := w.find(id)
		if p = told; err != nil {
			return err
		}
		if err := w.provenProposal(kept); err != nil {
			return err
		}
		if w.overdue(kept) {
			late = ErrExpired
			return w.expire(kept)
		}
		if err := p.answerable(); err != nil {
			return err
		}
		if a.Agreed {
			p.State, err = w.approve(kept, p.Act, a)
		} else {
			p.State, err = StateDeclined, w.decline(kept, p.Act, a)
		}
		return err
	})
	if err == nil {
		l.announce()
	}
	return p, cmp.Or(err, late)
}

func (w *work) approve(p sqldb.Proposal, act Act, a Answer) (State, error) {
	if err := w.slotFree(act.Tenant, act.SlotID, p.Act.ID); err != nil {
		return StateOpen, err
	}
	g, err := w.current(p.Act.ID)
	if err != nil {
		return StateOpen, err
	}
	state, save := StateApproved, w.SetGrant
	switch {
	case g == nil:
		g, save = &sqldb.Grant{ID: rand.Text(), Act: p.Act, Tenant: act.Tenant, SlotID: act.SlotID, Subject: act.BookingID}, w.AddGrant
	case g.Outcome != string(Unsent): // it went out on the agent's word: that stays on record
		state, save = StateUsed, nil
	}
	_, err = w.record(kindApproved, p.Act, details{
		Proposal: p.ID, Grant: g.ID, By: a.By, Claimed: a.Claimed, Words: a.Words, Rung: a.Rung, Expires: sqldb.Text(w.now.Add(Life)),
	})
	if err == nil && save != nil {
		g.ProposalID, g.GivenBy, g.Words, g.Rung, g.At, g.Expires = p.ID, a.By, a.Words, string(a.Rung), w.now, w.now.Add(Life)
		err = save(*g)
	}
	if err != nil {
		return StateOpen, err
	}
	return state, w.SetProposal(p.ID, string(state))
}

func (w *work) decline(p sqldb.Proposal, act Act, a Answer) error {
	if err := w.SetRefused(p.ID, w.now); err != nil {
		return err
	}
	until, err := w.closes(act)
	if err != nil {
		return err
	}
	_, err = w.record(kindDeclined, p.Act, details{Proposal: p.ID, By: a.By, Claimed: a.Claimed, Words: a.Words, Rung: a.Rung, Closed: sqldb.Text(until)})
	if err != nil {
		return err
	}
	g, err := w.current(p.Act.ID)
	if err != nil || g == nil || g.Outcome != string(Unsent) {
		return err
	}
	return w.retire(*g, whyDeclined)
}
