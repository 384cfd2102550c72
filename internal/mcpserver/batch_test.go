package mcpserver_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/jsonlimits"
	"github.com/vennio-mcp/vennio-mcp/internal/mcpserver"
)

func bodyOf(t *testing.T, resp *http.Response) string {
	t.Helper()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return strings.TrimSpace(string(body))
}

func withoutPing(got string) string {
	if strings.Contains(got, `"id":"alive"`) {
		return ""
	}
	return strings.TrimSpace(got)
}

// batchClients returns a client of each transport that has this protocol version.
// Each sends a body and returns what answers it, or "" where silent is expected and
// the answer to a later ping is the next message.
func batchClients(t *testing.T, version string) map[string]func(body string, silent bool) string {
	t.Helper()
	s, stateless := open(t, newRig(), mcpserver.HTTPOptions{}), alone(t, newRig())
	w := dial(t, newRig(), mcpserver.StdioOptions{})
	w.greet(version, `{}`)
	e, path := s.sse()
	s.tell(path, initialize(version, `{}`))
	e.next()
	ping := request(`"alive"`, "", "ping", "")
	clients := map[string]func(string, bool) string{
		"stdio": func(body string, silent bool) string {
			w.send(body)
			if silent {
				w.send(ping)
			}
			return withoutPing(string(w.raw()))
		},
		"SSE": func(body string, silent bool) string {
			if resp := s.ask(http.MethodPost, path, body); resp.StatusCode != http.StatusAccepted {
				assert.Equal(t, http.StatusBadRequest, resp.StatusCode)
				return bodyOf(t, resp)
			}
			if silent {
				s.tell(path, ping)
			}
			return withoutPing(e.data())
		},
	}
	if version == "2024-11-05" {
		return clients // it has no Streamable HTTP
	}
	session := s.login(version, `{}`)
	post := func(s *site, headers ...string) func(string, bool) string {
		return func(body string, _ bool) string {
			resp := s.post(body, headers...)
			got := bodyOf(t, resp)
			switch {
			case got == "":
				assert.Equal(t, http.StatusAccepted, resp.StatusCode)
			case strings.HasPrefix(got, "["):
				assert.Equal(t, http.StatusOK, resp.StatusCode)
			default:
				assert.Equal(t, http.StatusBadRequest, resp.StatusCode)
			}
			return got
		}
	}
	clients["Streamable HTTP"] = post(s, session...)
	clients["Streamable HTTP without sessions"] = post(stateless, "Mcp-Protocol-Version", version)
	if version == "2025-03-26" {
		clients["Streamable HTTP without a version"] = post(s, session[:2]...)
		clients["Streamable HTTP without sessions and version"] = post(stateless)
	}
	return clients
}

