package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/approval"
	"github.com/vennio-mcp/vennio-mcp/internal/auth"
	"github.com/vennio-mcp/vennio-mcp/internal/mcpserver"
	"github.com/vennio-mcp/vennio-mcp/internal/observe"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/internal/tenant"
	"github.com/vennio-mcp/vennio-mcp/internal/webhooks"
)

// ServeStdio serves the default tenant on in and out until ctx or in ends.
func (a *App) ServeStdio(ctx context.Context, in io.Reader, out io.Writer) (err error) {
	if a.Store.Shared() || len(a.cfg.SigningSecrets) > 0 { // otherwise the secret is that of the state folder
		if ctx, err = a.checkSecret(ctx); err != nil {
			return err
		}
	}
	defer a.Settle(ctx)()
	return secretError(ctx, mcpserver.Stdio(ctx, a.Server, in, out, mcpserver.StdioOptions{Log: a.log, Subscriptions: a.Subscriptions, Skills: skills(a.cfg)}))
}

// Serve serves MCP, the approval pages and webhooks over HTTP on ln until ctx ends. It closes ln.
func (a *App) Serve(ctx context.Context, ln net.Listener) error {
	a.overHTTP = true
	ctx, o, err := a.prepareHTTP(ctx)
	if err != nil {
		_ = ln.Close()
		return err
	}
	if u, err := url.Parse(a.cfg.Serve.PublicURL); err == nil && (u.Host == "" || u.Hostname() == "localhost") {
		if o.Also, err = listenIPv6(ln); err != nil {
			_ = ln.Close()
			return fmt.Errorf("%s: %w", ln.Addr(), err)
		}
	}
	address := a.announce(ln.Addr().String(), o)
	if a.cfg.Sandbox() && a.Vennio != nil {
		defer a.receiveSandbox(ctx, onThisMachine(address)+webhooks.Path)()
	}
	sse := address + "/sse"
	if o.Stateless {
		sse = "off: no sessions are kept"
	}
	a.log.Info().Str("streamable_http", address+"/mcp").Str("sse", sse).Str("health", address+"/healthz").Msg("serving")
	a.printLink(ctx)
	defer a.reconcileSubscriptions(ctx)()
	defer a.executeFollowUps(ctx)()
	defer a.Settle(ctx)()
	return secretError(ctx, mcpserver.HTTP(ctx, ln, a.Server, o))
}

// onThisMachine returns the address at which this machine itself reaches a server that listens at address: the unspecified
// address means all, and the sandbox sends its events over http to loopback only.
func onThisMachine(address string) string {
	scheme, listens, _ := strings.Cut(address, "://")
	host, port, err := net.SplitHostPort(listens)
	if err != nil || !net.ParseIP(host).IsUnspecified() {
		return address
	}
	return scheme + "://" + net.JoinHostPort("127.0.0.1", port)
}

// prepareHTTP checks the signing secret, and makes the handlers and options of the HTTP server. The
// context that it returns ends when another signing secret is found.
func (a *App) prepareHTTP(ctx context.Context) (context.Context, mcpserver.HTTPOptions, error) {
	ctx, err := a.checkSecret(ctx)
	if err != nil {
		return ctx, mcpserver.HTTPOptions{}, err
	}
	if err := a.openWebhooks(); err != nil {
		return ctx, mcpserver.HTTPOptions{}, err
	}
	o, err := a.httpOptions(ctx)
	if err != nil {
		return ctx, o, err
	}
	a.Pages.SignIn = a.signIn()
	o.Pages = map[string]http.Handler{approval.Path: a.Pages, strings.TrimSuffix(approval.Path, "/"): a.Pages}
	o.Deliveries = map[string]http.Handler{webhooks.Path: a.webhooks.Handler(), webhooks.TenantsPath: a.webhooks.Handler()}
	return ctx, o, nil
}

