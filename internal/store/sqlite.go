package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"github.com/pressly/goose/v3"
	sqlitedriver "modernc.org/sqlite" // and the driver "sqlite"
)

const databaseFile = "vennio-mcp.db"

// sqlite is a database in one file, or in memory.
type sqlite struct{ dir string }

// connect makes the database if there is none.
func (s sqlite) connect(ctx context.Context) (*sql.DB, error) {
	if s.dir == "" {
		return attach(ctx, ":memory:")
	}
	dir, err := filepath.Abs(s.dir)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, databaseFile)
	if _, err := os.Stat(path); err != nil {
		if err := create(ctx, dir, path); err != nil {
			return nil, err
		}
	}
	return attach(ctx, address(path))
}

// attach opens a database and brings its tables up to date.
//
// One connection serves the whole process: writes follow one another anyway,
// callers wait for it in order and as long as their context allows, and a
// database in memory exists once.
func attach(ctx context.Context, name string) (*sql.DB, error) {
	pool, err := sql.Open("sqlite", name+"?"+settings().Encode())
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
func settings() url.Values {
	return url.Values{
		"_busy_timeout": {"5000"}, // milliseconds
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
func (sqlite) exclude(context.Context, *sql.Tx) error { return nil }

func (sqlite) reading() *sql.TxOptions { return &sql.TxOptions{ReadOnly: true} }

func (sqlite) adapt(statement string, args []any) (string, []any) { return statement, args }

// passes: SQLite has waited itself.
func (sqlite) passes(error) bool { return false }

// away: another process kept the lock.
func (sqlite) away(err error) bool { return isBusy(err) }

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

// sqliteBusy is SQLITE_BUSY: somebody else holds the lock
// (https://www.sqlite.org/rescode.html).
const sqliteBusy = 5

func isBusy(err error) bool {
	refused, ok := errors.AsType[*sqlitedriver.Error](err)
	return ok && refused.Code()&0xff == sqliteBusy
}
