package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/vennio-mcp/vennio-mcp/internal/config"
	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/doctor"
	"github.com/vennio-mcp/vennio-mcp/internal/mcpclients"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

const setupAbout = `Asks for everything that a first booking needs, tests each answer, writes the
settings of the MCP clients that you choose, and ends with a search for free times.

  key       of Vennio; made at https://vennio.app/api-keys, shown there once. It is not
            shown while you type, and stored in a file that only you can read
  host      whose calendar is booked; setup lists the hosts that the key can see
  zone      of calls that name none
  consent   what counts as consent, and how you approve if your approval is needed
  clients   in whose settings this server is entered

Nothing is written before you confirm at the end; Ctrl-C stops at any question. Run it
again to change an answer: the present ones are the defaults. For scripts, --yes takes
the defaults and the flags, and asks nothing. Without an account, --sandbox sets up a
trial in which nothing real is booked.`

// setupFlags are the answers that are not settings. The others are the flags of the settings.
type setupFlags struct {
	sandbox, yes, dry      bool
	keyFile, clients, name string
	approve                string
}

func (p program) setupCommand() *cobra.Command {
	f := setupFlags{name: defaultName}
	c := &cobra.Command{
		Use: "setup", Short: "Set up a key, hosts, consent and MCP clients, step by step", Long: setupAbout, Args: noArguments,
		Example: "  vennio-mcp setup\n  vennio-mcp setup --sandbox\n  vennio-mcp setup --yes --key-file ~/vennio.key --hosts Ada=UUID --timezone Europe/London --consent ask --clients claude-code",
		RunE: func(c *cobra.Command, _ []string) error {
			s := &setup{program: p, command: c, flags: f, console: console{out: p.out}, answers: map[string]string{}}
			return s.run(c.Context())
		},
	}
	settingFlags(c, config.StdioSettings(), true)
	for _, name := range []string{"hosts", "timezone", "consent"} { // the questions
		c.Flags().Lookup(name).Hidden = false
	}
	c.Flags().BoolVar(&f.sandbox, "sandbox", false, "set up a trial in the built-in sandbox, without a key")
	c.Flags().BoolVar(&f.yes, "yes", false, "ask nothing: take the flags, and the defaults for the rest")
	c.Flags().BoolVar(&f.dry, "dry-run", false, "ask and test as usual, show what would be written, and write nothing")
	textFlag(c, &f.keyFile, "key-file", "file", "file that holds the key, for you alone (default: the key in VENNIO_API_KEY, or the present one)")
	textFlag(c, &f.clients, "clients", "list", "clients to install into, comma-separated; all: those on this machine; none")
	textFlag(c, &f.name, "name", "name", "what the clients call the server")
	choiceFlag(c, &f.approve, "approve-with", "way", "how people approve under human and signed", approveInBrowser, approveByPasskey, approveLater)
	return c
}

// setup is one run of the dialogue.
type setup struct {
	program         // its getenv also returns the answers, and the settings of an earlier run
	console         console
	command         *cobra.Command
	flags           setupFlags
	answers         map[string]string // by name of the setting; an empty one removes the setting
	clients, absent []mcpclients.Client
	approve         string              // browser, passkey or later; empty: the policy does not require any of them
	seen            []vennioclient.Host // hosts that the key can see
	environment     map[string]string   // the settings as they were written
	hasKey          bool                // a key was set when setup began
	written         bool                // something has been written
}

func (s *setup) run(ctx context.Context) error {
	if err := s.prepare(); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{s.askKey, s.askHosts, s.askZone, s.askConsent, s.askApproval, s.askClients, s.write, s.tryOut, s.prepareApproval} {
		err := step(ctx)
		switch {
		case errors.Is(err, errDry):
			return nil
		case errors.Is(err, errStopped) && s.written:
			return fmt.Errorf("%w after the settings were written", err)
		case errors.Is(err, errStopped):
			return fmt.Errorf("%w: nothing was written", err)
		case err != nil:
			return err
		}
	}
	return nil
}

