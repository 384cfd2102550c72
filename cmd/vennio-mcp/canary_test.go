package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// canary stands in every key and secret that a test gives to a started program.
const canary = "c4n4ry"

// keepsSecrets: no process of any test shows one. req: E3
func keepsSecrets(t *testing.T, args []string, stdout, stderr string) {
	t.Helper()
	for name, said := range map[string]string{"standard output": stdout, "standard error": stderr} {
		for line := range strings.Lines(said) {
			assert.NotContains(t, line, canary, "vennio-mcp %v on its %s", args, name)
		}
	}
}

// req: E3. A canary for a key and one for the signing secret; everything that
// can go wrong goes wrong; nothing that leaves the program holds either.
func TestReq_E3_NoSecretLeavesTheProgram(t *testing.T) {
	t.Parallel()
	vennio := startSandboxProcess(t)
	p := start(t, clean(t, "VENNIO_API_URL="+vennio, "VENNIO_API_KEY=vennio_sk_test_"+canary, "VENNIO_SIGNING_SECRET="+canary+canary+canary,
		"VENNIO_HOSTS="+sandboxHostsSetting(), "VENNIO_LOG_LEVEL=debug"))
	out := throughTroubles(t, p, vennio)
	everything := out + p.stderr.String()
	assert.Contains(t, everything, "vennio_unavailable", "the search looked at something")
	assert.Contains(t, everything, `"status":401`)
	for _, secret := range []string{canary, "Bearer", "Authorization", "goroutine "} {
		assert.NotContains(t, everything, secret)
	}
	assert.NotContains(t, out, "127.0.0.1", "nor an internal address in an answer")
}

// throughTroubles searches while Vennio fails in one way after the other, then
// sends what is no message, ends the program, and returns all it answered.
func throughTroubles(t *testing.T, p *process, vennio string) string {
	t.Helper()
	_, err := io.WriteString(p.stdin, hello)
	require.NoError(t, err)
	var out strings.Builder
	read := func() {
		line, err := p.stdout.ReadString('\n')
		require.NoError(t, err)
		out.WriteString(line)
	}
	read()
	for id, fault := range []string{
		`fail {"n":9,"status":502}`, `fail {"n":1,"status":401,"slug":"unauthorized"}`, `drop {"n":9}`, `lose {"n":1}`,
		`fail {"n":1,"status":400,"slug":"validation-error"}`, `fail {"n":9,"status":500,"slug":"internal-error"}`,
	} {
		order, body, _ := strings.Cut(fault, " ")
		control(t, vennio+"/_sandbox/"+order, body)
		_, err := fmt.Fprintf(p.stdin, findCall, id+1)
		require.NoError(t, err)
		read()
		control(t, vennio+"/_sandbox/calm", "")
	}
	_, err = io.WriteString(p.stdin, "not JSON\n{\"jsonrpc\":\"2.0\",\"id\":99,\"method\":\"no/such\"}\n")
	require.NoError(t, err)
	require.NoError(t, p.stdin.Close())
	rest, err := io.ReadAll(p.stdout)
	require.NoError(t, err)
	require.Zero(t, p.wait())
	return out.String() + string(rest)
}

// The same over HTTP, where headers and logs of the transport join in.
func TestReq_E3_NoSecretLeavesTheHTTPServer(t *testing.T) {
	t.Parallel()
	vennio := startSandboxProcess(t)
	p := start(t, clean(t, "VENNIO_API_URL="+vennio, "VENNIO_API_KEY=vennio_sk_test_"+canary, "VENNIO_HOSTS="+sandboxHostsSetting(), "VENNIO_LOG_LEVEL=debug", "VENNIO_WEBHOOK_SECRET=whsec_"+canary),
		"serve", "--addr", "127.0.0.1:0")
	url := p.address()
	agent, err := client.NewStreamableHttpClient(url + "/mcp")
	require.NoError(t, err)
	handshake(t, agent, mcp.LATEST_PROTOCOL_VERSION)
	var seen strings.Builder
	for _, order := range []string{`fail {"n":1,"status":401,"slug":"unauthorized"}`, `fail {"n":9,"status":502}`, `drop {"n":9}`, `calm {}`} {
		path, body, _ := strings.Cut(order, " ")
		control(t, vennio+"/_sandbox/"+path, body)
		req := mcp.CallToolRequest{}
		req.Params.Name = "find_slots"
		got, err := agent.CallTool(t.Context(), req)
		require.NoError(t, err)
		raw, err := json.Marshal(got)
		require.NoError(t, err)
		seen.Write(raw)
	}
	assert.Contains(t, seen.String(), "unauthorized", "the faults happened")
	for _, request := range []string{"/", "/mcp", "/sse?key=x", "/healthz", "/message?sessionId=x", "/metrics", "/readyz", "/approvals/x", "/webhooks/vennio"} {
		_, _ = fmt.Fprint(&seen, post(t, url+request, "not JSON"))
	}
	everything := seen.String() + p.stderr.String()
	assert.Contains(t, everything, "serving")
	assert.NotContains(t, everything, canary)
	assert.NotContains(t, everything, "goroutine ")
}

// And the commands, after a booking that a person was asked about: each says what
// it has to say without a secret.
func TestReq_E3_NoSecretLeavesTheCommands(t *testing.T) {
	t.Parallel()
	vennio := startSandboxProcess(t)
	env := clean(t, "VENNIO_API_URL="+vennio, "VENNIO_API_KEY=vennio_sk_test_"+canary, "VENNIO_HOSTS="+sandboxHostsSetting(), "VENNIO_CONSENT=human",
		"VENNIO_LOG_LEVEL=debug", "VENNIO_WEBHOOK_SECRET=whsec_"+canary, "VENNIO_SIGNING_SECRET="+canary+canary+canary)
	c := converse(t, env)
	require.Equal(t, "awaiting_consent", c.call("book_slot", c.booking()).Data.Status)
	for _, command := range []string{
		"approvals", "ledger list", "ledger verify", "ledger export", "events list", "events dead", "events show x", "doctor", "doctor --json", "tools", "tools --json", "version", "--help",
	} {
		_, out, errs := run(t, env, strings.Fields(command)...)
		assert.NotEmpty(t, out+errs, command)
		assert.NotContains(t, out+errs, canary, command)
		assert.NotContains(t, out+errs, "goroutine ", command)
	}
}

// control gives the sandbox an order.
func control(t *testing.T, url, body string) {
	t.Helper()
	got := post(t, url, body)
	require.Equal(t, http.StatusOK, got.status, got.body)
}
