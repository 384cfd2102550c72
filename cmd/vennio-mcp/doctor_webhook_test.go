package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/doctor"
	"github.com/vennio-mcp/vennio-mcp/internal/webhooks"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/webhook"
)

func TestTheDoctorOnWebhooks(t *testing.T) {
	t.Parallel()
	vennio := startSandboxProcess(t)
	env := toVennio(t, vennio)
	examine(t, clean(t)).says(t, doctor.OK, "webhook", "receives the sandbox's events without a subscription")
	e := examine(t, env)
	assert.Zero(t, e.code, "a warning is no problem")
	e.says(t, doctor.Warning, "webhook", "vennio-mcp webhooks register --url https://your.host/webhooks/vennio")
	examine(t, append(env, "VENNIO_WEBHOOK_SECRET=whsec_c4n4ry")).says(t, doctor.OK, "webhook", "a secret is set; no event so far")

	well(t, env, "webhooks", "register", "--url", "https://a.example.com/old")
	well(t, env, "webhooks", "register", "--url", "https://a.example.com/new")
	old, newer := subscriptions(t, env)[0].ID, subscriptions(t, env)[1].ID
	examine(t, env).says(t, doctor.OK, "webhook", "Vennio has it, "+newer+" to https://a.example.com/new")
	unlisted := before(t, vennio, func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/webhooks") }, func(*http.Response) error { return nil })
	examine(t, append(env, "VENNIO_API_URL="+unlisted)).says(t, doctor.OK, "webhook", "it is unknown whether Vennio has it")
	other := toVennio(t, vennio)
	well(t, other, "webhooks", "remove", newer)
	examine(t, env).says(t, doctor.Warning, "webhook", "an older one is there")
	well(t, other, "webhooks", "remove", old)
	gone := examine(t, env)
	gone.says(t, doctor.Problem, "webhook", "gone at Vennio")
	gone.says(t, doctor.Problem, "webhook", "webhooks remove "+newer)
}

func TestTheDoctorSaysWhenTheNewestEventCame(t *testing.T) {
	t.Parallel()
	env := stored(t, append(toVennio(t, startSandboxProcess(t)), "VENNIO_WEBHOOK_SECRET=s3cret"))
	url := start(t, env, "serve", "--addr", "127.0.0.1:0").address() + webhooks.Path
	require.Equal(t, http.StatusOK, post(t, url, evt1, webhook.SignatureHeader, webhook.Sign([]byte(evt1), "s3cret")).status)
	examine(t, env).says(t, doctor.OK, "webhook", "newest event ")
}
