package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"regexp"
	"strings"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/config"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/tools"
)

func TestTheDemoGoesAsItSays(t *testing.T) {
	t.Parallel()
	code, out, errs := runPlain(t, append(clean(t), "VENNIO_TIMEOUT=never", "VENNIO_TIMEZONE=EST"), "demo")
	assert.Zero(t, code, errs, "whatever settings the person has")
	for _, part := range []string{
		"NOT BOOKED YET", "nothing was written", "Approve this booking?", "[Approve]", "the approval made the booking", "Not booked  Nothing was changed: somebody else took this time", "the very same arguments", "the same booking", "slot_taken", "other times came in the answer", "Subscribed as wh_",
		"the CRM receives: booking.created, Ada Byron", "stored once and forwarded", "refused (401)", "the CRM receives: booking.updated", "moved under a new consent",
		"the CRM receives: booking.cancelled", "The ledger holds", "All statements were checked",
	} {
		assert.Contains(t, out, part)
	}
	assert.NotContains(t, out, "\x1b", "plain where there is no terminal")

	// The transcript in the README has lines of the demo, shortened at each "…".
	_, shown, found := strings.Cut(documents(t)["README.md"], "```text\nperson  ")
	require.True(t, found)
	shown, _, _ = strings.Cut(shown, "```")
	for line := range strings.Lines(shown) {
		line = regexp.MustCompile(`^(page|person|agent|server)? +`).ReplaceAllString(line, "")
		for part := range strings.SplitSeq(line, "…") {
			assert.Contains(t, shape(out), shape(part), "README.md")
		}
	}
}

// rehearsal is the demo on a server in this process, whose tools a test may
// replace.
type rehearsal struct {
	*demo
	server *server.MCPServer
}

func rehearse(t *testing.T) rehearsal {
	t.Helper()
	p := program{getenv: envLookup(nil), out: new(bytes.Buffer), errs: new(lockedBuffer)}
	d, err := p.newDemo(t.Context())
	require.NoError(t, err)
	cfg, err := config.Load(nil, d.here.getenv)
	require.NoError(t, err)
	a, err := d.here.newApp(t.Context(), cfg)
	require.NoError(t, err)
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- a.Serve(ctx, ln) }()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-done)
		a.Close()
		d.close()
	})
	d.agent, err = connectAgent(t.Context(), "http://"+ln.Addr().String())
	require.NoError(t, err)
	return rehearsal{d, a.Server}
}

// finds plays with a tool that does not do what the demo says.
func (r rehearsal) finds(t *testing.T, want, tool string, lie any) {
	t.Helper()
	honest := *r.server.GetTool(tool)
	r.server.AddTools(replacement(t, tool, lie))
	require.ErrorContains(t, r.play(t.Context()), want)
	r.server.AddTools(honest)
}

// The demo must be able to fail: servers that do not do what it says are detected.
func TestTheDemoFindsOutAServerThatDoesNotDoAsItSays(t *testing.T) {
	t.Parallel()
	r := rehearse(t)
	r.finds(t, "want 3 slots", "find_slots", schemas.FindSlotsResult{})
	r.finds(t, "was made without consent", "book_slot", schemas.BookSlotResult{Status: "confirmed"})
	stubborn := schemas.AwaitingConsent{Status: schemas.StatusAwaiting, Instead: schemas.Instead{Reason: schemas.CodeConsentRequired}}
	r.finds(t, "nobody is asked", "book_slot", stubborn)
	require.NoError(t, r.play(t.Context()))
	r.finds(t, "nobody is asked", "reschedule_booking", schemas.ChangeResult{Changed: true})
	rehearse(t).finds(t, "nobody is asked", "cancel_booking", schemas.ChangeResult{Changed: true})
}

func TestTheDemoFailsWhereASinkReceivesNoEvent(t *testing.T) {
	t.Parallel()
	sink := &demoSink{events: make(chan sinkEvent, 1)}
	d := &demo{transcript: &transcript{out: new(bytes.Buffer)}, sink: sink}
	sink.events <- sinkEvent{Type: "booking.updated"}
	require.ErrorContains(t, d.awaitEvent(t.Context(), "booking.created"), "the sink received booking.updated, not booking.created")
	over, stop := context.WithCancel(t.Context())
	stop()
	require.ErrorContains(t, d.awaitEvent(over, "booking.updated"), "the sink did not receive booking.updated")
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
