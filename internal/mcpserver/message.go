package mcpserver

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/vennio-mcp/vennio-mcp/internal/jsonlimits"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
)

// codeBusy is ours: JSON-RPC leaves -32000 to -32019 to implementations.
const codeBusy = -32000

// envelope is what routing has to know of a message. The rest is mcp-go's.
type envelope struct {
	JSONRPC json.RawMessage `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Method  mcp.MCPMethod   `json:"method"`
	Result  json.RawMessage `json:"result"`
	Error   json.RawMessage `json:"error"`

	raw    json.RawMessage // the message, within the limits of jsonlimits
	values int             // how many there are in raw
	excess error           // the limit that the arguments of a tools/call exceeded; raw does not contain them
	batch  bool            // raw is a batch, and only its values were counted
}

// kind says how a message must be treated so that none holds up another.
type kind int

const (
	kindInvalid      kind = iota
	kindResponse          // the client answers something we asked
	kindCancel            // the client gives up a call
	kindNotification      // no answer is due
	kindQuick             // answered at once, from memory
	kindListen            // stays open until one side ends it
	kindCall              // may take long: needs a place
)

func (e envelope) kind() kind {
	switch {
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
		mcp.MethodResourcesSubscribe, mcp.MethodResourcesUnsubscribe:
		return kindQuick
	case mcp.MethodSubscriptionsListen:
		return kindListen
	default:
		return kindCall
	}
}

// validID tells a string or a number (MCP, Base Protocol: an id is never null).
func validID(id json.RawMessage) bool {
	if len(id) == 0 {
		return false
	}
	return id[0] == '"' || id[0] == '-' || ('0' <= id[0] && id[0] <= '9')
}

// examine is the first thing done with the bytes of a message on stdio and SSE,
// which also accept batches. The messages in a batch are parsed one by one later.
func examine(raw []byte) (envelope, *fault) {
	if !isBatch(raw) {
		return parse(raw)
	}
	values := jsonlimits.Values(raw)
	if values > jsonlimits.MaxValues {
		return envelope{}, faultExcess(jsonlimits.TooMany)
	}
	return envelope{raw: raw, values: values, batch: true}, nil
}

// parse reads the envelope of one message, or says what is wrong with it. It
// checks the limits before anything decodes the message. A tools/call whose
// arguments alone exceed them goes on without the arguments, so that the tool
// reports it like any other mistake in its arguments.
func parse(raw []byte) (envelope, *fault) {
	values, excess := jsonlimits.Scan(raw)
	if excess == nil {
		return decode(raw, values)
	}
	reduced, ok := withoutArguments(raw)
	if !ok {
		return envelope{ID: requestID(raw)}, faultExcess(excess)
	}
	values, more := jsonlimits.Scan(reduced)
	if more != nil {
		return envelope{ID: requestID(raw)}, faultExcess(more)
	}
	e, bad := decode(reduced, values)
	if bad != nil || e.Method != mcp.MethodToolsCall || e.kind() != kindCall {
		return envelope{ID: requestID(raw)}, faultExcess(excess)
	}
	e.excess = excess
	return e, nil
}

func decode(raw []byte, values int) (envelope, *fault) {
	e := envelope{raw: raw, values: values}
	if err := json.Unmarshal(raw, &e); err != nil {
		if _, ok := errors.AsType[*json.SyntaxError](err); ok {
			return envelope{}, malformed(raw)
		}
		if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && wrong.Field == "method" && validID(e.ID) {
			return envelope{ID: e.ID}, &fault{mcp.INVALID_REQUEST, "Invalid request: method must be a string, not " + given(wrong.Value)}
		}
		return envelope{}, &fault{mcp.INVALID_REQUEST, "Invalid request: a message is one JSON-RPC 2.0 object"}
	}
	if e.ID != nil && e.Method != "" && validID(e.ID) && string(e.JSONRPC) != `"2.0"` {
		return e, &fault{mcp.INVALID_REQUEST, `Invalid request: jsonrpc must be "2.0"`}
	}
	if e.kind() != kindInvalid {
		return e, nil
	}
	bad := fault{mcp.INVALID_REQUEST, "Invalid request: no method, and no result or error either"}
	switch {
	case e.Method != "" && (e.Result != nil || e.Error != nil):
		bad.text = "Invalid request: a message has a method, or a result or error, and not both"
	case e.Method != "":
		bad.text = "Invalid request: an id is a string or a number"
	}
	if !validID(e.ID) {
		e.ID = nil
	}
	return e, &bad
}

// malformed says what is wrong with a message that is not JSON.
func malformed(raw []byte) *fault {
	head := raw[:min(2, len(raw))]
	if bytes.IndexByte(head, 0) >= 0 || bytes.Equal(head, []byte("\xff\xfe")) || bytes.Equal(head, []byte("\xfe\xff")) {
		return &fault{mcp.PARSE_ERROR, "Parse error: the message is in UTF-16; send it in UTF-8"}
	}
	return &fault{mcp.PARSE_ERROR, "Parse error: the message is not valid JSON"}
}

// withoutArguments returns raw with a value in place of its arguments that no tool
// accepts, whoever reads it.
func withoutArguments(raw []byte) ([]byte, bool) {
	from, to, found := jsonlimits.Member(raw, "params", "arguments")
	if !found {
		return nil, false
	}
	return slices.Concat(raw[:from], []byte("false"), raw[to:]), true
}

// requestID finds the id of a request without decoding it; nil where there is none.
// The id of a response is not ours to answer: the client may use it for a request.
func requestID(raw []byte) json.RawMessage {
	if _, _, asks := jsonlimits.Member(raw, "method"); !asks {
		return nil
	}
	return headID(raw)
}

// headID finds the id of a message of which only the head may be there.
func headID(head []byte) json.RawMessage {
	from, to, _ := jsonlimits.Member(head, "id")
	id := head[from:to]
	if !validID(id) || !json.Valid(id) || jsonlimits.Check(id) != nil {
		return nil
	}
	return id
}

// cancelledID finds which request a notifications/cancelled means.
func cancelledID(raw []byte) string {
	var n struct {
		Params struct {
			RequestID json.RawMessage `json:"requestId"`
		} `json:"params"`
	}
	_ = json.Unmarshal(raw, &n) // what cannot be read names no request
	return string(n.Params.RequestID)
}

// isBatch tells a JSON array from an object without parsing it.
func isBatch(raw []byte) bool {
	return bytes.HasPrefix(bytes.TrimLeft(raw, " \t\r\n"), []byte("["))
}

// masked is a message on its way out, without what looks like a credential: what a
// client, Vennio or mcp-go put there may come back in any text. What the client
// compares or sends back stays as it is.
func masked(message []byte) []byte {
	around := 1 // objects and arrays around a member of the message itself
	if start := bytes.IndexAny(message, "{["); start >= 0 && message[start] == '[' {
		around = 2
	}
	return sanitize.MaskJSON(message, func(depth int, name string) bool {
		switch name {
		case "id":
			return depth == around
		case "progressToken", "requestId", "requestState", "nextCursor", mcp.MetaKeySubscriptionID:
			return true
		}
		return false
	})
}

// fault is a JSON-RPC error as we word it.
type fault struct {
	code int
	text string
}

var (
	faultInternal = fault{mcp.INTERNAL_ERROR, "internal error"}
	faultBusy     = fault{codeBusy, "the server is busy: too many calls are running and waiting; try again in a second"}
	faultStopping = fault{codeBusy, "the server is stopping and takes no new calls"}
)

// faultExcess is the answer to a message that exceeds a limit of jsonlimits. The
// message counts as not received, so a client may send it again in another form.
func faultExcess(excess error) *fault {
	return &fault{mcp.INVALID_REQUEST, "Invalid request: the message " + excess.Error() + "; change it and send it again"}
}

func faultTooLong(limit int) fault {
	return fault{mcp.INVALID_REQUEST, fmt.Sprintf("the message is longer than the limit of %d bytes and was discarded", limit)}
}

// encode makes the error response to the request id; a nil id becomes null.
func (f fault) encode(id json.RawMessage) []byte {
	return encodeError(id, details{Code: f.code, Message: f.text})
}

// details is the error object of JSON-RPC 2.0, 5.1.
type details struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	Data    any    `json:"data,omitempty"`
}

func encodeError(id json.RawMessage, d details) []byte {
	b, err := json.Marshal(struct {
		JSONRPC string          `json:"jsonrpc"`
		ID      json.RawMessage `json:"id"`
		Error   details         `json:"error"`
	}{mcp.JSONRPC_VERSION, id, d})
	if err != nil { // the id was not JSON
		return encodeError(nil, d)
	}
	return b
}
