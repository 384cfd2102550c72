package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/vennio-mcp/vennio-mcp/internal/config"
	"github.com/vennio-mcp/vennio-mcp/internal/mcpclients"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
)

const installAbout = `Puts this program into the settings of an MCP client: %s.

Only our entry is added or brought up to date; everything else in the file stays,
comments included, and a copy of the file is kept beside it. Running it twice
changes nothing the second time.

The key never goes into that file. One in VENNIO_API_KEY is written to the state
folder, for you alone, and the entry names that file; --key-file (or
VENNIO_API_KEY_FILE) names a file of your own. Without a key the sandbox answers.
Settings that are given here in the environment, or as flags of stdio
(vennio-mcp help settings), are carried over; secrets are not.

install skills puts the skills into the folder of Claude Code instead, or into
--dir. They say what the settings allow, such as the consent that is needed. Files
that this program did not write, or that were changed since, are left alone.`

// defaultName is what clients call the server.
const defaultName = "vennio"

var errNoHome = errors.New("there is no home folder: set HOME (on Windows USERPROFILE) to an absolute path")

// errFolder refuses --dir with a client.
var errFolder = usageError{errors.New("--dir is for skills: the settings of a client have a fixed place")}

// placed holds the flags of install and uninstall.
type placed struct {
	dry, all              bool
	name, keyFile, folder string
}

func (p program) installCommand() *cobra.Command {
	var at placed
	c := &cobra.Command{
		Use: "install CLIENT|skills|--all", Short: "Put this server into the settings of an MCP client, or its skills into an agent's folder", Long: fmt.Sprintf(installAbout, strings.Join(clientIDs(), ", ")),
		Example: "  vennio-mcp install cursor --dry-run\n  vennio-mcp install claude-desktop --timezone Europe/London\n  vennio-mcp install --all\n  vennio-mcp install skills", Args: oneClient,
		ValidArgs: append(clientIDs(), skillsArgument),
		RunE: func(c *cobra.Command, args []string) error {
			switch {
			case !at.all && args[0] == skillsArgument:
				return p.installSkills(c, at)
			case at.folder != "":
				return errFolder
			case at.all:
				return p.installAll(c, at)
			}
			return p.install(c, args[0], at)
		},
	}
	at.flags(c)
	settingFlags(c, config.StdioSettings(), true)
	textFlag(c, &at.keyFile, "key-file", "file", "file that holds the key, for you alone; the entry names it")
	c.Flags().BoolVar(&at.all, allClientsFlag, false, "instead of one client, all that are found on this machine")
	return c
}

func (p program) uninstallCommand() *cobra.Command {
	var at placed
	c := &cobra.Command{
		Use: "uninstall CLIENT|skills", Short: "Take this server out of the settings of an MCP client, or its skills out of an agent's folder", Args: oneClient,
		ValidArgs: append(clientIDs(), skillsArgument),
		RunE: func(c *cobra.Command, args []string) error {
			if args[0] == skillsArgument {
				return p.uninstallSkills(c, at)
			}
			if at.folder != "" {
				return errFolder
			}
			return p.uninstall(args[0], at)
		},
	}
	at.flags(c)
	return c
}

func (at *placed) flags(c *cobra.Command) {
	c.Flags().BoolVar(&at.dry, "dry-run", false, "show what would change, and change nothing")
	at.name = defaultName
	textFlag(c, &at.name, "name", "name", "what the client calls the server")
	textFlag(c, &at.folder, "dir", "folder", "with skills: the folder of skills of another agent, such as ~/.agents/skills")
}

func clientIDs() []string { return idsOf(mcpclients.System{Home: "/"}.Clients()) }

func idsOf(clients []mcpclients.Client) (ids []string) {
	for _, c := range clients {
		ids = append(ids, c.ID)
	}
	return ids
}

// allClientsFlag replaces the client of install.
const allClientsFlag = "all"

func oneClient(c *cobra.Command, args []string) error {
	if all, _ := c.Flags().GetBool(allClientsFlag); all {
		return noArguments(c, args)
	}
	ids := append(clientIDs(), skillsArgument)
	if len(args) == 1 && slices.Contains(ids, args[0]) {
		return nil
	}
	list := strings.Join(ids, ", ")
	message := "want one client, or skills: " + list
	if len(args) == 1 {
		message = "unknown client " + sanitize.Quote(args[0], 40)
		if near := nearest(args[0], ids); near != "" {
			message += ", did you mean " + near + "?"
		}
		message += " (there are " + list + ")"
	}
	return usageError{fmt.Errorf("%s; see: %s --help", message, c.CommandPath())}
}

