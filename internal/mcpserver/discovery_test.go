package mcpserver_test

import (
	"encoding/json"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/auth"
	"github.com/vennio-mcp/vennio-mcp/internal/mcpserver"
)

var card = mcpserver.Card{Name: "io.github.vennio-mcp/vennio-mcp", Title: "Vennio", Description: "Book.", Version: "1.2.3", Repository: "https://github.com/vennio-mcp/vennio-mcp"}

// documents are the addresses of the documents, and their media types.
var documents = map[string]string{
	"/mcp/server-card":                  "application/mcp-server-card+json",
	"/.well-known/mcp/server-card.json": "application/mcp-server-card+json",
	"/.well-known/ai-catalog.json":      "application/ai-catalog+json",
}

const public = "mcp.example.com"

// discover sends a request for a document and returns the response and its body.
func (s *site) discover(method, path string, headers ...string) (*http.Response, string) {
	s.t.Helper()
	r := s.request(s.t.Context(), method, path, "", headers...)
	r.Body, r.ContentLength = http.NoBody, 0
	resp, err := s.http.Do(r)
	require.NoError(s.t, err)
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	require.NoError(s.t, err)
	return resp, string(body)
}

// conforms validates a document against the pinned schema of its kind.
func conforms(t *testing.T, path, body string) {
	t.Helper()
	file := "server-card.schema.json"
	if strings.Contains(path, "catalog") {
		file = "ai-catalog.schema.json"
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	schema, err := c.Compile(filepath.Join("testdata", "discovery", file))
	require.NoError(t, err)
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(body))
	require.NoError(t, err)
	require.NoError(t, schema.Validate(document), body)
}

// field: server card of each configuration
func TestReq_P12_TheDocumentsConformAndDescribeWhatRuns(t *testing.T) {
	t.Parallel()
	token := auth.Options{Tokens: []auth.Token{{Name: "ada", Hash: auth.HashOf("ada")}}}
	keys := auth.Options{CallerKeys: true, Tokens: token.Tokens}
	oauth := auth.Options{OAuth: &auth.OAuth{Issuer: "https://login.example.com", JWKS: "http://127.0.0.1:1/", Audience: "https://mcp.example.com"}}
	const bearer, key = `{"name":"Authorization","description":"Bearer and the token that the operator gave you","isRequired":true,"isSecret":true}`,
		`{"name":"X-Vennio-Api-Key","description":"Your API key of Vennio, unless the operator set one for you","isSecret":true}`
	for name, tc := range map[string]struct {
		access    auth.Options
		o         mcpserver.HTTPOptions
		headers   []string
		base      string
		remotes   []string
		needs, id string
	}{
		"open":            {base: "http://localhost:1", headers: []string{"Host", "localhost:1"}, remotes: []string{"/mcp", "/sse"}, id: "urn:air:localhost:mcp:vennio-mcp"},
		"IP address":      {base: "http://127.0.0.1", headers: []string{"Host", "127.0.0.1"}, remotes: []string{"/mcp", "/sse"}, id: "http://127.0.0.1/mcp/server-card"},
		"stateless":       {o: mcpserver.HTTPOptions{Stateless: true}, base: "http://[::1]:8080", headers: []string{"Host", "[::1]:8080"}, remotes: []string{"/mcp"}, id: "http://[::1]:8080/mcp/server-card"},
		"tokens":          {access: token, o: mcpserver.HTTPOptions{PublicURL: "https://" + public}, base: "https://" + public, remotes: []string{"/mcp", "/sse"}, needs: bearer, id: "urn:air:mcp.example.com:mcp:vennio-mcp"},
		"callers' keys":   {access: keys, o: mcpserver.HTTPOptions{PublicURL: "https://" + public + ":8443"}, base: "https://" + public + ":8443", remotes: []string{"/mcp", "/sse"}, needs: bearer + "," + key, id: "urn:air:mcp.example.com:mcp:vennio-mcp"},
		"OAuth":           {access: oauth, base: "http://" + public, headers: []string{"Host", public}, remotes: []string{"/mcp", "/sse"}, id: "urn:air:mcp.example.com:mcp:vennio-mcp"},
		"a trusted proxy": {o: mcpserver.HTTPOptions{Proxies: 1}, base: "https://" + public, headers: []string{"Host", public, "X-Forwarded-Proto", "https", "X-Forwarded-Host", "evil.example", "X-Forwarded-Prefix", "/evil"}, remotes: []string{"/mcp", "/sse"}, id: "urn:air:mcp.example.com:mcp:vennio-mcp"},
	} {
		access, err := auth.New(t.Context(), tc.access)
		require.NoError(t, err)
		tc.o.Access, tc.o.Card, tc.o.AllowedHosts = access, card, []string{public}
		s := open(t, newRig(), tc.o)
		for path, media := range documents {
			resp, body := s.discover(http.MethodGet, path, tc.headers...)
			require.Equal(t, http.StatusOK, resp.StatusCode, "%s %s %s", name, path, body)
			assert.Equal(t, media, resp.Header.Get("Content-Type"))
			conforms(t, path, body)
			if path == "/.well-known/ai-catalog.json" {
				assert.JSONEq(t, `{"specVersion":"0.9","entries":[{"identifier":"`+tc.id+`","displayName":"Vennio","type":"application/mcp-server-card+json","url":"`+tc.base+`/mcp/server-card"}]}`, body, name)
				continue
			}
			var got struct {
				Version string
				Remotes []struct {
					Type, URL                 string
					Headers                   json.RawMessage
					SupportedProtocolVersions []string
				}
			}
			require.NoError(t, json.Unmarshal([]byte(body), &got))
			assert.Equal(t, "1.2.3", got.Version)
			require.Len(t, got.Remotes, len(tc.remotes), name)
			for i, path := range tc.remotes {
				assert.Equal(t, tc.base+path, got.Remotes[i].URL, name)
				assert.Equal(t, map[string]string{"/mcp": "streamable-http", "/sse": "sse"}[path], got.Remotes[i].Type)
				assert.Equal(t, append([]string{modern}, "2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"), got.Remotes[i].SupportedProtocolVersions)
				if tc.needs == "" {
					assert.Empty(t, got.Remotes[i].Headers, name)
				} else {
					assert.JSONEq(t, "["+tc.needs+"]", string(got.Remotes[i].Headers), name)
				}
			}
		}
	}
}

