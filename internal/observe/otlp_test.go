package observe

import (
	"context"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
)

// spans are a request with a remote parent, a failed call with an event, and a span with default values only.
var spans = tracetest.SpanStubs{
	{
		Name: "GET /v1/bookings", SpanKind: trace.SpanKindClient,
		SpanContext: trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1, 15: 2}, SpanID: trace.SpanID{3}, TraceFlags: trace.FlagsSampled}),
		Parent:      trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1, 15: 2}, SpanID: trace.SpanID{4}, Remote: true}),
		StartTime:   time.Unix(1796000000, 1), EndTime: time.Unix(1796000001, 999999999),
		Attributes: []attribute.KeyValue{attribute.String("server.address", "vennio.example"), attribute.Int("http.response.status_code", 503), attribute.Int("minus", -1), attribute.String("empty", "")},
		Status:     sdk.Status{Code: codes.Error, Description: "no answer"},
		Resource:   resource.NewWithAttributes("https://schema.example", attribute.String("service.name", "vennio-mcp")), InstrumentationScope: instrumentation.Scope{Name: "tracer"},
	},
	{
		Name: "tools/call é", SpanKind: trace.SpanKindServer, Status: sdk.Status{Code: codes.Ok},
		StartTime: time.Unix(1, 0), EndTime: time.Unix(2, 0),
		Events: []sdk.Event{{Name: "exception", Time: time.Unix(1, 5), Attributes: []attribute.KeyValue{attribute.Bool("escaped", true)}}},
	},
	{},
}.Snapshots()

func text(s string) *commonpb.AnyValue {
	return &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: s}}
}

func integer(n int64) *commonpb.AnyValue {
	return &commonpb.AnyValue{Value: &commonpb.AnyValue_IntValue{IntValue: n}}
}

// The generated messages of OpenTelemetry decode what is sent.
func TestSpansAreEncodedAsOTLP(t *testing.T) {
	t.Parallel()
	want := &tracepb.TracesData{ResourceSpans: []*tracepb.ResourceSpans{{
		Resource:  &resourcepb.Resource{Attributes: []*commonpb.KeyValue{{Key: "service.name", Value: text("vennio-mcp")}}},
		SchemaUrl: "https://schema.example",
		ScopeSpans: []*tracepb.ScopeSpans{{
			Scope: &commonpb.InstrumentationScope{Name: "tracer"},
			Spans: []*tracepb.Span{
				{
					TraceId: []byte{1, 15: 2}, SpanId: []byte{3, 7: 0}, ParentSpanId: []byte{4, 7: 0}, Flags: 0x301,
					Name: "GET /v1/bookings", Kind: tracepb.Span_SPAN_KIND_CLIENT, StartTimeUnixNano: 1796000000000000001, EndTimeUnixNano: 1796000001999999999,
					Attributes: []*commonpb.KeyValue{
						{Key: "server.address", Value: text("vennio.example")},
						{Key: "http.response.status_code", Value: integer(503)},
						{Key: "minus", Value: integer(-1)},
						{Key: "empty", Value: text("")},
					},
					Status: &tracepb.Status{Code: tracepb.Status_STATUS_CODE_ERROR, Message: "no answer"},
				},
				{
					TraceId: make([]byte, 16), SpanId: make([]byte, 8), Flags: 0x100,
					Name: "tools/call é", Kind: tracepb.Span_SPAN_KIND_SERVER, StartTimeUnixNano: 1e9, EndTimeUnixNano: 2e9,
					Events: []*tracepb.Span_Event{{Name: "exception", TimeUnixNano: 1000000005, Attributes: []*commonpb.KeyValue{{Key: "escaped", Value: text("true")}}}},
					Status: &tracepb.Status{Code: tracepb.Status_STATUS_CODE_OK},
				},
				{TraceId: make([]byte, 16), SpanId: make([]byte, 8), Flags: 0x100, Status: &tracepb.Status{}},
			},
		}},
	}}}
	got := new(tracepb.TracesData)
	require.NoError(t, proto.Unmarshal(encode(spans), got))
	assert.True(t, proto.Equal(want, got), "%s", prototext.Format(got))
}

