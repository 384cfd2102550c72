package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/vennio-mcp/vennio-mcp/internal/config"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
	"github.com/vennio-mcp/vennio-mcp/internal/webhooks"
	"github.com/vennio-mcp/vennio-mcp/schemas"
)

// flagValue is the value of a flag that takes one. Its kind is the word that the help shows for it, and
// want says what the flag accepts, in the words of an error.
type flagValue struct {
	kind, want, text string
	set              func(string) error
	choices          []string
}

// String implements pflag.Value: the value as it was given, or the default.
func (v *flagValue) String() string { return v.text }

// Type implements pflag.Value.
func (v *flagValue) Type() string { return v.kind }

// Set implements pflag.Value.
func (v *flagValue) Set(text string) error {
	if err := v.set(text); err != nil {
		return err
	}
	v.text = text
	return nil
}

// textFlag is a flag for any text; kind is what the help calls it, such as id, url or file.
func textFlag(c *cobra.Command, to *string, name, kind, usage string) {
	c.Flags().Var(textValue(to, kind, *to), name, usage)
}

func textValue(to *string, kind, value string) *flagValue {
	return &flagValue{kind: kind, text: value, set: func(text string) error {
		*to = text
		return nil
	}}
}

// numberFlag is a flag for a number from least to most, where 0 means all; its default is what to holds.
func numberFlag(c *cobra.Command, to *int, name string, least, most int, usage string) {
	v := &flagValue{kind: "number", text: strconv.Itoa(*to), want: fmt.Sprintf("a number from %d to %d", least, most)}
	if least == 0 {
		v.want += ", where 0 is all"
	}
	v.set = func(text string) error {
		n, err := strconv.Atoi(text)
		if err != nil || n < least || n > most {
			return errors.New("want " + v.want)
		}
		*to = n
		return nil
	}
	c.Flags().Var(v, name, usage)
}

// durationFlag is a flag for a duration greater than zero; its default is what to holds.
func durationFlag(c *cobra.Command, to *time.Duration, name, usage string) {
	v := &flagValue{kind: "duration", text: to.String(), want: "a duration greater than zero, such as 30s, 24h or 1d"}
	v.set = func(text string) error {
		d, err := config.ParseDuration(text)
		if err != nil || d <= 0 {
			return errors.New("want " + v.want)
		}
		*to = d
		return nil
	}
	c.Flags().Var(v, name, usage)
}

// momentFlag is a flag for an instant: how long ago it was, or the instant itself.
func (p program) momentFlag(c *cobra.Command, to *time.Time, name, usage string) {
	v := &flagValue{kind: "time", want: "a duration ago, such as 24h or 1d, or a time, such as 2026-05-18T09:00:00Z or 2026-05-18"}
	v.set = func(text string) (err error) {
		if ago, err := config.ParseDuration(text); err == nil {
			*to = p.clock()().Add(-ago)
			return nil
		}
		for _, layout := range []string{time.RFC3339, time.DateOnly} {
			if *to, err = time.Parse(layout, text); err == nil {
				return nil
			}
		}
		return errors.New("want " + v.want)
	}
	c.Flags().Var(v, name, usage+": "+v.want)
}

func choiceFlag(c *cobra.Command, to *string, name, kind, usage string, choices ...string) {
	v := &flagValue{kind: kind, want: "one of " + strings.Join(choices, ", "), choices: choices}
	v.set = func(text string) error {
		if !slices.Contains(choices, text) {
			return errors.New("want " + v.want)
		}
		*to = text
		return nil
	}
	c.Flags().Var(v, name, usage+": "+strings.Join(choices, ", "))
}

// settingFlags adds settings as flags. Their values are checked together with the environment and the
// settings file, so that all mistakes are reported at once.
func settingFlags(c *cobra.Command, settings []config.Setting, hidden bool) {
	for _, s := range settings {
		if s.Flag == "" {
			continue
		}
		v := textValue(new(string), s.Value, s.Default)
		v.choices = s.Choices()
		f := c.Flags().VarPF(v, s.Flag, "", s.Help+" ("+strings.Join(s.Env, ", ")+")")
		f.Hidden = hidden
		if s.Value == "bool" { // the flag alone turns it on
			f.NoOptDefVal = "true"
		}
	}
}

// flagError says which flag is wrong, what was given, and what is accepted.
func flagError(c *cobra.Command, err error) error {
	if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok {
		err = errors.New(unknownFlag(c, unknown))
	} else if missing, ok := errors.AsType[*pflag.ValueRequiredError](err); ok {
		err = errors.New(strings.TrimSuffix("--"+missing.GetFlag().Name+" needs a value: "+accepts(missing.GetFlag()), ": "))
	} else if invalid, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		err = fmt.Errorf("--%s %s: want %s", invalid.GetFlag().Name, sanitize.Quote(invalid.GetValue(), 40), accepts(invalid.GetFlag()))
	} else if syntax, ok := errors.AsType[*pflag.InvalidSyntaxError](err); ok {
		err = fmt.Errorf("%s is not a flag", sanitize.Quote(syntax.GetSpecifiedFlag(), 40))
	}
	return usageError{fmt.Errorf("%w; see: %s --help", err, c.CommandPath())}
}

// accepts says which values a flag takes.
func accepts(f *pflag.Flag) string {
	v, ok := f.Value.(*flagValue)
	switch {
	case !ok:
		return "true or false"
	case v.want == "" && v.choices != nil:
		return "one of " + strings.Join(v.choices, ", ")
	}
	return v.want
}