// Clients and shared caches store a document for an hour, and then ask whether it changed.
//
// field: cached server card
func TestReq_P12_TheDocumentsAreCacheable(t *testing.T) {
	t.Parallel()
	s := open(t, newRig(), mcpserver.HTTPOptions{Card: card, AllowedHosts: []string{public}})
	for path := range documents {
		whole, body := s.discover(http.MethodGet, path)
		tag := whole.Header.Get("ETag")
		assert.Regexp(t, `^"[0-9a-f]{32}"$`, tag)
		for _, current := range []string{tag, "W/" + tag, `"stale", ` + tag, "*"} {
			got, empty := s.discover(http.MethodGet, path, "If-None-Match", current)
			assert.Equal(t, http.StatusNotModified, got.StatusCode, current)
			assert.Empty(t, empty)
			assert.Equal(t, tag, got.Header.Get("ETag"))
		}
		for _, stale := range []string{`"stale"`, strings.Trim(tag, `"`), "", `"` + strings.Repeat("x", 10_000) + `"`} {
			got, again := s.discover(http.MethodGet, path, "If-None-Match", stale)
			assert.Equal(t, http.StatusOK, got.StatusCode, stale)
			assert.Equal(t, body, again)
		}
		head, empty := s.discover(http.MethodHead, path)
		assert.Empty(t, empty)
		assert.Equal(t, whole.ContentLength, head.ContentLength)
		for _, resp := range []*http.Response{whole, head} {
			assert.Equal(t, "public, max-age=3600", resp.Header.Get("Cache-Control"))
			assert.Equal(t, "*", resp.Header.Get("Access-Control-Allow-Origin"))
			assert.Equal(t, tag, resp.Header.Get("ETag"))
		}
		other, _ := s.discover(http.MethodGet, path, "Host", public)
		assert.NotEqual(t, tag, other.Header.Get("ETag"), "another address is in it")
	}
}

