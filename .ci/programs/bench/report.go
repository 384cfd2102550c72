package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// The requirements.
const (
	mostStart    = 1.9     // times the start-up of a bare mcp-go server
	mostRest     = 31e6    // bytes
	mostOverhead = 1e-3    // seconds
	megabyte     = 1000000 // bytes
)

// report holds all results. "Fast" is vennio-mcp built with jsonv2, "Bare" the server in
// .ci/programs/bench/bare.
type report struct {
	o                                                             options
	size, sizeFast, sizeBare                                      float64 // bytes
	start, startFast, startBare                                   figures // seconds
	rest, restFast, restBare                                      figures // bytes
	overhead, overheadClient                                      figures // seconds
	tokens                                                        map[string]int
	overHTTP, fastHTTP, echoHTTP, plainHTTP, vennio               pair
	lightHTTP, pingHTTP, echoPingHTTP                             pair
	sessionLoads                                                  []*sessionLoad
	growth                                                        []*growth
	distance                                                      []*distantCalls
	ledger                                                        *ledgerReport
	overSSE, lightSSE, pingSSE, echoSSE, echoPingSSE              pair
	overStdio, fastStdio, echoStdio, echoOurs, hugeCall, hugeFast pair
}

// committedTokens reads the token counts that are committed in tools/testdata.
func committedTokens(root string) (tokens map[string]int, err error) {
	raw, err := os.ReadFile(filepath.Join(root, "tools", "testdata", "tokens.json")) //nolint:gosec // G304: in the repository
	if err != nil {
		return nil, err
	}
	return tokens, json.Unmarshal(raw, &tokens)
}

// write prints the measured tables of docs/performance.md, with the headings of that page.
func (r *report) write(out io.Writer) {
	_, _ = fmt.Fprintf(out, "%s, %s/%s, %d CPUs. Median, and in brackets the middle half, of %d rounds and %d starts, interleaved.\n",
		runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), r.o.rounds, r.o.starts)
	if r.start != nil {
		r.writeDemands(out)
	}
	if r.distance != nil {
		r.writeDistance(out)
	}
	called := r.overHTTP.one != nil
	if called {
		r.writeRates(out)
		r.writeLoad(out)
	}
	if r.sessionLoads != nil {
		r.writeSessions(out)
		r.writeGrowth(out)
	}
	if called {
		r.writeFast(out)
	}
	if r.ledger != nil {
		r.writeLedger(out)
	}
}

// heading writes the heading of a section.
func heading(w io.Writer, title string) { _, _ = fmt.Fprintf(w, "\n## %s\n\n", title) }

// header writes the header of a Markdown table.
func header(w io.Writer, cells ...string) {
	line(w, cells...)
	_, _ = fmt.Fprintf(w, "|%s\n", strings.Repeat("---|", len(cells)))
}

func line(w io.Writer, cells ...string) {
	var row strings.Builder
	for _, cell := range cells {
		row.WriteString(strings.TrimRight("| "+cell, " ") + " ")
	}
	_, _ = fmt.Fprintln(w, row.String()+"|")
}

func showMet(met bool) string {
	if met {
		return "yes"
	}
	return "NO"
}

func (r *report) writeDemands(w io.Writer) {
	heading(w, "Requirements")
	start := r.start.median() / r.startBare.median()
	header(w, "", "required", "measured", "met")
	line(w, "start-up: process start to the answer to `initialize`", "at most 1.9 × bare mcp-go server",
		times(r.start.ratiosTo(r.startBare).withQuartiles(start)), showMet(start <= mostStart))
	rest, assessment := "n/a", "n/a"
	if len(r.rest) > 0 {
		rest = fmt.Sprintf("%.1f MB (%.1f–%.1f; bare server: %.1f)", r.rest.median()/megabyte, r.rest.quantile(0)/megabyte, r.rest.quantile(1)/megabyte, r.restBare.median()/megabyte)
		assessment = showMet(r.rest.median() <= mostRest)
	}
	line(w, "memory at rest: resident after `initialize` and one `find_slots`, sandbox included", "at most 31 MB", rest, assessment)
	if r.overhead != nil {
		line(w, "`find_slots` less Vennio's time, from a line read to a line to write", "under 1 ms",
			r.overhead.times()+"; "+r.overheadClient.times()+" with mcp-go's client", showMet(r.overhead.median() < mostOverhead))
	}
	line(w, "what all tools cost a model (o200k; [tokens.json](../tools/testdata/tokens.json))", "2,500 tokens, instructions 400",
		fmt.Sprintf("%d tokens, instructions %d", r.tokens["all tools"], r.tokens["instructions"]), "")
	_, _ = fmt.Fprintf(w, "\nStart-up %s, bare %s. Size of the program %.1f MB, %s × bare.\n",
		formatSeconds(r.start.median()), formatSeconds(r.startBare.median()), r.size/megabyte, ratio(r.size/r.sizeBare))
}

