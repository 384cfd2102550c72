package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/auth"
	"github.com/vennio-mcp/vennio-mcp/internal/config"
	"github.com/vennio-mcp/vennio-mcp/tools"
)

func TestHelpTeaches(t *testing.T) {
	t.Parallel()
	code, out, _ := run(t, clean(t), "--help")
	assert.Zero(t, code)
	for _, part := range []string{"stdio", "serve", "sandbox", "demo", "tools", "version", "webhooks", "smoke", "doctor", "completion", "--version", "help settings", "VENNIO_API_KEY", "claude mcp add"} {
		assert.Contains(t, out, part)
	}
	assert.NotContains(t, out, "--timezone", "settings have a topic")
	code, topic, _ := run(t, clean(t), "help", "settings")
	assert.Zero(t, code)
	for _, s := range config.Settings() {
		assert.Contains(t, topic, s.Name())
		assert.Contains(t, topic, "--"+s.Flag)
	}
	assert.Contains(t, topic, "never on the command line")
	assert.NotContains(t, topic, "--api-key")
}

// root returns the command line with all commands.
func (p program) root() *cobra.Command {
	root := p.rootAlone()
	p.addCommands(root)
	finish(root)
	p.completeValues(root)
	return root
}

// everyCommand calls check for each command of the program, cobra's own included.
func everyCommand(check func(c *cobra.Command)) {
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		check(c)
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(program{getenv: func(string) string { return "" }}.root())
}

// The help shows every value by one word, and settings are flags of the commands that serve,
// and of setup, which asks for some of them.
func TestFlagsOfAllCommands(t *testing.T) {
	t.Parallel()
	settings := map[string]bool{}
	for _, s := range config.Settings() {
		settings[s.Flag] = s.Flag != ""
	}
	everyCommand(func(c *cobra.Command) {
		assert.NotEmpty(t, c.Short, c.CommandPath())
		serves := slices.Contains([]string{"stdio", "serve", "setup"}, c.Name())
		c.Flags().VisitAll(func(f *pflag.Flag) {
			value, usage := pflag.UnquoteUsage(f)
			assert.Regexp(t, "^[a-z]*$", value, "%s --%s", c.CommandPath(), f.Name)
			assert.NotContains(t, usage, "`", "%s --%s", c.CommandPath(), f.Name)
			assert.Contains(t, []string{"bool", ""}, strings.TrimPrefix(f.Value.Type(), value), "%s --%s has a value that the help does not name", c.CommandPath(), f.Name)
			if !f.Hidden {
				assert.False(t, settings[f.Name] && !serves, "%s --%s", c.CommandPath(), f.Name)
			}
		})
		if serves {
			assert.NotNil(t, c.Flags().Lookup("timezone"))
		}
	})
}

