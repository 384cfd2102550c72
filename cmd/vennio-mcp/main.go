// Command vennio-mcp lets AI agents find a time and book it with Vennio over
// MCP, and never without consent on record.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/vennio-mcp/vennio-mcp/internal/config"
)

func main() {
	signal.Ignore(syscall.SIGPIPE) // a write to a pipe that its reader has closed then returns an error and does not end the process
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := program{getenv: os.Getenv, machine: config.ThisMachine(), in: os.Stdin, out: os.Stdout, errs: os.Stderr}.run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}
