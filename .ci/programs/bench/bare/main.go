// Command bare is a minimal mcp-go server with one echo tool, on standard input and output or, with the argument
// "http" or "sse", over Streamable HTTP or SSE. The bench command compares vennio-mcp with it.
package main

import (
	"context"
	"os"
	"strings"

	"github.com/mark3labs/mcp-go/server"

	"github.com/vennio-mcp/vennio-mcp/ci/programs/bench/echo"
)

func main() {
	var err error
	switch strings.Join(os.Args[1:], " ") {
	case "http":
		err = echo.Serve(context.Background(), os.Stderr, server.NewStreamableHTTPServer(echo.New()))
	case "sse":
		err = echo.Serve(context.Background(), os.Stderr, server.NewSSEServer(echo.New()))
	default:
		err = server.ServeStdio(echo.New())
	}
	if err != nil {
		os.Exit(1)
	}
}
