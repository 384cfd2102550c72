package replicas_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/vennioclient/sandbox"
)

// command runs the program and returns its output.
func command(t *testing.T, env []string, args ...string) string {
	t.Helper()
	path, err := binary()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Env = env
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return string(out)
}

// req: X5, W2. On a shared database an event is stored once for its tenant, regardless of which replica receives it,
// and is only sent to that tenant's sink.
func TestReq_X5_EventsDoNotCrossTenantsAmongReplicas(t *testing.T) {
	t.Parallel()
	_, where := database(t)
	_, vennio := vennio(t)
	var acme, beta atomic.Int64
	sink := func(told *atomic.Int64) string {
		srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { told.Add(1) }))
		t.Cleanup(srv.Close)
		return fmt.Sprintf("sinks: [{name: crm, type: http, url: %q, secret: s}]", srv.URL)
	}
	settings := filepath.Join(t.TempDir(), "settings.yml")
	require.NoError(t, os.WriteFile(settings, fmt.Appendf(nil, "tenants:\n  - {name: acme, api_key: %s, webhook_secret: whsec, %s}\n  - {name: beta, api_key: %s, webhook_secret: other, %s}\n",
		sandbox.DefaultKey(), sink(&acme), sandbox.DefaultKey(), sink(&beta)), 0o600))
	env := environment(t, vennio, where, "VENNIO_MCP_SETTINGS="+settings)
	for _, r := range []*replica{startReplica(t, env), startReplica(t, env)} {
		tell(t, r.url(), "/acme", "evt_1")
	}
	require.Eventually(t, func() bool { return acme.Load() == 1 }, patience, tick)
	assert.Contains(t, command(t, env, "events", "list", "--tenant", "acme"), "evt_1")
	assert.Equal(t, "No events.\n", command(t, env, "events", "list", "--tenant", "beta"))
	assert.Zero(t, beta.Load())

	elsewhere := environment(t, vennio, where, "VENNIO_MCP_SETTINGS="+settings) // another machine with its own state directory
	said := command(t, env, "webhooks", "register", "--tenant", "beta", "--url", "http://127.0.0.1:9/webhooks/vennio/beta")
	assert.Contains(t, said, "is kept in the database of VENNIO_MCP_DATABASE_URL")
	assert.Contains(t, command(t, elsewhere, "webhooks", "list", "--tenant", "beta"), "delivers to this server")
	assert.Contains(t, command(t, elsewhere, "webhooks", "list", "--tenant", "acme"), "not made from here")
}
