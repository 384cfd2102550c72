package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/mark3labs/mcp-go/server"
	"github.com/rs/zerolog"

	"github.com/vennio-mcp/vennio-mcp/internal/approval"
	"github.com/vennio-mcp/vennio-mcp/internal/auth"
	"github.com/vennio-mcp/vennio-mcp/internal/config"
	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/files"
	"github.com/vennio-mcp/vennio-mcp/internal/mcpserver"
	"github.com/vennio-mcp/vennio-mcp/internal/observe"
	"github.com/vennio-mcp/vennio-mcp/internal/resources"
	"github.com/vennio-mcp/vennio-mcp/internal/scheduling"
	"github.com/vennio-mcp/vennio-mcp/internal/slots"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/internal/tenant"
	"github.com/vennio-mcp/vennio-mcp/internal/webhooks"
	"github.com/vennio-mcp/vennio-mcp/prompts"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/tools"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/sandbox"
)

// assembled is the server, ready for a transport.
type assembled struct {
	mcp   *server.MCPServer // of the default tenant, like feed; nil until it is asked for
	pages *approval.Pages
	links *links // where the page is found
	feed  *mcpserver.Subscriptions
	// feeds are those of the tenants that the settings have, the default one's too;
	// each is told of every booking of its tenant that changed, here or in Vennio.
	feeds     map[string]*mcpserver.Subscriptions
	notifiers map[string]*resources.Notifier // of the same tenants
	vennio    *vennioclient.Client
	store     *sqldb.DB
	ledger    *consent.Ledger
	keys      tenant.Keyring    // authenticates slot ids, cookies and the states of questions
	inboxes   *webhooks.Service // told of requests that wait for a person; nil where no inbox is served
	// stopped says why follow-ups are not carried out; nil where no inbox is served.
	stopped func() error
	watch   *observe.Metrics
	// settlers settle what was sent and whose outcome was not noted.
	settlers settlers
	pace     settlePace
	spans    *observe.Traces
	log      zerolog.Logger
	close    func()

	process  string // tells this process apart from others
	overHTTP bool   // callers connect over HTTP: without a token it is not known which program they are
}

// assemble wires settings to a server. With no key it starts the sandbox first.
func (p program) assemble(ctx context.Context, cfg config.Config) (*assembled, error) {
	a, err := p.found(ctx, cfg)
	if err != nil {
		return nil, err
	}
	if a.mcp, err = a.newTenantServer(ctx, p, cfg, "", a.feed); err != nil {
		a.close()
		return nil, err
	}
	return a, nil
}

// found lays what all tenants stand on.
func (p program) found(ctx context.Context, cfg config.Config) (*assembled, error) {
	a, err := p.watching(ctx, cfg)
	if err != nil {
		return nil, err
	}
	a.feed = mcpserver.NewSubscriptions(resources.Known)
	a.feeds = map[string]*mcpserver.Subscriptions{"": a.feed}
	for _, t := range cfg.Tenants {
		a.feeds[t.Name] = mcpserver.NewSubscriptions(resources.Known)
	}
	a.notifiers = make(map[string]*resources.Notifier)
	for tenant, feed := range a.feeds {
		a.notifiers[tenant] = resources.NewNotifier(feed.Updated, p.clock())
	}
	if a.keys, err = signingKeys(cfg, a.log); err != nil {
		a.close()
		return nil, err
	}
	a.ledger, a.process = a.openLedger(p, cfg), rand.Text()
	a.pages = approval.New(a.ledger)
	a.pages.Sandbox = !cfg.Real()
	a.pages.AccountOf = func(tenant string) (approval.Account, error) { return a.settlers.of(tenant) }
	a.pages.PolicyOf = func(tenant string) consent.Policy { return policyFor(cfg, tenant) }
	a.pages.Pairings = approval.NewPairings(a.store, a.clock(p))
	a.pages.HTTPS = strings.HasPrefix(cfg.Serve.PublicURL, "https:")
	a.pages.Warn = a.warn
	a.links = &links{pages: a.pages}
	a.settlers.make, a.pace = a.account(p, cfg), p.pace.withDefaults()
	if a.store.Shared() {
		a.links.at(cfg.Serve.PublicURL) // where another process shows the page, if this one is on stdio
	}
	return a, nil
}

