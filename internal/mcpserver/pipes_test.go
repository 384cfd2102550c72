package mcpserver_test

import (
	"context"
	"net"
	"net/http"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/mcpserver"
)

// pipes is a listener whose connections are in memory. They need no file descriptors
// and work in a synctest bubble.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once

	mu      sync.Mutex
	expired chan struct{} // closed: the deadline of Accept has passed
}

func (p *pipes) Accept() (net.Conn, error) {
	p.mu.Lock()
	expired := p.expired
	p.mu.Unlock()
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-expired:
		return nil, os.ErrDeadlineExceeded
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// SetDeadline takes the present, for which Accept fails, and then zero.
func (p *pipes) SetDeadline(at time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if at.IsZero() {
		p.expired = make(chan struct{})
	} else {
		close(p.expired)
	}
	return nil
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

func (p *pipes) dial(context.Context, string, string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case p.conns <- theirs:
		return ours, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// openPiped opens a site on pipes.
func openPiped(t *testing.T, g *rig, o mcpserver.HTTPOptions) (*site, *pipes) {
	t.Helper()
	p := &pipes{conns: make(chan net.Conn), closed: make(chan struct{}), expired: make(chan struct{})}
	return openOn(t, p, &http.Transport{DialContext: p.dial}, g, o), p
}

// oneProcessor runs a test with many timers in a bubble of synctest on one processor. The goroutines of a
// bubble share one context of the race detector for the timers that a select finds due
// (runtime.timer.unlockAndRun, Go 1.26); two that use it at the same time crash the process.
func oneProcessor(t *testing.T) {
	t.Helper()
	processors := runtime.GOMAXPROCS(1)
	t.Cleanup(func() { runtime.GOMAXPROCS(processors) })
}

// heap is the memory in use, in bytes.
func heap() int {
	runtime.GC()
	runtime.GC() // what pools kept over the first
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc + m.StackInuse)
}