// prepare decides whether somebody can be asked, and reads the present settings.
func (s *setup) prepare() error {
	switch {
	case s.flags.yes:
	case !s.onTerminal():
		return usageError{errors.New("setup asks questions, and this is not a terminal: run it in one, or give --yes with --key-file FILE (or --sandbox), --hosts, --timezone, --consent and --clients; see: vennio-mcp setup --help")}
	default:
		s.console.in = s.in
	}
	if err := mcpclients.CheckName(s.flags.name); err != nil {
		return usageError{fmt.Errorf("--name: %w", err)}
	}
	here := mcpclients.Here(s.getenv)
	if here.Home == "" {
		return errNoHome
	}
	earlier := s.earlier(here)
	environment := s.getenv
	s.getenv = func(name string) string {
		if answer, ok := s.answers[name]; ok {
			return answer
		}
		return cmp.Or(environment(name), earlier[name])
	}
	if s.hasKey = s.getenv(keyVariable) != "" || s.getenv(keyFileVariable) != ""; !s.hasKey {
		s.answers[keyVariable] = "unknown" // until askKey: the address may be set already, which only a key allows
	}
	_, err := s.config(s.command)
	return err
}

// earlier returns the valid settings of the first client that has an entry of an earlier run. A key in the
// environment replaces the key of that run.
func (s *setup) earlier(here mcpclients.System) map[string]string {
	found := map[string]string{}
	for _, c := range here.Clients() {
		all := c.Settings(s.flags.name)
		if all == nil {
			continue
		}
		for _, setting := range config.Settings() {
			name := setting.Name()
			replaced := isKey(name) && (s.getenv(keyVariable) != "" || s.getenv(keyFileVariable) != "")
			if value := all[name]; value != "" && !replaced && setting.Check(value, s.getenv) == nil {
				found[name] = value
			}
		}
		break
	}
	return found
}

// flag returns the value of a flag of a setting if it was given, else "".
func (s *setup) flag(name string) string {
	if f := s.command.Flags().Lookup(name); f.Changed {
		return f.Value.String()
	}
	return ""
}

func (s *setup) say(format string, args ...any) { _, _ = fmt.Fprintf(s.out, format+"\n", args...) }

// target returns what the doctor checks, with the answers so far.
func (s *setup) target() (doctor.Target, error) {
	cfg, err := s.config(s.command)
	return doctor.Target{Config: cfg, Now: s.clock(), Transport: http.DefaultTransport}, err
}

// show prints the findings that are warnings, and returns the first problem.
func (s *setup) show(found []doctor.Finding) (first *doctor.Finding) {
	for _, f := range found {
		f.Saw, f.Do = sanitize.Mask(f.Saw), sanitize.Mask(f.Do)
		switch {
		case f.Level == doctor.Problem && first == nil:
			first = &f
		case f.Level == doctor.Warning:
			s.say("  Note: %s. %s", f.Saw, f.Do)
		}
	}
	return first
}

// problemError is the error of a problem that the doctor found.
func problemError(f *doctor.Finding) error { return fmt.Errorf("%s. %s", f.Saw, f.Do) }

// askKey asks for the key and tests it, or sets up the trial.
func (s *setup) askKey(ctx context.Context) error {
	if s.flags.sandbox {
		s.trial()
		return nil
	}
	q := question{text: "Key", flag: "key-file", hidden: true, given: s.flags.keyFile}
	if s.hasKey {
		q.fallback = "present"
	}
	q.accept = func(answer string) error { return s.acceptKey(ctx, answer) }
	if s.console.in != nil && q.given == "" {
		s.say("Vennio's API key. Make one at https://vennio.app/api-keys: Vennio shows it once. What you type is not shown.")
		if q.fallback != "" {
			s.say("Press Enter to keep the present key, or type sandbox for a trial in which nothing real is booked.")
		} else {
			s.say("Without an account, type sandbox for a trial in which nothing real is booked.")
		}
	}
	if s.console.in == nil && q.given == "" && q.fallback == "" {
		return usageError{errors.New("there is no key: give --key-file FILE, or set VENNIO_API_KEY, or give --sandbox for a trial")}
	}
	return s.console.ask(ctx, q)
}

// trial sets up the sandbox, which has its own hosts and needs no key.
func (s *setup) trial() {
	for _, name := range []string{keyVariable, keyFileVariable, "VENNIO_HOSTS", "VENNIO_BUSINESS_ID", "VENNIO_API_URL", "VENNIO_API_DIALECT"} {
		s.answers[name] = ""
	}
}

// acceptKey tests a key: "present" is the one that is set already, and the value of --key-file is a path.
func (s *setup) acceptKey(ctx context.Context, answer string) error {
	switch {
	case strings.EqualFold(answer, "sandbox") && s.flags.keyFile == "":
		s.trial()
		return nil
	case s.flags.keyFile != "":
		s.answers[keyVariable], s.answers[keyFileVariable] = "", answer
	case answer == "present":
		delete(s.answers, keyVariable)
		delete(s.answers, keyFileVariable)
	default:
		key, err := cleanKey(answer)
		if err != nil {
			return err
		}
		s.answers[keyVariable], s.answers[keyFileVariable] = key, ""
	}
	return s.testKey(ctx)
}