// newTenantServer returns the MCP server of one tenant ("" is the default one), which reports
// its changes to feed.
func (a *assembled) newTenantServer(ctx context.Context, p program, cfg config.Config, name string, feed *mcpserver.Subscriptions) (*server.MCPServer, error) {
	log := a.log
	id, key := cfg.Identity(name), cfg.APIKey.Reveal()
	switch {
	case cfg.Sandbox():
		box, err := p.startSandbox(ctx, "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("start the sandbox: %w", err)
		}
		a.closing(box.close)
		key, cfg.APIURL = sandbox.DefaultKey(), box.url
		id = cfg.Identity(name)
		id.Realm = "sandbox" // its port differs each time
		cfg.Hosts = sandboxHosts()
		log.Log().Str(zerolog.LevelFieldName, zerolog.LevelWarnValue).Msg(schemas.SandboxText) // whatever the log level: nothing here is real
	default:
		a.usesVennio(cfg, name, p.clock()())
	}
	client, err := a.client(cfg, key)
	if err != nil {
		return nil, err
	}
	if name == "" {
		a.vennio = client
	}
	notifier := a.notifiers[name]
	if notifier == nil { // of a caller's own key, about which no events are received
		notifier = resources.NewNotifier(feed.Updated, p.clock())
	}
	d := a.deps(p, cfg, id, client, key)
	d.Changed = notifier.Wrote
	a.settlers.add(d)
	return newServer(d, observe.Tools(log, a.watch), a.spans.Tools), nil
}

// client is a client of Vennio that is watched.
func (a *assembled) client(cfg config.Config, key string) (*vennioclient.Client, error) {
	return vennioclient.New(key, vennioclient.WithBaseURL(cfg.APIURL), vennioclient.WithDialect(cfg.Dialect),
		vennioclient.WithUserAgent("vennio-mcp/"+version()), vennioclient.WithHTTPClient(httpClient(cfg.Timeout, a.watched)),
		vennioclient.WithRetry(vennioclient.Retry{Sleep: tools.WaitForVennio}))
}

// deps is what the tools of a tenant use.
func (a *assembled) deps(p program, cfg config.Config, id tenant.Identity, client *vennioclient.Client, key string) *tools.Deps {
	return &tools.Deps{
		Service: scheduling.Service{
			Tenant: id.Name, Account: id.Origin, Vennio: client, NoMail: vennioclient.KeyKind(key).Test(),
			Slots: slots.NewSigner(a.keys, id.Realm, a.clock(p)), Ledger: a.ledger,
			Hosts: cfg.Hosts, Names: scheduling.NewHostNames(client, p.clock()),
			Now: a.clock(p), Zone: cfg.Zone, WeekStart: cfg.WeekStart, WorkingHours: cfg.WorkingHours,
			Limits: cfg.Limits, Rollout: cfg.Canary, Warn: a.warn,
		},
		Conversation: tools.Conversation{
			Policy: cfg.Consent, Keys: a.keys.ForTenant(id.Name), ApprovalURL: a.links.to,
			FormsCount: func(ctx context.Context) bool {
				caller := auth.From(ctx)
				return !a.overHTTP || !caller.Anonymous() && caller.May(auth.ScopeAsk)
			},
			CallerName: func(ctx context.Context) string { return auth.From(ctx).Name },
			Present:    a.presents(p, cfg),
			Requested:  func(ctx context.Context, p consent.Proposal, client string) { a.requested(ctx, id.Name, p, client) },
			Caller:     a.caller,
		},
		Sandbox: cfg.Sandbox(), Selection: cfg.Tools,
	}
}

// policyFor is what counts as consent for a tenant; callers with keys of their own have the common
// policy.
func policyFor(cfg config.Config, tenant string) consent.Policy {
	if own, ok := cfg.Of(tenant); ok {
		return own.Consent
	}
	return cfg.Consent
}

func (a *assembled) warn(err error) {
	a.log.Error().Err(err).Msg("something beside a tool call failed")
}

// caller identifies who calls: over HTTP by their token and tenant, over stdio by this process, whose
// parent is the only caller. All callers of an open serve are one.
func (a *assembled) caller(ctx context.Context) string {
	switch c := auth.From(ctx); {
	case !a.overHTTP:
		return "process " + a.process
	case c.Anonymous() && c.Tenant == "":
		return "unauthenticated"
	default:
		return "token " + c.Owner()
	}
}

// usesVennio tells of a tenant's account. Of callers' own keys, of which they bring
// as many as they like, nothing is kept, and little is told.
func (a *assembled) usesVennio(cfg config.Config, tenant string, now time.Time) {
	level := zerolog.DebugLevel
	if a.feeds[tenant] != nil {
		a.watchKey(tenant, cfg, now)
		level = zerolog.InfoLevel
	}
	a.log.WithLevel(level).Str("vennio", cfg.APIURL).Str("dialect", string(cfg.Dialect)).
		Str("key", string(vennioclient.KeyKind(cfg.APIKey.Reveal()))).Str("tenant", tenant).Msg("using Vennio")
}

// openLedger keeps the ledger in the database or the state folder; that of the
// sandbox, whose bookings are made up, in memory. It is opened when first needed.
func (a *assembled) openLedger(p program, cfg config.Config) *consent.Ledger {
	where := cfg.Store()
	if !cfg.Real() {
		where = ""
	}
	a.store = sqldb.OpenWith(where, p.store)
	a.closing(func() {
		a.links.close()
		_ = a.store.Close()
	})
	return consent.New(a.store, p.now, a.watch.Consent)
}

