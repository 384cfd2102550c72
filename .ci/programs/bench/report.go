package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
)

// What is demanded of us.
const (
	mostStart    = 2.0     // times the start-up of a bare mcp-go server
	mostRest     = 30e6    // bytes
	mostOverhead = 1e-3    // seconds
	megabyte     = 1000000 // bytes
)

// report is all that was measured. "Fast" is our program with jsonv2, "Bare" the
// mcp-go server of .ci/programs/bench/bare.
type report struct {
	o                                                         options
	size, sizeFast, sizeBare                                  float64 // bytes
	start, startFast, startBare                               figures // seconds
	rest, restFast, restBare                                  figures // bytes
	overhead, overheadClient                                  figures // seconds
	tokens                                                    map[string]int
	overHTTP, fastHTTP, echoHTTP, plainHTTP, vennio           pair
	lightHTTP, pingHTTP, echoPingHTTP                         pair
	crowds                                                    []*crowd
	growth                                                    []*growth
	overSSE, lightSSE, pingSSE, echoSSE, echoPingSSE          pair
	overStdio, fastStdio, echoStdio, echoOurs, huge, hugeFast pair
}

// committedTokens reads what the tests last committed.
func committedTokens(root string) (tokens map[string]int, err error) {
	raw, err := os.ReadFile(filepath.Join(root, "tools", "testdata", "tokens.json")) //nolint:gosec // G304: in the repository
	if err != nil {
		return nil, err
	}
	return tokens, json.Unmarshal(raw, &tokens)
}

// write prints the tables of docs/performance.md, under the headings they have
// there, as far as they were measured.
func (r *report) write(out io.Writer) {
	_, _ = fmt.Fprintf(out, "%s, %s/%s, %d CPUs. Median, and in brackets the middle half, of %d rounds and %d starts, interleaved.\n",
		runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), r.o.rounds, r.o.starts)
	if r.start != nil {
		r.writeDemands(out)
	}
	called := r.overHTTP.one != nil
	if called {
		r.writeRates(out)
		r.writeLoad(out)
	}
	if r.crowds != nil {
		r.writeSessions(out)
		r.writeGrowth(out)
	}
	if called {
		r.writeFast(out)
	}
}
