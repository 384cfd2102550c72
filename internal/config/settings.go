// Package config reads and validates the program's settings. Flags take precedence over
// environment variables, and those over defaults. One error reports all mistakes.
package config

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/files"
	"github.com/vennio-mcp/vennio-mcp/internal/lazyregexp"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/scheduling"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
	"github.com/vennio-mcp/vennio-mcp/internal/webhooks"
	"github.com/vennio-mcp/vennio-mcp/tools"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// Setting is one setting. The flags, the help, the checks and the table in docs/reference are generated
// from the list of settings.
type Setting struct {
	Flag    string   // without dashes; empty: never on the command line, where others can read it
	Value   string   // the kind of value, in one word, such as file or duration; "bool" is a switch
	Env     []string // the first that is set wins
	Default string   // as shown; applied where nothing is set
	Help    string
	apply   func(*Config, string) error
}

// choices are the values of the settings that accept only a few.
var choices = map[string][]string{
	"dialect":      {string(vennioclient.Reference), string(vennioclient.Guide)},
	"week-start":   {"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"},
	"consent":      policies(),
	"consent-card": {string(tools.CardOn), string(tools.CardLink), string(tools.CardOff)},
	"consent-form": {"native", "card"},
	"open-browser": {"auto", "off"},
	"read-only":    {"true", "false"},
	"stateless":    {"true", "false"},
	"log-level":    {"debug", "info", "warn", "error"},
	"log-format":   {"auto", "json", "console"},
}

func policies() (names []string) {
	for _, p := range consent.Policies() {
		names = append(names, string(p))
	}
	return names
}

// Choices returns the values that the setting accepts, where they are few; else nil.
func (s Setting) Choices() []string { return choices[s.Flag] }

// Name returns the name of the setting in messages to the operator.
func (s Setting) Name() string { return s.Env[0] }

// Check reports whether the setting accepts a value, whatever the other settings are.
func (s Setting) Check(value string, getenv func(string) string) error {
	if err := s.expand(&value, getenv); err != nil {
		return err
	}
	return s.apply(&Config{}, value)
}

// Settings lists every setting, in the order of docs/reference/settings.md.
func Settings() []Setting {
	return slices.Concat(StdioSettings(), serveSettings())
}

// StdioSettings lists the settings that a server on standard input and output uses: all but those of
// HTTP.
func StdioSettings() []Setting {
	return slices.Concat(basics(), limitSettings(), publicURL())
}

