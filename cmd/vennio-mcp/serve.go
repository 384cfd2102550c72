package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/vennio-mcp/vennio-mcp/internal/approval"
	"github.com/vennio-mcp/vennio-mcp/internal/auth"
	"github.com/vennio-mcp/vennio-mcp/internal/config"
	"github.com/vennio-mcp/vennio-mcp/internal/mcpserver"
	"github.com/vennio-mcp/vennio-mcp/internal/observe"
	"github.com/vennio-mcp/vennio-mcp/internal/webhooks"
)

const serveAbout = `Serves MCP over SSE (/sse, /message) and Streamable HTTP (/mcp).

On loopback callers are not authenticated, unless tokens are set. On any other address
callers must send a bearer token, which is listed in the settings file
(vennio-mcp token new NAME) or issued by an OAuth authorization server: docs/security.md.`

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

// hearSandbox subscribes to the events of the built-in sandbox, which can reach
// this server without anybody's doing.
func (a *assembled) hearSandbox(ctx context.Context, in *webhooks.Service, url string) {
	if _, err := subscribe(ctx, a.vennio, in.Of(""), url, documented(a.vennio.Dialect())); err != nil {
		a.log.Error().Err(err).Msg("the sandbox's events are not received")
		return
	}
	a.log.Info().Str("at", url).Msg("receiving the sandbox's events; like its bookings they are kept in memory, so vennio-mcp events does not see them")
}

// serve listens until ctx ends.
func (p program) serve(ctx context.Context, addr string, cfg config.Config) error {
	a, err := p.open(ctx, cfg)
	if err != nil {
		return err
	}
	defer a.close()
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return listenError("--addr", addr, err)
	}
	return a.serve(ctx, p, cfg, ln)
}

// serve answers on ln until ctx ends.
func (a *assembled) serve(ctx context.Context, p program, cfg config.Config, ln net.Listener) error {
	a.overHTTP = true
	ctx, err := a.checkSecret(ctx, cfg)
	if err != nil {
		_ = ln.Close()
		return err
	}
	in, err := a.inbox(p, cfg)
	if err != nil {
		_ = ln.Close()
		return err
	}
	o, err := a.httpOptions(ctx, p, cfg)
	if err != nil {
		_ = ln.Close()
		return err
	}
	a.pages.SignIn = a.signIn(p, cfg)
	o.Pages = map[string]http.Handler{approval.Path: a.pages, strings.TrimSuffix(approval.Path, "/"): a.pages}
	o.Deliveries = map[string]http.Handler{webhooks.Path: in.Handler(), webhooks.TenantsPath: in.Handler()}
	url := a.announce(ln.Addr().String(), cfg, o)
	if cfg.Sandbox() && a.vennio != nil {
		a.hearSandbox(ctx, in, url+webhooks.Path)
	}
	sse := url + "/sse"
	if o.Stateless {
		sse = "off: no sessions are kept"
	}
	a.log.Info().Str("streamable_http", url+"/mcp").Str("sse", sse).Str("health", url+"/healthz").Msg("serving")
	a.printLink(ctx, p, cfg)
	defer a.adopt(ctx, cfg, in)()
	defer a.follow(ctx, in)()
	defer a.settling(ctx)()
	return otherSecret(ctx, mcpserver.HTTP(ctx, ln, a.mcp, o))
}

// signIn lets people pair their browser by signing in at the issuer, where the settings say so. Nothing
// is asked of the issuer before the first of them does.
func (a *assembled) signIn(p program, cfg config.Config) *approval.SignIn {
	o, ok := cfg.SignIn()
	if !ok {
		return nil
	}
	o.RedirectURL, o.Now, o.Warn = cfg.Serve.PublicURL+approval.SignedInPath, p.clock(), func(err error) { a.log.Warn().Err(err).Msg("somebody could not sign in to approve") }
	return &approval.SignIn{Issuer: auth.NewSignIn(o), Keys: a.keys}
}

// open assembles the default tenant at once, so that its mistakes show, unless
// all callers belong to others.
func (p program) open(ctx context.Context, cfg config.Config) (*assembled, error) {
	if cfg.Sandbox() && cfg.Real() {
		return p.found(ctx, cfg)
	}
	return p.assemble(ctx, cfg)
}

