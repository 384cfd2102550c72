package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"

	sqlite3 "modernc.org/sqlite/lib"
)

// Fault is why a store cannot be used.
type Fault string

// The faults. Every other error has none.
const (
	Damaged  Fault = "damaged"   // the file is not what SQLite wrote
	ReadOnly Fault = "read-only" // the file, the folder or the disk takes no writes
	NoAccess Fault = "no access" // the file or the folder cannot be opened
	Full     Fault = "full"      // the disk is
	Locked   Fault = "locked"    // by another process
	Failing  Fault = "failing"   // the disk is
	TooNew   Fault = "too new"   // a newer version of the program changed the tables
)

// errDamaged and errTooNew are among the errors of those faults.
var (
	errDamaged = errors.New("the database file is damaged")
	errTooNew  = errors.New("made by a newer version of this program")
)

// FaultOf says why a store cannot be used, "" where an error does not say.
func FaultOf(err error) Fault {
	is := func(all ...error) bool {
		return slices.ContainsFunc(all, func(one error) bool { return errors.Is(err, one) })
	}
	switch resultCode(err) {
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT:
		return Damaged
	case sqlite3.SQLITE_READONLY:
		return ReadOnly
	case sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH:
		return NoAccess
	case sqlite3.SQLITE_FULL:
		return Full
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL:
		return Locked
	case sqlite3.SQLITE_IOERR:
		return Failing
	}
	switch {
	case is(errDamaged):
		return Damaged
	case is(errTooNew):
		return TooNew
	case is(syscall.EROFS):
		return ReadOnly
	case is(syscall.ENOSPC, syscall.EDQUOT):
		return Full
	case is(fs.ErrPermission, syscall.ENOTDIR, syscall.EISDIR):
		return NoAccess
	case is(syscall.EIO):
		return Failing
	}
	return ""
}

// Check looks for damage in the whole database, and writes something that it undoes.
// A PostgreSQL server watches over its own files: there it only writes.
func (db *DB) Check(ctx context.Context) error {
	if s, ok := db.kind.(sqlite); ok && s.dir != "" {
		if err := s.quickCheck(ctx); err != nil {
			return fmt.Errorf("check the store: %w", err)
		}
	}
	return db.Probe(ctx)
}

// quickCheck reads every page of the file, if there is one
// (https://www.sqlite.org/pragma.html#pragma_quick_check). It compares no index with
// its table: what was written is proved by the ledger. It uses a connection of its
// own: to bring the tables of a damaged file up to date may fail in other words, or
// damage more.
func (s sqlite) quickCheck(ctx context.Context) error {
	path, err := s.path()
	if err != nil {
		return err
	}
	switch info, err := os.Stat(path); {
	case err != nil:
		return nil // connect makes the file, or says why it cannot
	case info.Size() == 0: // SQLite would begin anew, as if nothing had ever been kept
		return fmt.Errorf("%w: %s is empty", errDamaged, path)
	}
	pool, err := sql.Open("sqlite", address(path)+"?"+s.settings().Encode())
	if err != nil {
		return err
	}
	defer func() { _ = pool.Close() }()
	const most = 3 // of what is wrong
	rows, err := pool.QueryContext(ctx, fmt.Sprintf(`PRAGMA quick_check(%d)`, most))
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	var found []string
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			return err
		}
		found = append(found, strings.Join(strings.Fields(line), " "))
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if slices.Equal(found, []string{"ok"}) {
		return nil
	}
	return fmt.Errorf("%w: %s", errDamaged, strings.Join(found, "; "))
}