// closing adds to what is done at the end, the last added first.
func (a *assembled) closing(do func()) {
	before := a.close
	a.close = func() {
		do()
		before()
	}
}

// newServer is everything an agent meets. Nothing is added to it once it is
// served.
func newServer(d *tools.Deps, around ...tools.Middleware) *server.MCPServer {
	catalog, policy := tools.Catalog(*d), policyOf(d)
	policy.Tools = tools.Names(catalog)
	s := server.NewMCPServer("vennio-mcp", version(),
		server.WithTitle("Vennio scheduling"), server.WithInstructions(prompts.Instructions(policy.Tools, d.Policy)),
		server.WithToolCapabilities(false), server.WithPromptCapabilities(false), server.WithResourceCapabilities(true, false),
		server.WithCompletions(), server.WithPromptCompletionProvider(prompts.Completer{Hosts: d.HostNames}), server.WithRecovery())
	bound := make([]server.ServerTool, len(catalog))
	for i, tool := range catalog {
		bound[i] = tool.Bind(around...)
	}
	s.AddTools(bound...)
	s.AddPrompts(prompts.Catalog(policy.Tools, d.Policy)...)
	resources.Register(s, policy, bound...)
	return s
}

func policyOf(d *tools.Deps) resources.Policy {
	p := resources.Policy{
		Consent: d.Policy, ReadOnly: d.Selection.ReadOnly, Timezone: d.Zone.String(), HostNames: d.HostNames, Sandbox: d.Sandbox, Mail: !d.NoMail && !d.Sandbox,
		GuestDomains: d.Limits.GuestDomains, Hours: d.Limits.Hours.String(), WorkingHours: d.WorkingHours.String(), DailyBookings: d.Limits.Daily,
	}
	if d.Limits.MaxPrice != nil {
		p.MaxPrice = d.Limits.MaxPrice.String()
	}
	return p
}

// clock is the time that all processes of one store agree on.
func (a *assembled) clock(p program) func() time.Time {
	if p.now != nil {
		return p.now
	}
	return a.store.Now
}

// clock is this machine's.
func (p program) clock() func() time.Time {
	if p.now != nil {
		return p.now
	}
	return time.Now
}

// httpClient keeps enough idle connections for as many calls as run at once.
func httpClient(timeout time.Duration, watched func(http.RoundTripper) http.RoundTripper) *http.Client {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConnsPerHost = 64
	return &http.Client{Timeout: timeout, Transport: tools.AwaitVennio(watched(t))}
}

// signingKeys returns the keyring of the settings or of the state folder. Where
// neither is usable it is a temporary one. It is an error if others could change the
// folder that is used.
func signingKeys(cfg config.Config, log zerolog.Logger) (tenant.Keyring, error) {
	if dir := cfg.Store(); cfg.Real() && dir != "" && !sqldb.OnServer(dir) {
		if err := files.CheckPrivate(dir); err != nil {
			return tenant.Keyring{}, fmt.Errorf("the state folder: %w", err)
		}
	}
	configured := make([][]byte, len(cfg.SigningSecrets))
	for i, s := range cfg.SigningSecrets {
		configured[i] = []byte(s.Reveal())
	}
	keys, err := tenant.LoadKeyring(configured, cfg.StateDir)
	if _, insecure := errors.AsType[*files.InsecureError](err); insecure || err == nil {
		return keys, err
	}
	log.Warn().Err(err).Msg("the signing secret cannot be stored: slots offered before a restart will have to be searched again")
	return tenant.TemporaryKeyring(), nil
}

func sandboxHosts() (hosts scheduling.Directory) {
	for _, h := range sandbox.Hosts() {
		hosts = append(hosts, scheduling.Host{Name: h.Name, ID: h.ID, Price: h.Price})
	}
	return hosts
}

// box is a running sandbox.
type box struct {
	*sandbox.Server
	url   string
	close func()
}

// startSandbox serves a sandbox on addr, which is on loopback.
func (p program) startSandbox(ctx context.Context, addr string) (*box, error) {
	vennio := sandbox.New(sandbox.Options{Now: p.clock()})
	url, stop, err := listen(ctx, addr, vennio)
	if err != nil {
		vennio.Close()
		return nil, err
	}
	return &box{Server: vennio, url: url, close: func() { stop(); vennio.Close() }}, nil
}

// listen serves h on addr until stop, to requests whose Host is a loopback name or
// one of hosts. Every listener of the program is opened here, but for those of
// serve and of the approval page (links), which have checks of their own.
func listen(ctx context.Context, addr string, h http.Handler, hosts ...string) (url string, stop func(), err error) {
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return "", nil, err
	}
	srv := &http.Server{Handler: mcpserver.OnlyHosts(h, hosts...), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = srv.Serve(ln) }()
	return "http://" + ln.Addr().String(), func() { _ = srv.Close() }, nil
}