func (a *assembled) httpOptions(ctx context.Context, p program, cfg config.Config) (o mcpserver.HTTPOptions, err error) {
	s := cfg.Serve
	known := cfg.Access(a.keys)
	if known.OAuth != nil {
		known.OAuth.Warn = func(err error) { a.log.Warn().Err(err).Msg("tokens of the authorization server cannot be checked") }
	}
	o = mcpserver.HTTPOptions{
		Log: a.log, Subscriptions: a.feed, Unready: a.unready, Notes: a.notes, Open: a.watch.Open, Metrics: a.watch.Handler(),
		AllowedHosts: slices.Clone(s.AllowedHosts), AllowedOrigins: slices.Clone(s.AllowedOrigins), Proxies: s.Proxies,
		Tenant: a.tenant(p, cfg), Several: len(cfg.Tenants) > 0 || s.CallerKeys, Rate: float64(s.Rate), RateAll: float64(s.RateAll),
		Stateless: s.Stateless, SessionTTL: s.SessionIdle, RequestContext: observe.HTTPContext,
	}
	if o.Access, err = auth.New(ctx, known); err != nil {
		return o, err
	}
	if o.Access.Required() {
		const each, all = 50, 500
		o.Rate, o.RateAll = orElse(o.Rate, each), orElse(o.RateAll, all)
	}
	if u, err := url.Parse(s.PublicURL); err == nil && u.Host != "" {
		o.AllowedHosts, o.AllowedOrigins = append(o.AllowedHosts, u.Host), append(o.AllowedOrigins, s.PublicURL)
	}
	if s.TLSCert != "" {
		o.TLS, err = mcpserver.TLS(s.TLSCert, s.TLSKey, a.log)
	}
	return o, err
}

func orElse(set, usual float64) float64 {
	if set == 0 {
		return usual
	}
	return set
}

// announce tells where the pages are found, and warns of what is odd.
func (a *assembled) announce(listens string, cfg config.Config, o mcpserver.HTTPOptions) (url string) {
	url = "http://" + listens
	if o.TLS != nil {
		url = "https://" + listens
	}
	if cfg.Serve.PublicURL != "" {
		a.links.at(cfg.Serve.PublicURL)
	} else {
		a.links.at(onLocalhost(url))
	}
	if onLoopback(listens) {
		return url
	}
	if o.TLS == nil && cfg.Serve.Proxies == 0 {
		a.log.Warn().Msg("tokens travel in clear text: set VENNIO_MCP_TLS_CERT and VENNIO_MCP_TLS_KEY, or VENNIO_MCP_TRUSTED_PROXIES where a proxy speaks TLS")
	}
	if len(o.AllowedHosts) == 0 {
		a.log.Warn().Msg("only loopback names pass as Host: set VENNIO_MCP_PUBLIC_URL or VENNIO_MCP_ALLOWED_HOSTS to the names by which callers reach this server")
	}
	return url
}

// onLocalhost names loopback addresses localhost, under which a browser knows all pages of this
// machine's servers as one site, and passkeys are possible.
func onLocalhost(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	if auth.LoopbackHost(u.Hostname()) {
		u.Host = net.JoinHostPort("localhost", u.Port())
	}
	return u.String()
}

// mayListen refuses to serve calendars to a network that nobody is asked to log
// in from.
func mayListen(addr string, cfg config.Config) error {
	if len(cfg.Serve.Tokens) > 0 || cfg.Serve.OAuth != nil {
		return hostPort(addr)
	}
	if err := loopbackOnly(addr); !errors.Is(err, errNotLoopback) {
		return err
	}
	return usageError{errors.New("--addr " + addr + ": beyond loopback (127.0.0.1, ::1 or localhost) callers must be authenticated, and no token is set. " +
		"Run vennio-mcp token new NAME, put the line it prints under tokens: in the settings file (VENNIO_MCP_SETTINGS) or into VENNIO_MCP_TOKENS_FILE, " +
		"or set oauth there; see docs/security.md")}
}

// listenError says what to do where an address cannot be listened on; flag is the one that names it.
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
	if onLoopback(addr) {
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

func onLoopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	return err == nil && auth.LoopbackHost(host)
}