// Every flag that takes a number, a duration, a time or one of a few values refuses others in our own
// words, and names itself, the value and what it takes. Every command refuses flags and arguments that
// it does not have. The exit code is 2 each time.
func TestEveryCommandRefusesWhatItDoesNotTake(t *testing.T) {
	t.Parallel()
	refuses := func(words []string, says ...string) {
		var out, errs bytes.Buffer
		p := program{getenv: func(string) string { return "" }, in: strings.NewReader(""), out: &out, errs: &errs}
		assert.Equal(t, 2, p.run(t.Context(), words), words)
		assert.Empty(t, out.String(), words)
		for _, part := range append(says, "--help") {
			assert.Contains(t, errs.String(), part, words)
		}
		for _, foreign := range []string{"strconv", "invalid argument", "parsing", "pflag", "requires at least", "accepts"} {
			assert.NotContains(t, errs.String(), foreign, words)
		}
	}
	checked := 0
	everyCommand(func(c *cobra.Command) {
		words := strings.Fields(c.CommandPath())[1:]
		if c.IsAdditionalHelpTopicCommand() {
			return
		}
		refuses(append(slices.Clone(words), "--nosuchflag"), "unknown flag: --nosuchflag")
		refuses(append(slices.Clone(words), "-Z"), "unknown flag: -Z")
		if c.HasSubCommands() {
			refuses(append(slices.Clone(words), "nosuchcommand"), `unknown command "nosuchcommand"`)
		} else if c.Name() != "help" {
			refuses(append(slices.Clone(words), "one", "too", "many"))
		}
		c.Flags().VisitAll(func(f *pflag.Flag) {
			v, ok := f.Value.(*flagValue)
			switch {
			case f.Hidden:
			case !ok:
				refuses(append(slices.Clone(words), "--"+f.Name+"=perhaps"), "--"+f.Name+` "perhaps": want true or false`)
			case v.want != "":
				for _, bad := range []string{"x", "-1", "1e9999", "9999999999999999999", ""} {
					refuses(append(slices.Clone(words), "--"+f.Name+"="+bad), "--"+f.Name+` "`+bad+`": want `)
					checked++
				}
				refuses(append(slices.Clone(words), "--"+f.Name), "--"+f.Name+" needs a value: ")
			case f.NoOptDefVal == "":
				refuses(append(slices.Clone(words), "--"+f.Name), "--"+f.Name+" needs a value")
			}
		})
	})
	assert.Greater(t, checked, 40)
	for name, bad := range map[string]string{
		"events-keep": "1w", "timeout": "-1s", "session-idle": "1y", "log-level": "loud", "log-format": "xml", "consent": "maybe", "dialect": "french", "week-start": "someday",
		"open-browser": "on", "read-only": "perhaps", "daily-bookings": "-1", "trusted-proxies": "x", "rate": "fast", "rate-all": "-1", "caller-requests": "1", "stateless": "2",
	} {
		code, _, errs := run(t, clean(t), "serve", "--"+name+"="+bad)
		assert.Equal(t, 2, code, name)
		assert.Regexp(t, "--"+name+` "`+bad+`": want `, errs)
	}
}

// Days are a unit beside hours wherever a person gives a duration.
func TestDurationsInDays(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{"1d": 24 * time.Hour, "1d12h": 36 * time.Hour, "0.5d": 12 * time.Hour, "24h": 24 * time.Hour, "90s": 90 * time.Second, "0s": 0} {
		got, err := config.ParseDuration(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
	}
	for _, bad := range []string{"", "d", "-1d", "-1h", "1d-2h", "1", "1dd", "d1", "1d ", "99999999d", "1e3d"} {
		_, err := config.ParseDuration(bad)
		require.Error(t, err, bad)
	}
	env := clean(t, "VENNIO_EVENTS_KEEP=30d", "VENNIO_MCP_SESSION_IDLE=1d")
	for _, line := range []string{"events list --since 1d --until 1h", "events replay --since 1d12h", "ledger list --since 7d --until 0.5d"} {
		code, _, errs := run(t, env, strings.Fields(line)...)
		assert.Zero(t, code, errs)
	}
}

func TestMisspelledCommandsAndFlags(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"evnts":                       "did you mean events?",
		"sevre":                       "did you mean serve?",
		"sandbx":                      "did you mean sandbox?",
		"unistall cursor":             "did you mean uninstall?",
		"events lst":                  "did you mean list?",
		"ledger shwo 1":               "did you mean show?",
		"token nwe ada":               "did you mean new?",
		"approvals aprove x":          "did you mean approve?",
		"completion bsh":              "did you mean bash?",
		"completion fsh":              "did you mean fish?",
		"serve --adress x":            "did you mean --addr?",
		"serve --address x":           "did you mean --addr?",
		"help ledgr":                  "did you mean ledger?",
		"events list --lmit 1":        "did you mean --limit?",
		"ledger list --outcom x":      "did you mean --outcome?",
		"serve --timezon UTC":         "did you mean --timezone?",
		"--timezon UTC":               "did you mean --timezone?",
		"events dead --all":           "did you mean --all-tenants?",
		"doctor --timezone UTC":       "set VENNIO_TIMEZONE in the environment",
		"stdio --tls-cert x":          "a setting of vennio-mcp serve alone",
		"install cursor --tls-cert x": "a setting of vennio-mcp serve alone",
	} {
		code, out, errs := run(t, clean(t), strings.Fields(line)...)
		assert.Equal(t, 2, code, line)
		assert.Empty(t, out, line)
		assert.Contains(t, errs, want, line)
	}
}