// times marks a formatted ratio with ×.
func times(medianWithQuartiles string) string {
	return strings.Replace(medianWithQuartiles, " (", " × (", 1)
}

// writeRates writes calls per second as ratios.
func (r *report) writeRates(w io.Writer) {
	heading(w, "Calls per second")
	header(w, "", "1 caller, × net/http", "1 caller, × mcp-go echo", fmt.Sprintf("%d callers, × net/http", manyCallers), fmt.Sprintf("%d callers, × mcp-go echo", manyCallers))
	for _, c := range []struct {
		what    string
		p, echo pair
	}{
		{"`find_slots`, Streamable HTTP", r.overHTTP, r.echoHTTP},
		{"mcp-go echo, Streamable HTTP", r.echoHTTP, r.echoHTTP},
		{"the sandbox alone, the call that `find_slots` makes", r.vennio, r.echoHTTP},
		{"`find_slots`, stdio", r.overStdio, r.echoStdio},
		{"mcp-go echo on our stdio loop", r.echoOurs, r.echoStdio},
		{"mcp-go echo on mcp-go's stdio loop", r.echoStdio, r.echoStdio},
	} {
		line(w, c.what, c.p.one.ratioTo(r.plainHTTP.one), c.p.one.ratioTo(c.echo.one), c.p.manyCallers.ratioTo(r.plainHTTP.manyCallers), c.p.manyCallers.ratioTo(c.echo.manyCallers))
	}
}

// ratioTo formats the ratio of the rates, or 1 for the same series.
func (m *series) ratioTo(other *series) string {
	if m == other {
		return "1"
	}
	return m.rate.ratiosTo(other.rate).medianWithQuartiles()
}

// writeLoad writes latencies for Streamable HTTP and SSE.
func (r *report) writeLoad(w io.Writer) {
	heading(w, "Under load")
	head := []string{""}
	for _, callers := range []string{"1 caller", fmt.Sprintf("%d callers", manyCallers)} {
		head = append(head, callers+": calls/s", "p50", "p99", "calls/s × mcp-go's")
	}
	header(w, head...)
	for _, c := range []struct {
		transport string
		p, like   pair
	}{
		{"Streamable HTTP, ", r.overHTTP, r.echoHTTP},
		{"Streamable HTTP, ", r.lightHTTP, r.echoHTTP},
		{"Streamable HTTP, ", r.echoHTTP, r.echoHTTP},
		{"Streamable HTTP, ", r.pingHTTP, r.echoPingHTTP},
		{"Streamable HTTP, ", r.echoPingHTTP, r.echoPingHTTP},
		{"SSE, ", r.overSSE, r.echoSSE},
		{"SSE, ", r.lightSSE, r.echoSSE},
		{"SSE, ", r.echoSSE, r.echoSSE},
		{"SSE, ", r.pingSSE, r.echoPingSSE},
		{"SSE, ", r.echoPingSSE, r.echoPingSSE},
	} {
		line(w, append(append([]string{c.transport + c.p.one.name}, c.p.one.cells(c.like.one)...), c.p.manyCallers.cells(c.like.manyCallers)...)...)
	}
}

// cells formats calls per second, p50, p99 and the ratio of the rates.
func (m *series) cells(like *series) []string {
	return []string{fmt.Sprintf("%.0f", m.rate.median()), formatSeconds(m.median.median()), formatSeconds(m.worst.median()), m.ratioTo(like)}
}

// writeFast compares vennio-mcp built with and without jsonv2.
func (r *report) writeFast(w io.Writer) {
	heading(w, "GOEXPERIMENT=jsonv2")
	header(w, "with it, × without", "1 caller", fmt.Sprintf("%d callers", manyCallers))
	for _, c := range []struct {
		what      string
		with, not pair
	}{
		{"`find_slots`, calls per second, stdio", r.fastStdio, r.overStdio},
		{"`find_slots`, calls per second, HTTP", r.fastHTTP, r.overHTTP},
		{"128 KiB of arguments, refused, calls per second, stdio", r.hugeFast, r.hugeCall},
	} {
		line(w, c.what, c.with.one.ratioTo(c.not.one), c.with.manyCallers.ratioTo(c.not.manyCallers))
	}
	if r.start != nil {
		line(w, "start-up, memory, size of the program", fmt.Sprintf("%s, %s, %s",
			ratio(r.startFast.ratiosTo(r.start).median()), ratio(r.restFast.ratiosTo(r.rest).median()), ratio(r.sizeFast/r.size)), "")
	}
}
