package mcpserver_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/vennio-mcp/vennio-mcp/internal/mcpserver"
)

// pinged returns the status of a ping without a session.
func (s *site) pinged(headers ...string) int {
	s.t.Helper()
	resp := s.post(request("1", modern, "tools/list", ""), append(modernly("tools/list"), headers...)...)
	_ = resp.Body.Close()
	if resp.StatusCode == http.StatusTooManyRequests {
		assert.NotEmpty(s.t, resp.Header.Get("Retry-After"))
	}
	return resp.StatusCode
}

// req: X2, X5. Requests of a tenant beyond its rate do not reduce the rate of others.
func TestReq_X5_ATenantThatFloodsUsesUpItsOwnPaceAlone(t *testing.T) {
	t.Parallel()
	s, _, _ := tenantSite(t, mcpserver.HTTPOptions{Rate: 0.001, RateAll: 1.5}, "acme", "beta") // 1 and 3 at once
	assert.Equal(t, http.StatusOK, s.pinged(as("acme")...))
	for range 20 {
		assert.Equal(t, http.StatusTooManyRequests, s.pinged(as("acme")...))
	}
	assert.Equal(t, http.StatusOK, s.pinged(as("beta")...))
}

// req: X2. All tenants together have a rate limit too.
func TestReq_X2_AllTogetherArePaced(t *testing.T) {
	t.Parallel()
	s, _, _ := tenantSite(t, mcpserver.HTTPOptions{RateAll: 0.001}, "acme", "beta")
	assert.Equal(t, http.StatusOK, s.pinged(as("acme")...))
	assert.Equal(t, http.StatusTooManyRequests, s.pinged(as("acme")...))
	assert.Equal(t, http.StatusTooManyRequests, s.pinged(as("beta")...))
}
