package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/vennio-mcp/vennio-mcp/internal/files"
)

// ErrLocked is the error of TryLock if another holder has the lock.
var ErrLocked = errors.New("another process of this state folder has it")

// TryLock acquires a named lock that at most one holder among all processes with the
// same state folder has, until unlock or the end of the process, however it ends. It
// does not wait: if another holder has the lock, the error is ErrLocked. A DB in
// memory always gets it, because no other process uses the DB. A Shared DB has no
// locks: its processes work together.
//
// The lock is SQLite's exclusive lock of an empty file, a lock of the operating system
// that no crash leaves behind, on every system on which the database itself runs.
func (db *DB) TryLock(ctx context.Context, name string) (unlock func() error, err error) {
	if db.Volatile() {
		return func() error { return nil }, nil
	}
	if db.Shared() {
		return nil, errors.New("a shared store has no locks")
	}
	dir, err := filepath.Abs(db.location)
	if err != nil {
		return nil, err
	}
	path, err := files.PrivatePath(dir, name+".lock")
	if err != nil {
		return nil, err
	}
	if err := createEmpty(path); err != nil {
		return nil, fmt.Errorf("lock %s: %w", name, err)
	}
	pool, err := sql.Open("sqlite", fileURI(path)+"?_txlock=exclusive")
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", name, err)
	}
	tx, err := pool.BeginTx(context.WithoutCancel(ctx), nil)
	if err != nil {
		_ = pool.Close()
		if isBusy(err) {
			err = ErrLocked
		}
		return nil, fmt.Errorf("lock %s: %w", name, err)
	}
	return func() error { return errors.Join(tx.Rollback(), pool.Close()) }, nil
}

// createEmpty creates the file, readable by its owner only. It does not even open an
// existing file, because closing it would release this process's lock on it
// (https://www.sqlite.org/howtocorrupt.html, 2.2).
func createEmpty(path string) error {
	if err := files.MakePrivate(filepath.Dir(path)); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) //nolint:gosec // G304: the operator's own state folder
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return f.Close()
}
