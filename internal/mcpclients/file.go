package mcpclients

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"github.com/vennio-mcp/vennio-mcp/internal/files"
)

// maxFile limits the size in bytes of a settings file that is read or written.
const maxFile = 16 << 20

// lockWait limits how long a process waits for other processes that change the same
// file. Each of them holds the lock for milliseconds.
const lockWait = 30 * time.Second

// Unfit is the error for a settings file that this program or the client cannot use.
// What describes the problem, and Next the next step. Neither quotes the file.
type Unfit struct{ What, Next string }

// Error returns What and Next.
func (e Unfit) Error() string { return e.What + ": " + e.Next }

// read resolves symbolic links, so that a later write keeps the link, and reads the
// target. For a file that does not exist, raw is nil. It returns an error for anything
// but a regular file before opening it: reading a named pipe blocks forever, reading a
// device may never end, and replacing a device destroys it.
func read(path string) (target string, raw []byte, err error) {
	target, err = filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) {
		if info, broken := os.Lstat(path); broken == nil && info.Mode()&fs.ModeSymlink != 0 {
			return "", nil, Unfit{path + " is a link to a file that is not there", "create that file, or remove the link"}
		}
		return path, nil, nil
	}
	if err != nil {
		return "", nil, unreadable(path, err)
	}
	info, err := os.Stat(target)
	if err != nil {
		return "", nil, unreadable(path, err)
	}
	if err := regular(path, target, info); err != nil {
		return "", nil, err
	}
	f, err := os.Open(target)
	if err != nil {
		return "", nil, unreadable(path, err)
	}
	defer func() { _ = f.Close() }()
	if raw, err = io.ReadAll(io.LimitReader(f, maxFile+1)); err != nil {
		return "", nil, unreadable(path, err)
	}
	if len(raw) > maxFile {
		return "", nil, tooLarge(path)
	}
	return target, raw, nil
}

// unreadable returns the error for a file that the operating system does not let this process read.
func unreadable(path string, err error) error {
	return Unfit{fmt.Sprintf("%s cannot be read (%v)", path, reason(err)), "make it a regular file that you can read"}
}

func tooLarge(path string) error {
	return Unfit{path + " is larger than 16 MiB, the most that this program changes", "change it by hand (docs/install.md)"}
}

// regular returns an error unless the file is regular and at most maxFile bytes long.
func regular(path, target string, info fs.FileInfo) error {
	if info.Mode().IsRegular() {
		if info.Size() > maxFile {
			return tooLarge(path)
		}
		return nil
	}
	if link, err := os.Lstat(path); err == nil && link.Mode()&fs.ModeSymlink != 0 {
		path += " is a link to " + target + ", which"
	}
	return Unfit{fmt.Sprintf("%s is %s, not a regular file", path, kindOf(info.Mode())), "put a regular file in its place"}
}

func kindOf(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "a directory"
	case mode&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	case mode&fs.ModeDevice != 0:
		return "a device"
	}
	return "a special file"
}

// lock prevents other processes of this program from changing the file until release
// is called. It uses an operating system lock on a file next to the settings file, so
// the lock of a process that dies is released. release removes the lock file. A process
// that opened the lock file before its removal then holds the lock of a removed file,
// detects this by comparing the files, and tries again.
func lock(ctx context.Context, path string) (release func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	name := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".vennio-lock")
	for {
		held := flock.New(name)
		_, err := held.TryLockContext(ctx, 5*time.Millisecond)
		if errors.Is(err, context.DeadlineExceeded) {
			return nil, Unfit{fmt.Sprintf("another vennio-mcp has been changing %s for %s", path, lockWait), "end it, then run this again"}
		}
		if err != nil {
			return nil, Unfit{fmt.Sprintf("%s cannot be changed: its directory refuses the lock file %s (%v)", path, filepath.Base(name), reason(err)), "make the directory writable, or change the file where it comes from"}
		}
		mine, err1 := held.Stat()
		there, err2 := os.Stat(name)
		if err1 == nil && err2 == nil && os.SameFile(mine, there) {
			return func() {
				err := os.Remove(name)
				_ = held.Unlock()
				if err != nil { // Windows does not remove open files
					_ = os.Remove(name)
				}
			}, nil
		}
		_ = held.Unlock()
	}
}

// reason returns the cause of a file error without the path, which the message contains already.
func reason(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}

// keep writes a backup next to the file. Backups of the same second get numbered names.
func keep(path string, raw []byte, now time.Time) (string, error) {
	stem := path + ".vennio-" + now.UTC().Format("20060102T150405Z")
	for n := range 1000 {
		name := stem + ".bak"
		if n > 0 {
			name = fmt.Sprintf("%s-%d.bak", stem, n)
		}
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // G304: next to the client's own settings
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return "", err
		}
		_, err = f.Write(raw)
		return name, errors.Join(err, f.Close())
	}
	return "", fmt.Errorf("too many copies beside %s: remove some", path)
}

// KeyPath returns the path of the file in dir that contains the key for the server with this name.
func KeyPath(dir, name string) string { return filepath.Join(dir, "api-key-"+name) }

// KeepKey writes the key to KeyPath with mode 0600 and reports whether the file had a
// different content before. It creates dir if necessary.
func KeepKey(dir, name, key string) (changed bool, err error) {
	raw := []byte(key + "\n")
	path, old, err := read(KeyPath(dir, name))
	if err != nil {
		return false, err
	}
	if bytes.Equal(old, raw) {
		return false, os.Chmod(path, 0o600)
	}
	if err := files.MakePrivate(dir); err != nil {
		return false, err
	}
	return true, files.Replace(path, raw, 0o600)
}
