package mcpserver_test

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/mcpserver"
)

// req: X2. Callers without a valid credential use up only their own rate.
func TestReq_X2_UnauthenticatedCallersHaveTheirOwnRate(t *testing.T) {
	t.Parallel()
	o := mcpserver.HTTPOptions{RateAll: 0.001, Metrics: http.NotFoundHandler()} // one at once
	s, _, _ := tenantSite(t, o, "acme")
	assert.Equal(t, http.StatusUnauthorized, s.pinged())
	for _, headers := range [][]string{nil, as("nobody"), as("a.b.c"), {"Authorization", "Basic x"}} {
		assert.Equal(t, http.StatusTooManyRequests, s.pinged(headers...))
	}
	elsewhere := append(as("nobody"), "X-Forwarded-For", "192.0.2.1")
	assert.Equal(t, http.StatusTooManyRequests, s.ask(http.MethodGet, "/metrics", "", elsewhere...).StatusCode)
	assert.Equal(t, http.StatusOK, s.pinged(as("acme")...))
}

// req: X2. Refused requests cause few lines in the log, however many there are, and the
// next line has the number of omitted ones.
func TestReq_X2_UnauthenticatedCallersDoNotFloodTheLog(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var logged bytes.Buffer
		o := mcpserver.HTTPOptions{RateAll: 30, Log: zerolog.New(zerolog.SyncWriter(&logged))} // 60 at once
		addTenants(t, &o, "acme")
		s, _ := openPiped(t, newRig(), o)
		for range 100 {
			s.pinged(as("nobody")...)
		}
		<-time.After(2 * time.Second) // of the bubble
		s.pinged()
		s.stop()
		s.ended()
		lines := strings.Split(strings.TrimSpace(logged.String()), "\n")
		require.Len(t, lines, 21)
		var last struct {
			Message, Reason string
			LeftOut         int `json:"left_out"`
		}
		assert.NotContains(t, lines[19], "left_out")
		require.NoError(t, json.Unmarshal([]byte(lines[20]), &last))
		assert.Equal(t, "a caller was not let in", last.Message)
		assert.Equal(t, "this server requires authentication: send Authorization: Bearer TOKEN", last.Reason)
		assert.Equal(t, 80, last.LeftOut)
	})
}

// req: X2. Failed TLS handshakes cause few lines in the log too.
func TestReq_X2_FailedHandshakesDoNotFloodTheLog(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	certify(t, 1, cert, key)
	config, err := mcpserver.TLS(cert, key, zerolog.Nop())
	require.NoError(t, err)
	var logged bytes.Buffer
	s := open(t, newRig(), mcpserver.HTTPOptions{TLS: config, Log: zerolog.New(zerolog.SyncWriter(&logged))})
	for range 60 {
		conn := s.dial()
		_, err := fmt.Fprint(conn, "GARBAGE GARBAGE GARBAGE")
		require.NoError(t, err)
		_, _ = io.Copy(io.Discard, conn)
	}
	s.http = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	s.url = strings.Replace(s.url, "http://", "https://", 1)
	assert.Equal(t, http.StatusOK, s.ask(http.MethodGet, "/healthz", "").StatusCode)
	s.http.CloseIdleConnections()
	s.stop()
	s.ended()
	lines := strings.Count(logged.String(), "TLS handshake")
	assert.Positive(t, lines)
	assert.LessOrEqual(t, lines, 40, "20 a minute, and a minute may end")
}
