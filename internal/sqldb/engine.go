package sqldb

import (
	"cmp"
	"context"
	"database/sql"

	"github.com/jackc/pgx/v5/pgxpool"
)

// SQL is the transaction for the job engine, whose statements are its own: what
// follows from a row is queued together with it. Only internal/jobs calls it.
func (tx *Tx) SQL() *sql.Tx { return tx.sql }

// Pool is the database for the job engine, opened if it is not open yet. Only
// internal/jobs calls it.
func (db *DB) Pool(ctx context.Context) (*sql.DB, error) { return db.ready(ctx) }

// Migrating runs do, which changes tables, while no other process changes any.
// Only internal/jobs calls it, on a DB that is Shared.
func (db *DB) Migrating(ctx context.Context, do func(*sql.DB) error) error {
	pool, err := db.ready(ctx)
	if err != nil {
		return err
	}
	return alone(ctx, pool, func() error { return do(pool) })
}

// Listener is a pool of its own for whoever waits for what the server tells. Only
// internal/jobs calls it, on a DB that is Shared, and closes it.
func (db *DB) Listener(ctx context.Context) (*pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(db.where)
	if err != nil {
		return nil, CheckURL(db.where)
	}
	cfg.MinConns, cfg.MaxConns = 0, 1
	cfg.ConnConfig.ConnectTimeout = cmp.Or(cfg.ConnConfig.ConnectTimeout, db.o.Patience)
	return pgxpool.NewWithConfig(ctx, cfg)
}
