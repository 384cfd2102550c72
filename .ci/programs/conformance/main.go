// Command conformance serves the tools, resources and prompts that the official MCP conformance suite expects of
// a server under test, on the transports of internal/mcpserver. The suite defines their names and texts; see
// docs/conformance.md. The command prints its address and serves until it is stopped.
package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"

	"github.com/mark3labs/mcp-go/server"

	"github.com/vennio-mcp/vennio-mcp/internal/mcpserver"
)

func main() {
	address := flag.String("addr", "127.0.0.1:0", "where to listen; loopback only")
	flag.Parse()
	if err := run(*address); err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		os.Exit(1)
	}
}

func run(address string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stdout, "http://%s/mcp\n", ln.Addr())
	return mcpserver.HTTP(ctx, ln, newServer(), mcpserver.HTTPOptions{Subscriptions: mcpserver.NewSubscriptions(known)})
}

// newServer returns the server under test.
func newServer() *server.MCPServer {
	s := server.NewMCPServer("vennio-mcp-conformance", "1",
		server.WithToolCapabilities(true),
		server.WithResourceCapabilities(true, true),
		server.WithPromptCapabilities(true),
		server.WithCompletions(),
		server.WithLogging(),
	)
	for _, tools := range [][]tool{contents, notifying, asking, returning, mutating} {
		for _, t := range tools {
			t.addTo(s)
		}
	}
	addResources(s)
	addPrompts(s)
	return s
}
