package main

import (
	"context"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/approval"
)

// links makes links to the approval pages. A server over HTTP sets its own address (base). A server on
// stdio starts to listen on loopback when the first link is needed.
type links struct {
	pages *approval.Pages

	mu   sync.Mutex
	base string
	srv  *http.Server
}

// to returns the address of the page of one proposal.
func (l *links) to(id string) (string, error) { return l.address(approval.Path + id) }

// pairing returns a new single-use link that pairs a browser with a tenant and leads to a proposal, or to
// the overview if proposal is empty.
func (l *links) pairing(ctx context.Context, tenant, proposal string) (string, error) {
	path, err := l.pages.Pairings.NewLink(ctx, tenant, proposal)
	if err != nil {
		return "", err
	}
	return l.address(path)
}

// address returns the address of a path of the pages.
func (l *links) address(path string) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.base == "" {
		if err := l.listen(); err != nil {
			return "", err
		}
	}
	return l.base + path, nil
}

func (l *links) at(base string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.base = base
}

func (l *links) listen() error {
	ln, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	host := net.JoinHostPort("localhost", strconv.Itoa(ln.Addr().(*net.TCPAddr).Port))
	mux := http.NewServeMux()
	mux.Handle(approval.Path, approval.OnLoopback(host, l.pages))
	mux.Handle(strings.TrimSuffix(approval.Path, "/"), approval.OnLoopback(host, l.pages))
	l.srv = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: time.Minute, MaxHeaderBytes: 16 << 10}
	l.base = "http://" + host
	go func() { _ = l.srv.Serve(ln) }()
	// Browsers may try the IPv6 address of localhost first: no other program may listen there.
	if six, err := new(net.ListenConfig).Listen(context.Background(), "tcp", net.JoinHostPort("::1", strconv.Itoa(ln.Addr().(*net.TCPAddr).Port))); err == nil {
		go func() { _ = l.srv.Serve(six) }()
	}
	return nil
}

func (l *links) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.srv != nil {
		_ = l.srv.Close()
	}
}
