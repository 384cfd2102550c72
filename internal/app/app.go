// Package app assembles a vennio-mcp process from its settings: the store, the ledger, the approval
// pages and the MCP server of each tenant. It serves them over stdio and HTTP, and runs what continues in
// the background: settlement, follow-ups of events, and reconciliation of subscriptions.
package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
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

// Options is what an App takes from the program that runs it.
type Options struct {
	Version    string
	Getenv     func(string) string // environment variables that are not settings, such as those of OpenTelemetry
	Log        zerolog.Logger
	Terminal   io.Writer        // the terminal on which a pairing link may be printed; nil if there is none
	Now        func() time.Time // nil: the clock of the store for what several processes decide, and of this machine otherwise
	Store      sqldb.Options
	Settlement Intervals
}

// clock returns the clock of this machine.
func (o Options) clock() func() time.Time {
	if o.Now != nil {
		return o.Now
	}
	return time.Now
}

// App is an assembled process. It serves nothing until Serve or ServeStdio is called.
type App struct {
	Server        *server.MCPServer        // of the default tenant; nil until AddDefaultTenant
	Vennio        *vennioclient.Client     // of the default tenant; nil until AddDefaultTenant
	Subscriptions *mcpserver.Subscriptions // of the default tenant
	Store         *sqldb.DB
	Ledger        *consent.Ledger
	Pages         *approval.Pages
	Links         *Links // to Pages

	cfg     config.Config
	options Options
	log     zerolog.Logger

	// By tenant of the settings, the default one included. Each tenant's subscribers are notified of every
	// change of its bookings, whether it was made here or in Vennio.
	subscriptions map[string]*mcpserver.Subscriptions
	notifiers     map[string]*resources.Notifier
	openings      map[string]*resources.Openings

	keys     tenant.Keyring    // authenticates slot ids, cookies and continuations of requests
	webhooks *webhooks.Service // nil unless this process serves HTTP
	metrics  *observe.Metrics
	traces   *observe.Traces
	vennio   *http.Transport // to Vennio, of all tenants
	accounts accounts
	process  string // differs in each process
	overHTTP bool   // callers connect over HTTP, so only a token identifies a program
	closers  []func()
}

// New assembles what all tenants share. Call Close at the end.
func New(cfg config.Config, o Options) (*App, error) {
	for _, w := range cfg.Warnings {
		o.Log.Warn().Msg(w)
	}
	a := &App{
		cfg: cfg, options: o, log: o.Log, metrics: observe.NewMetrics(o.Version), vennio: newVennioTransport(), process: rand.Text(),
		accounts: accounts{serving: map[string]*tools.Deps{}, idle: map[string]*tools.Deps{}},
	}
	a.atClose(a.vennio.CloseIdleConnections)
	var err error
	if a.traces, err = observe.NewTraces(o.Getenv, o.Version, o.Log); err != nil {
		return nil, err
	}
	a.atClose(func() {
		if err := a.traces.Close(500 * time.Millisecond); err != nil {
			o.Log.Warn().Err(err).Msg("the last traces were not exported")
		}
	})
	if a.keys, err = signingKeys(cfg, o.Log); err != nil {
		a.Close()
		return nil, err
	}
	a.subscriptions = map[string]*mcpserver.Subscriptions{"": mcpserver.NewSubscriptions(resources.Known)}
	for _, t := range cfg.Tenants {
		a.subscriptions[t.Name] = mcpserver.NewSubscriptions(resources.Known)
	}
	a.Subscriptions = a.subscriptions[""]
	a.notifiers, a.openings = make(map[string]*resources.Notifier), make(map[string]*resources.Openings)
	for name, s := range a.subscriptions {
		watch := &resources.Openings{Subscribed: s.Matching, Updated: s.Updated, Now: o.clock(), Earliest: a.earliestOpening(name)}
		a.openings[name] = watch
		a.notifiers[name] = resources.NewNotifier(func(uris ...string) {
			s.Updated(uris...)
			watch.BookingChanged()
		}, o.clock())
	}
	a.Store = sqldb.OpenWith(storeLocation(cfg, o.Log), o.Store)
	a.Ledger = consent.New(a.Store, o.Now, a.metrics.Consent).Pin(cfg.Passkeys)
	a.Pages = a.newPages()
	a.Links = &Links{Pages: a.Pages}
	a.atClose(func() {
		a.Links.Close()
		_ = a.Store.Close()
	})
	if a.Store.Shared() {
		a.Links.SetBase(cfg.Serve.PublicURL) // another process shows the pages if this one serves stdio
	}
	return a, nil
}

