package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/auth"
)

// get fetches an address; headers are pairs of a name and a value.
func get(t *testing.T, url string, headers ...string) posted {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
		if headers[i] == "Host" {
			req.Host = headers[i+1]
		}
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	require.NoError(t, err)
	return posted{resp.StatusCode, resp.Header, string(raw)}
}

func TestReq_X1_BeyondLoopbackATokenIsNeeded(t *testing.T) {
	t.Parallel()
	for _, addr := range []string{"0.0.0.0:0", "[::]:0", ":0", "192.0.2.1:8080", "example.com:80"} {
		code, _, stderr := run(t, clean(t), "serve", "--addr", addr)
		assert.Equal(t, 2, code, addr)
		assert.Contains(t, stderr, "vennio-mcp token new NAME", addr)
	}
	code, out, _ := run(t, clean(t), "token", "new", "ada-laptop")
	require.Zero(t, code)
	token := regexp.MustCompile(`vmcp_\w{40,}`).FindString(out)
	line := regexp.MustCompile(`- \{name: ada-laptop, hash: "sha256:[0-9a-f]{64}"\}`).FindString(out)
	require.NotEmpty(t, token)
	require.NotEmpty(t, line, out)
	file := filepath.Join(t.TempDir(), "tokens.yaml")
	require.NoError(t, os.WriteFile(file, []byte(line+"\n"), 0o600))
	p := start(t, clean(t, "VENNIO_MCP_TOKENS_FILE="+file), "serve", "--addr", "0.0.0.0:0")
	var port string
	require.Eventually(t, func() bool {
		if found := regexp.MustCompile(`http://\S+:(\d+)/mcp`).FindStringSubmatch(p.stderr.String()); found != nil {
			port = found[1]
		}
		return port != ""
	}, patience, tick)
	url := "http://127.0.0.1:" + port
	first, _, _ := strings.Cut(hello, "\n")
	assert.Equal(t, http.StatusUnauthorized, post(t, url+"/mcp", first).status)
	assert.Equal(t, http.StatusOK, post(t, url+"/mcp", first, "Authorization", "Bearer "+token).status)
	assert.Contains(t, p.stderr.String(), "clear text", "the operator is warned")
	assert.Contains(t, p.stderr.String(), `"at":"http://127.0.0.1:`+port+`/webhooks/vennio"`, "the sandbox sends its events to loopback only")
	assert.NotContains(t, p.stderr.String(), token)
	keys := filepath.Join(t.TempDir(), "settings.yaml")
	require.NoError(t, os.WriteFile(keys, []byte("caller_keys: true\n"), 0o600))
	for _, published := range [][]string{{"--trusted-proxies", "1"}, {"--public-url", "https://mcp.example.com"}} {
		for variable, warning := range map[string]string{"VENNIO_MCP_TOKENS_FILE=": "are not authenticated", "VENNIO_MCP_TOKENS_FILE=" + file: "", "VENNIO_MCP_SETTINGS=" + keys: "need no token"} {
			p := start(t, clean(t, variable), append([]string{"serve", "--addr", "127.0.0.1:0"}, published...)...)
			p.address()
			_, warned, _ := strings.Cut(p.stderr.String(), `"message":"callers `)
			assert.Equal(t, warning != "", warned != "", "%s: %s", published, p.stderr)
			assert.True(t, strings.HasPrefix(warned, warning), "%s: %s", published, p.stderr)
		}
	}
}

// req: X1. What is missing, odd or wrong is refused as RFC 6750 says, on every
// route that knows callers, and nothing is sent to Vennio.
func TestReq_X1_MissingAndWrongBearersAreRefused(t *testing.T) {
	t.Parallel()
	c := newCompany(t)
	for _, path := range []string{"/mcp", "/sse", "/message?sessionId=x"} {
		for _, try := range []struct {
			header, code string
			status       int
		}{
			{"", "", http.StatusUnauthorized},
			{"Basic YTpi", "invalid_request", http.StatusBadRequest},
			{"Bearer", "invalid_request", http.StatusBadRequest},
			{"Bearer two words", "invalid_request", http.StatusBadRequest},
			{"Bearer " + auth.NewToken(), "invalid_token", http.StatusUnauthorized},
			{"Bearer " + c.acme[:20], "invalid_token", http.StatusUnauthorized},
			{"Bearer " + auth.HashOf(c.acme).String()[7:], "invalid_token", http.StatusUnauthorized},
			{"Bearer " + keyOfAcme, "invalid_token", http.StatusUnauthorized},
			{"Bearer a.b.c", "invalid_token", http.StatusUnauthorized},
		} {
			headers := []string{"Authorization", try.header}
			if try.header == "" {
				headers = nil
			}
			got := post(t, c.url+path, `{}`, headers...)
			if path == "/sse" {
				got = get(t, c.url+path, headers...)
			}
			assert.Equal(t, try.status, got.status, "%s %s", path, try.header)
			challenge := got.header.Get("WWW-Authenticate")
			assert.True(t, strings.HasPrefix(challenge, `Bearer realm="vennio-mcp"`), challenge)
			assert.Equal(t, try.code != "", strings.Contains(challenge, `error="`+try.code+`"`), challenge)
		}
	}
	assert.Empty(t, c.bank.received())
	for _, open := range []string{"/healthz", "/readyz"} { // ready once the store is open, which takes a while on a busy machine
		require.Eventually(t, func() bool { return get(t, c.url+open).status == http.StatusOK }, patience, tick, open)
	}
	assert.NotContains(t, c.everything(), "c4n4ry")
}

