package main

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/auth"
)

// certified writes a certificate for 127.0.0.1 and its key as files, and returns
// a client that trusts it.
func certified(t *testing.T) (cert, key string, trusting *http.Client) {
	t.Helper()
	site := httptest.NewTLSServer(http.NotFoundHandler()) // brings its own certificate
	t.Cleanup(site.Close)
	pair := site.TLS.Certificates[0]
	secret, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	require.NoError(t, err)
	cert, key = filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	require.NoError(t, os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate[0]}), 0o600))
	require.NoError(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600))
	return cert, key, site.Client()
}

// knock begins a session as a caller whom a proxy saw at an address would.
func knock(t *testing.T, agent *http.Client, url, token string) posted {
	t.Helper()
	first, _, _ := strings.Cut(hello, "\n")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/mcp", strings.NewReader(first))
	require.NoError(t, err)
	for name, value := range map[string]string{
		"Content-Type": "application/json", "Accept": "application/json, text/event-stream", "Authorization": "Bearer " + token,
		"X-Forwarded-For": "192.0.2.66, 203.0.113.7", // the caller wrote the first, the proxy the second
	} {
		req.Header.Set(name, value)
	}
	resp, err := agent.Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return posted{resp.StatusCode, resp.Header, string(raw)}
}

// req: X1. The real binary with a certificate, behind one proxy: MCP is
// answered over TLS alone, and a caller is logged by the address that the proxy
// saw, not by one that they wrote themselves.
func TestReq_X1_TheRealBinaryServesTLSBehindAProxy(t *testing.T) {
	t.Parallel()
	cert, key, agent := certified(t)
	tokens, token := filepath.Join(t.TempDir(), "tokens.yaml"), auth.NewToken()
	require.NoError(t, os.WriteFile(tokens, fmt.Appendf(nil, `- {name: ada, hash: "%s"}`, auth.HashOf(token)), 0o600))
	p := start(t, clean(t, "VENNIO_MCP_TOKENS_FILE="+tokens), "serve", "--addr", "127.0.0.1:0", "--tls-cert", cert, "--tls-key", key, "--trusted-proxies", "1")
	url := p.address()
	require.Regexp(t, `^https://127\.0\.0\.1:`, url)

	let := knock(t, agent, url, token)
	assert.Equal(t, http.StatusOK, let.status, let.body)
	assert.Contains(t, let.body, `"serverInfo"`)
	assert.NotEmpty(t, let.header.Get("Strict-Transport-Security"))
	assert.NotEmpty(t, let.header.Get("Mcp-Session-Id"))
	bare := knock(t, agent, strings.Replace(url, "https://", "http://", 1), token)
	assert.Equal(t, http.StatusBadRequest, bare.status)
	assert.NotContains(t, bare.body, "jsonrpc")
	assert.Empty(t, bare.header.Get("Mcp-Session-Id"))

	assert.Equal(t, http.StatusUnauthorized, knock(t, agent, url, "vmcp_wrong").status)
	require.Eventually(t, func() bool { return strings.Contains(p.stderr.String(), "a caller was not let in") }, patience, tick)
	assert.Regexp(t, `"?client"?[:=]"?203\.0\.113\.7\b`, p.stderr.String())
	assert.NotContains(t, p.stderr.String(), "192.0.2.66")
	assert.NotContains(t, p.stderr.String(), token)
}
