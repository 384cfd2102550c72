package sandbox_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/vennioclient/sandbox"
)

func TestWebhookSecretIsShownOnce(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	r := subscribe("https://example.com/hook", "booking.created", "booking.cancelled", "booking.created")
	r.idempotency = "hook-1"
	made := want[hook](t, s, http.StatusCreated, r)
	assert.Regexp(t, `^wh_[0-9a-f]{24}$`, made.ID)
	assert.Regexp(t, `^whsec_[0-9a-f]{64}$`, made.Secret)
	assert.Equal(t, []string{"booking.cancelled", "booking.created"}, made.Events)
	assert.Equal(t, made, want[hook](t, s, http.StatusCreated, r), "the same call again")

	listed := want[struct{ Webhooks []hook }](t, s, http.StatusOK, get("/v1/webhooks")).Webhooks
	secret := made.Secret
	made.Secret = ""
	assert.Equal(t, []hook{made}, listed)
	assert.Equal(t, secret, s.Webhooks()[0].Secret, "for tests")

	gone := request{method: http.MethodDelete, target: "/v1/webhooks/" + made.ID}
	assert.Equal(t, made, want[hook](t, s, http.StatusOK, gone))
	refused(t, s, http.StatusNotFound, "not-found", gone)
	assert.Empty(t, s.Webhooks())
}

func TestWebhookBodyIsChecked(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	for url, ok := range map[string]bool{
		"https://example.com/hook": true, "http://127.0.0.1:8080/hook": true, "http://localhost/": true, "http://[::1]:1/": true,
		"": false, "http://example.com/": false, "http://192.168.0.1/": false, "ftp://127.0.0.1/": false, "/hook": false,
		"https://user:secret@example.com/": false, "https://": false, "https://example.com/" + strings.Repeat("x", 2048): false, "%": false,
	} {
		r := subscribe(url, "booking.created")
		if ok {
			want[hook](t, s, http.StatusCreated, r)
			continue
		}
		p := refused(t, s, http.StatusBadRequest, "validation-error", r)
		assert.Contains(t, p.Errors, "url", url)
	}
	for _, events := range []string{`[]`, `["*"]`, `["booking.created","booking.teleported"]`} {
		p := refused(t, s, http.StatusBadRequest, "validation-error", request{
			method: http.MethodPost, target: "/v1/webhooks", body: `{"url":"https://example.com/","events":` + events + `}`,
		})
		assert.Contains(t, p.Errors, "events", events)
	}
	r := subscribe("https://example.com/", "booking.created")
	r.key = "vennio_pk_test_1"
	refused(t, s, http.StatusForbidden, "forbidden", r)
	for range 50 - len(s.Webhooks()) {
		want[hook](t, s, http.StatusCreated, subscribe("https://example.com/"))
	}
	refused(t, s, http.StatusUnprocessableEntity, "unprocessable", subscribe("https://example.com/"))
	require.Len(t, s.Webhooks(), 50)
}
