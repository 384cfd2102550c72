package store

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"os"
	"path/filepath"

	"modernc.org/sqlite" // and the driver "sqlite"
)

const databaseFile = "vennio-mcp.db"

// connect opens the database in dir, made if there is none, and brings its
// tables up to date.
func connect(ctx context.Context, dir string) (*sql.DB, error) {
	if dir == "" {
		return attach(ctx, ":memory:")
	}
	dir, err := filepath.Abs(dir)
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
	if err := migrate(ctx, pool); err != nil {
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

// sqliteBusy is SQLITE_BUSY: somebody else holds the lock
// (https://www.sqlite.org/rescode.html).
const sqliteBusy = 5

func isBusy(err error) bool {
	refused, ok := errors.AsType[*sqlite.Error](err)
	return ok && refused.Code()&0xff == sqliteBusy
}
