package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/vennioclient/sandbox"
)

// note is anything that the server sends, as far as these tests look.
type note struct {
	ID     json.RawMessage
	Method string
	Params struct {
		ProgressToken string
		Progress      float64
		Message       string
	}
	Result struct {
		StructuredContent struct {
			Slots []struct {
				ID string `json:"slot_id"`
			}
			Status string
		}
	}
}

// speaker is a client by hand: it sends a line, and reads one message after the
// other.
type speaker struct {
	send func(line string)
	next func() note
}

func decodeNote(t *testing.T, raw []byte) (n note) {
	t.Helper()
	require.NoError(t, json.Unmarshal(raw, &n), string(raw))
	return n
}

// dataLines reads the messages of an event stream.
func dataLines(t *testing.T, r io.Reader) func() []byte {
	lines := bufio.NewReader(r)
	return func() []byte {
		for {
			line, err := lines.ReadBytes('\n')
			require.NoError(t, err)
			if data, is := bytes.CutPrefix(line, []byte("data: ")); is {
				return bytes.TrimSpace(data)
			}
		}
	}
}

// speakers are the ways to reach the real binary, message by message.
var speakers = map[string]func(t *testing.T, env []string, protocol string) speaker{
	"stdio": func(t *testing.T, env []string, _ string) speaker {
		p := start(t, env)
		return speaker{
			send: func(line string) { _, err := io.WriteString(p.stdin, line+"\n"); require.NoError(t, err) },
			next: func() note {
				line, err := p.stdout.ReadBytes('\n')
				require.NoError(t, err)
				return decodeNote(t, line)
			},
		}
	},
	"sse": func(t *testing.T, env []string, _ string) speaker {
		url := start(t, env, "serve", "--addr", "127.0.0.1:0").address()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/sse", nil)
		require.NoError(t, err)
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		t.Cleanup(func() { _ = resp.Body.Close() })
		data := dataLines(t, resp.Body)
		inbox := url + string(data())
		return speaker{
			send: func(line string) { require.Equal(t, http.StatusAccepted, post(t, inbox, line).status) },
			next: func() note { return decodeNote(t, data()) },
		}
	},
	"streamable http": func(t *testing.T, env []string, protocol string) speaker {
		url := start(t, env, "serve", "--addr", "127.0.0.1:0").address()
		headers := []string{"Mcp-Protocol-Version", protocol, "Mcp-Method", "tools/call", "Mcp-Name", "find_slots"}
		var data func() []byte
		return speaker{
			send: func(line string) {
				got := post(t, url+"/mcp", line, headers...)
				require.Less(t, got.status, 300, got.body)
				if id := got.header.Get("Mcp-Session-Id"); id != "" {
					headers = append(headers, "Mcp-Session-Id", id)
				}
				if !strings.HasPrefix(got.header.Get("Content-Type"), "text/event-stream") {
					got.body = "data: " + got.body + "\n"
				}
				data = dataLines(t, strings.NewReader(got.body))
			},
			next: func() note { return decodeNote(t, data()) },
		}
	},
}

// greeting opens a conversation; since 2026-07-28 there is none.
func (s speaker) greeting(protocol, capabilities string) {
	if protocol == "2026-07-28" {
		return
	}
	s.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":%q,"capabilities":%s,"clientInfo":{"name":"t","version":"0"}}}`, protocol, capabilities))
	s.next()
	s.send(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)
}

// finds calls find_slots with a token, and returns what came before the answer.
func (s speaker) finds(t *testing.T, protocol, meta string) (before []note) {
	t.Helper()
	if protocol == "2026-07-28" {
		meta += `,"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/clientInfo":{"name":"t","version":"0"}`
	}
	s.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"find_slots","arguments":{"hosts":["Alice"]},"_meta":{%s}}}`, strings.TrimPrefix(meta, ",")))
	for {
		n := s.next()
		if string(n.ID) == "7" {
			require.NotEmpty(t, n.Result.StructuredContent.Slots)
			return before
		}
		before = append(before, n)
	}
}

// Before the answer to a call, the client is notified of what the call waits for, with the token of that
// call, in every revision over every transport of the real binary. Without a token it is not notified.
func TestReq_P1_ProgressIsReportedInEveryRevisionOverEveryTransport(t *testing.T) {
	t.Parallel()
	for transport, open := range speakers {
		for _, protocol := range []string{"2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"} {
			t.Run(transport+" "+protocol, func(t *testing.T) {
				t.Parallel()
				vennio := sandbox.New(sandbox.Options{})
				site := httptest.NewServer(vennio)
				t.Cleanup(site.Close)
				s := open(t, stored(t, clean(t, "VENNIO_API_URL="+site.URL, "VENNIO_API_KEY=vennio_sk_test_c4n4ry_progress", "VENNIO_HOSTS="+sandboxHostsSetting())), protocol)
				s.greeting(protocol, `{}`)
				vennio.FailNext(1, http.StatusServiceUnavailable)
				told := s.finds(t, protocol, `"progressToken":"tok"`)
				require.Len(t, told, 1)
				assert.Equal(t, "notifications/progress", told[0].Method)
				assert.Equal(t, "tok", told[0].Params.ProgressToken)
				assert.InDelta(t, 1, told[0].Params.Progress, 0)
				assert.Contains(t, told[0].Params.Message, "Waiting for Vennio")
				vennio.FailNext(1, http.StatusServiceUnavailable)
				assert.Empty(t, s.finds(t, protocol, ``), "without a token")
			})
		}
	}
}
