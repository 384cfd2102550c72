package sandbox_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/vennioclient/sandbox"
)

const publishable = "vennio_pk_test_0123456789"

// operations is one call of each kind; none of them need succeed.
var operations = map[string]request{
	"slots":     slotsOf(alice, tomorrow, tomorrow.AddDate(0, 0, 1)),
	"next":      get("/v1/availability/next"),
	"mutual":    mutual(alice.ID+","+bob.ID, tomorrow, tomorrow.AddDate(0, 0, 1)),
	"create":    {method: http.MethodPost, target: "/v1/bookings", body: "{}"},
	"list":      get("/v1/bookings"),
	"read":      get("/v1/bookings/x"),
	"update":    patch("x", "{}"),
	"cancel":    cancel("x", ""),
	"consents":  get("/v1/consents"),
	"give":      {method: http.MethodPost, target: "/v1/consents", body: "{}"},
	"consent":   get("/v1/consents/x"),
	"revoke":    {method: http.MethodDelete, target: "/v1/consents/x"},
	"hook":      {method: http.MethodPost, target: "/v1/webhooks", body: "{}"},
	"hooks":     get("/v1/webhooks"),
	"unhook":    {method: http.MethodDelete, target: "/v1/webhooks/x"},
	"hosts":     get("/v1/hosts"),
	"calendars": get("/v1/calendars"),
	"sync":      {method: http.MethodPost, target: "/v1/calendars/sync"},
}

func TestScopesOfKeys(t *testing.T) {
	t.Parallel()
	public := map[string]bool{"slots": true, "next": true}
	forPublishable := map[string]bool{"slots": true, "next": true, "mutual": true, "create": true}
	s := newServer(sandbox.Options{})
	for name, r := range operations {
		for key, allowed := range map[string]bool{
			sandbox.DefaultKey(): true, "vennio_sk_live_1": true, "vennio_at_1": true, "sk_test_xxx": true,
			publishable: forPublishable[name], "vennio_pk_live_1": forPublishable[name],
			"-": public[name], "vennio_sk_test_revoked": false, "vennio_rt_1": false,
		} {
			r.key = key
			status := send(s, r).Code
			barred := status == http.StatusUnauthorized || status == http.StatusForbidden
			assert.Equal(t, allowed, !barred, "%s with %s: %d", name, key, status)
		}
	}
}

func TestForbiddenListsTheScopesOfTheKey(t *testing.T) {
	t.Parallel()
	r := operations["list"]
	r.key = publishable
	p := refused(t, newServer(sandbox.Options{}), http.StatusForbidden, "forbidden", r)
	assert.Equal(t, "publishable", p.KeyType)
	assert.Equal(t, []string{"read:availability", "create:booking"}, p.AvailableScopes)
}

func TestAuthorizationHeader(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	for header, status := range map[string]int{
		"": 401, "Bearer": 401, "Bearer ": 401, "Basic eDp5": 401, "bearer x": 200, "Bearer sk_test_xxx": 200,
	} {
		req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/bookings", nil)
		req.Header.Set("Authorization", header)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, req)
		assert.Equal(t, status, w.Code, "%q", header)
	}
}

func TestUnknownOperationsAreProblems(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	for _, r := range []request{
		{method: http.MethodPost, target: "/"}, get("/v2/bookings"), {method: http.MethodPut, target: "/v1/bookings/x"}, {method: http.MethodDelete, target: "/v1/bookings"},
	} {
		refused(t, s, http.StatusNotFound, "not-found", r)
	}
	refused(t, s, http.StatusBadRequest, "validation-error", request{method: http.MethodGet, target: "/v1/bookings?a=%zz"})
}

func TestRateLimitPerKey(t *testing.T) {
	t.Parallel()
	now := newClock()
	s := newServer(sandbox.Options{Now: now.Now, RateLimitPerHour: 2})
	first := send(s, operations["list"])
	assert.Equal(t, "2", first.Header().Get("X-RateLimit-Limit"))
	assert.Equal(t, "1", first.Header().Get("X-RateLimit-Remaining"))
	assert.Equal(t, "1778662800", first.Header().Get("X-RateLimit-Reset"), "9:00 UTC")
	now.Advance(10*time.Minute + time.Millisecond)
	require.Equal(t, http.StatusOK, send(s, operations["list"]).Code)

	refused(t, s, http.StatusTooManyRequests, "rate-limited", operations["list"])
	over := send(s, operations["list"])
	assert.Equal(t, "3000", over.Header().Get("Retry-After"))
	assert.Equal(t, "0", over.Header().Get("X-RateLimit-Remaining"))
	other := operations["list"]
	other.key = "vennio_sk_test_other"
	assert.Equal(t, http.StatusOK, send(s, other).Code)

	now.Advance(50 * time.Minute)
	assert.Equal(t, http.StatusOK, send(s, operations["list"]).Code)
}

func TestRateLimitDefaultsToAThousand(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "999", send(newServer(sandbox.Options{}), operations["list"]).Header().Get("X-RateLimit-Remaining"))
	free := newServer(sandbox.Options{RateLimitPerHour: -1})
	for range 1200 {
		require.Equal(t, http.StatusOK, send(free, operations["list"]).Code)
	}
}

// req: E3
func TestKeysAreNeverShown(t *testing.T) {
	t.Parallel()
	const canary = "vennio_sk_test_canary7d1f"
	s := newServer(sandbox.Options{})
	for _, r := range operations {
		r.key = canary
		w := send(s, r)
		assert.NotContains(t, w.Body.String(), canary)
	}
	w := send(s, request{method: http.MethodGet, target: "/_sandbox/state"})
	assert.NotContains(t, w.Body.String(), canary)
	require.Len(t, s.Requests(), len(operations))
	for _, r := range s.Requests() {
		assert.True(t, r.Signed)
		assert.False(t, strings.Contains(r.Path+r.Query.Encode()+r.IdempotencyKey+string(r.Body), canary))
	}
}
