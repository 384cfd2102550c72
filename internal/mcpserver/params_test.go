package mcpserver_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/mcpserver"
)

// capable returns a rig with all lists and with completions.
func capable() *rig {
	g := newRig(server.WithResourceCapabilities(true, false), server.WithPromptCapabilities(false), server.WithCompletions())
	return g
}

// everyWay sends a request over each transport and returns the answers.
func everyWay(t *testing.T, g *rig) func(version, method, params string) map[string]message {
	t.Helper()
	s, w := open(t, g, mcpserver.HTTPOptions{}), dial(t, g, mcpserver.StdioOptions{})
	e, path := s.sse()
	session := s.login("2025-11-25", `{}`)
	return func(version, method, params string) map[string]message {
		t.Helper()
		m := request("1", version, method, params)
		w.send(m)
		s.tell(path, m)
		headers := session
		if version == modern {
			headers = modernly(method, "x")
		}
		return map[string]message{"stdio": w.next(), "SSE": e.next(), "Streamable HTTP": single(t, s.post(m, headers...))}
	}
}

// An error quotes the beginning and the end of a long name.
// field: long name in an error
func TestNoErrorRepeatsALongName(t *testing.T) {
	t.Parallel()
	ask := everyWay(t, capable())
	for _, name := range []string{strings.Repeat("x", 100_000), strings.Repeat("\u0301é", 50_000), strings.Repeat(`\"`, 50_000), strings.Repeat("vennio://bookings/", 5_000)} {
		for method, params := range map[string]string{
			"tools/call": `"name":"%s"`, "prompts/get": `"name":"%s"`, "resources/read": `"uri":"vennio://%s"`, "resources/subscribe": `"uri":"%s"`,
			"logging/setLevel": `"level":"%s"`, "completion/complete": `"ref":{"type":"ref/prompt","name":"%s"}`, "tools/list": `"cursor":"%s"`, name: `"x":"%s"`,
		} {
			for way, m := range ask("", method, fmt.Sprintf(params, name)) {
				if m.Error != nil {
					assert.Less(t, len(m.Error.Message)+len(m.Error.Data), 1_000, "%s %.20s", way, method)
					assert.NotEmpty(t, m.Error.Message, "%s %.20s", way, method)
				}
			}
		}
	}
	for way, m := range ask("", "tools/call", `"name":"`+strings.Repeat("x", 100_000)+`"`) {
		assert.Regexp(t, "^tool 'x+… x+' not found", m.Error.Message, way)
	}
	for way, m := range ask("", "resources/read", `"uri":"vennio://none"`) {
		assert.Contains(t, string(m.Error.Data), "vennio://none", way)
	}
}

// field: request body that is not declared as JSON
func TestABodyMustBeDeclaredAsJSON(t *testing.T) {
	t.Parallel()
	s := open(t, newRig(), mcpserver.HTTPOptions{})
	for _, media := range []string{"", "text/plain", "application/jsonx", "application/x-www-form-urlencoded", "application/json, text/plain", ";"} {
		resp := s.post(request("1", "", "ping", ""), "Content-Type", media)
		assert.Equal(t, http.StatusBadRequest, resp.StatusCode, media)
		assert.Contains(t, single(t, resp).Error.Message, "Content-Type: application/json", media)
	}
	for _, media := range []string{"application/json", "Application/JSON;charset=utf-8", `application/json; charset="utf-8"`} {
		assert.Equal(t, http.StatusOK, s.post(initialize("2025-06-18", `{}`), "Content-Type", media).StatusCode, media)
	}
}

