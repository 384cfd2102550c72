package consent

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
)

// Proposal returns the proposal with this id, or ErrNoProposal. If it has expired,
// that is recorded.
func (l *Ledger) Proposal(ctx context.Context, id string) (Proposal, error) {
	var p Proposal
	err := l.read(ctx, func(tx *transaction) (err error) {
		p, err = tx.proposal(id)
		return err
	})
	if err == nil && p.overdue {
		err = l.recordExpiry(ctx, p.stored.id)
	}
	return p, err
}

// Open returns the open proposals, the oldest first, and records which ones have
// expired.
func (l *Ledger) Open(ctx context.Context) ([]Proposal, error) {
	return l.listOpen(ctx, (*transaction).openProposals)
}

// openProposals returns the open proposals, the oldest first. The sum in the order
// keeps SQLite from reading all proposals in the order of another index.
func (tx *transaction) openProposals() ([]Proposal, error) {
	return tx.proposals(`p.state = 'open' AND p.expires > ? ORDER BY p.seq + 0`, sqldb.Text(tx.now))
}

// cursor is a position in the list of open proposals: after the one with these values.
type cursor struct {
	expires time.Time
	seq     int64
}

func (c *cursor) columns() []any { return []any{sqldb.Instant{To: &c.expires}, &c.seq} }

// OpenPage is Open for up to limit proposals, the newest first, and how many more there are. after
// is the id of the last one on the page before, empty for the first page; ErrNoProposal: there is no
// such id.
func (l *Ledger) OpenPage(ctx context.Context, after string, limit int) (page []Proposal, more int, err error) {
	const isAfter = `p.state = 'open' AND p.expires > ? AND p.expires <= ? AND (p.expires < ? OR p.seq < ?)`
	page, err = l.listOpen(ctx, func(tx *transaction) ([]Proposal, error) {
		from := &cursor{expires: time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)}
		if after != "" { // it may have been answered meanwhile
			from, err = sqldb.One(tx.Tx, (*cursor).columns, `SELECT p.expires, p.seq FROM proposals p WHERE p.id = ?`, after)
			if err == nil && from == nil {
				err = ErrNoProposal
			}
			if err != nil {
				return nil, err
			}
		}
		position := func(c cursor) []any {
			return []any{sqldb.Text(tx.now), sqldb.Text(c.expires), sqldb.Text(c.expires), c.seq}
		}
		found, err := tx.proposals(isAfter+` ORDER BY p.expires DESC, p.seq DESC LIMIT ?`, append(position(*from), limit)...)
		if err != nil || len(found) < limit {
			return found, err
		}
		last := found[limit-1]
		n, err := sqldb.One(tx.Tx, sqldb.Column[int], `SELECT COUNT(*) FROM proposals p WHERE `+isAfter, position(cursor{last.Expires, last.seq})...)
		if err == nil {
			more = *n
		}
		return found, err
	})
	return page, more, err
}

// listOpen reads a list of open proposals and then records which proposals have
// expired.
func (l *Ledger) listOpen(ctx context.Context, list func(*transaction) ([]Proposal, error)) (open []Proposal, err error) {
	expired := false
	err = l.read(ctx, func(tx *transaction) error {
		late, err := tx.overdueProposals()
		if err != nil {
			return err
		}
		expired = len(late) > 0
		open, err = list(tx)
		return err
	})
	if err == nil && expired {
		err = l.update(ctx, (*transaction).expireProposals)
	}
	return open, err
}

// Result returns a proposal and the grant under which its act is or was written; nil if nobody
// approved it. A grant that was not sent in time is recorded as not done. ErrNoProposal: unknown id,
// or erased.
func (l *Ledger) Result(ctx context.Context, id string) (Proposal, *Grant, error) {
	p, err := l.Proposal(ctx, id)
	if err != nil {
		return p, nil, err
	}
	var g *Grant
	err = l.read(ctx, func(tx *transaction) error {
		if p.Client, err = tx.clientOf(p); err != nil {
			return err
		}
		if g, err = tx.grantOf(id); err == nil && g == nil && p.State == StateUsed { // it was sent on the agent's statement before
			g, err = tx.liveGrant(p.stored.id)
		}
		return err
	})
	if g = g.showLapsed(); err == nil && g != nil && g.lapsed {
		err = l.recordExpiry(ctx, p.stored.id)
	}
	return p, g, err
}

// clientOf returns the name of the program that asked. Only the details of the entry
// with which the proposal began have it.
func (tx *transaction) clientOf(p Proposal) (string, error) {
	entries, err := tx.entriesAfter(p.seq-1, 1)
	if err != nil || len(entries) == 0 || entries[0].Details == "" {
		return "", err
	}
	var d details
	if err := json.Unmarshal([]byte(entries[0].Details), &d); err != nil || d.Proposal != p.ID {
		return "", nil //nolint:nilerr // ledger verify finds that
	}
	return d.Client, nil
}

// Decided is a proposal with the grant under which its act is or was written; Grant is nil if
// nobody approved it.
type Decided struct {
	Proposal Proposal
	Grant    *Grant
}

// Recent returns the newest proposals of a tenant: the open ones and the others, at most limit of
// each.
func (l *Ledger) Recent(ctx context.Context, tenant string, limit int) (open []Proposal, decided []Decided, err error) {
	err = l.read(ctx, func(tx *transaction) error {
		open, err = tx.proposals(`p.state = 'open' AND p.tenant = ? AND p.expires > ? ORDER BY p.expires DESC LIMIT ?`, tenant, sqldb.Text(tx.now), limit)
		if err != nil {
			return err
		}
		newest, err := tx.proposals(`p.caller <> '' AND p.tenant = ? ORDER BY p.at DESC LIMIT ?`, tenant, limit+len(open))
		if err != nil {
			return err
		}
		for _, p := range newest {
			if p.State == StateOpen || len(decided) == limit {
				continue
			}
			g, err := tx.grantOf(p.ID)
			if err != nil {
				return err
			}
			decided = append(decided, Decided{p, g.showLapsed()})
		}
		return nil
	})
	return open, decided, err
}

// ApprovedUnsent returns the proposals of all tenants that a person approved at least age ago and
// whose write was not sent and has not expired, the oldest first: the process that received the
// approval ended before it could send it, or has no key for the tenant.
func (l *Ledger) ApprovedUnsent(ctx context.Context, age time.Duration) (all []Proposal, err error) {
	err = l.read(ctx, func(tx *transaction) error {
		unsent, err := tx.unsentGrants()
		if err != nil {
			return err
		}
		for _, g := range unsent {
			if g.ProposalID == "" || g.At.After(tx.now.Add(-age)) {
				continue
			}
			switch p, err := tx.proposal(g.ProposalID); {
			case err == nil:
				all = append(all, p)
			case !errors.Is(err, ErrNoProposal):
				return err
			}
		}
		return nil
	})
	return all, err
}
