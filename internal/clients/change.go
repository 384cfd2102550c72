package clients

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Change is what would become of one client's settings.
type Change struct {
	Client        Client
	Name          string // of the entry
	path          string // of the file, links followed
	old, now      []byte
	before, after json.RawMessage // the entry alone
}

// None reports whether the settings are already as they should be.
func (ch Change) None() bool { return bytes.Equal(ch.old, ch.now) }

// Preview shows the entry as it stands and as it would: lines with - go, lines
// with + come. Keys are masked; other entries are not shown.
func (ch Change) Preview() string {
	var b strings.Builder
	fmt.Fprintf(&b, "--- %s\n+++ %s\n@@ %s.%s @@\n", ch.path, ch.path, ch.Client.Keys[0], ch.Name)
	for _, line := range masked(ch.before) {
		b.WriteString("-" + line + "\n")
	}
	for _, line := range masked(ch.after) {
		b.WriteString("+" + line + "\n")
	}
	return b.String()
}

// HasKey reports whether a Vennio key would stand in the settings themselves.
func (ch Change) HasKey() bool { return server(ch.Name, ch.after).HasKey }

// KeyFile is the file in which the server finds its key, as the entry names it;
// when the entry goes, as it named it. It is empty where there is none.
func (ch Change) KeyFile() string {
	entry := ch.after
	if entry == nil {
		entry = ch.before
	}
	var s struct{ Env map[string]string }
	_ = json.Unmarshal(entry, &s) // no entry, no file
	return s.Env["VENNIO_API_KEY_FILE"]
}

// Apply writes the change: in full or not at all, in the place of the file, with
// its mode, or 0600 where there was none. What was there is kept beside it, in a
// file that its owner alone can read and whose path is returned; it is empty where
// there was nothing. A file that changed since it was read is an error.
func (ch Change) Apply(now time.Time) (backup string, err error) {
	if ch.None() {
		return "", nil
	}
	if _, again, err := read(ch.path); err != nil || !bytes.Equal(again, ch.old) {
		return "", errors.Join(fmt.Errorf("%s has just been changed by another program: run this again", ch.path), err)
	}
	mode := fs.FileMode(0o600)
	info, err := os.Stat(ch.path)
	if err == nil {
		mode = info.Mode().Perm()
		if backup, err = keep(ch.path, ch.old, now); err != nil {
			return "", err
		}
	} else if err := os.MkdirAll(filepath.Dir(ch.path), 0o700); err != nil {
		return "", err
	}
	return backup, replace(ch.path, ch.now, mode)
}

// keep writes a copy beside the file. Two within a second get two names.
func keep(path string, raw []byte, now time.Time) (string, error) {
	stem := path + ".vennio-" + now.UTC().Format("20060102T150405Z")
	for n := range 100 {
		name := stem + ".bak"
		if n > 0 {
			name = fmt.Sprintf("%s-%d.bak", stem, n)
		}
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // G304: beside the client's own settings
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

// replace puts a file in the place of another, so that nobody ever reads half of it.
func replace(path string, raw []byte, mode fs.FileMode) error {
	temp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(temp.Name()) }()
	_, err = temp.Write(raw)
	if err = errors.Join(err, temp.Chmod(mode), temp.Sync(), temp.Close()); err != nil {
		return err
	}
	return os.Rename(temp.Name(), path)
}

// KeyPath is the file in dir that holds the key for the server called name.
func KeyPath(dir, name string) string { return filepath.Join(dir, "api-key-"+name) }

// KeepKey writes the key to KeyPath, readable by its owner alone, and reports
// whether it was another before. dir is made where it is not there.
func KeepKey(dir, name, key string) (changed bool, err error) {
	path, raw := KeyPath(dir, name), []byte(key+"\n")
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, raw) { //nolint:gosec // G304: the operator's own state folder
		return false, os.Chmod(path, 0o600)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return false, err
	}
	return true, replace(path, raw, 0o600)
}
