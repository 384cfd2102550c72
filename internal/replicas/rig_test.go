// Package replicas_test tests several vennio-mcp processes that share one PostgreSQL database: the
// real program, a real database server, and processes that are killed. Run it with "make postgres".
package replicas_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/sqldb/storetest"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/sandbox"
)

const (
	patience, tick = time.Minute, 20 * time.Millisecond
	secret         = "a secret that all replicas share"
)

// postgres starts a server for one test, with its own options.
func postgres(t *testing.T, options string) *storetest.Server {
	t.Helper()
	server, err := storetest.Start(t.Context(), options)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Stop()) })
	return server
}

// binary is the real program, built once and without the race detector, like a release. skewed is the same program
// with a clock that a variable sets; only this build reads the variable.
var (
	binary = sync.OnceValues(func() (string, error) { return build() })
	skewed = sync.OnceValues(buildSkewed)
	built  []string // the directories to remove
)

func build(flags ...string) (string, error) {
	dir, err := os.MkdirTemp("", "vennio-mcp-replicas-*")
	if err != nil {
		return "", err
	}
	builtMu.Lock()
	built = append(built, dir)
	builtMu.Unlock()
	path := filepath.Join(dir, "vennio-mcp")
	line := append(append([]string{"build"}, flags...), "-o", path, "../../cmd/vennio-mcp")
	out, err := exec.CommandContext(context.Background(), "go", line...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
}

var builtMu sync.Mutex

// clockAhead is the variable with the seconds by which the clock of a skewed program is ahead.
const clockAhead = "VENNIO_MCP_TEST_CLOCK_AHEAD"

// buildSkewed replaces time.Now of the standard library, so that all libraries have the same clock.
func buildSkewed() (string, error) {
	root, err := exec.CommandContext(context.Background(), "go", "env", "GOROOT").Output()
	if err != nil {
		return "", fmt.Errorf("go env: %w", err)
	}
	original := filepath.Join(strings.TrimSpace(string(root)), "src", "time", "time.go")
	source, err := os.ReadFile(original)
	if err != nil {
		return "", err
	}
	const reads, imports = "\tsec, nsec, mono := runtimeNow()\n", "\t\"math/bits\"\n"
	text := string(source)
	if strings.Count(text, reads) != 1 || strings.Count(text, imports) != 1 {
		return "", errors.New("time.Now of this version of Go is not as expected: adapt buildSkewed")
	}
	text = strings.Replace(text, imports, imports+"\t\"syscall\"\n", 1)
	text = strings.Replace(text, reads, reads+"\tsec += clockAhead\n", 1)
	text += fmt.Sprintf(`
var clockAhead = func() (seconds int64) {
	text, _ := syscall.Getenv(%q)
	sign := int64(1)
	for _, c := range text {
		if c == '-' {
			sign = -1
			continue
		}
		seconds = 10*seconds + int64(c-'0')
	}
	return sign * seconds
}()
`, clockAhead)
	dir, err := os.MkdirTemp("", "vennio-mcp-clock-*")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	patched, overlay := filepath.Join(dir, "time.go"), filepath.Join(dir, "overlay.json")
	list, err := json.Marshal(map[string]map[string]string{"Replace": {original: patched}})
	if err = errors.Join(err, os.WriteFile(patched, []byte(text), 0o600), os.WriteFile(overlay, list, 0o600)); err != nil {
		return "", err
	}
	return build("-overlay", overlay)
}

func TestMain(m *testing.M) {
	ports.Store(rand.Uint32N(20_000))
	code := m.Run()
	for _, dir := range built {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

// lag is the delay of Vennio's response after an operation, during which a caller may be killed.
const lag = 30 * time.Millisecond

// vennio starts a sandbox without a rate limit for all replicas.
func vennio(t *testing.T) (*sandbox.Server, string) {
	t.Helper()
	box := sandbox.New(sandbox.Options{RateLimitPerHour: -1})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		box.ServeHTTP(w, r)
		<-time.After(lag)
	}))
	t.Cleanup(func() { srv.Close(); box.Close() })
	return box, srv.URL
}

// replica is a process of `serve`, on an address that remains the same after restarts.
type replica struct {
	t    *testing.T
	addr string
	path func() (string, error) // returns the path of the program
	env  []string
	mu   sync.Mutex
	cmd  *exec.Cmd
	errs bytes.Buffer
}

// environment returns the environment of all replicas, plus what a test adds.
func environment(t *testing.T, vennio, store string, more ...string) []string {
	t.Helper()
	var hosts []string
	for _, h := range sandbox.Hosts() {
		hosts = append(hosts, h.Name+"="+h.ID)
	}
	home := t.TempDir()
	env := append(os.Environ(), "HOME="+home, "VENNIO_API_KEY="+sandbox.DefaultKey(), "VENNIO_API_URL="+vennio, "VENNIO_HOSTS="+strings.Join(hosts, ","),
		"VENNIO_CONSENT=attested", "VENNIO_LOG_LEVEL=warn", "VENNIO_SIGNING_SECRET="+secret, "VENNIO_STATE_DIR="+filepath.Join(home, "state"))
	if store != "" {
		env = append(env, "VENNIO_MCP_DATABASE_URL="+store)
	}
	return append(env, more...)
}

func startReplica(t *testing.T, env []string) *replica {
	t.Helper()
	return startProgram(t, binary, env)
}

// startAhead starts a replica whose clock is ahead, or behind if the duration is negative.
func startAhead(t *testing.T, ahead time.Duration, env []string) *replica {
	t.Helper()
	return startProgram(t, skewed, append(slices.Clone(env), fmt.Sprintf("%s=%d", clockAhead, int(ahead.Seconds()))))
}

func startProgram(t *testing.T, path func() (string, error), env []string) *replica {
	t.Helper()
	r := &replica{t: t, addr: unusedAddress(t), path: path, env: env}
	require.NoError(t, r.start())
	t.Cleanup(func() {
		r.kill()
		if t.Failed() {
			t.Logf("%s: %.2000s", r.addr, &r.errs)
		}
	})
	return r
}

// ports counts the addresses of replicas.
var ports atomic.Uint32

// unusedAddress returns an address for one replica. Its port is below those that systems choose by themselves, so that no
// other program takes it while the replica does not run.
func unusedAddress(t *testing.T) string {
	t.Helper()
	for {
		addr := fmt.Sprintf("127.0.0.1:%d", 10_000+ports.Add(1)%20_000)
		if ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", addr); err == nil {
			require.NoError(t, ln.Close())
			return addr
		}
	}
}

// start starts the process and waits until it responds.
func (r *replica) start() error {
	path, err := r.path()
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cmd = exec.CommandContext(context.WithoutCancel(r.t.Context()), path, "serve", "--addr", r.addr)
	r.cmd.Env, r.cmd.Stderr = r.env, &r.errs
	if err := r.cmd.Start(); err != nil {
		return err
	}
	for began := time.Now(); time.Since(began) < patience; <-time.After(tick) {
		if resp, err := http.Get(r.url() + "/healthz"); err == nil { //nolint:noctx // loopback, responds immediately
			_ = resp.Body.Close()
			return nil
		}
	}
	return fmt.Errorf("%s does not answer", r.addr)
}

func (r *replica) url() string { return "http://" + r.addr }

// kill ends the process with SIGKILL.
func (r *replica) kill() {
	r.mu.Lock()
	defer r.mu.Unlock()
	_ = r.cmd.Process.Kill()
	_ = r.cmd.Wait()
}
