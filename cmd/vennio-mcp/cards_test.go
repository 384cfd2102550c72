package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/auth"
	"github.com/vennio-mcp/vennio-mcp/internal/cards"
)

const (
	extensionUI = "io.modelcontextprotocol/ui"
	consentMeta = "io.github.vennio-mcp/consent"
	protocolOld = "2025-11-25"
	protocolNew = "2026-07-28"
)

// showsCards makes a client declare that it shows cards.
func showsCards(c *client.Client) *client.Client {
	client.WithClientCapabilities(mcp.ClientCapabilities{Extensions: map[string]any{extensionUI: map[string]any{"mimeTypes": []string{cards.MIMEType}}}})(c)
	return c
}

// callAs calls a tool as a host does, with fields in the _meta of the request.
func callAs(t *testing.T, c *client.Client, tool string, arguments, meta map[string]any) (result *mcp.CallToolResult, raw string) {
	t.Helper()
	req := mcp.CallToolRequest{}
	req.Params.Name, req.Params.Arguments = tool, arguments
	if meta != nil {
		req.Params.Meta = &mcp.Meta{AdditionalFields: meta}
	}
	result, err := c.CallTool(t.Context(), req)
	require.NoError(t, err)
	text, err := json.Marshal(result)
	require.NoError(t, err)
	return result, string(text)
}

// cardOf returns the proposal and the key of the card in a result; empty if there is none.
func cardOf(t *testing.T, c *client.Client, booking map[string]any) (proposal, key string) {
	t.Helper()
	result, raw := callAs(t, c, "book_slot", booking, nil)
	require.Contains(t, raw, "awaiting_consent")
	if result.Meta == nil || result.Meta.AdditionalFields[consentMeta] == nil {
		return "", ""
	}
	card := result.Meta.AdditionalFields[consentMeta].(map[string]any)
	return card["proposal_id"].(string), card["key"].(string)
}

func waitingBooking(t *testing.T, c *client.Client) map[string]any {
	t.Helper()
	booking := aBooking(t, c)
	booking["consent"] = map[string]any{"granted": false}
	return booking
}

func approveOn(proposal string) map[string]any {
	return map[string]any{"proposal_id": proposal, "answer": "approve"}
}

// tokenClient connects with a token that has scopes.
func hostWithToken(t *testing.T, base, over, protocol, token string) *client.Client {
	t.Helper()
	headers := map[string]string{"Authorization": "Bearer " + token}
	var c *client.Client
	var err error
	if over == "sse" {
		c, err = client.NewSSEMCPClient(base+"/sse", client.WithHeaders(headers))
	} else {
		c, err = client.NewStreamableHttpClient(base+"/mcp", transport.WithHTTPHeaders(headers))
	}
	require.NoError(t, err)
	handshake(t, showsCards(c), protocol)
	return c
}

