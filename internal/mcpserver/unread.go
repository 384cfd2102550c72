package mcpserver

import (
	"bytes"
	"encoding/json"

	"github.com/mark3labs/mcp-go/mcp"
)

var (
	codeMissing  = []byte(`"code":-32002`) // up to MCP 2025-11-25
	codeBadParam = []byte(`"code":-32602`) // since MCP 2026-07-28
)

// unread adds to the error of resources/read which resource is not there (MCP,
// Resources, Error Handling); nil where there is nothing to add, or it is too long.
func unread(request, answer []byte) []byte {
	if !bytes.Contains(answer, codeMissing) && !bytes.Contains(answer, codeBadParam) {
		return nil
	}
	var asked struct {
		Method mcp.MCPMethod `json:"method"`
		Params struct {
			URI string `json:"uri"`
		} `json:"params"`
	}
	var said struct {
		ID    json.RawMessage `json:"id"`
		Error *details        `json:"error"`
	}
	if json.Unmarshal(request, &asked) != nil || asked.Method != mcp.MethodResourcesRead || asked.Params.URI == "" || len(asked.Params.URI) > saidURI {
		return nil
	}
	if json.Unmarshal(answer, &said) != nil || said.Error == nil || said.Error.Data != nil {
		return nil
	}
	said.Error.Data = struct {
		URI string `json:"uri"`
	}{asked.Params.URI}
	return encodeError(said.ID, *said.Error)
}
