// Package sqldb opens the database in which the program stores what must outlive
// the process: one SQLite file, or a PostgreSQL database.
//
// It provides transactions, migrations and the database's clock, and knows no record.
// The package that owns a record has its type and its statements, as functions on a
// [Tx] with [One] and [All]. A transaction of [DB.Read] reads one snapshot. One of
// [DB.Decide] reads one and then executes its statements, without excluding others while
// it computes. One of [DB.Write] excludes all other transactions of Write, in this and
// in other processes, from its beginning. The schema (migrations) refuses the worst mistakes
// by itself: two live grants for one act, two acts sent under one slot id, a change
// to an entry of the ledger. Triggers maintain the sums of bookings that a daily limit
// counts.
//
// Every statement on the path of a booking uses an index, so that its cost does not
// depend on how many bookings are stored; a test records the statements and reads
// their plans.
//
// The file is shared by all processes of the same user, because each stdio client
// starts its own server. Hence write-ahead logging, immediate write transactions, and
// a busy timeout (https://www.sqlite.org/wal.html,
// https://www.sqlite.org/lang_transaction.html).
//
// Nothing of database/sql leaves the package, except to the job engine
// (internal/webhooks), which has its own tables in the same database. All other statements
// are the same for both databases. A dialect implements the differences: how to
// connect, how a writer excludes others, how a decision is executed, how values are
// numbered.
package sqldb

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// ErrClosed is the error of a DB that is used after Close.
var ErrClosed = errors.New("the store is closed")

// ErrUnavailable is among the errors of a transaction that failed because the database was
// unavailable: its server cannot be reached or does not answer, others kept it locked
// for too long, its disk is full, or it takes no writes. The same transaction may
// succeed later.
var ErrUnavailable = errors.New("the store cannot be used for now")

// DB is the database. It is safe for concurrent use.
type DB struct {
	location string
	dialect  dialect
	o        Options

	opening chan struct{} // holds a token while a goroutine uses the fields below
	pools   pools         // empty until they are first needed
	closed  bool

	beforeClose []func()

	replaced      atomic.Int64              // how often the file was replaced since it was first opened
	readOnlySince atomic.Pointer[time.Time] // since when every write has been refused; nil if none was
	clock         atomic.Pointer[reading]   // of a PostgreSQL database; nil until it is read
	readingClock  atomic.Bool
}

// pools are the connections. On PostgreSQL those of writers are separate, so that
// writers that wait for one another leave connections to readers. On SQLite both are
// the same.
type pools struct {
	read  *sql.DB // of Read and Probe, and of the job engine, which does not wait for writers
	write *sql.DB // of Write and Decide
}

// all returns each pool once, none if they are not open.
func (p pools) all() []*sql.DB {
	return slices.DeleteFunc(slices.Compact([]*sql.DB{p.read, p.write}), func(pool *sql.DB) bool { return pool == nil })
}

func (p pools) close() (err error) {
	for _, pool := range p.all() {
		err = errors.Join(err, pool.Close())
	}
	return err
}

// Options changes how long a DB waits. The zero value takes every default.
type Options struct {
	// Patience bounds how long a DB tries to begin a transaction while the database
	// is unavailable, and to connect; 5 s.
	Patience time.Duration
	// Stall bounds each step of a transaction: to begin, one statement, to commit. A
	// step that takes longer fails with ErrUnavailable; 20 s.
	Stall time.Duration
}

// Open returns the DB at a location: in a folder, created when it is first needed; in
// an existing PostgreSQL database, postgres://user:password@host:port/database; or, if
// the location is empty, in memory until Close. Open itself touches nothing, so that a
// server that only lists its tools does no work for it.
func Open(location string) *DB { return OpenWith(location, Options{}) }

// OpenWith is Open with options.
func OpenWith(location string, o Options) *DB {
	o.Patience = cmp.Or(o.Patience, 5*time.Second)
	o.Stall = cmp.Or(o.Stall, 20*time.Second)
	return &DB{location: location, dialect: dialectOf(location, o), o: o, opening: make(chan struct{}, 1)}
}

// OnServer reports whether a location is the address of a PostgreSQL database rather
// than a folder.
func OnServer(location string) bool {
	return strings.HasPrefix(location, "postgres://") || strings.HasPrefix(location, "postgresql://")
}

// Shared reports whether several replicas can use the DB at the same time, that is,
// whether it is a PostgreSQL database.
func (db *DB) Shared() bool { return OnServer(db.location) }

// Volatile reports whether the DB is in memory, so that it ends with the process.
func (db *DB) Volatile() bool { return db.location == "" }

// Exists reports whether the database was created before; it does not create it. It
// assumes that a PostgreSQL database exists.
func (db *DB) Exists() bool {
	if db.Volatile() || db.Shared() {
		return true
	}
	_, err := os.Stat(filepath.Join(db.location, DatabaseFile))
	return err == nil
}

// BeforeClose makes Close call do first, while the DB can still be used.
func (db *DB) BeforeClose(do func()) {
	db.opening <- struct{}{}
	defer func() { <-db.opening }()
	db.beforeClose = append(db.beforeClose, do)
}