func (a *App) newPages() *approval.Pages {
	pages := approval.New(a.Ledger)
	pages.Sandbox = !a.cfg.Real()
	pages.AccountOf = func(tenant string) (approval.Account, error) { return a.account(tenant) }
	pages.PolicyOf = func(tenant string) consent.Policy {
		if own, ok := a.cfg.Of(tenant); ok {
			return own.Consent
		}
		return a.cfg.Consent // of a caller with a key that is not in the settings
	}
	pages.Pairings = approval.NewPairings(a.Store, a.clock())
	if pages.Sandbox {
		pages.Pairings.UseSandboxCookie()
	}
	pages.PublicURL, pages.Keys = a.cfg.Serve.PublicURL, a.keys
	pages.HTTPS = strings.HasPrefix(a.cfg.Serve.PublicURL, "https:")
	pages.Warn = a.warn
	return pages
}

// Close releases everything that the App opened.
func (a *App) Close() {
	for _, do := range slices.Backward(a.closers) {
		do()
	}
}

func (a *App) atClose(do func()) { a.closers = append(a.closers, do) }

// clock returns the clock that all processes of one store agree on.
func (a *App) clock() func() time.Time {
	if a.options.Now != nil {
		return a.options.Now
	}
	return a.Store.Now
}

func (a *App) warn(err error) {
	a.log.Error().Err(err).Msg("something beside a tool call failed")
}

// signingKeys returns the keyring of the settings or of the state folder, or a temporary one if neither
// can be used. It returns an error if other users could change the folder.
func signingKeys(cfg config.Config, log zerolog.Logger) (tenant.Keyring, error) {
	if dir := cfg.Store(); dir != "" && !sqldb.OnServer(dir) {
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

// AddDefaultTenant makes the MCP server of the default tenant. Without an API key it starts a sandbox of
// Vennio first.
func (a *App) AddDefaultTenant(ctx context.Context) (err error) {
	a.Server, err = a.newTenantServer(ctx, a.cfg, "", a.Subscriptions)
	return err
}

// TenantServer returns the server of a caller's tenant, which mcpserver makes at the first call and keeps.
// It lives longer than ctx, the context of that call.
func (a *App) TenantServer(ctx context.Context, c auth.Caller) (mcpserver.Tenant, error) {
	cfg := a.cfg
	if own, ok := cfg.Of(c.Tenant); ok && c.Tenant != "" {
		cfg = own
	} else if c.Key != "" { // the caller sent an API key
		cfg = cfg.ForTenant()
		cfg.APIKey = config.Secret(c.Key)
	}
	t := mcpserver.Tenant{Server: a.Server, Subscriptions: a.Subscriptions, Skills: skills(cfg), Writes: writes(cfg.Tools), Rate: float64(cfg.Serve.Rate)}
	if c.Tenant == "" && a.Server != nil {
		return t, nil
	}
	if t.Subscriptions = a.subscriptions[c.Tenant]; t.Subscriptions == nil { // the tenant is not in the settings
		t.Subscriptions = mcpserver.NewSubscriptions(resources.Known)
		t.Close = func() { a.accounts.remove(c.Tenant) }
	}
	var err error
	t.Server, err = a.newTenantServer(context.WithoutCancel(ctx), cfg, c.Tenant, t.Subscriptions)
	return t, err
}

// skills returns a function that returns the entries of the skills that a tenant is offered, never nil. They
// are made at its first call, because most clients do not ask for them.
func skills(cfg config.Config) func() []mcpserver.Skill {
	return sync.OnceValue(func() []mcpserver.Skill {
		entries := []mcpserver.Skill{}
		for _, s := range prompts.Skills(tools.Names(tools.Catalog(tools.Deps{Selection: cfg.Tools})), cfg.Consent) {
			entries = append(entries, mcpserver.NewSkill(s.URI(), map[string]string{"name": s.Name, "description": s.Description}, s.Text()))
		}
		return entries
	})
}

// writes returns a function that reports whether a tool needs the scope to book.
func writes(selected tools.Selection) func(string) bool {
	var names []string
	d := tools.Deps{Selection: selected, Conversation: tools.Conversation{Card: tools.CardOn}}
	for _, t := range slices.Concat(tools.CatalogWithCards(d)) {
		if !*t.Annotations.ReadOnlyHint {
			names = append(names, t.Name)
		}
	}
	return func(tool string) bool { return slices.Contains(names, tool) }
}

// newTenantServer returns the MCP server of one tenant ("" is the default one), which reports its changes
// to subscriptions.
func (a *App) newTenantServer(ctx context.Context, cfg config.Config, name string, subscriptions *mcpserver.Subscriptions) (*server.MCPServer, error) {
	id, key := cfg.Identity(name), cfg.APIKey.Reveal()
	if cfg.Sandbox() {
		box, err := StartSandbox(ctx, "127.0.0.1:0", a.options.clock(), a.Store)
		if err != nil {
			return nil, fmt.Errorf("start the sandbox: %w", err)
		}
		a.atClose(box.Close)
		key, cfg.APIURL = sandbox.DefaultKey(), box.URL
		id = tenant.NewIdentity(name, "sandbox", key) // not its URL: the port differs in each process
		cfg.Hosts = SandboxHosts()
		a.log.Log().Str(zerolog.LevelFieldName, zerolog.LevelWarnValue).Msg(schemas.SandboxText) // at every log level, because nothing here is real
	} else {
		a.logAccount(cfg, name)
	}
	client, err := a.client(cfg, key)
	if err != nil {
		return nil, err
	}
	if name == "" {
		a.Vennio = client
	}
	notifier := a.notifiers[name]
	if notifier == nil { // the caller sent an API key: no events are received for its account
		notifier = resources.NewNotifier(subscriptions.Updated, a.options.clock())
	}
	d := a.deps(cfg, id, client, key)
	d.Changed = notifier.Wrote
	a.accounts.add(d)
	return a.mcpServer(d), nil
}

// newVennioTransport returns the transport to Vennio, which keeps enough idle connections for as many calls as
// run at once. A new connection takes two or three round trips before its first request, so connections are kept
// while a person thinks about the offered times. Probes find those that were lost meanwhile (a laptop that slept, a
// changed network), for HTTP/2 as pings; otherwise the next request would wait for its timeout.
func newVennioTransport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConns, t.MaxIdleConnsPerHost, t.IdleConnTimeout = 256, 256, vennioIdle
	t.DialContext = (&net.Dialer{
		Timeout:         30 * time.Second,
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3},
	}).DialContext
	t.HTTP2 = &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 5 * time.Second}
	return t
}

