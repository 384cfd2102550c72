package store

import (
	"context"
	"errors"
	"fmt"
)

// seq is the number of an entry.
type seq int64

func (s *seq) columns() []any { return []any{(*int64)(s)} }

// Forget erases an act and all that was said about it, and returns the numbers
// of the entries whose details are gone. What stays names nobody: that there
// was an act, under which slot id, and what became of it, so that it is not
// carried out a second time. An open proposal of it can no longer be
// answered, a grant not sent yet no longer be sent.
func (tx *Tx) Forget(act string) ([]int64, error) {
	gone, err := all[seq](tx, `SELECT seq FROM details WHERE act = ? ORDER BY seq`, act)
	if err != nil {
		return nil, err
	}
	for _, statement := range []string{
		`DELETE FROM details WHERE act = ?`,
		`UPDATE acts SET digest = NULL, salt = NULL, json = NULL WHERE id = ?`,
		`UPDATE proposals SET unanswered = '', state = CASE state WHEN 'open' THEN 'expired' ELSE state END WHERE act = ?`,
		`UPDATE grants SET given_by = '', words = '', booking = '', request = '', detail = '',
			outcome = CASE outcome WHEN '' THEN 'not_done' ELSE outcome END WHERE act = ?`,
	} {
		if err := tx.exec(statement, act); err != nil {
			return nil, err
		}
	}
	numbers := make([]int64, len(gone))
	for i, s := range gone {
		numbers[i] = int64(s)
	}
	return numbers, nil
}

// Scrub rewrites the file and empties the write-ahead log, so that what was
// deleted cannot be read from either. It may be repeated. It fails while another
// process reads for more than 5 seconds.
//
// secure_delete alone is not enough: it wipes what is deleted, but not every copy
// left behind where a page was split or merged before. In random trials one in
// seven kept an address; none did once rewritten.
func (db *DB) Scrub(ctx context.Context) error {
	pool, err := db.ready(ctx)
	if err != nil {
		return err
	}
	if _, err := pool.ExecContext(ctx, `VACUUM`); err != nil {
		return fmt.Errorf("rewrite the store: %w", err)
	}
	var busy, frames, moved int
	err = pool.QueryRowContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`).Scan(&busy, &frames, &moved)
	switch {
	case err != nil:
		return fmt.Errorf("empty the store's log: %w", err)
	case busy != 0:
		return errors.New("empty the store's log: another process is reading; try again")
	}
	return nil
}
