package main

import (
	"fmt"
	"io"
	"strings"
)

// heading begins a section, under the name it has in docs/performance.md.
func heading(w io.Writer, title string) { _, _ = fmt.Fprintf(w, "\n## %s\n\n", title) }

// header begins a table in Markdown.
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

func (r *report) writeDemands(w io.Writer) {
	heading(w, "What is demanded")
	met := map[bool]string{true: "yes", false: "NO"}
	start := r.start.median() / r.startBare.median()
	header(w, "", "demanded", "measured", "met")
	line(w, "start-up: process start to the answer to `initialize`", "under 2 × bare mcp-go server",
		times(r.start.by(r.startBare).around(start)), met[start < mostStart])
	rest, verdict := "n/a", "n/a"
	if len(r.rest) > 0 {
		rest = fmt.Sprintf("%.1f MB (%.1f–%.1f; bare server: %.1f)", r.rest.median()/megabyte, r.rest.at(0)/megabyte, r.rest.at(1)/megabyte, r.restBare.median()/megabyte)
		verdict = met[r.rest.median() < mostRest]
	}
	line(w, "memory at rest: resident after `initialize` and one `find_slots`, sandbox included", "under 30 MB", rest, verdict)
	if r.overhead != nil {
		line(w, "`find_slots` less Vennio's time, from a line read to a line to write", "under 1 ms",
			r.overhead.times()+"; "+r.overheadClient.times()+" with mcp-go's client", met[r.overhead.median() < mostOverhead])
	}
	line(w, "what all tools cost a model (o200k; [tokens.json](../tools/testdata/tokens.json))", "2,500 tokens, instructions 400",
		fmt.Sprintf("%d tokens, instructions %d", r.tokens["all tools"], r.tokens["instructions"]), "")
	_, _ = fmt.Fprintf(w, "\nStart-up %s, bare %s. Size of the program %.1f MB, %s × bare.\n",
		brief(r.start.median()), brief(r.startBare.median()), r.size/megabyte, ratio(r.size/r.sizeBare))
}

// times marks a ratio, told with its brackets, as one.
func times(spread string) string { return strings.Replace(spread, " (", " × (", 1) }

// writeRates tells calls per second as ratios.
func (r *report) writeRates(w io.Writer) {
	heading(w, "Calls per second")
	header(w, "", "1 caller, × net/http", "1 caller, × mcp-go echo", fmt.Sprintf("%d callers, × net/http", many), fmt.Sprintf("%d callers, × mcp-go echo", many))
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
		line(w, c.what, c.p.one.over(r.plainHTTP.one), c.p.one.over(c.echo.one), c.p.many.over(r.plainHTTP.many), c.p.many.over(c.echo.many))
	}
}

// over compares rates; with itself there is nothing to spread.
func (m *match) over(other *match) string {
	if m == other {
		return "1"
	}
	return m.rate.by(other.rate).spread()
}

// writeLoad tells how long callers wait, over both kinds of HTTP.
func (r *report) writeLoad(w io.Writer) {
	heading(w, "Under load")
	head := []string{""}
	for _, callers := range []string{"1 caller", fmt.Sprintf("%d callers", many)} {
		head = append(head, callers+": calls/s", "p50", "p99", "calls/s × mcp-go's")
	}
	header(w, head...)
	for _, c := range []struct {
		over    string
		p, like pair
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
		line(w, append(append([]string{c.over + c.p.one.name}, c.p.one.cells(c.like.one)...), c.p.many.cells(c.like.many)...)...)
	}
}

// cells are calls per second, p50, p99, and how the first compares.
func (m *match) cells(like *match) []string {
	return []string{fmt.Sprintf("%.0f", m.rate.median()), brief(m.median.median()), brief(m.worst.median()), m.over(like)}
}

// writeFast compares our program with jsonv2 to our program without.
func (r *report) writeFast(w io.Writer) {
	heading(w, "GOEXPERIMENT=jsonv2")
	header(w, "with it, × without", "1 caller", fmt.Sprintf("%d callers", many))
	for _, c := range []struct {
		what      string
		with, not pair
	}{
		{"`find_slots`, calls per second, stdio", r.fastStdio, r.overStdio},
		{"`find_slots`, calls per second, HTTP", r.fastHTTP, r.overHTTP},
		{"128 KiB of arguments, refused, calls per second, stdio", r.hugeFast, r.huge},
	} {
		line(w, c.what, c.with.one.over(c.not.one), c.with.many.over(c.not.many))
	}
	if r.start != nil {
		line(w, "start-up, memory, size of the program", fmt.Sprintf("%s, %s, %s",
			ratio(r.startFast.by(r.start).median()), ratio(r.restFast.by(r.rest).median()), ratio(r.sizeFast/r.size)), "")
	}
}
