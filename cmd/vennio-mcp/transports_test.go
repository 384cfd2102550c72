package main

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/prompts"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/tools"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/sandbox"
)

// transports are the ways to reach the real binary.
var transports = map[string]func(t *testing.T, env []string) *client.Client{
	"stdio": func(t *testing.T, env []string) *client.Client {
		p := start(t, env)
		return client.NewClient(transport.NewIO(p.stdout, p.stdin, nil))
	},
	"sse": func(t *testing.T, env []string) *client.Client {
		c, err := client.NewSSEMCPClient(start(t, env, "serve", "--addr", "127.0.0.1:0").address() + "/sse")
		require.NoError(t, err)
		return c
	},
	"streamable http": func(t *testing.T, env []string) *client.Client {
		c, err := client.NewStreamableHttpClient(start(t, env, "serve", "--addr", "127.0.0.1:0").address() + "/mcp")
		require.NoError(t, err)
		return c
	},
}

func connect(t *testing.T, over, protocol string, env []string) *client.Client {
	t.Helper()
	c := transports[over](t, env)
	handshake(t, c, protocol)
	return c
}

func handshake(t *testing.T, c *client.Client, protocol string) {
	t.Helper()
	client.WithDiscoverTimeout(patience)(c)
	t.Cleanup(func() { _ = c.Close() })
	require.NoError(t, c.Start(context.WithoutCancel(t.Context())))
	hello := mcp.InitializeRequest{}
	hello.Params.ProtocolVersion = protocol
	hello.Params.ClientInfo = mcp.Implementation{Name: "test", Version: "0"}
	got, err := c.Initialize(t.Context(), hello)
	require.NoError(t, err)
	assert.Equal(t, protocol, got.ProtocolVersion)
	var instructions []string
	for _, policy := range consent.Policies() {
		instructions = append(instructions, prompts.Instructions(tools.Names(tools.Catalog(tools.Deps{})), policy))
	}
	assert.Contains(t, instructions, got.Instructions)
}

// answered is what a scenario compares between transports: what was told, less
// ids and times that differ from run to run.
type answered struct {
	Code   schemas.Code
	Status string
	Slots  int
}

func ask(t *testing.T, c *client.Client, tool string, arguments map[string]any) (answered, []schemas.Slot) {
	t.Helper()
	req := mcp.CallToolRequest{}
	req.Params.Name, req.Params.Arguments = tool, arguments
	got, err := c.CallTool(t.Context(), req)
	require.NoError(t, err)
	require.Len(t, got.Content, 1)
	assert.Contains(t, got.Content[0].(mcp.TextContent).Text, schemas.SandboxText, "every result says that it is the sandbox")
	raw, err := json.Marshal(got.StructuredContent)
	require.NoError(t, err)
	var found struct {
		Slots []schemas.Slot
		schemas.Envelope
	}
	var booked struct{ Status string }
	require.NoError(t, json.Unmarshal(raw, &found))
	require.NoError(t, json.Unmarshal(raw, &booked))
	assert.True(t, found.Sandbox)
	a := answered{Status: booked.Status, Slots: len(found.Slots)}
	if found.Error != nil {
		a.Code = found.Error.Code
	}
	return a, found.Slots
}

// scenario is the main job and its refusals.
func scenario(t *testing.T, c *client.Client) (story []answered) {
	t.Helper()
	tell := func(tool string, arguments map[string]any) []schemas.Slot {
		a, found := ask(t, c, tool, arguments)
		story = append(story, a)
		return found
	}
	found := tell("find_slots", map[string]any{"hosts": []string{"Alice"}, "timezone": "Europe/London"})
	require.NotEmpty(t, found)
	booking := map[string]any{
		"slot_id": found[len(found)-1].SlotID, "title": "Intro", "hosts": []string{"Alice"},
		"attendees": []any{map[string]any{"email": "ada@example.com", "name": "Ada Byron"}},
		"consent":   map[string]any{"granted": false},
	}
	tell("book_slot", booking)
	booking["consent"] = map[string]any{"granted": true, "given_by": "Ada", "statement": "Yes"}
	tell("book_slot", booking)
	tell("book_slot", booking)
	booking["slot_id"] = "s00000000000000000000000000000"
	tell("book_slot", booking)
	tell("find_slots", map[string]any{"duration": 30})
	tell("find_slots", map[string]any{"timezone": "EST"})
	tell("check_calendar_access", nil)
	for _, beyond := range []string{"1e400", strings.Repeat("7", 1000), strings.Repeat("[", 100) + strings.Repeat("]", 100), "[" + strings.Repeat("{},", 10_000) + "{}]"} {
		tell("find_slots", map[string]any{"limit": json.RawMessage(beyond)}) // req: X7
	}
	return story
}

