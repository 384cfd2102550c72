// Command bench measures vennio-mcp beside what it stands on, in one run on one
// machine: a bare mcp-go echo server and a bare net/http handler. It prints
// the tables of docs/performance.md: ratios, since figures of one machine say
// little about another. With -soak it keeps one server under a mixed load
// instead, and fails if its goroutines or its memory grow.
//
// Contenders are processes of their own, reached over pipes or loopback, and the
// Vennio behind them is the sandbox. Rounds are interleaved: each measures every
// contender, beginning with another one, and figures are medians over rounds.
// Everything is bounded in count and time; what is built and written lies in one
// temporary folder, which is removed in the end.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

// options bound a run.
type options struct {
	rounds int           // of all contenders
	calls  int           // at most, of a contender in a round
	span   time.Duration // at most, of a contender in a round
	starts int           // of each program
	only   string        // steps, with commas between; empty: all
}

func main() {
	var o options
	flag.IntVar(&o.rounds, "rounds", 9, "rounds, each of all contenders")
	flag.IntVar(&o.calls, "calls", 4000, "most calls to a contender in a round")
	flag.DurationVar(&o.span, "span", 400*time.Millisecond, "longest time for a contender in a round")
	flag.IntVar(&o.starts, "starts", 25, "starts of each program")
	flag.StringVar(&o.only, "only", "", "measure only some of: starts, overhead, calls, sessions; with commas between")
	soaked := flag.Duration("soak", 0, "how long to keep a server under load, watching its goroutines and memory, instead of measuring")
	as := flag.String("as", "", "be a contender: stdio, nethttp or vennio (the program starts itself so)")
	size := flag.Int("size", 0, "bytes that nethttp answers")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := contend(ctx, *as, *size)
	switch {
	case *as != "":
	case *soaked > 0:
		err = inFolder(func(dir string) error { return soak(ctx, os.Stdout, dir, *soaked) })
	default:
		err = inFolder(func(dir string) error { return run(ctx, os.Stdout, dir, o) })
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// inFolder gives do a temporary folder.
func inFolder(do func(dir string) error) error {
	dir, err := os.MkdirTemp("", "vennio-mcp-bench")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	return do(dir)
}

// wants tells whether a step is to be measured.
func (o options) wants(step string) bool {
	return o.only == "" || slices.Contains(strings.Split(o.only, ","), step)
}

func run(ctx context.Context, out io.Writer, dir string, o options) error {
	fmt.Fprintln(os.Stderr, "bench: building; the first time, the standard library with GOEXPERIMENT=jsonv2 too")
	s, err := newStage(ctx, dir, false)
	if err != nil {
		return err
	}
	defer s.close()
	r := report{o: o, size: size(s.ours), sizeFast: size(s.fast), sizeBare: size(s.bare)}
	for _, step := range []struct {
		name, what string
		measure    func(context.Context, *stage, options) error
	}{
		{"starts", "starting up", r.measureStarts},
		{"overhead", "the cost of a call in the process", r.measureOverhead},
		{"calls", "calls", r.measureCalls},
		{"sessions", "open sessions", r.measureSessions},
	} {
		if !o.wants(step.name) {
			continue
		}
		fmt.Fprintln(os.Stderr, "bench: measuring", step.what)
		if err := step.measure(ctx, s, o); err != nil {
			return fmt.Errorf("%s: %w", step.what, err)
		}
	}
	if r.tokens, err = committedTokens(s.root); err != nil {
		return err
	}
	r.write(out)
	return nil
}
