package consent

import (
	"context"
	"encoding/json"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
)

// Result returns a proposal and the grant under which its act is or was written: nil where nobody
// approved it. One that was not sent in its time is recorded as not done. ErrNoProposal: unknown id,
// or erased.
func (l *Ledger) Result(ctx context.Context, id string) (Proposal, *Grant, error) {
	p, err := l.Proposal(ctx, id)
	if err != nil {
		return p, nil, err
	}
	var g *Grant
	lapsed := "" // the act of a grant that was not sent in its time
	err = l.look(ctx, func(w *work) error {
		asked, _, err := w.find(id)
		if err != nil {
			return err
		}
		if p.Client, err = w.clientOf(asked); err != nil {
			return err
		}
		kept, err := w.GrantOfProposal(id)
		if err == nil && kept == nil && p.State == StateUsed { // it was sent on the agent's word before
			kept, err = w.LiveGrant(asked.Act.ID)
		}
		if err != nil || kept == nil {
			return err
		}
		if w.lapsed(kept) {
			lapsed = kept.Act.ID
		}
		g = new(w.stands(*kept))
		return nil
	})
	if err == nil && lapsed != "" {
		err = l.expire(ctx, lapsed)
	}
	return p, g, err
}

// clientOf is the program that asked, by the entry with which the proposal began.
func (w *work) clientOf(kept sqldb.Proposal) (string, error) {
	entries, err := w.Entries(kept.Seq-1, 1)
	if err != nil || len(entries) == 0 || entries[0].Details == "" {
		return "", err
	}
	var d details
	if err := json.Unmarshal([]byte(entries[0].Details), &d); err != nil || d.Proposal != kept.ID {
		return "", nil //nolint:nilerr // ledger verify finds that
	}
	return d.Client, nil
}

// stands is a grant as it stands now, whether or not it is on record that it was not sent in its time.
func (w *work) stands(kept sqldb.Grant) Grant {
	g := grant(kept)
	if w.lapsed(&kept) {
		g.Outcome, g.Detail = NotDone, whyLapsed
	}
	return g
}

// Decided is a proposal with the grant under which its act is or was written; Grant is nil where
// nobody approved it.
type Decided struct {
	Proposal Proposal
	Grant    *Grant
}

// Recent returns the newest proposals of a tenant: those that wait for an answer and the others, of
// each at most most.
func (l *Ledger) Recent(ctx context.Context, tenant string, most int) (waiting []Proposal, decided []Decided, err error) {
	err = l.look(ctx, func(w *work) error {
		open, err := w.NewestOpenOf(tenant, w.now, most)
		if err != nil {
			return err
		}
		if waiting, err = w.proposals(open); err != nil {
			return err
		}
		kept, err := w.NewestProposalsOf(tenant, most+len(open))
		if err != nil {
			return err
		}
		for _, k := range kept {
			d, err := w.decided(k)
			if err != nil {
				return err
			}
			if d.Proposal.State != StateOpen && len(decided) < most {
				decided = append(decided, d)
			}
		}
		return nil
	})
	return waiting, decided, err
}

func (w *work) decided(kept sqldb.Proposal) (d Decided, err error) {
	if d.Proposal, err = w.proposal(kept); err != nil {
		return d, err
	}
	g, err := w.GrantOfProposal(kept.ID)
	if err == nil && g != nil {
		d.Grant = new(w.stands(*g))
	}
	return d, err
}

// ApprovedUnsent returns what a person approved at least so long ago, was not sent and has not
// expired, of all tenants, the oldest first: the process that took the approval ended before it
// could send it, or has no key for the tenant.
func (l *Ledger) ApprovedUnsent(ctx context.Context, age time.Duration) (all []Proposal, err error) {
	err = l.look(ctx, func(w *work) error {
		unsent, err := w.UnsentGrants(w.now)
		if err != nil {
			return err
		}
		for _, g := range unsent {
			if g.ProposalID == "" || g.At.After(w.now.Add(-age)) {
				continue
			}
			kept, err := w.Proposal(g.ProposalID)
			if err != nil {
				return err
			}
			if kept == nil {
				continue
			}
			p, err := w.proposal(*kept)
			if err != nil {
				return err
			}
			all = append(all, p)
		}
		return nil
	})
	return all, err
}

// Abandoned begins the Detail of a grant that Abandon retired; the reason follows.
const Abandoned = "not sent: "

// Abandon retires a grant that was not sent and cannot be, for a reason such as "slot_expired". One
// that was sent, or retired before, stays as it is.
func (l *Ledger) Abandon(ctx context.Context, g Grant, reason string) error {
	return l.change(ctx, func(w *work) error {
		kept, err := w.Grant(g.ID)
		if err != nil || kept == nil || kept.Act.Digest == "" || kept.Outcome != string(Unsent) {
			return err
		}
		return w.retire(*kept, sanitize.Line(Abandoned+reason, 500))
	})
}
