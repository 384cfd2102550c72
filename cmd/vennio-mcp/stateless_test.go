package main

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"testing"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/schemas"
)

// pair is two servers without sessions, with a home each, that share a store and
// a signing secret behind a balancer that sends each request to the other one.
type pair struct {
	t     *testing.T
	url   string // of the balancer
	env   []string
	mu    sync.Mutex
	next  int
	sites [2]*httputil.ReverseProxy
	took  [2]int // requests of each
	heads []http.Header
}

func newPair(t *testing.T, settings ...string) *pair {
	t.Helper()
	p := &pair{t: t}
	balancer := httptest.NewServer(p)
	t.Cleanup(balancer.Close)
	p.url = balancer.URL
	settings = append(settings, "VENNIO_API_URL="+startSandboxProcess(t), "VENNIO_API_KEY=vennio_sk_test_c4n4ry_pair", "VENNIO_HOSTS="+sandboxHostsSetting(),
		"VENNIO_STATE_DIR="+t.TempDir(), "VENNIO_SIGNING_SECRET=one secret for both", "VENNIO_MCP_PUBLIC_URL="+p.url)
	stored(t, clean(t, settings...)) // for both: they share the state folder
	for i, args := range [][]string{{"--stateless"}, nil} {
		env := clean(t, settings...)
		if args == nil {
			env = append(env, "VENNIO_MCP_STATELESS=true")
		}
		at, err := url.Parse(start(t, env, append([]string{"serve", "--addr", "127.0.0.1:0"}, args...)...).address())
		require.NoError(t, err)
		p.env = env
		p.sites[i] = httputil.NewSingleHostReverseProxy(at)
	}
	return p
}

func (p *pair) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	i := p.next % len(p.sites)
	p.next++
	p.took[i]++
	p.heads = append(p.heads, w.Header())
	p.mu.Unlock()
	p.sites[i].ServeHTTP(w, r)
}

// Elicit would ask a person: without sessions nobody may.
func (p *pair) Elicit(context.Context, mcp.ElicitationRequest) (*mcp.ElicitationResult, error) {
	assert.Fail(p.t, "asked in the client")
	return &mcp.ElicitationResult{}, nil
}

// willing is a person who accepts whatever they are asked.
type willing struct{}

func (willing) Elicit(context.Context, mcp.ElicitationRequest) (*mcp.ElicitationResult, error) {
	return &mcp.ElicitationResult{ElicitationResponse: mcp.ElicitationResponse{Action: mcp.ElicitationResponseActionAccept, Content: map[string]any{"approve": true}}}, nil
}

// meets connects a client that says it can ask.
func (p *pair) meets(protocol string, asks client.ElicitationHandler) *client.Client {
	p.t.Helper()
	c, err := client.NewStreamableHttpClient(p.url + "/mcp")
	require.NoError(p.t, err)
	client.WithElicitationHandler(asks)(c)
	handshake(p.t, c, protocol)
	return c
}

// outcome is what a tool answered, as far as these tests look.
type outcome struct {
	Reason    schemas.Code
	BookingID string `json:"booking_id"`
	Status    string
	Consent   struct{ Method string }
	Error     *schemas.Problem
	Slots     []schemas.Slot
}

func calls(t *testing.T, c *client.Client, tool string, arguments map[string]any) (text string, got outcome) {
	t.Helper()
	req := mcp.CallToolRequest{}
	req.Params.Name, req.Params.Arguments = tool, arguments
	answer, err := c.CallTool(t.Context(), req)
	require.NoError(t, err)
	raw, err := json.Marshal(answer.StructuredContent)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, &got), string(raw))
	return answer.Content[0].(mcp.TextContent).Text, got
}

// wants finds a slot and returns the arguments that book it.
func wants(t *testing.T, c *client.Client) map[string]any {
	t.Helper()
	text, found := calls(t, c, "find_slots", map[string]any{"hosts": []string{"Alice"}, "timezone": "Europe/London"})
	require.NotEmpty(t, found.Slots, text)
	return map[string]any{
		"slot_id": found.Slots[len(found.Slots)-1].SlotID, "title": "Intro", "hosts": []string{"Alice"},
		"attendees": []any{map[string]any{"email": "ada@example.com", "name": "Ada Byron"}},
		"consent":   map[string]any{"granted": true, "given_by": "Ada", "statement": "Yes"},
	}
}

// together: both served, and neither gave a session out.
func (p *pair) together() {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	assert.Greater(p.t, p.took[0], 1)
	assert.Greater(p.t, p.took[1], 1)
	for _, h := range p.heads {
		assert.Empty(p.t, h.Get("Mcp-Session-Id"))
	}
}

var sessionless = []string{"2025-03-26", "2025-06-18", "2025-11-25"}

// req: P1. Found on one replica, booked on the other; and the same call at the
// first again books no more.
func TestReq_P1_WithoutSessionsAnyReplicaBooksWhatAnotherFound(t *testing.T) {
	t.Parallel()
	p := newPair(t, "VENNIO_CONSENT=attested")
	for _, protocol := range sessionless {
		c := p.meets(protocol, p)
		booking := wants(t, c)
		text, booked := calls(t, c, "book_slot", booking)
		require.Equal(t, "confirmed", booked.Status, text)
		assert.Equal(t, "attested by the agent", booked.Consent.Method)
		_, again := calls(t, c, "book_slot", booking)
		assert.Equal(t, booked.BookingID, again.BookingID)
	}
	p.together()
}

// req: C3, C4. What a client declared is not known to the next replica: under ask
// the agent's word is not taken for it, and the person is asked on the page, which
// any replica shows.
func TestReq_C4_WithoutSessionsThePersonIsAskedOnThePage(t *testing.T) {
	t.Parallel()
	for _, policy := range []string{"ask", "human"} {
		p := newPair(t, "VENNIO_CONSENT="+policy)
		for _, protocol := range sessionless {
			c := p.meets(protocol, p)
			booking := wants(t, c)
			text, refused := calls(t, c, "book_slot", booking)
			require.Equal(t, schemas.CodeApprovalNeeded, refused.Reason, text)
			address := link.FindString(text)
			require.Contains(t, address, p.url)
			b := newBrowser(t)
			if policy == "human" {
				b = pairedBrowser(t, p.env)
			}
			_, after := b.answer(address, "approve")
			require.Contains(t, after, ">Booked</h1>")
			text, booked := calls(t, c, "book_slot", booking)
			require.Equal(t, "confirmed", booked.Status, text)
			assert.Equal(t, "approved on the page", booked.Consent.Method)
		}
		p.together()
	}
}

// req: C3, C7. Since 2026-07-28 the question travels with the client: one replica
// puts it, the other takes the answer.
func TestReq_C7_AQuestionOfOneReplicaIsAnsweredAtTheOther(t *testing.T) {
	t.Parallel()
	p := newPair(t, "VENNIO_CONSENT=ask")
	c := p.meets("2026-07-28", willing{})
	booking := wants(t, c)
	text, booked := calls(t, c, "book_slot", booking)
	require.Equal(t, "confirmed", booked.Status, text)
	assert.Equal(t, "asked in the client", booked.Consent.Method)
	p.together()
}