// field: parameter of a wrong type
func TestAParameterOfAWrongTypeIsNamed(t *testing.T) {
	t.Parallel()
	ask := everyWay(t, capable())
	const client = `"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":`
	for _, c := range []struct{ version, method, params, says string }{
		{"", "initialize", client + `{"name":"x","version":1}`, "params.clientInfo.version must be a string, not a number"},
		{"", "initialize", client + `"x"`, "params.clientInfo must be an object, not a string"},
		{"", "initialize", client + `{"name":"x","icons":[{"sizes":[16]}]}`, "must hold strings only, not a number"},
		{"", "initialize", `"protocolVersion":20251125`, "params.protocolVersion must be a string, not a number"},
		{"", "initialize", `"capabilities":true`, "params.capabilities must be an object, not a boolean"},
		{"", "initialize", `"capabilities":{"elicitation":true}`, "params.capabilities.elicitation must be an object, not a boolean"},
		{"", "initialize", `"capabilities":{"sampling":false}`, "params.capabilities.sampling must be an object, not a boolean"},
		{"", "initialize", `"capabilities":{"roots":{"listChanged":"yes"}}`, "params.capabilities.roots.listChanged must be true or false, not a string"},
		{"", "initialize", `"capabilities":[]`, "params.capabilities must be an object, not an array"},
		{"", "ping", `"_meta":true`, "params._meta must be an object, not a boolean"},
		{"", "tools/list", `"cursor":1`, "params.cursor must be a string, not a number"},
		{"", "tools/call", `"name":7`, "params.name must be a string, not a number"},
		{"", "tools/call", `"name":"echo","task":{"ttl":1.5}`, "params.task.ttl must be a whole number"},
		{"", "prompts/get", `"name":"x","arguments":{"a":1}`, "must hold strings only, not a number"},
		{"", "resources/read", `"uri":["x"]`, "params.uri must be a string, not an array"},
		{"", "resources/subscribe", `"uri":{}`, "params.uri must be a string, not an object"},
		{"", "completion/complete", `"ref":true`, "params.ref must be an object, not a boolean"},
		{"", "completion/complete", `"argument":{}`, "params.ref.type must be ref/prompt or ref/resource"},
		{"", "logging/setLevel", `"level":3`, "params.level must be a string, not a number"},
		{modern, "tools/call", `"name":"x","requestState":1`, "params.requestState must be a string, not a number"},
	} {
		for way, m := range ask(c.version, c.method, c.params) {
			require.NotNil(t, m.Error, "%s %s %s", way, c.method, c.params)
			assert.Equal(t, mcp.INVALID_PARAMS, m.Error.Code, "%s %s %s", way, c.method, c.params)
			assert.Contains(t, m.Error.Message, c.says, "%s %s", way, c.method)
			assert.Equal(t, "1", string(m.ID))
		}
	}
	boolean := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"elicitation":true}}}}`
	s, w := open(t, newRig(), mcpserver.HTTPOptions{}), dial(t, newRig(), mcpserver.StdioOptions{})
	w.send(boolean)
	for _, m := range []message{w.next(), single(t, s.post(boolean, modernly("tools/call", "echo")...))} {
		assert.Contains(t, m.Error.Message, "clientCapabilities.elicitation must be an object, not a boolean")
	}
}

// No error names a Go type.
// field: parameter of a wrong type
func TestNoErrorNamesAGoType(t *testing.T) {
	t.Parallel()
	ask := everyWay(t, capable())
	for method, fields := range map[string]string{
		"initialize": "capabilities.tasks.requests.sampling.createMessage", "ping": "_meta", "tools/list": "cursor", "prompts/list": "cursor", "resources/list": "cursor",
		"resources/templates/list": "cursor", "tools/call": "inputResponses.a", "prompts/get": "arguments.a", "resources/read": "arguments.a",
		"resources/unsubscribe": "uri", "skills/list": "cursor", "skills/get": "uri", "completion/complete": "context.arguments.a", "server/discover": "_meta", "tasks/get": "taskId",
	} {
		for _, value := range []string{`true`, `1`, `1.5`, `"x"`, `[]`, `[1]`, `{}`, `{"x":1}`} {
			path := strings.Split(fields, ".")
			for depth := range path {
				params := value
				for i := depth; i >= 0; i-- {
					params = fmt.Sprintf("%q:%s", path[i], params)
					if i > 0 {
						params = "{" + params + "}"
					}
				}
				for way, m := range ask("", method, params) {
					if m.Error == nil {
						continue
					}
					for _, word := range []string{"Go ", "json:", "struct", "mcp.", "map[", "unmarshal", "unparsable", "base64", "interface"} {
						assert.NotContains(t, m.Error.Message, word, "%s %s %s", way, method, params)
					}
				}
			}
		}
	}
}

// field: unknown cursor
func TestACursorThatNobodyGaveOutIsRefused(t *testing.T) {
	t.Parallel()
	ask := everyWay(t, capable())
	for _, version := range []string{"", modern} {
		for _, method := range []string{"tools/list", "prompts/list", "resources/list", "resources/templates/list"} {
			for _, cursor := range []string{"nope", "bm9wZQ==", "ZWNobw==", "%", " "} { // ZWNobw== is the name of a tool, as mcp-go writes it
				for way, m := range ask(version, method, fmt.Sprintf(`"cursor":%q`, cursor)) {
					require.NotNil(t, m.Error, "%s %s %s", way, method, cursor)
					assert.Equal(t, mcp.INVALID_PARAMS, m.Error.Code)
					assert.Contains(t, m.Error.Message, "without a cursor")
				}
			}
			for _, none := range []string{`"cursor":""`, `"cursor":null`, ``} {
				for way, m := range ask(version, method, none) {
					assert.Nil(t, m.Error, "%s %s %s", way, method, none)
				}
			}
		}
	}
}

// field: JSON-RPC version
func TestAnotherJSONRPCVersionIsRefused(t *testing.T) {
	t.Parallel()
	s, w := open(t, newRig(), mcpserver.HTTPOptions{}), dial(t, newRig(), mcpserver.StdioOptions{})
	for _, version := range []string{`"1.0"`, `2`, `null`, `{}`} {
		m := fmt.Sprintf(`{"jsonrpc":%s,"id":4,"method":"ping"}`, version)
		w.send(m)
		assert.Contains(t, w.refusal("4", mcp.INVALID_REQUEST), `jsonrpc must be "2.0"`)
		over := single(t, s.post(m))
		assert.Equal(t, "4", string(over.ID))
		assert.Contains(t, over.Error.Message, `jsonrpc must be "2.0"`)
	}
}

// A malformed initialize begins no session.
func TestAMalformedInitializeBeginsNoSession(t *testing.T) {
	t.Parallel()
	count := map[string]func() int{}
	s := open(t, newRig(), mcpserver.HTTPOptions{Open: func(kind string, now func() int) { count[kind] = now }})
	resp := s.post(request("1", "", "initialize", `"clientInfo":{"version":1}`))
	assert.Empty(t, resp.Header.Get("Mcp-Session-Id"))
	assert.NotNil(t, single(t, resp).Error)
	assert.Zero(t, count["sessions"]())
}

// versions of a request's MCP-Protocol-Version header that no server has.
var unknownVersions = []string{"2027-01-01", "2026-07-29", "2025-06-19", "1900-01-01", "garbage", "9", "2026-07-28, 2026-07-28", strings.Repeat("x", 1000)}

func refusedVersion(t *testing.T, resp *http.Response, header, what string) {
	t.Helper()
	assert.Equal(t, http.StatusBadRequest, resp.StatusCode, what)
	m := single(t, resp)
	require.NotNil(t, m.Error, what)
	assert.Equal(t, mcp.UNSUPPORTED_PROTOCOL_VERSION, m.Error.Code, what)
	assert.Contains(t, m.Error.Message, "2025-11-25", what)
	if len(header) > 20 {
		header = ""
	}
	assert.JSONEq(t, fmt.Sprintf(`{"requested":%q,"supported":["2026-07-28","2025-11-25","2025-06-18","2025-03-26","2024-11-05"]}`, header), string(m.Error.Data), what)
}

// field: unknown MCP-Protocol-Version
func TestAnUnknownProtocolVersionIsNegotiatedOrRefused(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]mcpserver.HTTPOptions{"sessions": {}, "stateless": {Stateless: true}} {
		s := open(t, newRig(), o)
		for _, v := range unknownVersions {
			m := single(t, s.post(initialize(v, `{}`), "Mcp-Protocol-Version", v))
			require.Nil(t, m.Error, "%s %s", name, v)
			assert.Contains(t, string(m.Result), `"protocolVersion":"2025-11-25"`, "%s %s: initialize negotiates", name, v)
			for _, body := range []string{
				request("1", "", "ping", ""), request("1", "", "tools/list", ""), toolCall("1", "", "echo", `{}`), request("1", modern, "server/discover", ""),
				initialized, cancelOf(1), `{"jsonrpc":"2.0","id":1,"result":{}}`,
			} {
				refusedVersion(t, s.post(body, "Mcp-Protocol-Version", v), v, name+" "+v+" "+body)
			}
			for _, method := range []string{http.MethodGet, http.MethodDelete} {
				refusedVersion(t, s.ask(method, "/mcp", "", "Mcp-Protocol-Version", v), v, name+" "+v+" "+method)
			}
		}
		m := single(t, s.post(initialize(modern, `{}`), "Mcp-Protocol-Version", modern))
		assert.Contains(t, string(m.Result), `"protocolVersion":"2025-11-25"`, "initialize is of the revisions before 2026-07-28")
	}
}

// field: unknown MCP-Protocol-Version, of a session and over SSE
func TestAnUnknownProtocolVersionIsRefusedInASession(t *testing.T) {
	t.Parallel()
	s := open(t, newRig(), mcpserver.HTTPOptions{})
	session := s.login("2025-06-18", `{}`)[:2]
	e, path := s.sse()
	for _, v := range unknownVersions {
		refusedVersion(t, s.post(request("1", "", "ping", ""), append(session, "Mcp-Protocol-Version", v)...), v, v)
		refusedVersion(t, s.ask(http.MethodGet, "/mcp", "", append(session, "Mcp-Protocol-Version", v)...), v, v)
		refusedVersion(t, s.ask(http.MethodGet, "/sse", "", "Mcp-Protocol-Version", v), v, v)
		refusedVersion(t, s.ask(http.MethodPost, path, request("1", "", "ping", ""), "Mcp-Protocol-Version", v), v, v)
		assert.Equal(t, http.StatusAccepted, s.ask(http.MethodPost, path, initialize(v, `{}`), "Mcp-Protocol-Version", v).StatusCode)
		assert.Contains(t, string(e.next().Result), `"protocolVersion":"2025-11-25"`)
	}
	assert.JSONEq(t, `{}`, string(single(t, s.post(request("1", "", "ping", ""), append(session, "Mcp-Protocol-Version", "2025-06-18")...)).Result), "the session goes on")
}

// field: unknown protocol version in _meta
func TestAnUnknownProtocolVersionInMetaIsRefused(t *testing.T) {
	t.Parallel()
	s, w := open(t, newRig(), mcpserver.HTTPOptions{}), dial(t, newRig(), mcpserver.StdioOptions{})
	session := s.login("2025-06-18", `{}`)
	for _, v := range []string{"2027-01-01", "1900-01-01"} {
		for _, method := range []string{"server/discover", "tools/list", "ping", "initialize", "tools/call"} {
			m := strings.ReplaceAll(request("1", modern, method, `"name":"echo"`), modern, v)
			w.send(m)
			got := w.next()
			require.NotNil(t, got.Error, "%s %s", v, method)
			assert.Equal(t, mcp.UNSUPPORTED_PROTOCOL_VERSION, got.Error.Code, "%s %s", v, method)
			assert.Contains(t, string(got.Error.Data), `"supported":["2026-07-28"`)
		}
	}
	m := strings.ReplaceAll(request("1", modern, "tools/list", ""), modern, "1900-01-01")
	refusedVersion(t, s.post(m, session...), "1900-01-01", "over Streamable HTTP")
}
