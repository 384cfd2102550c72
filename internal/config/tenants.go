package config

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/vennio-mcp/vennio-mcp/internal/access"
)

// Tenant is a Vennio account of its own: its key, hosts, policy and limits.
// What it does not set it has from the settings of all, but for key and hosts.
type Tenant struct {
	Name string
	Config
	given map[string]string
}

// tenantFields are what a tenant can set, by their names in the settings file.
var tenantFields = map[string]func(*Config, string) error{
	"api_key":        setKey,
	"api_key_file":   setKeyFile,
	"business_id":    setBusiness,
	"hosts":          setHosts,
	"timezone":       setZone,
	"week_start":     setWeekStart,
	"consent":        setConsent,
	"read_only":      setReadOnly,
	"tools":          setTools,
	"guest_domains":  setDomains,
	"hours":          setHours,
	"daily_bookings": setDaily,
	"max_price":      setMaxPrice,
	"rate":           setRate(func(c *Config) *Rate { return &c.Serve.Rate }),
}

var tenantName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`) })

// addTenant reads one entry of tenants.
func (c *Config) addTenant(fields map[string]text, getenv func(string) string) (wrong []mistake) {
	t := Tenant{Name: fields["name"].value, given: map[string]string{}}
	line := 1
	for _, f := range fields {
		line = max(line, f.line)
	}
	blame := func(f text, format string, args ...any) {
		wrong = append(wrong, mistake{max(f.line, 1), fmt.Sprintf(format, args...)})
	}
	switch {
	case !tenantName().MatchString(t.Name):
		wrong = append(wrong, mistake{line, "name: want lower-case letters, digits and .-_, at most 64"})
	case slices.ContainsFunc(c.Tenants, func(other Tenant) bool { return other.Name == t.Name }):
		blame(fields["name"], "name: %q is taken by another tenant", t.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		apply, known := tenantFields[name]
		value, err := fields[name].resolve(getenv)
		switch {
		case name == "name":
		case !known:
			blame(fields[name], "%s: there is no such setting; there are name, %s", name, strings.Join(slices.Sorted(maps.Keys(tenantFields)), ", "))
		case err != nil:
			blame(fields[name], "%s: %s", name, err)
		case value == "": // as if it were not there
		default:
			t.given[name] = value
			if err := apply(&t.Config, value); err != nil {
				blame(fields[name], "%s %s", name, err)
			}
		}
	}
	if t.APIKey == "" && len(wrong) == 0 {
		wrong = append(wrong, mistake{line, "api_key: is missing; want ${NAME} of the environment, or api_key_file"})
	}
	c.Tenants = append(c.Tenants, t)
	return wrong
}

// inherit completes a tenant from the settings of all. What it sets was checked
// when it was read.
func (t *Tenant) inherit(all Config) {
	t.Config = all.ForTenant()
	for name, value := range t.given {
		_ = tenantFields[name](&t.Config, value)
	}
	if t.BusinessID != "" {
		t.Hosts = withDefault(t.Hosts, t.BusinessID)
	}
}

// ForTenant is what a tenant has before it sets anything: no key and no hosts.
func (c Config) ForTenant() Config {
	c.APIKey, c.Hosts, c.BusinessID, c.Tenants, c.Sinks, c.WebhookSecrets = "", nil, "", nil, nil, nil
	c.Serve.Tokens, c.Serve.OAuth = nil, nil
	return c
}

// Access says who may call over HTTP. The secret is the server's.
func (c Config) Access(secret []byte) access.Options {
	o := access.Options{
		Tokens: c.Serve.Tokens, OAuth: c.Serve.OAuth, PublicURL: c.Serve.PublicURL, CallerKeys: c.Serve.CallerKeys,
		Tenants: map[string]bool{"": !c.Sandbox()}, Secret: secret,
	}
	for _, t := range c.Tenants {
		o.Tenants[t.Name] = true
	}
	if o.OAuth != nil && o.OAuth.Audience == "" {
		withAudience := *o.OAuth
		withAudience.Audience = c.Serve.PublicURL
		o.OAuth = &withAudience
	}
	return o
}
