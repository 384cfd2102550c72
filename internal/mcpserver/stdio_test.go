package mcpserver_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"testing"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/mcpserver"
)

func TestReq_P1_StdioSpeaksEveryVersionRaw(t *testing.T) {
	t.Parallel()
	for _, version := range append(legacy, modern) {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			w := dial(t, newRig(), mcpserver.StdioOptions{})
			w.greet(version, `{}`)
			if version == modern {
				w.send(request("0", version, "server/discover", ""))
				assert.Contains(t, string(w.answer("0").Result), `"supportedVersions":["2026-07-28"`)
			}
			w.send(request("1", version, "tools/list", ""))
			assert.Contains(t, string(w.answer("1").Result), `"name":"echo"`)
			w.send(toolCall("2", version, "echo", `{"text":"hello"}`))
			assert.Equal(t, "hello", w.answer("2").text())
			w.send(toolCall("3", version, "nobody", `{}`))
			assert.Contains(t, w.refusal("3", mcp.INVALID_PARAMS), "not found")
			w.hangUp()
		})
	}
}

func TestReq_P1_StdioSpeaksEveryVersionWithAClient(t *testing.T) {
	t.Parallel()
	for _, version := range append(legacy, modern) {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			c := stdioClient(t, newRig(), version)
			assert.Equal(t, version, c.ProtocolVersion())
			list, err := c.ListTools(t.Context(), mcp.ListToolsRequest{})
			require.NoError(t, err)
			assert.Len(t, list.Tools, 13)
			got, err := c.CallTool(t.Context(), named("echo", map[string]any{"text": "hello"}))
			require.NoError(t, err)
			assert.Equal(t, "hello", mcp.GetTextFromContent(got.Content[0]))
		})
	}
}

// named calls a tool with a real client.
func named(tool string, arguments any) mcp.CallToolRequest {
	return mcp.CallToolRequest{Params: mcp.CallToolParams{Name: tool, Arguments: arguments}}
}

// stdioClient is mcp-go's client at the other end of Stdio.
func stdioClient(t *testing.T, g *rig, version string, options ...client.ClientOption) *client.Client {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- mcpserver.Stdio(ctx, g.srv, inR, outW, mcpserver.StdioOptions{})
		_ = outW.Close()
	}()
	c := client.NewClient(transport.NewIO(outR, inW, io.NopCloser(bytes.NewReader(nil))),
		append(options, client.WithProtocolVersion(version), client.WithDiscoverTimeout(patience))...)
	t.Cleanup(func() { _ = c.Close(); stop(); require.NoError(t, <-done) })
	start(t, c)
	return c
}

// start initializes the session.
func start(t *testing.T, c *client.Client) {
	t.Helper()
	require.NoError(t, c.Start(t.Context()))
	hello := mcp.InitializeRequest{}
	hello.Params.ProtocolVersion = c.ProtocolVersion()
	hello.Params.ClientInfo = mcp.Implementation{Name: "t", Version: "1"}
	_, err := c.Initialize(t.Context(), hello)
	require.NoError(t, err)
}

func TestReq_P2_StdoutCarriesOnlyJSONRPC(t *testing.T) {
	t.Parallel()
	var logged bytes.Buffer
	w := dial(t, newRig(), mcpserver.StdioOptions{MaxLine: 1000, Log: zerolog.New(zerolog.SyncWriter(&logged)).Level(zerolog.TraceLevel)})
	w.greet("2025-06-18", `{}`)
	w.send("not json")
	w.send(fmt.Sprintf("%02000d", 0))
	w.send(toolCall("1", "", "panic", `{}`))
	w.send(toolCall("2", "", "odd", `{}`))
	w.send(toolCall("3", "", "fail", `{}`))
	w.send("")
	w.hangUp()
	answers := w.rest()
	require.Len(t, answers, 5)
	for _, m := range answers {
		assert.Equal(t, "2.0", m.JSONRPC)
		assert.NotNil(t, m.Error)
	}
	for line := range bytes.Lines(logged.Bytes()) {
		assert.True(t, json.Valid(line), "%s", line)
	}
	assert.Contains(t, logged.String(), "panicked")
	assert.Contains(t, logged.String(), "mcpserver_test.panics", "the log says where")
	assert.NotContains(t, logged.String(), secret, "req: E3")
}

func TestAnIDComesBackAsItWas(t *testing.T) {
	t.Parallel()
	w := dial(t, newRig(), mcpserver.StdioOptions{})
	for _, id := range []string{`0`, `-7`, `9007199254740993`, `1.5`, `"1"`, `"é\"x"`, `123456789012345678901234567890`} {
		w.send(toolCall(id, "2025-06-18", "echo", `{}`))
		w.answer(id)
		w.send(toolCall(id, "2025-06-18", "nobody", `{}`))
		w.refusal(id, mcp.INVALID_PARAMS)
	}
}

func TestAToolSeesWhoTheClientIs(t *testing.T) {
	t.Parallel()
	for _, version := range append(legacy, modern) {
		w := dial(t, newRig(), mcpserver.StdioOptions{})
		w.greet(version, `{"elicitation":{}}`)
		w.send(toolCall("1", version, "who", `{}`))
		assert.Equal(t, "t "+version+" true", w.answer("1").text())
	}
}

func TestNotificationsComeBeforeTheResult(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"2024-11-05", "2025-11-25", modern} {
		w := dial(t, newRig(), mcpserver.StdioOptions{})
		w.greet(version, `{}`)
		for range 20 {
			w.send(toolCall("1", version, "notify", `{"count":50}`))
			for i := range 50 {
				m := w.next()
				require.Equal(t, "notifications/progress", m.Method)
				require.Contains(t, string(m.Params), fmt.Sprintf(`"progress":%d`, i))
			}
			require.Equal(t, "notified", w.answer("1").text())
		}
	}
}

func TestTheClientSetsTheLogLevel(t *testing.T) {
	t.Parallel()
	w := dial(t, newRig(), mcpserver.StdioOptions{})
	w.greet("2025-06-18", `{}`)
	w.send(toolCall("1", "", "log", `{}`))
	assert.Contains(t, string(w.next().Params), `"error"`, "the default")
	w.answer("1")
	w.send(request("2", "", "logging/setLevel", `"level":"warning"`))
	w.answer("2")
	w.send(toolCall("3", "", "log", `{}`))
	assert.Contains(t, string(w.next().Params), `"warning"`)
	assert.Contains(t, string(w.next().Params), `"error"`)
	w.answer("3")
}
