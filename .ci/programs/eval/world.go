package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"

	"github.com/vennio-mcp/vennio-mcp/internal/app"
	"github.com/vennio-mcp/vennio-mcp/internal/cards"
	"github.com/vennio-mcp/vennio-mcp/internal/config"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/sandbox"
)

// world is what one run of a case acts on: a sandbox of Vennio, the program with that sandbox as its Vennio, and
// an MCP client that is connected to the program over stdio. All of them have the same fixed clock.
type world struct {
	clock  *clock
	vennio *sandbox.Server
	faults *faultHandler
	app    *app.App
	mcp    *client.Client
	hello  *mcp.InitializeResult
	tools  []mcp.Tool
	person *person

	bookings map[string]string // ids of the seeded bookings by name; of a series, the first one
	series   map[string]string // booking id to the name of its seeded booking
	polls    map[string]string // ids of the seeded polls by name
	before   map[string]sandbox.Booking
	closers  []func()
}

// clock is a clock that stays at one time until it is moved.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

// Now returns the time.
func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// newWorld starts everything for one run of a case. Call close at the end.
func newWorld(ctx context.Context, c *Case, v Variant) (w *world, err error) {
	w = &world{clock: &clock{now: c.start()}, person: &person{answer: c.Person}, bookings: map[string]string{}, series: map[string]string{}, polls: map[string]string{}}
	defer func() {
		if err != nil {
			w.close()
			w = nil
		}
	}()
	w.vennio = sandbox.New(sandbox.Options{Now: w.clock.Now, RateLimitPerHour: -1, Wait: noWait})
	w.closers = append(w.closers, w.vennio.Close)
	w.faults = &faultHandler{vennio: w.vennio, replace: c.Calendars}
	address, stop, err := app.Listen(ctx, "127.0.0.1:0", w.faults)
	if err != nil {
		return w, err
	}
	w.closers = append(w.closers, stop)
	if err := w.startProgram(ctx, c, address); err != nil {
		return w, fmt.Errorf("start the program: %w", err)
	}
	if err := w.seed(ctx, c); err != nil {
		return w, fmt.Errorf("prepare the sandbox: %w", err)
	}
	w.faults.set(c.Faults)
	if err := w.connect(ctx, v); err != nil {
		return w, fmt.Errorf("connect to the program: %w", err)
	}
	return w, nil
}

func noWait(ctx context.Context, _ time.Duration) error { return ctx.Err() }

// startProgram assembles the program as its command line does, with the clock and in memory.
func (w *world) startProgram(ctx context.Context, c *Case, vennio string) error {
	settings := map[string]string{
		"VENNIO_API_URL": vennio, "VENNIO_API_KEY": sandbox.DefaultKey(), "VENNIO_API_KEY_CREATED": c.start().Format(time.DateOnly),
		"VENNIO_HOSTS": sandboxHosts(), "VENNIO_TIMEZONE": c.Timezone, "VENNIO_SIGNING_SECRET": "only for the evaluation",
		"VENNIO_TOOLSETS": "scheduling,negotiation,links", "VENNIO_TIMEOUT": "30s", "VENNIO_MCP_OPEN_BROWSER": "off",
	}
	maps.Copy(settings, c.Settings)
	getenv := func(name string) string { return settings[name] }
	cfg, err := config.LoadOn(times.Machine{TZ: &c.Timezone, Now: c.start()}, nil, getenv)
	if err != nil {
		return err
	}
	cfg.StateDir = "" // in memory
	if w.app, err = app.New(ctx, cfg, app.Options{Version: "eval", Getenv: getenv, Now: w.clock.Now}); err != nil {
		return err
	}
	w.closers = append(w.closers, w.app.Close)
	return w.app.AddDefaultTenant(ctx)
}

// sandboxHosts returns the hosts of the sandbox as the setting VENNIO_HOSTS.
func sandboxHosts() string {
	var list []string
	for _, h := range sandbox.Hosts() {
		entry := h.Name + "=" + h.ID
		if h.Price != "" {
			entry += ";" + h.Price
		}
		list = append(list, entry)
	}
	return strings.Join(list, ",")
}

