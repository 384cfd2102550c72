package auth

import (
	"context"
	"slices"
)

// The scopes of a caller. Tokens of the settings file have the first two unless
// they name others.
const (
	ScopeRead    = "vennio:read"    // tools that read, resources, prompts
	ScopeBook    = "vennio:book"    // tools that write
	ScopeAsk     = "vennio:ask"     // the caller shows forms to a person, whose answers count under the policy human
	ScopeMetrics = "vennio:metrics" // the figures of the whole process
)

// Scopes lists every scope.
func Scopes() []string { return []string{ScopeRead, ScopeBook, ScopeAsk, ScopeMetrics} }

// Caller is who calls, as their credential says.
type Caller struct {
	Name   string // of the token, or the subject of a JWT
	Tenant string // whose Vennio account; empty: the default one
	Scopes []string
	Key    string // the Vennio key they brought along, a secret; empty: none
	open   bool   // nobody is asked who they are
}

// May tells whether the caller holds a scope.
func (c Caller) May(scope string) bool { return c.open || slices.Contains(c.Scopes, scope) }

// Anonymous reports whether callers are not authenticated, as over stdio and on a loopback
// server without tokens.
func (c Caller) Anonymous() bool { return c.open }

// Owner is what a session is bound to: nobody else may use it.
func (c Caller) Owner() string { return c.Tenant + "\x00" + c.Name }

// String never shows the key.
func (c Caller) String() string { return c.Tenant + "/" + c.Name }

// GoString never shows the key.
func (c Caller) GoString() string { return c.String() }

type contextKey struct{}

// With returns a context that knows who calls.
func With(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, contextKey{}, c)
}

// From is who calls. Where nobody was asked, as over stdio, it is someone who
// may do everything.
func From(ctx context.Context) Caller {
	if c, ok := ctx.Value(contextKey{}).(Caller); ok {
		return c
	}
	return Caller{open: true}
}
