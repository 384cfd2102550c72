package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/vennio-mcp/vennio-mcp/internal/app"
	"github.com/vennio-mcp/vennio-mcp/internal/config"
	"github.com/vennio-mcp/vennio-mcp/internal/lazyregexp"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
)

// program is the whole program, with everything that it takes from the process, so that tests can run it.
type program struct {
	getenv     func(string) string
	machine    times.Machine // its time zone; the zero value takes it from getenv and the files of this machine
	in         io.Reader
	out, errs  io.Writer
	now        func() time.Time // nil: the clock of the store for what several processes decide, and of this machine otherwise
	self       string           // path of the program; empty: that of this process
	store      sqldb.Options
	settlement app.Intervals
}

// clock returns the clock of this machine.
func (p program) clock() func() time.Time {
	if p.now != nil {
		return p.now
	}
	return time.Now
}

const about = `vennio-mcp lets AI agents find a time and book it with Vennio over MCP,
and never without consent on record. VENNIO_CONSENT sets what counts as consent.

Started without a command it is stdio: it serves MCP on standard input and output,
as assistants and IDEs expect. Without VENNIO_API_KEY it runs against a sandbox of
Vennio inside the program: try everything, nothing real is booked. Settings, such as
the time zone, are environment variables, and flags of stdio and serve:
vennio-mcp help settings lists them. A key is set in the environment or in a file,
never on the command line.`

const examples = `  vennio-mcp demo                      watch an agent book, move and cancel a meeting
  vennio-mcp install claude-desktop    let Claude Desktop start it (install --help: all clients)
  vennio-mcp setup                     the real Vennio: asks for key, hosts and clients, and tests them
  vennio-mcp serve                     SSE and Streamable HTTP on 127.0.0.1:8080
  vennio-mcp doctor                    check everything, if something does not work
  claude mcp add --scope user vennio -- vennio-mcp   what install claude-code does`

// run does what args say and returns the exit code: 0 done, 1 failed, 2 a command line or settings that
// cannot be used. When whatever reads standard output has closed it, as head does, there is nothing to
// report.
func (p program) run(ctx context.Context, args []string) int {
	if err := refuseKeys(args); err != nil {
		return p.fail(2, err)
	}
	root := p.rootAlone()
	if len(args) > 0 {
		p.addCommands(root)
	}
	finish(root)
	if len(args) > 0 && strings.HasPrefix(args[0], cobra.ShellCompRequestCmd) { // the shell asks for completions
		p.completeValues(root)
	}
	root.SetArgs(idLast(root, args))
	err := root.ExecuteContext(ctx)
	if err == nil || p.closedPipe(err) {
		return 0
	}
	if _, ok := errors.AsType[usageError](err); ok {
		return p.fail(2, err)
	}
	if _, ok := errors.AsType[config.Mistakes](err); ok {
		return p.fail(2, err)
	}
	if _, ok := errors.AsType[runError](err); ok {
		return p.fail(1, err)
	}
	return p.fail(2, err) // cobra's own errors: nothing was run
}

func (p program) fail(code int, err error) int {
	_, _ = fmt.Fprintln(p.errs, "vennio-mcp:", sanitize.Mask(err.Error()))
	return code
}

// closedPipe reports whether err is that of a write to standard output, which its reader has closed.
func (p program) closedPipe(err error) bool {
	failed, ok := errors.AsType[*fs.PathError](err)
	out, isFile := p.out.(*os.File)
	return ok && isFile && failed.Path == out.Name() && isClosedPipe(failed.Err)
}

// isClosedPipe reports whether err says that the reader of a pipe has closed it. On Windows these are
// ERROR_BROKEN_PIPE (109) and ERROR_NO_DATA (232), for which package syscall has no constants.
func isClosedPipe(err error) bool {
	return errors.Is(err, syscall.EPIPE) || runtime.GOOS == "windows" && (errors.Is(err, syscall.Errno(109)) || errors.Is(err, syscall.Errno(232)))
}

// helpWriter is where cobra writes help and completion scripts. It reports no error of a closed pipe,
// which cobra would print.
type helpWriter struct{ io.Writer }

// Write implements io.Writer.
func (w helpWriter) Write(text []byte) (int, error) {
	n, err := w.Writer.Write(text)
	if isClosedPipe(err) {
		return len(text), nil
	}
	return n, err
}

// usageError is the error of a command line that cannot be used.
type usageError struct{ error }

// Unwrap lets errors.Is see the cause.
func (e usageError) Unwrap() error { return e.error }

// runError is the error of a command that was run.
type runError struct{ error }

// Unwrap lets errors.As see the cause.
func (e runError) Unwrap() error { return e.error }

// rootAlone returns the command line without commands and flags. An MCP client usually starts the program without
// arguments, and making the commands would be a sixth of the work until the first answer.
func (p program) rootAlone() *cobra.Command {
	root := &cobra.Command{
		Use: "vennio-mcp", Short: "Find a time and book it with Vennio, over MCP", Long: about, Example: examples,
		SilenceErrors: true, SilenceUsage: true, RunE: p.serveStdio,
	}
	root.SetIn(p.in)
	root.SetOut(helpWriter{p.out})
	root.SetErr(p.errs)
	root.SetFlagErrorFunc(flagError)
	return root
}

