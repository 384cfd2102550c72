// Command bare is the least one can build with mcp-go: one echo tool on standard
// input and output or, with the argument "http", over Streamable HTTP. It is what
// vennio-mcp is measured against; see the package above.
package main

import (
	"context"
	"os"

	"github.com/mark3labs/mcp-go/server"

	"github.com/vennio-mcp/vennio-mcp/internal/bench/echo"
)

func main() {
	var err error
	if len(os.Args) > 1 && os.Args[1] == "http" {
		err = echo.Serve(context.Background(), os.Stderr, server.NewStreamableHTTPServer(echo.New()))
	} else {
		err = server.ServeStdio(echo.New())
	}
	if err != nil {
		os.Exit(1)
	}
}