// Strings of proto3 are valid UTF-8: a collector rejects all spans of a request that contains another one.
func TestInvalidUTF8IsReplaced(t *testing.T) {
	t.Parallel()
	invalid := []attribute.KeyValue{attribute.String("key \xff", "value \xfe")}
	want := []*commonpb.KeyValue{{Key: "key \uFFFD", Value: text("value \uFFFD")}}
	got := new(tracepb.TracesData)
	require.NoError(t, proto.Unmarshal(encode(tracetest.SpanStubs{{
		Name: "\xc3(", Attributes: invalid, Status: sdk.Status{Code: codes.Error, Description: "\xff"}, Resource: resource.NewSchemaless(invalid...),
		Events: []sdk.Event{{Name: "\xff", Attributes: invalid}},
	}}.Snapshots()), got))
	of := got.ResourceSpans[0]
	span := of.ScopeSpans[0].Spans[0]
	assert.Equal(t, []string{"\uFFFD(", "\uFFFD", "\uFFFD"}, []string{span.Name, span.Status.Message, span.Events[0].Name})
	for _, attributes := range [][]*commonpb.KeyValue{of.Resource.Attributes, span.Attributes, span.Events[0].Attributes} {
		require.Len(t, attributes, 1)
		assert.True(t, proto.Equal(want[0], attributes[0]), "%v", attributes)
	}
}

// Close sends the spans that wait for the next batch.
func TestCloseSendsTheRemainingSpans(t *testing.T) {
	t.Parallel()
	received := make(chan []byte, 10)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		received <- body
	}))
	t.Cleanup(server.Close)
	traces, err := NewTraces(set("ENDPOINT="+server.URL), "v0", zerolog.Nop())
	require.NoError(t, err)
	_, err = traces.Tools("find_slots", func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) { return nil, nil })(t.Context(), mcp.CallToolRequest{})
	require.NoError(t, err)
	require.NoError(t, traces.Close(30*time.Second))
	require.NotEmpty(t, received)
	assert.Contains(t, string(<-received), "tools/call find_slots")
}

func set(pairs ...string) func(string) string {
	return func(name string) string {
		for _, p := range pairs {
			if n, value, _ := strings.Cut(p, "="); n == "OTEL_EXPORTER_OTLP_"+name || "OTEL_EXPORTER_OTLP_"+n == name {
				return value
			}
		}
		return ""
	}
}

func TestTheEndpointOfTheCollector(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		set  []string
		want string
	}{
		{[]string{"ENDPOINT=http://collector:4318"}, "http://collector:4318/v1/traces"},
		{[]string{"ENDPOINT=https://collector/otlp/"}, "https://collector/otlp/v1/traces"},
		{[]string{"ENDPOINT=http://collector:4318", "TRACES_ENDPOINT=http://other/take"}, "http://other/take"},
	} {
		to, err := newCollector(set(c.set...))
		require.NoError(t, err)
		assert.Equal(t, c.want, to.url)
		assert.Equal(t, 10*time.Second, to.http.Timeout)
	}
	none, err := newCollector(set())
	require.NoError(t, err)
	assert.Nil(t, none)
}

func TestInvalidSettingsOfTheCollector(t *testing.T) {
	t.Parallel()
	empty := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	for setting, want := range map[string]string{
		"ENDPOINT=collector:4317":   "must be an http or https URL",
		"ENDPOINT=http://":          "must be an http or https URL",
		"HEADERS=api-key secret":    "name=value",
		"HEADERS=api-key=%zzsecret": "name=value",
		"TIMEOUT=10s":               "milliseconds",
		"TIMEOUT=0":                 "milliseconds",
		"CERTIFICATE=/nowhere.pem":  "CERTIFICATE",
		"CERTIFICATE=" + empty:      "no certificate",
	} {
		_, err := newCollector(set(setting, "TRACES_ENDPOINT="+strings.TrimPrefix(setting, "ENDPOINT=")))
		if !strings.HasPrefix(setting, "ENDPOINT") {
			_, err = newCollector(set("ENDPOINT=http://collector", setting))
		}
		require.ErrorContains(t, err, want, setting)
		assert.NotContains(t, err.Error(), "secret")
	}
}