// testKey asks Vennio with the key, and says what the key can do. Where the connection or the clock is at
// fault, the person need not give the key again.
func (s *setup) testKey(ctx context.Context) error {
	if _, err := s.entry(s.command, placed{name: s.flags.name}); err != nil { // for example, others can read the key file
		return err
	}
	for goOn := false; ; {
		t, err := s.target()
		if err != nil {
			return err
		}
		found, hosts := t.Account(ctx)
		switch p := s.show(found); {
		case p == nil || goOn && p.Check == doctor.CheckClock:
			s.seen = hosts
			s.introduceKey(vennioclient.KeyKind(t.Config.APIKey.Reveal()))
			return nil
		case s.console.in == nil || p.Check != doctor.CheckAddress && p.Check != doctor.CheckClock:
			return problemError(p)
		default:
			s.say("  %s", problemError(p))
			if goOn, err = s.repair(ctx, p.Check); err != nil {
				return err
			}
		}
	}
}

// repair waits until the person has changed what keeps Vennio from answering. It reports whether they want to go
// on nevertheless, which only a wrong clock allows.
func (s *setup) repair(ctx context.Context, check string) (goOn bool, err error) {
	text := "Press Enter to try again, or type another address of Vennio"
	if check == doctor.CheckClock {
		text = "Press Enter to try again, or type continue to go on with this clock"
	}
	err = s.console.ask(ctx, question{text: text, fallback: "again", accept: func(answer string) error {
		switch {
		case answer == "again":
			return nil
		case check == doctor.CheckClock:
			if goOn = strings.EqualFold(answer, "continue"); !goOn {
				return errors.New("press Enter, or type continue")
			}
			return nil
		}
		if err := settingOf("api-url").Check(answer, s.getenv); err != nil {
			return err
		}
		s.answers["VENNIO_API_URL"] = answer
		return nil
	}})
	return goOn, err
}

func (s *setup) introduceKey(kind vennioclient.KeyClass) {
	s.say("The key works: %s.", kind)
	switch {
	case kind.Test():
		s.say("  Note: it is a test key. Bookings are stored, but no e-mail is sent and no calendar changes.")
	case kind.Publishable():
		s.say("  Note: it is a publishable key, which finds times and books, and can do nothing else. For assistants use a secret key (vennio_sk_…).")
	case kind == vennioclient.KeyUnknown:
		s.say("  Note: it has none of Vennio's prefixes, such as vennio_sk_.")
	}
}

// cleanKey removes what is often copied together with a key, and refuses what is no key. Its errors do not
// repeat the text.
func cleanKey(text string) (string, error) {
	for _, prefix := range []string{"export ", keyVariable + "=", "Authorization:", "Bearer "} {
		text = strings.TrimSpace(text)
		if len(text) >= len(prefix) && strings.EqualFold(text[:len(prefix)], prefix) {
			text = text[len(prefix):]
		}
	}
	text = strings.Trim(text, "\"'`“”‘’ \t\u00a0\u200b\ufeff")
	switch {
	case text == "":
		return "", errors.New("that is blank; copy the key again")
	case strings.HasPrefix(text, "whsec_"):
		return "", errors.New("that is the secret of a webhook, not a key; keys begin with vennio_sk_")
	case strings.HasPrefix(text, "vennio_rt_"):
		return "", errors.New("that is a refresh token, which makes no calls; keys begin with vennio_sk_")
	case strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }):
		return "", errors.New("it has blanks or characters that no key has; copy it again")
	}
	return text, nil
}

func settingOf(flag string) config.Setting {
	all := config.StdioSettings()
	return all[slices.IndexFunc(all, func(one config.Setting) bool { return one.Flag == flag })]
}

// askSetting asks for a setting whose value one line can hold.
func (s *setup) askSetting(ctx context.Context, flag, text, fallback string) error {
	setting := settingOf(flag)
	return s.console.ask(ctx, question{text: text, flag: flag, given: s.flag(flag), fallback: fallback, accept: func(answer string) error {
		if err := setting.Check(answer, s.getenv); err != nil {
			return err
		}
		s.answers[setting.Name()] = answer
		return nil
	}})
}

