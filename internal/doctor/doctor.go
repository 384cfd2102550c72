// Package doctor checks everything that the program needs on this machine and at Vennio, and reports for
// each check what it found and what to do.
//
// It changes nothing at Vennio: all its requests are reads. No finding contains a key.
package doctor

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/config"
	"github.com/vennio-mcp/vennio-mcp/internal/mcpclients"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
)

// Level is the severity of a finding.
type Level string

// The levels. A problem keeps the program from doing its work; a warning may.
const (
	OK      Level = "ok"
	Warning Level = "warning"
	Problem Level = "problem"
)

// Finding is the result of one check.
type Finding struct {
	Level  Level  `json:"level"`
	Check  string `json:"check"` // name of the check
	Saw    string `json:"saw"`
	Do     string `json:"do,omitempty"`     // the next step; empty if there is nothing to do
	Tenant string `json:"tenant,omitempty"` // empty for the default tenant, and for findings about all
}

// Worst returns the worst level among findings.
func Worst(all []Finding) Level {
	for _, l := range []Level{Problem, Warning} {
		if slices.ContainsFunc(all, func(f Finding) bool { return f.Level == l }) {
			return l
		}
	}
	return OK
}

// Target is a tenant to check. The default tenant's also describes the whole process.
type Target struct {
	Tenant    string        // name in the settings file; empty for the default tenant
	Config    config.Config // with the address, key and hosts that the server would use
	Sandbox   bool          // no key is set, so the address, key and hosts are those of the sandbox
	Absent    bool          // there is no default tenant: no key is set, and each caller uses another tenant
	KeySince  func() (time.Time, error)
	Transport http.RoundTripper // to Vennio
	Store     *sqldb.DB
	System    mcpclients.System
	Now       func() time.Time
	// Webhook reports whether Vennio's events reach this server; nil if webhooks are not served.
	Webhook func(context.Context) Finding
	// Tenants are the other tenants, of which only their own settings are checked.
	Tenants []Target
}

// Examine makes all checks, in a fixed order.
func Examine(ctx context.Context, t Target) []Finding {
	all := t.settings()
	if !t.Absent {
		all = append(all, t.vennio(ctx)...)
	}
	all = append(all, t.tokenKeys(ctx)...)
	all = append(all, t.zones(), t.zone())
	all = append(all, t.state(ctx)...)
	if !t.Absent {
		all = append(all, t.passkeys(ctx)...)
	}
	if t.Webhook != nil && !t.Absent {
		all = append(all, t.Webhook(ctx))
	}
	all = append(all, t.tenants(ctx)...)
	return append(all, Clients(t.System)...)
}

func ok(check, saw string, args ...any) Finding {
	return Finding{Level: OK, Check: check, Saw: fmt.Sprintf(saw, args...)}
}

func warn(check, saw, do string) Finding {
	return Finding{Level: Warning, Check: check, Saw: saw, Do: do}
}

func problem(check, saw, do string) Finding {
	return Finding{Level: Problem, Check: check, Saw: saw, Do: do}
}

// note is an OK finding with an optional next step.
func note(check, saw, do string) Finding { return Finding{Level: OK, Check: check, Saw: saw, Do: do} }

// settings checks the key and its age, and reports the warnings about the others.
func (t Target) settings() []Finding {
	all := []Finding{t.key()}
	if !t.Sandbox && !t.Absent {
		all = append(all, t.keyAge())
	}
	for _, w := range t.Config.Warnings {
		if w != t.Config.ZoneWarning { // reported by zone
			all = append(all, warn("settings", w, "vennio-mcp help settings describes the settings."))
		}
	}
	return all
}

// atOnce limits how many tenants are checked at the same time.
const atOnce = 8

// tenants checks all other tenants, and reports them in their order.
func (t Target) tenants(ctx context.Context) []Finding {
	found := make([][]Finding, len(t.Tenants))
	slots := make(chan struct{}, atOnce)
	var running sync.WaitGroup
	for i, other := range t.Tenants {
		running.Go(func() {
			slots <- struct{}{}
			found[i] = other.own(ctx, t.Absent && i == 0)
			<-slots
		})
	}
	running.Wait()
	return slices.Concat(found...)
}

// own checks the settings of one tenant. Findings about the address and the clock of Vennio are reported
// once, unless they are not OK.
func (t Target) own(ctx context.Context, first bool) []Finding {
	all := t.settings()
	for _, f := range t.vennio(ctx) {
		if first || f.Level != OK || f.Check != CheckAddress && f.Check != CheckClock {
			all = append(all, f)
		}
	}
	all = append(all, t.zone())
	all = append(all, t.passkeys(ctx)...)
	if t.Webhook != nil {
		all = append(all, t.Webhook(ctx))
	}
	for i := range all {
		all[i].Tenant = t.Tenant
	}
	return all
}

// fields maps settings to their names in a tenant's entry of the settings file.
var fields = map[string]string{
	"VENNIO_API_KEY_CREATED": "key_created", "VENNIO_BUSINESS_ID": "business_id", "VENNIO_HOSTS": "hosts", "VENNIO_TIMEZONE": "timezone",
}

// setting returns the name of a setting as the tenant's operator knows it.
func (t Target) setting(name string) string {
	if t.Tenant == "" {
		return name
	}
	return fields[name] + " (tenants, in the settings file)"
}