// addCommands adds all commands. Without a command the program does the same as stdio and accepts the same flags, which
// the help of the root does not repeat.
func (p program) addCommands(root *cobra.Command) {
	root.Version = version()
	root.SetVersionTemplate(versionLine())
	settingFlags(root, config.StdioSettings(), true)
	root.AddCommand(p.stdioCommand(), p.serveCommand(), p.sandboxCommand(), p.demoCommand(), p.approvalsCommand(), p.passkeysCommand(), p.ledgerCommand(), p.eventsCommand(), p.webhooksCommand(), p.doctorCommand(), p.smokeCommand(), p.tokenCommand(), p.signingSecretCommand(), p.setupCommand(), p.installCommand(), p.uninstallCommand(), p.toolsCommand(), p.versionCommand(), settingsTopic())
	root.SetHelpCommand(helpCommand())
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	root.InitDefaultVersionFlag()
}

// finish sets what all commands have in common, for a command and all below it. A group of commands
// refuses an unknown command, and prints its help if no command is given. The error of a command that
// was run becomes a runError.
func finish(c *cobra.Command) {
	c.InitDefaultHelpFlag()
	if f := c.Flags().Lookup("help"); f != nil {
		f.Usage = "show this help"
	}
	if f := c.Flags().Lookup("version"); f != nil {
		f.Usage = "print the version"
	}
	if parent := c.Parent(); parent != nil && parent.Name() == "completion" {
		c.Args = noArguments // cobra's own check words its errors differently
	}
	if c.HasSubCommands() {
		c.Args = unknownCommand
		if c.RunE == nil && c.Run == nil {
			c.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
		}
	}
	if run := c.RunE; run != nil {
		c.RunE = func(c *cobra.Command, args []string) error {
			if err := run(c, args); err != nil {
				return runError{err}
			}
			return nil
		}
	}
	for _, sub := range c.Commands() {
		finish(sub)
	}
}

// helpCommand replaces cobra's help command: it refuses an unknown command or topic.
func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use: "help [COMMAND]", Short: "Show the help of a command, or of a topic such as settings",
		RunE: func(c *cobra.Command, args []string) error {
			about, rest, err := c.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return unknownCommand(about, rest)
			}
			about.InitDefaultHelpFlag()
			return about.Help()
		},
		ValidArgsFunction: func(c *cobra.Command, args []string, _ string) (names []string, _ cobra.ShellCompDirective) {
			about, _, err := c.Root().Find(args)
			if err != nil {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			for _, sub := range about.Commands() {
				if sub.IsAvailableCommand() || sub.IsAdditionalHelpTopicCommand() {
					names = append(names, cobra.CompletionWithDesc(sub.Name(), sub.Short))
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
	}
}

// settingsTopic is the help about settings, as help settings shows it.
func settingsTopic() *cobra.Command {
	var b, hidden strings.Builder
	b.WriteString("Settings are environment variables. vennio-mcp stdio and serve take most of them as flags too,\nwhich win over the environment. ~/ at the start of a path is your home.\n\nFlag, and the variable of all commands\n")
	hidden.WriteString("\nOnly in the environment, never on the command line\n")
	for _, s := range config.Settings() {
		if s.Flag == "" {
			fmt.Fprintf(&hidden, "  %s\n      %s\n", strings.Join(s.Env, ", "), s.Help)
			continue
		}
		flag := "--" + s.Flag
		if s.Value != "bool" {
			flag += " " + s.Value
		}
		fmt.Fprintf(&b, "  %s, %s\n      %s", flag, strings.Join(s.Env, ", "), s.Help)
		if s.Default != "" {
			fmt.Fprintf(&b, " (default: %s)", s.Default)
		}
		b.WriteString("\n")
	}
	return &cobra.Command{Use: "settings", Short: "All settings, as flags and environment variables", Long: b.String() + hidden.String()}
}

// config reads the settings, including the flags that were given.
func (p program) config(c *cobra.Command) (config.Config, error) {
	given := map[string]string{}
	if c.Flags().Lookup("consent") != nil { // the other commands have flags of their own, and take settings from the environment alone
		c.Flags().Visit(func(f *pflag.Flag) { given[f.Name] = f.Value.String() })
	}
	return config.LoadOn(p.machine, given, p.getenv)
}

var (
	keyLike  = lazyregexp.New(`(?i)\bsk_(test|live)_`) // of Vennio's guide
	keyFlags = []string{"--api-key", "--apikey", "--key", "--token", "--vennio-api-key"}
)

// refuseKeys refuses keys in arguments, because every process of the machine can read the command line, and
// the shell keeps it in its history. The error does not repeat the key.
func refuseKeys(args []string) error {
	for _, arg := range args {
		name, _, _ := strings.Cut(arg, "=")
		if sanitize.VennioKey(arg) || keyLike().MatchString(arg) || slices.Contains(keyFlags, strings.ToLower(name)) {
			return errors.New("a key must not be on the command line, where others can read it: set VENNIO_API_KEY " +
				"(or VENNIO_API_KEY_FILE) in the environment instead, and replace this key if it was a real one")
		}
	}
	return nil
}
