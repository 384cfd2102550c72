package sqldb

import "time"

// Proposal is a question to a person.
type Proposal struct {
	ID          string
	Act         Act
	Seq         int64 // the ledger's entry with which it began
	At, Expires time.Time
	State       string // open, approved, declined, expired or used
	Unanswered  string // why it brought no answer where it was asked first

	Tenant  string
	Caller  string    // a keyed hash of who asked; empty if an earlier version asked, and then the fields below are zero
	Starts  time.Time // when the slot begins that the act would take; zero if it takes none, and once erased
	Subject string    // the booking that the act changes or cancels, if any; empty once erased
	Refused time.Time // when the person declined; zero if they did not
	Account string    // tells the account that it was asked for from others; empty if an earlier version asked
	Policy  string    // that held where it was asked; empty if an earlier version asked
}

func (p *Proposal) columns() []any {
	return append([]any{
		&p.ID, &p.Seq,
		Instant{&p.At},
		Instant{&p.Expires},
		&p.State, &p.Unanswered, &p.Tenant, &p.Caller,
		Instant{&p.Starts},
		&p.Subject,
		Instant{&p.Refused},
		&p.Account, &p.Policy,
	}, p.Act.columns()...)
}

const proposalColumns = `p.id, p.seq, p.at, p.expires, p.state, p.unanswered, p.tenant, p.caller, p.starts, p.subject, p.refused, p.account, p.policy`

const proposals = `SELECT ` + proposalColumns + `, ` + actColumns + `
	FROM proposals p JOIN acts a ON a.id = p.act WHERE a.digest IS NOT NULL AND `

// Proposal returns the proposal with this id, or nil if there is none or its
// act was erased.
func (tx *Tx) Proposal(id string) (*Proposal, error) {
	return One(tx, (*Proposal).columns, proposals+`p.id = ?`, id)
}

// LatestProposal returns the newest proposal of an act, or nil.
func (tx *Tx) LatestProposal(act string) (*Proposal, error) {
	return One(tx, (*Proposal).columns, proposals+`p.act = ? ORDER BY p.seq DESC LIMIT 1`, act)
}

// OpenProposals returns the open proposals that expire after now, oldest first.
// The sum in the order keeps SQLite from reading all proposals in the order of
// another index.
func (tx *Tx) OpenProposals(now time.Time) ([]Proposal, error) {
	return All(tx, (*Proposal).columns, proposals+`p.state = 'open' AND p.expires > ? ORDER BY p.seq + 0`, Text(now))
}

// NewestProposalsOf returns the newest proposals of a tenant, open or not.
func (tx *Tx) NewestProposalsOf(tenant string, limit int) ([]Proposal, error) {
	return All(tx, (*Proposal).columns, proposals+`p.caller <> '' AND p.tenant = ? ORDER BY p.at DESC LIMIT ?`, tenant, limit)
}

// NewestOpenOf returns the newest open proposals of a tenant that expire after now.
func (tx *Tx) NewestOpenOf(tenant string, now time.Time, limit int) ([]Proposal, error) {
	return All(tx, (*Proposal).columns, proposals+`p.state = 'open' AND p.tenant = ? AND p.expires > ? ORDER BY p.expires DESC LIMIT ?`, tenant, Text(now), limit)
}

// OverdueProposals returns up to limit open proposals that have expired, those
// that expired last first.
func (tx *Tx) OverdueProposals(now time.Time, limit int) ([]Proposal, error) {
	return All(tx, (*Proposal).columns, proposals+`p.state = 'open' AND p.expires <= ? ORDER BY p.expires DESC LIMIT ?`, Text(now), limit)
}

// AddProposal keeps a new proposal. One act has at most one open proposal.
func (tx *Tx) AddProposal(p Proposal) error {
	return tx.Exec(`INSERT INTO proposals (id, act, seq, at, expires, state, unanswered, tenant, caller, starts, subject, refused, account, policy)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		p.ID, p.Act.ID, p.Seq, Text(p.At), Text(p.Expires), p.State, p.Unanswered, p.Tenant, p.Caller, Text(p.Starts), p.Subject, Text(p.Refused), p.Account, p.Policy)
}

// SetProposal changes how a proposal stands.
func (tx *Tx) SetProposal(id, state string) error {
	return tx.Exec(`UPDATE proposals SET state = ? WHERE id = ?`, state, id)
}

// SetRefused notes that the person declined.
func (tx *Tx) SetRefused(id string, at time.Time) error {
	return tx.Exec(`UPDATE proposals SET state = 'declined', refused = ? WHERE id = ?`, Text(at), id)
}

// SetUnanswered notes why a proposal brought no answer.
func (tx *Tx) SetUnanswered(id, why string) error {
	return tx.Exec(`UPDATE proposals SET unanswered = ? WHERE id = ?`, why, id)
}
