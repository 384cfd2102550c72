package config_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/config"
)

const (
	one, two = "the first of two secrets", "the second of two secrets"
	database = "postgres://vennio:canary@db.example.com/vennio"
)

func TestReplicasShareADatabaseAndASecret(t *testing.T) {
	t.Parallel()
	e := env{"VENNIO_API_KEY": "vennio_sk_live_x", "VENNIO_BUSINESS_ID": "b", "VENNIO_MCP_DATABASE_URL": database, "VENNIO_STATE_DIR": "/state"}
	_, err := config.Load(nil, e.get)
	require.ErrorContains(t, err, "VENNIO_MCP_DATABASE_URL is set but not VENNIO_SIGNING_SECRET")
	e["VENNIO_SIGNING_SECRET"] = one
	c, err := config.Load(nil, e.get)
	require.NoError(t, err)
	assert.Equal(t, database, c.Store())
	assert.NotContains(t, fmt.Sprintf("%v %+v %#v", c, c, c), "canary")
	assert.Empty(t, c.Warnings)
	delete(e, "VENNIO_MCP_DATABASE_URL")
	c, err = config.Load(nil, e.get)
	require.NoError(t, err)
	assert.Equal(t, "/state", c.Store())
}

func TestTheSandboxNeedsNoDatabase(t *testing.T) {
	t.Parallel()
	c, err := config.Load(nil, env{"VENNIO_MCP_DATABASE_URL": database, "VENNIO_SIGNING_SECRET": one}.get)
	require.NoError(t, err)
	require.Len(t, c.Warnings, 1)
	assert.Contains(t, c.Warnings[0], "VENNIO_MCP_DATABASE_URL is ignored")
}

func TestTheSigningSecretMayBeTwo(t *testing.T) {
	t.Parallel()
	c, err := config.Load(nil, env{"VENNIO_SIGNING_SECRET": two + " , " + one}.get)
	require.NoError(t, err)
	assert.Equal(t, []config.Secret{two, one}, c.SigningSecrets)
	for said, want := range map[string]string{
		one + ",short":              "shorter than 16 characters, or one of the two is",
		one + ",":                   "shorter than 16 characters",
		one + "," + two + "," + one: "more than two secrets",
	} {
		_, err := config.Load(nil, env{"VENNIO_SIGNING_SECRET": said}.get)
		require.ErrorContains(t, err, want)
		assert.NotContains(t, err.Error(), one)
	}
}

func TestAddressesThatLeadNowhereAreMistakes(t *testing.T) {
	t.Parallel()
	for name, says := range map[string]string{
		"VENNIO_MCP_DATABASE_URL=mysql://u:canary@db/x":         "VENNIO_MCP_DATABASE_URL want postgres://",
		"VENNIO_MCP_DATABASE_URL=postgres://u:canary@db:port/x": "VENNIO_MCP_DATABASE_URL want postgres://",
		"VENNIO_MCP_DATABASE_URL=/var/lib/vennio":               "VENNIO_MCP_DATABASE_URL want postgres://",
		"VENNIO_MCP_PUBLIC_URL=http://mcp.example.com":          "VENNIO_MCP_PUBLIC_URL ",
		"VENNIO_MCP_PUBLIC_URL=mcp.example.com":                 "VENNIO_MCP_PUBLIC_URL ",
	} {
		key, value, _ := strings.Cut(name, "=")
		_, err := config.Load(nil, env{key: value, "VENNIO_SIGNING_SECRET": one}.get)
		require.ErrorContains(t, err, says, name)
		assert.NotContains(t, err.Error(), "canary")
	}
	c, err := config.Load(nil, env{"VENNIO_MCP_PUBLIC_URL": "https://mcp.example.com/"}.get)
	require.NoError(t, err)
	assert.Equal(t, "https://mcp.example.com", c.Serve.PublicURL)
}
