package mcpserver_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/jsonlimits"
	"github.com/vennio-mcp/vennio-mcp/internal/mcpserver"
)

// members returns an object with this many members; a verb in the name is replaced by the number of the member.
func members(n int, name string) string {
	var all []string
	for i := range n {
		all = append(all, `"`+strings.Replace(name, "%d", fmt.Sprint(i), 1)+`":1`)
	}
	return "{" + strings.Join(all, ",") + "}"
}

func items(item string, n int) string {
	return "[" + strings.TrimSuffix(strings.Repeat(item+",", n), ",") + "]"
}

// excesses are values that exceed a limit, and what the refusal says of them.
var excesses = map[string]struct {
	value string
	want  error
}{
	"arrays of 33 levels":          {strings.Repeat("[", 33) + strings.Repeat("]", 33), jsonlimits.TooDeep},
	"arrays of 9,900 levels":       {strings.Repeat("[", 9_900) + strings.Repeat("]", 9_900), jsonlimits.TooDeep},
	"objects of 11,000 levels":     {strings.Repeat(`{"zz":`, 11_000) + "1" + strings.Repeat("}", 11_000), jsonlimits.TooDeep},
	"empty objects":                {items("{}", 10_000), jsonlimits.TooMany},
	"objects":                      {items(`{"zz":"zz"}`, 5_000), jsonlimits.TooMany},
	"numbers":                      {items("1", 10_000), jsonlimits.TooMany},
	"strings":                      {items(`"zz"`, 10_000), jsonlimits.TooMany},
	"101 members":                  {members(101, "zz%d"), jsonlimits.TooWide},
	"1,000 members":                {members(1_000, "zz%d"), jsonlimits.TooWide},
	"101 members of one name":      {members(101, "zz"), jsonlimits.TooWide},
	"101 members with escapes":     {members(101, `\u007az\"%d`), jsonlimits.TooWide},
	"101 members of invalid UTF-8": {members(101, "zz\xff%d"), jsonlimits.TooWide},
	"101 members of half a pair":   {members(101, `zz\ud800%d`), jsonlimits.TooWide},
	"101 long members":             {members(101, strings.Repeat("zz", 100)+"%d"), jsonlimits.TooWide},
	"a number beyond any":          {`1e400`, jsonlimits.LargeNumber},
	"a number near to nothing":     {`-1e-999999`, jsonlimits.LargeNumber},
	"a number of 10,000 digits":    {strings.Repeat("7", 10_000), jsonlimits.LargeNumber},
	"a fraction of 65 characters":  {`0.` + strings.Repeat("7", 63), jsonlimits.LargeNumber},
	"such a number inside":         {`{"zz":[{"zz":-1E+400}]}`, jsonlimits.LargeNumber},
}

// way is a client of one revision on one transport. It sends a message and reads the
// answer.
type way struct {
	name, version string
	ask           func(raw, method, name string) message
}

// ways are clients of every revision on every transport of one server each.
func ways(t *testing.T, g func() *rig) (all []way) {
	t.Helper()
	s, sessionless := open(t, g(), mcpserver.HTTPOptions{}), alone(t, g())
	for _, version := range append(legacy, modern) {
		w := dial(t, g(), mcpserver.StdioOptions{})
		w.greet(version, `{"elicitation":{}}`)
		all = append(all, way{"stdio " + version, version, func(raw, _, _ string) message { w.send(raw); return w.next() }})

		e, path := s.sse()
		if version != modern {
			s.tell(path, initialize(version, `{"elicitation":{}}`))
			e.next()
		}
		all = append(all, way{"SSE " + version, version, func(raw, _, _ string) message {
			resp := s.ask(http.MethodPost, path, raw)
			if resp.StatusCode == http.StatusAccepted {
				return e.next()
			}
			require.Equal(t, http.StatusBadRequest, resp.StatusCode)
			return single(t, resp)
		}})

		if version == "2024-11-05" {
			continue // it has no Streamable HTTP
		}
		headers := []string{"Mcp-Protocol-Version", version}
		all = append(all, way{"without sessions " + version, version, func(raw, method, name string) message {
			return single(t, sessionless.post(raw, append(modernly(method, name), headers...)...))
		}})
		if version != modern {
			headers = s.login(version, `{"elicitation":{}}`)
		}
		all = append(all, way{"Streamable HTTP " + version, version, func(raw, method, name string) message {
			return single(t, s.post(raw, append(modernly(method, name), headers...)...))
		}})
	}
	return all
}

