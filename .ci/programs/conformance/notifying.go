package main

import (
	"context"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

// notifying are the tools that send notifications before their response. The suite suggests pauses between
// notifications; they must also arrive without pauses.
var notifying = []tool{
	{name: "test_tool_with_logging", handle: logs("Tool execution started", "Tool processing data", "Tool execution completed")},
	{name: "test_logging_tool", handle: logs("A client that did not ask for logs gets none")},
	{name: "test_tool_with_progress", handle: progress},
}

func logs(words ...string) server.ToolHandlerFunc {
	return func(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		for _, said := range words {
			note := mcp.NewLoggingMessageNotification(mcp.LoggingLevelInfo, "conformance", said)
			if err := server.ServerFromContext(ctx).SendLogMessageToClient(ctx, note); err != nil {
				return nil, err
			}
		}
		return mcp.NewToolResultText("logged"), nil
	}
}

func progress(ctx context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	if r.Params.Meta == nil || r.Params.Meta.ProgressToken == nil {
		return mcp.NewToolResultText("nobody asked for progress"), nil
	}
	for _, reached := range []int{0, 50, 100} {
		err := server.ServerFromContext(ctx).SendNotificationToClient(ctx, "notifications/progress",
			map[string]any{"progressToken": r.Params.Meta.ProgressToken, "progress": reached, "total": 100})
		if err != nil {
			return nil, err
		}
	}
	return mcp.NewToolResultText("progress reported"), nil
}

// mutating are the tools that add tools and prompts.
var mutating = []tool{
	{name: "test_trigger_tool_change", handle: func(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		tool{name: "test_added_tool", handle: returns(mcp.NewTextContent("added"))}.addTo(server.ServerFromContext(ctx))
		return mcp.NewToolResultText("a tool was added"), nil
	}},
	{name: "test_trigger_prompt_change", handle: func(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		server.ServerFromContext(ctx).AddPrompt(described("test_added_prompt"), says(mcp.NewTextContent("added")))
		return mcp.NewToolResultText("a prompt was added"), nil
	}},
}