// basics are the settings of every transport.
func basics() []Setting {
	return []Setting{
		{"", "", []string{"VENNIO_API_KEY"}, "", "Vennio's API key. Without one the built-in sandbox answers and nothing real is booked", setKey},
		{"", "", []string{"VENNIO_API_KEY_FILE"}, "", "file to read the key from instead", setKeyFile},
		{"", "", []string{"VENNIO_API_KEY_CREATED"}, "", "day on which the key was made, such as 2026-05-13; its age is watched (default: day of its first use here)", setKeyCreated},
		{"api-url", "url", []string{"VENNIO_API_URL", "BASE_URL"}, vennioclient.DefaultBaseURL, "where Vennio is: https, or http on loopback", setURL},
		{"dialect", "dialect", []string{"VENNIO_API_DIALECT"}, "reference", "dialect of Vennio's API: reference or guide", setDialect},
		{"business-id", "id", []string{"VENNIO_BUSINESS_ID"}, "", "id of the host of calls that name none", setBusiness},
		{"hosts", "list", []string{"VENNIO_HOSTS"}, "", "hosts by name, their ids, and the price of a booking, if any: Ada=UUID, Bob=UUID;50 EUR. The first is the default unless --business-id names another", setHosts},
		{"timezone", "zone", []string{"VENNIO_TIMEZONE"}, "", "IANA zone for calls that name none (default: this machine's, else UTC with a warning)", setZone},
		{"week-start", "weekday", []string{"VENNIO_WEEK_START"}, "monday", "first day of the week", setWeekStart},
		{"consent", "policy", []string{"VENNIO_CONSENT"}, "ask", "what counts as consent: attested (the agent's statement), ask (the person is asked if the client supports it), human (never the agent's statement) or signed (only a signature with a passkey)", setConsent},
		{"consent-card", "mode", []string{"VENNIO_CONSENT_CARD"}, "on", "cards in the chats of clients that show them (MCP Apps): on: a person approves on the card; link: the card only links to the approval page; off: no cards", setOneOf("consent-card", func(c *Config) *string { return &c.Card })},
		{"consent-form", "mode", []string{"VENNIO_CONSENT_FORM"}, "native", "how clients show the form that asks a person: native: as they like; card: as a card, in clients that support that (SEP-3118, a draft)", setOneOf("consent-form", func(c *Config) *string { return &c.Form })},
		{"open-browser", "mode", []string{"VENNIO_MCP_OPEN_BROWSER"}, "auto", "auto: under human and signed, a server on stdio opens each request in the browser of its desktop; off: never", setOneOf("open-browser", func(c *Config) *string { return &c.OpenBrowser })},
		{"read-only", "bool", []string{"VENNIO_READ_ONLY"}, "false", "true: only tools that read", setReadOnly},
		{"toolsets", "list", []string{"VENNIO_TOOLSETS"}, "", "groups of tools to offer, comma-separated: " + strings.Join(tools.Toolsets(), ", ") + " (default: scheduling, unless tools are named)", setToolsets},
		{"tools", "list", []string{"VENNIO_TOOLS"}, "", "tools to offer, comma-separated: only these, or with --toolsets these too", setTools},
		{"canary", "percentage", []string{"VENNIO_CANARY"}, "100%", "share of hosts (of tenants, where there are several) for whom bookings are made and changed; sticky: the same ones as it grows; others get previews", setCanary},
		{"", "", []string{"VENNIO_SIGNING_SECRET"}, "", "signs slot ids, at least 16 characters; shared by replicas. During rotation two, comma-separated: the first signs (default: generated once, in the state folder)", setSecret},
		{"state-dir", "folder", []string{"VENNIO_STATE_DIR"}, "", "folder for stored data (default: the user's state folder)", setText(func(c *Config) *string { return &c.StateDir })},
		{"", "", []string{"VENNIO_MCP_DATABASE_URL"}, "", "postgres://… of a database that replicas share instead of the state folder (docs/operations/scaling.md)", setDatabase},
		{"settings", "file", []string{"VENNIO_MCP_SETTINGS"}, "", "YAML file: sinks of events (docs/events.md), callers and tenants (docs/operations/serving.md)", setText(func(c *Config) *string { return &c.SettingsFile })},
		{"", "", []string{"VENNIO_WEBHOOK_SECRET"}, "", "secret of Vennio's webhook deliveries; during rotation two, comma-separated (default: those kept by webhooks register)", setWebhookSecrets},
		{"events-keep", "duration", []string{"VENNIO_EVENTS_KEEP"}, "7d", "how long events are kept for replay, at least 7d", setKeep},
		{"timeout", "duration", []string{"VENNIO_TIMEOUT"}, "10s", "per-attempt timeout of Vennio, 100ms to 30s; up to 3 attempts", setTimeout},
		{"log-level", "level", []string{"VENNIO_LOG_LEVEL"}, "info", "debug, info, warn or error", setOneOf("log-level", func(c *Config) *string { return &c.LogLevel })},
		{"log-format", "format", []string{"VENNIO_LOG_FORMAT"}, "auto", "json, console, or auto: console on a terminal", setOneOf("log-format", func(c *Config) *string { return &c.LogFormat })},
	}
}

func setKey(c *Config, v string) error {
	if v = strings.TrimSpace(v); v == "" {
		return errors.New("is blank; unset it to use the built-in sandbox")
	}
	if strings.ContainsFunc(v, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return errors.New("has blanks or characters that no key has; copy it again") // never quote it
	}
	c.APIKey = Secret(v)
	return nil
}