func (a *App) httpOptions(ctx context.Context) (o mcpserver.HTTPOptions, err error) {
	s := a.cfg.Serve
	access := a.cfg.Access(a.keys)
	if access.OAuth != nil {
		access.OAuth.Warn = func(err error) { a.log.Warn().Err(err).Msg("tokens of the authorization server cannot be checked") }
	}
	o = mcpserver.HTTPOptions{
		Log: a.log, Subscriptions: a.Subscriptions, Unready: a.unready, Notes: a.notes, Open: a.metrics.Open, Metrics: a.metrics.Handler(),
		AllowedHosts: slices.Clone(s.AllowedHosts), AllowedOrigins: slices.Clone(s.AllowedOrigins), Proxies: s.Proxies,
		Tenant: a.TenantServer, Several: len(a.cfg.Tenants) > 0 || s.CallerKeys, Rate: float64(s.Rate), RateAll: float64(s.RateAll),
		Card: card(a.options.Version), PublicURL: s.PublicURL,
		Stateless: s.Stateless, SessionTTL: s.SessionIdle, RequestContext: observe.HTTPContext,
	}
	if o.Access, err = auth.New(ctx, access); err != nil {
		return o, err
	}
	if o.Access.Required() {
		const perCaller, total = 50, 500 // calls per second
		o.Rate, o.RateAll = cmp.Or(o.Rate, perCaller), cmp.Or(o.RateAll, total)
	}
	if u, err := url.Parse(s.PublicURL); err == nil && u.Host != "" {
		o.AllowedHosts, o.AllowedOrigins = append(o.AllowedHosts, u.Host), append(o.AllowedOrigins, s.PublicURL)
	}
	if s.TLSCert != "" {
		o.TLS, err = mcpserver.TLS(s.TLSCert, s.TLSKey, a.log)
	}
	return o, err
}

// card returns the identity of the program in its server card. .release/server.json has the same.
func card(version string) mcpserver.Card {
	return mcpserver.Card{
		Name: "io.github.vennio-mcp/vennio-mcp", Title: title, Version: version, Repository: "https://github.com/vennio-mcp/vennio-mcp",
		Description: "Find a time and book it with Vennio, and never without consent on record.",
	}
}

// signIn lets people pair their browser by signing in at the issuer, if it is set. The first sign-in makes
// the first request to the issuer.
func (a *App) signIn() *approval.SignIn {
	o, ok := a.cfg.SignIn()
	if !ok {
		return nil
	}
	o.RedirectURL, o.Now = a.cfg.Serve.PublicURL+approval.SignedInPath, a.options.clock()
	o.Warn = func(err error) { a.log.Warn().Err(err).Msg("somebody could not sign in to approve") }
	return &approval.SignIn{Issuer: auth.NewSignIn(o), Keys: a.keys}
}

// announce sets the address of the approval pages, logs warnings about settings that fit the listening
// address badly, and returns the URL of the server.
func (a *App) announce(listens string, o mcpserver.HTTPOptions) string {
	address := "http://" + listens
	if o.TLS != nil {
		address = "https://" + listens
	}
	host, port, err := net.SplitHostPort(listens)
	loopback := err == nil && auth.LoopbackHost(host)
	switch {
	case a.cfg.Serve.PublicURL != "":
		a.Links.SetBase(a.cfg.Serve.PublicURL)
	case loopback: // under localhost, browsers treat all pages of this machine's servers as one site, and passkeys work
		a.Links.SetBase(strings.TrimSuffix(address, listens) + net.JoinHostPort("localhost", port))
	default:
		a.Links.SetBase(address)
	}
	if loopback {
		public, err := url.Parse(a.cfg.Serve.PublicURL)
		published := err == nil && public.Host != "" && !auth.LoopbackHost(public.Hostname())
		if !o.Access.Required() && (published || a.cfg.Serve.Proxies > 0) {
			warning := "callers are not authenticated, so everybody whom the proxy lets in can call the tools"
			if o.Access.CallerKeys() {
				warning = "callers need no token, only a Vennio API key of their own, so they are neither known nor limited one by one"
			}
			a.log.Warn().Msg(warning + ": run vennio-mcp token new NAME and list its line in the settings, or let the proxy authenticate them")
		}
		return address
	}
	if o.TLS == nil && a.cfg.Serve.Proxies == 0 {
		a.log.Warn().Msg("tokens travel in clear text: set VENNIO_MCP_TLS_CERT and VENNIO_MCP_TLS_KEY, or VENNIO_MCP_TRUSTED_PROXIES where a proxy speaks TLS")
	}
	if len(o.AllowedHosts) == 0 {
		a.log.Warn().Msg("only loopback names pass as Host: set VENNIO_MCP_PUBLIC_URL or VENNIO_MCP_ALLOWED_HOSTS to the names by which callers reach this server")
	}
	return address
}

