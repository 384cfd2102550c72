package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"

	"github.com/vennio-mcp/vennio-mcp/internal/config"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/sandbox"
)

// agent is a real MCP client, connected over stdio to a child process of this
// program.
type agent struct{ mcp *client.Client }

// startAgent starts the child on the sandbox and shakes hands with it.
func (p program) startAgent(ctx context.Context, vennio *box, state string) (*agent, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	log := new(bytes.Buffer)
	c, err := client.NewStdioMCPClientWithOptions(self, childSettings(vennio, state), []string{"stdio"}, transport.WithCommandStderrWriter(log))
	if err != nil {
		return nil, err
	}
	a := &agent{c}
	if err := a.greet(ctx); err != nil {
		a.close() // waits for the child, so that its log is whole
		return nil, fmt.Errorf("%w; the server said: %s", err, strings.TrimSpace(log.String()))
	}
	return a, nil
}

func (a *agent) greet(ctx context.Context) error {
	hello := mcp.InitializeRequest{}
	hello.Params.ProtocolVersion = mcp.LATEST_PROTOCOL_VERSION
	hello.Params.ClientInfo = mcp.Implementation{Name: "vennio-mcp demo", Version: version()}
	_, err := a.mcp.Initialize(ctx, hello)
	return err
}

// childSettings are those of the demo, and none that this process has inherited.
func childSettings(vennio *box, state string) (env []string) {
	for _, s := range config.Settings() {
		for _, name := range s.Env {
			env = append(env, name+"=")
		}
	}
	return append(env,
		"VENNIO_API_URL="+vennio.url, "VENNIO_API_KEY="+sandbox.DefaultKey(), "VENNIO_HOSTS="+vennio.hosts(),
		"VENNIO_SIGNING_SECRET=only for the demonstration", "VENNIO_TIMEZONE=Europe/London", "VENNIO_STATE_DIR="+state)
}

func (a *agent) close() { _ = a.mcp.Close() }

// call makes one tool call, shows it, and reads its structured content.
func call[Out any](ctx context.Context, s *stage, a *agent, tool string, arguments any) (out Out, err error) {
	raw, err := json.Marshal(arguments)
	if err != nil {
		return out, err
	}
	s.calls(tool, raw)
	out, answer, err := toolCall[Out](ctx, a, tool, json.RawMessage(raw))
	if err != nil {
		return out, err
	}
	s.answers(answer.text, answer.isError)
	return out, nil
}

// said is an answer as it is read.
type said struct {
	text    string
	isError bool
}

// toolCall makes one tool call, and returns its structured content and its text.
func toolCall[Out any](ctx context.Context, a *agent, tool string, arguments any) (out Out, heard said, err error) {
	req := mcp.CallToolRequest{}
	req.Params.Name, req.Params.Arguments = tool, arguments
	answer, err := a.mcp.CallTool(ctx, req)
	if err != nil {
		return out, said{}, err
	}
	text, ok := mcp.AsTextContent(answer.Content[0])
	if !ok {
		return out, said{}, fmt.Errorf("%s answered without text", tool)
	}
	raw, err := json.Marshal(answer.StructuredContent)
	if err != nil {
		return out, said{}, err
	}
	return out, said{text.Text, answer.IsError}, json.Unmarshal(raw, &out)
}

func (*box) hostID() string { return sandbox.Hosts()[0].ID }

// hosts lists the sandbox's hosts as VENNIO_HOSTS wants them.
func (*box) hosts() (list string) {
	for _, h := range sandbox.Hosts() {
		list += h.Name + "=" + h.ID + ","
	}
	return list
}