func setKeyFile(c *Config, path string) error {
	raw, err := files.ReadPrivate(path)
	if err != nil {
		return errors.New("cannot be read: " + reason(err))
	}
	if c.APIKey != "" {
		return errors.New("is set and VENNIO_API_KEY too; keep one of them")
	}
	return setKey(c, string(raw))
}

func setKeyCreated(c *Config, v string) (err error) {
	for _, form := range []string{time.DateOnly, time.RFC3339} {
		if c.KeyCreated, err = time.Parse(form, strings.TrimSpace(v)); err == nil {
			return nil
		}
	}
	return fmt.Errorf("%q: want a day, such as 2026-05-13", v)
}

func setURL(c *Config, v string) error {
	if err := vennioclient.CheckBaseURL(v); err != nil {
		return err
	}
	c.APIURL = strings.TrimRight(v, "/")
	return nil
}

func setDialect(c *Config, v string) error {
	c.Dialect = vennioclient.Dialect(strings.ToLower(v))
	if c.Dialect != vennioclient.Reference && c.Dialect != vennioclient.Guide {
		return fmt.Errorf("%q: want reference or guide", v)
	}
	return nil
}

func setBusiness(c *Config, v string) error {
	if strings.ContainsAny(v, " \t\r\n,=/?#") {
		return fmt.Errorf("%q is not an id; Vennio's are UUIDs", v)
	}
	c.BusinessID = v
	return nil
}

func setHosts(c *Config, v string) error {
	for pair := range strings.SplitSeq(v, ",") {
		if pair = strings.TrimSpace(pair); pair == "" {
			continue
		}
		name, id, ok := strings.Cut(pair, "=")
		id, price, _ := strings.Cut(id, ";")
		name, id, price = strings.TrimSpace(name), strings.TrimSpace(id), strings.TrimSpace(price)
		if !ok || sanitize.Line(name, 1) == "" || id == "" || strings.ContainsAny(id, " \t=/?#") {
			return fmt.Errorf("%q: want Name=id or Name=id;price, with commas between", pair)
		}
		if slices.ContainsFunc(c.Hosts, func(h scheduling.Host) bool { return strings.EqualFold(h.Name, name) }) {
			return fmt.Errorf("the name %q occurs twice", name)
		}
		c.Hosts = append(c.Hosts, scheduling.Host{Name: name, ID: id, Price: price})
	}
	return nil
}

func setZone(c *Config, v string) (err error) {
	c.Zone, err = times.Zone(v)
	c.ZoneFrom, c.ZoneWarning = "", "" // a tenant's own zone is not the machine's
	return err
}

func setConsent(c *Config, v string) error {
	c.Consent = consent.Policy(strings.ToLower(v))
	if !slices.Contains(consent.Policies(), c.Consent) {
		return fmt.Errorf("%q: want attested, ask, human or signed", v)
	}
	return nil
}

func setCanary(c *Config, v string) (err error) {
	if c.Canary, err = scheduling.ParseRollout(v); err != nil {
		return fmt.Errorf("%q: %w", v, err)
	}
	return nil
}

func setWeekStart(c *Config, v string) error {
	day, ok := times.Weekday(strings.TrimSpace(v))
	if !ok {
		return fmt.Errorf("%q: want a weekday, such as monday or sunday", v)
	}
	c.WeekStart = day
	return nil
}

// setBool refuses anything but a clear value: a typing error must not let a server write that should only
// read.
func setBool(field func(*Config) *bool) func(*Config, string) error {
	return func(c *Config, v string) (err error) {
		if *field(c), err = strconv.ParseBool(strings.ToLower(strings.TrimSpace(v))); err != nil {
			return fmt.Errorf("%q: want true or false", v)
		}
		return nil
	}
}

func setReadOnly(c *Config, v string) error {
	return setBool(func(c *Config) *bool { return &c.Tools.ReadOnly })(c, v)
}

func setTools(c *Config, v string) (err error) {
	c.Tools.Names, err = tools.Select(v)
	return err
}

