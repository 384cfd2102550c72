package tools_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/scheduling"
	"github.com/vennio-mcp/vennio-mcp/internal/slots"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/internal/tenant"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/tools"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/sandbox"
)

// world is a server under test: a real MCP client before it, the sandbox behind
// real HTTP at the far end, and a clock that only the test moves.
type world struct {
	t      *testing.T
	clock  time.Time
	vennio *sandbox.Server
	url    string
	deps   tools.Deps
	agent  *client.Client
	mu     sync.Mutex
	failed error // what the middleware saw of the last call

	stood string // the bookings that were given
	wrote int
}

// canary is the API key that every world uses: no output may contain it (requirement E3).
const canary = "vennio_sk_test_c4n4ry"

// option changes a world before it is built.
type option func(*world)

func withDialect(d vennioclient.Dialect) option {
	return func(w *world) { w.deps.Vennio = w.client(canary, vennioclient.WithDialect(d)) }
}

func withKey(key string) option {
	return func(w *world) { w.deps.Vennio = w.client(key) }
}

func withVennioAt(url string) option {
	return func(w *world) {
		w.deps.Vennio = w.client(canary, vennioclient.WithBaseURL(url))
	}
}

// wednesday is the morning on which every test begins.
var wednesday = time.Date(2026, 5, 13, 8, 0, 0, 0, time.UTC)

func newWorld(t *testing.T, options ...option) *world {
	t.Helper()
	w := &world{t: t, clock: wednesday}
	now := func() time.Time { return w.clock }
	w.vennio = sandbox.New(sandbox.Options{Now: now, Seed: 1})
	api := httptest.NewServer(w.vennio)
	t.Cleanup(api.Close)
	w.url = api.URL
	zone, err := times.Zone("Europe/London")
	require.NoError(t, err)
	w.deps = tools.Deps{
		Service: scheduling.Service{
			Vennio: w.client(canary), Hosts: directory(), Zone: zone, WeekStart: time.Monday, Now: now,
			Slots: slots.NewSigner(tenant.NewKeyring([]byte("a secret only tests know")), "sandbox", now), Ledger: newLedger(t, now),
			Warn: func(err error) { assert.NoError(t, err) },
		},
		Conversation: tools.Conversation{Policy: consent.PolicyAsk, Keys: tenant.NewKeyring([]byte("another secret"))},
		Selection:    everyToolset(),
	}
	for _, o := range options {
		o(w)
	}
	w.connect()
	return w
}

// everyToolset selects the tools of all toolsets.
func everyToolset() tools.Selection { return tools.Selection{Toolsets: tools.Toolsets()} }

// longWait makes a database wait however slow the machine is.
var longWait = sqldb.Options{Patience: time.Minute, Stall: 5 * time.Minute}

func newLedger(t *testing.T, now func() time.Time) *consent.Ledger {
	t.Helper()
	db := sqldb.OpenWith("", longWait)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return consent.New(db, now)
}

func directory() (d scheduling.Directory) {
	for _, h := range sandbox.Hosts() {
		d = append(d, scheduling.Host{Name: h.Name, ID: h.ID, Price: h.Price})
	}
	return d
}

// client returns a client of the sandbox that does not wait between tries.
func (w *world) client(key string, options ...vennioclient.Option) *vennioclient.Client {
	noWait := vennioclient.Retry{Attempts: 3, Base: time.Millisecond, Max: time.Second}
	c, err := vennioclient.New(key, append([]vennioclient.Option{
		vennioclient.WithBaseURL(w.url), vennioclient.WithRetry(noWait),
		vennioclient.WithHTTPClient(&http.Client{Timeout: time.Minute}),
	}, options...)...)
	require.NoError(w.t, err)
	return c
}

func (w *world) connect() {
	w.t.Helper()
	srv := server.NewMCPServer("test", "0")
	watch := func(_ string, next tools.Run) tools.Run {
		return func(ctx context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			result, err := next(ctx, req)
			w.mu.Lock()
			w.failed = err
			w.mu.Unlock()
			return result, err
		}
	}
	for _, tool := range tools.Catalog(w.deps) {
		srv.AddTools(tool.Bind(watch))
	}
	agent, err := client.NewInProcessClientWithOptions(srv, client.WithDiscoverTimeout(time.Minute))
	require.NoError(w.t, err)
	w.t.Cleanup(func() { _ = agent.Close() })
	require.NoError(w.t, agent.Start(w.t.Context()))
	hello := mcp.InitializeRequest{}
	hello.Params.ProtocolVersion = mcp.LATEST_PROTOCOL_VERSION
	_, err = agent.Initialize(w.t.Context(), hello)
	require.NoError(w.t, err)
	w.agent = agent
}

