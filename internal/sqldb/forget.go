package sqldb

import "context"

// number is a single number, such as that of an entry.
type number int64

func (n *number) columns() []any { return []any{(*int64)(n)} }

// Forget erases an act and all that was said about it, and returns the numbers
// of the entries whose details are gone. What stays names nobody: that there
// was an act, under which slot id, and what became of it, so that it is not
// carried out a second time. An open proposal of it can no longer be
// answered, a grant not sent yet no longer be sent.
func (tx *Tx) Forget(act string) ([]int64, error) {
	gone, err := All(tx, (*number).columns, `SELECT seq FROM details WHERE act = ? ORDER BY seq`, act)
	if err != nil {
		return nil, err
	}
	for _, statement := range []string{
		`DELETE FROM details WHERE act = ?`,
		`UPDATE acts SET digest = NULL, salt = NULL, json = NULL WHERE id = ?`,
		`UPDATE proposals SET unanswered = '', starts = '', subject = '', state = CASE state WHEN 'open' THEN 'expired' ELSE state END WHERE act = ?`,
		`UPDATE grants SET given_by = '', words = '', booking = '', request = '', detail = '', subject = '',
			outcome = CASE outcome WHEN '' THEN 'not_done' ELSE outcome END WHERE act = ?`,
	} {
		if err := tx.Exec(statement, act); err != nil {
			return nil, err
		}
	}
	numbers := make([]int64, len(gone))
	for i, s := range gone {
		numbers[i] = int64(s)
	}
	return numbers, nil
}

// Scrub makes sure that what was deleted cannot be read from the database's
// files. It may be repeated, and must be if it fails, as it does while others
// read for long. What a server of databases has archived or copied elsewhere is
// its operator's matter.
func (db *DB) Scrub(ctx context.Context) error {
	pool, err := db.ready(ctx)
	if err != nil {
		return err
	}
	return db.kind.scrub(ctx, pool)
}
