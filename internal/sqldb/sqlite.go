package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/pressly/goose/v3"
	sqlitedriver "modernc.org/sqlite" // and the driver "sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

const databaseFile = "vennio-mcp.db"

// sqlite is a database in one file, or in memory.
type sqlite struct {
	dir      string
	patience time.Duration // for a lock that another process holds
}

// connect makes the database if there is none.
func (s sqlite) connect(ctx context.Context) (*sql.DB, error) {
	if s.dir == "" {
		return s.attach(ctx, ":memory:")
	}
	path, err := s.path()
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(path); err != nil {
		if err := s.create(ctx, filepath.Dir(path), path); err != nil {
			return nil, err
		}
	}
	return s.attach(ctx, address(path))
}

// path is that of the file, where nobody else may write to it or its folder.
func (s sqlite) path() (string, error) {
	dir, err := filepath.Abs(s.dir)
	if err != nil {
		return "", err
	}
	return kept(dir, databaseFile)
}

// attach opens a database and brings its tables up to date.
//
// One connection serves the whole process: writes follow one another anyway,
// callers wait for it in order and as long as their context allows, and a
// database in memory exists once.
func (s sqlite) attach(ctx context.Context, name string) (*sql.DB, error) {
	pool, err := sql.Open("sqlite", name+"?"+s.settings().Encode())
	if err != nil {
		return nil, err
	}
	pool.SetMaxOpenConns(1)
	if err := migrate(ctx, goose.DialectSQLite3, pool); err != nil {
		return nil, errors.Join(err, pool.Close())
	}
	return pool, nil
}

// settings are those of every connection. synchronous FULL: that a write was
// sent must be known even after a power cut, or its repetition would go out
// under a new key. secure_delete and temp_store: what was erased, or sorted,
// lies around nowhere (https://www.sqlite.org/pragma.html).
func (s sqlite) settings() url.Values {
	return url.Values{
		"_busy_timeout": {strconv.FormatInt(s.patience.Milliseconds(), 10)},
		"_journal_mode": {"WAL"},
		"_synchronous":  {"FULL"},
		"_foreign_keys": {"1"},
		"_txlock":       {"immediate"},
		"_defensive":    {"1"}, // no statement may damage the file on purpose
		"_dqs":          {"0"}, // "x" is a name, never a text
		"_error_rc":     {"1"}, // says "cannot open", not "out of memory"
		"_pragma":       {"secure_delete(1)", "temp_store(2)"},
	}
}

// exclude: transactions are immediate, unless they only read.
func (s sqlite) exclude(ctx context.Context, tx *sql.Tx) (time.Time, error) { return s.now(ctx, tx) }

// now: all processes of a file are on one machine.
func (sqlite) now(context.Context, *sql.Tx) (time.Time, error) { return time.Now(), nil }

func (sqlite) reading() *sql.TxOptions { return &sql.TxOptions{ReadOnly: true} }

func (sqlite) adapt(statement string, args []any) (string, []any) { return statement, args }

// passes: SQLite has waited itself.
func (sqlite) passes(error) bool { return false }

// away: another process kept the lock, the disk is full, the file cannot be
// written, read or opened, or memory or file descriptors are used up. A damaged
// file is not among them: waiting does not repair it.
func (sqlite) away(err error) bool {
	return slices.Contains([]int{
		sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL,
		sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PROTOCOL,
	}, resultCode(err)) || slices.ContainsFunc(
		[]error{syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS, syscall.EIO, syscall.EMFILE, syscall.ENFILE}, func(e error) bool { return errors.Is(err, e) })
}

// stale: SQLite opens a file that it may not write for reading alone, and keeps it
// so. A database in memory ends with its connection.
func (s sqlite) stale(err error) bool {
	return s.dir != "" && resultCode(err) == sqlite3.SQLITE_READONLY
}

// probe writes 64 KiB, more than a booking needs, with a cache too small for that:
// SQLite would else keep them in memory until the commit, and not find that the
// disk is full.
func (sqlite) probe(ctx context.Context, pool *sql.DB) error {
	conn, err := pool.Conn(ctx)
	if err != nil {
		return fmt.Errorf("probe the store: %w", err)
	}
	defer func() { _ = conn.Close() }()
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("probe the store: %w", err)
	}
	defer func() {
		_ = tx.Rollback()
		_, _ = conn.ExecContext(context.WithoutCancel(ctx), `PRAGMA cache_size = -2000`) // SQLite's default
	}()
	for _, statement := range []string{`PRAGMA cache_size = 4`, `INSERT INTO probe (filler) VALUES (zeroblob(65536))`} {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("probe the store: %w", err)
		}
	}
	return nil
}

// scrub rewrites the file and empties the write-ahead log. It fails while
// another process reads for more than 5 seconds.
//
// secure_delete alone is not enough: it wipes what is deleted, but not every copy
// left behind where a page was split or merged before. In random trials one in
// seven kept an address; none did once rewritten.
func (sqlite) scrub(ctx context.Context, pool *sql.DB) error {
	if _, err := pool.ExecContext(ctx, `VACUUM`); err != nil {
		return fmt.Errorf("rewrite the store: %w", err)
	}
	return emptyLog(ctx, pool)
}

// emptyLog writes all that is in the write-ahead log to the database.
func emptyLog(ctx context.Context, pool *sql.DB) error {
	var busy, frames, moved int
	err := pool.QueryRowContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`).Scan(&busy, &frames, &moved)
	switch {
	case err != nil:
		return fmt.Errorf("empty the store's log: %w", err)
	case busy != 0:
		return errors.New("empty the store's log: another process is reading; try again")
	}
	return nil
}

// resultCode is the primary result code of an error of SQLite's, else 0
// (https://www.sqlite.org/rescode.html).
func resultCode(err error) int {
	refused, ok := errors.AsType[*sqlitedriver.Error](err)
	if !ok {
		return 0
	}
	return refused.Code() & 0xff
}

func isBusy(err error) bool { return resultCode(err) == sqlite3.SQLITE_BUSY }
