package main

import (
	"cmp"
	"context"
	"encoding/json"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

// The smallest PNG there is, one pixel, and the smallest WAV, one sample.
const (
	onePixel  = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg=="
	oneSample = "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA="
)

// tool is a tool that the suite calls.
type tool struct {
	name   string
	schema string // of its input; empty without arguments
	handle server.ToolHandlerFunc
}

func (t tool) addTo(s *server.MCPServer) {
	schema := cmp.Or(t.schema, `{"type":"object"}`)
	s.AddTool(mcp.NewToolWithRawSchema(t.name, "Part of the conformance suite.", json.RawMessage(schema)), t.handle)
}

// returns returns a tool handler with a fixed result.
func returns(content ...mcp.Content) server.ToolHandlerFunc {
	return func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return &mcp.CallToolResult{Content: content}, nil
	}
}

// contents are the tools that return different kinds of content.
var contents = []tool{
	{name: "test_simple_text", handle: returns(mcp.NewTextContent("This is a simple text response for testing."))},
	{name: "test_image_content", handle: returns(mcp.NewImageContent(onePixel, "image/png"))},
	{name: "test_audio_content", handle: returns(mcp.NewAudioContent(oneSample, "audio/wav"))},
	{name: "test_embedded_resource", handle: returns(embedded("test://embedded-resource", "This is an embedded resource content."))},
	{name: "test_multiple_content_types", handle: returns(
		mcp.NewTextContent("Multiple content types test:"),
		mcp.NewImageContent(onePixel, "image/png"),
		mcp.NewEmbeddedResource(mcp.TextResourceContents{
			URI: "test://mixed-content-resource", MIMEType: "application/json", Text: `{"test":"data","value":123}`,
		}),
	)},
	{name: "test_error_handling", handle: func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return mcp.NewToolResultError("This tool intentionally returns an error for testing"), nil
	}},
	{name: "test_headers", schema: mirrored, handle: returns(mcp.NewTextContent("ok"))},
	{name: "json_schema_2020_12_tool", schema: everyKeyword, handle: returns(mcp.NewTextContent("ok"))},
}

func embedded(uri, text string) mcp.Content {
	return mcp.NewEmbeddedResource(mcp.TextResourceContents{URI: uri, MIMEType: "text/plain", Text: text})
}

// mirrored has an argument that clients also send in a header (SEP-2243).
const mirrored = `{"type": "object", "properties": {"region": {"type": "string", "x-mcp-header": "Region"}}, "required": ["region"]}`

// everyKeyword uses the keywords of JSON Schema 2020-12 that the suite compares.
const everyKeyword = `{
	"$schema": "https://json-schema.org/draft/2020-12/schema",
	"type": "object",
	"$defs": {"address": {"$anchor": "addressDef", "type": "object",
		"properties": {"street": {"type": "string"}, "city": {"type": "string"}}}},
	"properties": {
		"name": {"type": "string"}, "address": {"$ref": "#/$defs/address"},
		"contactMethod": {"type": "string", "enum": ["phone", "email"]},
		"phone": {"type": "string"}, "email": {"type": "string"}},
	"allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
	"if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
	"then": {"required": ["phone"]}, "else": {"required": ["email"]},
	"additionalProperties": false
}`
