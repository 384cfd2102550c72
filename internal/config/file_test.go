package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/config"
)

func settingsFile(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "settings.yml")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

func TestSinksAreReadFromTheSettingsFile(t *testing.T) {
	t.Parallel()
	secret := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(secret, []byte("canary-file\n"), 0o600))
	path := settingsFile(t, `
sinks:
  - name: crm
    type: http
    url: https://crm.example.com/hooks
    secret: ${CRM_SECRET}
    events: [booking.*, consent.revoked]
    headers: {X-Team: sales, Authorization: "${CRM_TOKEN}"}
  - {name: archive, type: http, url: "http://127.0.0.1:9/in", secret_file: `+secret+`}
  - {name: team, type: slack, url: "${SLACK_URL}", show_emails: true}
`)
	e := env{"VENNIO_MCP_SETTINGS": path, "CRM_SECRET": "canary-env", "CRM_TOKEN": "Bearer canary", "SLACK_URL": "https://hooks.slack.com/services/canary"}
	c, err := config.Load(nil, e.get)
	require.NoError(t, err)
	require.Len(t, c.Sinks, 3)
	crm, archive, team := c.Sinks[0], c.Sinks[1], c.Sinks[2]
	assert.Equal(t, "canary-env", crm.Secret.Reveal())
	assert.Equal(t, []string{"booking.*", "consent.revoked"}, crm.Events)
	assert.Equal(t, map[string]config.Secret{"X-Team": "sales", "Authorization": "Bearer canary"}, crm.Headers)
	assert.Equal(t, "canary-file", archive.Secret.Reveal())
	assert.Equal(t, "https://hooks.slack.com/services/canary", team.URL.Reveal())
	assert.True(t, team.Emails)
	assert.NotContains(t, fmt.Sprintf("%v %+v %#v", c, c, c), "canary", "secrets print as stars")
}

// field: settings file of several YAML documents
func TestMistakesInTheSettingsFileNameTheirLineAndNoSecret(t *testing.T) {
	t.Parallel()
	for content, want := range map[string][]string{
		"sinks:\n  - {name: a, kind: http}":     {":2: unknown field \"kind\""},
		"sinks: [\n":                            {"settings.yml:"},
		"sinks: []\n---\ntokens: []":            {"settings.yml holds several YAML documents"},
		"---\nsinks: []\n...\n---\noauth: {}\n": {"settings.yml holds several YAML documents"},
		"sinks:\n  - name: {a: b}":              {":2:"},
		"sinks:\n  - name: A B\n    type: http": {":2: sinks: name: want a name"},
		"sinks:\n  - name: a\n    type: mail":   {":3: sinks: type: want http or slack"},
		"sinks:\n  - name: a\n    type: http\n    url: http://canary.example.com":                       {":4: sinks: url: want https"},
		"sinks:\n  - name: a\n    type: http\n    url: https://x.example.com":                           {":2: sinks: secret: is missing"},
		"sinks:\n  - name: a\n    type: http\n    url: https://x.example.com\n    secret: whsec_canary": {":5: sinks: secret: begins with whsec_"},
		"sinks:\n  - name: a\n    type: slack\n    url: https://x.example.com\n    secret: canary":      {":3: sinks: type: slack takes neither"},
		"sinks:\n  - name: a\n    type: slack\n    url: ${NOT_SET}":                                     {":4: sinks: url: ${NOT_SET}: the environment has no such variable"},
		"sinks:\n  - name: a\n    type: slack\n    url: https://x.example.com\n    events: [booking*]":  {":5: sinks: events: \"booking*\" is not a pattern"},
		"sinks:\n  - name: a\n    type: http\n    url: https://x.example.com\n    secret_file: /none":   {":5: sinks: secret_file: cannot be read: /none"},
		"sinks:\n  - {name: a, type: slack, url: https://x.example.com}\n  - {name: a, type: mail}": {
			":3: sinks: type: want http or slack", ":3: sinks: name: \"a\" is taken",
		},
	} {
		_, err := config.Load(map[string]string{"settings": settingsFile(t, content)}, env{}.get)
		require.Error(t, err, content)
		for _, part := range want {
			assert.ErrorContains(t, err, part, content)
		}
		assert.NotContains(t, err.Error(), "canary", content)
	}
	_, err := config.Load(map[string]string{"settings": "/no/such/file"}, env{}.get)
	require.ErrorContains(t, err, "the settings file cannot be read: /no/such/file")
	for _, empty := range []string{"# nothing yet\n", "---\nsinks: []\n", "sinks: []\n---\n", "sinks: []\n...\n"} {
		c, err := config.Load(map[string]string{"settings": settingsFile(t, empty)}, env{}.get)
		require.NoError(t, err, empty)
		assert.Empty(t, c.Sinks)
	}
}

func TestWebhookSettings(t *testing.T) {
	t.Parallel()
	c, err := config.Load(nil, env{"VENNIO_WEBHOOK_SECRET": "whsec_new, whsec_old"}.get)
	require.NoError(t, err)
	assert.Equal(t, []config.Secret{"whsec_new", "whsec_old"}, c.WebhookSecrets)
	assert.Equal(t, 7*24*time.Hour, c.EventsKeep)
	_, err = config.Load(map[string]string{"events-keep": "24h"}, env{"VENNIO_WEBHOOK_SECRET": "canary,canary,canary"}.get)
	require.ErrorContains(t, err, "VENNIO_WEBHOOK_SECRET holds none or more than two secrets")
	require.ErrorContains(t, err, "--events-keep \"24h\": want a duration of 7d")
	assert.NotContains(t, err.Error(), "canary")
}
