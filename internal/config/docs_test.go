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

const securityPage = "../../docs/security.md"

// The settings file that the page shows is one that works.
func TestTheSettingsOfTheSecurityPageAreRead(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(securityPage)
	require.NoError(t, err)
	found := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindSubmatch(page)
	require.NotNil(t, found)
	key := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(key, []byte("vennio_sk_test_support"), 0o600))
	content := strings.Replace(string(found[1]), "/run/secrets/support-vennio-key", key, 1)
	c, err := config.Load(map[string]string{"settings": settingsFile(t, content), "public-url": "https://mcp.example.com:8443"}, env{"SALES_VENNIO_KEY": "vennio_sk_test_sales", "SALES_WEBHOOK_SECRET": "whsec", "SALES_CRM_SECRET": "secret"}.get)
	require.NoError(t, err)
	assert.Len(t, c.Tenants, 2)
	assert.Equal(t, 20, c.Tenants[0].Limits.Daily)
	assert.Len(t, c.Tenants[0].Sinks, 1)
	assert.Len(t, c.Serve.Tokens, 3)
}

// So are those that the page about events shows.
func TestTheSettingsOfTheEventsPageAreRead(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/events.md")
	require.NoError(t, err)
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllSubmatch(page, -1)
	require.Len(t, blocks, 2)
	for _, block := range blocks {
		c, err := config.Load(map[string]string{"settings": settingsFile(t, "caller_keys: true\n"+string(block[1]))}, env{
			"CRM_WEBHOOK_SECRET": "s", "SLACK_WEBHOOK_URL": "https://hooks.slack.com/services/x",
			"SALES_VENNIO_KEY": "vennio_sk_test_sales", "SALES_WEBHOOK_SECRET": "whsec", "SALES_CRM_SECRET": "s",
		}.get)
		require.NoError(t, err)
		assert.NotZero(t, len(c.Sinks)+len(c.Tenants))
		if len(c.Sinks) > 0 {
			assert.Equal(t, "crm", c.Sinks[0].Name)
			assert.Equal(t, "https://hooks.slack.com/services/x", c.Sinks[1].URL.Reveal())
		}
	}
}