// Every flag and argument has a completion, and those with few values complete them.
func TestValuesAreCompleted(t *testing.T) {
	t.Parallel()
	everyCommand(func(c *cobra.Command) {
		assert.True(t, c.ValidArgs != nil || c.ValidArgsFunction != nil, c.CommandPath())
		c.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
			_, completes := c.GetFlagCompletionFunc(f.Name)
			assert.True(t, completes || f.Value.Type() == "file", "%s --%s", c.CommandPath(), f.Name)
		})
	})
	settings := filepath.Join(t.TempDir(), "settings.yml")
	require.NoError(t, os.WriteFile(settings, []byte("tenants: [{name: acme, api_key: vennio_sk_test_c4n4ry}]\ntokens: [{name: ada, tenant: acme, hash: \""+auth.HashOf(auth.NewToken()).String()+"\"}]\nsinks: [{name: crm, type: http, url: \"https://crm.example.com\", secret: c4n4ry-c4n4ry-sink}]\n"), 0o600))
	env := clean(t, "VENNIO_MCP_SETTINGS="+settings, "VENNIO_API_KEY=vennio_sk_test_c4n4ry")
	for line, want := range map[string]string{
		"":                            "serve\t",
		"serve --consent ":            "human",
		"serve --log-level ":          "debug",
		"stdio --week-start ":         "monday",
		"serve --timezone Europe/L":   "Europe/London",
		"serve --tools find_slots,":   "find_slots,book_slot",
		"--consent ":                  "attested",
		"install ":                    "claude-desktop",
		"uninstall cu":                "cursor",
		"events list --tenant ":       "acme",
		"webhooks list --tenant ":     "acme",
		"approvals link --tenant ":    "acme",
		"ledger list --tenant ":       "acme",
		"token new ada --tenant ":     "acme",
		"events list --type ":         "booking.created",
		"webhooks register --events ": "booking.*",
		"events replay --sink ":       "crm",
		"ledger list --outcome ":      "not_done",
		"ledger list --method ":       "terminal",
		"help ":                       "settings\t",
		"help events ":                "replay\t",
		"completion ":                 "zsh\t",
	} {
		words := strings.Split(line, " ")
		code, out, errs := run(t, env, append([]string{"__complete"}, words...)...)
		assert.Zero(t, code, errs)
		assert.Contains(t, out, want, line)
	}
}

// The reader of a list may stop reading: that is no error, and nothing is said.
func TestAClosedPipeIsSilent(t *testing.T) {
	t.Parallel()
	path, err := binary()
	require.NoError(t, err)
	env := clean(t)
	for _, line := range []string{
		"help", "--help", "serve --help", "help settings", "settings", "--version", "version", "completion bash", "completion zsh", "tools", "tools --json", "token new ada", "token new ada --json",
		"approvals", "approvals --json", "approvals browsers", "approvals browsers --json", "events", "events list", "events dead", "ledger list", "ledger verify", "ledger export", "install cursor --dry-run",
	} {
		read, write, err := os.Pipe()
		require.NoError(t, err)
		require.NoError(t, read.Close())
		var errs bytes.Buffer
		cmd := exec.CommandContext(t.Context(), path, strings.Fields(line)...)
		cmd.Env, cmd.Stdout, cmd.Stderr = env, write, &errs
		err = cmd.Run()
		require.NoError(t, write.Close())
		require.NoError(t, err, "%s: %s", line, &errs)
		assert.Empty(t, errs.String(), line)
	}
}

