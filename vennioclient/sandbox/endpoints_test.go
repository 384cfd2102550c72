package sandbox

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// endpointRow is a row of the table in docs/vennio-api.md.
type endpointRow struct{ endpoint, client, sandbox, exchange, tool string }

func endpointRows(t *testing.T) (rows []endpointRow) {
	t.Helper()
	raw, err := os.ReadFile("../../docs/vennio-api.md")
	require.NoError(t, err)
	_, table, found := strings.Cut(string(raw), "| endpoint | client | sandbox | exchange | tool, or why none |\n|---|---|---|---|---|\n")
	require.True(t, found)
	table, _, _ = strings.Cut(table, "\n\n")
	for line := range strings.Lines(table) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		require.Len(t, cells, 5, line)
		for i := range cells {
			cells[i] = strings.Trim(strings.TrimSpace(cells[i]), "`")
		}
		rows = append(rows, endpointRow{cells[0], cells[1], cells[2], cells[3], cells[4]})
	}
	return rows
}

// Every endpoint has a row with a client method, a route of the sandbox, an exchange that both
// satisfy, and a tool; or with the reason for none.
func TestEveryEndpointHasARow(t *testing.T) {
	t.Parallel()
	rows := endpointRows(t)
	assert.Len(t, rows, 59)
	var listed, routes []string
	for _, op := range operations() {
		if op.pattern != "/" {
			routes = append(routes, op.pattern)
		}
	}
	for _, row := range rows {
		assert.NotContains(t, listed, row.endpoint)
		listed = append(listed, row.endpoint)
		assert.Equal(t, map[string]bool{"yes": true, "no": false}[row.sandbox], slices.Contains(routes, row.endpoint), row.endpoint)
		assert.Regexp(t, "^([a-z_`, ]+|none: .+)$", row.tool, row.endpoint)
		if row.client == "–" {
			assert.Equal(t, "–", row.exchange, row.endpoint)
			assert.Contains(t, row.tool, "none: ", row.endpoint)
			continue
		}
		assert.Equal(t, "yes", row.sandbox, row.endpoint)
		checkExchange(t, row)
	}
	for _, route := range routes {
		assert.Contains(t, listed, route, "a route of the sandbox has no row")
	}
}

// checkExchange requires that the exchange of a row calls its client method and its endpoint. The
// tests of the client and of the sandbox run every exchange.
func checkExchange(t *testing.T, row endpointRow) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("../testdata/wire", filepath.Base(row.exchange)+".json"))
	require.NoError(t, err, row.endpoint)
	var x struct {
		Call    string
		Request struct{ Method, Path string }
	}
	require.NoError(t, json.Unmarshal(raw, &x))
	assert.Equal(t, row.client, x.Call, row.endpoint)
	pattern := regexp.MustCompile(`\\\{\w+\\\}`).ReplaceAllString(regexp.QuoteMeta(row.endpoint), `[^/]+`)
	assert.Regexp(t, "^"+pattern+"$", x.Request.Method+" "+x.Request.Path)
}
