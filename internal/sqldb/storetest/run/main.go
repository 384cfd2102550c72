// Command run starts a PostgreSQL server, runs a command with the server's address in
// the environment (storetest.Variable), and stops the server: go run ./internal/sqldb/storetest/run go test ./...
// The server does not vacuum or analyze on its own: plans and rows read are the same in each run.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"github.com/vennio-mcp/vennio-mcp/internal/sqldb/storetest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, line []string) (err error) {
	if len(line) == 0 {
		return errors.New("want a command to run")
	}
	server, err := storetest.Start(ctx, storetest.Careless+" -c autovacuum=off")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	cmd := exec.CommandContext(ctx, line[0], line[1:]...) //nolint:gosec // G204: the caller's own command
	cmd.Env = append(os.Environ(), storetest.Variable+"="+server.URL("postgres"))
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	return cmd.Run()
}