// connect connects the client of the variant to the program over stdio.
func (w *world) connect(ctx context.Context, v Variant) error {
	fromClient, toServer := io.Pipe()
	fromServer, toClient := io.Pipe()
	running := context.WithoutCancel(ctx) // until the client closes the connection
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = toClient.CloseWithError(w.app.ServeStdio(running, fromClient, toClient))
	}()
	w.closers = append(w.closers, func() {
		_ = toServer.Close()
		<-served
		_ = w.mcp.Close()
	})
	var options []client.ClientOption
	if v.Forms {
		options = append(options, client.WithElicitationHandler(w.person))
	}
	if v.Cards {
		options = append(options, client.WithClientCapabilities(mcp.ClientCapabilities{Extensions: map[string]any{"io.modelcontextprotocol/ui": map[string]any{"mimeTypes": []string{cards.MIMEType}}}}))
	}
	w.mcp = client.NewClient(transport.NewIO(fromServer, toServer, nil), options...)
	if err := w.mcp.Start(running); err != nil {
		return err
	}
	hello := mcp.InitializeRequest{}
	hello.Params.ProtocolVersion = mcp.LATEST_PROTOCOL_VERSION
	hello.Params.ClientInfo = mcp.Implementation{Name: "vennio-mcp eval", Version: "1"}
	var err error
	if w.hello, err = w.mcp.Initialize(ctx, hello); err != nil {
		return err
	}
	list, err := w.mcp.ListTools(ctx, mcp.ListToolsRequest{})
	if err != nil {
		return err
	}
	for _, t := range list.Tools {
		if shownToModels(t) {
			w.tools = append(w.tools, t)
		}
	}
	return nil
}

// shownToModels reports whether a host shows a tool to a model: those for cards only have the visibility "app".
func shownToModels(t mcp.Tool) bool {
	if t.Meta == nil {
		return true
	}
	ui, _ := t.Meta.AdditionalFields["ui"].(map[string]any)
	visibility, declared := ui["visibility"].([]any)
	if !declared {
		return true
	}
	for _, to := range visibility {
		if to == "model" {
			return true
		}
	}
	return false
}

// close stops everything.
func (w *world) close() {
	for _, do := range slices.Backward(w.closers) {
		do()
	}
}

// seed makes the bookings and polls that exist before the conversation.
func (w *world) seed(ctx context.Context, c *Case) error {
	for _, host := range c.Grant {
		h, _ := hostNamed(host)
		if err := w.vennio.Grant(h.ID); err != nil {
			return err
		}
	}
	for _, s := range c.Bookings {
		if err := w.seedBooking(ctx, s); err != nil {
			return fmt.Errorf("booking %s: %w", s.Name, err)
		}
	}
	for _, p := range c.Polls {
		request := vennioclient.ProposalRequest{Mode: vennioclient.ModePoll, VoterEmails: p.Voters, Message: p.Title}
		for _, text := range p.Starts {
			request.Slots = append(request.Slots, vennioclient.ProposedTime{Start: instant(text), End: instant(text).Add(30 * time.Minute)})
		}
		made, err := w.app.Vennio.CreateProposal(ctx, vennioclient.IdempotencyKey("seed-"+p.Name), request)
		if err != nil {
			return fmt.Errorf("poll %s: %w", p.Name, err)
		}
		w.polls[p.Name] = made.Proposal.ID
	}
	w.before = map[string]sandbox.Booking{}
	for _, b := range w.vennio.Bookings() {
		w.before[b.ID] = b
	}
	return nil
}

func (w *world) seedBooking(ctx context.Context, s Seed) error {
	host, ok := hostNamed(s.Host)
	if !ok {
		return fmt.Errorf("there is no host %q", s.Host)
	}
	if s.Minutes == 0 {
		s.Minutes = 30
	}
	request := vennioclient.BookingRequest{
		Hosts: []string{host.ID}, HostNames: []string{host.Name}, Customer: vennioclient.Person{Name: s.Guest.Name, Email: s.Guest.Email},
		Start: instant(s.Start), End: instant(s.Start).Add(time.Duration(s.Minutes) * time.Minute), Title: s.Title, Notes: s.Notes,
	}
	key := vennioclient.IdempotencyKey("seed-" + s.Name)
	if s.Repeat > 0 {
		request.Recurrence = &vennioclient.Recurrence{Frequency: vennioclient.Weekly, Count: s.Repeat, Timezone: host.Timezone}
		made, err := w.app.Vennio.CreateSeries(ctx, key, request)
		if err != nil {
			return err
		}
		for i, b := range made.Bookings {
			if i == 0 {
				w.bookings[s.Name] = b.ID
			}
			w.series[b.ID] = s.Name
		}
		return nil
	}
	made, err := w.app.Vennio.CreateBooking(ctx, key, request)
	if err != nil {
		return err
	}
	w.bookings[s.Name], w.series[made.ID] = made.ID, s.Name
	return nil
}

