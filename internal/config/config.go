package config

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/passkey"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/scheduling"
	"github.com/vennio-mcp/vennio-mcp/internal/slots"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
	"github.com/vennio-mcp/vennio-mcp/internal/webhooks"
	"github.com/vennio-mcp/vennio-mcp/tools"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// Secret is a setting that is never printed.
type Secret = sanitize.Secret

// Config contains all settings, typed and validated.
type Config struct {
	APIKey          Secret
	KeyCreated      time.Time // zero if not set
	APIURL          string
	Dialect         vennioclient.Dialect
	BusinessID      string
	Hosts           scheduling.Directory
	Zone            *time.Location
	ZoneFrom        string       // the setting or the file of the machine that sets the zone; empty: none does
	ZoneWarning     string       // why the zone is UTC although nobody chose it; also in Warnings
	WeekStart       time.Weekday // zero is Sunday, as in package time; the default is Monday
	Consent         consent.Policy
	Tools           tools.Selection
	Canary          scheduling.Rollout
	SigningSecrets  []Secret // the first signs, the second only verifies; none: the state folder contains one
	DatabaseURL     Secret   // of a PostgreSQL database; empty: the state folder has one
	StateDir        string
	Timeout         time.Duration // per-attempt timeout of requests to Vennio
	SettingsFile    string
	Sinks           []webhooks.Sink // of the settings file
	WebhookSecrets  []Secret        // one, or two during rotation; none: only those of registered subscriptions
	EventsKeep      time.Duration
	Limits          scheduling.Limits
	Preferences     slots.Preferences               // of all hosts, in Zone
	HostPreferences map[string]slots.Preferences    // complete ones of single hosts, by id in lower case
	Serve           Serve                           // of HTTP
	Tenants         []Tenant                        // of the settings file, each with its own Vennio account
	Passkeys        map[string][]passkey.Credential // of the settings file, by tenant; a tenant without one enrols its own
	LogLevel        string
	LogFormat       string
	OpenBrowser     string   // auto or off
	Card            string   // on, link or off: see tools.CardMode
	Form            string   // native or card
	urlFrom         string   // where APIURL was set
	Warnings        []string // about unusual but valid settings
}

// Sandbox reports whether the built-in sandbox answers instead of Vennio.
func (c Config) Sandbox() bool { return c.APIKey == "" }

// Store returns the location of stored data, as sqldb.Open accepts it; empty if there is none. It may
// contain a password. The sandbox has a separate folder, so that invented bookings never mix with an
// account's.
func (c Config) Store() string {
	if !c.Real() {
		return c.SandboxDir()
	}
	return c.AccountStore()
}

// AccountStore returns the location of what is stored for accounts of Vennio, whether there is a key or not.
func (c Config) AccountStore() string { return cmp.Or(c.DatabaseURL.Reveal(), c.StateDir) }

// SandboxDir returns the folder in which the built-in sandbox stores its data; empty if there is none.
func (c Config) SandboxDir() string {
	if c.StateDir == "" {
		return ""
	}
	return filepath.Join(c.StateDir, "sandbox")
}

// SandboxDir is Config.SandboxDir for commands that use no other setting: they also work while others are
// invalid.
func SandboxDir(getenv func(string) string) (string, error) {
	dir := cmp.Or(getenv("VENNIO_STATE_DIR"), stateDir(getenv))
	dir, err := ExpandPath(dir, getenv)
	if err != nil {
		return "", fmt.Errorf("VENNIO_STATE_DIR %w", err)
	}
	return Config{StateDir: dir}.SandboxDir(), nil
}

// Mistakes is the error of invalid settings. It lists all of them.
type Mistakes []string

func (m Mistakes) Error() string {
	settings := "settings"
	if len(m) == 1 {
		settings = "setting"
	}
	return fmt.Sprintf("%d invalid %s:\n  - %s", len(m), settings, strings.Join(m, "\n  - "))
}

// Load returns the settings from flags (those that were given, by name) over
// getenv over defaults, or Mistakes. It touches neither os.Args nor os.Getenv.
func Load(flags map[string]string, getenv func(string) string) (Config, error) {
	return LoadOn(times.Machine{}, flags, getenv)
}

