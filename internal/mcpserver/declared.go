package mcpserver

import (
	"bytes"
	"cmp"
	"encoding/json"

	"github.com/mark3labs/mcp-go/mcp"
)

var inputRequired = []byte(`"resultType":"input_required"`)

// undeclared finds what an answer asks of the client that its request did not
// declare; nil where there is nothing. A server must not ask so, but say what it
// lacks (MCP 2026-07-28, Missing Required Capabilities).
func undeclared(request, answer []byte) *requirement {
	if !bytes.Contains(answer, inputRequired) {
		return nil
	}
	var a struct {
		Result struct {
			InputRequests map[string]struct {
				Method mcp.MCPMethod `json:"method"`
				Params struct {
					Mode string `json:"mode"`
				} `json:"params"`
			} `json:"inputRequests"`
		} `json:"result"`
	}
	can := metaOf(request).ClientCapabilities()
	if json.Unmarshal(answer, &a) != nil || can == nil {
		return nil // not a question, or not of a client that takes it so
	}
	var lack requirement
	for _, asked := range a.Result.InputRequests {
		lack.add(asked.Method, asked.Params.Mode, can)
	}
	if lack == (requirement{}) {
		return nil
	}
	return &lack
}

// requirement is a ClientCapabilities object that names what is missing.
type requirement struct {
	Elicitation *mcp.ElicitationCapability `json:"elicitation,omitempty"`
	Roots       *struct{}                  `json:"roots,omitempty"`
	Sampling    *struct{}                  `json:"sampling,omitempty"`
}

func (r *requirement) add(method mcp.MCPMethod, mode string, can *mcp.ClientCapabilities) {
	switch {
	case method == mcp.MethodElicitationCreate && !elicits(can.Elicitation, mode):
		r.Elicitation = cmp.Or(r.Elicitation, new(mcp.ElicitationCapability))
		if mode == mcp.ElicitationModeURL {
			r.Elicitation.URL = &struct{}{}
		}
	case method == mcp.MethodSamplingCreateMessage && can.Sampling == nil:
		r.Sampling = &struct{}{}
	case method == mcp.MethodListRoots && can.Roots == nil:
		r.Roots = &struct{}{}
	}
}

// encode makes the error response to the request id.
func (r *requirement) encode(id json.RawMessage) []byte {
	type data struct {
		RequiredCapabilities *requirement `json:"requiredCapabilities"`
	}
	return encodeError(id, details{
		Code:    mcp.MISSING_REQUIRED_CLIENT_CAPABILITY,
		Message: "to be served, this request must declare in _meta that the client can be asked; data names the capabilities it lacks",
		Data:    data{r},
	})
}

// metaIn is metaOf for a message that may be long and seldom has any.
func metaIn(raw []byte) *mcp.Meta {
	if !bytes.Contains(raw, []byte("protocolVersion")) {
		return nil
	}
	return metaOf(raw)
}

// metaOf is what a message says of itself, as MCP 2026-07-28 has it.
func metaOf(raw []byte) *mcp.Meta {
	var m struct {
		Params struct {
			Meta *mcp.Meta `json:"_meta"`
		} `json:"params"`
	}
	if json.Unmarshal(raw, &m) != nil {
		return nil
	}
	return m.Params.Meta
}
