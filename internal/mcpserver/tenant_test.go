package mcpserver_test

import (
	"context"
	"net"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/auth"
	"github.com/vennio-mcp/vennio-mcp/internal/mcpserver"
)

// tenantSite serves tenants whose tokens are their names; each has a second caller,
// whose token ends in "-too".
func tenantSite(t *testing.T, o mcpserver.HTTPOptions, names ...string) (s *site, made map[string]*rig, closed chan string) {
	t.Helper()
	made, closed = addTenants(t, &o, names...)
	return open(t, newRig(), o), made, closed
}

// addTenants configures tenants in o.
func addTenants(t *testing.T, o *mcpserver.HTTPOptions, names ...string) (made map[string]*rig, closed chan string) {
	t.Helper()
	known := auth.Options{Tenants: map[string]bool{}}
	for _, name := range names {
		known.Tenants[name] = true
		for _, caller := range []string{name, name + "-too"} {
			known.Tokens = append(known.Tokens, auth.Token{Name: caller, Tenant: name, Hash: auth.HashOf(caller)})
		}
	}
	var err error
	o.Several = true
	o.Access, err = auth.New(t.Context(), known)
	require.NoError(t, err)
	made, closed = map[string]*rig{}, make(chan string, 10)
	for _, name := range names {
		made[name] = newRig()
	}
	o.Tenant = func(_ context.Context, c auth.Caller) (mcpserver.Tenant, error) {
		return mcpserver.Tenant{Server: made[c.Tenant].srv, Close: func() { closed <- c.Tenant }}, nil
	}
	return made, closed
}

func as(name string) []string { return []string{"Authorization", "Bearer " + name} }

// req: X2, X5. The number of open tenants is limited. An idle tenant is closed to make
// room, a tenant with a session is not.
func TestReq_X2_TenantsAreBounded(t *testing.T) {
	t.Parallel()
	s, _, closed := tenantSite(t, mcpserver.HTTPOptions{MaxTenants: 1}, "acme", "beta")
	const ping = `{"jsonrpc":"2.0","id":1,"method":"ping"}`
	modernPing := append(as("acme"), "Mcp-Protocol-Version", modern)
	_ = s.ask(http.MethodPost, "/mcp", ping, modernPing...).Body.Close()
	resp := s.ask(http.MethodPost, "/mcp", initialize("2025-11-25", "{}"), as("beta")...)
	assert.Equal(t, http.StatusOK, resp.StatusCode)
	_ = resp.Body.Close()
	assert.Equal(t, "acme", <-closed)
	resp = s.ask(http.MethodPost, "/mcp", ping, modernPing...)
	assert.Equal(t, http.StatusServiceUnavailable, resp.StatusCode, "beta has a session")
	assert.NotEmpty(t, resp.Header.Get("Retry-After"))
	_ = resp.Body.Close()
	s.stop()
	s.ended()
	assert.Equal(t, "beta", <-closed, "in the end all are closed")
}

// req: X5. The calls of one tenant do not use up the slots of another.
func TestReq_X5_NoTenantTakesAllThePlaces(t *testing.T) {
	t.Parallel()
	s, made, _ := tenantSite(t, mcpserver.HTTPOptions{MaxCalls: 2}, "acme", "beta")
	call := func(tenant, tool string) int {
		resp := s.post(toolCall("1", modern, tool, "{}"), append(modernly("tools/call", tool), as(tenant)...)...)
		_ = resp.Body.Close()
		return resp.StatusCode
	}
	first := make(chan int, 1)
	go func() { first <- call("acme", "slow") }()
	<-made["acme"].started
	assert.Equal(t, http.StatusServiceUnavailable, call("acme", "echo"))
	assert.Equal(t, http.StatusOK, call("beta", "echo"))
	made["acme"].release <- struct{}{}
	assert.Equal(t, http.StatusOK, <-first)
	assert.Equal(t, http.StatusOK, call("acme", "echo"), "the place is given back")
}

// req: X1. A server that authenticates callers may listen on any address.
func TestReq_X1_OnlyWhoAsksListensBeyondLoopback(t *testing.T) {
	t.Parallel()
	nobody, err := auth.New(t.Context(), auth.Options{})
	require.NoError(t, err)
	asks, err := auth.New(t.Context(), auth.Options{Tokens: []auth.Token{{Name: "ada", Hash: auth.HashOf("ada")}}})
	require.NoError(t, err)
	for check, want := range map[*auth.Checker]error{nil: mcpserver.ErrNotLoopback, nobody: mcpserver.ErrNotLoopback, asks: nil} {
		ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "0.0.0.0:0")
		require.NoError(t, err)
		ctx, stop := context.WithCancel(t.Context())
		stop()
		require.ErrorIs(t, mcpserver.HTTP(ctx, ln, newRig().srv, mcpserver.HTTPOptions{Access: check}), want)
	}
}
