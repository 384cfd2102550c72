package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"sync"
	"time"
)

// patience is how long a process may take to say where it listens, or to end.
const patience = 20 * time.Second

// child is a process of the stage.
type child struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out io.ReadCloser
	url string // where it listens, if it does
}

// spawn starts a program that speaks over pipes.
func (s *stage) spawn(ctx context.Context, errs io.Writer, p program) (*child, error) {
	c := &child{cmd: exec.CommandContext(ctx, p.path, p.args...)} //nolint:gosec // G204: the programs were just built
	c.cmd.Env, c.cmd.Stderr, c.cmd.WaitDelay = s.environment(p.env...), errs, patience
	var err1, err2 error
	c.in, err1 = c.cmd.StdinPipe()
	c.out, err2 = c.cmd.StdoutPipe()
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	return c, c.cmd.Start()
}

// start starts a program that listens, and waits until it says where.
func (s *stage) start(ctx context.Context, p program) (*child, error) {
	h := &herald{said: make(chan string, 1)}
	c, err := s.spawn(ctx, h, p)
	if err != nil {
		return nil, err
	}
	select {
	case c.url = <-h.said:
		return c, nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-time.After(patience):
		err = fmt.Errorf("%s did not say where it listens: %s", p.path, h.heard())
	}
	c.stop()
	return nil, err
}

// stop ends the process, which has nothing to lose.
func (c *child) stop() {
	_ = c.in.Close()
	_ = c.cmd.Process.Kill()
	_ = c.cmd.Wait()
}

// finish lets the process end by itself, as its input has ended.
func (c *child) finish() error {
	_ = c.in.Close()
	return c.cmd.Wait()
}

var resident = regexp.MustCompile(`(?m)^VmRSS:\s+(\d+) kB$`)

// memory is the resident set in bytes, file-backed pages included; 0 where the
// system does not tell (all but Linux).
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

var address = regexp.MustCompile(`http://127\.0\.0\.1:\d+/mcp`)

// herald reads a process's standard error until it names an address; the rest is
// thrown away.
type herald struct {
	mu   sync.Mutex
	text bytes.Buffer
	done bool
	said chan string
}

func (h *herald) Write(b []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.done {
		return len(b), nil
	}
	h.text.Write(b)
	if url := address.Find(h.text.Bytes()); url != nil {
		h.said <- string(url)
		h.done = true
	}
	return len(b), nil
}

func (h *herald) heard() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.text.String()
}
