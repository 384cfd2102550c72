package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

// asking are the tools that send requests to the client while they run (MCP up to 2025-11-25).
var asking = []tool{
	{name: "test_sampling", schema: `{"type":"object","properties":{"prompt":{"type":"string"}},"required":["prompt"]}`, handle: sample},
	{
		name: "test_elicitation", schema: `{"type":"object","properties":{"message":{"type":"string"}},"required":["message"]}`,
		handle: elicits("", `{
			"username": {"type": "string", "description": "User's response"},
			"email": {"type": "string", "description": "User's email address"}}`, "username", "email"),
	},
	{name: "test_elicitation_sep1034_defaults", handle: elicits("Please review", `{
		"name": {"type": "string", "default": "John Doe"},
		"age": {"type": "integer", "default": 30},
		"score": {"type": "number", "default": 95.5},
		"status": {"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
		"verified": {"type": "boolean", "default": true}}`)},
	{name: "test_elicitation_sep1330_enums", handle: elicits("Please select", `{
		"untitledSingle": {"type": "string", "enum": ["option1", "option2", "option3"]},
		"titledSingle": {"type": "string", "oneOf": [{"const": "value1", "title": "First Option"}, {"const": "value2", "title": "Second Option"}]},
		"legacyEnum": {"type": "string", "enum": ["opt1", "opt2", "opt3"], "enumNames": ["Option One", "Option Two", "Option Three"]},
		"untitledMulti": {"type": "array", "items": {"type": "string", "enum": ["option1", "option2", "option3"]}},
		"titledMulti": {"type": "array", "items": {"anyOf": [{"const": "value1", "title": "First Choice"}, {"const": "value2", "title": "Second Choice"}]}}}`)},
}

func sample(ctx context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	//nolint:staticcheck // deprecated with 2026-07-28; the older suite asks for it
	got, err := server.ServerFromContext(ctx).RequestSampling(ctx, mcp.CreateMessageRequest{CreateMessageParams: prompting(r.GetString("prompt", ""))})
	if err != nil {
		return mcp.NewToolResultError(err.Error()), nil
	}
	return mcp.NewToolResultText("LLM response: " + mcp.GetTextFromContent(got.Content)), nil
}

// elicits returns a tool handler that elicits the given properties. Without a message, the caller's argument is
// used.
func elicits(message, properties string, required ...string) server.ToolHandlerFunc {
	return func(ctx context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		params := form(r.GetString("message", message), properties, required...)
		said, err := server.ServerFromContext(ctx).RequestElicitation(ctx, mcp.ElicitationRequest{Params: params})
		if err != nil {
			return mcp.NewToolResultError(err.Error()), nil
		}
		return mcp.NewToolResultText(fmt.Sprintf("action=%s, content=%v", said.Action, said.Content)), nil
	}
}

// form returns the parameters of an elicitation of the given properties, in JSON.
func form(message, properties string, required ...string) mcp.ElicitationParams {
	return mcp.ElicitationParams{Message: message, RequestedSchema: struct {
		Type       string          `json:"type"`
		Properties json.RawMessage `json:"properties"`
		Required   []string        `json:"required,omitempty"`
	}{"object", json.RawMessage(properties), required}}
}

func prompting(text string) mcp.CreateMessageParams {
	return mcp.CreateMessageParams{
		Messages:  []mcp.SamplingMessage{{Role: mcp.RoleUser, Content: mcp.NewTextContent(text)}},
		MaxTokens: 100,
	}
}
