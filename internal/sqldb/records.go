package sqldb

// Attempt is one attempt to carry out a grant.
type Attempt struct {
	GrantID string
	Send
}

func (a *Attempt) columns() []any { return append([]any{&a.GrantID}, a.Send.columns()...) }

// Acts returns up to limit acts whose ids follow an id, in the order of their
// ids, erased ones too.
func (tx *Tx) Acts(after string, limit int) ([]Act, error) {
	return All(tx, (*Act).columns, `SELECT `+actColumns+` FROM acts a WHERE a.id > ? ORDER BY a.id LIMIT ?`, after, limit)
}

// Range is the acts from one id to another, both included.
type Range struct{ First, Last string }

// of is the condition that a column holds the id of an act of the range. For a
// single act it is an equation, of which a database knows better what it costs.
func (r Range) of(column string) (condition string, args []any) {
	if r.First == r.Last {
		return column + ` = ?`, []any{r.First}
	}
	return column + ` >= ? AND ` + column + ` <= ?`, []any{r.First, r.Last}
}

// EntriesAbout returns the entries about the acts of a range whose details are
// stored, the oldest first.
func (tx *Tx) EntriesAbout(r Range) ([]Entry, error) {
	condition, args := r.of(`d.act`)
	return All(tx, (*Entry).columns, `SELECT e.seq, e.at, e.kind, e.digest, e.commitment, e.prev, e.hash, d.act, d.salt, d.json
		FROM details d JOIN entries e ON e.seq = d.seq WHERE `+condition+` ORDER BY d.seq + 0`, args...)
}

// ProposalsAbout returns the proposals of the acts of a range, erased ones too. Of
// their acts they have the ids alone.
func (tx *Tx) ProposalsAbout(r Range) ([]Proposal, error) {
	condition, args := r.of(`p.act`)
	return All(tx, (*Proposal).columns, `SELECT `+proposalColumns+`, p.act, '', '', ''
		FROM proposals p WHERE `+condition, args...)
}

// GrantsAbout returns the grants of the acts of a range, erased ones too. Of their
// acts they have the ids alone, and Sends is not set.
func (tx *Tx) GrantsAbout(r Range) ([]Grant, error) {
	condition, args := r.of(`g.act`)
	return All(tx, (*Grant).columns, `SELECT `+grantColumns+`, 0, g.act, '', '', '' FROM grants g WHERE `+condition, args...)
}

// AttemptsAbout returns the attempts under the grants of the acts of a range, in
// the order of their numbers.
func (tx *Tx) AttemptsAbout(r Range) ([]Attempt, error) {
	condition, args := r.of(`g.act`)
	return All(tx, (*Attempt).columns, `SELECT s.grant_id, s.n, s.outcome FROM grants g JOIN sends s ON s.grant_id = g.id WHERE `+condition+` ORDER BY s.n + 0`, args...)
}

// Totals counts rows.
type Totals struct{ Entries, Proposals, Grants, Attempts int }

func (t *Totals) columns() []any { return []any{&t.Entries, &t.Proposals, &t.Grants, &t.Attempts} }

// Totals counts the entries about acts whose details are stored, and all
// proposals, grants and attempts.
func (tx *Tx) Totals() (Totals, error) {
	t, err := One(tx, (*Totals).columns, `SELECT (SELECT COUNT(*) FROM details WHERE act <> ''), (SELECT COUNT(*) FROM proposals),
		(SELECT COUNT(*) FROM grants), (SELECT COUNT(*) FROM sends)`)
	return deref(t), err
}

// SumsHold reports whether the sums of sent bookings are those of the grants.
func (tx *Tx) SumsHold() (bool, error) {
	wrong, err := One(tx, (*number).columns, `SELECT COUNT(*) FROM sent_bookings s FULL JOIN
		(SELECT g.tenant, g.slice, SUM(g.bookings) AS n FROM grants g WHERE g.bookings > 0 AND `+sent+` GROUP BY g.tenant, g.slice) AS found
		ON found.tenant = s.tenant AND found.slice = s.slice WHERE COALESCE(s.n, 0) <> COALESCE(found.n, 0)`)
	return deref(wrong) == 0, err
}
