package main

import (
	"context"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/vennio-mcp/vennio-mcp/ci/programs/bench/echo"
	"github.com/vennio-mcp/vennio-mcp/internal/mcpserver"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/sandbox"
)

// contend makes this process one of the contenders; as "" it does nothing.
func contend(ctx context.Context, as string, size int) error {
	switch as {
	case "stdio": // the echo server on our own loop
		return mcpserver.Stdio(ctx, echo.New(), os.Stdin, os.Stdout, mcpserver.StdioOptions{})
	case "nethttp":
		return echo.Serve(ctx, os.Stderr, canned(size))
	case "vennio": // the embedded sandbox stops after 1000 calls an hour; this one does not
		return echo.Serve(ctx, os.Stderr, sandbox.New(sandbox.Options{RateLimitPerHour: -1}))
	}
	return nil
}

// canned answers JSON of so many bytes, whatever was asked.
func canned(size int) http.Handler {
	const head, tail = `{"jsonrpc":"2.0","id":0,"result":"`, `"}`
	body := head + strings.Repeat("x", max(0, size-len(head)-len(tail))) + tail
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, body)
	})
}