// req: C15. Over every transport and in both eras, under human: the key reaches a host whose connection
// is trusted, and its card books. Other callers cannot use it, and untrusted connections get none.
func TestReq_C15_CardsOverEveryTransport(t *testing.T) {
	t.Parallel()
	env, vennio := humanEnv(t, "VENNIO_CONSENT=human")
	var keys []string
	approves := func(c *client.Client, others ...*client.Client) {
		t.Helper()
		before := writesAt(t, vennio)
		proposal, key := cardOf(t, c, waitingBooking(t, c))
		require.Len(t, key, 64)
		keys = append(keys, key)
		meta := map[string]any{consentMeta + "-key": key}
		for _, other := range others {
			_, raw := callAs(t, other, "answer_consent", approveOn(proposal), meta)
			require.Contains(t, raw, `"isError":true`)
			_, empty := cardOf(t, other, waitingBooking(t, other))
			require.Empty(t, empty, "no key over a connection that is not trusted")
		}
		require.Equal(t, before, writesAt(t, vennio))
		_, raw := callAs(t, c, "answer_consent", approveOn(proposal), meta)
		require.Contains(t, raw, `"state":"done"`)
		require.NotEqual(t, before, writesAt(t, vennio))
	}
	for _, protocol := range []string{protocolOld, protocolNew} {
		p := start(t, env)
		c := showsCards(client.NewClient(transport.NewIO(p.stdout, p.stdin, nil)))
		handshake(t, c, protocol)
		approves(c)
		for _, key := range keys {
			assert.NotContains(t, p.stderr.String(), key)
		}
	}
	trusted, other, tokens := auth.NewToken(), auth.NewToken(), filepath.Join(t.TempDir(), "tokens.yml")
	require.NoError(t, os.WriteFile(tokens, fmt.Appendf(nil, "- {name: host, hash: %q, scopes: [\"vennio:read\", \"vennio:book\", \"vennio:ask\"]}\n- {name: agent, hash: %q}\n",
		auth.HashOf(trusted), auth.HashOf(other)), 0o600))
	p := start(t, append(env, "VENNIO_MCP_TOKENS_FILE="+tokens), "serve", "--addr", "127.0.0.1:0")
	for _, over := range []string{"sse", "streamable http"} {
		for _, protocol := range []string{protocolOld, protocolNew} {
			approves(hostWithToken(t, p.address(), over, protocol, trusted), hostWithToken(t, p.address(), over, protocol, other))
		}
	}
	open := start(t, env, "serve", "--addr", "127.0.0.1:0")
	c, err := client.NewStreamableHttpClient(open.address() + "/mcp")
	require.NoError(t, err)
	handshake(t, showsCards(c), protocolOld)
	_, none := cardOf(t, c, waitingBooking(t, c))
	assert.Empty(t, none, "on a server without tokens an agent could answer its own request")
	exported := well(t, env, "ledger", "export")
	require.NotEmpty(t, exported)
	for _, key := range keys {
		for _, said := range []string{p.stderr.String(), open.stderr.String(), exported} {
			assert.NotContains(t, said, key)
		}
	}
}

// listOf returns tools/list as JSON, without the fields of cards if bare.
func listOf(t *testing.T, c *client.Client, bare bool) string {
	t.Helper()
	list, err := c.ListTools(t.Context(), mcp.ListToolsRequest{})
	require.NoError(t, err)
	for i, tool := range list.Tools {
		if bare && tool.Meta != nil {
			delete(tool.Meta.AdditionalFields, "ui")
			delete(tool.Meta.AdditionalFields, "ui/resourceUri")
			if len(tool.Meta.AdditionalFields) == 0 {
				list.Tools[i].Meta = nil
			}
		}
	}
	raw, err := json.Marshal(list.Tools)
	require.NoError(t, err)
	return string(raw)
}

// req: C15, P3. Clients without cards see the same tools as before, but for the address of each card.
// The tools for cards are hidden from them and can be called; without cards they do not exist.
func TestReq_C15_ClientsWithoutCardsSeeTheSameTools(t *testing.T) {
	t.Parallel()
	env := clean(t, "VENNIO_CONSENT=human")
	for over := range transports {
		for _, protocol := range []string{protocolOld, protocolNew} {
			if over == "sse" && protocol == protocolNew {
				continue // the transport of 2024-11-05
			}
			off := connect(t, over, protocol, append(env, "VENNIO_CONSENT_CARD=off"))
			without := connect(t, over, protocol, env)
			with := showsCards(transports[over](t, env))
			handshake(t, with, protocol)
			assert.Equal(t, listOf(t, off, false), listOf(t, without, true), "%s, %s", over, protocol)
			assert.NotContains(t, listOf(t, off, false), "ui/resourceUri")
			assert.NotContains(t, listOf(t, without, false), "answer_consent")
			for _, name := range []string{`"name":"answer_consent"`, `"name":"show_consent"`, `"visibility":["app"]`, cards.SlotsURI} {
				assert.Contains(t, listOf(t, with, false), name, "%s, %s", over, protocol)
			}
			_, raw := callAs(t, without, "show_consent", map[string]any{"proposal_id": "AAAAAAAAAAAAAAAAAAAAAAAAAA"}, nil)
			assert.Contains(t, raw, "not_found", "hidden, and not disabled")
			req := mcp.CallToolRequest{}
			req.Params.Name, req.Params.Arguments = "answer_consent", approveOn("AAAAAAAAAAAAAAAAAAAAAAAAAA")
			_, err := off.CallTool(t.Context(), req)
			assert.ErrorContains(t, err, "not found")
			for uri, card := range cards.All() {
				reads := mcp.ReadResourceRequest{}
				reads.Params.URI = uri
				got, err := without.ReadResource(context.WithoutCancel(t.Context()), reads)
				require.NoError(t, err)
				content := got.Contents[0].(mcp.TextResourceContents)
				assert.Equal(t, card.HTML(), content.Text, "nothing is masked")
				assert.Equal(t, cards.MIMEType, content.MIMEType)
				assert.Contains(t, content.Meta, "ui")
				_, err = off.ReadResource(t.Context(), reads)
				assert.Error(t, err)
			}
			seen, err := without.ListResources(t.Context(), mcp.ListResourcesRequest{})
			require.NoError(t, err)
			for _, r := range seen.Resources {
				assert.False(t, strings.HasPrefix(r.URI, "ui:"), r.URI)
			}
		}
	}
}