// settingsOf returns a client on this machine.
func (p program) settingsOf(id string) (mcpclients.Client, error) {
	client, ok := mcpclients.Here(p.getenv).Find(id)
	if !ok {
		return mcpclients.Client{}, errNoHome
	}
	return client, nil
}

// installAll installs into all clients that are found on this machine, and names the others. A client whose
// settings cannot be changed does not keep it from the next one.
func (p program) installAll(c *cobra.Command, at placed) error {
	here := mcpclients.Here(p.getenv)
	if here.Home == "" {
		return errNoHome
	}
	var failed error
	var absent []mcpclients.Client
	for _, client := range here.Clients() {
		if !client.Detected() {
			absent = append(absent, client)
			continue
		}
		if err := p.install(c, client.ID, at); err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", client.Name, err))
		}
	}
	if len(absent) == len(here.Clients()) {
		return usageError{fmt.Errorf("no MCP client was found on this machine: name one of %s", joinIDs(absent))}
	}
	_, _ = fmt.Fprintf(p.out, "Not found on this machine: %s.\n", joinIDs(absent))
	return failed
}

func (p program) install(c *cobra.Command, id string, at placed) error {
	client, err := p.settingsOf(id)
	if err != nil {
		return err
	}
	e, err := p.entry(c, at)
	if err != nil {
		return err
	}
	work := func() (mcpclients.Change, error) { return client.Install(at.name, e.Entry) }
	change, err := work()
	switch {
	case errors.Is(err, mcpclients.ErrName):
		return usageError{fmt.Errorf("--name: %w", err)}
	case err != nil:
		return err
	case at.dry:
		return p.preview(change, e)
	}
	fresh, err := e.keep(at.name)
	if err != nil {
		return fmt.Errorf("keep the key: %w", err)
	}
	if change.None() && !fresh {
		_, err := fmt.Fprintf(p.out, "%s: %s is already in %s as it should be. Nothing was changed.\n", client.Name, at.name, client.Path)
		return err
	}
	change, backup, err := p.apply(work)
	switch {
	case errors.Is(err, mcpclients.ErrNoCodex):
		return p.byHand(change, e)
	case err != nil:
		return err
	}
	return p.installed(change, e, backup)
}

// apply computes a change and writes it. It repeats both while other programs change the file in between, so
// that concurrent installs lose nothing.
func (p program) apply(work func() (mcpclients.Change, error)) (change mcpclients.Change, backup string, err error) {
	for range 100 {
		if change, err = work(); err != nil {
			return change, "", err
		}
		if backup, err = change.Apply(p.clock()()); !errors.Is(err, mcpclients.ErrChanged) {
			break
		}
	}
	return change, backup, err
}

// byHand prints the entry for a person to paste, where the client's own command is needed and is not
// installed.
func (p program) byHand(change mcpclients.Change, e entry) error {
	_, _ = fmt.Fprintf(p.out, "%s: its command codex is not on the PATH, so %s was not changed. Add this to the end of that file:\n\n%s\n", change.Client.Name, change.Client.Path, change.Snippet())
	p.explain(change, e, "the file was not changed")
	return nil
}

// removeByHand names the table for a person to remove, where the client's own command is needed and is not
// installed.
func (p program) removeByHand(change mcpclients.Change) error {
	client := change.Client
	_, err := fmt.Fprintf(p.out, "%s: its command codex is not on the PATH, so nothing was changed. Remove the table [%s.%s] from %s.\n", client.Name, client.Keys[0], change.Name, client.Path)
	return err
}

// installed reports what was done and the next step.
func (p program) installed(change mcpclients.Change, e entry, backup string) error {
	client := change.Client
	_, _ = fmt.Fprintf(p.out, "%s: %s is in %s.\n", client.Name, change.Name, client.Path)
	if backup == "" {
		backup = "there was no file, so no copy is kept"
		if change.None() { // the key alone is new
			backup = "unchanged"
		}
	}
	p.explain(change, e, backup)
	_, err := fmt.Fprintf(p.out, "Restart %s, or reload its servers. To check it: vennio-mcp doctor\n", client.Name)
	return err
}

