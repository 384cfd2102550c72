package store

import (
	"context"
	"database/sql"
)

// SQL is the transaction for the job engine, whose statements are its own: what
// follows from a row is queued together with it. Only internal/jobs calls it.
func (tx *Tx) SQL() *sql.Tx { return tx.sql }

// Pool is the database for the job engine, opened if it is not open yet. Only
// internal/jobs calls it.
func (db *DB) Pool(ctx context.Context) (*sql.DB, error) { return db.ready(ctx) }