func (s *setup) askZone(ctx context.Context) error {
	cfg, err := s.config(s.command)
	if err != nil {
		return err
	}
	fallback := cfg.Zone.String()
	switch {
	case cfg.ZoneWarning != "":
		fallback = ""
	case strings.HasSuffix(fallback, "UTC") && s.flag("timezone") == "":
		s.say("  Note: the zone is UTC so far. Name your zone, unless UTC is right.")
	}
	return s.askSetting(ctx, "timezone", "Time zone of the people here, such as Europe/London", fallback)
}

// policies describes the consent policies, in the order in which they are offered.
var policies = []struct {
	name consent.Policy
	text string
}{
	{consent.PolicyAsk, "the person ticks a form in the client or approves on a page; where the client can show neither, the agent's statement counts"},
	{consent.PolicyHuman, "only a person approves: in a form, on a page in a paired browser, or in a terminal"},
	{consent.PolicySigned, "only a person's passkey approves, on a page; vennio-mcp passkeys add adds it"},
	{consent.PolicyAttested, "the agent states who agreed and in which words"},
}

func (s *setup) askConsent(ctx context.Context) error {
	cfg, err := s.config(s.command)
	if err != nil {
		return err
	}
	if s.console.in != nil && s.flag("consent") == "" {
		s.say("What counts as consent to a booking?")
		for _, p := range policies {
			s.say("  %-9s %s", p.name, p.text)
		}
	}
	return s.askSetting(ctx, "consent", "Policy", string(cfg.Consent))
}

// The ways in which a person prepares to approve, under policies that require it.
const (
	approveInBrowser = "browser"
	approveByPasskey = "passkey"
	approveLater     = "later"
)

// askApproval asks how the person will approve, if the agent's word never counts.
func (s *setup) askApproval(ctx context.Context) error {
	cfg, err := s.config(s.command)
	if err != nil {
		return err
	}
	ways := []string{approveInBrowser, approveByPasskey, approveLater}
	switch cfg.Consent {
	case consent.PolicyHuman:
	case consent.PolicySigned:
		ways = ways[1:]
	case consent.PolicyAttested, consent.PolicyAsk:
		return nil
	}
	if s.console.in != nil && s.flags.approve == "" {
		s.say("How will you approve? Your browser is paired, or a passkey added in it, at the end of setup; or do it later.")
	}
	return s.console.ask(ctx, question{text: "Approve with " + strings.Join(ways, ", "), flag: "approve-with", given: s.flags.approve, fallback: ways[0], accept: func(answer string) error {
		if s.approve = strings.ToLower(answer); !slices.Contains(ways, s.approve) {
			return fmt.Errorf("%s: want %s", sanitize.Quote(answer, 40), strings.Join(ways, ", "))
		}
		return nil
	}})
}

func (s *setup) askClients(ctx context.Context) error {
	var here []string
	for _, c := range mcpclients.Here(s.getenv).Clients() {
		if c.Detected() {
			here = append(here, c.ID)
			continue
		}
		s.absent = append(s.absent, c)
	}
	q := question{text: "Clients to install into, with commas between; all: those on this machine; none", flag: "clients", given: s.flags.clients, fallback: "all"}
	if len(here) == 0 {
		q.fallback = "none"
	}
	if s.console.in != nil && q.given == "" {
		s.say("MCP clients on this machine: %s. Not found here: %s.", cmp.Or(strings.Join(here, ", "), "none"), joinIDs(s.absent))
	}
	q.accept = func(answer string) (err error) {
		s.clients, err = chooseClients(answer, here, mcpclients.Here(s.getenv))
		return err
	}
	return s.console.ask(ctx, q)
}

func joinIDs(clients []mcpclients.Client) string {
	return cmp.Or(strings.Join(idsOf(clients), ", "), "none")
}

// chooseClients reads ids of clients with commas between, all for those that are here, or none.
func chooseClients(answer string, here []string, system mcpclients.System) (chosen []mcpclients.Client, err error) {
	ids := strings.FieldsFunc(strings.ToLower(answer), func(r rune) bool { return r == ',' || r == ' ' })
	switch strings.Join(ids, ",") {
	case "none":
		return nil, nil
	case "all":
		if ids = here; len(ids) == 0 {
			return nil, errors.New("no client was found on this machine: name one, or answer none")
		}
	}
	for _, id := range ids {
		c, ok := system.Find(id)
		if !ok {
			return nil, fmt.Errorf("unknown client %s; there are %s", sanitize.Quote(id, 40), strings.Join(clientIDs(), ", "))
		}
		chosen = append(chosen, c)
	}
	return chosen, nil
}
