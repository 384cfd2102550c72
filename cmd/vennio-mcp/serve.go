package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"

	"github.com/spf13/cobra"

	"github.com/vennio-mcp/vennio-mcp/internal/approve"
	"github.com/vennio-mcp/vennio-mcp/internal/config"
	"github.com/vennio-mcp/vennio-mcp/internal/events"
	"github.com/vennio-mcp/vennio-mcp/internal/serve"
)

func (p program) serveCommand() *cobra.Command {
	var addr string
	c := &cobra.Command{
		Use: "serve", Short: "Serve MCP over SSE (/sse, /message) and Streamable HTTP (/mcp)", Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := onLoopback(addr); err != nil {
				return err
			}
			cfg, err := p.config(c)
			if err != nil {
				return err
			}
			a, err := p.assemble(c.Context(), cfg)
			if err != nil {
				return err
			}
			defer a.close()
			ln, err := new(net.ListenConfig).Listen(c.Context(), "tcp", addr)
			if err != nil {
				return err
			}
			return a.serve(c.Context(), p, cfg, ln)
		},
	}
	c.Flags().StringVar(&addr, "addr", "127.0.0.1:8080", "loopback address to listen on; port 0 takes a free one")
	return c
}

// serve answers on ln until ctx ends.
func (a *assembled) serve(ctx context.Context, p program, cfg config.Config, ln net.Listener) error {
	in, err := a.inbox(p, cfg)
	if err != nil {
		_ = ln.Close()
		return err
	}
	url := "http://" + ln.Addr().String()
	a.links.at(url)
	if cfg.Sandbox() {
		a.hearSandbox(ctx, in, url+events.Path)
	}
	a.log.Info().Str("streamable_http", url+"/mcp").Str("sse", url+"/sse").Str("health", url+"/healthz").Msg("serving")
	defer a.follow(ctx, in)()
	return serve.HTTP(ctx, ln, a.mcp, serve.HTTPOptions{
		Log: a.log, Feed: a.feed, Unready: a.unready, Open: a.watch.Open,
		Pages: map[string]http.Handler{approve.Path: a.page, events.Path: in.Handler(), "/metrics": a.watch.Handler()},
	})
}

// hearSandbox subscribes to the events of the built-in sandbox, which can reach
// this server without anybody's doing.
func (a *assembled) hearSandbox(ctx context.Context, in *events.Inbox, url string) {
	if _, err := subscribe(ctx, a.vennio, in, url, documented(a.vennio.Dialect())); err != nil {
		a.log.Error().Err(err).Msg("the sandbox's events are not heard")
		return
	}
	a.log.Info().Str("at", url).Msg("hearing the sandbox's events; like its bookings they are kept in memory, so vennio-mcp events does not see them")
}

// onLoopback refuses to serve calendars to a network that nobody is asked to
// log in from.
func onLoopback(addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return usageError{fmt.Errorf("--addr %q: want host:port, such as 127.0.0.1:8080", addr)}
	}
	if loopback(host) {
		return nil
	}
	return usageError{fmt.Errorf("--addr %q: only loopback (127.0.0.1, ::1 or localhost) can be served, since callers are not asked who they are", addr)}
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}
