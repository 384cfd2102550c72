package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"text/tabwriter"
)

// What is demanded of us.
const (
	mostStart    = 2.0     // times the start-up of a bare mcp-go server
	mostRest     = 30e6    // bytes
	mostOverhead = 1e-3    // seconds
	megabyte     = 1000000 // bytes
)

// report is all that was measured. "Fast" is our program with jsonv2, "Bare" the
// mcp-go server of internal/bench/bare.
type report struct {
	o                                                         options
	size, sizeFast, sizeBare                                  float64 // bytes
	start, startFast, startBare                               figures // seconds
	rest, restFast, restBare                                  figures // bytes
	overhead, overheadClient                                  figures // seconds
	tokens                                                    map[string]int
	overHTTP, fastHTTP, echoHTTP, plainHTTP, vennio           pair
	overStdio, fastStdio, echoStdio, echoOurs, huge, hugeFast pair
}

// committedTokens reads what the tests last committed.
func committedTokens(ctx context.Context) (tokens map[string]int, err error) {
	dir, err := exec.CommandContext(ctx, "go", "list", "-f", "{{.Dir}}", module+"/tools").Output()
	if err != nil {
		return nil, err
	}
	raw, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "testdata", "tokens.json"))
	if err != nil {
		return nil, err
	}
	return tokens, json.Unmarshal(raw, &tokens)
}

func (r *report) write(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintf(w, "%s, %s/%s, %d CPUs. Median, and in brackets the middle half, of %d rounds and %d starts, interleaved.\n",
		runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), r.o.rounds, r.o.starts)
	r.writeDemands(w)
	for _, callers := range []int{1, many} {
		r.writeCalls(w, callers)
	}
	r.writeLoops(w)
	r.writeFast(w)
	return w.Flush()
}

func (r *report) writeDemands(w io.Writer) {
	met := map[bool]string{true: "yes", false: "NO"}
	start := r.start.median() / r.startBare.median()
	line(w, "\nDemanded", "", "measured", "met")
	line(w, "start-up, × bare mcp-go server", "< 2", r.start.by(r.startBare).around(start), met[start < mostStart])
	rest, verdict := "n/a", "n/a"
	if len(r.rest) > 0 {
		rest = fmt.Sprintf("%.1f MB (bare: %.1f MB)", r.rest.median()/megabyte, r.restBare.median()/megabyte)
		verdict = met[r.rest.median() < mostRest]
	}
	line(w, "memory at rest, after one find_slots", "< 30 MB", rest, verdict)
	for _, c := range []struct {
		what string
		took figures
	}{{"find_slots less Vennio's time, line to line", r.overhead}, {"the same, mcp-go's client included", r.overheadClient}} {
		line(w, c.what, "< 1 ms", c.took.times(), met[c.took.median() < mostOverhead])
	}
	line(w, "tokens of all tools, instructions", "", fmt.Sprintf("%d, %d", r.tokens["all tools"], r.tokens["instructions"]), "")
}

// of picks the match with that many callers.
func (p pair) of(callers int) *match {
	if callers == 1 {
		return p.one
	}
	return p.many
}

func (r *report) writeCalls(w io.Writer, callers int) {
	plain := r.plainHTTP.of(callers)
	table := func(title string, echo pair, all ...pair) {
		line(w, fmt.Sprintf("\n%s, callers: %d", title, callers), "calls/s", "p50", "p99", "rate × net/http", "rate × mcp-go echo")
		for _, p := range all {
			m := p.of(callers)
			line(w, m.name, fmt.Sprintf("%.0f", m.rate.median()), brief(m.median.median()), brief(m.worst.median()),
				m.rate.by(plain.rate).spread(), m.rate.by(echo.of(callers).rate).spread())
		}
	}
	table("Streamable HTTP", r.echoHTTP, r.overHTTP, r.echoHTTP, r.plainHTTP, r.vennio)
	table("stdio", r.echoStdio, r.overStdio, r.echoOurs, r.echoStdio)
}

// writeLoops compares our loop over standard input with mcp-go's.
func (r *report) writeLoops(w io.Writer) {
	line(w, "\nOur stdio loop, × mcp-go's (same echo)", "1 caller", fmt.Sprintf("%d callers", many))
	line(w, "calls per second", r.echoOurs.one.rate.by(r.echoStdio.one.rate).spread(), r.echoOurs.many.rate.by(r.echoStdio.many.rate).spread())
}

// writeFast compares our program with jsonv2 to our program without.
func (r *report) writeFast(w io.Writer) {
	line(w, "\nGOEXPERIMENT=jsonv2, × without", "1 caller", fmt.Sprintf("%d callers", many))
	for _, c := range []struct {
		what      string
		with, not pair
	}{
		{"find_slots over stdio, calls per second", r.fastStdio, r.overStdio},
		{"find_slots over HTTP, calls per second", r.fastHTTP, r.overHTTP},
		{"128 KiB of arguments over stdio, calls per second", r.hugeFast, r.huge},
	} {
		line(w, c.what, c.with.one.rate.by(c.not.one.rate).spread(), c.with.many.rate.by(c.not.many.rate).spread())
	}
	line(w, "start-up", r.startFast.by(r.start).spread())
	line(w, "memory at rest", r.restFast.by(r.rest).spread())
	line(w, "size of the program", ratio(r.sizeFast/r.size))
	line(w, "\nSize of the program", fmt.Sprintf("%.1f MB", r.size/megabyte), "× bare: "+ratio(r.size/r.sizeBare))
	line(w, "Start-up", brief(r.start.median()), "bare: "+brief(r.startBare.median()))
}

func line(w io.Writer, cells ...string) { _, _ = fmt.Fprintln(w, strings.Join(cells, "\t")) }
