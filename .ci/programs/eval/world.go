package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
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
	vennio *sandbox.Server
	faults *faultHandler
	app    *app.App
	mcp    *client.Client
	server *mcp.InitializeResult // what the program says about itself
	tools  []mcp.Tool
	person *person

	names   map[string]string          // of the bookings that existed before the conversation, by id
	before  map[string]sandbox.Booking // those bookings, by id
	closers []func()
}

// newWorld starts everything for one run of a case. Call close at the end.
func newWorld(ctx context.Context, c *Case, v Variant) (w *world, err error) {
	w = &world{person: &person{answers: c.Person}, names: map[string]string{}, before: map[string]sandbox.Booking{}}
	defer func() {
		if err != nil {
			w.close()
			w = nil
		}
	}()
	w.vennio = sandbox.New(sandbox.Options{Now: c.now, RateLimitPerHour: -1, Wait: noWait})
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
		"VENNIO_API_URL": vennio, "VENNIO_API_KEY": sandbox.DefaultKey(), "VENNIO_API_KEY_CREATED": c.now().Format(time.DateOnly),
		"VENNIO_HOSTS": sandboxHosts(), "VENNIO_TIMEZONE": c.Timezone, "VENNIO_SIGNING_SECRET": "only for the evaluation",
		"VENNIO_TIMEOUT": "30s", "VENNIO_MCP_OPEN_BROWSER": "off",
	}
	maps.Copy(settings, c.Settings)
	getenv := func(name string) string { return settings[name] }
	cfg, err := config.LoadOn(times.Machine{TZ: &c.Timezone, Now: c.now()}, nil, getenv)
	if err != nil {
		return err
	}
	cfg.StateDir = "" // in memory
	if w.app, err = app.New(cfg, app.Options{Version: "eval", Getenv: getenv, Now: c.now}); err != nil {
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
	request := mcp.InitializeRequest{}
	request.Params.ProtocolVersion = mcp.LATEST_PROTOCOL_VERSION
	request.Params.ClientInfo = mcp.Implementation{Name: "vennio-mcp eval", Version: "1"}
	var err error
	if w.server, err = w.mcp.Initialize(ctx, request); err != nil {
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

// seed makes the bookings that exist before the conversation.
func (w *world) seed(ctx context.Context, c *Case) error {
	for _, s := range c.Bookings {
		if err := w.seedBooking(ctx, s); err != nil {
			return fmt.Errorf("booking %s: %w", s.Name, err)
		}
	}
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
			w.names[b.ID] = fmt.Sprintf("%s %d", s.Name, i+1)
		}
		return nil
	}
	made, err := w.app.Vennio.CreateBooking(ctx, key, request)
	if err != nil {
		return err
	}
	w.names[made.ID] = s.Name
	return nil
}

// The answers of a person to a form or a card.
const (
	approves = "approve"
	declines = "decline"
	ignores  = "ignore"
)

// person answers the forms and cards of a client.
type person struct {
	mu      sync.Mutex
	answers []string // the next ones; the last one is repeated
}

func (p *person) next() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	answer := p.answers[0]
	if len(p.answers) > 1 {
		p.answers = p.answers[1:]
	}
	return answer
}

// Elicit implements client.ElicitationHandler.
func (p *person) Elicit(context.Context, mcp.ElicitationRequest) (*mcp.ElicitationResult, error) {
	r := &mcp.ElicitationResult{}
	switch p.next() {
	case approves:
		r.Action, r.Content = mcp.ElicitationResponseActionAccept, map[string]any{"approve": true}
	case declines:
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
	if result.Meta == nil {
		return "", nil
	}
	card, _ := result.Meta.AdditionalFields[metaConsent].(map[string]any)
	if card == nil {
		return "", nil
	}
	pressed = w.person.next()
	if pressed == ignores {
		return "", nil
	}
	req := mcp.CallToolRequest{}
	req.Params.Name, req.Params.Arguments = "answer_consent", map[string]any{"proposal_id": card["proposal_id"], "answer": pressed}
	req.Params.Meta = &mcp.Meta{AdditionalFields: map[string]any{metaKey: card["key"]}}
	answer, err := w.mcp.CallTool(ctx, req)
	if err == nil && answer.IsError {
		err = errors.New("the card was refused: " + textOf(answer))
	}
	return pressed, err
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
	recorded := httptest.NewRecorder()
	h.vennio.ServeHTTP(recorded, r)
	body := recorded.Body.String()
	for from, to := range h.replace {
		body = strings.ReplaceAll(body, jsonText(from), jsonText(to))
	}
	for name, values := range recorded.Header() {
		if name != "Content-Length" {
			w.Header()[name] = values
		}
	}
	w.WriteHeader(recorded.Code)
	_, _ = io.WriteString(w, body)
}

// apply prepares the sandbox for a request that is to fail.
func (h *faultHandler) apply(request string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range h.faults {
		f := &h.faults[i]
		if f.Times > 0 && strings.HasPrefix(request, f.On) {
			f.Times--
			h.do(*f)
			return
		}
	}
}

func (h *faultHandler) do(f Fault) {
	switch f.Do {
	case "lose":
		h.vennio.LoseNext(1)
	case "drop":
		h.vennio.DropNext(1)
	case "take":
		if host, ok := hostNamed(f.Host); ok {
			_ = h.vennio.Take(host.ID, instant(f.Start), instant(f.End))
		}
	default:
		h.vennio.FailNext(1, f.Status)
	}
}
