package replicas_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/store/storetest"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/sandbox"
)

const (
	patience, tick = 30 * time.Second, 20 * time.Millisecond
	secret         = "a secret that all replicas share"
)

// postgres is a server for one test, with its own options.
func postgres(t *testing.T, options string) *storetest.Server {
	t.Helper()
	server, err := storetest.Start(t.Context(), options)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Stop()) })
	return server
}

// binary is the real program, built once, without the race detector: what is
// measured here is the program that is run.
var (
	binary = sync.OnceValues(build)
	built  string // its folder, once there is one
)

func build() (string, error) {
	dir, err := os.MkdirTemp("", "vennio-mcp-replicas-*")
	if err != nil {
		return "", err
	}
	built = dir
	path := filepath.Join(dir, "vennio-mcp")
	out, err := exec.CommandContext(context.Background(), "go", "build", "-o", path, "../../cmd/vennio-mcp").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
}

func TestMain(m *testing.M) {
	code := m.Run()
	if built != "" {
		_ = os.RemoveAll(built)
	}
	os.Exit(code)
}

// lag is how long Vennio takes after it has done what it was asked: the time in
// which a caller may die without knowing.
const lag = 30 * time.Millisecond

// vennio is a sandbox without a limit of calls, served to all replicas.
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

// replica is one process of `serve`, on an address that outlives it.
type replica struct {
	t    *testing.T
	addr string
	env  []string
	mu   sync.Mutex
	cmd  *exec.Cmd
	errs bytes.Buffer
}

// environment is what every replica is started with, before what a test adds.
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
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, ln.Close())
	r := &replica{t: t, addr: ln.Addr().String(), env: env}
	require.NoError(t, r.start())
	t.Cleanup(func() {
		r.kill()
		if t.Failed() {
			t.Logf("%s: %.2000s", r.addr, &r.errs)
		}
	})
	return r
}

// start starts the process and waits until it answers.
func (r *replica) start() error {
	path, err := binary()
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
		if resp, err := http.Get(r.url() + "/healthz"); err == nil { //nolint:noctx // loopback: it answers or refuses at once
			_ = resp.Body.Close()
			return nil
		}
	}
	return fmt.Errorf("%s does not answer", r.addr)
}

func (r *replica) url() string { return "http://" + r.addr }

// kill ends the process as kill -9 does.
func (r *replica) kill() {
	r.mu.Lock()
	defer r.mu.Unlock()
	_ = r.cmd.Process.Kill()
	_ = r.cmd.Wait()
}