func setToolsets(c *Config, v string) (err error) {
	c.Tools.Toolsets, err = tools.SelectToolsets(v)
	return err
}

func setSecret(c *Config, v string) error {
	for secret := range strings.SplitSeq(v, ",") {
		if secret = strings.TrimSpace(secret); len(secret) < 16 {
			return errors.New("is shorter than 16 characters, or one of the two is; make one with: openssl rand -hex 32")
		}
		if err := files.Weak(secret); err != nil {
			return err
		}
		c.SigningSecrets = append(c.SigningSecrets, Secret(secret))
	}
	if len(c.SigningSecrets) > 2 {
		return errors.New("holds more than two secrets; want one, or two with a comma between")
	}
	return nil
}

func setDatabase(c *Config, v string) error {
	c.DatabaseURL = Secret(strings.TrimSpace(v))
	return sqldb.CheckURL(c.DatabaseURL.Reveal())
}

func setWebhookSecrets(c *Config, v string) error {
	const most = 2
	for secret := range strings.SplitSeq(v, ",") {
		if secret = strings.TrimSpace(secret); secret != "" {
			if err := files.Weak(secret); err != nil {
				return errors.New("is easy to guess: copy it again as Vennio gave it when the webhook was registered")
			}
			c.WebhookSecrets = append(c.WebhookSecrets, Secret(secret))
		}
	}
	if n := len(c.WebhookSecrets); n == 0 || n > most {
		return errors.New("holds none or more than two secrets; want one, or two with a comma between")
	}
	return nil
}

func setKeep(c *Config, v string) (err error) {
	if c.EventsKeep, err = ParseDuration(v); err != nil || c.EventsKeep < webhooks.MinKeep {
		return fmt.Errorf("%q: want a duration of 7d or more, such as 30d", v)
	}
	return nil
}

func setTimeout(c *Config, v string) (err error) {
	const least, most = 100 * time.Millisecond, 30 * time.Second
	if c.Timeout, err = ParseDuration(v); err != nil || c.Timeout < least || c.Timeout > most {
		return fmt.Errorf("%q: want a duration from 100ms to 30s, such as 10s", v)
	}
	return nil
}

var days = lazyregexp.New(`^([0-9]+(?:\.[0-9]+)?)d(.*)$`)

// ParseDuration reads a duration as people write it: 90s, 24h, 1d, 1d12h. A day is 24 hours. A negative
// duration is an error.
func ParseDuration(text string) (time.Duration, error) {
	invalid := fmt.Errorf("%q is not a duration such as 90s, 24h or 1d", text)
	var whole time.Duration
	if parts := days().FindStringSubmatch(text); parts != nil {
		n, err := strconv.ParseFloat(parts[1], 64)
		if err != nil || n > 36_500 { // a hundred years; time.Duration holds 292
			return 0, invalid
		}
		whole, text = time.Duration(n*float64(24*time.Hour)), parts[2]
		if text == "" {
			return whole, nil
		}
	}
	rest, err := time.ParseDuration(text)
	if err != nil || rest < 0 || whole+rest < 0 {
		return 0, invalid
	}
	return whole + rest, nil
}

func setText(field func(*Config) *string) func(*Config, string) error {
	return func(c *Config, v string) error {
		*field(c) = v
		return nil
	}
}

// setOneOf accepts the choices of the setting with this flag.
func setOneOf(flag string, field func(*Config) *string) func(*Config, string) error {
	return func(c *Config, v string) error {
		v = strings.ToLower(v)
		if !slices.Contains(choices[flag], v) {
			return fmt.Errorf("%q: want %s", v, strings.Join(choices[flag], ", "))
		}
		*field(c) = v
		return nil
	}
}

// reason returns the cause of a file error, without repeating the path.
func reason(err error) string {
	if p, ok := errors.AsType[*os.PathError](err); ok {
		return p.Path + ": " + p.Err.Error()
	}
	return err.Error()
}

