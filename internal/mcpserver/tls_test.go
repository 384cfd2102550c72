package mcpserver_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/mcpserver"
)

// certify writes a certificate for 127.0.0.1 of this number, and its key.
func certify(t *testing.T, number int64, cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(number), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	require.NoError(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}), 0o600))
	require.NoError(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600))
	past := time.Now().Add(time.Duration(number) * time.Hour) // so that files written within one tick of the clock differ
	require.NoError(t, os.Chtimes(cert, past, past))
}

// req: X1. The server accepts TLS 1.2 and later and only HTTP/1.1; a renewed certificate is served without a
// restart, and one that cannot be used is not.
func TestReq_X1_TLSIsServedAndItsCertificateRenewed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	_, err := mcpserver.TLS(cert, key, zerolog.Nop())
	require.ErrorContains(t, err, "the TLS certificate")
	certify(t, 1, cert, key)
	config, err := mcpserver.TLS(cert, key, zerolog.Nop())
	require.NoError(t, err)
	s := open(t, newRig(), mcpserver.HTTPOptions{TLS: config})
	s.url = strings.Replace(s.url, "http://", "https://", 1)
	serial := func() int64 {
		s.http = &http.Client{Transport: &http.Transport{DisableKeepAlives: true, ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
		resp := s.ask(http.MethodGet, "/healthz", "")
		defer func() { _ = resp.Body.Close() }()
		assert.Equal(t, "max-age=31536000", resp.Header.Get("Strict-Transport-Security"))
		assert.Equal(t, 1, resp.ProtoMajor, "docs/operations/serving.md says so")
		assert.GreaterOrEqual(t, resp.TLS.Version, uint16(tls.VersionTLS12))
		return resp.TLS.PeerCertificates[0].SerialNumber.Int64()
	}
	assert.Equal(t, int64(1), serial())
	certify(t, 2, cert, key)
	assert.Equal(t, int64(2), serial())
	require.NoError(t, os.WriteFile(cert, []byte("half written"), 0o600))
	assert.Equal(t, int64(2), serial())
	old := &tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}}
	_, err = old.DialContext(t.Context(), "tcp", strings.TrimPrefix(s.url, "https://"))
	require.Error(t, err)
	plain, err := http.NewRequestWithContext(t.Context(), http.MethodGet, strings.Replace(s.url, "https", "http", 1)+"/healthz", nil)
	require.NoError(t, err)
	resp, err := s.http.Do(plain)
	require.NoError(t, err)
	_ = resp.Body.Close()
	assert.Equal(t, http.StatusBadRequest, resp.StatusCode, "nothing in clear text")
	s.stop()
	s.ended()
}
