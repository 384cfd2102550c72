package consent

import (
	"cmp"
	"context"
	"crypto/rand"

	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
)

// Propose is Ask without limits on how often people are asked.
func (l *Ledger) Propose(ctx context.Context, act Act) (Proposal, error) {
	return l.Ask(ctx, act, Asker{})
}

// Ask returns the question to a person about act: the one that waits, the one that was approved and
// still counts, or a new one. Only a new one counts towards the limits of the caller.
//
// *TooManyError: the limits allow no further request now. *RefusedError: a person declined this act,
// or another one about the same slot or booking. ErrOtherAct: another act was sent under its slot
// id. ErrSettled: it was sent already, on an agent's word.
func (l *Ledger) Ask(ctx context.Context, act Act, from Asker) (Proposal, error) {
	var p Proposal
	err := l.change(ctx, func(w *work) error {
		kept, err := w.keep(act)
		if err != nil {
			return err
		}
		if err := w.slotFree(act.Tenant, act.SlotID, kept.ID); err != nil {
			return err
		}
		question, err := w.asked(kept)
		if err == nil && question == nil {
			question, err = w.ask(kept, act, from)
		}
		if err != nil {
			return err
		}
		p, err = w.proposal(*question)
		return err
	})
	return p, err
}

// asked returns the question that still counts, or nil. One whose time is up is
// closed.
func (w *work) asked(act sqldb.Act) (*sqldb.Proposal, error) {
	g, err := w.current(act.ID)
	switch {
	case err != nil:
		return nil, err
	case g != nil && g.ProposalID != "":
		return w.Tx.Proposal(g.ProposalID)
	case g != nil && g.Outcome != string(Unsent):
		return nil, ErrSettled
	}
	p, err := w.LatestProposal(act.ID)
	if err != nil || p == nil || p.State != string(StateOpen) {
		return nil, err
	}
	if w.overdue(*p) {
		return nil, w.expire(*p)
	}
	return p, nil
}

func (w *work) ask(kept sqldb.Act, act Act, from Asker) (*sqldb.Proposal, error) {
	if err := w.askable(act); err != nil {
		return nil, err
	}
	if err := w.mayAsk(act.Tenant, from); err != nil {
		return nil, err
	}
	p := sqldb.Proposal{
		ID: rand.Text(), Act: kept, At: w.now, Expires: w.now.Add(Life), State: string(StateOpen),
		Tenant: act.Tenant, Caller: from.key(), Starts: act.takes(), Subject: act.BookingID,
		Account: from.Account, Policy: string(from.Policy),
	}
	seq, err := w.record(kindProposed, kept, details{Act: kept.JSON, Proposal: p.ID, Expires: sqldb.Text(p.Expires), Caller: p.Caller, Account: p.Account, Policy: from.Policy, Client: sanitize.Line(from.Client, 60)})
	if err != nil {
		return nil, err
	}
	p.Seq = seq
	return &p, w.AddProposal(p)
}

func (w *work) expire(p sqldb.Proposal) error {
	if _, err := w.record(kindExpired, p.Act, details{Proposal: p.ID}); err != nil {
		return err
	}
	return w.SetProposal(p.ID, string(StateExpired))
}

// Proposal returns the proposal with this id, or ErrNoProposal. That one has
// expired is recorded.
func (l *Ledger) Proposal(ctx context.Context, id string) (Proposal, error) {
	var p Proposal
	var kept sqldb.Proposal
	overdue := false
	err := l.look(ctx, func(w *work) (err error) {
		kept, p, err = w.find(id)
		overdue = w.overdue(kept)
		return err
	})
	if err == nil && overdue {
		err = l.expire(ctx, kept.Act.ID)
	}
	return p, err
}

// Open returns the proposals that wait for an answer, the oldest first. It records
// of those that no longer do that they have expired.
func (l *Ledger) Open(ctx context.Context) ([]Proposal, error) {
	return l.open(ctx, func(w *work) ([]sqldb.Proposal, error) { return w.OpenProposals(w.now) })
}

// OpenPage is Open for up to limit proposals, the newest first, and how many more there are. after
// is the id of the last one on the page before, empty for the first page; ErrNoProposal: there is no
// such id.
func (l *Ledger) OpenPage(ctx context.Context, after string, limit int) (page []Proposal, more int, err error) {
	page, err = l.open(ctx, func(w *work) ([]sqldb.Proposal, error) {
		from := sqldb.FirstCursor()
		if after != "" {
			cursor, err := w.CursorOf(after)
			if err == nil && cursor == nil {
				err = ErrNoProposal
			}
			if err != nil {
				return nil, err
			}
			from = *cursor
		}
		kept, err := w.NewestOpen(w.now, from, limit)
		if err == nil && len(kept) == limit {
			last := kept[limit-1]
			more, err = w.CountOpen(w.now, sqldb.Cursor{Expires: last.Expires, Seq: last.Seq})
		}
		return kept, err
	})
	return page, more, err
}

func (l *Ledger) open(ctx context.Context, list func(*work) ([]sqldb.Proposal, error)) ([]Proposal, error) {
	var open []Proposal
	overdue := 0
	err := l.look(ctx, func(w *work) error {
		late, err := w.OverdueProposals(w.now, sweep)
		if err != nil {
			return err
		}
		overdue = len(late)
		kept, err := list(w)
		if err != nil {
			return err
		}
		open, err = w.proposals(kept)
		return err
	})
	if err == nil && overdue > 0 {
		err = l.change(ctx, func(w *work) error { return w.expireProposals() })
	}
	return open, err
}

// sweep is how many expired proposals, and grants, are recorded as such at once:
// those that expired last, to which a clock that is set back comes first.
const sweep = 20

func (w *work) expireProposals() error {
	late, err := w.OverdueProposals(w.now, sweep)
	for _, p := range late {
		if err == nil {
			err = w.expire(p)
		}
	}
	return err
}

func (w *work) expireGrants() error {
	late, err := w.OverdueGrants(w.now, sweep)
	for _, g := range late {
		if err == nil {
			err = w.retire(g, whyLapsed)
		}
	}
	return err
}

// Withdraw notes that asking in the client brought no answer, and why, such as
// "cancelled in the client"; it is cut to 200 characters. The proposal stays
// open to an answer elsewhere, on the page or in the terminal, and tells by
// Unanswered that it is not to be asked again in the same form.
//
// ErrNoProposal, ErrAnswered and ErrExpired as for Answer.
func (l *Ledger) Withdraw(ctx context.Context, id, why string) error {
	why = cmp.Or(sanitize.Line(why, 200), "no answer")
	var late error
	err := l.change(ctx, func(w *work) error {
		kept, p, err := w.find(id)
		if err != nil {
			return err
		}
		if w.overdue(kept) {
			late = ErrExpired
			return w.expire(kept)
		}
		if err := p.answerable(); err != nil {
			return err
		}
		if _, err := w.record(kindWithdrawn, kept.Act, details{Proposal: id, Why: why, under: InClient}); err != nil {
			return err
		}
		return w.SetUnanswered(id, why)
	})
	return cmp.Or(err, late)
}
