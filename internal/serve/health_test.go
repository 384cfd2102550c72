package serve_test

import (
	"context"
	"io"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/serve"
)

func TestBar_O3_ReadySaysWhyNot(t *testing.T) {
	t.Parallel()
	var broken atomic.Bool
	s := open(t, newRig(), serve.HTTPOptions{Unready: func(context.Context) []string {
		if broken.Load() {
			return []string{"the store cannot be used"}
		}
		return nil
	}})
	for _, tc := range []struct {
		broken bool
		status int
		said   string
	}{
		{false, http.StatusOK, `{"status":"ready"}`},
		{true, http.StatusServiceUnavailable, `{"status":"unready","reasons":["the store cannot be used"]}`},
		{false, http.StatusOK, `{"status":"ready"}`},
	} {
		broken.Store(tc.broken)
		resp := s.ask(http.MethodGet, "/readyz", "")
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		assert.Equal(t, tc.status, resp.StatusCode)
		assert.JSONEq(t, tc.said, string(body))
		assert.Equal(t, http.StatusOK, s.ask(http.MethodGet, "/healthz", "").StatusCode, "it lives all the same")
	}
}

// bar: O3. New connections are told, on the same address, until all is done.
func TestBar_O3_WhileDrainingItIsNotReadyAndLives(t *testing.T) {
	t.Parallel()
	g := newRig()
	s := open(t, g, serve.HTTPOptions{})
	headers := s.login("2025-06-18", `{}`)
	stream, _ := s.sse()
	result := make(chan string, 1)
	go func() { result <- single(t, s.post(slowCall(1), headers...)).text() }()
	heard(t, g.started)
	s.stop()
	assert.Empty(t, stream.data(), "the drain has begun")

	resp := s.ask(http.MethodGet, "/readyz", "")
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	assert.Equal(t, http.StatusServiceUnavailable, resp.StatusCode)
	assert.Contains(t, string(body), `"draining: `)
	assert.Equal(t, http.StatusOK, s.ask(http.MethodGet, "/healthz", "").StatusCode)
	assert.Equal(t, http.StatusForbidden, s.ask(http.MethodGet, "/readyz", "", "Origin", "https://evil.example").StatusCode, "the door stays")
	refused := s.post(slowCall(2), headers...)
	assert.Equal(t, http.StatusServiceUnavailable, refused.StatusCode)
	assert.Contains(t, single(t, refused).Error.Message, "stopping")

	g.free(t)
	assert.Equal(t, "1", heard(t, result))
	s.ended()
	_, err = s.http.Do(s.request(t.Context(), http.MethodGet, "/readyz", ""))
	require.Error(t, err, "nobody listens any more")
}
