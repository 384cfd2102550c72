package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/internal/webhooks"
)

// binary is the real program, built once as the tests were built: with the race
// detector where they have it. plainBinary never has it: SQLite, which is C made
// into Go, is ten times slower then.
var (
	binary = sync.OnceValues(func() (string, error) {
		info, ok := debug.ReadBuildInfo()
		return build(ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"}))
	})
	plainBinary = sync.OnceValues(func() (string, error) { return build(false) })
	built       sync.Map // the folders of both
)

func build(race bool) (string, error) {
	dir, err := os.MkdirTemp("", "vennio-mcp-test")
	if err != nil {
		return "", err
	}
	built.Store(dir, nil)
	path := filepath.Join(dir, "vennio-mcp")
	if runtime.GOOS == "windows" {
		path += ".exe"
	}
	arguments := []string{"build", "-o", path}
	if race { // with the flags of make test-race, whose compiled packages are used again
		arguments = append(arguments, "-race", "-gcflags=modernc.org/...=-d=checkptr=0")
	}
	out, err := exec.CommandContext(context.Background(), "go", append(arguments, ".")...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
}

// TestMain puts the stand-in for Codex's command on the PATH.
func TestMain(m *testing.M) {
	dir, err := filepath.Abs(filepath.Join("..", "..", "internal", "mcpclients", "testdata"))
	if err == nil {
		err = os.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	}
	if err != nil {
		panic(err)
	}
	code := m.Run()
	for dir := range built.Range {
		_ = os.RemoveAll(dir.(string))
	}
	os.Exit(code)
}

// process is a running vennio-mcp.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stdout *bufio.Reader
	said   *lockedBuffer // what was read of stdout
	stderr *lockedBuffer
	end    func() // waits until it has ended; unlike cmd.Wait it may be called more than once, at once too
}

// clean is an environment with a home of its own and no setting of ours.
func clean(t *testing.T, settings ...string) []string {
	t.Helper()
	home := t.TempDir()
	env := []string{"HOME=" + home, "LOCALAPPDATA=" + home, "PATH=" + os.Getenv("PATH"), "TZ=Europe/London", "GORACE=exitcode=66"}
	if root := os.Getenv("SYSTEMROOT"); root != "" {
		env = append(env, "SYSTEMROOT="+root) // Windows cannot open sockets without it
	}
	return append(env, settings...)
}

// emptyStore is the file of a store that has all tables and no rows.
var emptyStore = sync.OnceValues(func() (raw []byte, err error) {
	dir, err := os.MkdirTemp("", "vennio-mcp-store")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	db := sqldb.OpenWith(dir, longWait)
	jobs, err := webhooks.NewDispatcher(db, webhooks.DispatcherOptions{})
	if err == nil {
		err = jobs.Migrate(context.Background())
	}
	if err = errors.Join(err, db.Close()); err != nil {
		return nil, err
	}
	return os.ReadFile(filepath.Join(dir, sqldb.DatabaseFile))
})

// stored gives an environment of clean a store, that of the sandbox if it has no key, and returns the
// environment. Otherwise the program creates the tables, for which a call waits five seconds at most: under the
// race detector a busy machine may need longer.
func stored(t *testing.T, env []string) []string {
	t.Helper()
	raw, err := emptyStore()
	require.NoError(t, err)
	dir := stateDir(env)
	if !slices.ContainsFunc(env, func(v string) bool {
		return strings.HasPrefix(v, "VENNIO_API_KEY=") || strings.HasPrefix(v, "VENNIO_MCP_SETTINGS=")
	}) {
		dir = filepath.Join(dir, "sandbox")
	}
	path := filepath.Join(dir, sqldb.DatabaseFile)
	if _, err := os.Stat(path); err == nil { // the test has filled it
		return env
	}
	require.NoError(t, os.MkdirAll(dir, 0o700))
	require.NoError(t, os.WriteFile(path, raw, 0o600))
	return env
}

func start(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	path, err := binary()
	require.NoError(t, err)
	return startFile(t, path, env, args...)
}

func startFile(t *testing.T, path string, env []string, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.CommandContext(context.WithoutCancel(t.Context()), path, args...), said: new(lockedBuffer), stderr: new(lockedBuffer)}
	read, write, err := os.Pipe() // of our own: what stands in it can be read after the process has ended
	require.NoError(t, err)
	p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = env, write, p.stderr
	p.stdin, err = p.cmd.StdinPipe()
	require.NoError(t, err)
	p.stdout = bufio.NewReader(io.TeeReader(read, p.said))
	p.end = sync.OnceFunc(func() { _ = p.cmd.Wait() })
	err = p.cmd.Start()
	_ = write.Close()
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		p.end()
		_, _ = io.Copy(p.said, read)
		_ = read.Close()
		keepsSecrets(t, args, p.said.String(), p.stderr.String())
	})
	return p
}