// With link, cards show requests and cannot answer them.
func TestCardsThatOnlyLink(t *testing.T) {
	t.Parallel()
	env, _ := humanEnv(t, "VENNIO_CONSENT=human", "VENNIO_CONSENT_CARD=link")
	p := start(t, env)
	c := showsCards(client.NewClient(transport.NewIO(p.stdout, p.stdin, nil)))
	handshake(t, c, protocolNew)
	list := listOf(t, c, false)
	assert.Contains(t, list, "show_consent")
	assert.NotContains(t, list, "answer_consent")
	_, key := cardOf(t, c, waitingBooking(t, c))
	assert.Empty(t, key)
}

// req: C4, C15. Under ask, a card counts on a server without tokens, where an agent can answer it itself.
// That answer is worth nothing to a process under human that shares the store.
func TestReq_C4_AnUntrustedAnswerIsWorthNothingUnderHuman(t *testing.T) {
	t.Parallel()
	env, vennio := humanEnv(t)
	target, err := url.Parse(vennio)
	require.NoError(t, err)
	var down atomic.Bool
	forward := httputil.NewSingleHostReverseProxy(target)
	between := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if down.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		forward.ServeHTTP(w, r)
	}))
	t.Cleanup(between.Close)
	env = append(env, "VENNIO_API_URL="+between.URL)
	answered := func(c *client.Client, tool string, arguments map[string]any) string {
		t.Helper()
		result, raw := callAs(t, c, tool, arguments, nil)
		require.NotNil(t, result.Meta, raw)
		card, _ := result.Meta.AdditionalFields[consentMeta].(map[string]any)
		require.NotNil(t, card, raw)
		down.Store(tool == "cancel_booking")
		_, raw = callAs(t, c, "answer_consent", approveOn(card["proposal_id"].(string)), map[string]any{consentMeta + "-key": card["key"]})
		down.Store(false)
		return raw
	}
	open := start(t, append(env, "VENNIO_CONSENT=ask"), "serve", "--addr", "127.0.0.1:0")
	c, err := client.NewStreamableHttpClient(open.address() + "/mcp")
	require.NoError(t, err)
	handshake(t, showsCards(c), protocolOld)
	_, booked, _ := strings.Cut(answered(c, "book_slot", waitingBooking(t, c)), `"booking_id":"`)
	booked, _, _ = strings.Cut(booked, `"`)
	require.NotEmpty(t, booked)
	cancel := map[string]any{"booking_id": booked, "consent": map[string]any{"granted": false}}
	require.Contains(t, answered(c, "cancel_booking", cancel), `"state":"approved"`, "Vennio is down, so it is not carried out")
	require.NoError(t, open.cmd.Process.Kill()) // it would carry out the cancellation a few seconds later
	open.end()
	before := writesAt(t, vennio)

	p := start(t, append(env, "VENNIO_CONSENT=human"))
	h := showsCards(client.NewClient(transport.NewIO(p.stdout, p.stdin, nil)))
	handshake(t, h, protocolOld)
	_, raw := callAs(t, h, "cancel_booking", cancel, nil)
	assert.Contains(t, raw, "awaiting_consent")
	assert.Equal(t, before, writesAt(t, vennio))
	assert.Contains(t, answered(h, "cancel_booking", cancel), `"state":"approved"`)
	_, raw = callAs(t, h, "cancel_booking", cancel, nil)
	assert.NotContains(t, raw, "awaiting_consent", "the answer over the trusted connection counts")
}
