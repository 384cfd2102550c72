package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/mcp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/schemas"
)

// Clients that behave as real ones were measured to behave, each over a real transport.

// form answers every form with the content given, and keeps what it was shown.
type form struct {
	content map[string]any
	mu      sync.Mutex
	shown   []mcp.ElicitationParams
}

func (f *form) Elicit(_ context.Context, r mcp.ElicitationRequest) (*mcp.ElicitationResult, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.shown = append(f.shown, r.Params)
	return &mcp.ElicitationResult{ElicitationResponse: mcp.ElicitationResponse{Action: mcp.ElicitationResponseActionAccept, Content: f.content}}, nil
}

// clientAt connects a client that shows forms, or none.
func clientAt(t *testing.T, address, protocol string, f *form) *client.Client {
	t.Helper()
	c, err := client.NewStreamableHttpClient(address + "/mcp")
	require.NoError(t, err)
	if f != nil {
		client.WithElicitationHandler(f)(c)
	}
	handshake(t, c, protocol)
	return c
}

// outcomeOf calls a tool and returns both forms of its answer.
func outcomeOf(t *testing.T, c *client.Client, tool string, arguments map[string]any) (text string, got schemas.BookSlotResult, isError bool) {
	t.Helper()
	req := mcp.CallToolRequest{}
	req.Params.Name, req.Params.Arguments = tool, arguments
	r, err := c.CallTool(t.Context(), req)
	require.NoError(t, err)
	raw, err := json.Marshal(r.StructuredContent)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, &got))
	return r.Content[0].(mcp.TextContent).Text, got, r.IsError
}

// clientOver starts the program and connects a client that shows forms.
func clientOver(t *testing.T, over, protocol string, env []string, f *form) *client.Client {
	t.Helper()
	c := transports[over](t, env)
	client.WithElicitationHandler(f)(c)
	handshake(t, c, protocol)
	return c
}

var eras = []string{"2025-11-25", "2026-07-28"}

// answeringForms are the transports and revisions in which the client of mcp-go answers forms. Over
// SSE it takes no request of the server; .ci/clients/elicitation.mjs asks there with another client.
var answeringForms = [][2]string{
	{"stdio", "2025-11-25"}, {"stdio", "2026-07-28"}, {"streamable http", "2025-11-25"}, {"streamable http", "2026-07-28"}, {"sse", "2026-07-28"},
}

// Codex in full-access mode accepts every form by itself, without filling it in.
//
// req: C3
// field: form accepted without a tick
func TestReq_C3_AFormAcceptedWithoutATickBooksNothing(t *testing.T) {
	t.Parallel()
	for _, way := range answeringForms {
		over, protocol := way[0], way[1]
		t.Run(over+" "+protocol, func(t *testing.T) {
			t.Parallel()
			env, vennio := humanEnv(t, "VENNIO_CONSENT=ask")
			codex := &form{}
			c := clientOver(t, over, protocol, env, codex)
			booking, free := aBooking(t, c), freeSlots(t, c)
			for i, content := range []map[string]any{nil, {}, {"approve": false}, {"approve": "true"}, {"approved": true}, {"approve": 1}} {
				codex.content = content
				booking["slot_id"] = free[i] // a refusal covers the slot
				_, got, isError := outcomeOf(t, c, "book_slot", booking)
				require.True(t, isError, content)
				assert.Equal(t, schemas.CodeConsentDeclined, got.Error.Code, content)
				assert.Len(t, codex.shown, i+1, content)
			}
			_, state := newBrowser(t).open(vennio + "/_sandbox/state")
			assert.Regexp(t, `"writes": ?0\b`, state)
		})
	}
}

