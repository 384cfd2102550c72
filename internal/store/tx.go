package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Tx is one transaction, with every statement there is as a method. It ends
// with the function it was given to.
type Tx struct {
	ctx  context.Context // of the call it was made for; it lives no longer
	sql  *sql.Tx
	kind kind
}

// Write runs do in a transaction that excludes every other writer, in this and
// in other processes, from its start: what do reads is still true when it
// writes. An error of do undoes all of it and is returned as it is. Waiting for
// other writers, or for a database server to come back, ends after 5 seconds, with
// ErrAway; so does a transaction that a server which stops cuts off.
//
// Any other error of a shared DB may hide that the transaction was committed:
// its connection can break in that moment.
func (db *DB) Write(ctx context.Context, do func(*Tx) error) error {
	return db.within(ctx, nil, do)
}

// Read runs do on one unchanging state. It waits for no writer of another
// process.
func (db *DB) Read(ctx context.Context, do func(*Tx) error) error {
	return db.within(ctx, db.kind.reading(), do)
}

func (db *DB) within(ctx context.Context, how *sql.TxOptions, do func(*Tx) error) error {
	err := db.transact(ctx, how, do)
	if err != nil && db.kind.away(err) {
		return fmt.Errorf("%w: %w", ErrAway, err)
	}
	return err
}

func (db *DB) transact(ctx context.Context, how *sql.TxOptions, do func(*Tx) error) error {
	tx, err := db.begin(ctx, how)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // nothing is left to undo after Commit
	if err := do(&Tx{ctx: ctx, sql: tx, kind: db.kind}); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit to the store: %w", err)
	}
	return nil
}

const (
	patience = 5 * time.Second        // for others, and for a server that is away
	pause    = 100 * time.Millisecond // before it is tried again
)

// begin begins a transaction, again and again while that may help: nothing has
// happened yet.
func (db *DB) begin(ctx context.Context, how *sql.TxOptions) (*sql.Tx, error) {
	for began := time.Now(); ; {
		tx, err := db.beginOnce(ctx, how)
		if err == nil || !db.kind.passes(err) || time.Since(began) > patience {
			return tx, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(pause):
		}
	}
}

// beginOnce begins a transaction that writes if how is nil.
func (db *DB) beginOnce(ctx context.Context, how *sql.TxOptions) (*sql.Tx, error) {
	pool, err := db.ready(ctx)
	if err != nil {
		return nil, err
	}
	tx, err := pool.BeginTx(ctx, how)
	if err == nil && how == nil {
		if err = db.kind.exclude(ctx, tx); err != nil {
			_ = tx.Rollback()
		}
	}
	if err != nil {
		return nil, fmt.Errorf("begin in the store: %w", err)
	}
	return tx, nil
}

func (tx *Tx) exec(query string, args ...any) error {
	_, err := tx.changed(query, args...)
	return err
}

// changed returns how many rows a statement changed.
func (tx *Tx) changed(query string, args ...any) (int, error) {
	query, args = tx.kind.adapt(query, args)
	result, err := tx.sql.ExecContext(tx.ctx, query, args...)
	if err != nil {
		return 0, fmt.Errorf("write to the store: %w", err)
	}
	n, err := result.RowsAffected()
	return int(n), err
}

// record is a row that says where its columns go.
type record[T any] interface {
	*T
	columns() []any
}

// one returns the only row that query finds, or nil if there is none.
func one[T any, R record[T]](tx *Tx, query string, args ...any) (*T, error) {
	query, args = tx.kind.adapt(query, args)
	var found T
	err := tx.sql.QueryRowContext(tx.ctx, query, args...).Scan(R(&found).columns()...)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read from the store: %w", err)
	}
	return &found, nil
}

// all returns every row that query finds.
func all[T any, R record[T]](tx *Tx, query string, args ...any) ([]T, error) {
	query, args = tx.kind.adapt(query, args)
	rows, err := tx.sql.QueryContext(tx.ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read from the store: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var found []T
	for rows.Next() {
		var next T
		if err := rows.Scan(R(&next).columns()...); err != nil {
			return nil, fmt.Errorf("read from the store: %w", err)
		}
		found = append(found, next)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read from the store: %w", err)
	}
	return found, nil
}