func TestAPortInUseIsExplained(t *testing.T) {
	t.Parallel()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = ln.Close() }()
	for command, flag := range map[string]string{"serve": "--addr", "sandbox": "--addr", "smoke": "--events-addr"} {
		code, _, errs := run(t, clean(t, "VENNIO_LOG_LEVEL=error"), command, flag, ln.Addr().String())
		assert.Equal(t, 1, code, command)
		assert.Contains(t, errs, "another program uses this port", command)
		assert.Contains(t, errs, flag+" 127.0.0.1:0", command)
	}
}

// The first line of the log says that the sandbox answers, with a level; colours are for terminals that
// show them, unless NO_COLOR asks for none.
func TestTheLogOnATerminal(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		return // no pseudo-terminals
	}
	for _, line := range []string{"smoke --bookings 1", "demo", "serve --addr 127.0.0.1:nosuchport", "serve --log-format console --addr 127.0.0.1:nosuchport"} {
		for _, setting := range []string{"TERM=xterm", "NO_COLOR=1", "TERM=dumb"} {
			_, shown := inTerminal(t, clean(t, setting), strings.Fields(line)...)
			assert.NotContains(t, shown, "???", line)
			if setting != "TERM=xterm" {
				assert.NotContains(t, shown, "\x1b", "%s %s", setting, line)
			} else if !strings.HasPrefix(line, "smoke") {
				assert.Contains(t, shown, "\x1b[", line)
			}
		}
	}
	_, out, errs := run(t, clean(t), "serve", "--log-format", "console", "--addr", "127.0.0.1:nosuchport")
	assert.NotContains(t, out+errs, "\x1b", "into a file")
	assert.Regexp(t, "WRN.* SANDBOX", errs)
}

// What every list prints as JSON is a JSON value a line.
func TestEveryListHasJSON(t *testing.T) {
	t.Parallel()
	vennio := startSandboxProcess(t)
	env := clean(t, "VENNIO_API_URL="+vennio, "VENNIO_API_KEY=vennio_sk_test_c4n4ry_lists", "VENNIO_HOSTS="+sandboxHostsSetting(), "VENNIO_CONSENT=ask")
	c := converse(t, env)
	booking := c.booking()
	c.call("book_slot", booking)
	for _, list := range []string{"approvals", "approvals browsers", "events list", "events dead", "webhooks list", "ledger list", "tools"} {
		out := well(t, env, append(strings.Fields(list), "--json")...)
		d := json.NewDecoder(strings.NewReader(out))
		for {
			var v any
			if err := d.Decode(&v); errors.Is(err, io.EOF) {
				break
			} else {
				require.NoError(t, err, "%s: %s", list, out)
			}
		}
	}
	var made struct{ Name, Tenant, Token, Hash string }
	require.NoError(t, json.Unmarshal([]byte(well(t, env, "token", "new", "ada", "--tenant", "acme", "--json")), &made))
	assert.Equal(t, auth.HashOf(made.Token).String(), made.Hash)
	assert.Equal(t, []string{"ada", "acme"}, []string{made.Name, made.Tenant})
}

func TestReplaySaysThatThereIsNoSink(t *testing.T) {
	t.Parallel()
	env := clean(t, "VENNIO_API_KEY=vennio_sk_test_c4n4ry")
	assert.Contains(t, well(t, env, "events", "replay", "--since", "1d"), "No sink is configured")
	assert.Contains(t, well(t, env, "events", "replay", "--since", "1d", "--json"), `"no_sink":true`)
}

func TestToolsAreShownAsAModelSeesThem(t *testing.T) {
	t.Parallel()
	_, text, _ := run(t, clean(t), "tools")
	assert.Contains(t, text, "find_slots")
	assert.Contains(t, text, `"slot_id"`)
	_, raw, _ := run(t, clean(t), "tools", "--json")
	var list []struct {
		Name         string
		OutputSchema map[string]any
	}
	require.NoError(t, json.Unmarshal([]byte(raw), &list))
	require.Len(t, list, len(tools.Catalog(tools.Deps{})))
	assert.NotEmpty(t, list[0].OutputSchema)
	_, v, _ := run(t, clean(t), "version")
	assert.True(t, strings.HasPrefix(v, "vennio-mcp "), v)
	code, same, _ := run(t, clean(t), "--version")
	assert.Zero(t, code)
	assert.Equal(t, v, same)
}

