// Package doctor looks at everything that the program needs on this machine and
// at Vennio, and says in one line each what it saw and what to do.
//
// It changes nothing at Vennio: its probes are reads. It never says a key.
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

// Level is how bad a finding is.
type Level string

// The levels. A problem keeps the program from doing its work; a warning may.
const (
	OK      Level = "ok"
	Warning Level = "warning"
	Problem Level = "problem"
)

// Finding is what was seen of one thing.
type Finding struct {
	Level  Level  `json:"level"`
	Check  string `json:"check"` // what was looked at, in a word or two
	Saw    string `json:"saw"`
	Do     string `json:"do,omitempty"`     // what to do about it; empty where nothing is
	Tenant string `json:"tenant,omitempty"` // whose it is; empty: the default one's, or everybody's
}

// Worst is the worst level among findings.
func Worst(all []Finding) Level {
	for _, l := range []Level{Problem, Warning} {
		if slices.ContainsFunc(all, func(f Finding) bool { return f.Level == l }) {
			return l
		}
	}
	return OK
}

// Patient is what is looked at.
type Patient struct {
	Tenant    string        // of the settings file; empty for the default one
	Config    config.Config // with the address, key and hosts that the server would use
	Sandbox   bool          // they are the sandbox's: no key is set
	Absent    bool          // there is no default tenant: no key is set, and each caller has another
	KeySince  func() (time.Time, error)
	Transport http.RoundTripper // to Vennio
	Store     *sqldb.DB
	System    mcpclients.System
	Now       func() time.Time
	// Webhook says whether Vennio's events reach this server; nil where webhooks
	// are not served.
	Webhook func(context.Context) Finding
	// Tenants are the others: of each, what is its own is looked at.
	Tenants []Patient
}

// Examine looks at everything, in a fixed order.
func Examine(ctx context.Context, p Patient) []Finding {
	all := p.settings()
	if !p.Absent {
		all = append(all, p.vennio(ctx)...)
	}
	all = append(all, p.tokenKeys(ctx)...)
	all = append(all, p.zones(), p.zone())
	all = append(all, p.state(ctx)...)
	if p.Webhook != nil && !p.Absent {
		all = append(all, p.Webhook(ctx))
	}
	all = append(all, p.tenants(ctx)...)
	return append(all, Clients(p.System)...)
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

// note is well, and says what more one could do.
func note(check, saw, do string) Finding { return Finding{Level: OK, Check: check, Saw: saw, Do: do} }

// settings are the key and its age, and what is odd about the others.
func (p Patient) settings() []Finding {
	all := []Finding{p.key()}
	if !p.Sandbox && !p.Absent {
		all = append(all, p.keyAge())
	}
	for _, w := range p.Config.Warnings {
		if w != p.Config.ZoneWarning { // a finding of its own, below
			all = append(all, warn("settings", w, "See vennio-mcp --help."))
		}
	}
	return all
}

// atOnce bounds how many tenants are looked at at the same time.
const atOnce = 8

// tenants looks at all others, and tells of them in their order.
func (p Patient) tenants(ctx context.Context) []Finding {
	found := make([][]Finding, len(p.Tenants))
	turn := make(chan struct{}, atOnce)
	var looking sync.WaitGroup
	for i, t := range p.Tenants {
		looking.Go(func() {
			turn <- struct{}{}
			found[i] = t.own(ctx, p.Absent && i == 0)
			<-turn
		})
	}
	looking.Wait()
	return slices.Concat(found...)
}

// own is what a tenant has for itself. That Vennio answers, and what time it is
// there, is told once, unless something is wrong with it.
func (p Patient) own(ctx context.Context, first bool) []Finding {
	all := p.settings()
	for _, f := range p.vennio(ctx) {
		if first || f.Level != OK || f.Check != checkAddress && f.Check != checkClock {
			all = append(all, f)
		}
	}
	all = append(all, p.zone())
	if p.Webhook != nil {
		all = append(all, p.Webhook(ctx))
	}
	for i := range all {
		all[i].Tenant = p.Tenant
	}
	return all
}

// fields are what settings are called in a tenant's entry of the settings file.
var fields = map[string]string{
	"VENNIO_API_KEY_CREATED": "key_created", "VENNIO_BUSINESS_ID": "business_id", "VENNIO_HOSTS": "hosts", "VENNIO_TIMEZONE": "timezone",
}

// setting names a setting where the tenant has it.
func (p Patient) setting(name string) string {
	if p.Tenant == "" {
		return name
	}
	return fields[name] + " (tenants, in the settings file)"
}
