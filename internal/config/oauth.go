package config

import (
	"errors"
	"strings"

	"github.com/vennio-mcp/vennio-mcp/internal/auth"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// oauthEntry is the section oauth of the settings file.
type oauthEntry struct {
	Issuer      text         `yaml:"issuer"`
	JWKS        text         `yaml:"jwks_url"`
	Audience    text         `yaml:"audience"`
	TenantClaim text         `yaml:"tenant_claim"`
	SignIn      *signInEntry `yaml:"sign_in"`
}

// signInEntry is the section sign_in of the settings file.
type signInEntry struct {
	ClientID         text   `yaml:"client_id"`
	ClientSecret     text   `yaml:"client_secret"`
	ClientSecretFile text   `yaml:"client_secret_file"`
	Scopes           []text `yaml:"scopes"`
	Allow            *struct {
		Domains  []text `yaml:"email_domains"`
		Subjects []text `yaml:"subjects"`
	} `yaml:"allow"`
}

func (e oauthEntry) oauth(getenv func(string) string) (o auth.OAuth, wrong []mistake) {
	value := func(name string, t text) string {
		v, err := t.resolve(getenv)
		if err != nil {
			wrong = append(wrong, mistake{t.line, name + ": " + err.Error()})
		}
		return v
	}
	o = auth.OAuth{Issuer: value("issuer", e.Issuer), JWKS: value("jwks_url", e.JWKS), Audience: value("audience", e.Audience), TenantClaim: value("tenant_claim", e.TenantClaim)}
	line := max(e.Issuer.line, e.JWKS.line, 1)
	if o.Issuer == "" {
		wrong = append(wrong, mistake{line, "issuer: is missing"})
	} else if e.SignIn != nil && vennioclient.CheckBaseURL(o.Issuer) != nil { // the issuer's metadata is fetched from there
		wrong = append(wrong, mistake{e.Issuer.line, "issuer: want an https address, as the issuer itself writes it: sign_in fetches its description there"})
	}
	if err := vennioclient.CheckBaseURL(o.JWKS); err != nil { // https, or http on loopback
		wrong = append(wrong, mistake{line, "jwks_url: want an https address"})
	}
	return o, wrong
}

// signIn reads sign_in; line is the line of its section.
func (e signInEntry) signIn(getenv func(string) string, line int) (s auth.SignInOptions, wrong []mistake) {
	blame := func(t text, name string, err error) {
		if err != nil {
			wrong = append(wrong, mistake{max(t.line, line), "sign_in." + name + ": " + err.Error()})
		}
	}
	id, err := e.ClientID.resolve(getenv)
	if err == nil && id == "" {
		err = errors.New("is missing: register this server at the issuer as a web application, and copy the id that it has there")
	}
	blame(e.ClientID, "client_id", err)
	s.ClientID = id
	secret, err := e.ClientSecret.resolve(getenv)
	blame(e.ClientSecret, "client_secret", err)
	s.ClientSecret = Secret(secret)
	if e.ClientSecretFile.value != "" {
		s.ClientSecret, err = secretOf(e.ClientSecret, e.ClientSecretFile, "client_secret", getenv)
		if err == nil && s.ClientSecret == "" {
			err = errors.New("is empty: want the secret that the issuer gave this client; leave the setting out for a public client")
		}
		blame(e.ClientSecretFile, "client_secret_file", err)
	}
	list := func(name string, entries []text, bad, want string) (all []string) {
		for _, t := range entries {
			v, err := t.resolve(getenv)
			if err == nil && (v == "" || strings.ContainsAny(v, bad)) {
				err = errors.New(want)
			}
			blame(t, name, err)
			all = append(all, v)
		}
		return all
	}
	s.Scopes = list("scopes", e.Scopes, " \t\r\n\"\\", "want names of scopes, such as profile and email")
	if e.Allow != nil {
		s.Domains = list("allow.email_domains", e.Allow.Domains, " \t\r\n@*/:,", "want domains alone, such as example.com")
		s.Subjects = list("allow.subjects", e.Allow.Subjects, "\r\n", "want the sub of the person's ID tokens")
		if len(s.Domains)+len(s.Subjects) == 0 {
			blame(e.ClientID, "allow", errors.New("is empty: want email_domains or subjects; omit allow to admit everybody whom the issuer signs in"))
		}
	}
	if e.Scopes == nil {
		s.Scopes = []string{"profile", "email"}
	}
	return s, wrong
}

// SignIn returns the options of this server as a client of the issuer, except the redirect URL. It
// returns false if signing in is not configured.
func (c Config) SignIn() (o auth.SignInOptions, ok bool) {
	if c.Serve.SignIn == nil {
		return o, false
	}
	o = *c.Serve.SignIn
	o.Issuer, o.TenantClaim, o.Tenants = c.Serve.OAuth.Issuer, c.Serve.OAuth.TenantClaim, c.tenantNames()
	o.Tenants[""] = o.Tenants[""] || !c.Real() // the sandbox
	return o, true
}