// answer is a result as an agent receives it: text and structured content.
type answer[Out any] struct {
	Text    string
	Data    Out
	Code    schemas.Code // of the error, or why a person is awaited
	IsError bool
	Raw     json.RawMessage
}

func call[Out any](w *world, tool string, arguments any) answer[Out] {
	w.t.Helper()
	req := mcp.CallToolRequest{}
	req.Params.Name, req.Params.Arguments = tool, arguments
	got, err := w.agent.CallTool(w.t.Context(), req)
	require.NoError(w.t, err)
	a := answer[Out]{IsError: got.IsError, Text: got.Content[0].(mcp.TextContent).Text}
	a.Raw, err = json.Marshal(got.StructuredContent)
	require.NoError(w.t, err)
	require.NotContains(w.t, a.Text+string(a.Raw)+fmt.Sprint(w.failed), "c4n4ry", "req: E3")
	require.NoError(w.t, json.Unmarshal(a.Raw, &a.Data))
	var failure schemas.Failure
	require.NoError(w.t, json.Unmarshal(a.Raw, &failure))
	if a.Code = failure.Reason; failure.Error != nil {
		a.Code = failure.Error.Code
	}
	require.Equal(w.t, got.IsError, failure.Error != nil, "isError and the error must agree")
	requireFits(w.t, tool, a.Raw)
	requireComplete(w.t, a.Text, a.Raw)
	return a
}

func (w *world) find(arguments args) answer[schemas.FindSlotsResult] {
	w.t.Helper()
	return call[schemas.FindSlotsResult](w, "find_slots", arguments)
}

func (w *world) book(arguments args) answer[schemas.BookSlotResult] {
	w.t.Helper()
	return call[schemas.BookSlotResult](w, "book_slot", arguments)
}

// args are arguments in the form in which they are sent.
type args map[string]any

// with returns a copy with one argument changed; nil removes it.
func (a args) with(name string, value any) args {
	b := args{}
	maps.Copy(b, a)
	if b[name] = value; value == nil {
		delete(b, name)
	}
	return b
}

// agreed is a complete booking of a slot, with consent.
func agreed(slotID string) args {
	return args{
		"slot_id": slotID, "title": "Intro call",
		"attendees": []any{
			map[string]any{"email": "ada@example.com", "name": "Ada Byron"},
			map[string]any{"email": "grace@example.com", "name": "Grace Hopper"},
		},
		"consent": map[string]any{"granted": true, "given_by": "Ada Byron", "statement": "Yes, book it"},
	}
}

// notYet is the consent of a call before a person was asked.
var notYet = map[string]any{"granted": false}

// slot finds times and returns the first.
func (w *world) slot() schemas.Slot {
	w.t.Helper()
	found := w.find(args{})
	require.NotEmpty(w.t, found.Data.Slots, found.Text)
	return found.Data.Slots[0]
}

// bookQuietly is book for many goroutines at once: "" where nothing was booked.
func (w *world) bookQuietly(arguments args) string {
	req := mcp.CallToolRequest{}
	req.Params.Name, req.Params.Arguments = "book_slot", arguments
	got, err := w.agent.CallTool(w.t.Context(), req)
	if err != nil || got.IsError {
		return ""
	}
	var out schemas.BookSlotResult
	raw, err := json.Marshal(got.StructuredContent)
	if err != nil || json.Unmarshal(raw, &out) != nil {
		return ""
	}
	return out.BookingID
}

// The protocols in which a client can ask a person.
const modern = "2026-07-28"

var asking = []string{"2025-06-18", "2025-11-25", modern}

// person is the user of the client: how they answer, and the questions they saw.
type person struct {
	does   func(context.Context) (mcp.ElicitationResponseAction, error)
	elicit func(context.Context, mcp.ElicitationRequest) (mcp.ElicitationResponseAction, error) // instead of does
	mu     sync.Mutex
	shown  []string
}

func (p *person) Elicit(ctx context.Context, r mcp.ElicitationRequest) (*mcp.ElicitationResult, error) {
	p.mu.Lock()
	p.shown = append(p.shown, r.Params.Message)
	p.mu.Unlock()
	elicit := p.elicit
	if elicit == nil {
		elicit = func(ctx context.Context, _ mcp.ElicitationRequest) (mcp.ElicitationResponseAction, error) {
			return p.does(ctx)
		}
	}
	action, err := elicit(ctx, r)
	if err != nil {
		return nil, err
	}
	content := map[string]any{}
	if fields, _ := r.Params.RequestedSchema.(map[string]any); fields != nil && action == mcp.ElicitationResponseActionAccept {
		content["approve"] = true
	}
	return &mcp.ElicitationResult{ElicitationResponse: mcp.ElicitationResponse{Action: action, Content: content}}, nil
}

// seen returns the questions that the person has seen so far.
func (p *person) seen() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.shown)
}