func (p program) preview(change mcpclients.Change, e entry) error {
	if change.None() {
		_, err := fmt.Fprintf(p.out, "%s: nothing to change.\n", change.Client.Name)
		return err
	}
	if change.ByHand() {
		return p.byHand(change, e)
	}
	_, _ = fmt.Fprint(p.out, change.Preview())
	p.showCommand(change)
	backup := "a copy of the file would be kept beside it"
	if change.New() {
		backup = "there is no file yet, so no copy would be kept"
	}
	p.explain(change, e, backup)
	_, err := fmt.Fprintln(p.out, "Nothing was changed.")
	return err
}

// showCommand prints the client's own command that would make the change, if it does.
func (p program) showCommand(change mcpclients.Change) {
	if command := change.Command(); command != nil {
		_, _ = fmt.Fprintf(p.out, "  runs      %s\n", strings.Join(command, " "))
	}
}

// explain describes the entry, one line for each property.
func (p program) explain(change mcpclients.Change, e entry, backup string) {
	tell := func(what, is string) {
		if is != "" {
			_, _ = fmt.Fprintf(p.out, "  %-9s %s\n", what, is)
		}
	}
	tell("starts", e.Command)
	tell("key", e.keySays(change))
	tell("settings", strings.Join(slices.DeleteFunc(slices.Sorted(maps.Keys(e.Env)), isKey), ", "))
	tell("left out", strings.Join(e.secrets, ", ")+strings.Repeat(" (secrets: set them where the client itself is started)", min(1, len(e.secrets))))
	tell("backup", backup)
	tell("warning", e.warning)
}

func (p program) uninstall(id string, at placed) error {
	client, err := p.settingsOf(id)
	if err != nil {
		return err
	}
	command, err := p.executable()
	if err != nil {
		return err
	}
	work := func() (mcpclients.Change, error) { return client.Uninstall(at.name, command) }
	change, err := work()
	switch {
	case errors.Is(err, mcpclients.ErrName):
		return usageError{fmt.Errorf("--name: %w", err)}
	case err != nil:
		return err
	case change.None():
		_, err := fmt.Fprintf(p.out, "%s: %s is not in %s. Nothing was changed.\n", client.Name, at.name, client.Path)
		return err
	case at.dry && change.ByHand():
		return p.removeByHand(change)
	case at.dry:
		_, _ = fmt.Fprint(p.out, change.Preview())
		p.showCommand(change)
		_, err := fmt.Fprintln(p.out, "Nothing was changed.")
		return err
	}
	change, backup, err := p.apply(work)
	switch {
	case errors.Is(err, mcpclients.ErrNoCodex):
		return p.removeByHand(change)
	case err != nil:
		return err
	}
	_, _ = fmt.Fprintf(p.out, "%s: %s is no longer in %s.\n  backup    %s\n", client.Name, at.name, client.Path, backup)
	if file := change.KeyFile(); file != "" {
		_, _ = fmt.Fprintf(p.out, "  key       stays in %s: delete it if nothing else uses it\n", file)
	}
	return nil
}

const (
	keyVariable     = "VENNIO_API_KEY"
	keyFileVariable = "VENNIO_API_KEY_FILE"
)

// entry is the entry for a client's settings, and the key, which must not be in it.
type entry struct {
	mcpclients.Entry
	key      config.Secret // to be stored in stateDir; empty if a file holds it, or there is none
	stateDir string
	secrets  []string // settings that are not carried over
	warning  string   // why nothing real is booked, or no call may omit its host; empty: neither
}