// wait returns the exit code of a process that is about to end.
func (p *process) wait() int {
	p.t.Helper()
	done := make(chan struct{})
	go func() { p.end(); close(done) }()
	select {
	case <-done:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		require.FailNow(p.t, "still running", p.stderr.String())
		return -1
	}
}

func (p *process) terminate() {
	p.t.Helper()
	if runtime.GOOS == "windows" {
		require.NoError(p.t, p.cmd.Process.Kill()) // Windows has no SIGTERM
		return
	}
	require.NoError(p.t, p.cmd.Process.Signal(syscall.SIGTERM))
}

// address waits until the process says where it listens.
func (p *process) address() string {
	p.t.Helper()
	var url string
	require.Eventually(p.t, func() bool {
		found := regexp.MustCompile(`https?://127\.0\.0\.1:\d+/mcp`).FindString(p.stderr.String())
		url = strings.TrimSuffix(found, "/mcp")
		return url != ""
	}, patience, tick, "stderr: %s", p.stderr)
	return url
}

// startSandboxProcess serves a sandbox and returns its address.
func startSandboxProcess(t *testing.T) string {
	t.Helper()
	p := start(t, stored(t, clean(t)), "sandbox", "--addr", "127.0.0.1:0")
	line, err := p.stdout.ReadString('\n')
	require.NoError(t, err)
	return regexp.MustCompile(`http://127\.0\.0\.1:\d+`).FindString(line)
}

// run runs the program to its end.
func run(t *testing.T, env []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	path, err := binary()
	require.NoError(t, err)
	return runFile(t, path, env, args...)
}

// runPlain is run for commands that end after a fixed time, as demo does after a minute: the race detector
// makes the program so slow that a busy machine exceeds it.
func runPlain(t *testing.T, env []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	path, err := plainBinary()
	require.NoError(t, err)
	return runFile(t, path, env, args...)
}

func runFile(t *testing.T, path string, env []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = env, &out, &errs
	_ = cmd.Run()
	keepsSecrets(t, args, out.String(), errs.String())
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// inTerminal runs the program in a pseudo-terminal, which Windows does not have, and returns what the
// terminal showed.
func inTerminal(t *testing.T, env []string, args ...string) (code int, shown string) {
	t.Helper()
	return typing(t, "", env, args...)
}

// typing is inTerminal for a person who types lines.
func typing(t *testing.T, lines string, env []string, args ...string) (code int, shown string) {
	t.Helper()
	path, err := binary()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Env = env
	terminal, err := pty.Start(cmd)
	require.NoError(t, err)
	_, err = io.WriteString(terminal, lines)
	require.NoError(t, err)
	out, _ := io.ReadAll(terminal) // ends with an error once the program has closed its side
	_ = cmd.Wait()
	_ = terminal.Close()
	keepsSecrets(t, args, string(out), "")
	return cmd.ProcessState.ExitCode(), string(out)
}

// lockedBuffer is written by a process while a test reads it.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// patience and tick bound the waiting for other processes.
const patience, tick = time.Minute, 5 * time.Millisecond

// posted is what came back for a POST.
type posted struct {
	status int
	header http.Header
	body   string
}

// post sends body as an MCP client would; headers are pairs of a name and a value.
func post(t *testing.T, url, body string, headers ...string) posted {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return posted{resp.StatusCode, resp.Header, string(raw)}
}
