package mcpclients

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"

	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
)

// This file installs the server in Codex. Codex keeps its servers in a TOML file. This program only reads
// the file, and runs codex mcp add or codex mcp remove to change it.

// codexTime limits how long the codex command may run.
const codexTime = 30 * time.Second

// ErrNoCodex is returned if a change needs the codex command and the command is not on the PATH.
var ErrNoCodex = errors.New("codex is not on the PATH")

// throughCodex determines the codex command that installs the server or, if e is nil, removes it.
func (c Client) throughCodex(ch Change, e *Entry) (Change, error) {
	var before codexEntry
	if ch.before != nil && json.Unmarshal(ch.before, &before) != nil {
		return Change{}, c.byHand()
	}
	if e == nil {
		ch.after, ch.command = nil, []string{"mcp", "remove", ch.Name}
		return ch, nil
	}
	after := codexEntry{Command: e.Command, Args: before.Args, Env: maps.Clone(before.Env)}
	if !program(before.Command) {
		after.Args = nil // these are arguments of another program
	}
	if after.Env == nil {
		after.Env = map[string]string{}
	}
	maps.Copy(after.Env, e.Env)
	after.Env = without(after.Env)
	if err := c.keepsAll(ch, after); err != nil {
		return Change{}, err
	}
	ch.after, _ = json.Marshal(after) // strings always encode
	if ch.before != nil && same(ch.before, ch.after) || before.equal(after) {
		ch.after = ch.before
		return ch, nil
	}
	ch.command = []string{"mcp", "add", ch.Name}
	for _, name := range slices.Sorted(maps.Keys(after.Env)) {
		ch.command = append(ch.command, "--env", name+"="+after.Env[name])
	}
	ch.command = append(append(ch.command, "--", after.Command), after.Args...)
	return ch, nil
}

// codexEntry has the fields of a server in Codex's file that codex mcp add can write.
type codexEntry struct {
	Command string            `json:"command" toml:"command"`
	Args    []string          `json:"args,omitempty" toml:"args,omitempty"`
	Env     map[string]string `json:"env,omitempty" toml:"env,omitempty"`
}

func (e codexEntry) equal(other codexEntry) bool {
	return e.Command == other.Command && slices.Equal(e.Args, other.Args) && maps.Equal(e.Env, other.Env)
}

// keepsAll returns an error if codex mcp add would drop a field of the existing entry, or if a secret would
// appear on its command line, which other processes can read.
func (c Client) keepsAll(ch Change, after codexEntry) error {
	var fields object
	_ = json.Unmarshal(ch.before, &fields) // there may be no entry yet
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if name != "command" && name != "args" && name != "env" {
			return fmt.Errorf("%s in %s also sets %s, which codex mcp add would remove: change the entry by hand (docs/install.md); nothing was changed", ch.Name, c.Path, sanitize.Line(name, 60))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(after.Env)) {
		shown, _ := json.MarshalIndent(map[string]string{name: after.Env[name]}, "", " ") // in the format that the pattern secrets matches
		if name != "VENNIO_API_KEY_FILE" && secrets().Match(shown) || strings.HasPrefix(name, "VENNIO_") && strings.HasSuffix(name, "_KEY") {
			return fmt.Errorf("%s in %s holds a secret (%s), which must not be on the command line of codex mcp add: set VENNIO_API_KEY and run this again to move a key into a file, or remove the secret from the entry; nothing was changed", ch.Name, c.Path, name)
		}
	}
	return nil
}

// Snippet returns the TOML that a person can add to the client's settings by hand. It is empty for a removal.
func (ch Change) Snippet() string {
	var e codexEntry
	if ch.after == nil || json.Unmarshal(ch.after, &e) != nil {
		return ""
	}
	text, err := toml.Marshal(map[string]map[string]codexEntry{ch.Client.Keys[0]: {ch.Name: e}})
	if err != nil {
		return ""
	}
	return strings.TrimPrefix(string(text), "["+ch.Client.Keys[0]+"]\n")
}

// Command returns the codex command line that makes the change. It is nil if this program writes the file
// itself.
func (ch Change) Command() []string {
	if ch.command == nil {
		return nil
	}
	return append([]string{"codex"}, ch.command...)
}

// ByHand reports whether a person must make the change, because it needs the codex command and the command
// is not on the PATH.
func (ch Change) ByHand() bool {
	_, err := exec.LookPath("codex")
	return ch.command != nil && err != nil
}

// run runs the codex command. If the command fails, the error contains its masked output.
func (ch Change) run() error {
	path, err := exec.LookPath("codex")
	if err != nil {
		return ErrNoCodex
	}
	ctx, done := context.WithTimeout(context.Background(), codexTime)
	defer done()
	cmd := exec.CommandContext(ctx, path, ch.command...)                       //nolint:gosec // G204: the codex command of this user
	cmd.Env = append(os.Environ(), "CODEX_HOME="+filepath.Dir(ch.Client.Path)) // the folder of the file that was read
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("codex %s failed (%w): %s", strings.Join(ch.command[:2], " "), err, sanitize.Line(sanitize.Mask(string(out)), 300))
	}
	return nil
}
