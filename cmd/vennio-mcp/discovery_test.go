package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// identity is what the server card and server.json have in common.
type identity struct {
	Name, Title, Description string
	Repository               struct{ URL, Source string }
}

// A client that knows only the host finds the card, connects to the endpoints that it names, and finds
// there what the card says.
//
// req: P12
func TestReq_P12_AClientConnectsAsTheCardSays(t *testing.T) {
	t.Parallel()
	url := start(t, clean(t), "serve", "--addr", "127.0.0.1:0").address()
	var catalog struct{ Entries []struct{ Type, URL string } }
	require.NoError(t, json.Unmarshal([]byte(get(t, url+"/.well-known/ai-catalog.json").body), &catalog))
	require.Len(t, catalog.Entries, 1)
	found := get(t, catalog.Entries[0].URL, "Accept", catalog.Entries[0].Type)
	assert.Equal(t, catalog.Entries[0].Type, found.header.Get("Content-Type"))
	assert.Equal(t, found.body, get(t, url+"/.well-known/mcp/server-card.json").body)

	var card struct {
		identity
		Version string
		Remotes []struct {
			Type, URL                 string
			SupportedProtocolVersions []string
		}
	}
	require.NoError(t, json.Unmarshal([]byte(found.body), &card))
	var registered identity
	raw, err := os.ReadFile(filepath.Join("..", "..", ".release", "server.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, &registered))
	assert.Equal(t, registered, card.identity)

	require.Len(t, card.Remotes, 2)
	for _, remote := range card.Remotes {
		for _, version := range remote.SupportedProtocolVersions {
			connection, err := transport.NewStreamableHTTP(remote.URL)
			require.NoError(t, err)
			c := client.NewClient(connection)
			if remote.Type == "sse" {
				c, err = client.NewSSEMCPClient(remote.URL)
				require.NoError(t, err)
			}
			client.WithDiscoverTimeout(patience)(c)
			require.NoError(t, c.Start(t.Context()))
			hello := mcp.InitializeRequest{}
			hello.Params.ProtocolVersion = version
			got, err := c.Initialize(t.Context(), hello)
			require.NoError(t, err, "%s %s", remote.Type, version)
			assert.Equal(t, version, got.ProtocolVersion, remote.Type)
			assert.Equal(t, card.Version, got.ServerInfo.Version)
			assert.Equal(t, card.Title, got.ServerInfo.Title)
			_, err = c.ListTools(t.Context(), mcp.ListToolsRequest{})
			require.NoError(t, err, "%s %s", remote.Type, version)
			require.NoError(t, c.Close())
		}
	}
}

// The card needs no token. It says how to connect, and nothing of who uses the server.
//
// req: P12, X5
// field: server card without a token
func TestReq_P12_TheCardRevealsNoTenant(t *testing.T) {
	t.Parallel()
	c := newCompany(t, "VENNIO_MCP_PUBLIC_URL=https://mcp.example.com")
	assert.Equal(t, http.StatusUnauthorized, post(t, c.url+"/mcp", "{}").status)
	for _, path := range []string{"/mcp/server-card", "/.well-known/mcp/server-card.json", "/.well-known/ai-catalog.json"} {
		got := get(t, c.url+path)
		require.Equal(t, http.StatusOK, got.status)
		assert.Contains(t, got.body, "https://mcp.example.com/mcp")
		body := strings.ToLower(regexp.MustCompile(`"version": ?"[^"]*"`).ReplaceAllString(got.body, "")) // it has the hash of a commit
		for _, leak := range []string{"acme", "beta", "ada", "guest", "c4n4ry", "127.0.0.1", "localhost", c.bank.url, "find_slots", "attested"} {
			assert.NotContains(t, body, leak, path)
		}
		assert.Equal(t, got.body, get(t, c.url+path, "Authorization", "Bearer "+c.acme).body, "everybody gets the same")
		assert.Equal(t, http.StatusForbidden, get(t, c.url+path, "Host", "evil.example").status)
	}
}

// The endpoints are at the root of the public address, so one with a path could only be wrong in the card.
//
// req: P12
// field: public address with a path
func TestReq_P12_APublicAddressHasNoPath(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"https://mcp.example.com/base", "https://mcp.example.com/base/", "https://mcp.example.com/mcp", "https://mcp.example.com/?x=1", "https://ada@mcp.example.com"} {
		code, _, stderr := run(t, clean(t, "VENNIO_MCP_PUBLIC_URL="+url), "serve", "--addr", "127.0.0.1:0")
		assert.Equal(t, 2, code, url)
		assert.Contains(t, stderr, "want scheme and host alone", url)
	}
}
