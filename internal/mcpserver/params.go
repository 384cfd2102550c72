package mcpserver

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/vennio-mcp/vennio-mcp/internal/lazyregexp"
)

// mcp-go answers a request whose parameters have the wrong types with the text of
// encoding/json, which names Go types, and accepts cursors that no list returned.
// The functions here find the mistake instead. Requests that are answered from
// memory are checked before mcp-go sees them, so that a malformed initialize begins
// no session; of calls, which may be long, only those that mcp-go refused are
// decoded again.

// checkParams returns what is wrong with a request, or nil.
func checkParams(env envelope) *rpcError {
	switch v := metaOf(env.raw).ProtocolVersion(); {
	case v != "" && !mcp.IsValidProtocolVersion(v) && env.ID != nil:
		return unsupportedVersion(v)
	case env.kind() == kindQuick:
		return wrongParam(env.Method, env.raw)
	default:
		return nil
	}
}

// wrongParam returns the error for the first parameter of a wrong type, or nil.
func wrongParam(method mcp.MCPMethod, raw []byte) *rpcError {
	params := paramsOf(method)
	err := json.Unmarshal(raw, &struct {
		Params any `json:"params"`
	}{params})
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		if wrong.Field == "params" {
			return &rpcError{Code: mcp.INVALID_REQUEST, Message: "Invalid request: params must be an object, not " + given(wrong.Value)}
		}
		return invalid("%.120s must %s, not %s", wrong.Field, wanted(wrong.Type), given(wrong.Value))
	}
	switch p := params.(type) {
	case *listParams:
		if p.Cursor != "" {
			return invalid("params.cursor is unknown; all lists here have one page, so ask again without a cursor")
		}
	case *completeParams:
		if p.Ref.Type != "ref/prompt" && p.Ref.Type != "ref/resource" {
			return invalid("params.ref.type must be ref/prompt or ref/resource")
		}
	}
	return nil
}

func invalid(format string, a ...any) *rpcError {
	return &rpcError{Code: mcp.INVALID_PARAMS, Message: "Invalid params: " + fmt.Sprintf(format, a...)}
}

// Beginnings of the errors of mcp-go about parameters that it could not decode.
const (
	unparsable  = "unparsable "
	missingMeta = "missing or invalid _meta field "
)

// undecodable returns the error in our words where mcp-go could not decode the
// parameters of a request; nil for other errors.
func undecodable(env envelope, e *rpcError) *rpcError {
	field, meta := strings.CutPrefix(e.Message, missingMeta)
	if !meta && !strings.HasPrefix(e.Message, unparsable) {
		return nil
	}
	if bad := wrongParam(env.Method, env.raw); bad != nil {
		return bad
	}
	if meta {
		return invalid("params._meta must contain %s; see MCP 2026-07-28", field)
	}
	return invalid("they do not have the form that MCP defines for %s", env.Method)
}

// unsupportedVersion refuses a protocol version and names the supported ones, so
// that the client can choose another (MCP 2026-07-28, Protocol Version Negotiation).
func unsupportedVersion(version string) *rpcError {
	if !versionForm().MatchString(version) {
		version = "" // it may contain anything
	}
	return &rpcError{
		Code:    mcp.UNSUPPORTED_PROTOCOL_VERSION,
		Message: "the protocol version of the request is not supported; use one of " + strings.Join(mcp.ValidProtocolVersions, ", "),
		Data:    mcp.UnsupportedProtocolVersionData{Supported: mcp.ValidProtocolVersions, Requested: version},
	}
}

var versionForm = lazyregexp.New(`^[0-9A-Za-z.-]{1,32}$`)