// unready returns why calls cannot be served at present. It does not check Vennio: while Vennio is
// unavailable, calls are still answered, with the reason.
func (a *App) unready(ctx context.Context) (why []string) {
	ctx, done := context.WithTimeout(ctx, 2*time.Second)
	defer done()
	if err := a.Store.Probe(ctx); err != nil {
		a.log.Error().Err(err).Msg("the store cannot be written")
		why = append(why, "the store cannot be written: consent cannot be recorded, so nothing can be booked; see vennio-mcp doctor")
	}
	if a.webhooks.Stopped() != nil { // the job engine has logged the reason
		why = append(why, "follow-ups of webhook events cannot be executed: the job engine does not start; see the log")
	}
	_ = a.Store.Now() // reads the database's clock again if the last reading is old
	return why
}

// notes reports a difference between the clocks of this machine and the database. Consents and follow-ups
// use the database's clock.
func (a *App) notes() []string {
	if ahead := a.Store.LastSkew(); ahead.Abs() > sqldb.MaxSkew {
		return []string{sqldb.SkewText(ahead) + ", which decides; run NTP"}
	}
	return nil
}

const (
	secretWait  = 2 * time.Second // for the store, before the server starts without the check
	secretAgain = time.Second     // between later checks
)

// checkSecret returns an error if processes that use the same store have another signing secret. While the
// store is unavailable it checks again in the background; the context that it returns ends if the secret
// turns out to be another one, with tenant.ErrOtherSecret as its cause.
func (a *App) checkSecret(ctx context.Context) (context.Context, error) {
	if a.Store.Volatile() || a.keys.Temporary() {
		return ctx, nil
	}
	limited, done := context.WithTimeout(ctx, secretWait)
	defer done()
	err := a.keys.Register(limited, a.Store)
	if err == nil || errors.Is(err, tenant.ErrOtherSecret) {
		return ctx, err
	}
	a.log.Warn().Err(err).Msg("the store cannot be asked yet whether others use the same signing secret")
	ctx, end := context.WithCancelCause(ctx)
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-time.After(secretAgain):
			}
			switch err := a.keys.Register(ctx, a.Store); {
			case err == nil:
				return
			case errors.Is(err, tenant.ErrOtherSecret):
				end(err)
				return
			}
		}
	}()
	return ctx, nil
}

// secretError returns err, or the error that checkSecret found in the background.
func secretError(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); err == nil && errors.Is(cause, tenant.ErrOtherSecret) {
		return cause
	}
	return err
}

// Listen serves h on addr until stop, for requests whose Host is a loopback name or one of hosts. Every
// listener of the program is opened here, except those of Serve and Links, which have their own checks.
func Listen(ctx context.Context, addr string, h http.Handler, hosts ...string) (address string, stop func(), err error) {
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return "", nil, err
	}
	srv := &http.Server{Handler: mcpserver.OnlyHosts(h, hosts...), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = srv.Serve(ln) }()
	return "http://" + ln.Addr().String(), func() { _ = srv.Close() }, nil
}
