package main

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/vennio-mcp/vennio-mcp/internal/webhooks"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/webhook"
)

func TestOneTenantAndAllAtOnceIsRefused(t *testing.T) {
	t.Parallel()
	env := clean(t, "VENNIO_API_KEY=vennio_sk_test_x", "VENNIO_API_URL=http://127.0.0.1:9")
	for _, command := range [][]string{{"events", "list"}, {"events", "dead"}, {"webhooks", "list"}} {
		code, out, errs := run(t, env, append(command, "--all-tenants", "--tenant", "acme")...)
		assert.Equal(t, 2, code, command)
		assert.Empty(t, out)
		assert.Contains(t, errs, "--all-tenants and --tenant contradict each other: omit one", command)
	}
}

// req: X5. Where there are no tenants at all, or no more, their paths are answered
// as any tenant's that does not exist.
func TestReq_X5_PathsOfTenantsAreAnsweredWhereThereAreNone(t *testing.T) {
	t.Parallel()
	url := start(t, stored(t, clean(t)), "serve", "--addr", "127.0.0.1:0").address()
	got := post(t, url+webhooks.PathOf("gone"), evt1, webhook.SignatureHeader, webhook.Sign([]byte(evt1), "guess"))
	assert.Equal(t, http.StatusUnauthorized, got.status, got.body)
}
