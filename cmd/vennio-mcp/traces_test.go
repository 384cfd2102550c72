package main

import (
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// traced is what came to a collector, and what Vennio was sent.
type traced struct {
	mu      sync.Mutex
	spans   []*tracepb.Span
	raw     string
	headers []http.Header
}

func (c *traced) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	var sent tracepb.TracesData // to the byte an ExportTraceServiceRequest
	c.mu.Lock()
	defer c.mu.Unlock()
	c.raw += string(body)
	if proto.Unmarshal(body, &sent) != nil {
		return
	}
	for _, resource := range sent.ResourceSpans {
		for _, scope := range resource.ScopeSpans {
			c.spans = append(c.spans, scope.Spans...)
		}
	}
}

// has reports whether a span of that name was received. Spans are exported in the order in which they end.
func (c *traced) has(name string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.ContainsFunc(c.spans, func(s *tracepb.Span) bool { return s.Name == name })
}

// named returns the one span of that name.
func (c *traced) named(t *testing.T, name string) *tracepb.Span {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	var found []*tracepb.Span
	for _, s := range c.spans {
		if s.Name == name {
			found = append(found, s)
		}
	}
	require.Len(t, found, 1, name)
	return found[0]
}

const (
	fromHeader = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	fromMeta   = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
)

func TestTheCallersTraceGoesOnToVennio(t *testing.T) {
	t.Parallel()
	seen := new(traced)
	to := httptest.NewServer(seen)
	t.Cleanup(to.Close)
	vennio := before(t, startSandboxProcess(t), func(r *http.Request) bool {
		seen.mu.Lock()
		defer seen.mu.Unlock()
		seen.headers = append(seen.headers, r.Header)
		return false
	}, func(*http.Response) error { return nil })
	p := start(t, stored(t, toVennio(t, vennio, "OTEL_EXPORTER_OTLP_ENDPOINT="+to.URL)), "serve", "--addr", "127.0.0.1:0")
	c, err := client.NewStreamableHttpClient(p.address()+"/mcp", transport.WithHTTPHeaders(map[string]string{
		"traceparent": fromHeader, "tracestate": "secret=1", "baggage": "user=ada",
	}))
	require.NoError(t, err)
	handshake(t, c, "2025-11-25")
	say(t, c, "book_slot", aBooking(t, c))
	req := mcp.CallToolRequest{}
	req.Params.Name = "check_calendar_access"
	req.Params.Meta = &mcp.Meta{AdditionalFields: map[string]any{"traceparent": fromMeta}}
	_, err = c.CallTool(t.Context(), req)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return seen.has("tools/call check_calendar_access") }, patience, tick, "a server that stops exports for half a second only")
	p.terminate()
	require.Zero(t, p.wait())

	call, post := seen.named(t, "tools/call book_slot"), seen.named(t, "POST /v1/bookings")
	assert.Equal(t, fromHeader[3:35], hex.EncodeToString(call.TraceId))
	assert.Equal(t, fromHeader[36:52], hex.EncodeToString(call.ParentSpanId))
	assert.Equal(t, call.SpanId, post.ParentSpanId)
	assert.Equal(t, call.TraceId, post.TraceId)
	assert.Equal(t, fromMeta[3:35], hex.EncodeToString(seen.named(t, "tools/call check_calendar_access").TraceId), "what the call says wins")
	assert.Contains(t, call.String(), "attested by the agent")
	seen.mu.Lock()
	defer seen.mu.Unlock()
	for _, h := range seen.headers {
		assert.Regexp(t, `^00-(`+fromHeader[3:35]+`|`+fromMeta[3:35]+`)-[0-9a-f]{16}-01$`, h.Get("traceparent"))
		assert.Empty(t, h.Get("baggage")+h.Get("tracestate"))
	}
	assert.NotRegexp(t, `(?i)ada@|c4n4ry|bearer`, seen.raw)
}

// A collector that is down costs a line of log, and no call.
func TestACollectorThatIsDownCostsNoCall(t *testing.T) {
	t.Parallel()
	p := start(t, clean(t, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://127.0.0.1:9/v1/traces"), "serve", "--addr", "127.0.0.1:0")
	assert.Contains(t, say(t, agentAt(t, p.address()), "find_slots", nil), "SANDBOX")
	p.terminate()
	require.Zero(t, p.wait())
	assert.Contains(t, p.stderr.String(), "traces")
}

// Off is off: nothing is added to what Vennio is sent.
func TestWithoutACollectorNothingIsTraced(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var got []string
	vennio := before(t, startSandboxProcess(t), func(r *http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, r.Header.Get("traceparent"))
		return false
	}, func(*http.Response) error { return nil })
	env := toVennio(t, vennio, "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:9", "OTEL_SDK_DISABLED=true")
	say(t, agentAt(t, start(t, env, "serve", "--addr", "127.0.0.1:0").address()), "find_slots", nil)
	mu.Lock()
	defer mu.Unlock()
	assert.NotEmpty(t, got)
	assert.Empty(t, strings.Join(got, ""))
}