// Claude Code shows three lines of a message and one line of a field's description.
//
// req: C16
// field: client that cuts messages
func TestReq_C16_The200FirstCharactersOfAFormAreEnough(t *testing.T) {
	t.Parallel()
	for _, way := range answeringForms {
		over, protocol := way[0], way[1]
		t.Run(over+" "+protocol, func(t *testing.T) {
			t.Parallel()
			claude := &form{content: map[string]any{"approve": true}}
			c := clientOver(t, over, protocol, stored(t, clean(t, "VENNIO_CONSENT=ask")), claude)
			booking := aBooking(t, c)
			booking["consent"] = map[string]any{"granted": false}
			text, booked, isError := outcomeOf(t, c, "book_slot", booking)
			require.False(t, isError, text)
			assert.Equal(t, "confirmed", booked.Status)
			assert.Equal(t, "asked in the client", booked.Consent.Method)
			assert.Equal(t, "a person in test", booked.Consent.GivenBy, "the agent named nobody")
			require.Len(t, claude.shown, 1, "a person is asked once")
			shown := []rune(claude.shown[0].Message)
			line, _, _ := strings.Cut(string(shown[:min(200, len(shown))]), "\n")
			assert.Regexp(t, `^Book "Intro", \w{3} \d+ \w{3} \d{4}, \d\d:\d\d–\d\d:\d\d [A-Z][A-Za-z ]*, with Alice Marlow, for Ada\? Vennio sends no e-mail\.$`, line)
			fields := claude.shown[0].RequestedSchema.(map[string]any)
			assert.Equal(t, []any{"approve"}, fields["required"])
			approve := fields["properties"].(map[string]any)["approve"].(map[string]any)
			assert.Equal(t, "boolean", approve["type"])
			assert.NotContains(t, approve, "default")
			assert.NotContains(t, approve["description"], "\n")
		})
	}
}

// LangChain JS checks arguments against the schema before it sends them, so that a required
// argument cannot be left out.
//
// req: T11
// field: client that validates arguments
func TestReq_T11_AClientThatValidatesArgumentsGetsAPreviewWithoutInventingConsent(t *testing.T) {
	t.Parallel()
	for transport := range transports {
		for policy, status := range map[string]string{"attested": "awaiting_consent", "ask": "awaiting_consent", "human": "awaiting_consent"} {
			t.Run(transport+" "+policy, func(t *testing.T) {
				t.Parallel()
				c := connect(t, transport, "2025-11-25", stored(t, clean(t, "VENNIO_CONSENT="+policy)))
				booking := aBooking(t, c)
				booking["consent"] = map[string]any{"granted": false}
				fitsSchema(t, c, "book_slot", booking)
				text, got, isError := outcomeOf(t, c, "book_slot", booking)
				assert.False(t, isError, text)
				assert.Equal(t, status, got.Status)
				for form, said := range map[string]string{"text": text, "structured": got.Message + "\n" + got.Next} {
					assert.True(t, strings.HasPrefix(said, "NOT BOOKED YET: "), form+": "+said)
				}
				assert.Contains(t, text, got.Next)
				require.NotNil(t, got.Proposal)
				if got.ApprovalURL != "" {
					address, err := url.Parse(got.ApprovalURL)
					require.NoError(t, err)
					assert.Contains(t, text, "\n"+address.String()+"\n", "on a line by itself")
				}
			})
		}
	}
}

func fitsSchema(t *testing.T, c *client.Client, tool string, arguments map[string]any) {
	t.Helper()
	all, err := c.ListTools(t.Context(), mcp.ListToolsRequest{})
	require.NoError(t, err)
	for _, offered := range all.Tools {
		if offered.Name != tool {
			continue
		}
		raw, err := json.Marshal(offered.InputSchema)
		require.NoError(t, err)
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
		require.NoError(t, err)
		compiler := jsonschema.NewCompiler()
		require.NoError(t, compiler.AddResource("tool.json", doc))
		sent, err := json.Marshal(arguments)
		require.NoError(t, err)
		instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(sent))
		require.NoError(t, err)
		require.NoError(t, compiler.MustCompile("tool.json").Validate(instance), "%s", sent)
		return
	}
	require.Fail(t, "no such tool", tool)
}

// An agent that opens a connection of its own, declares elicitation and accepts its own question
// approves nothing under human where callers are not authenticated.
//
// req: C5
// field: agent that answers its own form
func TestReq_C5_AnAgentsOwnConnectionApprovesNothingUnderHuman(t *testing.T) {
	t.Parallel()
	for policy, books := range map[string]bool{"human": false, "ask": true} { // ask is the counter-test
		env, vennio := humanEnv(t, "VENNIO_CONSENT="+policy)
		address := start(t, env, "serve", "--addr", "127.0.0.1:0").address()
		for _, protocol := range eras {
			agent := &form{content: map[string]any{"approve": true}}
			c := clientAt(t, address, protocol, agent)
			_, got, _ := outcomeOf(t, c, "book_slot", aBooking(t, c))
			assert.Equal(t, books, got.Status == "confirmed", "%s, %s: %s", policy, protocol, got.Status)
			assert.Equal(t, books, len(agent.shown) == 1, "%s, %s", policy, protocol)
		}
		_, state := newBrowser(t).open(vennio + "/_sandbox/state")
		assert.Equal(t, books, !strings.Contains(strings.ReplaceAll(state, " ", ""), `"writes":0`), policy)
	}
}
