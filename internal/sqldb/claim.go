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

// ErrClaimed is the error of a claim that another holder has.
var ErrClaimed = errors.New("another process of this state folder has it")

// Claim makes the caller the only one, among all processes that share the state
// folder, to hold what is called name, until release or the end of the process,
// however it ends. It does not wait: ErrClaimed says that somebody else has it.
// A DB in memory is shared with nobody. A Shared one has no claims: there,
// processes work together.
//
// What is held is SQLite's exclusive lock of an empty file: a lock of the system
// that no crash leaves behind, on every system that the store itself runs on.
func (db *DB) Claim(ctx context.Context, name string) (release func() error, err error) {
	if db.where == "" {
		return func() error { return nil }, nil
	}
	if db.Shared() {
		return nil, errors.New("nothing can be claimed in a shared store")
	}
	dir, err := filepath.Abs(db.where)
	if err != nil {
		return nil, err
	}
	path, err := kept(dir, name+".lock")
	if err != nil {
		return nil, err
	}
	if err := emptyFile(path); err != nil {
		return nil, fmt.Errorf("claim %s: %w", name, err)
	}
	pool, err := sql.Open("sqlite", address(path)+"?_txlock=exclusive")
	if err != nil {
		return nil, fmt.Errorf("claim %s: %w", name, err)
	}
	tx, err := pool.BeginTx(context.WithoutCancel(ctx), nil)
	if err != nil {
		_ = pool.Close()
		if isBusy(err) {
			err = ErrClaimed
		}
		return nil, fmt.Errorf("claim %s: %w", name, err)
	}
	return func() error { return errors.Join(tx.Rollback(), pool.Close()) }, nil
}

// emptyFile makes the file, for its owner alone. One that is there is not even
// opened: to close it again would drop this process's lock on it
// (https://www.sqlite.org/howtocorrupt.html, 2.2).
func emptyFile(path string) error {
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
