package mcpclients

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/files"
	"github.com/vennio-mcp/vennio-mcp/internal/lazyregexp"
)

// Entry describes how a client starts this server.
type Entry struct {
	Command string            // absolute path of the program
	Env     map[string]string // its settings; an empty value removes the setting. It must not contain a key, because others may read the file
}

// names matches the server names that every client accepts and that need no quotes in any format.
var names = lazyregexp.New(`^[A-Za-z0-9_-]{1,64}$`)

// ErrName is returned for a server name that not every client accepts.
var ErrName = errors.New("a server's name has 1 to 64 letters, digits, - and _")

// CheckName returns ErrName unless every client accepts the name of a server.
func CheckName(name string) error {
	if !names().MatchString(name) {
		return ErrName
	}
	return nil
}

// Find returns the client with this ID, and whether there is one.
func (s System) Find(id string) (Client, bool) {
	all := s.Clients()
	i := slices.IndexFunc(all, func(c Client) bool { return c.ID == id })
	if i < 0 {
		return Client{}, false
	}
	return all[i], true
}

// Install determines the change that adds this server to c's settings under name, or
// updates its entry. Only Apply writes. Fields of an existing entry that e does not set
// are preserved. It returns an error if the file cannot be read or if the existing entry
// starts another program. Errors name the file and do not quote its content.
func (c Client) Install(name string, e Entry) (Change, error) {
	ch, err := c.change(name, func(raw []byte, servers object) ([]byte, error) {
		if there, ok := servers[name]; ok {
			if err := c.mayChange(server(name, there), e.Command); err != nil {
				return nil, err
			}
		}
		if c.Format == TOML {
			return raw, nil
		}
		return setJSON(raw, c.Keys[0], name, e, c.fields())
	})
	if err != nil || c.Format != TOML {
		return ch, err
	}
	return c.throughCodex(ch, &e)
}

// Uninstall determines the change that removes the server with this name from c's
// settings. It returns an error if the entry starts another program, that is, neither
// one named vennio-mcp nor command. Only Apply writes.
func (c Client) Uninstall(name, command string) (Change, error) {
	ch, err := c.change(name, func(raw []byte, servers object) ([]byte, error) {
		there, ok := servers[name]
		s := server(name, there)
		switch {
		case !ok:
			return raw, nil
		case !s.Ours() && s.Command != command:
			return nil, fmt.Errorf("%s in %s is another server, so it was not removed", name, c.Path)
		case c.Format == TOML:
			return raw, nil
		}
		return removeJSON(raw, c.Keys[0], name)
	})
	if err != nil || c.Format != TOML || ch.before == nil {
		return ch, err
	}
	return c.throughCodex(ch, nil)
}

// fields returns the fields that the client requires in addition to command, args and env.
func (c Client) fields() map[string]string {
	if c.ID == "vscode" || c.ID == "claude-code" {
		return map[string]string{"type": "stdio"}
	}
	return nil
}

// mayChange returns an error unless the entry starts this program and can be updated.
func (c Client) mayChange(s Server, command string) error {
	switch {
	case !s.Ours() && s.Command != command:
		return fmt.Errorf("%s in %s is another server: choose another name with --name", s.Name, c.Path)
	case s.URL != "":
		return fmt.Errorf("%s in %s is reached over the network: uninstall it first, or choose another name with --name", s.Name, c.Path)
	case s.odd:
		return fmt.Errorf("%s in %s has an older form: uninstall it first, and note its settings", s.Name, c.Path)
	}
	return nil
}

// change applies edit to the content of the file and verifies that only the one entry
// differs afterwards.
func (c Client) change(name string, edit func(raw []byte, servers object) ([]byte, error)) (Change, error) {
	if err := CheckName(name); err != nil {
		return Change{}, err
	}
	path, raw, err := read(c.Path)
	if err != nil {
		return Change{}, untouched(err)
	}
	before, err := c.parse(raw)
	if err != nil {
		return Change{}, untouched(err)
	}
	was, err := c.table(before)
	if err != nil {
		return Change{}, err
	}
	now, err := edit(raw, was)
	if err != nil {
		return Change{}, err
	}
	if len(now) > maxFile {
		return Change{}, untouched(tooLarge(c.Path))
	}
	after, err := c.parse(now)
	if err != nil || !alike(before, after, c.Keys[0]) {
		return Change{}, c.byHand()
	}
	is, err := c.table(after)
	if err != nil || !alike(was, is, name) {
		return Change{}, c.byHand()
	}
	return Change{Client: c, Name: name, path: path, old: raw, now: now, before: was[name], after: is[name]}, nil
}

