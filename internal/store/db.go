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

// ErrAway is among the errors of a transaction that failed because the database
// could not be had: its server is away, or others kept it to themselves for too
// long. The same may succeed in a moment.
var ErrAway = errors.New("the store cannot be reached for now")

// DB is what outlives the process. It is safe for concurrent use.
type DB struct {
	where string
	kind  kind

	mu     sync.Mutex
	pool   *sql.DB // nil until it is first needed
	closed bool
}

// Open returns the DB kept at where: in a folder, made when first needed; in a
// PostgreSQL database, postgres://user:password@host:port/database, which must
// be there; or, if where is empty, in memory, where it ends with Close. Open
// itself touches nothing, so that a server which is only asked for its tools
// pays nothing.
func Open(where string) *DB { return &DB{where: where, kind: kindOf(where)} }

// Shared reports whether the DB is one that processes on many machines use at
// once: a PostgreSQL database.
func (db *DB) Shared() bool { return OnServer(db.where) }

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
		pool, err := db.kind.connect(ctx)
		if err != nil {
			return nil, fmt.Errorf("open the store: %w", err)
		}
		db.pool = pool
	}
	return db.pool, nil
}