// req: P1, Q2. Every protocol revision over every transport of the real binary,
// the same scenario, the same results.
func TestReq_P1_Q2_EveryRevisionOverEveryTransportAnswersTheSame(t *testing.T) {
	t.Parallel()
	want := []answered{
		{Slots: 3},
		{Status: "awaiting_consent"},
		{Status: "confirmed"},
		{Status: "confirmed"},
		{Code: schemas.CodeUnknownSlot},
		{Code: schemas.CodeInvalidArguments},
		{Code: schemas.CodeInvalidTimezone},
		{},
		{Code: schemas.CodeInvalidArguments},
		{Code: schemas.CodeInvalidArguments},
		{Code: schemas.CodeInvalidArguments},
		{Code: schemas.CodeInvalidArguments},
	}
	for transport := range transports {
		for _, protocol := range []string{"2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"} {
			t.Run(transport+" "+protocol, func(t *testing.T) {
				t.Parallel()
				assert.Equal(t, want, scenario(t, connect(t, transport, protocol, stored(t, clean(t)))))
			})
		}
	}
}

// Elicitation is a capability of clients (MCP 2025-11-25, Lifecycle; 2026-07-28,
// server/discover).
// field: server capabilities
func TestTheServerDeclaresOnlyCapabilitiesOfServers(t *testing.T) {
	t.Parallel()
	for transport := range transports {
		for _, protocol := range []string{"2024-11-05", "2025-11-25", "2026-07-28"} {
			can := connect(t, transport, protocol, clean(t)).GetServerCapabilities()
			assert.Nil(t, can.Elicitation, "%s %s", transport, protocol)
			assert.Nil(t, can.Sampling, "%s %s", transport, protocol)
			assert.Nil(t, can.Roots, "%s %s", transport, protocol)
			assert.NotNil(t, can.Tools, "%s %s", transport, protocol)
		}
	}
}

// req: P3, E4. Lists are the same bytes between calls and transports, with no
// key, with one, and with Vennio down.
func TestReq_P3_E4_ListsAreByteIdenticalEverywhere(t *testing.T) {
	t.Parallel()
	environments := map[string][]string{
		"no key": clean(t),
		"down":   clean(t, "VENNIO_API_KEY=vennio_sk_test_c4n4ry_x", "VENNIO_API_URL=http://127.0.0.1:9", "VENNIO_BUSINESS_ID=b"),
	}
	var first string
	for transport := range transports {
		for name, env := range environments {
			c := connect(t, transport, mcp.LATEST_PROTOCOL_VERSION, env)
			for range 2 {
				offered, err := c.ListTools(t.Context(), mcp.ListToolsRequest{})
				require.NoError(t, err)
				list, err := c.ListPrompts(t.Context(), mcp.ListPromptsRequest{})
				require.NoError(t, err)
				raw, err := json.Marshal([]any{offered.Tools, list.Prompts})
				require.NoError(t, err)
				if first == "" {
					first = string(raw)
				}
				assert.Equal(t, first, string(raw), "%s, %s", transport, name)
			}
		}
	}
}