func refusesExcess(t *testing.T, got message, id string, want error, about string) {
	t.Helper()
	require.NotNil(t, got.Error, "%s: %s", about, got.Result)
	assert.Equal(t, id, string(got.ID), about)
	assert.Equal(t, mcp.INVALID_REQUEST, got.Error.Code, about)
	assert.Equal(t, "Invalid request: the message "+want.Error()+"; change it and send it again", got.Error.Message, about)
}

// req: X7
// field: message beyond a limit
func TestReq_X7_EveryMethodOnEveryTransportIsBounded(t *testing.T) {
	t.Parallel()
	methods := []string{
		"initialize", "ping", "tools/list", "tools/call", "prompts/list", "prompts/get", "resources/list", "resources/read", "resources/templates/list",
		"resources/subscribe", "subscriptions/listen", "completion/complete", "logging/setLevel", "server/discover", "skills/list", "skills/get", "nobody/knows", "tools/CALL",
	}
	for _, w := range ways(t, func() *rig { return newRig() }) {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			for _, method := range methods {
				for _, excess := range []string{"arrays of 33 levels", "101 members", "numbers", "a number beyond any"} {
					x := excesses[excess]
					for place, params := range map[string]string{"parameter": `"zz":` + x.value, "metadata": `"_meta":{"zz":` + x.value + `}`, "name": `"name":` + x.value + `,"uri":` + x.value} {
						got := w.ask(request("7", w.version, method, params), method, "zz")
						refusesExcess(t, got, "7", x.want, method+" "+place+" "+excess)
					}
				}
			}
			for name, x := range excesses {
				params := `"name":"echo","arguments":{"text":"zz"},"zz":` + x.value
				refusesExcess(t, w.ask(request(`"an id"`, w.version, "tools/call", params), "tools/call", "echo"), `"an id"`, x.want, name)
				before := `{"params":` + x.value + `,"method":"ping","id":8,"jsonrpc":"2.0"}`
				refusesExcess(t, w.ask(before, "ping", ""), "8", x.want, name+" before the id")
				after := `{"jsonrpc":"2.0","id":` + x.value + `,"method":"ping"}`
				refusesExcess(t, w.ask(after, "ping", ""), "null", x.want, name+" as the id")
				refusesExcess(t, w.ask(`{"jsonrpc":"2.0","method":"notifications/progress","params":{"zz":`+x.value+`}}`, "notifications/progress", ""), "null", x.want, name)
				refusesExcess(t, w.ask(`{"jsonrpc":"2.0","id":1,"result":{"content":{"zz":`+x.value+`}}}`, "", ""), "null", x.want, name+" in a response")
			}
			assert.Equal(t, "still here", w.ask(toolCall("9", w.version, "echo", `{"text":"still here"}`), "tools/call", "echo").text())
		})
	}
}

// req: X7. If the arguments exceed a limit, the tool is called without them and with the
// reason, so that it reports it like any mistake. A tool that ignores the reason gets no
// arguments.
// field: arguments beyond a limit
func TestReq_X7_ArgumentsBeyondALimitReachNoTool(t *testing.T) {
	t.Parallel()
	bounded := func() *rig {
		g := newRig()
		g.add("bounded", func(ctx context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			return mcp.NewToolResultText(fmt.Sprint(r.Params.Arguments, ": ", jsonlimits.From(ctx))), nil
		})
		return g
	}
	for _, w := range ways(t, bounded) {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			call := func(arguments string) string {
				return w.ask(toolCall("7", w.version, "bounded", arguments), "tools/call", "bounded").text()
			}
			for name, x := range excesses {
				assert.Equal(t, "false: "+x.want.Error(), call(`{"zz":`+x.value+`}`), name)
				assert.Equal(t, "false: "+x.want.Error(), call(x.value), name)
				assert.Equal(t, "false: "+x.want.Error(), call(`"zz","Arguments":{"text":"a"},"arguments":{"zz":`+x.value+`}`), name)
			}
			assert.Equal(t, "map[a:1]: <nil>", call(`{"a":1}`), "the limit applies to each call")
			deepest := strings.Repeat("[", 29) + strings.Repeat("]", 29)
			assert.Equal(t, "map[zz:"+deepest+"]: <nil>", call(`{"zz":`+deepest+`}`))
			twice := w.ask(toolCall("7", w.version, "bounded", `{"zz":1e400},"arguments":{"zz":1e400}`), "tools/call", "bounded")
			refusesExcess(t, twice, "7", jsonlimits.LargeNumber, "both of two")
		})
	}
}