// vennioIdle is how long an unused connection to Vennio is kept. Vennio may close it earlier.
const vennioIdle = 10 * time.Minute

// client returns a client of Vennio whose requests are logged, counted and traced.
func (a *App) client(cfg config.Config, key string) (*vennioclient.Client, error) {
	observed := a.traces.Transport(observe.Transport(a.vennio, a.log, a.metrics))
	return vennioclient.New(key, vennioclient.WithBaseURL(cfg.APIURL), vennioclient.WithDialect(cfg.Dialect),
		vennioclient.WithUserAgent("vennio-mcp/"+a.options.Version), vennioclient.WithHTTPClient(&http.Client{Timeout: cfg.Timeout, Transport: tools.AwaitVennio(observed)}),
		vennioclient.WithRetry(vennioclient.Retry{Sleep: tools.WaitForVennio}))
}

// deps returns what the tools of a tenant depend on.
func (a *App) deps(cfg config.Config, id tenant.Identity, client *vennioclient.Client, key string) *tools.Deps {
	return &tools.Deps{
		Service: scheduling.Service{
			Tenant: id.Name, Account: id.Origin, Vennio: client, NoMail: vennioclient.KeyKind(key).Test(),
			Slots: slots.NewSigner(a.keys, id.Realm, a.clock()), Ledger: a.Ledger,
			Hosts: cfg.Hosts, Names: scheduling.NewHostNames(client, a.options.clock()),
			Now: a.clock(), Zone: cfg.Zone, WeekStart: cfg.WeekStart, Preferences: cfg.Preferences, HostPreferences: cfg.HostPreferences,
			Limits: cfg.Limits, Rollout: cfg.Canary, Warn: a.warn,
		},
		Conversation: tools.Conversation{
			Policy: cfg.Consent, Card: tools.CardMode(cfg.Card), FormCard: cfg.Form == "card", Keys: a.keys.ForTenant(id.Name), ApprovalURL: a.Links.Proposal,
			TrustedConnection: func(ctx context.Context) bool {
				caller := auth.From(ctx)
				return !a.overHTTP || !caller.Anonymous() && caller.May(auth.ScopeAsk)
			},
			CallerName: func(ctx context.Context) string { return auth.From(ctx).Name },
			Present:    a.browserOpener(cfg),
			Requested:  func(ctx context.Context, p consent.Proposal, client string) { a.requested(ctx, id.Name, p, client) },
			Caller:     a.caller,
		},
		Sandbox: cfg.Sandbox(), Selection: cfg.Tools,
	}
}

