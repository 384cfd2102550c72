package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/vennio-mcp/vennio-mcp/internal/app"
	"github.com/vennio-mcp/vennio-mcp/internal/auth"
	"github.com/vennio-mcp/vennio-mcp/internal/config"
)

const serveAbout = `Serves MCP over SSE (/sse, /message) and Streamable HTTP (/mcp).

On loopback callers are not authenticated, unless tokens are set. On any other address
callers must send a bearer token, which is listed in the settings file
(vennio-mcp token new NAME) or issued by an OAuth authorization server: docs/operations/serving.md.`

func (p program) serveCommand() *cobra.Command {
	addr := "127.0.0.1:8080"
	c := &cobra.Command{
		Use: "serve", Short: "Serve MCP over SSE (/sse, /message) and Streamable HTTP (/mcp)", Long: serveAbout, Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := p.config(c)
			if err == nil {
				err = mayListen(addr, cfg)
			}
			if err != nil {
				return err
			}
			return p.serve(c.Context(), addr, cfg)
		},
	}
	textFlag(c, &addr, "addr", "address", "address to listen on; beyond loopback callers need a token; port 0 takes a free one")
	settingFlags(c, config.Settings(), false)
	return c
}

// serve listens until ctx ends.
func (p program) serve(ctx context.Context, addr string, cfg config.Config) error {
	a, err := p.newServeApp(ctx, cfg)
	if err != nil {
		return err
	}
	defer a.Close()
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return listenError("--addr", addr, err)
	}
	return a.Serve(ctx, ln)
}

// newServeApp makes the default tenant's server at once, so that its mistakes show, unless all callers
// belong to other tenants.
func (p program) newServeApp(ctx context.Context, cfg config.Config) (*app.App, error) {
	if cfg.Sandbox() && cfg.Real() {
		return app.New(cfg, p.appOptions(cfg))
	}
	return p.newApp(ctx, cfg)
}

// mayListen refuses an address beyond loopback unless callers are authenticated.
func mayListen(addr string, cfg config.Config) error {
	if len(cfg.Serve.Tokens) > 0 || cfg.Serve.OAuth != nil {
		return hostPort(addr)
	}
	if err := loopbackOnly(addr); !errors.Is(err, errNotLoopback) {
		return err
	}
	return usageError{errors.New("--addr " + addr + ": beyond loopback (127.0.0.1, ::1 or localhost) callers must be authenticated, and no token is set. " +
		"Run vennio-mcp token new NAME, put the line it prints under tokens: in the settings file (VENNIO_MCP_SETTINGS) or into VENNIO_MCP_TOKENS_FILE, " +
		"or set oauth there; see docs/operations/serving.md")}
}

// listenError returns the next step if an address cannot be listened on; flag names the flag that sets it.
func listenError(flag, addr string, err error) error {
	host, _, _ := net.SplitHostPort(addr)
	const inUse, notPermitted = syscall.Errno(10048), syscall.Errno(10013) // WSAEADDRINUSE, WSAEACCES: Windows has its own numbers
	windows := runtime.GOOS == "windows"
	switch {
	case errors.Is(err, syscall.EADDRINUSE), windows && errors.Is(err, inUse):
		return fmt.Errorf("%s %s: another program uses this port: end it, or take a free port with %s %s", flag, addr, flag, net.JoinHostPort(host, "0"))
	case errors.Is(err, syscall.EACCES), windows && errors.Is(err, notPermitted):
		return fmt.Errorf("%s %s: this user may not listen on this port: take one above 1023, or a free one with %s %s", flag, addr, flag, net.JoinHostPort(host, "0"))
	}
	return fmt.Errorf("%s %s: %w", flag, addr, err)
}

var errNotLoopback = errors.New("only loopback (127.0.0.1, ::1 or localhost) can be served")

// loopbackOnly refuses addresses that other machines can reach.
func loopbackOnly(addr string) error {
	if err := hostPort(addr); err != nil {
		return err
	}
	if host, _, _ := net.SplitHostPort(addr); auth.LoopbackHost(host) {
		return nil
	}
	return fmt.Errorf("--addr %q: %w", addr, errNotLoopback)
}

func hostPort(addr string) error {
	if _, _, err := net.SplitHostPort(addr); err != nil {
		return usageError{fmt.Errorf("--addr %q: want host:port, such as 127.0.0.1:8080", addr)}
	}
	return nil
}
