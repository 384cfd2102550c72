package mcpserver_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

const (
	// secret is a text that must never be sent to a client.
	secret = "vennio_sk_live_canary"
	// patience limits how long a test waits for an expected event.
	patience = time.Minute
)

var (
	legacy = []string{"2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"}
	modern = "2026-07-28"
)

// rig is a small MCP server with slow tools that a test controls.
type rig struct {
	srv     *server.MCPServer
	started chan string   // the name of each slow call, as it starts
	release chan struct{} // a value lets one slow call finish
	stopped chan string   // the name of each slow call whose context ended
}

func newRig(options ...server.ServerOption) *rig {
	options = append(options, server.WithLogging(), server.WithToolCapabilities(true))
	r := &rig{
		srv:     server.NewMCPServer("rig", "1", options...),
		started: make(chan string, 1000),
		release: make(chan struct{}),
		stopped: make(chan string, 1000),
	}
	for name, handler := range map[string]server.ToolHandlerFunc{
		"echo": echo, "slow": r.slow, "deaf": r.deaf, "panic": panics, "fail": fails,
		"notify": notify, "log": logs, "ask": ask, "askshort": askShort, "sample": sample,
		"roots": roots, "odd": odd, "who": who,
	} {
		r.add(name, handler)
	}
	return r
}

func (g *rig) add(name string, handler server.ToolHandlerFunc) {
	g.srv.AddTool(mcp.NewToolWithRawSchema(name, "Tool "+name+" <&>.", json.RawMessage(`{"type":"object"}`)), handler)
}

func echo(_ context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	return mcp.NewToolResultText(r.GetString("text", "nothing")), nil
}

func (g *rig) slow(ctx context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	name := r.GetString("text", "")
	g.started <- name
	select {
	case <-g.release:
		return mcp.NewToolResultText(name), nil
	case <-ctx.Done():
		g.stopped <- name
		return mcp.NewToolResultError("stopped"), nil
	}
}

// deaf ignores the cancellation of its context.
func (g *rig) deaf(_ context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	g.started <- r.GetString("text", "")
	<-g.release
	return mcp.NewToolResultText("late"), nil
}

func panics(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) { panic(secret) }

func fails(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	return nil, errors.New(secret)
}

// notify sends as many notifications as asked and returns at once.
func notify(ctx context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	for i := range r.GetInt("count", 1) {
		err := server.ServerFromContext(ctx).SendNotificationToClient(ctx, "notifications/progress",
			map[string]any{"progressToken": "p", "progress": i})
		if err != nil {
			return nil, err
		}
	}
	return mcp.NewToolResultText("notified"), nil
}

func logs(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	for _, level := range []mcp.LoggingLevel{mcp.LoggingLevelDebug, mcp.LoggingLevelWarning, mcp.LoggingLevelError} {
		err := server.ServerFromContext(ctx).SendLogMessageToClient(ctx, mcp.NewLoggingMessageNotification(level, "rig", "said"))
		if err != nil {
			return nil, err
		}
	}
	return mcp.NewToolResultText("logged"), nil
}

var question = mcp.ElicitationParams{
	Message:         "Shall I?",
	RequestedSchema: map[string]any{"type": "object", "properties": map[string]any{}},
}

// ask asks the person through a result, in the manner of 2026-07-28.
func ask(_ context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	if said := server.ElicitationResponse(r.Params.InputResponses, "yes"); said != nil {
		return mcp.NewToolResultText("said " + string(said.Action)), nil
	}
	return server.NewInputRequestBuilder("state").Elicit("yes", question).ToolResult(), nil
}

// askShort asks the person directly, with a short timeout.
func askShort(ctx context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(r.GetInt("ms", 60_000))*time.Millisecond)
	defer cancel()
	said, err := server.ServerFromContext(ctx).RequestElicitation(ctx, mcp.ElicitationRequest{Params: question})
	if err != nil {
		return mcp.NewToolResultText("no answer: " + err.Error()), nil
	}
	return mcp.NewToolResultText("said " + string(said.Action)), nil
}

func sample(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	//nolint:staticcheck // deprecated with 2026-07-28; older clients have it
	got, err := server.ServerFromContext(ctx).RequestSampling(ctx, mcp.CreateMessageRequest{})
	if err != nil {
		return mcp.NewToolResultText("no answer: " + err.Error()), nil
	}
	return mcp.NewToolResultText(fmt.Sprint(got.Model, " ", mcp.GetTextFromContent(got.Content))), nil
}

func roots(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	got, err := server.ServerFromContext(ctx).RequestRoots(ctx, mcp.ListRootsRequest{})
	if err != nil {
		return mcp.NewToolResultText("no answer: " + err.Error()), nil
	}
	return mcp.NewToolResultText(got.Roots[0].URI), nil
}

// who returns what the server knows about the client.
func who(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	c := server.ClientSessionFromContext(ctx).(server.SessionWithClientInfo)
	return mcp.NewToolResultText(fmt.Sprint(c.GetClientInfo().Name, " ", server.RequestProtocolVersion(ctx),
		" ", c.GetClientCapabilities().Elicitation != nil)), nil
}

// odd returns a value that cannot be encoded.
func odd(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	return mcp.NewToolResultStructured(make(chan int), "odd"), nil
}

// toolCall returns an encoded tools/call. One of 2026-07-28 declares in _meta what older
// clients declare with initialize.
func toolCall(id, version, tool, arguments string) string {
	return request(id, version, "tools/call", fmt.Sprintf(`"name":%q,"arguments":%s`, tool, arguments))
}

func request(id, version, method, params string) string {
	if version == modern {
		meta := `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"elicitation":{}},"io.modelcontextprotocol/clientInfo":{"name":"t","version":"1"}}`
		params = strings.TrimSuffix(meta+","+params, ",")
	}
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"method":%q,"params":{%s}}`, id, method, params)
}

func initialize(version, capabilities string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":"init","method":"initialize","params":{"protocolVersion":%q,"capabilities":%s,"clientInfo":{"name":"t","version":"1"}}}`,
		version, capabilities)
}

const initialized = `{"jsonrpc":"2.0","method":"notifications/initialized"}`

// message is any message from the server.
type message struct {
	JSONRPC string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Method  string          `json:"method"`
	Params  json.RawMessage `json:"params"`
	Result  json.RawMessage `json:"result"`
	Error   *struct {
		Code    int             `json:"code"`
		Message string          `json:"message"`
		Data    json.RawMessage `json:"data"`
	} `json:"error"`
}

// text is the text of a tool's result.
func (m message) text() string {
	var r struct {
		Content []struct{ Text string }
	}
	if json.Unmarshal(m.Result, &r) != nil || len(r.Content) == 0 {
		return ""
	}
	return r.Content[0].Text
}