// person answers the forms and cards of a client, always in the same way.
type person struct {
	answer string // approve, decline or ignore
	mu     sync.Mutex
	forms  int
}

// Elicit implements client.ElicitationHandler.
func (p *person) Elicit(context.Context, mcp.ElicitationRequest) (*mcp.ElicitationResult, error) {
	p.mu.Lock()
	p.forms++
	p.mu.Unlock()
	r := &mcp.ElicitationResult{}
	switch p.answer {
	case "approve":
		r.Action, r.Content = mcp.ElicitationResponseActionAccept, map[string]any{"approve": true}
	case "decline":
		r.Action = mcp.ElicitationResponseActionDecline
	default:
		r.Action = mcp.ElicitationResponseActionCancel
	}
	return r, nil
}

// The names in the _meta of cards.
const (
	metaConsent = "io.github.vennio-mcp/consent"
	metaKey     = "io.github.vennio-mcp/consent-key"
)

// pressCard answers the card of a result as the person does, and returns what they pressed, empty if there is no
// card or the person ignores it.
func (w *world) pressCard(ctx context.Context, result *mcp.CallToolResult) (pressed string, err error) {
	if result.Meta == nil || w.person.answer == "ignore" {
		return "", nil
	}
	card, _ := result.Meta.AdditionalFields[metaConsent].(map[string]any)
	if card == nil {
		return "", nil
	}
	req := mcp.CallToolRequest{}
	req.Params.Name, req.Params.Arguments = "answer_consent", map[string]any{"proposal_id": card["proposal_id"], "answer": w.person.answer}
	req.Params.Meta = &mcp.Meta{AdditionalFields: map[string]any{metaKey: card["key"]}}
	answer, err := w.mcp.CallTool(ctx, req)
	if err == nil && answer.IsError {
		err = errors.New("the card was refused: " + textOf(answer))
	}
	return w.person.answer, err
}

// faultHandler passes requests on to the sandbox, makes some of them fail, and replaces texts in the answers, so
// that calendars, names and bookings can contain any text.
type faultHandler struct {
	vennio  *sandbox.Server
	replace map[string]string
	mu      sync.Mutex
	faults  []Fault
}

func (h *faultHandler) set(faults []Fault) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, f := range faults {
		f.Times = max(f.Times, 1)
		h.faults = append(h.faults, f)
	}
}

// clear removes the faults that did not happen.
func (h *faultHandler) clear() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.faults = nil
}

// ServeHTTP implements http.Handler.
func (h *faultHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.apply(r.Method + " " + r.URL.Path)
	if len(h.replace) == 0 {
		h.vennio.ServeHTTP(w, r)
		return
	}
	recorded := &recorder{header: http.Header{}, status: http.StatusOK}
	h.vennio.ServeHTTP(recorded, r)
	body := recorded.body.String()
	for from, to := range h.replace {
		body = strings.ReplaceAll(body, jsonText(from), jsonText(to))
	}
	for name, values := range recorded.header {
		if name != "Content-Length" {
			w.Header()[name] = values
		}
	}
	w.WriteHeader(recorded.status)
	_, _ = io.WriteString(w, body)
}

// apply prepares the sandbox for a request that is to fail.
func (h *faultHandler) apply(request string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range h.faults {
		f := &h.faults[i]
		switch {
		case f.Times == 0 || !strings.HasPrefix(request, f.On):
			continue
		case f.Skip > 0:
			f.Skip--
			continue
		}
		f.Times--
		h.do(*f)
		return
	}
}

func (h *faultHandler) do(f Fault) {
	switch f.Do {
	case "lose":
		h.vennio.LoseNext(1)
	case "drop":
		h.vennio.DropNext(1)
	case "limit":
		h.vennio.FailNextProblem(1, http.StatusTooManyRequests, "rate-limited", time.Duration(f.RetryAfter)*time.Second)
	case "take":
		if host, ok := hostNamed(f.Host); ok {
			_ = h.vennio.Take(host.ID, instant(f.Start), instant(f.End))
		}
	default:
		h.vennio.FailNext(1, f.Status)
	}
}

// recorder keeps a response so that it can be changed.
type recorder struct {
	header http.Header
	status int
	body   strings.Builder
}

// Header implements http.ResponseWriter.
func (r *recorder) Header() http.Header { return r.header }

// WriteHeader implements http.ResponseWriter.
func (r *recorder) WriteHeader(status int) { r.status = status }

// Write implements http.ResponseWriter.
func (r *recorder) Write(b []byte) (int, error) { return r.body.Write(b) }
