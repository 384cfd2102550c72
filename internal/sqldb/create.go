package sqldb

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	"github.com/vennio-mcp/vennio-mcp/internal/files"
)

// create makes the folder and the file, both for their owner alone; SQLite gives
// the write-ahead log the file's own mode.
//
// The file gets its tables under another name and is then linked into place: so
// nobody finds it half made, and the first to make it wins. To create the real
// one and close it would be worse still: that drops the locks which another
// connection of this process holds on it
// (https://www.sqlite.org/howtocorrupt.html, 2.2).
func (s sqlite) create(ctx context.Context, dir, path string) error {
	if err := files.MakePrivate(dir); err != nil {
		return fmt.Errorf("make the state folder: %w", err)
	}
	temp, err := os.CreateTemp(dir, databaseFile+".*") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		for _, suffix := range []string{"", "-wal", "-shm"} {
			_ = os.Remove(temp.Name() + suffix)
		}
	}()
	if err := temp.Close(); err != nil {
		return err
	}
	pool, err := s.attach(ctx, address(temp.Name()))
	if err != nil {
		return err
	}
	if err := errors.Join(emptyLog(ctx, pool), pool.Close()); err != nil { // the log is not linked
		return err
	}
	if err := os.Link(temp.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// address is an absolute path as SQLite takes it, whatever characters it has
// (https://www.sqlite.org/uri.html).
func address(path string) string {
	path = filepath.ToSlash(path)
	if path[0] != '/' { // C:/…
		path = "/" + path
	}
	return (&url.URL{Scheme: "file", Path: path}).String()
}
