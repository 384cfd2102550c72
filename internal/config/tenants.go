package config

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"

	"github.com/vennio-mcp/vennio-mcp/internal/auth"
	"github.com/vennio-mcp/vennio-mcp/internal/tenant"
)

// Tenant is a separate Vennio account with its own key, hosts, policy, limits and sinks. It inherits what
// it does not set from the common settings, except the key and its age, hosts, webhook secrets and sinks:
// those of one account are never used for another.
type Tenant struct {
	Name string
	Config
}

// tenantFields are the settings of a tenant, by their names in the settings file.
var tenantFields = map[string]func(*Config, string) error{
	"api_key":         setKey,
	"api_key_file":    setKeyFile,
	"key_created":     setKeyCreated,
	"webhook_secret":  setWebhookSecrets,
	"business_id":     setBusiness,
	"hosts":           setHosts,
	"timezone":        setZone,
	"week_start":      setWeekStart,
	"consent":         setConsent,
	"read_only":       setReadOnly,
	"tools":           setToolsOfTenant,
	"toolsets":        setToolsets,
	"guest_domains":   setDomains,
	"hours":           setHours,
	"working_hours":   setWorkingHours,
	"lunch":           setLunch,
	"no_meeting_days": setNoMeetingDays,
	"buffers":         setBuffers,
	"durations":       setDurations,
	"daily_bookings":  setDaily,
	"caller_requests": setCallerRequests,
	"tenant_requests": setTenantRequests,
	"max_price":       setMaxPrice,
	"rate":            setRate(func(c *Config) *Rate { return &c.Serve.Rate }),
}

// setToolsOfTenant sets the tools of a tenant in place of the common toolsets, which it would otherwise
// also offer. It is applied before toolsets, in the order of the names.
func setToolsOfTenant(c *Config, v string) error {
	c.Tools.Toolsets = nil
	return setTools(c, v)
}

// tenantField is a scalar of a tenant, or one of its lists: sinks or preferences.
type tenantField struct {
	text
	list ast.Node // nil: a scalar
}

// UnmarshalYAML implements yaml.NodeUnmarshaler.
func (f *tenantField) UnmarshalYAML(node ast.Node) error {
	if node.Type() != ast.SequenceType {
		return f.text.UnmarshalYAML(node)
	}
	f.line, f.list = node.GetToken().Position.Line, node
	return nil
}

// entries decodes a list into the slice that into points to, which stays empty without a list.
func (f tenantField) entries(into any) []mistake {
	if f.list == nil {
		return nil
	}
	err := yaml.NodeToValue(f.list, into, yaml.Strict())
	if e, ok := errors.AsType[yaml.Error](err); ok && e.GetToken() != nil {
		return []mistake{{e.GetToken().Position.Line, e.GetMessage()}}
	}
	if err != nil {
		return []mistake{{f.line, "cannot be read"}}
	}
	return nil
}

// addTenant reads one entry of tenants over the common settings, which are complete except for what
// inheritDefaults adds.
func (c *Config) addTenant(fields map[string]tenantField, getenv func(string) string) (wrong []mistake) {
	t := Tenant{Name: fields["name"].value, Config: c.ForTenant()}
	line := 1
	for _, f := range fields {
		line = max(line, f.line)
	}
	switch {
	case !tenant.ValidName(t.Name):
		wrong = append(wrong, mistake{line, "name: want lower-case letters, digits and .-_, at most 64"})
	case slices.ContainsFunc(c.Tenants, func(other Tenant) bool { return other.Name == t.Name }):
		wrong = append(wrong, mistake{fields["name"].line, fmt.Sprintf("name: %q is taken by another tenant", t.Name)})
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if err := t.set(name, fields[name], getenv); err != nil {
			wrong = append(wrong, mistake{max(fields[name].line, 1), err.Error()})
		}
	}
	if t.APIKey == "" && len(wrong) == 0 {
		wrong = append(wrong, mistake{line, "api_key: is missing; want ${NAME} of the environment, or api_key_file"})
	}
	var sinks []sinkEntry
	mistakes := fields["sinks"].entries(&sinks)
	var more []mistake
	t.Sinks, more = sinksOf(sinks, getenv)
	mistakes = append(mistakes, more...)
	if t.BusinessID != "" {
		t.Hosts = withDefault(t.Hosts, t.BusinessID)
	}
	for _, m := range mistakes {
		wrong = append(wrong, mistake{m.line, "sinks: " + m.what})
	}
	var preferences []preferencesEntry
	mistakes = fields["preferences"].entries(&preferences)
	for _, m := range append(mistakes, t.addPreferences(preferences)...) {
		wrong = append(wrong, mistake{m.line, "preferences: " + m.what})
	}
	if other, shared := c.sharesSecret(t); shared {
		wrong = append(wrong, mistake{fields["webhook_secret"].line, "webhook_secret: " + other + " has it too; each Vennio account signs with its own"})
	}
	c.Tenants = append(c.Tenants, t)
	return wrong
}

