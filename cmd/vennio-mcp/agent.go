package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

// agent is a scripted MCP client: demo connects it to a server over HTTP, smoke to one in this process.
type agent struct {
	mcp  *client.Client
	url  string // of the server; empty if it runs in this process
	stop func() // stops the server; nil if the agent did not start it
}

// startAgent starts a server of this program and connects to it over HTTP.
func (p program) startAgent(ctx context.Context, env []string) (*agent, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, "serve", "--addr", "127.0.0.1:0") //nolint:gosec // G204: this program
	cmd.Env = append(os.Environ(), env...)
	lines, err := cmd.StderrPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return nil, err
	}
	stop := func() {
		if cmd.Process.Signal(os.Interrupt) != nil { // Windows has none
			_ = cmd.Process.Kill()
		}
		_ = cmd.Wait()
	}
	url, err := served(lines)
	if err != nil {
		stop()
		return nil, err
	}
	a, err := connectAgent(ctx, url)
	if err != nil {
		stop()
		return nil, err
	}
	a.stop = stop
	return a, nil
}

// served reads a server's log until the line with its address. The rest of the log is discarded.
func served(log io.Reader) (url string, err error) {
	var all strings.Builder
	for lines := bufio.NewScanner(log); lines.Scan(); {
		var line struct {
			Address string `json:"streamable_http"`
		}
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Address != "" {
			go func() { _, _ = io.Copy(io.Discard, log) }()
			return strings.TrimSuffix(line.Address, "/mcp"), nil
		}
		all.WriteString(lines.Text() + "\n")
	}
	return "", fmt.Errorf("the server did not start; its log: %s", strings.TrimSpace(all.String()))
}

func connectAgent(ctx context.Context, url string) (*agent, error) {
	c, err := client.NewStreamableHttpClient(url + "/mcp")
	if err != nil {
		return nil, err
	}
	return newAgent(ctx, c, url, "vennio-mcp demo")
}

// inProcessAgent connects to a server of this process. The ledger shows the name as that of the client.
func inProcessAgent(ctx context.Context, s *server.MCPServer, name string) (*agent, error) {
	c, err := client.NewInProcessClient(s)
	if err != nil {
		return nil, err
	}
	return newAgent(ctx, c, "", name)
}

func newAgent(ctx context.Context, c *client.Client, url, name string) (*agent, error) {
	request := mcp.InitializeRequest{}
	request.Params.ProtocolVersion = mcp.LATEST_PROTOCOL_VERSION
	request.Params.ClientInfo = mcp.Implementation{Name: name, Version: version()}
	started := c.Start(ctx)
	_, err := c.Initialize(ctx, request)
	if err := errors.Join(started, err); err != nil {
		_ = c.Close()
		return nil, err
	}
	return &agent{mcp: c, url: url}, nil
}

func (a *agent) close() {
	_ = a.mcp.Close()
	if a.stop != nil {
		a.stop()
	}
}

// call makes one tool call, shows the call and the answer, and returns the structured content.
func call[Out any](ctx context.Context, s *transcript, a *agent, tool string, arguments any) (out Out, err error) {
	raw, err := json.Marshal(arguments)
	if err != nil {
		return out, err
	}
	s.showCall(tool, raw)
	out, answer, err := toolCall[Out](ctx, a, tool, json.RawMessage(raw))
	if err != nil {
		return out, err
	}
	s.showAnswer(answer.text, answer.isError)
	return out, nil
}

type toolAnswer struct {
	text    string
	isError bool
}

// toolCall makes one tool call, and returns the structured content and the text of the result.
func toolCall[Out any](ctx context.Context, a *agent, tool string, arguments any) (out Out, answer toolAnswer, err error) {
	req := mcp.CallToolRequest{}
	req.Params.Name, req.Params.Arguments = tool, arguments
	result, err := a.mcp.CallTool(ctx, req)
	if err != nil {
		return out, toolAnswer{}, err
	}
	text, ok := mcp.AsTextContent(result.Content[0])
	if !ok {
		return out, toolAnswer{}, fmt.Errorf("%s answered without text", tool)
	}
	raw, err := json.Marshal(result.StructuredContent)
	if err != nil {
		return out, toolAnswer{}, err
	}
	return out, toolAnswer{text.Text, result.IsError}, json.Unmarshal(raw, &out)
}
