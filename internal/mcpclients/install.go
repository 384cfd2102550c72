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
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/files"
)

// Entry is how a client starts this server.
type Entry struct {
	Command string            // absolute path of the program
	Env     map[string]string // its settings; one that is empty is taken away. No key belongs here: others may read the file
}

// names that every client takes, and that need no quotes in any format.
var names = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`) })

// ErrName is a name that not every client takes.
var ErrName = errors.New("a server's name has 1 to 64 letters, digits, - and _")

// Find returns the client that the command line calls id, and whether there is one.
func (s System) Find(id string) (Client, bool) {
	all := s.Clients()
	i := slices.IndexFunc(all, func(c Client) bool { return c.ID == id })
	if i < 0 {
		return Client{}, false
	}
	return all[i], true
}

// Install works out c's settings with this server in them under name. Nothing is
// written before Apply. Of an entry that is there already what Entry does not name
// is kept. A file that cannot be read, and an entry that is another server's, are
// errors that say where; no error holds what stands in the file.
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

// Uninstall works out c's settings without the server called name, which must be
// this program: by the name of the program, or started by command. Nothing is
// written before Apply.
func (c Client) Uninstall(name, command string) (Change, error) {
	ch, err := c.change(name, func(raw []byte, servers object) ([]byte, error) {
		there, ok := servers[name]
		s := server(name, there)
		switch {
		case !ok:
			return raw, nil
		case !s.Ours() && s.Command != command:
			return nil, fmt.Errorf("%s in %s is another server: it is left alone", name, c.Path)
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

// fields are those beside command, args and env that the client wants.
func (c Client) fields() map[string]string {
	if c.ID == "vscode" || c.ID == "claude-code" {
		return map[string]string{"type": "stdio"}
	}
	return nil
}

// mayChange: the entry starts this program.
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

// change applies edit to what stands in the file and makes sure that nothing but
// the one entry differs.
func (c Client) change(name string, edit func(raw []byte, servers object) ([]byte, error)) (Change, error) {
	if !names().MatchString(name) {
		return Change{}, ErrName
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

// byHand is the refusal of a file whose rest would not survive.
func (c Client) byHand() error {
	return fmt.Errorf("%s is written in a way that this program does not change safely: add or remove the entry by hand (docs/install.md); nothing was changed", c.Path)
}

// table is the servers of this user, by name.
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

// alike reports whether two objects say the same but for one name.
func alike(a, b object, but string) bool {
	for _, name := range slices.Concat(slices.Collect(maps.Keys(a)), slices.Collect(maps.Keys(b))) {
		if name != but && (a[name] == nil || b[name] == nil || !same(a[name], b[name])) {
			return false
		}
	}
	return true
}

// same compares two JSON values, whatever blanks they have.
func same(a, b []byte) bool {
	var x, y bytes.Buffer
	return json.Compact(&x, a) == nil && json.Compact(&y, b) == nil && bytes.Equal(x.Bytes(), y.Bytes())
}

// secrets in a preview would end in somebody's terminal, and in what they paste.
var secrets = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`vennio_(sk|pk|at|rt)_\w+|("\w*(?:API_KEY|SECRET|TOKEN|PASSWORD|DATABASE_URL)": )"(?:[^"\\]|\\.)*"`)
})

// masked is an entry to show, line by line and without secrets.
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

// Change is what would become of one client's settings.
type Change struct {
	Client        Client
	Name          string // of the entry
	path          string // of the file, links followed
	old, now      []byte
	before, after json.RawMessage // the entry alone
	command       []string        // of Codex, which changes its file itself
}

// None reports whether the settings are already as they should be.
func (ch Change) None() bool { return ch.command == nil && bytes.Equal(ch.old, ch.now) }

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
// end of Apply. For Codex, its own command makes the change (ErrNoCodex).
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
	if ch.command != nil {
		if _, err := exec.LookPath("codex"); err != nil {
			return "", ErrNoCodex
		}
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