// Pages of every origin read the documents of a published server (SEP-2127, CORS
// Requirements). They find out nothing about a server on the machine of the person.
//
// req: P12, X2
// field: server card requested by a web page
func TestReq_P12_WebPagesReadTheDocumentsOfAPublishedServerAlone(t *testing.T) {
	t.Parallel()
	const elsewhere = "https://elsewhere.example"
	o := mcpserver.HTTPOptions{Card: card, AllowedHosts: []string{public}, AllowedOrigins: []string{app}}
	local := open(t, newRig(), o)
	o.PublicURL = "https://" + public
	published := open(t, newRig(), o)
	for path := range documents {
		for _, origin := range []string{elsewhere, "null", app, "http://localhost:6274"} {
			for _, method := range []string{http.MethodGet, http.MethodOptions} {
				for _, resp := range []*http.Response{
					first(local.discover(method, path, "Host", public, "Origin", origin)), first(published.discover(method, path, "Origin", origin)),
				} {
					assert.Less(t, resp.StatusCode, 300, "%s %s %s", method, path, origin)
					assert.Equal(t, []string{"*"}, resp.Header.Values("Access-Control-Allow-Origin"), "%s %s %s", method, path, origin)
					if method == http.MethodOptions {
						assert.Equal(t, "GET, HEAD", resp.Header.Get("Access-Control-Allow-Methods"))
					}
				}
			}
		}
		assert.Equal(t, http.StatusForbidden, first(local.discover(http.MethodGet, path, "Origin", elsewhere)).StatusCode)
		assert.Equal(t, http.StatusForbidden, first(published.discover(http.MethodGet, path, "Host", "evil.example")).StatusCode)
		assert.Equal(t, http.StatusForbidden, first(published.discover(http.MethodPost, "/mcp", "Host", public, "Origin", elsewhere)).StatusCode, "the endpoint itself")
	}
}

func first(resp *http.Response, _ string) *http.Response { return resp }

// field: other request to the address of the server card
func TestReq_P12_TheDocumentsTakeNoOtherRequest(t *testing.T) {
	t.Parallel()
	s := open(t, newRig(), mcpserver.HTTPOptions{Card: card})
	for path := range documents {
		for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, "BOOK"} {
			resp := s.ask(method, path, initialize("2025-11-25", `{}`))
			assert.Equal(t, http.StatusMethodNotAllowed, resp.StatusCode)
			assert.Equal(t, "GET, HEAD, OPTIONS", resp.Header.Get("Allow"))
			assert.Contains(t, single(t, resp).Error.Message, "GET, HEAD, OPTIONS")
		}
		for _, spelling := range []string{"/" + path, path + "/", strings.Replace(path, "/", "/./", 1)} {
			resp, _ := s.discover(http.MethodGet, spelling)
			assert.Equal(t, http.StatusOK, resp.StatusCode, spelling)
		}
		for _, other := range []string{strings.ToUpper(path), path + ".json", path + "/x"} {
			resp, _ := s.discover(http.MethodGet, other)
			assert.Equal(t, http.StatusNotFound, resp.StatusCode, other)
		}
		resp := s.ask(http.MethodGet, path, "body")
		assert.Equal(t, http.StatusBadRequest, resp.StatusCode)
	}
	slow := open(t, newRig(), mcpserver.HTTPOptions{Card: card, RatePage: 0.001}) // two at once
	var last *http.Response
	for range 3 {
		last, _ = slow.discover(http.MethodGet, "/mcp/server-card")
	}
	assert.Equal(t, http.StatusTooManyRequests, last.StatusCode)
	assert.NotEmpty(t, last.Header.Get("Retry-After"))
	none := open(t, newRig(), mcpserver.HTTPOptions{})
	assert.Equal(t, http.StatusNotFound, first(none.discover(http.MethodGet, "/mcp/server-card")).StatusCode)
}
