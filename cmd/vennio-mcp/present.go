package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime"
	"sync"
	"time"

	webbrowser "github.com/cli/browser"

	"github.com/vennio-mcp/vennio-mcp/internal/config"
	"github.com/vennio-mcp/vennio-mcp/internal/consent"
)

// presenter opens requests in a browser on the desktop on which the server runs. The link that it opens
// pairs that browser, and the agent does not see it.
type presenter struct {
	a      *assembled
	now    func() time.Time
	mu     sync.Mutex
	opened map[string]window // by proposal, within consent.Lifetime: a repeated call opens no second window
}

// window is an attempt to open a request.
type window struct {
	at     time.Time
	opened bool
}

// windows is how many windows are opened within consent.Lifetime. Each of them shows all open requests, and an
// agent can make many.
const windows = 5

// openTime is how long a call waits for an error: some systems return only when the browser is closed.
const openTime = 2 * time.Second

// presents returns the function that opens requests for a server on stdio, or nil if there is no desktop or
// the policy does not require a person.
func (a *assembled) presents(p program, cfg config.Config) func(proposal string) bool {
	if cfg.OpenBrowser == "off" || cfg.Consent != consent.PolicyHuman || !p.desktop() {
		return nil
	}
	webbrowser.Stdout, webbrowser.Stderr = io.Discard, io.Discard // standard output is the protocol's
	return (&presenter{a: a, now: p.clock(), opened: map[string]window{}}).open
}

// presentTime is how long a call waits for the store to record the link.
const presentTime = 5 * time.Second

func (s *presenter) open(proposal string) bool {
	if s.a.overHTTP {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	maps.DeleteFunc(s.opened, func(_ string, w window) bool { return now.Sub(w.at) >= consent.Lifetime })
	if before, tried := s.opened[proposal]; tried {
		return before.opened
	}
	if len(s.opened) >= windows {
		return false
	}
	ctx, done := context.WithTimeout(context.Background(), presentTime)
	defer done()
	path, err := s.a.links.pairing(ctx, "", proposal)
	if err != nil {
		s.a.warn(fmt.Errorf("the request could not be opened in a browser: %w", err))
		return false
	}
	failed := make(chan error, 1)
	go func() { failed <- webbrowser.OpenURL(path) }()
	select {
	case err = <-failed:
	case <-time.After(openTime):
	}
	if err != nil {
		s.a.log.Warn().Err(err).Msg("the browser could not be opened; --open-browser off stops trying")
	}
	s.opened[proposal] = window{now, err == nil}
	return err == nil
}

// desktop reports whether a person can see a browser that this process opens.
func (p program) desktop() bool {
	switch runtime.GOOS {
	case "darwin", "windows":
		return p.getenv("SSH_CONNECTION") == ""
	}
	if _, err := os.Stat("/proc/sys/fs/binfmt_misc/WSLInterop"); err == nil {
		return true
	}
	return p.getenv("DISPLAY") != "" || p.getenv("WAYLAND_DISPLAY") != ""
}