// Close closes the DB. Closing one that was never used, or closing twice, does
// nothing.
func (db *DB) Close() error {
	db.opening <- struct{}{}
	last := db.beforeClose
	db.beforeClose = nil
	<-db.opening
	for _, do := range last {
		do()
	}
	db.opening <- struct{}{}
	defer func() { <-db.opening }()
	db.closed = true
	open := db.pools
	db.pools = pools{}
	if err := open.close(); err != nil {
		return fmt.Errorf("close the store: %w", err)
	}
	return nil
}

// connected returns the connections. It opens the DB if necessary, and again if its
// file was replaced; a failure is not remembered, so the next call tries again. While
// another goroutine opens the DB, a call waits only as long as its context allows.
func (db *DB) connected(ctx context.Context) (pools, error) {
	select {
	case db.opening <- struct{}{}:
	case <-ctx.Done():
		return pools{}, fmt.Errorf("open the store: %w", ctx.Err())
	}
	defer func() { <-db.opening }()
	if db.closed {
		return pools{}, ErrClosed
	}
	var err error
	if db.pools.read == nil {
		db.pools, err = db.dialect.connect(ctx)
	} else if s, ok := db.dialect.(sqlite); ok {
		var replaced bool
		if replaced, err = s.follow(ctx, db.pools.read); replaced {
			db.replaced.Add(1)
		}
	}
	if err != nil {
		return pools{}, fmt.Errorf("open the store: %w", err)
	}
	return db.pools, nil
}

// Pool returns the connections for the job engine, whose statements are its own: those
// of readers, because the job engine does not wait for writers. Only internal/webhooks
// calls it.
func (db *DB) Pool(ctx context.Context) (*sql.DB, error) {
	pools, err := db.connected(ctx)
	return pools.read, err
}

// Replaced returns how often the file of an SQLite database was replaced since the DB first
// opened it. The new file lacks the tables of the job engine.
func (db *DB) Replaced() int64 { return db.replaced.Load() }

// Migrating runs do, which changes tables, while no other process changes any. Only
// internal/webhooks calls it, on a DB that is Shared.
func (db *DB) Migrating(ctx context.Context, do func(*sql.DB) error) error {
	pools, err := db.connected(ctx)
	if err != nil {
		return err
	}
	return withMigrationLock(ctx, pools.read, func() error { return do(pools.read) })
}

// Listener returns a separate pool of one connection for LISTEN. Only internal/webhooks
// calls it, on a DB that is Shared, and closes it.
func (db *DB) Listener(ctx context.Context) (*pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(db.location)
	if err != nil {
		return nil, CheckURL(db.location)
	}
	cfg.MinConns, cfg.MaxConns = 0, 1
	cfg.ConnConfig.ConnectTimeout = cmp.Or(cfg.ConnConfig.ConnectTimeout, db.o.Patience)
	return pgxpool.NewWithConfig(ctx, cfg)
}

// Scrub removes deleted data from the database's files. It may be repeated, and must
// be if it fails, as it does while other processes read for long. Archives and copies
// that a database server has made are the operator's responsibility.
func (db *DB) Scrub(ctx context.Context) error {
	pools, err := db.connected(ctx)
	if err != nil {
		return err
	}
	return db.dialect.scrub(ctx, pools.read)
}

// dialect implements what differs between SQLite and PostgreSQL.
type dialect interface {
	// connect opens the database and migrates its tables.
	connect(ctx context.Context) (pools, error)
	// lockWriters makes tx the only writing transaction until it ends, and returns the
	// time at which it became that.
	lockWriters(ctx context.Context, tx *sql.Tx) (time.Time, error)
	// beginDecision begins the transaction of Decide on a connection of pool, and returns
	// the time by the database's clock when its snapshot was taken.
	beginDecision(ctx context.Context, pool *sql.DB) (decision, time.Time, error)
	// selectCondition returns a statement that checks a condition.
	selectCondition(condition string) string
	// exclusion returns a statement that locks its value until the transaction ends; empty
	// if a decision already excludes other writers.
	exclusion() string
	// now is the time by the database's clock.
	now(ctx context.Context, tx *sql.Tx) (time.Time, error)
	// readOptions are those of a transaction that sees one snapshot.
	readOptions() *sql.TxOptions
	// rewrite turns a statement with ? for each value into one of the database's own.
	rewrite(statement string, args []any) (string, []any)
	// isTransient reports whether a transaction that could not begin may be able to
	// begin in a moment.
	isTransient(err error) bool
	// isUnavailable reports whether an error says that the database cannot be used for
	// now, whatever was asked of it.
	isUnavailable(err error) bool
	// needsReconnect reports whether an error may concern only the connection: a new one
	// may be able to write.
	needsReconnect(err error) bool
	// probe writes to the database and rolls back. It does not wait for other writers
	// if the database can write without excluding them.
	probe(ctx context.Context, pool *sql.DB) error
	// scrub removes deleted data from the database's files.
	scrub(ctx context.Context, pool *sql.DB) error
}

func dialectOf(location string, o Options) dialect {
	if OnServer(location) {
		return postgres{location, o.Patience}
	}
	return sqlite{location, o.Patience, new(fs.FileInfo)}
}
