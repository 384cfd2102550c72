package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
)

// ErrClosed is the error of a DB that is used after Close.
var ErrClosed = errors.New("the store is closed")

// DB is what outlives the process. It is safe for concurrent use.
type DB struct {
	dir string

	mu     sync.Mutex
	pool   *sql.DB // nil until it is first needed
	closed bool
}

// Open returns the DB kept in the folder dir, made with its folder when first
// needed; an empty dir stands for one that lives in memory and ends with Close.
// Open itself touches nothing, so that a server which is only asked for its
// tools pays nothing.
func Open(dir string) *DB { return &DB{dir: dir} }

// Close ends the DB. Closing one that was never used, or closing twice, does
// nothing.
func (db *DB) Close() error {
	db.mu.Lock()
	defer db.mu.Unlock()
	db.closed = true
	if db.pool == nil {
		return nil
	}
	pool := db.pool
	db.pool = nil
	if err := pool.Close(); err != nil {
		return fmt.Errorf("close the store: %w", err)
	}
	return nil
}

// ready opens the DB if it is not open yet. A failure is not kept: the next
// call tries again.
func (db *DB) ready(ctx context.Context) (*sql.DB, error) {
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.closed {
		return nil, ErrClosed
	}
	if db.pool == nil {
		pool, err := connect(ctx, db.dir)
		if err != nil {
			return nil, fmt.Errorf("open the store: %w", err)
		}
		db.pool = pool
	}
	return db.pool, nil
}
