package main

import (
	"bytes"
	"encoding/hex"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/auth"
	"github.com/vennio-mcp/vennio-mcp/internal/doctor"
)

// operators are the files that an operator may give the program, by the variable
// that names them, and the program's own signing secret.
type operators struct {
	t     *testing.T
	dir   string
	token string
	env   []string
	agent *http.Client
}

// newOperators writes each file as change makes it from its text.
func newOperators(t *testing.T, vennio string, change func(name string, text []byte) []byte) operators {
	t.Helper()
	o := operators{t: t, dir: filepath.Join(t.TempDir(), "state"), token: auth.NewToken()}
	require.NoError(t, os.Mkdir(o.dir, 0o700))
	write := func(name, text string) string {
		path := filepath.Join(o.dir, name)
		require.NoError(t, os.WriteFile(path, change(name, []byte(text)), 0o600))
		return path
	}
	cert, key, trusting := certified(t)
	o.agent = trusting
	read := func(path string) string {
		raw, err := os.ReadFile(path)
		require.NoError(t, err)
		return string(raw)
	}
	write("signing-secret", strings.Repeat("c0ffee42", 8)+"\n")
	sink := write("sink-secret", "a secret of the sink "+canary+"\r\n")
	tenant := write("tenant-key", keyOfAcme+"\r\n")
	o.env = toVennio(t, vennio, "VENNIO_API_KEY=", "VENNIO_STATE_DIR="+o.dir,
		"VENNIO_API_KEY_FILE="+write("key", doctorsCanary+"\r\n"),
		"VENNIO_MCP_TOKENS_FILE="+write("tokens", "- {name: ada, hash: \""+auth.HashOf(o.token).String()+"\"}\r\n"),
		"VENNIO_MCP_TLS_CERT="+write("cert", read(cert)), "VENNIO_MCP_TLS_KEY="+write("tls-key", read(key)),
		"VENNIO_MCP_SETTINGS="+write("settings", "sinks:\r\n  - {name: crm, type: http, url: \"https://crm.example.com\", secret_file: '"+sink+"'}\r\n"+
			"tenants:\r\n  - {name: acme, api_key_file: '"+tenant+"'}\r\n"))
	return o
}

// starts reports whether the server serves a caller, and what it said.
func (o operators) starts() (bool, string) {
	o.t.Helper()
	p := start(o.t, o.env, "serve", "--addr", "127.0.0.1:0")
	ended := make(chan struct{})
	go func() { p.end(); close(ended) }()
	require.Eventually(o.t, func() bool {
		select {
		case <-ended:
			return true
		default:
			return strings.Contains(p.stderr.String(), "/mcp")
		}
	}, patience, tick)
	if !strings.Contains(p.stderr.String(), "/mcp") {
		return false, p.stderr.String()
	}
	return knock(o.t, o.agent, p.address(), o.token).status == http.StatusOK, p.stderr.String()
}

const byteOrderMark = "\xef\xbb\xbf"

// field: byte order mark in key, settings, token and secret files
func TestAByteOrderMarkIsSkippedInEveryFile(t *testing.T) {
	t.Parallel()
	vennio := startSandboxProcess(t)
	served, said := newOperators(t, vennio, func(_ string, text []byte) []byte { return append([]byte(byteOrderMark), text...) }).starts()
	assert.True(t, served, said)
	assert.NotContains(t, said, "signing secret cannot be kept")
}

// utf16Of is text as Windows programs write it: without an order, with the mark
// that "bom" adds, in that byte order.
func utf16Of(text []byte, order string) []byte {
	units := utf16.Encode([]rune(string(text)))
	if strings.HasPrefix(order, "bom") {
		units = append([]uint16{0xfeff}, units...)
	}
	var raw []byte
	for _, u := range units {
		if strings.HasSuffix(order, "be") {
			raw = append(raw, byte(u>>8), byte(u))
		} else {
			raw = append(raw, byte(u), byte(u>>8))
		}
	}
	return raw
}

