// Command bare is the least one can build with mcp-go: one echo tool on standard
// input and output or, with the argument "http" or "sse", over Streamable HTTP or
// SSE. It is what vennio-mcp is measured against; see the package above.
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
