package observe_test

import (
	"context"
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/observe"
)

func document(t *testing.T, name string) string {
	t.Helper()
	raw, err := os.ReadFile("../../docs/operations/" + name)
	require.NoError(t, err)
	return string(raw)
}

// exposed returns the labels of every metric.
func exposed(t *testing.T) map[string][]string {
	t.Helper()
	m := observe.NewMetrics("v0")
	m.KeySince(time.Now())
	m.DeadLetters(func(context.Context) (int, error) { return 0, nil })
	m.Open("sessions", func() int { return 0 })
	m.Open("streams", func() int { return 0 })
	m.FollowUp("crm", "delivered")
	calls(t, m, func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) { return nil, nil })
	exchange(t, m)
	found := map[string][]string{}
	for line := range strings.Lines(scrape(t, m.Handler())) {
		series := regexp.MustCompile(`^(\w+)(?:\{(.*)\})? `).FindStringSubmatch(line)
		if series == nil {
			continue
		}
		var labels []string
		for _, l := range regexp.MustCompile(`(\w+)="`).FindAllStringSubmatch(series[2], -1) {
			labels = append(labels, l[1])
		}
		found[series[1]] = labels
	}
	return found
}

var named = regexp.MustCompile(`\b(?:vennio_mcp|go|process)_[a-z_]+\b`)

func TestReq_O2_AlertsAndDashboardNameMetricsThatExist(t *testing.T) {
	t.Parallel()
	have := exposed(t)
	for _, file := range []string{"alerts.yml", "alerts_test.yml", "dashboard.json"} {
		names := named.FindAllString(document(t, file), -1)
		assert.NotEmpty(t, names, file)
		for _, name := range names {
			assert.Contains(t, have, name, file)
		}
	}
}

// The table in the runbook has exactly the metrics of the registry, with their labels.
func TestReq_O2_TheTableOfMetricsIsComplete(t *testing.T) {
	t.Parallel()
	have := exposed(t)
	var listed []string
	for _, row := range regexp.MustCompile("(?m)^\\| (`vennio_mcp_[^|]+) \\| ([^|]*) ?\\|").FindAllStringSubmatch(document(t, "README.md"), -1) {
		labels := strings.FieldsFunc(row[2], func(r rune) bool { return r == ',' || r == ' ' })
		for _, name := range named.FindAllString(row[1], -1) {
			listed = append(listed, name)
			got, plain := have[name]
			if !plain {
				got = have[name+"_count"]
			}
			assert.ElementsMatch(t, labels, got, name)
		}
	}
	for name := range have {
		base := regexp.MustCompile(`_(bucket|sum|count)$`).ReplaceAllString(name, "")
		if strings.HasPrefix(name, "vennio_mcp_") {
			assert.True(t, slices.Contains(listed, name) || slices.Contains(listed, base), "%s is not in the table", name)
		}
	}
}

// The table names every method, outcome and result that the program counts.
func TestReq_O2_TheTableNamesEveryValueOfItsLabels(t *testing.T) {
	t.Parallel()
	m := observe.NewMetrics("v0")
	found := 0
	for line := range strings.Lines(scrape(t, m.Handler())) {
		series := regexp.MustCompile(`^(vennio_mcp_(?:consents_total|webhook_deliveries_total))\{(.*)\} `).FindStringSubmatch(line)
		if series == nil {
			continue
		}
		row := regexp.MustCompile("(?m)^\\| `" + series[1] + "` .*$").FindString(document(t, "README.md"))
		for _, value := range regexp.MustCompile(`="([^"]*)"`).FindAllStringSubmatch(series[2], -1) {
			assert.Contains(t, row, "`"+value[1]+"`", series[1])
			found++
		}
	}
	assert.Greater(t, found, 20)
}

func TestEveryAlertHasItsRunbook(t *testing.T) {
	t.Parallel()
	rules, runbook, tests := document(t, "alerts.yml"), document(t, "README.md"), document(t, "alerts_test.yml")
	alerts := regexp.MustCompile(`- alert: (\w+)`).FindAllStringSubmatch(rules, -1)
	assert.NotEmpty(t, alerts)
	for _, a := range alerts {
		assert.Contains(t, runbook, "\n### "+a[1]+"\n")
		assert.Contains(t, rules, "docs/operations/README.md#"+strings.ToLower(a[1])+"\n")
		assert.Contains(t, tests, "alertname: "+a[1], "the alert has no test")
	}
	for _, part := range []string{"summary:", "description:", "runbook_url:", "severity:"} {
		assert.Equal(t, len(alerts), strings.Count(rules, part), part)
	}
}

func TestTheDashboardIsWellFormed(t *testing.T) {
	t.Parallel()
	var board struct {
		Panels []struct {
			ID      int
			Title   string
			GridPos struct{ X, Y, W, H int }
			Targets []struct{ Expr string }
		}
	}
	require.NoError(t, json.Unmarshal([]byte(document(t, "dashboard.json")), &board))
	require.NotEmpty(t, board.Panels)
	ids, cells := map[int]string{}, map[[2]int]string{}
	for _, p := range board.Panels {
		assert.Empty(t, ids[p.ID], "%s has the id of another panel", p.Title)
		ids[p.ID] = p.Title
		assert.LessOrEqual(t, p.GridPos.X+p.GridPos.W, 24, p.Title)
		for x := range p.GridPos.W {
			for y := range p.GridPos.H {
				at := [2]int{p.GridPos.X + x, p.GridPos.Y + y}
				assert.Empty(t, cells[at], "%s overlaps another panel", p.Title)
				cells[at] = p.Title
			}
		}
		for _, target := range p.Targets {
			assert.Contains(t, target.Expr, `instance=~"$instance"`, p.Title)
		}
	}
	for _, subject := range []string{"tool_calls_total", "upstream_seconds", "consents_total", "webhook_deliveries_total", "api_key_age_seconds"} {
		assert.Contains(t, document(t, "dashboard.json"), "vennio_mcp_"+subject)
	}
}
