package vennioclient_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

var aWebhook = vennioclient.WebhookRequest{URL: "http://127.0.0.1:8080/hook", Events: []string{"booking.created"}, Description: "Ours"}

const webhookFields = `"id":"wh_1","url":"http://127.0.0.1:8080/hook","events":["booking.created"],"description":"Ours","created_at":"2026-05-13T10:00:00+02:00"`

func TestWebhooksInEveryForm(t *testing.T) {
	t.Parallel()
	const fields = webhookFields + `,"secret":"whsec_1"`
	for _, body := range []string{`{` + fields + `}`, `{"webhook":{` + fields + `}}`, `{"data":{` + fields + `}}`} {
		got, err := play(t, answers(201, body)).client().CreateWebhook(t.Context(), "k", aWebhook)
		require.NoError(t, err, body)
		assert.Equal(t, "whsec_1", got.Secret.Reveal())
		got.Secret = vennioclient.Secret{}
		assert.Equal(t, &vennioclient.Webhook{
			ID: "wh_1", URL: aWebhook.URL, Events: aWebhook.Events, Description: "Ours", CreatedAt: time.Date(2026, 5, 13, 8, 0, 0, 0, time.UTC),
		}, got)
	}
	for _, body := range []string{`{` + webhookFields + `}`, `{"secret":"whsec_1"}`, `[]`, `{"id":"wh_1","secret":"whsec_1","created_at":"today"}`} {
		_, err := play(t, answers(201, body)).client().CreateWebhook(t.Context(), "k", aWebhook)
		assert.Equal(t, vennioclient.KindMalformed, asError(t, err).Kind, body)
		assert.NotContains(t, err.Error(), "whsec_1")
		assert.Equal(t, vennioclient.Unknown, vennioclient.OutcomeOf(err), "it may well exist")
	}
}

func TestListAndDeleteWebhooks(t *testing.T) {
	t.Parallel()
	for _, body := range []string{`{"webhooks":[{` + webhookFields + `}]}`, `[{` + webhookFields + `}]`, `{"data":[{` + webhookFields + `}],"pagination":{}}`} {
		all, err := play(t, answers(200, body)).client().ListWebhooks(t.Context())
		require.NoError(t, err, body)
		require.Len(t, all, 1)
		assert.Equal(t, "wh_1", all[0].ID)
		assert.Empty(t, all[0].Secret.Reveal())
	}
	v := play(t, answers(204, ""))
	require.NoError(t, v.client().DeleteWebhook(t.Context(), "key-1", "wh_1"))
	sent := v.requests()[0]
	assert.Equal(t, []string{"DELETE", "/v1/webhooks/wh_1", "key-1"}, []string{sent.method, sent.uri, sent.header.Get("Idempotency-Key")})
}

// req: E3
func TestSecretsAreNotPrinted(t *testing.T) {
	t.Parallel()
	w, err := play(t, answers(201, `{`+webhookFields+`,"secret":"whsec_CANARY"}`)).client().CreateWebhook(t.Context(), "k", aWebhook)
	require.NoError(t, err)
	hidden := struct{ w *vennioclient.Webhook }{w}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("made", "webhook", w, "secret", w.Secret)
	slog.New(slog.NewTextHandler(&log, nil)).Info("made", "webhook", w, "secret", w.Secret)
	for _, v := range []any{w, *w, w.Secret, hidden, &w.Secret, []any{w}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(&log, verb, v)
		}
		raw, err := json.Marshal(v)
		require.NoError(t, err)
		log.Write(raw)
	}
	assert.NotContains(t, log.String(), "CANARY")
	assert.NotContains(t, log.String(), fmt.Sprintf("%x", "CANARY"))
	assert.Contains(t, log.String(), "[secret]")
	assert.Equal(t, "[no secret]", vennioclient.Secret{}.String())
}
