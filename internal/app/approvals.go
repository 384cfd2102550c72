package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	webbrowser "github.com/cli/browser"

	"github.com/vennio-mcp/vennio-mcp/internal/approval"
	"github.com/vennio-mcp/vennio-mcp/internal/config"
	"github.com/vennio-mcp/vennio-mcp/internal/consent"
)

// Links makes links to the approval pages. A server over HTTP sets its own address (SetBase). A server on
// stdio starts to listen on loopback when the first link is needed.
type Links struct {
	Pages *approval.Pages

	mu   sync.Mutex
	base string
	srv  *http.Server
}

// Proposal returns the address of the page of one proposal.
func (l *Links) Proposal(id string) (string, error) { return l.Path(approval.Path + id) }

// Pairing returns a new single-use link that pairs a browser with a tenant and leads to a proposal, or to
// the overview if proposal is empty.
func (l *Links) Pairing(ctx context.Context, tenant, proposal string) (string, error) {
	path, err := l.Pages.Pairings.NewLink(ctx, tenant, proposal)
	if err != nil {
		return "", err
	}
	return l.Path(path)
}

// Path returns the address of a path of the pages.
func (l *Links) Path(path string) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.base == "" {
		if err := l.listen(); err != nil {
			return "", err
		}
	}
	return l.base + path, nil
}

// SetBase sets the scheme and host under which a server shows the pages.
func (l *Links) SetBase(base string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.base = base
}

func (l *Links) listen() error {
	ln, six, err := listenOnFreePort()
	if err != nil {
		return err
	}
	host := net.JoinHostPort("localhost", strconv.Itoa(ln.Addr().(*net.TCPAddr).Port))
	mux := http.NewServeMux()
	mux.Handle(approval.Path, approval.OnLoopback(host, l.Pages))
	mux.Handle(strings.TrimSuffix(approval.Path, "/"), approval.OnLoopback(host, l.Pages))
	l.srv = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: time.Minute, MaxHeaderBytes: 16 << 10}
	l.base = "http://" + host
	go func() { _ = l.srv.Serve(ln) }()
	if six != nil {
		go func() { _ = l.srv.Serve(six) }()
	}
	return nil
}

// listenOnFreePort listens on both addresses of localhost, the second of which may be nil as for
// listenIPv6.
func listenOnFreePort() (ln, six net.Listener, err error) {
	const most = 20
	for range most {
		if ln, err = new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0"); err != nil {
			return nil, nil, err
		}
		if six, err = listenIPv6(ln); err == nil {
			return ln, six, nil
		}
		_ = ln.Close()
	}
	return nil, nil, err
}

var errIPv6InUse = errors.New("another program uses this port at [::1], where browsers look for localhost first: end it, or take another port")

// listenIPv6 listens at [::1] on the port of ln if ln has an IPv4 address at which localhost is reached:
// browsers try [::1] first, and a program of another user that listens there could show its own pages under
// the address of this server, receive the cookies of paired browsers, and have passkeys sign. The result is
// nil for other addresses and on a machine without IPv6.
func listenIPv6(ln net.Listener) (net.Listener, error) {
	at, ok := ln.Addr().(*net.TCPAddr)
	if !ok || at.IP.To4() == nil || !at.IP.IsUnspecified() && !at.IP.Equal(net.IPv4(127, 0, 0, 1)) {
		return nil, nil
	}
	six, err := new(net.ListenConfig).Listen(context.Background(), "tcp", net.JoinHostPort("::1", strconv.Itoa(at.Port)))
	const windows = syscall.Errno(10048) // WSAEADDRINUSE
	if errors.Is(err, syscall.EADDRINUSE) || errors.Is(err, windows) {
		return nil, errIPv6InUse
	}
	if err != nil {
		return nil, nil //nolint:nilerr // there is no IPv6
	}
	return six, nil
}

// Close stops listening.
func (l *Links) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.srv != nil {
		_ = l.srv.Close()
	}
}

// LinkLife is the validity of a pairing link, in words.
var LinkLife = fmt.Sprintf("%d minutes", int(approval.LinkLife.Minutes()))

// printLink prints a pairing link on the terminal of a sandbox server, as a person who tries the program
// would otherwise need a second terminal.
func (a *App) printLink(ctx context.Context) {
	if a.cfg.Real() || !a.cfg.Consent.NeedsPerson() || a.options.Terminal == nil {
		return
	}
	address, err := a.Links.Pairing(ctx, "", "")
	if err != nil {
		a.warn(fmt.Errorf("no pairing link: %w", err))
		return
	}
	_, _ = fmt.Fprintf(a.options.Terminal, "To approve requests, open this in your browser, once, within %s:\n%s\n", LinkLife, address)
}

// opener opens requests in a browser on the desktop on which the server runs. The link that it opens pairs
// that browser, and the agent does not see it.
type opener struct {
	app    *App
	mu     sync.Mutex
	opened map[string]window // by proposal, within consent.Lifetime: a repeated call opens no second window
}

// window is an attempt to open a request.
type window struct {
	at     time.Time
	opened bool
}

// MaxWindows is how many windows are opened within consent.Lifetime. Each of them shows all open requests,
// and an agent can make many.
const MaxWindows = 5

const (
	openTime = 2 * time.Second // how long a call waits for an error: some systems return only when the browser is closed
	linkTime = 5 * time.Second // how long a call waits for the store to record the link
)

// browserOpener returns the function that opens requests for a server on stdio, or nil if there is no
// desktop or the policy does not require a person.
func (a *App) browserOpener(cfg config.Config) func(proposal string) bool {
	if cfg.OpenBrowser == "off" || !cfg.Consent.NeedsPerson() || !a.options.desktop() {
		return nil
	}
	webbrowser.Stdout, webbrowser.Stderr = io.Discard, io.Discard // standard output is the protocol's
	return (&opener{app: a, opened: map[string]window{}}).open
}

func (s *opener) open(proposal string) bool {
	if s.app.overHTTP {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.app.options.clock()()
	maps.DeleteFunc(s.opened, func(_ string, w window) bool { return now.Sub(w.at) >= consent.Lifetime })
	if before, tried := s.opened[proposal]; tried {
		return before.opened
	}
	if len(s.opened) >= MaxWindows {
		return false
	}
	ctx, done := context.WithTimeout(context.Background(), linkTime)
	defer done()
	address, err := s.app.Links.Pairing(ctx, "", proposal)
	if err != nil {
		s.app.warn(fmt.Errorf("the request could not be opened in a browser: %w", err))
		return false
	}
	failed := make(chan error, 1)
	go func() { failed <- webbrowser.OpenURL(address) }()
	select {
	case err = <-failed:
	case <-time.After(openTime):
	}
	if err != nil {
		s.app.log.Warn().Err(err).Msg("the browser could not be opened; --open-browser off stops trying")
	}
	s.opened[proposal] = window{now, err == nil}
	return err == nil
}

// desktop reports whether a person can see a browser that this process opens.
func (o Options) desktop() bool {
	switch runtime.GOOS {
	case "darwin", "windows":
		return o.Getenv("SSH_CONNECTION") == ""
	}
	if _, err := os.Stat("/proc/sys/fs/binfmt_misc/WSLInterop"); err == nil {
		return true
	}
	return o.Getenv("DISPLAY") != "" || o.Getenv("WAYLAND_DISPLAY") != ""
}
