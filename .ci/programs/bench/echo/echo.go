// Package echo has what several targets share: a minimal MCP server, and a function that serves HTTP and prints
// its address. It only imports mcp-go and the standard library, because imports affect the measured start-up.
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

// New returns a server with the tool "echo", which returns its argument "text". It does not validate or log.
func New() *server.MCPServer {
	s := server.NewMCPServer("echo", "0")
	schema := json.RawMessage(`{"type":"object","properties":{"text":{"type":"string"}}}`)
	s.AddTool(mcp.NewToolWithRawSchema("echo", "Says it back.", schema),
		func(_ context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			return mcp.NewToolResultText(r.GetString("text", "")), nil
		})
	return s
}

// Serve serves h on a free loopback port until ctx ends. It writes the address to errs as
// http://127.0.0.1:PORT/mcp.
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
