package mcpserver

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/vennio-mcp/vennio-mcp/internal/jsonlimits"
)

// envelope holds the members of a message that decide how it is handled. mcp-go
// decodes the rest.
type envelope struct {
	JSONRPC json.RawMessage `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Method  mcp.MCPMethod   `json:"method"`
	Result  json.RawMessage `json:"result"`
	Error   json.RawMessage `json:"error"`

	raw    json.RawMessage // the message, within the limits of jsonlimits
	values int             // number of JSON values in raw
	excess error           // the limit that the arguments of a tools/call exceeded; raw does not contain them
	batch  bool            // raw is a batch, of which only the values were counted
}

// kind decides how a message is handled, so that none delays another.
type kind int

const (
	kindInvalid      kind = iota
	kindBatch             // several messages
	kindResponse          // answers one of our requests
	kindCancel            // cancels a call
	kindNotification      // gets no response
	kindQuick             // is answered at once from memory
	kindListen            // stays open until one side ends it
	kindCall              // may take long and counts against the limit of calls
)

func (e envelope) kind() kind {
	switch {
	case e.batch:
		return kindBatch
	case e.Method != "" && (e.Result != nil || e.Error != nil):
		return kindInvalid
	case e.Method == "" && (e.Result != nil || e.Error != nil):
		return kindResponse
	case e.Method == "":
		return kindInvalid
	case e.Method == mcp.MethodNotificationCancelled:
		return kindCancel
	case e.ID == nil, strings.HasPrefix(string(e.Method), "notifications/"):
		return kindNotification
	case !validID(e.ID):
		return kindInvalid
	}
	switch e.Method {
	case mcp.MethodInitialize, mcp.MethodPing, mcp.MethodSetLogLevel, mcp.MethodServerDiscover,
		mcp.MethodToolsList, mcp.MethodPromptsList,
		mcp.MethodResourcesList, mcp.MethodResourcesTemplatesList,
		mcp.MethodResourcesSubscribe, mcp.MethodResourcesUnsubscribe,
		methodSkillsList, methodSkillsGet:
		return kindQuick
	case mcp.MethodSubscriptionsListen:
		return kindListen
	default:
		return kindCall
	}
}

// subscribes reports a message that changes which resources the client subscribes to.
func (e envelope) subscribes() bool {
	return e.Method == mcp.MethodResourcesSubscribe || e.Method == mcp.MethodResourcesUnsubscribe || e.Method == mcp.MethodSubscriptionsListen
}

// validID reports a string or a number (MCP, Base Protocol: an id is never null).
func validID(id json.RawMessage) bool {
	if len(id) == 0 {
		return false
	}
	return id[0] == '"' || id[0] == '-' || ('0' <= id[0] && id[0] <= '9')
}

// parseAny reads the bytes of a message or a batch, on every transport, before
// anything else does. The messages of a batch are parsed one by one later.
func parseAny(raw []byte) (envelope, *rpcError) {
	if !isBatch(raw) {
		return parse(raw)
	}
	values := jsonlimits.Values(raw)
	if values > jsonlimits.MaxValues {
		return envelope{}, errorExcess(jsonlimits.TooMany)
	}
	return envelope{raw: raw, values: values, batch: true}, nil
}

// parse reads the envelope of one message, or returns what is wrong with it. It
// checks the limits before anything decodes the message. A tools/call of which only
// the arguments exceed them is passed on without the arguments, so that the tool
// reports the mistake like any other mistake in its arguments.
func parse(raw []byte) (envelope, *rpcError) {
	values, excess := jsonlimits.Scan(raw)
	if excess == nil {
		return decode(raw, values)
	}
	reduced, ok := withoutArguments(raw)
	if !ok {
		return envelope{ID: requestID(raw)}, errorExcess(excess)
	}
	values, more := jsonlimits.Scan(reduced)
	if more != nil {
		return envelope{ID: requestID(raw)}, errorExcess(more)
	}
	e, bad := decode(reduced, values)
	if bad != nil || e.Method != mcp.MethodToolsCall || e.kind() != kindCall {
		return envelope{ID: requestID(raw)}, errorExcess(excess)
	}
	e.excess = excess
	return e, nil
}

func decode(raw []byte, values int) (envelope, *rpcError) {
	e := envelope{raw: raw, values: values}
	if err := json.Unmarshal(raw, &e); err != nil {
		if _, ok := errors.AsType[*json.SyntaxError](err); ok {
			return envelope{}, malformed(raw)
		}
		if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && wrong.Field == "method" && validID(e.ID) {
			return envelope{ID: e.ID}, &rpcError{Code: mcp.INVALID_REQUEST, Message: "Invalid request: method must be a string, not " + given(wrong.Value)}
		}
		return envelope{}, &rpcError{Code: mcp.INVALID_REQUEST, Message: "Invalid request: a message is one JSON-RPC 2.0 object"}
	}
	if e.ID != nil && e.Method != "" && validID(e.ID) && string(e.JSONRPC) != `"2.0"` {
		return e, &rpcError{Code: mcp.INVALID_REQUEST, Message: `Invalid request: jsonrpc must be "2.0"`}
	}
	if e.kind() != kindInvalid {
		return e, nil
	}
	bad := rpcError{Code: mcp.INVALID_REQUEST, Message: "Invalid request: no method, and no result or error either"}
	switch {
	case e.Method != "" && (e.Result != nil || e.Error != nil):
		bad.Message = "Invalid request: a message has a method, or a result or error, and not both"
	case e.Method != "":
		bad.Message = "Invalid request: an id is a string or a number"
	}
	if !validID(e.ID) {
		e.ID = nil
	}
	return e, &bad
}

func malformed(raw []byte) *rpcError {
	head := raw[:min(2, len(raw))]
	if bytes.IndexByte(head, 0) >= 0 || bytes.Equal(head, []byte("\xff\xfe")) || bytes.Equal(head, []byte("\xfe\xff")) {
		return &rpcError{Code: mcp.PARSE_ERROR, Message: "Parse error: the message is in UTF-16; send it in UTF-8"}
	}
	return &rpcError{Code: mcp.PARSE_ERROR, Message: "Parse error: the message is not valid JSON"}
}

// withoutArguments returns raw with its arguments replaced by a value that no tool
// accepts.
func withoutArguments(raw []byte) ([]byte, bool) {
	from, to, found := jsonlimits.Member(raw, "params", "arguments")
	if !found {
		return nil, false
	}
	return slices.Concat(raw[:from], []byte("false"), raw[to:]), true
}

// requestID finds the id of a request without decoding the request; nil where there
// is none. The id of a response gets no answer: the client may use it for a request.
func requestID(raw []byte) json.RawMessage {
	if _, _, isRequest := jsonlimits.Member(raw, "method"); !isRequest {
		return nil
	}
	return headID(raw)
}

// headID finds the id in the beginning of a message.
func headID(head []byte) json.RawMessage {
	from, to, _ := jsonlimits.Member(head, "id")
	id := head[from:to]
	if !validID(id) || !json.Valid(id) || jsonlimits.Check(id) != nil {
		return nil
	}
	return id
}

// cancelledID returns the id of the request that a notifications/cancelled names.
func cancelledID(raw []byte) string {
	var n struct {
		Params struct {
			RequestID json.RawMessage `json:"requestId"`
		} `json:"params"`
	}
	_ = json.Unmarshal(raw, &n) // what cannot be read names no request
	return string(n.Params.RequestID)
}

// isBatch distinguishes a JSON array from an object without parsing it.
func isBatch(raw []byte) bool {
	return bytes.HasPrefix(bytes.TrimLeft(raw, " \t\r\n"), []byte("["))
}

// metaOf returns the _meta of a message (MCP 2026-07-28), which is nil where there
// is none.
func metaOf(raw []byte) *mcp.Meta {
	if !bytes.Contains(raw, []byte("_meta")) && !bytes.Contains(raw, []byte(`\u`)) { // a long message seldom has one
		return nil
	}
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