// req: P3, on the wire itself: the bytes of the result, before any client has
// read and written them.
func TestReq_P3_TheWireIsByteIdentical(t *testing.T) {
	t.Parallel()
	lists := []string{`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, `{"jsonrpc":"2.0","id":1,"method":"prompts/list"}`}
	url := start(t, clean(t), "serve", "--addr", "127.0.0.1:0").address()
	session := greet(t, url)
	for _, list := range lists {
		p := start(t, clean(t))
		_, err := io.WriteString(p.stdin, hello+list+"\n"+list+"\n")
		require.NoError(t, err)
		require.NoError(t, p.stdin.Close())
		out, err := io.ReadAll(p.stdout)
		require.NoError(t, err)
		lines := messages(t, string(out))
		require.Len(t, lines, 3)
		assert.Equal(t, string(lines[1].Result), string(lines[2].Result))
		var over message
		require.NoError(t, json.Unmarshal(exchange(t, url+"/mcp", session, list), &over))
		assert.Equal(t, string(lines[1].Result), string(over.Result), "stdio and Streamable HTTP")
	}
}

// greet shakes hands over Streamable HTTP by hand and returns the session's id.
func greet(t *testing.T, url string) string {
	t.Helper()
	first, _, _ := strings.Cut(hello, "\n")
	got := post(t, url+"/mcp", first)
	require.Equal(t, http.StatusOK, got.status)
	return got.header.Get("Mcp-Session-Id")
}

// exchange posts one message and returns the one that answers it, whether as
// JSON or as an event.
func exchange(t *testing.T, url, session, body string) []byte {
	t.Helper()
	raw := post(t, url, body, "Mcp-Session-Id", session, "Mcp-Protocol-Version", "2025-11-25").body
	if _, data, event := strings.Cut(raw, "data: "); event {
		raw = strings.TrimSpace(data)
	}
	return []byte(raw)
}

// req: P4. A tool there is not is an error of the protocol.
func TestReq_P4_AnUnknownToolIsAProtocolError(t *testing.T) {
	t.Parallel()
	for transport := range transports {
		c := connect(t, transport, mcp.LATEST_PROTOCOL_VERSION, clean(t))
		req := mcp.CallToolRequest{}
		req.Params.Name = "delete_everything"
		_, err := c.CallTool(t.Context(), req)
		require.Error(t, err, transport)
		assert.Contains(t, err.Error(), "not found")
	}
}

// req: S12
// field: zone of the machine over every transport
func TestReq_S12_SearchesAreInTheZoneOfTheMachine(t *testing.T) {
	t.Parallel()
	for transport := range transports {
		for tz, zone := range map[string]string{"EST5EDT": "America/New_York", "posix/Asia/Tokyo": "Asia/Tokyo"} {
			c := connect(t, transport, "2025-11-25", clean(t, "TZ="+tz))
			_, found := ask(t, c, "find_slots", nil)
			require.NotEmpty(t, found)
			assert.Contains(t, found[0].Timezone, zone+",", "%s: TZ=%s", transport, tz)
		}
	}
	p := start(t, clean(t, "TZ=Nonsense", "VENNIO_LOG_FORMAT=json"))
	require.NoError(t, p.stdin.Close())
	assert.Zero(t, p.wait())
	assert.Contains(t, p.stderr.String(), `TZ is \"Nonsense\", which is neither a zone nor a rule of POSIX: UTC is used`)
}

// req: S8
// field: working hours of the operator over every transport
func TestReq_S8_WorkingHoursAreThoseOfTheOperator(t *testing.T) {
	t.Parallel()
	for transport := range transports {
		c := connect(t, transport, "2025-11-25", clean(t, "VENNIO_WORKING_HOURS=mon-fri 15:00-16:30"))
		_, found := ask(t, c, "find_slots", map[string]any{"limit": 1})
		require.Len(t, found, 1)
		start, err := time.Parse(time.RFC3339, found[0].Start)
		require.NoError(t, err)
		london, err := time.LoadLocation("Europe/London")
		require.NoError(t, err)
		assert.Contains(t, []int{15, 16}, start.In(london).Hour(), "%s: %s", transport, found[0].Description)
		policy, err := c.ReadResource(t.Context(), mcp.ReadResourceRequest{Params: mcp.ReadResourceParams{URI: "vennio://policy"}})
		require.NoError(t, err)
		raw, err := json.Marshal(policy)
		require.NoError(t, err)
		assert.Contains(t, string(raw), "mon-fri 15:00-16:30")
	}
}

// req: S13. The preferences of the settings apply on every transport, and the policy shows them.
func TestReq_S13_PreferencesOfTheSettingsApply(t *testing.T) {
	t.Parallel()
	const preferred = "no meetings on Mon/Tue/Wed/Thu, lunch mon-sun 12:00-13:00, 10 min free before and 5 min after meetings (Europe/London)"
	for transport := range transports {
		c := connect(t, transport, "2025-11-25", clean(t, "VENNIO_LUNCH=12:00-13:00", "VENNIO_NO_MEETING_DAYS=mon-thu", "VENNIO_BUFFERS=10, 5", "VENNIO_DURATIONS=25, 50"))
		req := mcp.CallToolRequest{}
		req.Params.Name, req.Params.Arguments = "find_slots", map[string]any{"limit": 10}
		got, err := c.CallTool(t.Context(), req)
		require.NoError(t, err)
		text := got.Content[0].(mcp.TextContent).Text
		assert.Contains(t, text, "for 25 minutes")
		assert.Contains(t, text, "hosts prefer "+preferred)
		assert.Contains(t, text, "send ignore_preferences true")
		assert.NotRegexp(t, `= (Mon|Tue|Wed|Thu) `, text, transport)
		policy, err := read(t, c, "vennio://policy")
		require.NoError(t, err)
		text = policy[1].(mcp.TextResourceContents).Text
		assert.Contains(t, text, "Hosts prefer "+preferred+".")
		assert.Contains(t, text, "Preferred lengths of meetings, in minutes, the first being the default: 25 50.")
	}
}

// Over every transport find_slots sends one request, and all calls use one connection. internal/app measures their
// time with Vennio 100 ms away.
func TestFindSlotsSendsOneRequestOnOneConnection(t *testing.T) {
	t.Parallel()
	for over := range transports {
		t.Run(over, func(t *testing.T) {
			t.Parallel()
			var connections, requests atomic.Int32
			box := sandbox.New(sandbox.Options{})
			api := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				requests.Add(1)
				box.ServeHTTP(w, r)
			}))
			api.Config.ConnState = func(_ net.Conn, state http.ConnState) {
				if state == http.StateNew {
					connections.Add(1)
				}
			}
			api.Start()
			t.Cleanup(api.Close)
			c := connect(t, over, "2025-06-18", stored(t, clean(t, "VENNIO_API_URL="+api.URL, "VENNIO_API_KEY="+sandbox.DefaultKey(),
				"VENNIO_HOSTS=Alice="+sandbox.Hosts()[0].ID)))
			for call := range int32(3) {
				var req mcp.CallToolRequest
				req.Params.Name = "find_slots"
				got, err := c.CallTool(t.Context(), req)
				require.NoError(t, err)
				require.False(t, got.IsError, got.Content)
				assert.Equal(t, call+1, requests.Load())
			}
			assert.Equal(t, int32(1), connections.Load())
		})
	}
}
