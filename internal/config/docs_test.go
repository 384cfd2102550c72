package config_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/config"
)

// The settings files in the documents work.
func TestTheSettingsOfTheDocumentsAreRead(t *testing.T) {
	t.Parallel()
	key := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(key, []byte("vennio_sk_test_support"), 0o600))
	environment := env{
		"VENNIO_API_KEY": "vennio_sk_test_own", "VENNIO_HOSTS": "Ada=7b0c1a2e-6d52-4c1b-9a77-0d8e1f2a3b4c, Bob=0a4f6a36-3c1d-4f0e-9a70-2f1f6e1f8c11",
		"CRM_WEBHOOK_SECRET": "s", "SLACK_WEBHOOK_URL": "https://hooks.slack.com/services/x", "SIGN_IN_SECRET": "secret",
		"SALES_VENNIO_KEY": "vennio_sk_test_sales", "SALES_WEBHOOK_SECRET": "whsec", "SALES_CRM_SECRET": "secret",
	}
	checks := map[string]func(*testing.T, config.Config){ // by the first line of the file
		"tokens:": func(t *testing.T, c config.Config) {
			t.Helper()
			assert.Len(t, c.Tenants, 2)
			assert.Equal(t, 20, c.Tenants[0].Limits.Daily)
			assert.Len(t, c.Tenants[0].Sinks, 1)
			assert.Len(t, c.Serve.Tokens, 3)
		},
		"sinks:": func(t *testing.T, c config.Config) {
			t.Helper()
			require.Len(t, c.Sinks, 2)
			assert.Equal(t, "crm", c.Sinks[0].Name)
			assert.Equal(t, "https://hooks.slack.com/services/x", c.Sinks[1].URL.Reveal())
		},
		"tenants:":     func(t *testing.T, c config.Config) { t.Helper(); assert.Len(t, c.Tenants, 1) },
		"oauth:":       func(t *testing.T, c config.Config) { t.Helper(); assert.NotNil(t, c.Serve.OAuth) },
		"preferences:": func(t *testing.T, c config.Config) { t.Helper(); assert.Len(t, c.Hosts, 2) },
	}
	pages, err := filepath.Glob("../../docs/*.md")
	require.NoError(t, err)
	below, err := filepath.Glob("../../docs/*/*.md")
	require.NoError(t, err)
	for _, path := range append(append(pages, "../../README.md"), below...) {
		page, err := os.ReadFile(path)
		require.NoError(t, err)
		for _, block := range regexp.MustCompile("(?ms)^```yaml\n(.*?)^```").FindAllStringSubmatch(string(page), -1) {
			content := strings.Replace(block[1], "/run/secrets/support-vennio-key", key, 1)
			c, err := config.Load(map[string]string{"settings": settingsFile(t, content), "public-url": "https://mcp.example.com:8443"}, environment.get)
			require.NoError(t, err, "%s:\n%s", path, content)
			first, _, _ := strings.Cut(content, "\n")
			check, ok := checks[first]
			require.True(t, ok, "%s: say what a settings file that begins with %s sets", path, first)
			check(t, c)
			delete(checks, first)
		}
	}
	assert.Empty(t, checks, "files that no document shows any more")
}