// LoadOn is Load with the time zone of a given machine. If the machine has no TZ, that of getenv is used,
// where an empty value means that it is not set.
func LoadOn(machine times.Machine, flags map[string]string, getenv func(string) string) (Config, error) {
	c := Config{}
	var wrong Mistakes
	keyMeant := getenv("VENNIO_API_KEY") != "" || getenv("VENNIO_API_KEY_FILE") != ""
	for _, s := range Settings() {
		value, from := lookup(s, flags, getenv)
		if from == guidesName && !keyMeant {
			value = "" // many programs have a BASE_URL: without a key it is not meant for this one
		}
		if value = cmp.Or(value, s.Default); value == "" {
			continue
		}
		err := s.expand(&value, getenv)
		if err == nil {
			err = s.apply(&c, value)
		}
		if err != nil {
			wrong = append(wrong, from+" "+err.Error())
		}
		switch s.Name() {
		case "VENNIO_API_URL":
			c.urlFrom = from
		case "VENNIO_TIMEZONE":
			c.ZoneFrom = from
		}
	}
	if c.Tools.Empty() {
		wrong = append(wrong, "VENNIO_TOOLS (--tools) or VENNIO_TOOLSETS (--toolsets) names only tools that write, and VENNIO_READ_ONLY (--read-only) leaves those out: drop one of the two")
	}
	if c.DatabaseURL != "" && len(c.SigningSecrets) == 0 {
		wrong = append(wrong, "VENNIO_MCP_DATABASE_URL is set but not VENNIO_SIGNING_SECRET, which all who share the database must have in common: make one with: openssl rand -hex 32")
	}
	if c.SettingsFile != "" {
		wrong = append(wrong, c.readFile(c.SettingsFile, getenv)...)
	}
	wrong = append(wrong, c.toolless()...)
	wrong = append(wrong, c.checkPreferences()...)
	if !keyMeant && !c.Real() && (c.urlFrom == "VENNIO_API_URL" || c.urlFrom == "--api-url") {
		wrong = append(wrong, c.urlFrom+" is set but no key: set VENNIO_API_KEY, or unset the address to use the built-in sandbox")
	}
	wrong = append(wrong, c.Serve.check(c)...)
	if len(wrong) > 0 {
		return Config{}, wrong
	}
	c.complete(machine, getenv)
	return c, nil
}

func (c Config) toolless() (wrong Mistakes) {
	for _, t := range c.Tenants {
		if t.Tools.Empty() && !c.Tools.Empty() {
			wrong = append(wrong, "the tenant "+t.Name+" has no tool left: tools names only those that write, and read_only leaves those out; drop one of the two")
		}
	}
	return wrong
}

// guidesName is the name of the address of the API in the getting-started guide.
const guidesName = "BASE_URL"

func lookup(s Setting, flags map[string]string, getenv func(string) string) (value, from string) {
	if v, given := flags[s.Flag]; given && s.Flag != "" {
		return v, "--" + s.Flag
	}
	for _, name := range s.Env {
		if v := getenv(name); v != "" {
			return v, name
		}
	}
	return "", "the default of " + s.Name()
}

// complete adds the settings that depend on the machine, and the warnings.
func (c *Config) complete(machine times.Machine, getenv func(string) string) {
	if c.Zone == nil {
		if tz := getenv("TZ"); machine.TZ == nil && tz != "" {
			machine.TZ = &tz
		}
		if machine.Now.IsZero() {
			machine.Now = time.Now()
		}
		found := machine.Zone()
		c.Zone, c.ZoneFrom, c.ZoneWarning = found.Loc, found.From, found.Warning
	}
	if c.StateDir == "" {
		c.StateDir = stateDir(getenv)
		c.Warnings = ignoredPaths(getenv)
	}
	if c.BusinessID != "" {
		c.Hosts = withDefault(c.Hosts, c.BusinessID)
	}
	c.Warnings = append(c.Warnings, c.warn()...)
	if c.ZoneWarning != "" {
		c.Warnings = append(c.Warnings, c.ZoneWarning)
	}
	for i := range c.Tenants {
		c.Tenants[i].inheritDefaults(*c)
	}
}

// warn returns the warnings about unusual but valid settings.
func (c *Config) warn() (odd []string) {
	switch {
	case c.Sandbox() && c.Real(): // each tenant has its own hosts
	case c.Sandbox() && len(c.Hosts) > 0:
		odd = append(odd, "VENNIO_HOSTS and VENNIO_BUSINESS_ID are ignored: the sandbox has its own hosts")
		c.Hosts = nil
	case c.Sandbox():
	case len(c.Hosts) == 0:
		odd = append(odd, "neither VENNIO_BUSINESS_ID nor VENNIO_HOSTS is set: each call must name its host by id")
	}
	if c.Sandbox() && c.DatabaseURL != "" {
		odd = append(odd, "VENNIO_MCP_DATABASE_URL is ignored: the sandbox keeps its data in the state folder")
	}
	if !c.Sandbox() && vennioclient.KeyKind(c.APIKey.Reveal()) == vennioclient.KeyUnknown {
		odd = append(odd, "the key has none of Vennio's prefixes (vennio_sk_, vennio_pk_, vennio_at_); it is used as it is")
	}
	if !c.Sandbox() && c.urlFrom == guidesName {
		odd = append(odd, "the key is sent to "+c.APIURL+" because BASE_URL says so, a name that other programs use too: set VENNIO_API_URL to be sure")
	}
	return odd
}