// The parameters of requests, as far as mcp-go decodes them into a type.
type (
	object   map[string]json.RawMessage
	inner    string // element of a list or an object of strings
	metaRead struct {
		Can *capabilities `json:"io.modelcontextprotocol/clientCapabilities"`
	}
	capabilities struct {
		Experimental object `json:"experimental"`
		Extensions   object `json:"extensions"`
		Roots        struct {
			ListChanged bool `json:"listChanged"`
		} `json:"roots"`
		Sampling struct {
			Context object `json:"context"`
			Tools   object `json:"tools"`
		} `json:"sampling"`
		Elicitation struct {
			Form object `json:"form"`
			URL  object `json:"url"`
		} `json:"elicitation"`
		Tasks struct {
			List     object `json:"list"`
			Cancel   object `json:"cancel"`
			Requests struct {
				Tools struct {
					Call object `json:"call"`
				} `json:"tools"`
				Sampling struct {
					CreateMessage object `json:"createMessage"`
				} `json:"sampling"`
				Elicitation struct {
					Create object `json:"create"`
				} `json:"elicitation"`
			} `json:"requests"`
		} `json:"tasks"`
	}
	initializeParams struct {
		Version      string       `json:"protocolVersion"`
		Capabilities capabilities `json:"capabilities"`
		ClientInfo   struct {
			Name        string `json:"name"`
			Version     string `json:"version"`
			Title       string `json:"title"`
			Description string `json:"description"`
			WebsiteURL  string `json:"websiteUrl"`
			Icons       []struct {
				Src      string  `json:"src"`
				MIMEType string  `json:"mimeType"`
				Theme    string  `json:"theme"`
				Sizes    []inner `json:"sizes"`
			} `json:"icons"`
		} `json:"clientInfo"`
	}
	listParams struct {
		Meta   metaRead `json:"_meta"`
		Cursor string   `json:"cursor"`
	}
	completeParams struct {
		Meta metaRead `json:"_meta"`
		Ref  struct {
			Type string `json:"type"`
			Name string `json:"name"`
			URI  string `json:"uri"`
		} `json:"ref"`
		Argument struct {
			Name  string `json:"name"`
			Value string `json:"value"`
		} `json:"argument"`
		Context struct {
			Arguments map[string]inner `json:"arguments"`
		} `json:"context"`
	}
	promptParams struct {
		Meta           metaRead         `json:"_meta"`
		Name           string           `json:"name"`
		Arguments      map[string]inner `json:"arguments"`
		InputResponses object           `json:"inputResponses"`
		RequestState   string           `json:"requestState"`
	}
	resourceParams struct {
		Meta           metaRead `json:"_meta"`
		URI            string   `json:"uri"`
		Arguments      object   `json:"arguments"`
		InputResponses object   `json:"inputResponses"`
		RequestState   string   `json:"requestState"`
	}
	otherParams struct { // no two of the other methods use one of these names for different types
		Meta          metaRead `json:"_meta"`
		Name          string   `json:"name"`
		URI           string   `json:"uri"`
		Level         string   `json:"level"`
		Notifications struct {
			Tools     bool    `json:"toolsListChanged"`
			Prompts   bool    `json:"promptsListChanged"`
			Resources bool    `json:"resourcesListChanged"`
			URIs      []inner `json:"resourceSubscriptions"`
		} `json:"notifications"`
		Task struct {
			TTL int64 `json:"ttl"`
		} `json:"task"`
		InputResponses object `json:"inputResponses"`
		RequestState   string `json:"requestState"`
	}
)

func paramsOf(method mcp.MCPMethod) any {
	switch method {
	case mcp.MethodInitialize:
		return new(initializeParams)
	case mcp.MethodToolsList, mcp.MethodPromptsList, mcp.MethodResourcesList, mcp.MethodResourcesTemplatesList, methodSkillsList:
		return new(listParams)
	case mcp.MethodCompletionComplete:
		return new(completeParams)
	case mcp.MethodPromptsGet:
		return new(promptParams)
	case mcp.MethodResourcesRead:
		return new(resourceParams)
	default:
		return new(otherParams)
	}
}

// wanted names the JSON type that is decoded into a Go type.
func wanted(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[inner]():
		return "hold strings only"
	case t.Kind() == reflect.String:
		return "be a string"
	case t.Kind() == reflect.Bool:
		return "be true or false"
	case t.Kind() == reflect.Int64:
		return "be a whole number"
	case t.Kind() == reflect.Slice:
		return "be an array"
	default:
		return "be an object"
	}
}

// given names a JSON value as encoding/json does, without the value itself.
func given(value string) string {
	switch kind, _, _ := strings.Cut(value, " "); {
	case kind == "object", kind == "array":
		return "an " + kind
	case kind == "bool":
		return "a boolean"
	case kind != value:
		return "this " + kind
	default:
		return "a " + kind
	}
}
