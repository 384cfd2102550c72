package tools_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/mark3labs/mcp-go/server"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/mcpserver"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/tools"
)

// invalidCall is a call that must be refused, and the text of the refusal.
type invalidCall struct {
	tool      string
	arguments args
	says      []string
}

// invalidCalls are such calls, some of which would book a slot that was offered.
func invalidCalls(slot string) map[string]invalidCall {
	crowd := make([]any, 5000)
	for i := range crowd {
		crowd[i] = map[string]any{"email": fmt.Sprintf("guest%d@example.com", i), "name": "Guest"}
	}
	return map[string]invalidCall{
		"unknown argument":     {"find_slots", args{"duration": 30}, []string{"duration is not an argument, did you mean duration_minutes?"}},
		"wrong type":           {"find_slots", args{"duration_minutes": "quite long"}, []string{"duration_minutes is of type string, want integer"}},
		"too short":            {"find_slots", args{"duration_minutes": 0}, []string{"duration_minutes is too small, the least is 5"}},
		"too long":             {"find_slots", args{"duration_minutes": 481}, []string{"the most is 480"}},
		"several at once":      {"find_slots", args{"limit": 0, "timezon": "UTC"}, []string{"limit is too small", "timezon is not an argument, did you mean timezone?"}},
		"missing":              {"book_slot", args{"slot_id": slot}, []string{"attendees is missing", "title is missing"}},
		"a bad address":        {"book_slot", agreed(slot).with("attendees", []any{map[string]any{"email": "ada", "name": "Ada"}}), []string{"attendees[0].email is not a plain e-mail address"}},
		"five thousand guests": {"book_slot", agreed(slot).with("attendees", crowd), []string{"attendees has 5000 items, the most is 20"}},
		"two addresses in one": {"book_slot", agreed(slot).with("attendees", []any{map[string]any{"email": `"x> , Eve <eve"@example.com`, "name": "Ada"}}), []string{"attendees[0].email is not a plain e-mail address"}},
		"a host of 100 KB":     {"find_slots", args{"hosts": []string{strings.Repeat("x", 100<<10)}}, []string{"hosts[0] has 102400 characters, the most is 100"}},
		"no guests":            {"book_slot", agreed(slot).with("attendees", []any{}), []string{"attendees has 0 items, the least is 1"}},
		"a title of 1 MB":      {"book_slot", agreed(slot).with("title", strings.Repeat("a", 1<<20)), []string{"title has 1048576 characters, the most is 120"}},
		"control characters":   {"book_slot", agreed(slot).with("title", "Intro\x1b[2Jcall"), []string{"title holds the invisible character U+001B"}},
		"reversed text":        {"book_slot", agreed(slot).with("title", "Intro \u202ellac"), []string{"U+202E"}},
		"blank title":          {"book_slot", agreed(slot).with("title", "  "), []string{"title is missing (required)"}},
		"same guest twice":     {"book_slot", agreed(slot).with("attendees", []any{map[string]any{"email": "ada@example.com", "name": "Ada"}, map[string]any{"email": "ADA@example.com", "name": "Ada"}}), []string{"attendees[1].email is the same as attendees[0].email"}},
	}
}

// req: P4. Each is refused with the correction; the next call works; nothing
// reaches Vennio.
func TestReq_P4_BadArgumentsAreRefusedWithWhatToMend(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	slot := w.slot().SlotID
	calls := w.vennio.Calls()
	for name, tc := range invalidCalls(slot) {
		got := call[schemas.Failure](w, tc.tool, tc.arguments)
		assert.Equal(t, schemas.CodeInvalidArguments, got.Code, "%s: %s", name, got.Text)
		for _, part := range tc.says {
			assert.Contains(t, got.Text, part, name)
		}
		assert.Regexp(t, `(The arguments are: |\w is an? (list|object) )`, got.Text, name)
		assert.Less(t, len(got.Text), 1500, name)
	}
	assert.Equal(t, calls, w.vennio.Calls())
	assert.False(t, w.find(args{}).IsError, "the next call works")
}

func TestWhatIsPlainlyMeantIsMended(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got := w.find(args{"duration_minutes": "45", "limit": "2", "from": nil, "timezone": "europe/london"})
	assert.False(t, got.IsError, got.Text)
	assert.Equal(t, 45, got.Data.DurationMinutes)
	assert.Len(t, got.Data.Slots, 2)
	assert.Equal(t, "Europe/London", got.Data.Window.Timezone)
}

func TestNoArgumentsAtAllAreFine(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got := call[schemas.FindSlotsResult](w, "find_slots", nil)
	assert.False(t, got.IsError, got.Text)
}

