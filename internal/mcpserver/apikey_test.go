package mcpserver_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/auth"
	"github.com/vennio-mcp/vennio-mcp/internal/mcpserver"
	"github.com/vennio-mcp/vennio-mcp/internal/tenant"
)

// keyed serves ada and bob, who bring their Vennio keys, and acme of the settings
// file. All their tools are those of one rig.
func keyed(t *testing.T, o mcpserver.HTTPOptions) (*site, *rig) {
	t.Helper()
	known := auth.Options{CallerKeys: true, Keys: tenant.NewKeyring([]byte("secret")), Tenants: map[string]bool{"acme": true}}
	for name, tenant := range map[string]string{"ada": "", "bob": "", "acme": "acme"} {
		known.Tokens = append(known.Tokens, auth.Token{Name: name, Tenant: tenant, Hash: auth.HashOf(name)})
	}
	var err error
	o.Access, err = auth.New(t.Context(), known)
	require.NoError(t, err)
	g := newRig()
	o.Several = true
	o.Tenant = func(context.Context, auth.Caller) (mcpserver.Tenant, error) {
		return mcpserver.Tenant{Server: g.srv}, nil
	}
	return open(t, newRig(), o), g
}

// with returns the headers of a caller with their n-th key.
func with(name string, n int) []string {
	return append(as(name), auth.HeaderKey, fmt.Sprintf("vennio_sk_test_%d", n))
}

// req: X2, X5. A token that sends invented keys blocks nobody else: the number of its
// open tenants is limited, as is that of all such tokens together, and the tenants of
// the settings file do not count.
func TestReq_X2_InventedKeysKeepNobodyOut(t *testing.T) {
	t.Parallel()
	s, _ := keyed(t, mcpserver.HTTPOptions{MaxKeys: 3, MaxTenants: 4})
	hello := func(headers ...string) *http.Response { return s.post(initialize("2025-11-25", `{}`), headers...) }
	var last *http.Response
	for n := range 3 {
		last = hello(with("ada", n)...)
		require.Equal(t, http.StatusOK, last.StatusCode)
	}
	refused := hello(with("ada", 3)...)
	said, err := io.ReadAll(refused.Body)
	require.NoError(t, err)
	assert.Equal(t, http.StatusServiceUnavailable, refused.StatusCode)
	assert.NotEmpty(t, refused.Header.Get("Retry-After"))
	assert.Contains(t, string(said), "too many Vennio keys")
	assert.Equal(t, http.StatusOK, hello(with("ada", 0)...).StatusCode, "a key that is in use")
	assert.Equal(t, http.StatusOK, hello(with("bob", 10)...).StatusCode)
	assert.Equal(t, http.StatusServiceUnavailable, hello(with("bob", 11)...).StatusCode, "four tenants of callers' keys are open")
	assert.Equal(t, http.StatusOK, hello(as("acme")...).StatusCode)

	end := append(with("ada", 2), "Mcp-Session-Id", last.Header.Get("Mcp-Session-Id"))
	require.Equal(t, http.StatusOK, s.ask(http.MethodDelete, "/mcp", "", end...).StatusCode)
	assert.Equal(t, http.StatusOK, hello(with("ada", 3)...).StatusCode, "an idle tenant is closed to make room")
}

// req: X2. The rate limit applies to the token, whatever key is sent with it.
func TestReq_X2_ANewKeyIsNoNewPace(t *testing.T) {
	t.Parallel()
	s, _ := keyed(t, mcpserver.HTTPOptions{Rate: 0.001})
	assert.Equal(t, http.StatusOK, s.pinged(with("ada", 1)...))
	assert.Equal(t, http.StatusTooManyRequests, s.pinged(with("ada", 2)...))
	assert.Equal(t, http.StatusOK, s.pinged(with("bob", 1)...))
}

// req: X2, X5. Calls with many keys of one token are at most half of all concurrent
// calls, and those of all such tokens at most three quarters.
func TestReq_X5_ManyKeysHaveTheShareOfOneTenant(t *testing.T) {
	t.Parallel()
	s, g := keyed(t, mcpserver.HTTPOptions{MaxCalls: 4})
	slow, echoes := toolCall("1", modern, "slow", "{}"), toolCall("1", modern, "echo", "{}")
	begin := func(caller []string) { // as soon as there is a place
		r := func() *http.Request {
			return s.request(t.Context(), http.MethodPost, "/mcp", slow, append(modernly("tools/call", "slow"), caller...)...)
		}
		go func() {
			for status := http.StatusServiceUnavailable; status == http.StatusServiceUnavailable; {
				resp, err := s.http.Do(r())
				if err != nil {
					return
				}
				status = resp.StatusCode
				_ = resp.Body.Close()
			}
		}()
		select {
		case <-g.started:
		case <-time.After(patience):
			require.FailNow(t, "there was no place")
		}
	}
	echo := func(caller []string) int {
		return s.post(echoes, append(modernly("tools/call", "echo"), caller...)...).StatusCode
	}
	for range 2 { // the places come back
		begin(with("ada", 1))
		begin(with("ada", 2))
		assert.Equal(t, http.StatusServiceUnavailable, echo(with("ada", 3)))
		begin(with("bob", 4))
		assert.Equal(t, http.StatusServiceUnavailable, echo(with("bob", 5)))
		assert.Equal(t, http.StatusOK, echo(as("acme")))
		for range 3 {
			g.release <- struct{}{}
		}
	}
}