// field: UTF-16 key, settings, token and secret files
func TestAUTF16FileIsRefused(t *testing.T) {
	t.Parallel()
	vennio := startSandboxProcess(t)
	orders := []string{"bom le", "bom be", "le", "be"}
	for i, file := range []string{"key", "tokens", "settings", "cert", "tls-key", "sink-secret", "tenant-key"} {
		order := orders[i%len(orders)]
		served, said := newOperators(t, vennio, func(name string, text []byte) []byte {
			if name == file {
				return utf16Of(text, order)
			}
			return text
		}).starts()
		assert.False(t, served, "%s in UTF-16 %s", file, order)
		assert.Contains(t, said, "save as UTF-8", "%s in UTF-16 %s", file, order)
		assert.Contains(t, said, file, "it names the file")
	}
	latin := newOperators(t, vennio, func(_ string, text []byte) []byte {
		return bytes.ReplaceAll(text, []byte("crm"), []byte("cr\xfc"))
	})
	served, said := latin.starts()
	assert.False(t, served)
	assert.Contains(t, said, "not UTF-8: save as UTF-8")
	damaged := newOperators(t, vennio, func(name string, text []byte) []byte {
		if name == "signing-secret" {
			return utf16Of(text, "bom le")
		}
		return text
	})
	_, said = damaged.starts()
	assert.Contains(t, said, "save as UTF-8")
}

// loosen is one way in which others may change a file.
type loosen struct {
	name string
	do   func(t *testing.T, o operators)
	says string
}

// opened are the ways to open the files of an operator to others.
func opened() []loosen {
	mode := func(file string, mode os.FileMode) func(*testing.T, operators) {
		return func(t *testing.T, o operators) {
			t.Helper()
			require.NoError(t, os.Chmod(filepath.Join(o.dir, file), mode))
		}
	}
	all := []loosen{
		{"state folder", mode(".", 0o777), "everyone"},
		{"state folder with the sticky bit", mode(".", 0o777|os.ModeSticky), "everyone"},
		{"its parent", mode("..", 0o777), "everyone"},
		{"signing secret", mode("signing-secret", 0o666), "everyone"},
		{"key", mode("key", 0o602), "everyone"},
		{"key of a tenant", mode("tenant-key", 0o666), "everyone"},
		{"tokens", mode("tokens", 0o666), "everyone"},
		{"settings", mode("settings", 0o666), "everyone"},
		{"TLS key", mode("tls-key", 0o666), "everyone"},
		{"secret of a sink", mode("sink-secret", 0o666), "everyone"},
		{"a link in a folder of everyone's", func(t *testing.T, o operators) {
			t.Helper()
			shared := filepath.Join(t.TempDir(), "shared")
			require.NoError(t, os.Mkdir(shared, 0o700))
			require.NoError(t, os.Rename(filepath.Join(o.dir, "key"), filepath.Join(o.dir, "real")))
			require.NoError(t, os.Symlink(filepath.Join(o.dir, "real"), filepath.Join(shared, "link")))
			require.NoError(t, os.Symlink(filepath.Join(shared, "link"), filepath.Join(o.dir, "key")))
			require.NoError(t, os.Chmod(shared, 0o777))
		}, "everyone"},
		{"a link to a file of everyone's", func(t *testing.T, o operators) {
			t.Helper()
			require.NoError(t, os.Rename(filepath.Join(o.dir, "key"), filepath.Join(o.dir, "real")))
			require.NoError(t, os.Symlink("real", filepath.Join(o.dir, "key")))
			require.NoError(t, os.Chmod(filepath.Join(o.dir, "real"), 0o666))
		}, "everyone"},
	}
	if os.Geteuid() == 0 { // else nobody can give a file away; TestGroups in internal/files shows it for everyone
		all = append(all, loosen{"a foreign group", func(t *testing.T, o operators) {
			t.Helper()
			require.NoError(t, os.Chown(filepath.Join(o.dir, "key"), -1, 54321))
			require.NoError(t, os.Chmod(filepath.Join(o.dir, "key"), 0o660))
		}, "the group 54321"})
	}
	return all
}

// field: state folder or secret that others can write
func TestFilesThatOthersCanWriteAreRefused(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		return // where access control lists decide
	}
	vennio := startSandboxProcess(t)
	same := func(_ string, text []byte) []byte { return text }
	for _, way := range opened() {
		o := newOperators(t, vennio, same)
		way.do(t, o)
		served, said := o.starts()
		assert.False(t, served, way.name)
		assert.Contains(t, said, "may be written by "+way.says, way.name)
		assert.Contains(t, said, "chmod go-w ", way.name)
	}

	o := newOperators(t, vennio, same)
	require.NoError(t, os.Chmod(filepath.Join(o.dir, "key"), 0o660), "the group of this process")
	sticky := filepath.Join(t.TempDir(), "sticky")
	require.NoError(t, os.Mkdir(sticky, 0o700))
	require.NoError(t, os.Symlink(o.dir, filepath.Join(sticky, "link")))
	require.NoError(t, os.Chmod(sticky, 0o777|os.ModeSticky))
	o.env = append(o.env, "VENNIO_STATE_DIR="+filepath.Join(sticky, "link"))
	served, said := o.starts()
	assert.True(t, served, said)
}