// caller identifies the caller: over HTTP by its token and tenant, over stdio by this process, whose
// parent is the only caller. All callers of a server without authentication are one.
func (a *App) caller(ctx context.Context) string {
	switch c := auth.From(ctx); {
	case !a.overHTTP:
		return "process " + a.process
	case c.Anonymous() && c.Tenant == "":
		return "unauthenticated"
	default:
		return "token " + c.Owner()
	}
}

// title is the name of the server for people.
const title = "Vennio scheduling"

// mcpServer returns an MCP server with all tools, prompts and resources. Nothing is added to it later.
func (a *App) mcpServer(d *tools.Deps) *server.MCPServer {
	catalog, forCards := tools.CatalogWithCards(*d)
	policy := policyOf(d)
	policy.Tools = tools.Names(catalog)
	extensions := d.Extensions()
	extensions[mcpserver.SkillsExtension] = struct{}{}
	s := server.NewMCPServer("vennio-mcp", a.options.Version,
		server.WithTitle(title), server.WithInstructions(prompts.Instructions(policy.Tools, d.Policy)),
		server.WithToolCapabilities(false), server.WithPromptCapabilities(false), server.WithResourceCapabilities(true, false),
		server.WithCompletions(), server.WithPromptCompletionProvider(prompts.Completer{Hosts: d.HostNames}), server.WithRecovery(),
		server.WithExtensions(extensions), server.WithHooks(tools.HideCards()))
	var bound []server.ServerTool
	for _, tool := range slices.Concat(catalog, forCards) {
		bound = append(bound, tool.Bind(observe.Tools(a.log, a.metrics), a.traces.Tools))
	}
	s.AddTools(bound...)
	s.AddPrompts(prompts.Catalog(policy.Tools, d.Policy)...)
	resources.Register(s, policy, bound...)
	resources.RegisterSkills(s, prompts.Skills(policy.Tools, d.Policy)...)
	if d.Card != tools.CardOff {
		resources.RegisterCards(s)
	}
	return s
}

func policyOf(d *tools.Deps) resources.Policy {
	p := resources.Policy{
		Consent: d.Policy, ReadOnly: d.Selection.ReadOnly, Timezone: d.Zone.String(), HostNames: d.HostNames, Sandbox: d.Sandbox, Mail: !d.NoMail && !d.Sandbox,
		GuestDomains: d.Limits.GuestDomains, Hours: d.Limits.Hours.String(), WorkingHours: d.Preferences.Work.String(), DailyBookings: d.Limits.Daily,
		Preferences: d.PreferencesOf(scheduling.Host{}).String(),
	}
	for _, length := range d.Preferences.Lengths {
		p.Lengths = append(p.Lengths, int(length.Minutes()))
	}
	for _, h := range d.Hosts {
		if _, own := d.HostPreferences[strings.ToLower(h.ID)]; own {
			if p.HostPreferences == nil {
				p.HostPreferences = map[string]string{}
			}
			p.HostPreferences[h.Shown()] = d.PreferencesOf(h).Describe()
		}
	}
	if d.Limits.MaxPrice != nil {
		p.MaxPrice = d.Limits.MaxPrice.String()
	}
	return p
}

// logAccount logs which account of Vennio a tenant uses, and records the age of its key. Callers can send
// any number of API keys: nothing is recorded for those, and they are logged at debug level only.
func (a *App) logAccount(cfg config.Config, name string) {
	level := zerolog.DebugLevel
	if a.subscriptions[name] != nil {
		level = zerolog.InfoLevel
		created, err := KeyCreated(cfg, a.options.clock()())
		switch {
		case err != nil:
			a.log.Warn().Err(err).Str("tenant", name).Msg("the age of the API key is not known: set VENNIO_API_KEY_CREATED, or key_created of a tenant")
		case name == "":
			a.metrics.KeySince(created)
		}
	}
	a.log.WithLevel(level).Str("vennio", cfg.APIURL).Str("dialect", string(cfg.Dialect)).
		Str("key", string(vennioclient.KeyKind(cfg.APIKey.Reveal()))).Str("tenant", name).Msg("using Vennio")
}

// KeyCreated returns when the API key was created, according to the settings, or otherwise when it was
// first used with this state folder, which it records.
func KeyCreated(cfg config.Config, now time.Time) (time.Time, error) {
	if !cfg.KeyCreated.IsZero() {
		return cfg.KeyCreated, nil
	}
	return tenant.KeySeen(cfg.StateDir, cfg.APIKey.Reveal(), now)
}
