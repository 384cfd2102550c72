package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/vennio-mcp/vennio-mcp/vennioclient/sandbox"
)

// environment is what targets need to run: built programs, a temporary home, and a sandbox of Vennio.
type environment struct {
	root             string // the root directory of the repository
	home             string
	ours, fast, bare string // paths of vennio-mcp, of vennio-mcp with jsonv2, and of the bare mcp-go server
	self             string
	vennio           *child
}

// newEnvironment builds all targets, or only vennio-mcp, and starts a sandbox of Vennio.
func newEnvironment(ctx context.Context, dir string, alone bool) (*environment, error) {
	s := &environment{
		home: filepath.Join(dir, "home"),
		ours: filepath.Join(dir, "plain", "vennio-mcp"), fast: filepath.Join(dir, "jsonv2", "vennio-mcp"),
		bare: filepath.Join(dir, "plain", "bare"),
	}
	var err error
	if s.self, err = os.Executable(); err != nil {
		return nil, err
	}
	if s.root, err = repository(ctx); err != nil {
		return nil, err
	}
	err = errors.Join(os.MkdirAll(s.home, 0o700), s.build(ctx, s.ours, "", ".", "./cmd/vennio-mcp"))
	if !alone {
		err = errors.Join(err, s.build(ctx, s.bare, "", ".ci/programs", "./bench/bare"), s.build(ctx, s.fast, "jsonv2", ".", "./cmd/vennio-mcp"))
	}
	if err != nil {
		return nil, err
	}
	s.vennio, err = s.start(ctx, program{path: s.self}.with("-as", "vennio"))
	return s, err
}

func (s *environment) close() { s.vennio.stop() }

// repository returns the root directory of the repository.
func repository(ctx context.Context) (string, error) {
	dir, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/vennio-mcp/vennio-mcp").Output()
	if err != nil {
		return "", fmt.Errorf("find the repository: %w", err)
	}
	return strings.TrimSpace(string(dir)), nil
}

// build builds a package to path with the flags of a release. module is the directory of the package's module,
// relative to the root of the repository.
func (s *environment) build(ctx context.Context, path, experiment, module, pkg string) error {
	folder := filepath.Dir(path) + string(filepath.Separator)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", folder, pkg) //nolint:gosec // G204: packages of this repository
	cmd.Dir = filepath.Join(s.root, filepath.FromSlash(module))
	cmd.Env = append(os.Environ(), "GOWORK=off", "CGO_ENABLED=0", "GOEXPERIMENT="+experiment)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", pkg, err, out)
	}
	return nil
}

// environ returns a minimal environment with a temporary home, and the given settings.
func (s *environment) environ(settings ...string) []string {
	env := []string{"HOME=" + s.home, "LOCALAPPDATA=" + s.home, "TZ=Europe/London"}
	for _, name := range []string{"PATH", "SYSTEMROOT", "TMPDIR", "TEMP"} {
		if v, set := os.LookupEnv(name); set {
			env = append(env, name+"="+v)
		}
	}
	return append(env, settings...)
}

// withVennio returns the settings with which vennio-mcp uses this environment's sandbox.
func (s *environment) withVennio() []string {
	return []string{
		"VENNIO_API_URL=" + s.vennioURL(), "VENNIO_API_KEY=" + sandbox.DefaultKey(),
		"VENNIO_BUSINESS_ID=" + sandbox.Hosts()[0].ID,
	}
}

func (s *environment) vennioURL() string { return strings.TrimSuffix(s.vennio.url, "/mcp") }

// availability returns the URL that find_slots requests from a Vennio.
func availability(vennio string) string {
	now := time.Now().UTC().Truncate(time.Minute).Add(time.Minute)
	return fmt.Sprintf("%s/v1/availability/slots?business_id=%s&duration_minutes=30&from=%s&to=%s&timezone=Europe/London",
		vennio, sandbox.Hosts()[0].ID, now.Format(time.RFC3339), now.AddDate(0, 0, 7).Format(time.RFC3339))
}

// size returns the size of a built program in bytes.
func size(path string) float64 {
	found, _ := filepath.Glob(path + "*") // with .exe on Windows
	for _, file := range found {
		if info, err := os.Stat(file); err == nil {
			return float64(info.Size())
		}
	}
	return 0
}

// processTimeout limits the time until a process prints its address, or ends.
const processTimeout = 20 * time.Second

// child is a running process.
type child struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out io.ReadCloser
	url string // its address, if it is a server
}

// spawn starts a program that communicates over pipes.
func (s *environment) spawn(ctx context.Context, errs io.Writer, p program) (*child, error) {
	c := &child{cmd: exec.CommandContext(ctx, p.path, p.args...)} //nolint:gosec // G204: the programs were just built
	c.cmd.Env, c.cmd.Stderr, c.cmd.WaitDelay = s.environ(p.env...), errs, processTimeout
	var err1, err2 error
	c.in, err1 = c.cmd.StdinPipe()
	c.out, err2 = c.cmd.StdoutPipe()
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	return c, c.cmd.Start()
}

// start starts a server and waits until it prints its address.
func (s *environment) start(ctx context.Context, p program) (*child, error) {
	h := &startupWatcher{found: make(chan string, 1)}
	c, err := s.spawn(ctx, h, p)
	if err != nil {
		return nil, err
	}
	select {
	case c.url = <-h.found:
		return c, nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-time.After(processTimeout):
		err = fmt.Errorf("%s did not print its address: %s", p.path, h.output())
	}
	c.stop()
	return nil, err
}

// stop kills the process.
func (c *child) stop() {
	_ = c.in.Close()
	_ = c.cmd.Process.Kill()
	_ = c.cmd.Wait()
}

// finish closes the input of the process and waits until it exits.
func (c *child) finish() error {
	_ = c.in.Close()
	return c.cmd.Wait()
}

var resident = regexp.MustCompile(`(?m)^VmRSS:\s+(\d+) kB$`)

// memory returns the resident set in bytes, including file-backed pages, or 0 on systems other than Linux.
func (c *child) memory() int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	found := resident.FindSubmatch(status)
	if found == nil {
		return 0
	}
	kib, _ := strconv.ParseInt(string(found[1]), 10, 64)
	return kib << 10
}

// processorTime returns how long a process and its children have used a processor, or 0 on systems other than Linux.
func processorTime(process int) (total time.Duration) {
	const tick = 10 * time.Millisecond
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range files {
		text, err := os.ReadFile(file) //nolint:gosec // G304: in /proc
		if err != nil {                // the process has ended
			continue
		}
		id, rest, _ := strings.Cut(string(text), " ")
		_, rest, _ = strings.Cut(rest, ") ")
		fields := strings.Fields(rest) // from state on: proc_pid_stat(5)
		if parent := strconv.Itoa(process); len(fields) < 15 || id != parent && fields[1] != parent {
			continue
		}
		for _, field := range fields[11:15] { // utime, stime, and those of children that have ended
			n, _ := strconv.Atoi(field)
			total += time.Duration(n) * tick
		}
	}
	return total
}

var address = regexp.MustCompile(`http://127\.0\.0\.1:\d+/mcp`)

// startupWatcher searches the standard error of a process for an address and discards what follows.
type startupWatcher struct {
	mu    sync.Mutex
	text  bytes.Buffer
	done  bool
	found chan string
}

func (h *startupWatcher) Write(b []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.done {
		return len(b), nil
	}
	h.text.Write(b)
	if url := address.Find(h.text.Bytes()); url != nil {
		h.found <- string(url)
		h.done = true
	}
	return len(b), nil
}

func (h *startupWatcher) output() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.text.String()
}
