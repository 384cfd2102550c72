package sqldb

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
	Subject     string // the booking that the act changes or cancels, if any; written by AddGrant and empty once erased
	Bookings    int    // how many bookings the act makes; set by the database
	Sends       int    // how often its write was sent
}

// UnknownSubject is the Subject of grants that were stored before it was kept.
const UnknownSubject = "unknown"

func (g *Grant) columns() []any {
	return append([]any{
		&g.ID, &g.ProposalID, &g.Tenant, &g.SlotID, &g.GivenBy, &g.Words, &g.Rung,
		Instant{&g.At},
		Instant{&g.Expires},
		&g.Outcome, &g.BookingID, &g.RequestID, &g.Detail, &g.Subject, &g.Bookings, &g.Sends,
	}, g.Act.columns()...)
}

const grantColumns = `g.id, g.proposal, g.tenant, g.slot, g.given_by, g.words, g.rung, g.at, g.expires,
	g.outcome, g.booking, g.request, g.detail, g.subject, g.bookings`

const grants = `SELECT ` + grantColumns + `, (SELECT COUNT(*) FROM sends s WHERE s.grant_id = g.id), ` + actColumns + `
	FROM grants g JOIN acts a ON a.id = g.act WHERE `

// Grant returns the grant with this id, or nil. The Digest of its act is empty
// if the act was erased.
func (tx *Tx) Grant(id string) (*Grant, error) {
	return One(tx, (*Grant).columns, grants+`g.id = ?`, id)
}

// LiveGrant returns the one grant of an act that is not settled as not done, or nil.
func (tx *Tx) LiveGrant(act string) (*Grant, error) {
	return One(tx, (*Grant).columns, grants+`g.act = ? AND g.outcome <> 'not_done'`, act)
}

// GrantOfProposal returns the grant that the answer to a proposal made or raised, or nil.
func (tx *Tx) GrantOfProposal(proposal string) (*Grant, error) {
	return One(tx, (*Grant).columns, grants+`g.act = (SELECT p.act FROM proposals p WHERE p.id = ?) AND g.proposal = ?`, proposal, proposal)
}

// sent is the condition of the partial indexes on grants that were sent and not
// settled as not done. A query must repeat an index's condition word for word:
// SQLite cannot prove it from the value of a parameter.
const sent = `g.outcome IN ('sent', 'done', 'unknown')`

// SentGrant returns the one grant under a slot id that was sent and not settled
// as not done, or nil.
func (tx *Tx) SentGrant(tenant, slotID string) (*Grant, error) {
	return One(tx, (*Grant).columns, grants+`g.tenant = ? AND g.slot = ? AND g.slot <> '' AND `+sent, tenant, slotID)
}

// SentBookings returns how many bookings a tenant's grants make that were given
// from one instant until before another, were sent, and are not settled as not
// done. Both instants begin a quarter of an hour.
func (tx *Tx) SentBookings(tenant string, from, to time.Time) (int, error) {
	n, err := One(tx, (*number).columns, `SELECT CAST(COALESCE(SUM(n), 0) AS BIGINT) FROM sent_bookings WHERE tenant = ? AND slice >= ? AND slice < ?`,
		tenant, Text(from), Text(to))
	return int(deref(n)), err
}

// UnsentGrants returns the grants that were not sent and expire after now. Those
// of erased acts are not among them.
func (tx *Tx) UnsentGrants(now time.Time) ([]Grant, error) {
	return All(tx, (*Grant).columns, grants+`g.outcome = '' AND g.expires > ? AND a.json IS NOT NULL ORDER BY g.at, g.id`, Text(now))
}

// OverdueGrants returns up to limit grants that were not sent and have expired,
// those that expired last first. Those of erased acts are not among them.
func (tx *Tx) OverdueGrants(now time.Time, limit int) ([]Grant, error) {
	return All(tx, (*Grant).columns, grants+`g.outcome = '' AND g.expires <= ? AND a.json IS NOT NULL ORDER BY g.expires DESC LIMIT ?`, Text(now), limit)
}

// SentOn returns the grants without a slot id for acts on one booking, given
// since an instant, that were sent and not settled as not done, the newest first.
// Those whose booking is not stored are among them.
func (tx *Tx) SentOn(tenant, booking string, since time.Time) ([]Grant, error) {
	return All(tx, (*Grant).columns, grants+`g.tenant = ? AND g.slot = '' AND `+sent+` AND g.subject IN (?, '`+UnknownSubject+`') AND g.at >= ? ORDER BY g.at DESC`,
		tenant, booking, Text(since))
}

// GrantsLeftSent returns up to limit grants of all tenants that stand as sent and
// were given until then, the oldest first.
func (tx *Tx) GrantsLeftSent(until time.Time, limit int) ([]Grant, error) {
	return All(tx, (*Grant).columns, grants+`g.outcome = 'sent' AND g.at <= ? ORDER BY g.at LIMIT ?`, Text(until), limit)
}

// GrantsLeftUnknown returns up to limit grants of all tenants of which it is not
// known what became, given from the one instant until the other, the oldest first.
func (tx *Tx) GrantsLeftUnknown(from, until time.Time, limit int) ([]Grant, error) {
	return All(tx, (*Grant).columns, grants+`g.outcome = 'unknown' AND g.at >= ? AND g.at <= ? ORDER BY g.at LIMIT ?`, Text(from), Text(until), limit)
}

// GrantsOfBooking returns the grants of a tenant that are settled with a booking of
// Vennio's.
func (tx *Tx) GrantsOfBooking(tenant, booking string) ([]Grant, error) {
	return All(tx, (*Grant).columns, grants+`g.tenant = ? AND g.booking = ? AND g.booking <> ''`, tenant, booking)
}

// AddGrant keeps a new grant. One act has at most one that is not settled as
// not done.
func (tx *Tx) AddGrant(g Grant) error {
	return tx.Exec(`INSERT INTO grants (id, act, proposal, tenant, slot, given_by, words, rung, at, expires, outcome, booking, request, detail, subject)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		g.ID, g.Act.ID, g.ProposalID, g.Tenant, g.SlotID, g.GivenBy, g.Words, g.Rung, Text(g.At), Text(g.Expires),
		g.Outcome, g.BookingID, g.RequestID, g.Detail, g.Subject)
}

// SetGrant changes how a grant was given and what became of it. Of the acts
// under one slot id at most one is sent.
func (tx *Tx) SetGrant(g Grant) error {
	return tx.Exec(`UPDATE grants SET proposal = ?, given_by = ?, words = ?, rung = ?, at = ?, expires = ?,
		outcome = ?, booking = ?, request = ?, detail = ? WHERE id = ?`,
		g.ProposalID, g.GivenBy, g.Words, g.Rung, Text(g.At), Text(g.Expires),
		g.Outcome, g.BookingID, g.RequestID, g.Detail, g.ID)
}
