package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/vennio-mcp/vennio-mcp/internal/config"
	"github.com/vennio-mcp/vennio-mcp/internal/mcpclients"
)

const installAbout = `Puts this program into the settings of an MCP client: %s.

Only our entry is added or brought up to date; everything else in the file stays,
comments included, and a copy of the file is kept beside it. Running it twice
changes nothing the second time.

The key never goes into that file. One in VENNIO_API_KEY is written to the state
folder, for you alone, and the entry names that file; --key-file (or
VENNIO_API_KEY_FILE) names a file of your own. Without a key the sandbox answers.
Settings that are given here in the environment, or as flags of stdio
(vennio-mcp help settings), are carried over; secrets are not.`

// placed is where an entry goes.
type placed struct {
	dry           bool
	name, keyFile string
}

func (p program) installCommand() *cobra.Command {
	var at placed
	c := &cobra.Command{
		Use: "install CLIENT", Short: "Put this server into the settings of an MCP client", Long: fmt.Sprintf(installAbout, strings.Join(clientIDs(), ", ")),
		Example: "  vennio-mcp install cursor --dry-run\n  vennio-mcp install claude-desktop --timezone Europe/London", Args: oneClient,
		ValidArgs: clientIDs(),
		RunE:      func(c *cobra.Command, args []string) error { return p.install(c, args[0], at) },
	}
	at.flags(c)
	settingFlags(c, config.StdioSettings(), true)
	textFlag(c, &at.keyFile, "key-file", "file", "file that holds the key, for you alone; the entry names it")
	return c
}

func (p program) uninstallCommand() *cobra.Command {
	var at placed
	c := &cobra.Command{
		Use: "uninstall CLIENT", Short: "Take this server out of the settings of an MCP client", Args: oneClient, ValidArgs: clientIDs(),
		RunE: func(_ *cobra.Command, args []string) error { return p.uninstall(args[0], at) },
	}
	at.flags(c)
	return c
}

func (at *placed) flags(c *cobra.Command) {
	c.Flags().BoolVar(&at.dry, "dry-run", false, "show what would change, and change nothing")
	at.name = "vennio"
	textFlag(c, &at.name, "name", "name", "what the client calls the server")
}

func clientIDs() (ids []string) {
	for _, c := range (mcpclients.System{Home: "/"}).Clients() {
		ids = append(ids, c.ID)
	}
	return ids
}

func oneClient(c *cobra.Command, args []string) error {
	if len(args) != 1 || !slices.Contains(clientIDs(), args[0]) {
		return usageError{fmt.Errorf("want one client: %s; see: %s --help", strings.Join(clientIDs(), ", "), c.CommandPath())}
	}
	return nil
}

// settingsOf finds a client's settings on this machine.
func (p program) settingsOf(id string) (mcpclients.Client, error) {
	client, ok := mcpclients.Here(p.getenv).Find(id)
	if !ok {
		return mcpclients.Client{}, errors.New("there is no home folder: set HOME (on Windows USERPROFILE) to an absolute path")
	}
	return client, nil
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

// apply works out a change and writes it, again and again while other programs
// change the same file between the two: twelve installs at once must lose nothing.
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

// installed says what was done and what is to be done now.
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
	_, err := fmt.Fprintf(p.out, "Restart %s, or reload its servers. To look it over: vennio-mcp doctor\n", client.Name)
	return err
}

func (p program) preview(change mcpclients.Change, e entry) error {
	if change.None() {
		_, err := fmt.Fprintf(p.out, "%s: nothing to change.\n", change.Client.Name)
		return err
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

// explain says what the entry does, a line each.
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
	case at.dry:
		_, _ = fmt.Fprint(p.out, change.Preview())
		p.showCommand(change)
		_, err := fmt.Fprintln(p.out, "Nothing was changed.")
		return err
	}
	change, backup, err := p.apply(work)
	switch {
	case errors.Is(err, mcpclients.ErrNoCodex):
		_, err := fmt.Fprintf(p.out, "%s: its command codex is not on the PATH, so nothing was changed. Remove the table [%s.%s] from %s.\n", client.Name, client.Keys[0], at.name, client.Path)
		return err
	case err != nil:
		return err
	}
	_, _ = fmt.Fprintf(p.out, "%s: %s is no longer in %s.\n  backup    %s\n", client.Name, at.name, client.Path, backup)
	if file := change.KeyFile(); file != "" {
		_, _ = fmt.Fprintf(p.out, "  key       stays in %s: delete it if nothing else uses it\n", file)
	}
	return nil
}
