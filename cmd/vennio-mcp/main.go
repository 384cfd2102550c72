// Command vennio-mcp lets AI agents find a time and book it with Vennio over
// MCP, and never without consent on record.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"

	"github.com/vennio-mcp/vennio-mcp/internal/config"
)

func main() {
	delayFirstCollection()
	signal.Ignore(syscall.SIGPIPE) // a write to a pipe that its reader has closed then returns an error and does not end the process
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := program{getenv: os.Getenv, machine: config.ThisMachine(), in: os.Stdin, out: os.Stdout, errs: os.Stderr}.run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

// delayFirstCollection lets the heap grow to twice the usual size before the first garbage collection, after which the
// usual setting applies again. Start-up allocates so much that the answer to initialize would otherwise wait for a
// collection (docs/performance.md). It does nothing if GOGC is set.
func delayFirstCollection() {
	if os.Getenv("GOGC") != "" {
		return
	}
	usual := debug.SetGCPercent(200)
	runtime.AddCleanup(new([64]byte), func(percent int) { debug.SetGCPercent(percent) }, usual)
}
