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
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/clients"
	"github.com/vennio-mcp/vennio-mcp/internal/config"
	"github.com/vennio-mcp/vennio-mcp/internal/store"
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
	Level Level  `json:"level"`
	Check string `json:"check"` // what was looked at, in a word or two
	Saw   string `json:"saw"`
	Do    string `json:"do,omitempty"` // what to do about it; empty where nothing is
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
	Config    config.Config // with the address, key and hosts that the server would use
	Sandbox   bool          // they are the sandbox's: no key is set
	KeySince  func() (time.Time, error)
	Transport http.RoundTripper // to Vennio
	Store     *store.DB
	System    clients.System
	Now       func() time.Time
	// Webhook says whether Vennio's events reach this server; nil where webhooks
	// are not served.
	Webhook func(context.Context) Finding
}

// Examine looks at everything, in a fixed order.
func Examine(ctx context.Context, p Patient) []Finding {
	all := p.settings()
	all = append(all, p.vennio(ctx)...)
	all = append(all, p.zones(), p.zone())
	all = append(all, p.state(ctx)...)
	if p.Webhook != nil {
		all = append(all, p.Webhook(ctx))
	}
	return append(all, Clients(p.System)...)
}

func ok(check, saw string, args ...any) Finding {
	return Finding{Level: OK, Check: check, Saw: fmt.Sprintf(saw, args...)}
}

func warn(check, saw, do string) Finding { return Finding{Warning, check, saw, do} }

func problem(check, saw, do string) Finding { return Finding{Problem, check, saw, do} }

// settings are the key and its age, and what is odd about the others.
func (p Patient) settings() []Finding {
	all := []Finding{p.key()}
	if !p.Sandbox {
		all = append(all, p.keyAge())
	}
	for _, w := range p.Config.Warnings {
		all = append(all, warn("settings", w, "See vennio-mcp --help."))
	}
	return all
}
