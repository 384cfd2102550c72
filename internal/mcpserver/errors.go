package mcpserver

import (
	"cmp"
	"encoding/json"
	"fmt"
	"runtime"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/rs/zerolog"

	"github.com/vennio-mcp/vennio-mcp/internal/rpcerr"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
)

// codeBusy is defined here: JSON-RPC leaves -32000 to -32019 to implementations.
const codeBusy = -32000

// rpcError is the error object of a JSON-RPC response (JSON-RPC 2.0, section 5.1).
type rpcError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	Data    any    `json:"data,omitempty"`
}

var (
	errorInternal = rpcError{Code: mcp.INTERNAL_ERROR, Message: "internal error"}
	errorBusy     = rpcError{Code: codeBusy, Message: "the server is busy: too many calls are running and waiting; try again in a second"}
	errorStopping = rpcError{Code: codeBusy, Message: "the server is stopping and takes no new calls"}
)

// errorExcess answers a message that exceeds a limit of jsonlimits. The message
// counts as not received, so a client may send it again in another form.
func errorExcess(excess error) *rpcError {
	return &rpcError{Code: mcp.INVALID_REQUEST, Message: "Invalid request: the message " + excess.Error() + "; change it and send it again"}
}

func errorTooLong(limit int) *rpcError {
	return &rpcError{Code: mcp.INVALID_REQUEST, Message: fmt.Sprintf("the message is longer than the limit of %d bytes and was discarded", limit)}
}

// response is an encoded JSON-RPC response, or that of a batch. The zero value
// means that no response is due.
type response struct {
	body []byte
	code int // of the error; 0 for a result
}

// response encodes the error as the answer to the request with this id; a nil id
// becomes null.
func (e *rpcError) response(id json.RawMessage) response {
	body, err := encode(struct {
		JSONRPC string          `json:"jsonrpc"`
		ID      json.RawMessage `json:"id"`
		Error   *rpcError       `json:"error"`
	}{mcp.JSONRPC_VERSION, id, e})
	if err != nil { // the id was not JSON
		return e.response(nil)
	}
	return response{body, e.Code}
}

// encode makes the bytes of a message to the client, and of every JSON response
// over HTTP. No other code changes them. Text that looks like a credential is
// masked: a client, Vennio or mcp-go may have put it into any string. Values that
// the client compares or sends back keep their form.
func encode(v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return sanitize.MaskJSON(b, func(depth int, name string) bool {
		switch name {
		case "id":
			return depth == 1
		case "progressToken", "requestId", "requestState", "nextCursor", mcp.MetaKeySubscriptionID:
			return true
		}
		return false
	}), nil
}

// clientError returns the error that the client receives in place of an error of
// mcp-go. hidden reports that its text is not shown: mcp-go puts into an internal
// error whatever a handler returned or panicked with, unless that is an
// [rpcerr.Error].
func clientError(env envelope, e mcp.JSONRPCErrorDetails) (_ *rpcError, hidden bool) {
	shown := &rpcError{Code: e.Code, Message: e.Message, Data: e.Data}
	if e.Code == mcp.INTERNAL_ERROR {
		marked, ok := rpcerr.Parse(e.Message)
		if !ok {
			return &errorInternal, true
		}
		shown = &rpcError{Code: marked.Code, Message: marked.Message}
	} else {
		shown = cmp.Or(undecodable(env, shown), shortened(shown), shown)
	}
	if uri := missingResource(env, shown); uri != "" {
		shown.Data = map[string]string{"uri": uri}
	}
	return shown, false
}

// Lengths in characters that an error of mcp-go, and the URI beside it, may have.
const maxMessage, maxURI = 300, 2000

// shortened returns an error of mcp-go that repeats a long name without the middle
// of the name; nil where the error is short.
func shortened(e *rpcError) *rpcError {
	const tail = 60
	if len(e.Message) <= maxMessage {
		return nil
	}
	short := *e
	short.Message = sanitize.Line(e.Message, maxMessage-tail) + " " + sanitize.Line(strings.ToValidUTF8(e.Message[len(e.Message)-tail:], ""), tail)
	return &short
}

// missingResource returns the URI that resources/read did not find, for the data of
// the error (MCP, Resources, Error Handling); "" for other errors and long URIs.
func missingResource(env envelope, e *rpcError) string {
	if env.Method != mcp.MethodResourcesRead || e.Data != nil || e.Code != mcp.RESOURCE_NOT_FOUND && e.Code != mcp.INVALID_PARAMS {
		return ""
	}
	var m struct {
		Params struct {
			URI string `json:"uri"`
		} `json:"params"`
	}
	if json.Unmarshal(env.raw, &m) != nil || len(m.Params.URI) > maxURI {
		return ""
	}
	return m.Params.URI
}

// missingCapabilities returns the error for a result that asks the client for input
// which the request did not declare. A server must not ask then, but name the
// missing capabilities (MCP 2026-07-28, Missing Required Capabilities).
func missingCapabilities(env envelope, result any) *rpcError {
	var requests mcp.InputRequests
	switch r := result.(type) {
	case *mcp.CallToolResult:
		requests = r.InputRequests
	case mcp.CallToolResult:
		requests = r.InputRequests
	case mcp.GetPromptResult:
		requests = r.InputRequests
	case mcp.ReadResourceResult:
		requests = r.InputRequests
	}
	if len(requests) == 0 {
		return nil
	}
	can := metaOf(env.raw).ClientCapabilities()
	if can == nil {
		return nil
	}
	var missing capabilitySet
	for _, r := range requests {
		missing.add(r, can)
	}
	if missing == (capabilitySet{}) {
		return nil
	}
	return &rpcError{
		Code:    mcp.MISSING_REQUIRED_CLIENT_CAPABILITY,
		Message: "to be served, this request must declare in _meta that the client can be asked; data names the capabilities it lacks",
		Data:    map[string]capabilitySet{"requiredCapabilities": missing},
	}
}

// capabilitySet is a ClientCapabilities object that names what is missing.
type capabilitySet struct {
	Elicitation *mcp.ElicitationCapability `json:"elicitation,omitempty"`
	Roots       *struct{}                  `json:"roots,omitempty"`
	Sampling    *struct{}                  `json:"sampling,omitempty"`
}

func (c *capabilitySet) add(r mcp.InputRequest, can *mcp.ClientCapabilities) {
	switch r.Method {
	case mcp.MethodElicitationCreate:
		var mode string
		if r.Elicitation != nil {
			mode = r.Elicitation.Mode
		}
		if elicits(can.Elicitation, mode) {
			return
		}
		c.Elicitation = cmp.Or(c.Elicitation, new(mcp.ElicitationCapability))
		if mode == mcp.ElicitationModeURL {
			c.Elicitation.URL = &struct{}{}
		}
	case mcp.MethodSamplingCreateMessage:
		if can.Sampling == nil {
			c.Sampling = &struct{}{}
		}
	case mcp.MethodListRoots:
		if can.Roots == nil {
			c.Roots = &struct{}{}
		}
	default:
	}
}

// logPanic logs that a handler panicked, and where. The panic value may contain
// anything, a key included, so only errors of the Go runtime are logged in full.
func logPanic(log zerolog.Logger, during string, v any) {
	e := log.Error().Str("during", during).Type("panic", v)
	if err, ok := v.(runtime.Error); ok {
		e = e.Str("error", err.Error())
	}
	e.Str("at", sanitize.PanicSite()).Msg("a handler panicked")
}
