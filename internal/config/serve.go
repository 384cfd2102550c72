package config

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/auth"
	"github.com/vennio-mcp/vennio-mcp/internal/files"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// Serve holds the settings of HTTP.
type Serve struct {
	PublicURL       string // address at which callers reach the server; empty: the address that it listens on
	AllowedHosts    []string
	AllowedOrigins  []string
	TLSCert, TLSKey string // files; both or neither
	Proxies         int    // number of trusted proxy hops
	Tokens          []auth.Token
	OAuth           *auth.OAuth
	SignIn          *auth.SignInOptions // at the issuer of OAuth, for people who approve; nil: none
	CallerKeys      bool                // callers without a tenant bring their Vennio key
	Rate, RateAll   Rate                // of each tenant, and of all
	Stateless       bool                // no sessions
	SessionIdle     time.Duration       // idle timeout of a session; 0: the default of the transport
}

// Rate is the maximum number of requests per second. Zero means the default of the
// transport, and a negative value means no limit.
type Rate float64

// publicURL is the HTTP setting that a server on standard input and output needs too: it is the address
// of the approval pages if the database is shared.
func publicURL() []Setting {
	return []Setting{
		{"public-url", "url", []string{"VENNIO_MCP_PUBLIC_URL"}, "", "where callers reach serve, such as https://mcp.example.com: allowed as Host, named in approval links and to OAuth clients", setPublicURL},
	}
}

// serveSettings are the settings that apply only to HTTP.
func serveSettings() []Setting {
	return []Setting{
		{"allowed-hosts", "list", []string{"VENNIO_MCP_ALLOWED_HOSTS"}, "", "more names for the Host header, comma-separated; loopback names always pass", setList(func(c *Config) *[]string { return &c.Serve.AllowedHosts }, "/ \t")},
		{"allowed-origins", "list", []string{"VENNIO_MCP_ALLOWED_ORIGINS"}, "", "origins whose web pages may call serve, such as https://app.example.com", setOrigins},
		{"tokens-file", "file", []string{"VENNIO_MCP_TOKENS_FILE"}, "", "YAML list of bearer tokens, as vennio-mcp token new prints them; also under tokens in the settings file", setTokensFile},
		{"tls-cert", "file", []string{"VENNIO_MCP_TLS_CERT"}, "", "certificate file with its chain; read again when it changes", setText(func(c *Config) *string { return &c.Serve.TLSCert })},
		{"tls-key", "file", []string{"VENNIO_MCP_TLS_KEY"}, "", "file of its private key", setText(func(c *Config) *string { return &c.Serve.TLSKey })},
		{"trusted-proxies", "number", []string{"VENNIO_MCP_TRUSTED_PROXIES"}, "0", "number of trusted proxy hops before serve, 0 to 10: how many entries of X-Forwarded-For and -Proto count", setProxies},
		{"stateless", "bool", []string{"VENNIO_MCP_STATELESS"}, "false", "true: serve keeps no sessions, so any replica answers any request; SSE is off", setBool(func(c *Config) *bool { return &c.Serve.Stateless })},
		{"rate", "number", []string{"VENNIO_MCP_RATE"}, "", "requests a second that each tenant may send, twice as many at once; off: any (default: 50 where callers need a token)", setRate(func(c *Config) *Rate { return &c.Serve.Rate })},
		{"rate-all", "number", []string{"VENNIO_MCP_RATE_ALL"}, "", "requests a second that all tenants together may send, twice as many at once; off: any (default: 500 where callers need a token)", setRate(func(c *Config) *Rate { return &c.Serve.RateAll })},
		{"session-idle", "duration", []string{"VENNIO_MCP_SESSION_IDLE"}, "1h", "idle timeout of a session, 10s to 1d", setSessionIdle},
	}
}

func setPublicURL(c *Config, v string) error {
	u, err := url.Parse(v)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "" {
		return errors.New("want scheme and host alone, such as https://mcp.example.com")
	}
	if err := vennioclient.CheckBaseURL(v); err != nil {
		return err // the answers of people are sent to this address
	}
	c.Serve.PublicURL = u.Scheme + "://" + u.Host
	return nil
}

// setList reads a comma-separated list, no entry of which contains any of the bad bytes.
func setList(field func(*Config) *[]string, bad string) func(*Config, string) error {
	return func(c *Config, v string) error {
		for entry := range strings.SplitSeq(v, ",") {
			if entry = strings.TrimSpace(entry); entry == "" {
				continue
			}
			if strings.ContainsAny(entry, bad) {
				return fmt.Errorf("%q: want names alone, with commas between", entry)
			}
			*field(c) = append(*field(c), entry)
		}
		return nil
	}
}

func setOrigins(c *Config, v string) error {
	if err := setList(func(c *Config) *[]string { return &c.Serve.AllowedOrigins }, " \t*")(c, v); err != nil {
		return err
	}
	for _, origin := range c.Serve.AllowedOrigins {
		if u, err := url.Parse(origin); err != nil || u.Scheme == "" || u.Host == "" || u.Path != "" {
			return fmt.Errorf("%q: want an origin, such as https://app.example.com", origin)
		}
	}
	return nil
}

func setProxies(c *Config, v string) (err error) {
	if c.Serve.Proxies, err = strconv.Atoi(v); err != nil || c.Serve.Proxies < 0 || c.Serve.Proxies > 10 {
		return fmt.Errorf("%q: want a number from 0 to 10", v)
	}
	return nil
}

