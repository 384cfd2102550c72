package app

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/config"
)

// The address of an interface with a zone (RFC 4007) is no valid URL: it must contain %25 (RFC 6874).
func TestTheSandboxReachesAServerAtAnyAddress(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"http://127.0.0.1:8080":          "http://127.0.0.1:8080",
		"http://0.0.0.0:8080":            "http://127.0.0.1:8080",
		"http://[::]:8080":               "http://127.0.0.1:8080",
		"https://[::]:8080":              "https://127.0.0.1:8080",
		"http://192.0.2.1:8080":          "http://192.0.2.1:8080",
		"http://[fe80::1%eth0]:8080":     "http://[fe80::1%eth0]:8080",
		"http://[2001:db8::1%lo]:8080":   "http://[2001:db8::1%lo]:8080",
		"http://[::ffff:0.0.0.0]:8080":   "http://127.0.0.1:8080",
		"http://[::ffff:127.0.0.1]:8080": "http://[::ffff:127.0.0.1]:8080",
	} {
		assert.Equal(t, want, onThisMachine(address))
	}
}

// The sandbox sends its events over http to loopback only: a server that listens at another address logs that once.
func TestASandboxThatCannotSendEventsIsReportedOnce(t *testing.T) {
	t.Parallel()
	settings := map[string]string{"VENNIO_STATE_DIR": t.TempDir(), "VENNIO_TIMEZONE": "UTC"}
	getenv := func(name string) string { return settings[name] }
	cfg, err := config.Load(nil, getenv)
	require.NoError(t, err)
	var log bytes.Buffer
	a, err := New(cfg, Options{Version: "test", Getenv: getenv, Log: zerolog.New(&log), Settlement: Intervals{Sweep: time.Nanosecond}})
	require.NoError(t, err)
	defer a.Close()
	require.NoError(t, a.AddDefaultTenant(t.Context()))
	require.NoError(t, a.openWebhooks())
	a.receiveSandbox(t.Context(), "http://192.0.2.1:8080/webhooks/vennio")()
	assert.Equal(t, 1, strings.Count(log.String(), "events"), log.String())
	assert.Contains(t, log.String(), "listen at 127.0.0.1")
}
