package sqldb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/pressly/goose/v3"
	sqlitedriver "modernc.org/sqlite" // and the driver "sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/vennio-mcp/vennio-mcp/internal/files"
)

// DatabaseFile is the name of the file in its folder. SQLite adds files whose names begin with it.
const DatabaseFile = "vennio-mcp.db"

// ErrNoFolder is the error of operations that need the state folder where the settings name none.
var ErrNoFolder = errors.New("there is no state folder: set VENNIO_STATE_DIR, or HOME to an absolute path")

// sqlite is a database in one file, or in memory.
type sqlite struct {
	dir      string        // empty for a database in memory
	patience time.Duration // for a lock that another process holds
	opened   *fs.FileInfo  // the file of the open connection; nil if none was opened. DB.opening guards it
}

// connect opens the database and creates it if necessary.
func (s sqlite) connect(ctx context.Context) (pools, error) {
	if s.dir == "" {
		pool, err := s.open(ctx, ":memory:")
		return pools{pool, pool}, err
	}
	path, file, err := s.find(ctx)
	if err != nil {
		return pools{}, err
	}
	pool, err := s.open(ctx, fileURI(path))
	if err == nil {
		*s.opened = file
	}
	return pools{pool, pool}, err
}

// find returns the file of the database and creates it if necessary.
func (s sqlite) find(ctx context.Context) (path string, file fs.FileInfo, err error) {
	if path, err = s.path(); err != nil {
		return "", nil, err
	}
	if file, err = os.Stat(path); err != nil {
		if err = s.create(ctx, filepath.Dir(path), path); err == nil {
			file, err = os.Stat(path)
		}
	}
	return path, file, err
}

// follow opens the database again if its file was deleted or replaced since it was opened, for example by
// vennio-mcp sandbox reset. Otherwise this process would write to a file that no other process can find. It
// waits for the transaction in progress, and keeps the pool, which the job engine has too. It reports whether
// it opened another file.
func (s sqlite) follow(ctx context.Context, pool *sql.DB) (replaced bool, err error) {
	if s.dir == "" {
		return false, nil
	}
	file, err := os.Stat(filepath.Join(s.dir, DatabaseFile))
	if err == nil && os.SameFile(file, *s.opened) || errors.Is(err, fs.ErrPermission) { // the open file can still be used
		return false, nil
	}
	conn, err := pool.Conn(ctx)
	if err != nil {
		return false, err
	}
	_ = conn.Raw(func(any) error { return driver.ErrBadConn }) // closes the connection
	*s.opened = nil                                            // until the other file is open
	_, file, err = s.find(ctx)
	if err != nil {
		return false, err
	}
	if err := migrate(ctx, goose.DialectSQLite3, pool); err != nil {
		return false, err
	}
	*s.opened = file
	return true, nil
}

// path returns the path of the file. It refuses a file or folder to which others can
// write.
func (s sqlite) path() (string, error) {
	dir, err := filepath.Abs(s.dir)
	if err != nil {
		return "", err
	}
	return files.PrivatePath(dir, DatabaseFile)
}