// withDefault puts the default host first, under its name if it has one.
func withDefault(hosts scheduling.Directory, id string) scheduling.Directory {
	first := scheduling.Host{Name: id, ID: id}
	var rest scheduling.Directory
	for _, h := range hosts {
		if strings.EqualFold(h.ID, id) && first.Name == id {
			first = h
			continue
		}
		rest = append(rest, h)
	}
	return append(scheduling.Directory{first}, rest...)
}

// ThisMachine is the machine that runs the program.
func ThisMachine() times.Machine {
	m := times.Machine{Now: time.Now()}
	if tz, isSet := os.LookupEnv("TZ"); isSet {
		m.TZ = &tz
	}
	if runtime.GOOS == "windows" {
		m.Local = time.Local
	}
	return m
}

// pathSettings are the settings that name a file or folder.
var pathSettings = []string{
	"VENNIO_API_KEY_FILE", "VENNIO_STATE_DIR", "VENNIO_MCP_SETTINGS", "VENNIO_MCP_TOKENS_FILE", "VENNIO_MCP_TLS_CERT", "VENNIO_MCP_TLS_KEY",
}

// IsPath reports whether the setting names a file or folder.
func (s Setting) IsPath() bool { return slices.Contains(pathSettings, s.Name()) }

// expand replaces the ~ of a setting that names a file or folder.
func (s Setting) expand(value *string, getenv func(string) string) (err error) {
	if s.IsPath() {
		*value, err = ExpandPath(*value, getenv)
	}
	return err
}

// ExpandPath replaces ~ or ~/ at the start of a path by the user's home, as a shell
// does: no shell reads environment variables, settings of MCP clients or --flag=~/x.
func ExpandPath(path string, getenv func(string) string) (string, error) {
	if !strings.HasPrefix(path, "~") {
		return path, nil
	}
	rest, own := strings.CutPrefix(path, "~/")
	if runtime.GOOS == "windows" && !own {
		rest, own = strings.CutPrefix(path, `~\`)
	}
	switch home := home(getenv); {
	case path != "~" && !own:
		return "", fmt.Errorf("%q: want ~/ for your own home; write the home of another user in full, and a name that begins with ~ as ./~", path)
	case home == "":
		return "", fmt.Errorf("%q: there is no home for ~: set HOME to an absolute path, or write the path in full", path)
	case path == "~":
		return home, nil
	default:
		return filepath.Join(home, rest), nil
	}
}

// home returns the user's home directory. It is empty if the environment names none, or a relative path,
// which would be a different directory wherever the program is started.
func home(getenv func(string) string) string {
	home := getenv("HOME")
	if runtime.GOOS == "windows" {
		home = cmp.Or(home, getenv("USERPROFILE"))
	}
	if !filepath.IsAbs(home) {
		return ""
	}
	return home
}

// stateDir is the user's folder for state: XDG_STATE_HOME, which counts only if it
// is absolute (XDG Base Directory Specification 0.8), or the folder that the operating
// system uses. It is empty if the user has no home directory.
func stateDir(getenv func(string) string) string {
	const name = "vennio-mcp"
	home := home(getenv)
	switch {
	case filepath.IsAbs(getenv("XDG_STATE_HOME")):
		return filepath.Join(getenv("XDG_STATE_HOME"), name)
	case runtime.GOOS == "windows" && filepath.IsAbs(getenv("LOCALAPPDATA")):
		return filepath.Join(getenv("LOCALAPPDATA"), name)
	case home == "":
		return ""
	case runtime.GOOS == "darwin":
		return filepath.Join(home, "Library", "Application Support", name)
	}
	return filepath.Join(home, ".local", "state", name)
}

// ignoredPaths returns warnings about variables that stateDir ignores because they are not absolute.
func ignoredPaths(getenv func(string) string) (odd []string) {
	for _, name := range []string{"XDG_STATE_HOME", "HOME"} {
		if v := getenv(name); v != "" && !filepath.IsAbs(v) {
			odd = append(odd, fmt.Sprintf("%s is ignored: %q is not an absolute path", name, v))
		}
	}
	return odd
}
