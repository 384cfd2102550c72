package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/vennio-mcp/vennio-mcp/internal/config"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
)

// program is the process, less what only a process has: tests run it whole.
type program struct {
	getenv    func(string) string
	machine   times.Machine // its time zone; zero: as getenv and this machine's files say
	in        io.Reader
	out, errs io.Writer
	now       func() time.Time // nil: the store's clock for what several processes judge, this machine's for the rest
	self      string           // path of the program; empty: the one that runs
	store     sqldb.Options
	pace      settlePace
}

const about = `vennio-mcp lets AI agents find a time and book it with Vennio over MCP,
and never without consent on record. --consent says whose word counts.

Started without a command it serves MCP on standard input and output, as
assistants and IDEs expect. Without VENNIO_API_KEY it runs against a sandbox of
Vennio inside the program: try everything, nothing real is booked.`

const examples = `  vennio-mcp demo                      watch an agent book, move and cancel a meeting
  vennio-mcp install claude-desktop    let Claude Desktop start it (install --help: all clients)
  claude mcp add vennio -- vennio-mcp  let Claude Code start it
  vennio-mcp serve                     SSE and Streamable HTTP on 127.0.0.1:8080
  VENNIO_API_KEY=… VENNIO_BUSINESS_ID=… vennio-mcp   the real Vennio`

// run does what args say and returns the exit code: 0 done, 1 failed, 2 not
// understood.
func (p program) run(ctx context.Context, args []string) int {
	if err := refuseKeys(args); err != nil {
		return p.fail(2, err)
	}
	root := p.root()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	if wrong, ok := errors.AsType[usageError](err); ok {
		return p.fail(2, wrong)
	}
	if _, ok := errors.AsType[config.Mistakes](err); ok {
		return p.fail(2, err)
	}
	return p.fail(1, err)
}

func (p program) fail(code int, err error) int {
	_, _ = fmt.Fprintln(p.errs, "vennio-mcp:", sanitize.Mask(err.Error()))
	return code
}

// usageError is a command line that was not understood.
type usageError struct{ error }

func (p program) root() *cobra.Command {
	root := &cobra.Command{
		Use: "vennio-mcp", Short: "Find a time and book it with Vennio, over MCP", Long: about, Example: examples,
		SilenceErrors: true, SilenceUsage: true, Args: unknownCommand,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.SetIn(p.in)
	root.SetOut(p.out)
	root.SetErr(p.errs)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w; see: %s --help", err, c.CommandPath())}
	})
	for _, s := range config.Settings() {
		if s.Flag != "" {
			root.PersistentFlags().String(s.Flag, s.Default, s.Help+" ("+strings.Join(s.Env, ", ")+")")
			if s.Default == "false" { // a switch: the flag alone turns it on
				root.PersistentFlags().Lookup(s.Flag).NoOptDefVal = "true"
			}
		}
	}
	root.AddCommand(p.stdioCommand(), p.serveCommand(), p.sandboxCommand(), p.demoCommand(), p.approvalsCommand(), p.ledgerCommand(), p.eventsCommand(), p.webhooksCommand(), p.doctorCommand(), p.smokeCommand(), p.tokenCommand(), p.signingSecretCommand(), p.installCommand(), p.uninstallCommand(), p.toolsCommand(), p.versionCommand())
	root.RunE = p.stdioCommand().RunE
	root.SetHelpTemplate(root.HelpTemplate() + secretsHelp())
	return root
}

func unknownCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	message := fmt.Sprintf("unknown command %q", args[0])
	if near := c.SuggestionsFor(args[0]); len(near) > 0 {
		message += ", did you mean " + near[0] + "?"
	}
	return usageError{fmt.Errorf("%s; see: %s --help", message, c.CommandPath())}
}

func noArguments(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError{fmt.Errorf("%q is not expected here; see: %s --help", args[0], c.CommandPath())}
	}
	return nil
}

// secretsHelp lists what is set in the environment alone.
func secretsHelp() string {
	var b strings.Builder
	b.WriteString("\nOnly in the environment, never on the command line:\n")
	for _, s := range config.Settings() {
		if s.Flag == "" {
			fmt.Fprintf(&b, "  %-22s %s\n", s.Name(), s.Help)
		}
	}
	return b.String()
}

// config reads the settings, with the flags that were given.
func (p program) config(c *cobra.Command) (config.Config, error) {
	given := map[string]string{}
	c.Flags().Visit(func(f *pflag.Flag) { given[f.Name] = f.Value.String() })
	return config.LoadOn(p.machine, given, p.getenv)
}

var (
	keyLike  = regexp.MustCompile(`(?i)\bsk_(test|live)_`) // of Vennio's guide
	keyFlags = []string{"--api-key", "--apikey", "--key", "--token", "--vennio-api-key"}
)

// refuseKeys: the command line is visible to every process of the machine and
// stays in the shell's history. The key is not quoted back.
func refuseKeys(args []string) error {
	for _, arg := range args {
		name, _, _ := strings.Cut(arg, "=")
		if sanitize.VennioKey(arg) || keyLike.MatchString(arg) || slices.Contains(keyFlags, strings.ToLower(name)) {
			return errors.New("a key does not belong on the command line, where others can read it: set VENNIO_API_KEY " +
				"(or VENNIO_API_KEY_FILE) in the environment instead, and replace this key if it was a real one")
		}
	}
	return nil
}