func says(action mcp.ElicitationResponseAction) *person {
	return &person{does: func(context.Context) (mcp.ElicitationResponseAction, error) { return action, nil }}
}

func silent() *person {
	return &person{does: func(ctx context.Context) (mcp.ElicitationResponseAction, error) {
		<-ctx.Done()
		return "", ctx.Err()
	}}
}

func broken() *person {
	return &person{does: func(context.Context) (mcp.ElicitationResponseAction, error) {
		return "", errors.New("method not found")
	}}
}

// server is the world's server, bare.
func (w *world) server() *server.MCPServer {
	srv := server.NewMCPServer("test", "0")
	for _, tool := range tools.Catalog(w.deps) {
		srv.AddTools(tool.Bind())
	}
	return srv
}

// meet connects a client of this protocol with p before it; nil for a client
// that cannot ask. It declares what can says, or what mcp-go makes of p.
func (w *world) meet(protocol string, p *person, can *mcp.ElicitationCapability) {
	w.t.Helper()
	options := []client.ClientOption{client.WithDiscoverTimeout(time.Minute)}
	if p != nil {
		options = append(options, client.WithElicitationHandler(p))
	}
	agent, err := client.NewInProcessClientWithOptions(w.server(), options...)
	require.NoError(w.t, err)
	w.t.Cleanup(func() { _ = agent.Close() })
	require.NoError(w.t, agent.Start(w.t.Context()))
	hello := mcp.InitializeRequest{}
	hello.Params.ProtocolVersion = protocol
	hello.Params.Capabilities.Elicitation = can
	_, err = agent.Initialize(w.t.Context(), hello)
	require.NoError(w.t, err)
	require.Equal(w.t, protocol, agent.ProtocolVersion())
	w.agent = agent
}

// waiting proposes a booking under the policy human and returns the question.
func (w *world) waiting(booking args) consent.Proposal {
	w.t.Helper()
	before := w.deps.Policy
	w.deps.Policy = consent.PolicyHuman
	w.connect()
	require.Equal(w.t, schemas.CodeApprovalNeeded, w.book(booking).Code)
	w.deps.Policy = before
	w.connect()
	open, err := w.deps.Ledger.Open(w.t.Context())
	require.NoError(w.t, err)
	require.Len(w.t, open, 1)
	return open[0]
}

// approve answers a proposal as a person does on the page or in the terminal.
func (w *world) approve(id string, agreed bool, method consent.Method) {
	w.t.Helper()
	_, err := w.deps.Ledger.Answer(w.t.Context(), id, consent.Answer{Agreed: agreed, By: "Ada Byron", Words: "pressed", Method: method, Trusted: true})
	require.NoError(w.t, err)
}

// kinds are the kinds of the ledger's entries, once its chain is proven, and
// all details.
func (w *world) kinds() (kinds []string, details string) {
	w.t.Helper()
	_, err := w.deps.Ledger.Verify(w.t.Context())
	require.NoError(w.t, err, "req: O4")
	entries, err := w.deps.Ledger.Entries(w.t.Context(), 0, 1000)
	require.NoError(w.t, err)
	for _, e := range entries {
		kinds, details = append(kinds, e.Kind), details+e.Details
	}
	return kinds, details
}

// toolCall is a tools/call in the form in which it is sent. can is the client's
// capabilities as a modern call declares them; an empty one makes a legacy call.
func toolCall(can, tool string, arguments any, more args) []byte {
	params := more.with("name", tool).with("arguments", arguments)
	if can != "" {
		params = params.with("_meta", args{
			"io.modelcontextprotocol/protocolVersion":    modern,
			"io.modelcontextprotocol/clientCapabilities": json.RawMessage(can),
			"io.modelcontextprotocol/clientInfo":         args{"name": "t", "version": "1"},
		})
	}
	raw, _ := json.Marshal(args{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}) // plain values only
	return raw
}

// reply is what a tools/call is answered with.
type reply struct {
	Result struct {
		ResultType        string
		RequestState      string
		InputRequests     map[string]json.RawMessage
		StructuredContent struct {
			Status string
			Reason schemas.Code
			Error  struct{ Code schemas.Code }
		}
	}
}

// post hands a message to srv as a transport would.
func (w *world) post(srv *server.MCPServer, message []byte) (r reply) {
	raw, err := json.Marshal(srv.HandleMessage(w.t.Context(), message))
	require.NoError(w.t, err)
	require.NoError(w.t, json.Unmarshal(raw, &r), string(raw))
	return r
}

// code is that of an error, or the reason why a person is awaited.
func (r reply) code() schemas.Code {
	return cmp.Or(r.Result.StructuredContent.Error.Code, r.Result.StructuredContent.Reason)
}

const (
	canAsk    = `{"elicitation":{}}`
	cannotAsk = `{}`
)
