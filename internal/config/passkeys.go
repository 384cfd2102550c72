package config

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/passkey"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
)

// passkeyEntry is a passkey in the settings file, as vennio-mcp passkeys list prints it.
type passkeyEntry struct {
	ID        text `yaml:"id"`
	PublicKey text `yaml:"public_key"`
	Name      text `yaml:"name"`
	Tenant    text `yaml:"tenant"`
	RP        text `yaml:"rp"`
	Until     text `yaml:"until"`
}

// addPasskey reads one entry of passkeys, after the tenants.
func (c *Config) addPasskey(e passkeyEntry) (wrong []mistake) {
	pinned := passkey.Credential{ID: e.ID.value, PublicKey: e.PublicKey.value, Name: sanitize.Line(e.Name.value, 100), RP: e.RP.value}
	if pinned.RP == "" {
		site, err := passkey.SiteOf(cmp.Or(c.Serve.PublicURL, "http://"+passkey.Local))
		if err != nil {
			return []mistake{{max(e.ID.line, 1), "VENNIO_MCP_PUBLIC_URL: " + err.Error()}}
		}
		pinned.RP = site.ID
	}
	if site, err := passkey.SiteOf("https://" + pinned.RP); err != nil || site.ID != pinned.RP {
		wrong = append(wrong, mistake{max(e.RP.line, e.ID.line, 1), "rp: want a host name such as book.example.com, or localhost"})
	}
	if e.Until.value != "" {
		var err error
		if pinned.Until, err = time.Parse(time.RFC3339, e.Until.value); err != nil {
			wrong = append(wrong, mistake{e.Until.line, "until: want an instant such as 2026-12-31T18:00:00Z (RFC 3339), from which on the passkey signs nothing"})
		}
	}
	line := max(e.ID.line, e.PublicKey.line, e.Name.line, e.Tenant.line, 1)
	if err := pinned.Check(); err != nil {
		wrong = append(wrong, mistake{line, err.Error() + "; copy the entry from vennio-mcp passkeys list"})
	}
	if pinned.Name == "" {
		wrong = append(wrong, mistake{line, "name: is missing; the record shows it for everything that the passkey signs"})
	}
	if _, known := c.Of(e.Tenant.value); !known {
		wrong = append(wrong, mistake{e.Tenant.line, fmt.Sprintf("tenant: %q is not among the tenants of this file", e.Tenant.value)})
	}
	if slices.ContainsFunc(c.Passkeys[e.Tenant.value], func(other passkey.Credential) bool { return other.ID == pinned.ID }) {
		wrong = append(wrong, mistake{e.ID.line, "id: this passkey is listed twice"})
	}
	if c.Passkeys == nil {
		c.Passkeys = map[string][]passkey.Credential{}
	}
	c.Passkeys[e.Tenant.value] = append(c.Passkeys[e.Tenant.value], pinned)
	return wrong
}
