package mcpclients

import (
	"bytes"
	"context"
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

// New reports whether the client has no settings file yet.
func (ch Change) New() bool { return ch.old == nil }

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
	var fields object
	var env map[string]string
	_ = json.Unmarshal(entry, &fields) // no entry, no file
	_ = json.Unmarshal(fields["env"], &env)
	return env["VENNIO_API_KEY_FILE"]
}

// ErrChanged is the error of a file that changed after it was read.
var ErrChanged = errors.New("it has just been changed by another program: run this again")

// Apply writes the change: in full or not at all, in the place of the file, with
// its mode, or 0600 where there was none. What was there is kept beside it, in a
// file that its owner alone can read and whose path is returned; it is empty where
// there was nothing. A file that changed since it was read is left alone
// (ErrChanged): no other process of this program writes between that check and the
// end of Apply.
func (ch Change) Apply(now time.Time) (backup string, err error) {
	if ch.None() {
		return "", nil
	}
	if err := os.MkdirAll(filepath.Dir(ch.path), 0o700); err != nil {
		return "", fmt.Errorf("%s cannot be created (%w): make its directory writable", ch.path, reason(err))
	}
	release, err := lock(context.Background(), ch.path)
	if err != nil {
		return "", untouched(err)
	}
	defer release()
	target, again, err := read(ch.Client.Path)
	if err != nil {
		return "", untouched(err)
	}
	if target != ch.path || !bytes.Equal(again, ch.old) {
		return "", fmt.Errorf("%s: %w", ch.path, ErrChanged)
	}
	mode := fs.FileMode(0o600)
	info, err := os.Stat(ch.path)
	if err == nil {
		mode = info.Mode().Perm()
		if backup, err = keep(ch.path, ch.old, now); err != nil {
			return "", err
		}
	}
	return backup, replace(ch.path, ch.now, mode)
}
