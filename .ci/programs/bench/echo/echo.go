// Package echo is what contenders have in common: the smallest MCP server, and a
// way to serve HTTP and say where. It imports mcp-go and the standard library
// alone, since the start-up of a program is measured that stands on it.
package echo

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

// New returns a server with the one tool "echo", which says back its argument
// "text". It validates nothing and logs nothing.
func New() *server.MCPServer {
	s := server.NewMCPServer("echo", "0")
	schema := json.RawMessage(`{"type":"object","properties":{"text":{"type":"string"}}}`)
	s.AddTool(mcp.NewToolWithRawSchema("echo", "Says it back.", schema),
		func(_ context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			return mcp.NewToolResultText(r.GetString("text", "")), nil
		})
	return s
}

// Serve serves h on a free port of loopback until ctx ends. It tells the address
// to errs, as http://127.0.0.1:PORT/mcp.
func Serve(ctx context.Context, errs io.Writer, h http.Handler) error {
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	defer context.AfterFunc(ctx, func() { _ = srv.Close() })()
	if _, err := fmt.Fprintf(errs, "http://%s/mcp\n", ln.Addr()); err != nil {
		return err
	}
	return srv.Serve(ln)
}
