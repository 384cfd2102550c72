package store

import "time"

// Grant is a person's yes to an act.
type Grant struct {
	ID          string
	Act         Act
	ProposalID  string // empty if the yes was attested
	Tenant      string
	SlotID      string
	GivenBy     string
	Words       string
	Rung        string
	At, Expires time.Time
	Outcome     string // empty (not sent yet), sent, done, not_done or unknown
	BookingID   string
	RequestID   string
	Detail      string
	Sends       int // how often its write was sent
}

func (g *Grant) columns() []any {
	return append([]any{
		&g.ID, &g.ProposalID, &g.Tenant, &g.SlotID, &g.GivenBy, &g.Words, &g.Rung,
		instant{&g.At},
		instant{&g.Expires},
		&g.Outcome, &g.BookingID, &g.RequestID, &g.Detail, &g.Sends,
	}, g.Act.columns()...)
}

const grants = `SELECT g.id, g.proposal, g.tenant, g.slot, g.given_by, g.words, g.rung, g.at, g.expires,
	g.outcome, g.booking, g.request, g.detail, (SELECT COUNT(*) FROM sends s WHERE s.grant_id = g.id), ` + actColumns + `
	FROM grants g JOIN acts a ON a.id = g.act WHERE `

// Grant returns the grant with this id, or nil. The Digest of its act is empty
// if the act was erased.
func (tx *Tx) Grant(id string) (*Grant, error) {
	return one[Grant](tx, grants+`g.id = ?`, id)
}

// LiveGrant returns the one grant of an act that is not settled as not done, or nil.
func (tx *Tx) LiveGrant(act string) (*Grant, error) {
	return one[Grant](tx, grants+`g.act = ? AND g.outcome <> 'not_done'`, act)
}

// SentGrant returns the one grant under a slot id that was sent and not settled
// as not done, or nil.
func (tx *Tx) SentGrant(tenant, slotID string) (*Grant, error) {
	return one[Grant](tx, grants+`g.tenant = ? AND g.slot = ? AND g.outcome IN ('sent', 'done', 'unknown')`, tenant, slotID)
}

// SentGrants returns the grants of a tenant that were given from the one instant
// until before the other, were sent, and are not settled as not done.
func (tx *Tx) SentGrants(tenant string, from, to time.Time) ([]Grant, error) {
	return all[Grant](tx, grants+`g.tenant = ? AND g.at >= ? AND g.at < ? AND g.outcome IN ('sent', 'done', 'unknown')`, tenant, Text(from), Text(to))
}

// UnsentGrants returns the grants that were not sent and expire after now. Those
// of erased acts are not among them.
func (tx *Tx) UnsentGrants(now time.Time) ([]Grant, error) {
	return all[Grant](tx, grants+`g.outcome = '' AND g.expires > ? AND a.json IS NOT NULL ORDER BY g.at, g.id`, Text(now))
}

// SentWithoutSlot returns the grants without a slot id, given since then, that
// were sent and not settled as not done, the newest first.
func (tx *Tx) SentWithoutSlot(tenant string, since time.Time) ([]Grant, error) {
	return all[Grant](tx, grants+`g.tenant = ? AND g.slot = '' AND g.at >= ? AND g.outcome IN ('sent', 'done', 'unknown') ORDER BY g.at DESC`, tenant, Text(since))
}

// AddGrant keeps a new grant. One act has at most one that is not settled as
// not done.
func (tx *Tx) AddGrant(g Grant) error {
	return tx.exec(`INSERT INTO grants (id, act, proposal, tenant, slot, given_by, words, rung, at, expires, outcome, booking, request, detail)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		g.ID, g.Act.ID, g.ProposalID, g.Tenant, g.SlotID, g.GivenBy, g.Words, g.Rung, Text(g.At), Text(g.Expires),
		g.Outcome, g.BookingID, g.RequestID, g.Detail)
}

// SetGrant changes how a grant was given and what became of it. Of the acts
// under one slot id at most one is sent.
func (tx *Tx) SetGrant(g Grant) error {
	return tx.exec(`UPDATE grants SET proposal = ?, given_by = ?, words = ?, rung = ?, at = ?, expires = ?,
		outcome = ?, booking = ?, request = ?, detail = ? WHERE id = ?`,
		g.ProposalID, g.GivenBy, g.Words, g.Rung, Text(g.At), Text(g.Expires),
		g.Outcome, g.BookingID, g.RequestID, g.Detail, g.ID)
}