func TestACollectorWithATrustedCertificateReceivesHeaders(t *testing.T) {
	t.Parallel()
	var got http.Header
	server := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.Header }))
	t.Cleanup(server.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600))

	untrusting, err := newCollector(set("ENDPOINT=" + server.URL))
	require.NoError(t, err)
	require.ErrorContains(t, untrusting.send(t.Context(), nil), "certificate")

	to, err := newCollector(set("ENDPOINT="+server.URL, "CERTIFICATE="+ca, "HEADERS=api-key=a%20b, X-Team=sales", "TIMEOUT=2000"))
	require.NoError(t, err)
	require.NoError(t, to.ExportSpans(t.Context(), spans))
	assert.Equal(t, "a b", got.Get("Api-Key"))
	assert.Equal(t, "sales", got.Get("X-Team"))
	assert.Equal(t, "application/x-protobuf", got.Get("Content-Type"))
	assert.Equal(t, 2*time.Second, to.http.Timeout)
}

// req: X4
func TestReq_X4_SpansAndKeysAreNotRedirected(t *testing.T) {
	t.Parallel()
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the redirect was followed") }))
	t.Cleanup(other.Close)
	for _, code := range []int{http.StatusFound, http.StatusTemporaryRedirect} {
		leads := httptest.NewServer(http.RedirectHandler(other.URL, code))
		to, err := newCollector(set("ENDPOINT="+leads.URL, "HEADERS=api-key=secret"))
		require.NoError(t, err)
		require.ErrorContains(t, to.ExportSpans(t.Context(), spans), "the collector answered 30")
		leads.Close()
	}
}

type answers []func() (*http.Response, error)

func (a *answers) RoundTrip(*http.Request) (*http.Response, error) {
	next := (*a)[0]
	*a = (*a)[1:]
	return next()
}

func status(code int, wait string) func() (*http.Response, error) {
	return func() (*http.Response, error) {
		return &http.Response{StatusCode: code, Status: http.StatusText(code), Header: http.Header{"Retry-After": {wait}}, Body: io.NopCloser(strings.NewReader("later"))}, nil
	}
}

func TestTemporaryErrorsOfTheCollectorAreRetried(t *testing.T) {
	t.Parallel()
	unreachable := func() (*http.Response, error) { return nil, errors.New("connection refused") }
	for name, c := range map[string]struct {
		answers answers
		waits   time.Duration // at least
		fails   string
	}{
		"at once":              {answers{status(200, "")}, 0, ""},
		"down, then busy":      {answers{unreachable, status(503, "7"), status(429, ""), status(200, "")}, 7 * time.Second, ""},
		"refused":              {answers{status(400, "")}, 0, "Bad Request"},
		"unreachable for long": {slices.Repeat(answers{unreachable}, 100), retryFor / 3, "refused"},
	} {
		synctest.Test(t, func(t *testing.T) {
			to := &collector{url: "http://collector/v1/traces", http: &http.Client{Transport: &c.answers}}
			began := time.Now()
			err := to.ExportSpans(t.Context(), spans)
			if c.fails == "" {
				require.NoError(t, err, name)
				assert.Empty(t, c.answers, name)
			} else {
				require.ErrorContains(t, err, c.fails, name)
			}
			assert.GreaterOrEqual(t, time.Since(began), c.waits, name)
			assert.LessOrEqual(t, time.Since(began), 2*retryFor, name)
		})
	}
}
