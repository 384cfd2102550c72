// Command bench compares vennio-mcp with a bare mcp-go echo server and a bare net/http handler, in the same run
// on the same machine. It prints the tables of docs/performance.md, mostly as ratios, which depend less on the
// machine than absolute values. With -soak it keeps one server under a mixed load instead, and fails if the
// number of its goroutines or its memory grows.
//
// The programs under test, called targets, are separate processes that are called over pipes or loopback. They
// use the sandbox instead of Vennio. Rounds are interleaved: each round measures every target, beginning with a
// different one, and results are medians over rounds. All work is limited in count and time. All files are in one
// temporary directory, which is removed at the end.
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

// options limit a run.
type options struct {
	rounds int           // number of rounds
	calls  int           // limit for one target in one round
	span   time.Duration // limit for one target in one round
	starts int           // number of starts of each program
	only   string        // comma-separated steps; empty means all but ledger
	// entries is the number of entries of the largest ledger.
	entries int
}

func main() {
	var o options
	flag.IntVar(&o.rounds, "rounds", 9, "number of rounds")
	flag.IntVar(&o.calls, "calls", 4000, "maximum number of calls to a target in a round")
	flag.DurationVar(&o.span, "span", 400*time.Millisecond, "maximum time for a target in a round")
	flag.IntVar(&o.starts, "starts", 25, "number of starts of each program")
	flag.StringVar(&o.only, "only", "", "comma-separated steps to measure: starts, distance, overhead, calls, sessions; and ledger, which needs PostgreSQL (default all but ledger)")
	flag.IntVar(&o.entries, "entries", 1_000_000, "number of entries of the largest ledger in the step ledger")
	soakDuration := flag.Duration("soak", 0, "duration of a soak test, instead of the measurements")
	as := flag.String("as", "", "internal: run as the target stdio, nethttp or vennio")
	size := flag.Int("size", 0, "internal: response size of nethttp in bytes")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := serveAs(ctx, *as, *size)
	switch {
	case *as != "":
	case *soakDuration > 0:
		err = withTempDir(func(dir string) error { return soak(ctx, os.Stdout, dir, *soakDuration) })
	default:
		err = withTempDir(func(dir string) error { return run(ctx, os.Stdout, dir, o) })
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// withTempDir calls do with a temporary directory and removes it afterwards.
func withTempDir(do func(dir string) error) error {
	dir, err := os.MkdirTemp("", "vennio-mcp-bench")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	return do(dir)
}

// includes reports whether a step is to be measured.
func (o options) includes(step string) bool {
	return o.only == "" && step != "ledger" || slices.Contains(strings.Split(o.only, ","), step)
}

func run(ctx context.Context, out io.Writer, dir string, o options) error {
	fmt.Fprintln(os.Stderr, "bench: building; the first time, the standard library with GOEXPERIMENT=jsonv2 too")
	s, err := newEnvironment(ctx, dir, o.only == "ledger")
	if err != nil {
		return err
	}
	defer s.close()
	r := report{o: o, size: size(s.ours), sizeFast: size(s.fast), sizeBare: size(s.bare)}
	for _, step := range []struct {
		name, what string
		measure    func(context.Context, *environment, options) error
	}{
		{"starts", "starting up", r.measureStarts},
		{"distance", "calls with a distant Vennio", r.measureDistance},
		{"overhead", "the cost of a call in the process", r.measureOverhead},
		{"calls", "calls", r.measureCalls},
		{"sessions", "open sessions", r.measureSessions},
		{"ledger", "bookings and ledgers", r.measureLedger},
	} {
		if !o.includes(step.name) {
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