// create creates the folder and the file, both for their owner only; SQLite gives the
// write-ahead log the same mode as the file.
//
// The file gets its tables under a temporary name and is then linked to its own, so
// that nobody finds it half made, and the first process to create it wins. Creating
// the file under its own name and closing it would also release the locks that another
// connection of this process holds on it
// (https://www.sqlite.org/howtocorrupt.html, 2.2).
func (s sqlite) create(ctx context.Context, dir, path string) error {
	if err := files.MakePrivate(dir); err != nil {
		return fmt.Errorf("make the state folder: %w", err)
	}
	temp, err := os.CreateTemp(dir, DatabaseFile+".*") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		for _, suffix := range []string{"", "-wal", "-shm"} {
			_ = os.Remove(temp.Name() + suffix)
		}
	}()
	pool, err := s.openWith(ctx, fileURI(temp.Name()), "OFF") // nobody uses the file yet: it is synchronized once, below
	if err != nil {
		return errors.Join(err, temp.Close())
	}
	if err := errors.Join(emptyLog(ctx, pool), pool.Close(), temp.Sync(), temp.Close()); err != nil { // the log is not linked
		return err
	}
	if err := os.Link(temp.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// Empty deletes all rows of an SQLite database in one transaction, so that the database is like a new one.
// Other processes may use it meanwhile. Everything that was in it is lost, the ledger included: only the
// database of the sandbox may be emptied.
func (db *DB) Empty(ctx context.Context) error {
	if db.Shared() {
		return errors.New("a database on a server is never emptied")
	}
	err := db.Write(ctx, func(tx *Tx) error {
		type object struct{ name, sql string }
		columns := func(o *object) []any { return []any{&o.name, &o.sql} }
		triggers, err := All(tx, columns, `SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'`)
		if err != nil {
			return err
		}
		tables, err := All(tx, Column[string], `SELECT name FROM sqlite_schema WHERE type = 'table'
			AND name NOT LIKE 'sqlite\_%' ESCAPE '\' AND name NOT IN ('goose_db_version', 'river_migration')`)
		if err != nil {
			return err
		}
		statements := []string{`PRAGMA defer_foreign_keys = ON`}
		for _, t := range triggers { // they refuse changes to the ledger
			statements = append(statements, `DROP TRIGGER "`+t.name+`"`)
		}
		for _, name := range tables {
			statements = append(statements, `DELETE FROM "`+name+`"`)
		}
		statements = append(statements, `INSERT INTO head (id, seq, hash) VALUES (1, 0, '`+strings.Repeat("0", 64)+`')`) // as in the first migration
		for _, t := range triggers {
			statements = append(statements, t.sql)
		}
		for _, statement := range statements {
			if err := tx.Exec(statement); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return db.Scrub(ctx)
}

// fileURI returns an absolute path, with any characters, in the form that SQLite takes
// (https://www.sqlite.org/uri.html).
func fileURI(path string) string {
	path = filepath.ToSlash(path)
	if path[0] != '/' { // C:/…
		path = "/" + path
	}
	return (&url.URL{Scheme: "file", Path: path}).String()
}

// open opens a database and migrates it.
//
// The whole process uses one connection: writes are sequential anyway, callers wait
// for the connection in order and as long as their context allows, and a database in
// memory belongs to its connection.
func (s sqlite) open(ctx context.Context, name string) (*sql.DB, error) {
	return s.openWith(ctx, name, "FULL")
}

func (s sqlite) openWith(ctx context.Context, name, synchronous string) (*sql.DB, error) {
	settings := s.settings()
	settings.Set("_synchronous", synchronous)
	pool, err := sql.Open("sqlite", name+"?"+settings.Encode())
	if err != nil {
		return nil, err
	}
	pool.SetMaxOpenConns(1)
	if err := migrate(ctx, goose.DialectSQLite3, pool); err != nil {
		return nil, errors.Join(err, pool.Close())
	}
	return pool, nil
}

// settings are those of every connection. With synchronous FULL the record that a
// write was sent survives a power cut; without it the write might be repeated under a
// new key. With secure_delete and temp_store, erased and sorted data does not remain
// in files (https://www.sqlite.org/pragma.html).
func (s sqlite) settings() url.Values {
	return url.Values{
		"_busy_timeout": {strconv.FormatInt(s.patience.Milliseconds(), 10)},
		"_journal_mode": {"WAL"},
		"_synchronous":  {"FULL"},
		"_foreign_keys": {"1"},
		"_txlock":       {"immediate"},
		"_defensive":    {"1"}, // no statement can damage the file deliberately
		"_dqs":          {"0"}, // "x" is a name, never a text
		"_error_rc":     {"1"}, // reports "cannot open", not "out of memory"
		"_pragma":       {"secure_delete(1)", "temp_store(2)"},
	}
}

// lockWriters has nothing to do: transactions that write are immediate.
func (s sqlite) lockWriters(ctx context.Context, tx *sql.Tx) (time.Time, error) {
	return s.now(ctx, tx)
}

// beginDecision begins an immediate transaction, like one of Write.
func (s sqlite) beginDecision(ctx context.Context, pool *sql.DB) (decision, time.Time, error) {
	tx, err := pool.BeginTx(ctx, nil)
	return sqliteDecision{tx}, time.Now(), err
}

type sqliteDecision struct{ *sql.Tx }

func (d sqliteDecision) commit(ctx context.Context, queue []statement) error {
	for _, s := range queue {
		if err := d.execute(ctx, s); err != nil {
			return s.wrap(err)
		}
	}
	if err := d.Commit(); err != nil {
		return fmt.Errorf("commit to the store: %w", err)
	}
	return nil
}

func (d sqliteDecision) execute(ctx context.Context, s statement) error {
	if !s.condition {
		_, err := d.ExecContext(ctx, s.sql, s.args...)
		return err
	}
	var holds bool
	if err := d.QueryRowContext(ctx, s.sql, s.args...).Scan(&holds); err != nil {
		return err
	}
	if !holds {
		return errCondition
	}
	return nil
}

func (d sqliteDecision) end(context.Context) { _ = d.Rollback() } // does nothing after Commit

func (sqlite) selectCondition(condition string) string {
	return `SELECT CASE WHEN ` + condition + ` THEN 1 ELSE 0 END`
}

func (sqlite) exclusion() string { return "" }

// now is the machine's clock, because all processes of a file are on one machine.
func (sqlite) now(context.Context, *sql.Tx) (time.Time, error) { return time.Now(), nil }

func (sqlite) readOptions() *sql.TxOptions { return &sql.TxOptions{ReadOnly: true} }

func (sqlite) rewrite(statement string, args []any) (string, []any) { return statement, args }

// isTransient is always false because SQLite itself has waited.
func (sqlite) isTransient(error) bool { return false }

// isUnavailable: another process kept the lock, the disk is full, the file cannot be
// written, read or opened, or memory or file descriptors are used up. A damaged file
// is not among them: waiting does not repair it.
func (sqlite) isUnavailable(err error) bool {
	return slices.Contains([]int{
		sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL,
		sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PROTOCOL,
	}, resultCode(err)) || slices.ContainsFunc(
		[]error{syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS, syscall.EIO, syscall.EMFILE, syscall.ENFILE}, func(e error) bool { return errors.Is(err, e) })
}

// needsReconnect: SQLite opens a file that it may not write as read-only, and the
// connection remains read-only. A database in memory would end with its connection.
func (s sqlite) needsReconnect(err error) bool {
	return s.dir != "" && resultCode(err) == sqlite3.SQLITE_READONLY
}

// probe writes 64 KiB, more than a booking needs, with a smaller cache: otherwise
// SQLite would keep them in memory until the commit, and not notice that the disk is
// full.
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

// scrub rewrites the file and empties the write-ahead log. It fails with errLogInUse if other processes
// use the log for longer than patience. SQLite waits for one that reads, but not for one that empties the
// log at the same time, so scrub repeats the attempt.
//
// secure_delete alone is not enough: it wipes what is deleted, but not every copy that
// remained when a page was split or merged before. In random trials one file in seven
// kept an address; none did after it was rewritten.
func (s sqlite) scrub(ctx context.Context, pool *sql.DB) error {
	if _, err := pool.ExecContext(ctx, `VACUUM`); err != nil {
		return fmt.Errorf("rewrite the store: %w", err)
	}
	for began := time.Now(); ; {
		err := emptyLog(ctx, pool)
		if !errors.Is(err, errLogInUse) || time.Since(began) > s.patience {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(beginInterval):
		}
	}
}

var errLogInUse = errors.New("empty the store's log: another process is reading; try again")

// emptyLog moves the content of the write-ahead log to the database file.
func emptyLog(ctx context.Context, pool *sql.DB) error {
	var busy, frames, moved int
	err := pool.QueryRowContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`).Scan(&busy, &frames, &moved)
	switch {
	case err != nil:
		return fmt.Errorf("empty the store's log: %w", err)
	case busy != 0:
		return errLogInUse
	}
	return nil
}

// resultCode is the primary result code of an SQLite error, otherwise 0
// (https://www.sqlite.org/rescode.html).
func resultCode(err error) int {
	refused, ok := errors.AsType[*sqlitedriver.Error](err)
	if !ok {
		return 0
	}
	return refused.Code() & 0xff
}