// entry reads the settings as the server does, with the same errors.
func (p program) entry(c *cobra.Command, at placed) (entry, error) {
	command, err := p.executable()
	if err != nil {
		return entry{}, err
	}
	here := p
	if at.keyFile != "" {
		here.getenv = func(name string) string { // the flag wins
			switch name {
			case keyFileVariable:
				return at.keyFile
			case keyVariable:
				return ""
			}
			return p.getenv(name)
		}
	}
	cfg, err := here.config(c)
	if err != nil {
		return entry{}, err
	}
	e := entry{Entry: mcpclients.Entry{Command: command, Env: map[string]string{}}, stateDir: cfg.StateDir}
	if err := e.carry(here, c); err != nil {
		return entry{}, err
	}
	switch {
	case cfg.Sandbox():
		e.warning = "without a key nothing real is booked. To set everything up step by step: vennio-mcp setup"
		return e, nil
	case len(cfg.Hosts) == 0:
		e.warning = "no host is set, so each call must name its host by id. To choose one: vennio-mcp setup, or --hosts Name=id"
	}
	return e, e.secure(here.getenv, at.name, cfg)
}

// secure makes the entry name a key file that only its owner can read.
func (e *entry) secure(getenv func(string) string, name string, cfg config.Config) (err error) {
	file := getenv(keyFileVariable)
	e.Env[keyVariable] = "" // an older entry may have it
	if file == "" {
		if cfg.StateDir == "" {
			return fmt.Errorf("the key cannot be kept: %w, or name a file with --key-file", sqldb.ErrNoFolder)
		}
		e.key = cfg.APIKey
		e.Env[keyFileVariable], err = filepath.Abs(mcpclients.KeyPath(cfg.StateDir, name))
		return err
	}
	if file, err = absolute(file, getenv); err != nil {
		return err
	}
	e.Env[keyFileVariable] = file
	info, err := os.Stat(file)
	if err == nil && runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("others can read the key in %s: chmod 600 %s, then run this again", file, file)
	}
	return err
}

// keep stores the key, if there is one to store, and reports whether it changed.
func (e entry) keep(name string) (bool, error) {
	if e.key == "" {
		return false, nil
	}
	return mcpclients.KeepKey(e.stateDir, name, e.key.Reveal())
}

// carry adds the settings that are set here to the entry, except for secrets: what must not be on a command
// line must not be in a client's settings either.
func (e *entry) carry(p program, c *cobra.Command) error {
	for _, s := range config.Settings() {
		name := s.Name()
		value := p.getenv(name)
		if flag := c.Flags().Lookup(s.Flag); s.Flag != "" && flag != nil && flag.Changed {
			value = flag.Value.String()
		}
		switch {
		case value == "" || isKey(name):
		case s.Flag == "":
			e.secrets = append(e.secrets, name)
		case s.IsPath(): // the client starts the server in another folder
			path, err := absolute(value, p.getenv)
			if err != nil {
				return err
			}
			e.Env[name] = path
		default:
			e.Env[name] = value
		}
	}
	return nil
}

// absolute returns a path that names the same file in whatever directory the server is started.
func absolute(path string, getenv func(string) string) (string, error) {
	path, err := config.ExpandPath(path, getenv)
	if err != nil {
		return "", err
	}
	return filepath.Abs(path)
}

func isKey(name string) bool { return name == keyVariable || name == keyFileVariable }

// keySays says where the server will find its key.
func (e entry) keySays(change mcpclients.Change) string {
	switch file := change.KeyFile(); {
	case change.HasKey():
		return "is in the client's settings: set VENNIO_API_KEY and run this again to move it into your own file"
	case file != "":
		return file + " (for you alone)"
	}
	return "none: the sandbox answers, nothing real is booked. With one: set VENNIO_API_KEY and run this again"
}

// executable returns the path under which this program was started, so that the entry stays valid after an
// upgrade that moves the file to which the path links.
func (p program) executable() (string, error) {
	if p.self != "" {
		return p.self, nil
	}
	running, err := os.Executable()
	if err != nil {
		return "", err
	}
	if strings.Contains(filepath.ToSlash(running), "/go-build") {
		return "", errors.New("go run builds a program that is gone when it ends: go install ./cmd/vennio-mcp first, then vennio-mcp install")
	}
	called, err := exec.LookPath(os.Args[0])
	if err != nil {
		return running, nil //nolint:nilerr // started under a name that is no path
	}
	if called, err = filepath.Abs(called); err != nil {
		return "", err
	}
	one, err1 := os.Stat(called) //nolint:gosec // G703: only whether it is this program
	two, err2 := os.Stat(running)
	if err1 == nil && err2 == nil && os.SameFile(one, two) {
		return called, nil
	}
	return running, nil
}