// limitSettings are limits of the operator, which no model can change.
func limitSettings() []Setting {
	return []Setting{
		{"guest-domains", "list", []string{"VENNIO_GUEST_DOMAINS"}, "", "domains whose addresses may attend, comma-separated; *.example.com: all below it (default: any)", setDomains},
		{"hours", "hours", []string{"VENNIO_HOURS"}, "", "when bookings are allowed, in the default zone: mon-thu 09:00-17:00, fri 09:00-15:00 (default: any)", setHours},
		{"working-hours", "hours", []string{"VENNIO_WORKING_HOURS"}, "", "when hosts work, in the default zone; other times are offered last (default: mon-fri 08:00-19:00 in the zone of each search)", setWorkingHours},
		{"lunch", "hours", []string{"VENNIO_LUNCH"}, "", "when hosts have lunch, in the default zone; no times are offered then: 12:00-13:00, or mon-thu 12:00-13:00, fri 12:00-12:30 (default: none)", setLunch},
		{"no-meeting-days", "weekdays", []string{"VENNIO_NO_MEETING_DAYS"}, "", "days on which no times are offered, in the default zone: wed, sat-sun (default: none)", setNoMeetingDays},
		{"buffers", "minutes", []string{"VENNIO_BUFFERS"}, "", "minutes that hosts want free before and after each meeting, 0 to 240: 10, 5 (default: none)", setBuffers},
		{"durations", "minutes", []string{"VENNIO_DURATIONS"}, "", "lengths of meetings that hosts prefer, in minutes from 5 to 480; the first is the default of find_slots: 25, 50 (default: 30)", setDurations},
		{"daily-bookings", "number", []string{"VENNIO_DAILY_BOOKINGS"}, "0", "maximum number of bookings a day, by the day of consent; 0: any number", setDaily},
		{"max-price", "price", []string{"VENNIO_MAX_PRICE"}, "", "highest price of a booking, as set for hosts, such as 100 EUR (default: any)", setMaxPrice},
		{"caller-requests", "numbers", []string{"VENNIO_CALLER_REQUESTS"}, "20, 30", "maximum number of a caller's requests to people: open at once, and an hour; 0: any", setCallerRequests},
		{"tenant-requests", "numbers", []string{"VENNIO_TENANT_REQUESTS"}, "100, 300", "maximum number of requests to people by all callers of a tenant: open at once, and an hour; 0: any", setTenantRequests},
	}
}

func setDomains(c *Config, v string) (err error) {
	c.Limits.GuestDomains, err = scheduling.ParseDomains(v)
	return err
}

func setHours(c *Config, v string) (err error) {
	c.Limits.Hours, err = times.ParseOpening(v)
	return err
}

func setDaily(c *Config, v string) (err error) {
	if c.Limits.Daily, err = strconv.Atoi(v); err != nil || c.Limits.Daily < 0 {
		return fmt.Errorf("%q: want a number, or 0 for any", v)
	}
	return nil
}

func setCallerRequests(c *Config, v string) (err error) {
	c.Limits.Asking.Open, c.Limits.Asking.Hourly, err = openAndHourly(v)
	return err
}

func setTenantRequests(c *Config, v string) (err error) {
	c.Limits.Asking.TenantOpen, c.Limits.Asking.TenantHourly, err = openAndHourly(v)
	return err
}

// openAndHourly reads "20, 30".
func openAndHourly(v string) (open, hourly int, err error) {
	first, second, two := strings.Cut(v, ",")
	open, err = strconv.Atoi(strings.TrimSpace(first))
	if err == nil {
		hourly, err = strconv.Atoi(strings.TrimSpace(second))
	}
	const most = 100_000
	if !two || err != nil || min(open, hourly) < 0 || max(open, hourly) > most {
		return 0, 0, fmt.Errorf("%q: want two numbers up to %d, such as 20, 30: requests open at once, and within an hour; 0 for any", v, most)
	}
	return open, hourly, nil
}

func setMaxPrice(c *Config, v string) error {
	p, err := scheduling.ParsePrice(v)
	if err != nil {
		return err
	}
	c.Limits.MaxPrice = &p
	return nil
}