func untouched(err error) error { return fmt.Errorf("%w; nothing was changed", err) }

// byHand returns the error for a file of which an edit would also change other parts.
func (c Client) byHand() error {
	return fmt.Errorf("%s is written in a way that this program does not change safely: add or remove the entry by hand (docs/install.md); nothing was changed", c.Path)
}

// table returns the servers of this user by name.
func (c Client) table(root object) (servers object, err error) {
	raw, ok := root[c.Keys[0]]
	if !ok {
		return nil, nil
	}
	if json.Unmarshal(raw, &servers) != nil {
		return nil, fmt.Errorf("%s in %s is not an object: correct it first; nothing was changed", c.Keys[0], c.Path)
	}
	return servers, nil
}

// alike reports whether two objects are equal except for one member.
func alike(a, b object, but string) bool {
	for _, name := range slices.Concat(slices.Collect(maps.Keys(a)), slices.Collect(maps.Keys(b))) {
		if name != but && (a[name] == nil || b[name] == nil || !same(a[name], b[name])) {
			return false
		}
	}
	return true
}

// same reports whether two JSON values are equal, ignoring white space.
func same(a, b []byte) bool {
	var x, y bytes.Buffer
	return json.Compact(&x, a) == nil && json.Compact(&y, b) == nil && bytes.Equal(x.Bytes(), y.Bytes())
}

// secrets matches values that a preview masks, because people paste previews elsewhere.
var secrets = lazyregexp.New(`vennio_(sk|pk|at|rt)_\w+|("\w*(?:API_KEY|SECRET|TOKEN|PASSWORD|DATABASE_URL)": )"(?:[^"\\]|\\.)*"`)

// masked formats an entry for display, as lines without secrets.
func masked(entry json.RawMessage) []string {
	var b bytes.Buffer
	if json.Indent(&b, entry, "", "  ") != nil {
		return nil
	}
	text := secrets().ReplaceAllStringFunc(b.String(), func(s string) string {
		if name, _, ok := strings.Cut(s, ": "); ok {
			return name + `: "****"`
		}
		return "****"
	})
	return strings.Split(text, "\n")
}

// Change is a change to the settings of one client that Apply can make.
type Change struct {
	Client        Client
	Name          string // of the entry
	path          string // of the file, with symbolic links resolved
	old, now      []byte
	before, after json.RawMessage // the entry; nil if there is none
	command       []string        // arguments of the codex command that makes the change; nil for other clients
}

// None reports whether the settings are already as they should be.
func (ch Change) None() bool { return ch.command == nil && bytes.Equal(ch.old, ch.now) }

// New reports whether the client has no settings file yet.
func (ch Change) New() bool { return ch.old == nil }

// Preview shows the change of the entry as a diff: lines with - are removed, lines with
// + are added. It masks keys and does not show other entries.
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

// HasKey reports whether the settings would contain a Vennio key after the change.
func (ch Change) HasKey() bool { return server(ch.Name, ch.after).HasKey }

// KeyFile returns the path of the key file that the entry names, or that the removed
// entry named. It is empty if there is none.
func (ch Change) KeyFile() string {
	entry := ch.after
	if entry == nil {
		entry = ch.before
	}
	return environment(entry)["VENNIO_API_KEY_FILE"]
}

// ErrChanged is returned for a file that changed after it was read.
var ErrChanged = errors.New("it has just been changed by another program: run this again")

// Apply writes the change atomically and keeps the mode of the file; a new file gets
// mode 0600. It first copies an existing file to a backup next to it, with mode 0600,
// and returns the path of the backup, or "" if there was no file. If the file changed
// since it was read, Apply returns ErrChanged and writes nothing; it holds a lock so
// that no other process of this program writes between that check and its end. For
// Codex it runs the codex command, or returns ErrNoCodex.
func (ch Change) Apply(now time.Time) (backup string, err error) {
	if ch.None() {
		return "", nil
	}
	if ch.ByHand() {
		return "", ErrNoCodex
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
	if ch.command != nil {
		return backup, ch.run()
	}
	return backup, files.Replace(ch.path, ch.now, mode)
}
