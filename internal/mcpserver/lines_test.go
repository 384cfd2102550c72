package mcpserver_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/mcpserver"
)

// zeros is an endless line.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = '0'
	}
	return len(b), nil
}

// Not parallel: it measures the memory of the process.
func TestALongLineIsDiscardedAsItComes(t *testing.T) {
	head := `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"echo","arguments":{"text":"`
	ping := `{"jsonrpc":"2.0","id":8,"method":"ping"}` + "\n"
	in := io.MultiReader(strings.NewReader(head), io.LimitReader(zeros{}, 100<<20), strings.NewReader("\"}}}\n"), strings.NewReader(ping))
	var out bytes.Buffer

	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	require.NoError(t, mcpserver.Stdio(t.Context(), newRig().srv, in, &out, mcpserver.StdioOptions{}))
	runtime.ReadMemStats(&after)

	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	require.Len(t, lines, 2)
	assert.JSONEq(t, `{"jsonrpc":"2.0","id":7,"error":{"code":-32600,"message":"the message is longer than the limit of 4194304 bytes and was discarded"}}`, lines[0])
	assert.JSONEq(t, `{"jsonrpc":"2.0","id":8,"result":{}}`, lines[1])
	assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(40<<20), "all that was ever allocated")
}

func TestTheLimitIsExact(t *testing.T) {
	t.Parallel()
	call := toolCall("1", "", "echo", `{"text":"x"}`)
	w := dial(t, newRig(), mcpserver.StdioOptions{MaxLine: len(call)})
	w.send(call)
	assert.Equal(t, "x", w.answer("1").text())
	w.send(call + " ")
	assert.Contains(t, w.refusal("1", mcp.INVALID_REQUEST), fmt.Sprint(len(call)))
	w.send(`{"method":"ping","params":{"x":"` + strings.Repeat("y", len(call)) + `"},"jsonrpc":"2.0","id":1}`)
	w.refusal("null", mcp.INVALID_REQUEST) // the id is beyond the limit
	w.send(strings.Repeat("[", len(call)+1))
	w.refusal("null", mcp.INVALID_REQUEST)
	w.alive()
}

func TestTheLastLineNeedsNoEnd(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	in := strings.NewReader("\r\n  \n" + `{"jsonrpc":"2.0","id":1,"method":"ping"}`)
	require.NoError(t, mcpserver.Stdio(t.Context(), newRig().srv, in, &out, mcpserver.StdioOptions{}))
	assert.JSONEq(t, `{"jsonrpc":"2.0","id":1,"result":{}}`, out.String())
}

// field: malformed JSON-RPC message
func TestWhatIsNoMessageIsRefusedAndTheNextIsServed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, line, id string
		code           int
	}{
		{"no JSON", `{"jsonrpc":`, "null", mcp.PARSE_ERROR},
		{"two objects", `{} {}`, "null", mcp.PARSE_ERROR},
		{"too deep", strings.Repeat(`{"a":`, 20_000), "null", mcp.INVALID_REQUEST},
		{"a number", `42`, "null", mcp.INVALID_REQUEST},
		{"a method that is no string", `{"jsonrpc":"2.0","id":1,"method":5}`, "1", mcp.INVALID_REQUEST},
		{"a method that is an object", `{"id":"a","method":{},"jsonrpc":"2.0"}`, `"a"`, mcp.INVALID_REQUEST},
		{"a method with a result", `{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}`, "1", mcp.INVALID_REQUEST},
		{"a method with an error", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo"},"error":{"code":1}}`, "1", mcp.INVALID_REQUEST},
		{"nothing to do", `{"jsonrpc":"2.0","id":1}`, "1", mcp.INVALID_REQUEST},
		{"a null id", `{"jsonrpc":"2.0","id":null,"method":"ping"}`, "null", mcp.INVALID_REQUEST},
		{"an id that is an object", `{"jsonrpc":"2.0","id":{},"method":"ping"}`, "null", mcp.INVALID_REQUEST},
		{"another JSON-RPC", `{"jsonrpc":"1.0","id":1,"method":"ping"}`, "1", mcp.INVALID_REQUEST},
		{"an unknown method", `{"jsonrpc":"2.0","id":1,"method":"nobody"}`, "1", mcp.METHOD_NOT_FOUND},
		{"odd parameters", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":[]}`, "1", mcp.INVALID_REQUEST},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := dial(t, newRig(), mcpserver.StdioOptions{})
			w.send(c.line)
			assert.NotEmpty(t, w.refusal(c.id, c.code))
			w.alive()
		})
	}
}

func FuzzALineIsAnsweredOrIgnoredAndTheNextIsServed(f *testing.F) {
	for _, line := range []string{initialized, initialize("2025-03-26", `{}`) + "\n[" + initialized + "]", toolCall(`"x"`, modern, "notify", `{}`), "[[]]", "{", "\xff", cancelOf(1)} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		var out bytes.Buffer
		in := strings.NewReader(line + "\n" + `{"jsonrpc":"2.0","id":"the last","method":"ping"}`)
		g := newRig()
		close(g.release) // no call waits
		require.NoError(t, mcpserver.Stdio(t.Context(), g.srv, in, &out, mcpserver.StdioOptions{MaxLine: 300, Drain: patience}))
		for l := range bytes.Lines(out.Bytes()) {
			require.True(t, json.Valid(l), "%q", l)
		}
		require.Contains(t, out.String(), `{"jsonrpc":"2.0","id":"the last","result":{}}`)
	})
}

func TestWhatNeedsNoAnswerGetsNone(t *testing.T) {
	t.Parallel()
	w := dial(t, newRig(), mcpserver.StdioOptions{})
	for _, line := range []string{
		initialized,
		`{"jsonrpc":"2.0","id":null,"method":"notifications/initialized"}`,
		`{"jsonrpc":"2.0","method":"notifications/unheard-of","params":{"a":1}}`,
		`{"jsonrpc":"2.0","method":"tools/call","params":{"name":"echo"}}`,
		`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":99}}`,
		`{"jsonrpc":"2.0","method":"notifications/cancelled"}`,
		`{"jsonrpc":"2.0","id":5,"result":{}}`,
		`{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"?"}}`,
	} {
		w.send(line)
	}
	w.alive()
}
