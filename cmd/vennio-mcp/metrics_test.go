package main

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/mcp"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/schemas"
)

// metrics is what a scrape found: the values of one metric, by its labels.
type metrics map[string]float64

// scrape reads /metrics as Prometheus does; counts of histograms stand under
// their name with _count.
func scrape(t *testing.T, url string) metrics {
	t.Helper()
	status, body := newBrowser(t).open(url + "/metrics")
	require.Equal(t, http.StatusOK, status)
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(body))
	require.NoError(t, err)
	found := metrics{}
	for name, family := range families {
		for _, m := range family.Metric {
			var labels []string
			for _, l := range m.Label {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			key := "{" + strings.Join(labels, ",") + "}"
			found[name+key] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
			if h := m.GetHistogram(); h != nil {
				found[name+"_count"+key] = float64(h.GetSampleCount())
			}
		}
	}
	return found
}

var slotIDs = regexp.MustCompile(`s[0-9a-z]{32}`)

// agentAt is a client of a server that runs.
func agentAt(t *testing.T, url string) *client.Client {
	t.Helper()
	c, err := client.NewStreamableHttpClient(url + "/mcp")
	require.NoError(t, err)
	handshake(t, c, "2025-11-25")
	return c
}

// say calls a tool and returns the text of its answer.
func say(t *testing.T, c *client.Client, tool string, arguments map[string]any) string {
	t.Helper()
	req := mcp.CallToolRequest{}
	req.Params.Name, req.Params.Arguments = tool, arguments
	got, err := c.CallTool(t.Context(), req)
	require.NoError(t, err)
	return got.Content[0].(mcp.TextContent).Text
}

// aBooking is a call of book_slot for a slot of next week.
func aBooking(t *testing.T, c *client.Client) map[string]any {
	t.Helper()
	slot := slotIDs.FindString(say(t, c, "find_slots", map[string]any{"when": "next week"}))
	require.NotEmpty(t, slot)
	return map[string]any{
		"slot_id": slot, "title": "Intro", "attendees": []any{map[string]any{"email": "ada@example.com", "name": "Ada"}},
		"consent": map[string]any{"granted": true, "given_by": "Ada", "statement": "yes"},
	}
}

// req: O2. What was done over a real transport stands in /metrics, and so does
// what a person said on the page.
func TestReq_O2_MetricsTellWhatHappened(t *testing.T) {
	t.Parallel()
	env, vennio := humanEnv(t)
	p := start(t, env, "serve", "--addr", "127.0.0.1:0")
	url := p.address()
	c := agentAt(t, url)
	booking := aBooking(t, c)
	said := booking["consent"]
	booking["consent"] = map[string]any{"granted": false}
	say(t, c, "book_slot", booking)
	booking["consent"] = said
	say(t, c, "book_slot", booking)
	say(t, c, "book_slot", booking)
	control(t, vennio+"/_sandbox/fail", `{"n":9,"status":503}`)
	say(t, c, "check_calendar_access", nil)

	found := scrape(t, url)
	for series, want := range map[string]float64{
		`vennio_mcp_tool_calls_total{outcome=ok,tool=find_slots}`:                            1,
		`vennio_mcp_tool_calls_total{outcome=ok,tool=book_slot}`:                             2,
		`vennio_mcp_tool_calls_total{outcome=consent_required,tool=book_slot}`:               1,
		`vennio_mcp_tool_calls_total{outcome=vennio_unavailable,tool=check_calendar_access}`: 1,
		`vennio_mcp_tool_call_seconds_count{tool=book_slot}`:                                 3,
		`vennio_mcp_upstream_seconds_count{operation=POST /v1/bookings,status=201}`:          1,
		`vennio_mcp_upstream_seconds_count{operation=GET /v1/bookings/{id},status=200}`:      2,
		`vennio_mcp_upstream_seconds_count{operation=GET /v1/consents,status=503}`:           3,
		`vennio_mcp_consents_total{method=attested by the agent,outcome=agreed}`:             1,
		`vennio_mcp_consents_total{method=attested by the agent,outcome=written}`:            1,
		`vennio_mcp_consents_total{method=attested by the agent,outcome=repeated}`:           1,
		`vennio_mcp_booking_seconds_count{}`:                                                 1,
		`vennio_mcp_open_sessions{}`:                                                         1,
	} {
		assert.InDelta(t, want, found[series], 0, series)
	}
	assert.Contains(t, found, "vennio_mcp_api_key_age_seconds{}")
	for series := range found {
		if strings.HasPrefix(series, "vennio_mcp_build_info") { // its version has the hash of a commit
			continue
		}
		assert.NotRegexp(t, `(?i)ada|example|vennio_sk|`+booking["slot_id"].(string), series, "no personal data, no ids, no key")
	}
	const method = `"method":"attested by the agent"`
	require.Eventually(t, func() bool { return strings.Count(p.stderr.String(), method) >= 2 }, patience, tick)
	assert.Equal(t, 2, strings.Count(p.stderr.String(), method), "the log names the consent method where there was one")
}

// req: O2, C9
func TestReq_O2_AYesOnThePageIsCounted(t *testing.T) {
	t.Parallel()
	env, _ := humanEnv(t, "VENNIO_CONSENT=human")
	url := start(t, env, "serve", "--addr", "127.0.0.1:0").address()
	c := agentAt(t, url)
	asked := say(t, c, "book_slot", aBooking(t, c))
	pairedBrowser(t, env).answer(link.FindString(asked), "approve")
	said := scrape(t, url)
	assert.InDelta(t, 1, said["vennio_mcp_consents_total{method=none,outcome=asked}"], 0)
	assert.InDelta(t, 1, said["vennio_mcp_consents_total{method=approved on the page,outcome=agreed}"], 0)
	assert.InDelta(t, 1, said["vennio_mcp_tool_calls_total{outcome="+string(schemas.CodeApprovalNeeded)+",tool=book_slot}"], 0)
}