func (t *Tenant) set(name string, field tenantField, getenv func(string) string) error {
	apply, known := tenantFields[name]
	value, err := field.resolve(getenv)
	if err == nil && name == "api_key_file" {
		value, err = ExpandPath(value, getenv)
	}
	isList := name == "sinks" || name == "preferences"
	switch {
	case field.list != nil && !isList:
		return fmt.Errorf("%s: want one value, not a list", name)
	case field.list == nil && isList:
		return fmt.Errorf("%s: want a list", name)
	case name == "name", isList:
	case !known:
		return fmt.Errorf("%s: there is no such setting; there are name, sinks, preferences, %s", name, strings.Join(slices.Sorted(maps.Keys(tenantFields)), ", "))
	case err != nil:
		return fmt.Errorf("%s: %w", name, err)
	case value == "": // an empty value counts as not set
	default:
		if err := apply(&t.Config, value); err != nil {
			return fmt.Errorf("%s %w", name, err)
		}
	}
	return nil
}

// sharesSecret reports whether another account has one of the tenant's webhook secrets. Then a delivery
// that is signed for one account would be accepted for the other.
func (c *Config) sharesSecret(t Tenant) (with string, shared bool) {
	has := func(other []Secret) bool {
		return slices.ContainsFunc(t.WebhookSecrets, func(s Secret) bool { return slices.Contains(other, s) })
	}
	if has(c.WebhookSecrets) {
		return "VENNIO_WEBHOOK_SECRET", true
	}
	for _, other := range c.Tenants {
		if has(other.WebhookSecrets) {
			return "the tenant " + other.Name, true
		}
	}
	return "", false
}

// inheritDefaults adds the common settings that depend on the machine and are known last.
func (t *Tenant) inheritDefaults(common Config) {
	t.StateDir, t.Passkeys = common.StateDir, common.Passkeys
	if t.Zone == nil {
		t.Zone, t.ZoneFrom, t.ZoneWarning = common.Zone, common.ZoneFrom, common.ZoneWarning
	}
}

// ForTenant returns the settings that a tenant inherits: without key, hosts, webhook secrets, sinks,
// callers and other tenants.
func (c Config) ForTenant() Config {
	c.APIKey, c.KeyCreated, c.Warnings = "", time.Time{}, nil
	c.HostPreferences = nil
	c.Hosts, c.BusinessID, c.Tenants, c.Sinks, c.WebhookSecrets = nil, "", nil, nil, nil
	c.Serve.Tokens, c.Serve.OAuth, c.Serve.SignIn = nil, nil, nil
	return c
}

// Of returns the settings of a tenant of the settings file, or false if there is no such tenant. The
// default tenant has an empty name.
func (c Config) Of(tenant string) (Config, bool) {
	if tenant == "" {
		return c, true
	}
	for _, t := range c.Tenants {
		if t.Name == tenant {
			return t.Config, true
		}
	}
	return Config{}, false
}

// Identity returns the identity of the tenant with these settings and this name.
func (c Config) Identity(name string) tenant.Identity {
	return tenant.NewIdentity(name, c.APIURL, c.APIKey.Reveal())
}

// tenantNames are the names of the tenants with an API key in the settings.
func (c Config) tenantNames() map[string]bool {
	names := map[string]bool{"": !c.Sandbox()}
	for _, t := range c.Tenants {
		names[t.Name] = true
	}
	return names
}

// Access returns how callers over HTTP are authenticated. The keys are those of the server.
func (c Config) Access(keys tenant.Keyring) auth.Options {
	o := auth.Options{
		Tokens: c.Serve.Tokens, OAuth: c.Serve.OAuth, PublicURL: c.Serve.PublicURL, CallerKeys: c.Serve.CallerKeys,
		Tenants: c.tenantNames(), Keys: keys,
	}
	if o.OAuth != nil && o.OAuth.Audience == "" {
		withAudience := *o.OAuth
		withAudience.Audience = c.Serve.PublicURL
		o.OAuth = &withAudience
	}
	return o
}
