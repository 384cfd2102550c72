package main

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// measured returns a report in which all results are equal.
func measured() *report {
	one := func() pair {
		m := &series{target: target{name: "`x`"}, rate: figures{1}, median: figures{1}, worst: figures{1}}
		other := *m
		return pair{m, &other}
	}
	r := &report{start: figures{1}, startBare: figures{1}, startFast: figures{1}, rest: figures{1}, restBare: figures{1}, restFast: figures{1}, overhead: figures{1}, size: 1, sizeBare: 1}
	for _, e := range r.targets(&fleet{environment: &environment{vennio: &child{}}}) {
		*e.into = one()
	}
	r.distance = []*distantCalls{{name: "x", cold: figures{0.3}, warm: figures{0.1}, requests: figures{1}, connections: figures{1}}}
	r.sessionLoads = []*sessionLoad{{name: "x", before: figures{0}, with: figures{(sessionCount - 1) * kib}}, {name: "unknown"}}
	for range sizes {
		r.growth = append(r.growth, &growth{one().one, one().one})
	}
	return r
}

// The output is pasted into the document unchanged.
func TestEveryTableHasItsPlaceInTheDocument(t *testing.T) {
	t.Parallel()
	document, err := os.ReadFile("../../../docs/performance.md")
	require.NoError(t, err)
	var out strings.Builder
	measured().write(&out)
	assess(nil, nil, nil, time.Minute).write(&out, &soakRun{results: newResults(), sink: &sink{}})
	printed := strings.Split(out.String(), "\n")
	places := 0
	for i, text := range printed {
		heads := i+1 < len(printed) && strings.HasPrefix(printed[i+1], "|---")
		if heads || strings.HasPrefix(text, "## ") {
			places++
			assert.True(t, strings.Contains(string(document), text+"\n"), "the document has no %s", text)
		}
	}
	assert.Equal(t, 7+8, places, "headings and tables")
	assert.Contains(t, out.String(), "| x | 0 MB | 1 MB | 1 KiB (1–1) |")
	assert.Contains(t, out.String(), "| unknown | n/a | n/a | n/a |", "where the system does not tell")
	assert.Contains(t, out.String(), "| start-up: process start to the answer to `initialize` | at most 1.9 × bare mcp-go server | 1.00 × (1.00–1.00) | yes |")
}