// The sandbox and the commands use the state folder as well.
func TestAStateFolderThatOthersCanWriteIsUsedByNothing(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		return
	}
	vennio, dir := startSandboxProcess(t), filepath.Join(t.TempDir(), "state")
	require.NoError(t, os.Mkdir(dir, 0o700))
	require.NoError(t, os.Chmod(dir, 0o777))
	env := toVennio(t, vennio, "VENNIO_STATE_DIR="+dir)
	const want = "may be written by everyone: chmod go-w "
	for name, env := range map[string][]string{"a key": env, "the sandbox": clean(t, "VENNIO_STATE_DIR="+dir)} {
		code, _, said := run(t, env, "stdio")
		assert.NotZero(t, code, name)
		assert.Contains(t, said, want, name)
	}
	for _, command := range []string{"ledger list", "approvals", "events list", "webhooks list", "install cursor"} {
		code, _, said := run(t, env, strings.Fields(command)...)
		assert.NotZero(t, code, command)
		assert.Contains(t, said, want, command)
	}
	examine(t, env).says(t, doctor.Problem, "store", dir+" may be written by everyone The server does not start with it: chmod go-w "+dir)
	found, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Empty(t, found, "nothing is written there")
}

// field: secret of one repeated byte
func TestASecretThatIsEasyToGuessIsRefused(t *testing.T) {
	t.Parallel()
	vennio := startSandboxProcess(t)
	same := func(_ string, text []byte) []byte { return text }
	for _, weak := range []string{strings.Repeat("a", 32), strings.Repeat("0", 64), hex.EncodeToString(bytes.Repeat([]byte{0xa7}, 32))} {
		code, _, said := run(t, toVennio(t, vennio, "VENNIO_SIGNING_SECRET="+weak, "VENNIO_WEBHOOK_SECRET=whsec_"+weak), "stdio")
		assert.Equal(t, 2, code, weak)
		assert.Contains(t, said, "VENNIO_SIGNING_SECRET is easy to guess", weak)
		assert.Contains(t, said, "VENNIO_WEBHOOK_SECRET is easy to guess", weak)
		assert.NotContains(t, said, weak)
	}
	for file, text := range map[string]string{
		"signing-secret": strings.Repeat("00", 32), "sink-secret": "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
	} {
		served, said := newOperators(t, vennio, func(name string, old []byte) []byte {
			if name == file {
				return []byte(text)
			}
			return old
		}).starts()
		assert.False(t, served, file)
		assert.Contains(t, said, "easy to guess", file)
	}
	o := newOperators(t, vennio, same)
	require.NoError(t, os.WriteFile(filepath.Join(o.dir, "signing-secret"), []byte(strings.Repeat("ff", 32)), 0o600))
	examine(t, o.env).says(t, doctor.Problem, "store", "easy to guess")
	for _, short := range []string{"x", "fifteen letters"} {
		code, _, said := run(t, toVennio(t, vennio, "VENNIO_SIGNING_SECRET="+short), "stdio")
		assert.Equal(t, 2, code)
		assert.Contains(t, said, "shorter than 16 characters")
	}
}