// A batch gets the same answer on every transport.
func TestABatchIsAnsweredAlikeOnEveryTransport(t *testing.T) {
	t.Parallel()
	ping := func(id string) string { return request(id, "", "ping", "") }
	refusal := func(id, why string) string {
		return `{"jsonrpc":"2.0","id":` + id + `,"error":{"code":-32600,"message":"Invalid request: ` + why + `"}}`
	}
	cases := []struct {
		name, body string
		want       []string // answers in any order; nil: none
		whole      string   // the answer to the whole batch instead
	}{
		{name: "requests", body: `[` + ping("1") + `,` + ping(`"b"`) + `]`, want: []string{`{"jsonrpc":"2.0","id":1,"result":{}}`, `{"jsonrpc":"2.0","id":"b","result":{}}`}},
		{name: "calls", body: ` [` + toolCall("1", "", "echo", `{"text":"a"}`) + `,` + toolCall("2", "", "panic", `{}`) + `]`, want: []string{
			`{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"a"}]}}`, `{"jsonrpc":"2.0","id":2,"error":{"code":-32603,"message":"internal error"}}`,
		}},
		{name: "notifications", body: `[` + initialized + `,` + cancelOf(9) + `]`},
		{name: "responses", body: `[{"jsonrpc":"2.0","id":77,"result":{}}]`},
		{name: "mixed", body: `[` + initialized + `,` + ping("1") + `]`, want: []string{`{"jsonrpc":"2.0","id":1,"result":{}}`}},
		{name: "no messages", body: `[7,` + ping("1") + `]`, want: []string{refusal("null", "a message is one JSON-RPC 2.0 object"), `{"jsonrpc":"2.0","id":1,"result":{}}`}},
		{name: "initialize", body: `[` + initialize("2025-03-26", `{}`) + `]`, want: []string{refusal(`"init"`, "initialize must not be part of a batch")}},
		{name: "nested", body: `[[` + ping("1") + `]]`, want: []string{refusal("null", "a message is one JSON-RPC 2.0 object")}},
		{name: "empty", body: `[]`, whole: refusal("null", "the batch is empty")},
		{name: "too many", body: items("1", 101), whole: refusal("null", "a batch contains at most 100 messages")},
		{name: "too many values", body: items(items("1", 500), 21), whole: refusal("null", "the message "+jsonlimits.TooMany.Error()+"; change it and send it again")},
		{name: "cut off", body: `[` + ping("1"), whole: `{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"Parse error: the message is not valid JSON"}}`},
	}
	for _, version := range legacy {
		for transport, send := range batchClients(t, version) {
			for _, c := range cases {
				silent := c.want == nil && c.whole == "" && version <= "2025-03-26"
				got, about := send(c.body, silent), version+" "+transport+": "+c.name
				switch {
				case version > "2025-03-26" && c.name != "cut off" && c.name != "too many values":
					assert.Equal(t, refusal("null", "batches belong to MCP 2025-03-26, which was not negotiated; send one message at a time"), got, about)
				case c.whole != "":
					assert.Equal(t, c.whole, got, about)
				case c.want == nil:
					assert.Empty(t, got, about)
				default:
					var answers []json.RawMessage
					require.NoError(t, json.Unmarshal([]byte(got), &answers), "%s: %s", about, got)
					var texts []string
					for _, a := range answers {
						texts = append(texts, string(a))
					}
					assert.ElementsMatch(t, c.want, texts, about)
				}
			}
		}
	}
}

func TestABatchIsRefusedSinceMCP20260728(t *testing.T) {
	t.Parallel()
	body := `[` + request("1", modern, "tools/list", "") + `]`
	w := dial(t, newRig(), mcpserver.StdioOptions{})
	w.send(body)
	assert.Contains(t, w.refusal("null", mcp.INVALID_REQUEST), "batches belong to MCP 2025-03-26")
	for _, s := range []*site{open(t, newRig(), mcpserver.HTTPOptions{}), alone(t, newRig())} {
		resp := s.post(body, modernly("tools/list")...)
		assert.Equal(t, http.StatusBadRequest, resp.StatusCode)
		assert.Contains(t, single(t, resp).Error.Message, "batches belong to MCP 2025-03-26")
	}
}

// The progress of a call in a batch arrives before the answer to the batch, and a
// call that the client cancels is missing from it.
func TestABatchOverStreamableHTTPMayBeAStream(t *testing.T) {
	t.Parallel()
	g := newRig()
	s := open(t, g, mcpserver.HTTPOptions{})
	headers := s.login("2025-03-26", `{}`)
	e := stream(t, s.post(`[`+toolCall("1", "", "notify", `{"count":2}`)+`,`+slowCall(2)+`,`+slowCall(3)+`]`, headers...))
	assert.Contains(t, string(e.next().Params), `"progress":0`)
	assert.Contains(t, string(e.next().Params), `"progress":1`)
	receive(t, g.started)
	receive(t, g.started)
	assert.Equal(t, http.StatusAccepted, s.post(cancelOf(2), headers...).StatusCode)
	assert.Equal(t, "2", receive(t, g.stopped))
	g.free(t)
	var answers []message
	require.NoError(t, json.Unmarshal([]byte(e.data()), &answers))
	require.Len(t, answers, 2)
	assert.ElementsMatch(t, []string{"1", "3"}, []string{string(answers[0].ID), string(answers[1].ID)})
	assert.Empty(t, e.data())
}
