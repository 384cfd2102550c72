package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/doctor"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/sandbox"
)

// likeKeys are texts that look like credentials, each with the canary in it.
var likeKeys = []string{
	"vennio_sk_live_c4n4ry", "vennio_pk_test_c4n4ry", "vennio_at_c4n4ry", "vmcp_c4n4ryc4n4ryc4n4ryc4n4ry", "whsec_c4n4ry",
	"Bearer c4n4ryc4n4ry", "postgres://ada:c4n4ry@db/x", "sk_live_c4n4ry", "X-Vennio-Api-Key: c4n4ryc4n4ry",
}

// asker sends one request and returns all that came back for it.
type asker func(t *testing.T, method, name, request string) string

// askers are the ways to ask the real binary. A revision before 2026-07-28 begins with
// a greeting.
var askers = map[string]func(t *testing.T, env []string) (asker, *process){
	"stdio": func(t *testing.T, env []string) (asker, *process) {
		p := start(t, env)
		return func(t *testing.T, _, _, request string) string {
			_, err := io.WriteString(p.stdin, request+"\n")
			require.NoError(t, err)
			answer, err := p.stdout.ReadString('\n')
			require.NoError(t, err)
			return answer
		}, p
	},
	"sse": func(t *testing.T, env []string) (asker, *process) {
		p := start(t, env, "serve", "--addr", "127.0.0.1:0")
		url := p.address()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/sse", nil)
		require.NoError(t, err)
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		t.Cleanup(func() { _ = resp.Body.Close() })
		data := dataLines(t, resp.Body)
		inbox := url + string(data())
		return func(t *testing.T, _, _, request string) string {
			if got := post(t, inbox, request); got.status != http.StatusAccepted {
				return got.body
			}
			return string(data())
		}, p
	},
	"streamable http": func(t *testing.T, env []string) (asker, *process) {
		p := start(t, env, "serve", "--addr", "127.0.0.1:0")
		url, session := p.address(), ""
		return func(t *testing.T, method, name, request string) string {
			protocol := "2025-11-25"
			if strings.Contains(request, "2026-07-28") {
				protocol = "2026-07-28"
			}
			headers := []string{"Mcp-Protocol-Version", protocol, "Mcp-Method", method, "Mcp-Name", name}
			if session != "" && protocol != "2026-07-28" {
				headers = append(headers, "Mcp-Session-Id", session)
			}
			got := post(t, url+"/mcp", request, headers...)
			if id := got.header.Get("Mcp-Session-Id"); id != "" {
				session = id
			}
			return fmt.Sprint(got.header) + got.body
		}, p
	},
}

// leaky is a Vennio that repeats credentials in whatever it answers.
func leaky(t *testing.T) string {
	t.Helper()
	all := strings.Join(likeKeys, " ")
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.Header().Set("X-Request-Id", likeKeys[0])
		w.WriteHeader(map[bool]int{true: http.StatusBadRequest, false: http.StatusUnauthorized}[r.URL.Path == "/v1/bookings"])
		_ = json.NewEncoder(w).Encode(map[string]any{"type": "https://api.vennio.app/errors/validation-error", "title": all, "detail": all, "request_id": likeKeys[0]})
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

// field: keys, tokens and passwords in messages
func TestReq_E3_WhatLooksLikeAKeyIsMaskedInEveryMessage(t *testing.T) {
	t.Parallel()
	env := toVennio(t, leaky(t), "VENNIO_LOG_LEVEL=debug")
	for transport, dial := range askers {
		for _, protocol := range []string{"2025-11-25", "2026-07-28"} {
			t.Run(transport+" "+protocol, func(t *testing.T) {
				t.Parallel()
				ask, p := dial(t, env)
				meta := ""
				if protocol == "2025-11-25" {
					first, _, _ := strings.Cut(hello, "\n")
					ask(t, "initialize", "", first)
				} else {
					meta = `,"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/clientInfo":{"name":"t","version":"0"}}`
				}
				const id = `"vennio_sk_live_id"`
				for _, key := range likeKeys {
					quotedKey := quoted(t, key)
					for _, c := range []struct{ method, name, params string }{
						{"tools/call", "find_slots", `"name":"find_slots","arguments":{}`},
						{"tools/call", "list_bookings", `"name":"list_bookings","arguments":{}`},
						{"tools/call", "find_slots", `"name":"find_slots","arguments":{` + quotedKey + `:1,"timezone":` + quotedKey + `,"when":` + quotedKey + `}`},
						{"tools/call", "get_booking", `"name":"get_booking","arguments":{"booking_id":` + quotedKey + `}`},
						{"tools/call", key, `"name":` + quotedKey},
						{"prompts/get", key, `"name":` + quotedKey},
						{"resources/read", key, `"uri":` + quotedKey},
						{key, "", `"x":` + quotedKey},
					} {
						got := ask(t, c.method, c.name, fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"method":%s,"params":{%s%s}}`, id, quoted(t, c.method), c.params, meta))
						assert.NotContains(t, strings.ToLower(got), canary, "%s %s", c.method, c.params)
						assert.Contains(t, got, `"id":`+id, "an id comes back as it was sent")
					}
				}
				assert.NotContains(t, strings.ToLower(p.stderr.String()), canary)
			})
		}
	}
}

// field: keys and passwords in what the doctor and the commands say
func TestReq_E3_WhatLooksLikeAKeyIsMaskedInTheTerminal(t *testing.T) {
	t.Parallel()
	named := "VENNIO_HOSTS=Alice vennio_pk_live_c4n4ry=" + sandbox.Hosts()[0].ID
	examine(t, toVennio(t, startSandboxProcess(t), named)).says(t, doctor.OK, "host", "Alice vennio_pk_live_**** has free times")
	examine(t, toVennio(t, leaky(t))).says(t, doctor.Problem, "scopes", "401")
	examine(t, toVennio(t, "http://ada:c4n4ry@127.0.0.1:1")).says(t, doctor.Problem, "settings", "")
	folder := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(folder, nil, 0o600))
	for _, arguments := range [][]string{
		{"ledger", "list", "--state-dir=" + folder + "/postgres://ada:c4n4ry@db"},
		{"whsec_c4n4ry"},
		{"ledger", "whsec_c4n4ry"},
		{"--timezone=whsec_c4n4ry"},
		{"webhooks", "remove", "vmcp_c4n4ryc4n4ry"},
		{"ledger", "list", "--no-such=postgres://ada:c4n4ry@db/x"},
		{"serve", "--addr", "postgres://ada:c4n4ry@db/x"},
	} {
		code, out, said := run(t, toVennio(t, "http://127.0.0.1:1"), arguments...)
		assert.NotZero(t, code, arguments)
		assert.NotContains(t, out+said, canary, arguments)
	}
}