func TestTheCommandLineIsRefusedWithWhatToDo(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		args []string
		says []string
	}{
		"unknown command":        {[]string{"serv"}, []string{`unknown command "serv", did you mean serve?`}},
		"unknown flag":           {[]string{"--zone", "UTC"}, []string{"unknown flag: --zone", "--help"}},
		"a key as a flag":        {[]string{"--api-key", "vennio_sk_live_canary"}, []string{"a key must not be on the command line", "VENNIO_API_KEY"}},
		"a key as an argument":   {[]string{"serve", "vennio_pk_test_canary"}, []string{"a key must not be on the command line"}},
		"not loopback":           {[]string{"serve", "--addr", "0.0.0.0:8080"}, []string{"beyond loopback", "vennio-mcp token new NAME"}},
		"no port":                {[]string{"sandbox", "--addr", "localhost"}, []string{"want host:port"}},
		"two invalid settings":   {[]string{"--timezone", "EST", "--log-level", "loud"}, []string{"2 invalid settings", "America/New_York", "loud"}},
		"arguments not expected": {[]string{"version", "please"}, []string{`"please" is not expected here`}},
	} {
		code, out, errs := run(t, clean(t), tc.args...)
		assert.Equal(t, 2, code, name)
		assert.Empty(t, out, name)
		for _, part := range tc.says {
			assert.Contains(t, errs, part, name)
		}
		assert.NotContains(t, errs, "canary", name)
	}
}

// Slot ids outlive the process that gave them: the secret is kept.
func TestASlotFoundBeforeARestartCanBeBookedAfterIt(t *testing.T) {
	t.Parallel()
	vennio := startSandboxProcess(t)
	env := clean(t, "VENNIO_API_URL="+vennio, "VENNIO_API_KEY=vennio_sk_test_c4n4ry_restart", "VENNIO_HOSTS="+sandboxHostsSetting())
	found := talk(t, env, `{"name":"find_slots","arguments":{"when":"next week"}}`)
	id := found[strings.Index(found, `"slot_id":"`)+len(`"slot_id":"`):][:33]
	booked := talk(t, env, `{"name":"book_slot","arguments":{"slot_id":"`+id+`","title":"Intro","attendees":[{"email":"ada@example.com","name":"Ada"}],"consent":{"granted":true,"given_by":"Ada","statement":"yes"}}}`)
	assert.Contains(t, booked, `"status":"confirmed"`)
	home := strings.TrimPrefix(env[0], "HOME=")
	files, err := filepath.Glob(filepath.Join(home, "*", "*", "*", "signing-secret"))
	require.NoError(t, err)
	more, err := filepath.Glob(filepath.Join(home, "*", "signing-secret"))
	require.NoError(t, err)
	assert.Len(t, append(files, more...), 1)
}

// talk starts the program, makes one call over stdio and returns the answer.
func talk(t *testing.T, env []string, call string) string {
	t.Helper()
	p := start(t, env)
	_, err := io.WriteString(p.stdin, hello+`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":`+call+"}\n")
	require.NoError(t, err)
	require.NoError(t, p.stdin.Close())
	out, err := io.ReadAll(p.stdout)
	require.NoError(t, err)
	require.Zero(t, p.wait(), p.stderr)
	return string(out)
}

func TestWithoutAHomeItStillServes(t *testing.T) {
	t.Parallel()
	env := []string{"PATH=" + os.Getenv("PATH"), "SYSTEMROOT=" + os.Getenv("SYSTEMROOT")}
	assert.Contains(t, talk(t, env, `{"name":"find_slots","arguments":{}}`), "slot_id")
}
