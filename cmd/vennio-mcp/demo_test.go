package main

import (
	"bytes"
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/slots"
	"github.com/vennio-mcp/vennio-mcp/internal/store"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/tools"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/sandbox"
)

func TestTheDemoGoesAsItSays(t *testing.T) {
	t.Parallel()
	code, out, errs := run(t, append(clean(t), "VENNIO_TIMEOUT=never", "VENNIO_TIMEZONE=EST"), "demo")
	assert.Zero(t, code, errs, "whatever settings the person has")
	for _, part := range []string{"consent_required", "nothing was written", "booked once", "the very same arguments", "the same booking", "slot_taken", "other times came in the same answer", "All as it says"} {
		assert.Contains(t, out, part)
	}
	assert.NotContains(t, out, "\x1b", "plain where there is no terminal")
}

// rehearse plays the demo against this program's server, one tool of which a
// test may have replaced.
func rehearse(t *testing.T, replaced ...server.ServerTool) error {
	t.Helper()
	p := program{getenv: func(string) string { return "" }, now: time.Now}
	vennio, err := p.startSandbox(t.Context(), "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(vennio.close)
	c, err := vennioclient.New(sandbox.DefaultKey(), vennioclient.WithBaseURL(vennio.url))
	require.NoError(t, err)
	db := store.Open("")
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	s := newServer(tools.Deps{
		Vennio: c, Hosts: directory(sandboxHosts()), Zone: time.UTC, WeekStart: time.Monday, Now: time.Now,
		Slots:  slots.NewSigner([]byte("rehearsal"), "sandbox", time.Now),
		Ledger: consent.New(db, time.Now), Policy: consent.PolicyAsk, Secret: []byte("rehearsal"),
	})
	s.AddTools(replaced...)
	inProcess, err := client.NewInProcessClient(s)
	require.NoError(t, err)
	t.Cleanup(func() { _ = inProcess.Close() })
	require.NoError(t, inProcess.Start(t.Context()))
	a := &agent{inProcess}
	require.NoError(t, a.greet(t.Context()))
	d := &demo{stage: newStage(new(bytes.Buffer), p.getenv), agent: a, vennio: vennio}
	return d.play(t.Context())
}

// The demo must be able to fail: servers that do not do as it says are found out.
func TestTheDemoFindsOutAServerThatDoesNotDoAsItSays(t *testing.T) {
	t.Parallel()
	require.NoError(t, rehearse(t))
	empty := replacement(t, "find_slots", schemas.FindSlotsResult{})
	require.ErrorContains(t, rehearse(t, empty), "want 3 slots")
	trusting := replacement(t, "book_slot", schemas.BookSlotResult{Status: "confirmed"})
	require.ErrorContains(t, rehearse(t, trusting), "without consent was not refused")
	stubborn := replacement(t, "book_slot", schemas.Failure{Envelope: schemas.Envelope{Error: &schemas.Problem{Code: schemas.CodeConsentRequired}}})
	require.ErrorContains(t, rehearse(t, stubborn), "the booking was not made")
}

func replacement(t *testing.T, name string, answer any) server.ServerTool {
	t.Helper()
	for _, tool := range tools.Catalog(tools.Deps{}) {
		if tool.Name == name {
			raw, err := json.Marshal(answer)
			require.NoError(t, err)
			return server.ServerTool{Tool: tool.Tool, Handler: func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
				return mcp.NewToolResultStructured(json.RawMessage(raw), "fake"), nil
			}}
		}
	}
	require.FailNow(t, "no such tool")
	return server.ServerTool{}
}