func setRate(field func(*Config) *Rate) func(*Config, string) error {
	return func(c *Config, v string) error {
		if strings.EqualFold(v, "off") {
			*field(c) = -1
			return nil
		}
		n, err := strconv.ParseFloat(v, 64)
		if err != nil || !(n > 0 && n <= 1e6) {
			return fmt.Errorf("%q: want requests a second, such as 50, or off", v)
		}
		*field(c) = Rate(n)
		return nil
	}
}

func setSessionIdle(c *Config, v string) (err error) {
	const least, most = 10 * time.Second, 24 * time.Hour
	if c.Serve.SessionIdle, err = ParseDuration(v); err != nil || c.Serve.SessionIdle < least || c.Serve.SessionIdle > most {
		return fmt.Errorf("%q: want a duration from 10s to 1d, such as 1h", v)
	}
	return nil
}

// check reports settings that contradict each other.
func (s Serve) check(c Config) (wrong []string) {
	if (s.TLSCert == "") != (s.TLSKey == "") {
		wrong = append(wrong, "VENNIO_MCP_TLS_CERT and VENNIO_MCP_TLS_KEY belong together: set both or neither")
	}
	if s.OAuth != nil && s.OAuth.Audience == "" && s.PublicURL == "" {
		wrong = append(wrong, "oauth needs VENNIO_MCP_PUBLIC_URL (--public-url): tokens must be meant for this server")
	}
	if s.SignIn != nil && s.PublicURL == "" {
		wrong = append(wrong, "oauth.sign_in needs VENNIO_MCP_PUBLIC_URL (--public-url), where the issuer sends browsers back to: https, or http on localhost")
	}
	if s.SignIn != nil && s.OAuth.TenantClaim == "" && c.Sandbox() && c.Serve.CallerKeys {
		wrong = append(wrong, "oauth.sign_in has no tenant: name the claim of the tenant in tenant_claim, or set VENNIO_API_KEY; callers who bring their own keys have no approval pages")
	}
	if s.OAuth != nil && s.OAuth.TenantClaim == "" && c.severalOnly() {
		wrong = append(wrong, "oauth names no tenant_claim, and without VENNIO_API_KEY there is no default tenant")
	}
	if len(s.Tokens) == 0 && s.OAuth == nil && c.severalOnly() {
		wrong = append(wrong, "there are tenants, but neither tokens nor oauth to determine the tenant of a call: see docs/operations/serving.md")
	}
	for _, t := range s.Tokens {
		known := slices.ContainsFunc(c.Tenants, func(one Tenant) bool { return one.Name == t.Tenant })
		switch {
		case t.Tenant == "" && c.severalOnly():
			wrong = append(wrong, fmt.Sprintf("the token %q names no tenant, and without VENNIO_API_KEY there is no default one", t.Name))
		case t.Tenant != "" && !known:
			wrong = append(wrong, fmt.Sprintf("the token %q is of the tenant %q, which tenants of the settings file does not have", t.Name, t.Tenant))
		}
	}
	return wrong
}

// severalOnly reports whether there are tenants but no default tenant.
func (c Config) severalOnly() bool {
	return c.Sandbox() && len(c.Tenants) > 0 && !c.Serve.CallerKeys
}

// Real reports whether a key of Vennio is used, of the operator or of a caller.
func (c Config) Real() bool { return !c.Sandbox() || len(c.Tenants) > 0 || c.Serve.CallerKeys }

// tokenEntry is a token in the settings file.
type tokenEntry struct {
	Name   text   `yaml:"name"`
	Hash   text   `yaml:"hash"`
	Tenant text   `yaml:"tenant"`
	Scopes []text `yaml:"scopes"`
}

func (s *Serve) addToken(e tokenEntry) (wrong []mistake) {
	line := max(e.Name.line, e.Hash.line, e.Tenant.line, 1)
	t := auth.Token{Name: e.Name.value, Tenant: e.Tenant.value}
	hash, err := auth.ParseHash(e.Hash.value)
	if err != nil {
		wrong = append(wrong, mistake{line, "hash: " + err.Error()})
	}
	t.Hash = hash
	switch {
	case t.Name == "":
		wrong = append(wrong, mistake{line, "name: is missing"})
	case slices.ContainsFunc(s.Tokens, func(other auth.Token) bool { return other.Name == t.Name }):
		wrong = append(wrong, mistake{line, fmt.Sprintf("name: %q is taken by another token", t.Name)})
	}
	for _, scope := range e.Scopes {
		if !slices.Contains(auth.Scopes(), scope.value) {
			wrong = append(wrong, mistake{scope.line, fmt.Sprintf("scopes: %q: want some of %s", scope.value, strings.Join(auth.Scopes(), ", "))})
		}
		t.Scopes = append(t.Scopes, scope.value)
	}
	s.Tokens = append(s.Tokens, t)
	return wrong
}

func setTokensFile(c *Config, path string) error {
	var entries []tokenEntry
	if _, err := files.ReadPrivate(path); err != nil {
		return errors.New("cannot be read: " + reason(err))
	}
	if err := decode(path, &entries); err != nil {
		return err
	}
	for _, e := range entries {
		for _, m := range c.Serve.addToken(e) {
			return fmt.Errorf("%s:%d: %s", path, m.line, m.what)
		}
	}
	return nil
}