// unknownFlag names the flag that was probably meant, or where the flag belongs.
func unknownFlag(c *cobra.Command, err *pflag.NotExistError) string {
	name := err.GetSpecifiedName()
	if short := err.GetSpecifiedShortnames(); short != "" {
		return "unknown flag: -" + sanitize.Line(name, 1)
	}
	message := "unknown flag: --" + sanitize.Line(name, 40)
	for _, s := range config.Settings() {
		if s.Flag != name || s.Flag == "" {
			continue
		}
		if c.Flags().Lookup("consent") != nil { // a command that takes settings, but not those of HTTP
			return message + ", which is a setting of vennio-mcp serve alone"
		}
		return message + ", which is a setting of vennio-mcp stdio and serve; for this command, set " + s.Name() + " in the environment"
	}
	var known []string
	prefixed := ""
	c.Flags().VisitAll(func(f *pflag.Flag) {
		known = append(known, f.Name)
		if prefixed == "" && strings.HasPrefix(f.Name, name) {
			prefixed = f.Name
		}
	})
	if near := cmp.Or(nearestFlag(name, known), prefixed); near != "" {
		message += ", did you mean --" + near + "?"
	}
	return message
}

// nearestFlag also knows the full words of the abbreviations in names of flags: --address means --addr.
func nearestFlag(name string, known []string) string {
	if near := nearest(name, known); near != "" {
		return near
	}
	short := map[string]string{}
	for _, k := range known {
		short[abbreviations.Replace(k)] = k
	}
	return short[nearest(name, slices.Sorted(maps.Keys(short)))]
}

var abbreviations = strings.NewReplacer("addr", "address", "dir", "directory", "cert", "certificate")

// nearest returns the name that was probably meant. For words too short for schemas.Nearest it is the only
// one that differs in one letter, the first one excepted.
func nearest(name string, known []string) string {
	if near := schemas.Nearest(name, known); near != "" {
		return near
	}
	var near []string
	for _, k := range known {
		if len(name) > 1 && len(name) < 5 && name[0] == k[0] && times.EditDistance([]rune(name), []rune(k)) == 1 {
			near = append(near, k)
		}
	}
	if len(near) == 1 {
		return near[0]
	}
	return ""
}

// unknownCommand refuses what is not a command of c, and names the one that was probably meant.
func unknownCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	message := "unknown command " + sanitize.Quote(args[0], 40)
	var known []string
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() || sub.IsAdditionalHelpTopicCommand() {
			known = append(known, sub.Name())
		}
	}
	if near := nearest(args[0], known); near != "" {
		message += ", did you mean " + near + "?"
	}
	return usageError{fmt.Errorf("%s; see: %s --help", message, c.CommandPath())}
}

func noArguments(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError{fmt.Errorf("%s is not expected here; see: %s --help", sanitize.Quote(args[0], 40), c.CommandPath())}
	}
	return nil
}

// oneID expects one id, which the command lister shows.
func oneID(lister string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) != 1 {
			return usageError{fmt.Errorf("want one id; vennio-mcp %s shows them; see: %s --help", lister, c.CommandPath())}
		}
		return nil
	}
}

const (
	tenantFlag = "tenant"
	tenantHelp = "a tenant of the settings file (default: the account of VENNIO_API_KEY)"

	allTenantsFlag = "all-tenants"
	allTenantsHelp = "of the default tenant and all others"
)

// addTenantFlag lets a command take --tenant.
func addTenantFlag(flags *pflag.FlagSet) {
	flags.Var(textValue(new(string), "tenant", ""), tenantFlag, tenantHelp)
}

// tenantIn returns the tenant that the command line names; empty for the default one.
func tenantIn(c *cobra.Command) string {
	if f := c.Flags().Lookup(tenantFlag); f != nil {
		return f.Value.String()
	}
	return ""
}

func allTenants(c *cobra.Command) bool {
	all, _ := c.Flags().GetBool(allTenantsFlag)
	return all
}

// withAllTenants lets a command take --all-tenants instead of --tenant.
func withAllTenants(c *cobra.Command) *cobra.Command {
	c.Flags().Bool(allTenantsFlag, false, allTenantsHelp)
	c.PreRunE = func(c *cobra.Command, _ []string) error {
		if allTenants(c) && c.Flags().Changed(tenantFlag) {
			return usageError{errors.New("--" + allTenantsFlag + " and --" + tenantFlag + " contradict each other: omit one")}
		}
		return nil
	}
	return c
}

// inboxHas refuses a tenant that is neither in the settings nor in the stored events: a tenant that was
// removed from the settings may still have dead letters.
func inboxHas(ctx context.Context, cfg config.Config, in *webhooks.Service, tenant string) error {
	if _, ok := cfg.Of(tenant); ok {
		return nil
	}
	known, err := in.HasEvents(ctx, tenant)
	if err != nil || known {
		return err
	}
	return noTenant(cfg, tenant)
}

func noTenant(cfg config.Config, tenant string) error {
	names := make([]string, len(cfg.Tenants))
	for i, t := range cfg.Tenants {
		names[i] = t.Name
	}
	there := "there are none"
	if len(names) > 0 {
		there = "there are " + strings.Join(names, ", ")
	}
	return usageError{fmt.Errorf("--tenant %s: the settings file (VENNIO_MCP_SETTINGS) has no such tenant; %s", sanitize.Quote(tenant, 64), there)}
}

// forTenant returns the flag that names a tenant, to be appended to a command.
func forTenant(tenant string) string {
	if tenant == "" {
		return ""
	}
	return " --" + tenantFlag + " " + tenant
}
