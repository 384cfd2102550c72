package consent

import (
	"context"
	"encoding/json"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/plain"
	"github.com/vennio-mcp/vennio-mcp/internal/store"
)

// Result returns a proposal and the grant under which its act is or was written: nil where nobody
// approved it. ErrNoProposal: unknown id, or erased.
func (l *Ledger) Result(ctx context.Context, id string) (Proposal, *Grant, error) {
	p, err := l.Proposal(ctx, id)
	if err != nil {
		return p, nil, err
	}
	var g *Grant
	err = l.look(ctx, func(w *work) error {
		p.Client, err = w.clientOf(id)
		if err != nil {
			return err
		}
		kept, err := w.GrantOfProposal(id)
		if err == nil && kept == nil && p.State == StateUsed { // it was sent on the agent's word before
			var about store.Proposal
			if about, _, err = w.find(id); err == nil {
				kept, err = w.LiveGrant(about.Act.ID)
			}
		}
		if err != nil || kept == nil {
			return err
		}
		g = new(grant(*kept))
		return nil
	})
	return p, g, err
}

// clientOf is the program that asked, by the entry with which the proposal began.
func (w *work) clientOf(id string) (string, error) {
	kept, _, err := w.find(id)
	if err != nil {
		return "", err
	}
	entries, err := w.Entries(kept.Seq-1, 1)
	if err != nil || len(entries) == 0 || entries[0].Details == "" {
		return "", err
	}
	var d details
	if err := json.Unmarshal([]byte(entries[0].Details), &d); err != nil || d.Proposal != id {
		return "", nil //nolint:nilerr // ledger verify finds that
	}
	return d.Client, nil
}

// Decided is a proposal with the grant under which its act is or was written; Grant is nil where
// nobody approved it.
type Decided struct {
	Proposal Proposal
	Grant    *Grant
}

// Recent returns the newest of the last proposals that fits accepts, at most most, whether open or
// not; it looks at a few hundred.
func (l *Ledger) Recent(ctx context.Context, most int, fits func(Act) bool) (all []Decided, err error) {
	const looked = 300
	err = l.look(ctx, func(w *work) error {
		kept, err := w.NewestProposals(looked)
		if err != nil {
			return err
		}
		for _, k := range kept {
			p, err := w.proposal(k)
			if err != nil {
				return err
			}
			if !fits(p.Act) {
				continue
			}
			d := Decided{Proposal: p}
			g, err := w.GrantOfProposal(k.ID)
			if err != nil {
				return err
			}
			if g != nil {
				d.Grant = new(grant(*g))
			}
			if all = append(all, d); len(all) == most {
				return nil
			}
		}
		return nil
	})
	return all, err
}

// Approved is an act that a person has approved and that was not sent.
type Approved struct {
	Proposal string // its id
	Tenant   string
	Act      Act
}

// ApprovedUnsent returns what a person approved at least so long ago, was not sent and has not
// expired, of all tenants, the oldest first: the process that took the approval ended before it
// could send it, or has no key for the tenant.
func (l *Ledger) ApprovedUnsent(ctx context.Context, age time.Duration) (all []Approved, err error) {
	err = l.look(ctx, func(w *work) error {
		unsent, err := w.UnsentGrants(w.now)
		if err != nil {
			return err
		}
		for _, g := range unsent {
			if g.ProposalID == "" || g.At.After(w.now.Add(-age)) {
				continue
			}
			act, err := parseAct(g.Act.JSON)
			if err != nil {
				return err
			}
			all = append(all, Approved{g.ProposalID, g.Tenant, act})
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
		return w.retire(*kept, plain.Line(Abandoned+reason, 500))
	})
}
