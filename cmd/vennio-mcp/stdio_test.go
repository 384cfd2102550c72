package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	hello = `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"0"}}}` + "\n" +
		`{"jsonrpc":"2.0","method":"notifications/initialized"}` + "\n"
	findCall = `{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"find_slots","arguments":{}}}` + "\n"
)

// message is one line of the protocol.
type message struct {
	JSONRPC string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Result  json.RawMessage `json:"result"`
	Error   *struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
}

func messages(t *testing.T, out string) (all []message) {
	t.Helper()
	for line := range strings.Lines(out) {
		var m message
		require.NoError(t, json.Unmarshal([]byte(line), &m), line)
		assert.Equal(t, "2.0", m.JSONRPC)
		all = append(all, m)
	}
	return all
}

// req: P2, P8
func TestReq_P2_P8_FiftyPipelinedCallsAreAnsweredAndStdoutIsTheProtocolAlone(t *testing.T) {
	t.Parallel()
	p := start(t, clean(t, "VENNIO_LOG_LEVEL=debug"))
	var in strings.Builder
	in.WriteString(hello)
	for id := range 50 {
		fmt.Fprintf(&in, findCall, id+1)
	}
	_, err := io.WriteString(p.stdin, in.String())
	require.NoError(t, err)
	require.NoError(t, p.stdin.Close())
	out, err := io.ReadAll(p.stdout)
	require.NoError(t, err)
	assert.Zero(t, p.wait())
	answers := messages(t, string(out))
	assert.Len(t, answers, 51)
	ids := map[string]bool{}
	for _, m := range answers {
		ids[string(m.ID)] = true
		assert.Nil(t, m.Error)
		assert.NotEmpty(t, m.Result)
	}
	assert.Len(t, ids, 51)
	assert.Contains(t, p.stderr.String(), "answer from Vennio", "debug lines went to standard error")
}

// A line that no memory should hold is refused, and the next one served.
func TestALineOfAHundredMegabytesIsRefusedAndTheNextIsServed(t *testing.T) {
	t.Parallel()
	p := start(t, clean(t))
	go func() {
		_, _ = io.WriteString(p.stdin, hello)
		_, _ = io.WriteString(p.stdin, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"find_slots","arguments":{"from":"`)
		megabyte := strings.Repeat("x", 1<<20)
		for range 100 {
			_, _ = io.WriteString(p.stdin, megabyte)
		}
		_, _ = io.WriteString(p.stdin, "\"}}}\n")
		_, _ = fmt.Fprintf(p.stdin, findCall, 2)
		_ = p.stdin.Close()
	}()
	out, err := io.ReadAll(p.stdout)
	require.NoError(t, err)
	assert.Zero(t, p.wait())
	answers := messages(t, string(out))
	require.Len(t, answers, 3)
	refused := 0
	for _, m := range answers {
		if m.Error != nil {
			refused++
			assert.NotContains(t, m.Error.Message, "xxx")
		}
	}
	assert.Equal(t, 1, refused)
}

// The limit of five seconds is tested with a simulated clock in internal/mcpserver.
//
// req: P8
func TestReq_P8_TerminatedItExitsCleanly(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{"stdio": nil, "serve": {"serve", "--addr", "127.0.0.1:0"}, "sandbox": {"sandbox", "--addr", "127.0.0.1:0"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := start(t, clean(t), args...)
			switch name {
			case "stdio":
				_, err := io.WriteString(p.stdin, hello)
				require.NoError(t, err)
				_, err = p.stdout.ReadString('\n')
				require.NoError(t, err)
			case "serve":
				p.address()
			default:
				_, err := p.stdout.ReadString('\n')
				require.NoError(t, err)
			}
			p.terminate()
			assert.Zero(t, p.wait(), p.stderr)
		})
	}
}
