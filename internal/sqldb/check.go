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

// Fault is the reason why a database cannot be used.
type Fault string

// The faults. FaultOf returns "" for every other error.
const (
	Damaged  Fault = "damaged"   // the file is not what SQLite wrote
	ReadOnly Fault = "read-only" // the file, the folder or the disk takes no writes
	NoAccess Fault = "no access" // the file or the folder cannot be opened
	Full     Fault = "full"      // the disk is full
	Locked   Fault = "locked"    // by another process
	Failing  Fault = "failing"   // the disk reports errors
	TooNew   Fault = "too new"   // a newer version of the program changed the tables
)

// errDamaged and errTooNew are among the errors of those faults.
var (
	errDamaged = errors.New("the database file is damaged")
	errTooNew  = errors.New("made by a newer version of this program")
)

// FaultOf returns the fault that an error reports, or "".
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

// Check looks for damage in the whole SQLite file, and writes something that it rolls
// back. A PostgreSQL server checks its own files: there it only writes.
func (db *DB) Check(ctx context.Context) error {
	if s, ok := db.dialect.(sqlite); ok && s.dir != "" {
		if err := s.quickCheck(ctx); err != nil {
			return fmt.Errorf("check the store: %w", err)
		}
	}
	return db.Probe(ctx)
}

// quickCheck reads every page of the file, if there is one
// (https://www.sqlite.org/pragma.html#pragma_quick_check). It does not compare indexes
// with their tables; ledger verify checks the content. It opens a separate connection
// without migrating, because migrating a damaged file may fail with another error, or
// damage more.
func (s sqlite) quickCheck(ctx context.Context) error {
	path, err := s.path()
	if err != nil {
		return err
	}
	switch info, err := os.Stat(path); {
	case err != nil:
		return nil // connect creates the file, or says why it cannot
	case info.Size() == 0: // SQLite would treat it as a new database
		return fmt.Errorf("%w: %s is empty", errDamaged, path)
	}
	pool, err := sql.Open("sqlite", fileURI(path)+"?"+s.settings().Encode())
	if err != nil {
		return err
	}
	defer func() { _ = pool.Close() }()
	const maxFindings = 3
	rows, err := pool.QueryContext(ctx, fmt.Sprintf(`PRAGMA quick_check(%d)`, maxFindings))
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
