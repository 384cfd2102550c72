package main

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/tools"
)

func TestHelpTeaches(t *testing.T) {
	t.Parallel()
	code, out, _ := run(t, clean(t), "--help")
	assert.Zero(t, code)
	for _, part := range []string{"stdio", "serve", "sandbox", "demo", "tools", "version", "webhooks", "smoke", "doctor", "--timezone", "VENNIO_API_KEY", "never on the command line", "claude mcp add"} {
		assert.Contains(t, out, part)
	}
	assert.NotContains(t, out, "--api-key")
}

func TestToolsAreShownAsAModelSeesThem(t *testing.T) {
	t.Parallel()
	_, text, _ := run(t, clean(t), "tools")
	assert.Contains(t, text, "find_slots")
	assert.Contains(t, text, `"slot_id"`)
	_, raw, _ := run(t, clean(t), "tools", "--json")
	var list []struct {
		Name         string
		OutputSchema map[string]any
	}
	require.NoError(t, json.Unmarshal([]byte(raw), &list))
	require.Len(t, list, len(tools.Catalog(tools.Deps{})))
	assert.NotEmpty(t, list[0].OutputSchema)
	_, v, _ := run(t, clean(t), "version")
	assert.True(t, strings.HasPrefix(v, "vennio-mcp "), v)
}

func TestTheCommandLineIsRefusedWithWhatToDo(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		args []string
		says []string
	}{
		"unknown command":        {[]string{"serv"}, []string{`unknown command "serv", did you mean serve?`}},
		"unknown flag":           {[]string{"--zone", "UTC"}, []string{"unknown flag: --zone", "--help"}},
		"a key as a flag":        {[]string{"--api-key", "vennio_sk_live_canary"}, []string{"a key does not belong on the command line", "VENNIO_API_KEY"}},
		"a key as an argument":   {[]string{"serve", "vennio_pk_test_canary"}, []string{"a key does not belong on the command line"}},
		"not loopback":           {[]string{"serve", "--addr", "0.0.0.0:8080"}, []string{"beyond loopback", "vennio-mcp token new NAME"}},
		"no port":                {[]string{"sandbox", "--addr", "localhost"}, []string{"want host:port"}},
		"two settings to mend":   {[]string{"--timezone", "EST", "--log-level", "loud"}, []string{"2 settings to mend", "America/New_York", "loud"}},
		"arguments not expected": {[]string{"version", "please"}, []string{`"please" is not expected here`}},
	} {
		code, out, errs := run(t, clean(t), tc.args...)
		assert.Equal(t, 2, code, name)
		assert.Empty(t, out, name)
		for _, part := range tc.says {
			assert.Contains(t, errs, part, name)
		}
		assert.NotContains(t, errs, "canary", name)
	}
}

// Slot ids outlive the process that gave them: the secret is kept.
func TestASlotFoundBeforeARestartCanBeBookedAfterIt(t *testing.T) {
	t.Parallel()
	vennio := startSandboxProcess(t)
	env := clean(t, "VENNIO_API_URL="+vennio, "VENNIO_API_KEY=vennio_sk_test_c4n4ry_restart", "VENNIO_HOSTS="+new(box).hosts())
	found := talk(t, env, `{"name":"find_slots","arguments":{"when":"next week"}}`)
	id := found[strings.Index(found, `"slot_id":"`)+len(`"slot_id":"`):][:33]
	booked := talk(t, env, `{"name":"book_slot","arguments":{"slot_id":"`+id+`","title":"Intro","attendees":[{"email":"ada@example.com","name":"Ada"}],"consent":{"granted":true,"given_by":"Ada","statement":"yes"}}}`)
	assert.Contains(t, booked, `"status":"confirmed"`)
	home := strings.TrimPrefix(env[0], "HOME=")
	files, err := filepath.Glob(filepath.Join(home, "*", "*", "*", "signing-secret"))
	require.NoError(t, err)
	more, err := filepath.Glob(filepath.Join(home, "*", "signing-secret"))
	require.NoError(t, err)
	assert.Len(t, append(files, more...), 1)
}

// talk starts the program, makes one call over stdio and returns the answer.
func talk(t *testing.T, env []string, call string) string {
	t.Helper()
	p := start(t, env)
	_, err := io.WriteString(p.stdin, hello+`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":`+call+"}\n")
	require.NoError(t, err)
	require.NoError(t, p.stdin.Close())
	out, err := io.ReadAll(p.stdout)
	require.NoError(t, err)
	require.Zero(t, p.wait(), p.stderr)
	return string(out)
}

func TestWithoutAHomeItStillServes(t *testing.T) {
	t.Parallel()
	env := []string{"PATH=" + os.Getenv("PATH"), "SYSTEMROOT=" + os.Getenv("SYSTEMROOT")}
	assert.Contains(t, talk(t, env, `{"name":"find_slots","arguments":{}}`), "slot_id")
}
