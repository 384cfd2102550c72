package main

import (
	"cmp"
	"fmt"
	"net"
	"net/http"
	"net/netip"

	"github.com/spf13/cobra"

	"github.com/vennio-mcp/vennio-mcp/internal/approve"
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
			in, err := a.inbox(p, cfg)
			if err != nil {
				return err
			}
			ln, err := new(net.ListenConfig).Listen(c.Context(), "tcp", addr)
			if err != nil {
				return err
			}
			url := "http://" + ln.Addr().String()
			a.links.at(cmp.Or(cfg.PublicURL, url))
			a.log.Info().Str("streamable_http", url+"/mcp").Str("sse", url+"/sse").Str("health", url+"/healthz").Msg("serving")
			defer a.follow(c.Context(), in)()
			return serve.HTTP(c.Context(), ln, a.mcp, serve.HTTPOptions{
				Log: a.log, Feed: a.feed, Unready: a.unready, Open: a.watch.Open,
				Pages: map[string]http.Handler{approve.Path: a.page, events.Path: in.Handler(), "/metrics": a.watch.Handler()},
			})
		},
	}
	c.Flags().StringVar(&addr, "addr", "127.0.0.1:8080", "loopback address to listen on; port 0 takes a free one")
	return c
}

// onLoopback refuses to serve calendars to a network that nobody is asked to
// log in from.
func onLoopback(addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return usageError{fmt.Errorf("--addr %q: want host:port, such as 127.0.0.1:8080", addr)}
	}
	if ip, err := netip.ParseAddr(host); host == "localhost" || err == nil && ip.IsLoopback() {
		return nil
	}
	return usageError{fmt.Errorf("--addr %q: only loopback (127.0.0.1, ::1 or localhost) can be served, since callers are not asked who they are", addr)}
}