// req: X7. In a batch each message has its own answer; all together may have no
// more values than one.
// field: batch beyond a limit
func TestReq_X7_ABatchIsBounded(t *testing.T) {
	t.Parallel()
	s := open(t, newRig(), mcpserver.HTTPOptions{})
	for _, version := range []string{"2024-11-05", "2025-03-26"} {
		w := dial(t, newRig(), mcpserver.StdioOptions{})
		w.greet(version, `{}`)
		e, path := s.sse()
		s.tell(path, initialize(version, `{}`))
		e.next()
		for _, name := range []string{"arrays of 33 levels", "101 members", "101 members of one name", "a number beyond any", "a number of 10,000 digits"} {
			x := excesses[name]
			batch := fmt.Sprintf(`[%s,%s,%s]`, request("1", version, "ping", `"zz":`+x.value),
				toolCall("2", version, "echo", `{"zz":`+x.value+`}`), request("3", version, "ping", ""))
			w.send(batch)
			s.tell(path, batch)
			for _, got := range []string{string(w.raw()), e.data()} {
				assert.Contains(t, got, `{"jsonrpc":"2.0","id":1,"error":{"code":-32600,"message":"Invalid request: the message `+x.want.Error(), name)
				assert.Contains(t, got, `"id":2,"result"`, name)
				assert.Contains(t, got, `{"jsonrpc":"2.0","id":3,"result":{}}`, name)
			}
		}
		for _, batch := range []string{items("{}", 100_000), items("1", 10_000), "[" + toolCall("1", version, "echo", `{"zz":`+items("1", 10_000)+`}`) + "]", items(items("1", 500), 20)} {
			w.send(batch)
			assert.Contains(t, w.refusal("null", mcp.INVALID_REQUEST), jsonlimits.TooMany.Error())
			resp := s.ask(http.MethodPost, path, batch)
			assert.Equal(t, http.StatusBadRequest, resp.StatusCode)
			assert.Contains(t, single(t, resp).Error.Message, jsonlimits.TooMany.Error())
			got := single(t, s.post(batch, "Mcp-Protocol-Version", version))
			assert.Contains(t, got.Error.Message, jsonlimits.TooMany.Error())
		}
		w.alive()
	}
}

// req: X7. A refused answer of the person's client counts as not received: the
// question stays open, and the client may answer it again.
// field: elicitation response beyond a limit
func TestReq_X7_ARefusedAnswerCanBeGivenAgain(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"2025-06-18", "2025-11-25"} {
		s := open(t, newRig(), mcpserver.HTTPOptions{})
		w := dial(t, newRig(), mcpserver.StdioOptions{})
		w.greet(version, `{"elicitation":{}}`)
		w.send(toolCall("5", version, "askshort", `{}`))
		asked := w.next()
		headers := s.login(version, `{"elicitation":{}}`)
		e := stream(t, s.post(toolCall("5", version, "askshort", `{}`), headers...))
		askedOver := e.next()
		answer := func(id []byte, content string) string {
			return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":{"action":"accept","content":%s}}`, id, content)
		}
		for name, x := range excesses {
			w.send(answer(asked.ID, x.value))
			refusesExcess(t, w.next(), "null", x.want, name)
			resp := s.post(answer(askedOver.ID, x.value), headers...)
			assert.Equal(t, http.StatusBadRequest, resp.StatusCode, name)
			refusesExcess(t, single(t, resp), "null", x.want, name)
		}
		w.send(answer(asked.ID, `{}`))
		assert.Equal(t, "said accept", w.answer("5").text())
		assert.Equal(t, http.StatusAccepted, s.post(answer(askedOver.ID, `{}`), headers...).StatusCode)
		assert.Equal(t, "said accept", e.next().text())
	}
}

// req: X7. The memory for bodies counts what decoding them takes, not only what was
// sent: of bodies of 128 KiB that may each contain 10,000 values, eleven fit into
// three quarters of 40 MiB.
// field: memory of many values
func TestReq_X7_TheMemoryForBodiesCountsValues(t *testing.T) {
	t.Parallel()
	const long, fit = 128 << 10, 11
	s := open(t, newRig(), mcpserver.HTTPOptions{MaxBody: long, MaxBodies: 40 << 20})
	for _, way := range waysToSend(request("1", modern, "tools/list", ""), long) {
		var begun []*unsent
		for range fit {
			u, resp := s.begin("/mcp", "", way.size, way.body)
			require.Equal(t, http.StatusContinue, resp.StatusCode)
			begun = append(begun, u)
		}
		_, resp := s.begin("/mcp", "", way.size, way.body)
		assert.Equal(t, http.StatusServiceUnavailable, resp.StatusCode)
		for _, u := range begun {
			assert.Equal(t, http.StatusOK, u.finish())
		}
	}
}