// req: X2. Host and Origin come before everything, the caller's token included.
func TestReq_X2_HostAndOriginAreCheckedOnEveryRouteOfAServerWithTokens(t *testing.T) {
	t.Parallel()
	c := newCompany(t)
	for _, path := range []string{"/mcp", "/sse", "/message", "/healthz", "/readyz", "/metrics", "/approvals/x", "/webhooks/vennio", auth.MetadataPath, "/none"} {
		for _, header := range [][]string{{"Host", "evil.example"}, {"Origin", "https://evil.example"}} {
			got := get(t, c.url+path, append(header, "Authorization", "Bearer "+c.acme)...)
			assert.Equal(t, http.StatusForbidden, got.status, "%s %v", path, header)
			assert.Equal(t, "nosniff", got.header.Get("X-Content-Type-Options"))
			assert.Equal(t, "no-referrer", got.header.Get("Referrer-Policy"))
		}
	}
}

// req: X3. Addresses are logged on the way: no credential is taken from one.
func TestReq_X3_AKeyInTheAddressIsRefused(t *testing.T) {
	t.Parallel()
	c := newCompany(t)
	for _, query := range []string{"access_token=" + c.acme, "token=x", "api_key=x", "API-Key=x", "key=x", "x=" + keyOfGuy, "sessionId=" + c.acme} {
		for _, path := range []string{"/mcp", "/sse", "/message", "/healthz", "/readyz", "/metrics", "/approvals/x", "/webhooks/vennio", auth.MetadataPath, "/none"} {
			got := get(t, c.url+path+"?"+query)
			assert.Equal(t, http.StatusBadRequest, got.status, "%s?%s", path, query)
			assert.NotContains(t, got.body, "c4n4ry")
		}
	}
	assert.NotContains(t, c.everything(), "c4n4ry")
	assert.NotContains(t, c.everything(), c.acme)
}

// req: X3. The MCP credential goes nowhere, the Vennio key where it belongs; one
// is never taken for the other.
func TestReq_X3_CredentialsAndKeysAreNeverMixed(t *testing.T) {
	t.Parallel()
	c := newCompany(t)
	guest := c.as(c.guest, auth.HeaderKey, keyOfGuy)
	made := guest.books(guest.finds(), "guy@example.com")
	require.True(t, c.holds(keyOfGuy, made.BookingID), made.Error)
	ada := c.as(c.acme)
	ada.finds()
	received := c.bank.received()
	assert.Contains(t, received, keyOfGuy)
	for _, never := range []string{"vmcp_", auth.HeaderKey, "Mcp-Session-Id"} {
		assert.NotContains(t, received, never)
	}
	for _, try := range [][]string{
		{"Authorization", "Bearer " + c.guest},                                                                  // brings no key
		{"Authorization", "Bearer " + c.acme, auth.HeaderKey, keyOfGuy},                                         // has one of the operator's
		{"Authorization", "Bearer " + c.guest, auth.HeaderKey, "short"},                                         // is no key
		{"Authorization", "Bearer " + c.guest, auth.HeaderKey, "vennio_sk_ test_with blank"},                    // nor is that
		{"Authorization", "Bearer " + c.guest, auth.HeaderKey, "vennio_sk_test_ключ"},                           // nor that
		{"Authorization", "Bearer " + c.guest, auth.HeaderKey, "vennio_sk_test_" + strings.Repeat("x", 10_000)}, // nor that
	} {
		got := post(t, c.url+"/mcp", `{"jsonrpc":"2.0","id":1,"method":"ping"}`, try...)
		assert.Equal(t, http.StatusBadRequest, got.status, try)
		assert.Contains(t, got.body, auth.HeaderKey)
	}
	assert.NotContains(t, c.everything(), "c4n4ry")
	assert.NotContains(t, c.everything(), "vmcp_")
}

// req: X3. Headers that try to be two are refused before anything of ours reads
// them.
func TestReq_X3_InjectedAndDoubledHeadersAreRefused(t *testing.T) {
	t.Parallel()
	c := newCompany(t)
	host := strings.TrimPrefix(c.url, "http://")
	for _, lines := range []string{
		"Authorization: Bearer " + c.acme + "\r\nAuthorization: Bearer " + c.beta,
		"Authorization: Bearer " + c.guest + "\r\nX-Vennio-Api-Key: " + keyOfGuy + "\r\nX-Vennio-Api-Key: " + keyOfAcme,
		"Authorization: Bearer " + c.guest + "\r\nX-Vennio-Api-Key: " + keyOfGuy + "\x00x",
		"Authorization: Bearer " + c.guest + "\r\nX-Vennio-Api-Key: " + keyOfGuy + "\rX: y",
		"Authorization: Bearer " + c.acme + "\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity",
		"Authorization : Bearer " + c.acme,
	} {
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", host)
		require.NoError(t, err)
		_, err = fmt.Fprintf(conn, "POST /mcp HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n%s\r\n\r\n", host, lines)
		require.NoError(t, err)
		require.NoError(t, conn.SetReadDeadline(time.Now().Add(patience)))
		raw, _ := io.ReadAll(conn)
		_ = conn.Close()
		status := regexp.MustCompile(`^HTTP/1.1 (400|401|501) `).FindString(string(raw))
		assert.NotEmpty(t, status, "%q: %.60q", lines, raw)
		assert.NotContains(t, string(raw), "c4n4ry")
	}
	assert.Empty(t, c.bank.received())
}
