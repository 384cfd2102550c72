package observe_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/observe"
	"github.com/vennio-mcp/vennio-mcp/internal/scheduling"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

func logged(t *testing.T, err error) map[string]any {
	t.Helper()
	var out bytes.Buffer
	run := observe.Tools(observe.Logger(&out, "info", "json"), observe.NewMetrics("v0"))("find_slots", func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return nil, err
	})
	req := mcp.CallToolRequest{}
	req.Params.Arguments = map[string]any{"title": "a private matter"}
	_, got := run(t.Context(), req)
	require.Equal(t, err, got, "the middleware does not change the error")
	assert.NotContains(t, out.String(), "private")
	var line map[string]any
	require.NoError(t, json.Unmarshal(out.Bytes(), &line))
	return line
}

// req: O1
func TestEachToolCallIsOneLineWithItsOutcome(t *testing.T) {
	t.Parallel()
	well := logged(t, nil)
	assert.Equal(t, "find_slots", well["tool"])
	assert.Equal(t, "ok", well["code"])
	assert.Contains(t, well, "took_ms")
	refused := logged(t, &vennioclient.Error{Kind: vennioclient.KindRateLimited, Status: 429, RequestID: "req_1", Attempts: 2})
	assert.Equal(t, "rate_limited", refused["code"])
	assert.Equal(t, "req_1", refused["request_id"])
	assert.Equal(t, "info", refused["level"])
	wrapped := logged(t, &scheduling.Refusal{Code: "slot_taken", Cause: &vennioclient.Error{Status: 409}})
	assert.InDelta(t, 409, wrapped["status"], 0)
	broken := logged(t, errors.New("disk on fire"))
	assert.Equal(t, "error", broken["level"])
	assert.Equal(t, "disk on fire", broken["cause"])
	full := logged(t, &scheduling.Refusal{Code: "store_unavailable", Cause: errors.New("/state/vennio-mcp.db: the disk is full")})
	assert.Equal(t, "error", full["level"])
	assert.Contains(t, full["cause"], "/state/vennio-mcp.db: the disk is full")
}

func TestRequestsAreLoggedWithoutSecrets(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	vennio := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(vennio.Close)
	client := &http.Client{Transport: observe.Transport(http.DefaultTransport, observe.Logger(&out, "debug", "json"), observe.NewMetrics("v0"))}
	get := func(url string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer canary")
		resp, err := client.Do(req)
		if err == nil {
			require.NoError(t, resp.Body.Close())
		}
	}
	get(vennio.URL + "/v1/slots?participants=user:ada@example.com")
	get("http://127.0.0.1:1/v1/slots?participants=user:ada@example.com")
	assert.Contains(t, out.String(), `"status":404`)
	assert.Contains(t, out.String(), "no answer from Vennio")
	for _, secret := range []string{"canary", "ada@"} {
		assert.NotContains(t, out.String(), secret)
	}
}

func TestTheConsoleFormatAndAnUnknownLevel(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := observe.Logger(&out, "no such level", "console")
	log.Debug().Msg("hidden")
	log.Info().Msg("shown")
	assert.True(t, strings.Contains(out.String(), "shown") && !strings.Contains(out.String(), "hidden"), out.String())
	assert.NotContains(t, out.String(), "{")
}