// field: relative HOME and XDG_STATE_HOME, ~ in paths
func TestPathsFollowTheXDGSpecification(t *testing.T) {
	t.Parallel()
	vennio := startSandboxProcess(t)
	home := func(env []string) string { return strings.TrimPrefix(env[0], "HOME=") }
	holds := func(dir string) bool {
		_, err1 := os.Stat(filepath.Join(dir, "vennio-mcp.db"))
		_, err2 := os.Stat(filepath.Join(dir, "signing-secret"))
		return err1 == nil || err2 == nil
	}
	for name, c := range map[string]struct {
		set   []string
		flags []string
		want  string // below the home
	}{
		"a relative XDG_STATE_HOME":       {[]string{"XDG_STATE_HOME=state"}, nil, defaultState},
		"XDG_STATE_HOME with ~":           {[]string{"XDG_STATE_HOME=~/state"}, nil, defaultState},
		"an empty XDG_STATE_HOME":         {[]string{"XDG_STATE_HOME="}, nil, defaultState},
		"~ in a flag":                     {nil, []string{"--state-dir=~/mine"}, "mine"},
		"~ in the environment":            {[]string{"VENNIO_STATE_DIR=~/a b"}, nil, "a b"},
		"~ alone":                         {[]string{"VENNIO_STATE_DIR=~"}, nil, "."},
		"~ further on":                    {[]string{"VENNIO_STATE_DIR=~/x/~"}, nil, "x/~"},
		"a setting beside relative HOMEs": {[]string{"VENNIO_STATE_DIR=~/mine", "XDG_STATE_HOME=state"}, nil, "mine"},
	} {
		env := toVennio(t, vennio, c.set...)
		if runtime.GOOS == "windows" {
			env = append(env, "LOCALAPPDATA="+filepath.Join(home(env), ".local", "state"))
		}
		command := []string{"ledger", "list"}
		if c.flags != nil {
			command = append([]string{"stdio"}, c.flags...) // ends at once: its standard input is empty
		}
		code, _, said := run(t, env, command...)
		assert.Zero(t, code, "%s: %s", name, said)
		assert.True(t, holds(filepath.Join(home(env), filepath.FromSlash(c.want))), "%s: %s", name, said)
	}
	examine(t, toVennio(t, vennio, "XDG_STATE_HOME=state")).says(t, doctor.Warning, "settings", `XDG_STATE_HOME is ignored: "state" is not an absolute path`)

	for name, set := range map[string][]string{"relative": {"HOME=home", "LOCALAPPDATA=home"}, "empty": {"HOME=", "LOCALAPPDATA=", "USERPROFILE="}} {
		env := toVennio(t, vennio, set...)
		code, _, said := run(t, env, "ledger", "list")
		assert.NotZero(t, code, name)
		assert.Contains(t, said, "set VENNIO_STATE_DIR, or HOME to an absolute path", name)
		examine(t, env).says(t, doctor.Problem, "store", "HOME to an absolute path")
		code, _, said = run(t, append(env, "VENNIO_STATE_DIR=~/mine"), "ledger", "list")
		assert.Equal(t, 2, code, name)
		assert.Contains(t, said, "there is no home for ~: set HOME to an absolute path", name)
	}
	for _, made := range []string{"home", "state", "~"} {
		assert.NoDirExists(t, made, "nothing is made where the program happens to be started")
	}
}

// defaultState is where state is kept below a home.
var defaultState = map[bool]string{true: "Library/Application Support/vennio-mcp", false: ".local/state/vennio-mcp"}[runtime.GOOS == "darwin"]

// field: ~ in every setting that names a file
func TestATildeIsTheHomeInEverySetting(t *testing.T) {
	t.Parallel()
	vennio := startSandboxProcess(t)
	o := newOperators(t, vennio, func(_ string, text []byte) []byte { return text })
	for i, setting := range o.env {
		o.env[i] = strings.ReplaceAll(setting, "="+o.dir, "=~")
	}
	settings := filepath.Join(o.dir, "settings")
	raw, err := os.ReadFile(settings)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(settings, bytes.ReplaceAll(raw, []byte("'"+o.dir), []byte("'~")), 0o600))
	o.env = append(o.env, "HOME="+o.dir)
	served, said := o.starts()
	assert.True(t, served, said)
	for _, name := range []string{"VENNIO_STATE_DIR", "VENNIO_API_KEY_FILE", "VENNIO_MCP_SETTINGS", "VENNIO_MCP_TOKENS_FILE", "VENNIO_MCP_TLS_CERT", "VENNIO_MCP_TLS_KEY"} {
		code, _, said := run(t, append(o.env, name+"=~eve/x"), "stdio")
		assert.Equal(t, 2, code, name)
		assert.Contains(t, said, name+` "~eve/x": want ~/ for your own home`)
	}
	installed := toVennio(t, vennio, "VENNIO_API_KEY=", "VENNIO_API_KEY_FILE=~/key", "VENNIO_STATE_DIR=~/state", "HOME="+o.dir)
	well(t, installed, "install", "cursor")
	raw, err = os.ReadFile(filepath.Join(o.dir, ".cursor", "mcp.json"))
	require.NoError(t, err)
	assert.NotContains(t, string(raw), "~")
	assert.Contains(t, string(raw), quoted(t, filepath.Join(o.dir, "state")))
	assert.Contains(t, string(raw), quoted(t, filepath.Join(o.dir, "key")))
}
