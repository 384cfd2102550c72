package observe_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/observe"
	"github.com/vennio-mcp/vennio-mcp/tools"
)

// scrape returns the response of /metrics.
func scrape(t *testing.T, h http.Handler) string {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	require.Equal(t, http.StatusOK, w.Code)
	return w.Body.String()
}

// calls runs one tool call with the middleware and returns its log line.
func calls(t *testing.T, m *observe.Metrics, run tools.Run) map[string]any {
	t.Helper()
	var out bytes.Buffer
	_, _ = observe.Tools(observe.Logger(&out, "info", "json"), m)("book_slot", run)(t.Context(), mcp.CallToolRequest{})
	var line map[string]any
	require.NoError(t, json.Unmarshal(out.Bytes(), &line))
	return line
}

// req: O2
func TestConsentEventsAreCountedTimedAndLogged(t *testing.T) {
	t.Parallel()
	m := observe.NewMetrics("v0")
	line := calls(t, m, func(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		m.Consent(ctx, consent.Event{Kind: consent.EventAsked})
		m.Consent(ctx, consent.Event{Kind: consent.EventAgreed, Method: consent.OnPage})
		m.Consent(ctx, consent.Event{Kind: consent.EventSent, Method: consent.OnPage})
		m.Consent(ctx, consent.Event{Kind: consent.EventWritten, Method: consent.OnPage})
		return &mcp.CallToolResult{}, nil
	})
	assert.Equal(t, "approved on the page", line["method"])
	m.Consent(t.Context(), consent.Event{Kind: consent.EventDeclined, Method: consent.InTerminal}) // outside of tool calls
	body := scrape(t, m.Handler())
	for _, want := range []string{
		`vennio_mcp_consents_total{method="none",outcome="asked"} 1`,
		`vennio_mcp_consents_total{method="approved on the page",outcome="written"} 1`,
		`vennio_mcp_consents_total{method="approved in the terminal",outcome="declined"} 1`,
		`vennio_mcp_consents_total{method="attested by the agent",outcome="agreed"} 0`,
		`vennio_mcp_booking_seconds_count 1`,
		`vennio_mcp_tool_calls_total{outcome="ok",tool="book_slot"} 1`,
	} {
		assert.Contains(t, body, want+"\n")
	}
}

func TestAQuestionForTheClientHasTheOutcomeAsked(t *testing.T) {
	t.Parallel()
	m := observe.NewMetrics("v0")
	line := calls(t, m, func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return &mcp.CallToolResult{Result: mcp.Result{ResultType: mcp.ResultTypeInputRequired}}, nil
	})
	assert.Equal(t, "asked", line["code"])
	assert.NotContains(t, line, "method")
	assert.Contains(t, scrape(t, m.Handler()), `vennio_mcp_tool_calls_total{outcome="asked",tool="book_slot"} 1`)
}

// req: O2. Unknown results create no series.
func TestDeliveriesAndFollowUpsHaveAFixedListOfResults(t *testing.T) {
	t.Parallel()
	m := observe.NewMetrics("v0")
	dead, broken := 3, false
	m.DeadLetters(func(context.Context) (int, error) {
		if broken {
			return 0, io.ErrUnexpectedEOF
		}
		return dead, nil
	})
	m.KeySince(time.Now().Add(-time.Hour))
	m.Open("sessions", func() int { return 7 })
	for _, result := range []string{"accepted", "accepted", "mismatch", "ada@example.com"} {
		m.Delivery(result)
		m.FollowUp("crm", result)
	}
	m.FollowUp("crm", "dead")
	h := m.Handler()
	body := scrape(t, h)
	for _, want := range []string{
		`vennio_mcp_webhook_deliveries_total{result="accepted"} 2`,
		`vennio_mcp_webhook_deliveries_total{result="mismatch"} 1`,
		`vennio_mcp_webhook_deliveries_total{result="failed"} 1`,
		`vennio_mcp_webhook_deliveries_total{result="too_large"} 0`,
		`vennio_mcp_followups_total{result="failed",sink="crm"} 4`,
		`vennio_mcp_followups_total{result="dead",sink="crm"} 1`,
		`vennio_mcp_dead_letters 3`,
		`vennio_mcp_open_sessions 7`,
		`vennio_mcp_api_key_age_seconds 36`, // 3,600 and a little
		`vennio_mcp_build_info{goversion="go`,
		"go_goroutines ",
	} {
		assert.Contains(t, body, want)
	}
	assert.NotContains(t, body, "ada@")
	broken = true
	assert.NotContains(t, scrape(t, h), "vennio_mcp_dead_letters ", "an unknown number is omitted")
}

// req: O2. The program's metrics pass the rules of promtool check metrics. Those of Go and of the process,
// which the library writes, have no help texts.
func TestTheMetricsPassPromlint(t *testing.T) {
	t.Parallel()
	m := observe.NewMetrics("v0")
	m.KeySince(time.Now())
	m.DeadLetters(func(context.Context) (int, error) { return 0, nil })
	m.Delivery("accepted")
	m.FollowUp("a \"sink\" \\ with\nlines", "delivered")
	calls(t, m, func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) { return nil, nil })
	body := scrape(t, m.Handler())
	assert.Contains(t, body, `vennio_mcp_followups_total{result="delivered",sink="a \"sink\" \\ with\nlines"} 1`+"\n")
	problems, err := promlint.New(strings.NewReader(body)).Lint()
	require.NoError(t, err)
	for _, p := range problems {
		assert.False(t, strings.HasPrefix(p.Metric, "vennio_mcp_"), "%s: %s", p.Metric, p.Text)
		assert.Equal(t, "no help text", p.Text, p.Metric)
	}
}

// exchange sends one request, which Vennio refuses.
func exchange(t *testing.T, m *observe.Metrics) {
	t.Helper()
	vennio := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(vennio.Close)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, vennio.URL+"/v1/bookings", nil)
	require.NoError(t, err)
	resp, err := observe.Transport(http.DefaultTransport, observe.Logger(io.Discard, "info", "json"), m).RoundTrip(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
}

func TestRequestsAreTimedByOperationWithoutIds(t *testing.T) {
	t.Parallel()
	m := observe.NewMetrics("v0")
	vennio := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(vennio.Close)
	client := &http.Client{Transport: observe.Transport(http.DefaultTransport, observe.Logger(io.Discard, "info", "json"), m)}
	get := func(url string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		require.NoError(t, err)
		if resp, err := client.Do(req); err == nil {
			require.NoError(t, resp.Body.Close())
		}
	}
	get(vennio.URL + "/v1/bookings/bk_secret")
	get(vennio.URL + "/base/v1/availability/slots?from=now")
	get(vennio.URL + "/elsewhere/bk_secret")
	get("http://127.0.0.1:1/v1/bookings")
	body := scrape(t, m.Handler())
	for _, want := range []string{
		`vennio_mcp_upstream_seconds_count{operation="GET /v1/bookings/{id}",status="404"} 1`,
		`vennio_mcp_upstream_seconds_count{operation="GET /v1/availability/slots",status="404"} 1`,
		`vennio_mcp_upstream_seconds_count{operation="other",status="404"} 1`,
		`vennio_mcp_upstream_seconds_count{operation="GET /v1/bookings",status="none"} 1`,
	} {
		assert.Contains(t, body, want+"\n")
	}
	assert.NotContains(t, body, "bk_secret")
}