// req: X7. Arguments beyond a limit are refused before anything is built from them,
// by every tool, in our own words and without repeating them.
// field: arguments beyond a limit
func TestReq_X7_ArgumentsBeyondALimitAreAToolError(t *testing.T) {
	t.Parallel()
	var unknown []string
	for i := range 300_000 {
		unknown = append(unknown, fmt.Sprintf(`"zz%d":1`, i))
	}
	large := "must not contain a number that has more than 64 characters or is outside the range of a 64-bit floating-point number"
	beyond := map[string]struct{ arguments, says string }{
		"20 KB of nested brackets":  {`{"zz":` + strings.Repeat("[", 9_900) + strings.Repeat("]", 9_900) + `}`, "must not be nested more than 32 levels deep"},
		"3 MB of empty objects":     {`{"busy":[` + strings.Repeat("{},", 1_000_000) + `{}]}`, "must not contain more than 10,000 values"},
		"300,000 unknown arguments": {`{` + strings.Join(unknown, ",") + `}`, "must not contain an object with more than 100 members"},
		"one argument, often":       {`{` + strings.Repeat(`"limit":1,`, 100) + `"limit":1}`, "must not contain an object with more than 100 members"},
		"a number beyond any":       {`{"limit":1e400}`, large},
		"a number near to nothing":  {`{"duration_minutes":1e-999999}`, large},
		"a million digits":          {`{"limit":` + strings.Repeat("7", 1_000_000) + `}`, large},
		"many digits inside":        {`{"consent":{"granted":[` + strings.Repeat("7", 1_000) + `]}}`, large},
	}
	w := newWorld(t)
	calls := w.vennio.Calls()
	for over, send := range map[string]func([]byte) string{"stdio": overStdio(t, w.server()), "Streamable HTTP": overHTTP(t, w.server())} {
		for _, tool := range tools.Catalog(w.deps) {
			for name, tc := range beyond {
				if len(tc.arguments) > 1<<16 && tool.Name != "find_slots" {
					continue // what takes long to send is sent once
				}
				got := send(fmt.Appendf(nil, `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":%q,"_meta":%s,"arguments":%s}}`, tool.Name, describesItself, tc.arguments))
				var said struct {
					ID     int
					Result struct {
						IsError           bool
						Content           []struct{ Text string }
						StructuredContent schemas.Failure
					}
				}
				require.NoError(t, json.Unmarshal([]byte(got), &said), "%.200s", got)
				require.Len(t, said.Result.Content, 1, "%s %s %s: %.200s", over, tool.Name, name, got)
				assert.True(t, said.Result.IsError)
				assert.Equal(t, 7, said.ID)
				require.NotNil(t, said.Result.StructuredContent.Error)
				assert.Equal(t, schemas.CodeInvalidArguments, said.Result.StructuredContent.Error.Code)
				text := said.Result.Content[0].Text
				assert.Contains(t, text, "invalid_arguments: the message with these arguments "+tc.says+". The arguments are: ")
				assert.Contains(t, text, "Next: Correct them and call again.")
				assert.NotContains(t, text, "zz")
				assert.NotContains(t, text, "777")
				assert.NotContains(t, text, "json:")
			}
		}
	}
	assert.Equal(t, calls, w.vennio.Calls())
}

// describesItself is what a message of 2026-07-28 says of itself.
const describesItself = `{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/clientInfo":{"name":"t","version":"1"}}`

// BenchmarkArguments is a call of find_slots over stdio with an unknown argument
// of a given depth or with so many values in busy: within the limits its cost is
// linear, and beyond them it is that of reading the line.
func BenchmarkArguments(b *testing.B) {
	for _, depth := range []int{10, 100, 1_000, 10_000} {
		b.Run(fmt.Sprintf("depth=%d", depth), func(b *testing.B) {
			benchmarkArguments(b, `{"zz":`+strings.Repeat("[", depth)+strings.Repeat("]", depth)+`}`)
		})
	}
	for _, values := range []int{10, 100, 1_000, 9_000, 1_000_000} {
		b.Run(fmt.Sprintf("values=%d", values), func(b *testing.B) {
			benchmarkArguments(b, `{"busy":[`+strings.Repeat("{},", values-1)+`{}]}`)
		})
	}
}

func benchmarkArguments(b *testing.B, arguments string) {
	srv := server.NewMCPServer("bench", "0")
	for _, tool := range tools.Catalog(tools.Deps{Selection: everyToolset()}) {
		srv.AddTools(tool.Bind())
	}
	in, toServer := io.Pipe()
	fromServer, out := io.Pipe()
	served := make(chan error, 1)
	go func() { served <- mcpserver.Stdio(b.Context(), srv, in, out, mcpserver.StdioOptions{}) }()
	lines := bufio.NewReaderSize(fromServer, 1<<20)
	line := []byte(`{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"find_slots","arguments":` + arguments + "}}\n")
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for b.Loop() {
		_, err := toServer.Write(line)
		require.NoError(b, err)
		answer, err := lines.ReadSlice('\n')
		require.NoError(b, err)
		require.Contains(b, string(answer), "invalid_arguments")
	}
	require.NoError(b, toServer.Close())
	require.NoError(b, <-served)
}
