package sqldb

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"
)

// ErrClosed is the error of a DB that is used after Close.
var ErrClosed = errors.New("the store is closed")

// ErrAway is among the errors of a transaction that failed because the database
// could not be used for now: its server is away or does not answer, others kept
// it locked for too long, its disk is full, or it takes no writes. The same may
// succeed later.
var ErrAway = errors.New("the store cannot be used for now")

// DB is what outlives the process. It is safe for concurrent use.
type DB struct {
	where string
	kind  kind
	o     Options

	opening chan struct{} // holds one token while the fields below are used
	pool    *sql.DB       // nil until it is first needed
	closed  bool

	refused atomic.Pointer[time.Time] // since when every write is refused; nil: none was
	clock   atomic.Pointer[reading]   // of a database on a server; nil: not read yet
	reading atomic.Bool               // its clock is being read
}

// Options changes how a DB waits. The zero value takes every default.
type Options struct {
	// Patience bounds how long the start of a transaction is tried again while the
	// database is away, and how long a connection may take; 5 s.
	Patience time.Duration
	// Stall bounds how long one step of a transaction may take: to begin, one
	// statement, to commit. A step that takes longer fails with ErrAway; 20 s.
	Stall time.Duration
}

// Open returns the DB kept at where: in a folder, made when first needed; in a
// PostgreSQL database, postgres://user:password@host:port/database, which must
// be there; or, if where is empty, in memory, where it ends with Close. Open
// itself touches nothing, so that a server which is only asked for its tools
// pays nothing.
func Open(where string) *DB { return OpenWith(where, Options{}) }

// OpenWith is Open with options.
func OpenWith(where string, o Options) *DB {
	o.Patience = cmp.Or(o.Patience, 5*time.Second)
	o.Stall = cmp.Or(o.Stall, 20*time.Second)
	return &DB{where: where, kind: kindOf(where, o), o: o, opening: make(chan struct{}, 1)}
}

// Shared reports whether the DB is one that processes on many machines use at
// once: a PostgreSQL database.
func (db *DB) Shared() bool { return OnServer(db.where) }

// Volatile reports whether the DB ends with the process: it is kept in memory.
func (db *DB) Volatile() bool { return db.where == "" }

// Exists reports whether the DB was made before, without making it: a folder may
// have none yet. A database on a server is taken to exist.
func (db *DB) Exists() bool {
	if db.where == "" || db.Shared() {
		return true
	}
	_, err := os.Stat(filepath.Join(db.where, databaseFile))
	return err == nil
}

// Close ends the DB. Closing one that was never used, or closing twice, does
// nothing.
func (db *DB) Close() error {
	db.opening <- struct{}{}
	defer func() { <-db.opening }()
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
// call tries again. A caller waits for another one that opens it only as long as
// its own context allows.
func (db *DB) ready(ctx context.Context) (*sql.DB, error) {
	select {
	case db.opening <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("open the store: %w", ctx.Err())
	}
	defer func() { <-db.opening }()
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
