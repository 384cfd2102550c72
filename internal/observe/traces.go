package observe

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/rs/zerolog"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/tools"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// Traces makes a span of each tool call and of each request to Vennio, and
// carries the caller's trace on. A nil *Traces makes none and costs nothing.
type Traces struct {
	provider *sdk.TracerProvider
	tracer   trace.Tracer
}

// NewTraces exports spans over OTLP/HTTP as OpenTelemetry's own environment
// variables say; nil where OTEL_EXPORTER_OTLP_ENDPOINT and
// OTEL_EXPORTER_OTLP_TRACES_ENDPOINT are not set, or OTEL_SDK_DISABLED is true.
// The library reads further ones itself (OTEL_RESOURCE_ATTRIBUTES, sampling,
// batches). version is the program's; what goes wrong with exporting is logged.
func NewTraces(ctx context.Context, getenv func(string) string, version string, log zerolog.Logger) (*Traces, error) {
	if strings.EqualFold(getenv("OTEL_SDK_DISABLED"), "true") {
		return nil, nil
	}
	to, err := newCollector(getenv)
	if to == nil || err != nil {
		return nil, err
	}
	exporter, err := otlptrace.New(ctx, to)
	if err != nil {
		return nil, fmt.Errorf("trace: %w", err)
	}
	about := resource.NewSchemaless(attribute.String("service.name", "vennio-mcp"), attribute.String("service.version", version))
	if about, err = resource.Merge(about, resource.Environment()); err != nil {
		return nil, fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn().Err(err).Msg("traces cannot be exported") }))
	provider := sdk.NewTracerProvider(sdk.WithBatcher(exporter), sdk.WithResource(about))
	return &Traces{provider, provider.Tracer("github.com/vennio-mcp/vennio-mcp")}, nil
}

// Close sends the spans that wait, within limit.
func (t *Traces) Close(limit time.Duration) error {
	if t == nil {
		return nil
	}
	ctx, done := context.WithTimeout(context.Background(), limit)
	defer done()
	return t.provider.Shutdown(ctx)
}

// Tools makes a span of each call, in the caller's trace if it names one: a
// [tools.Middleware], to stand inside that of [Tools].
func (t *Traces) Tools(tool string, next tools.Run) tools.Run {
	if t == nil {
		return next
	}
	return func(ctx context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		ctx, span := t.tracer.Start(parent(ctx, req), "tools/call "+tool, trace.WithSpanKind(trace.SpanKindServer),
			trace.WithAttributes(attribute.String("mcp.method.name", "tools/call"), attribute.String("gen_ai.tool.name", tool)))
		defer span.End()
		result, err := next(ctx, req)
		how := outcome(result, err)
		span.SetAttributes(attribute.String("vennio_mcp.outcome", how))
		if method := callIn(ctx).lastMethod(); method != "" {
			span.SetAttributes(attribute.String("vennio_mcp.method", string(method)))
		}
		if how == string(schemas.CodeInternal) {
			span.SetStatus(codes.Error, how)
		}
		return result, err
	}
}

// traceparent is the one header of the W3C Trace Context that is read and
// written: neither baggage nor tracestate, which may hold anything.
const traceparent = "traceparent"

// HTTPContext adds the trace that an HTTP request names to the context of its calls.
func HTTPContext(ctx context.Context, r *http.Request) context.Context {
	return propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{traceparent: r.Header.Get(traceparent)})
}

// parent continues the caller's trace: that in the call's _meta (SEP-414), else that
// of [HTTPContext].
func parent(ctx context.Context, req mcp.CallToolRequest) context.Context {
	if req.Params.Meta == nil {
		return ctx
	}
	inMeta, _ := req.Params.Meta.AdditionalFields[traceparent].(string)
	return propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{traceparent: inMeta})
}

// Transport makes a span of each request to Vennio, and names it in the request.
func (t *Traces) Transport(next http.RoundTripper) http.RoundTripper {
	if t == nil {
		return next
	}
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		operation := vennioclient.Operation(r.Method, r.URL.Path)
		ctx, span := t.tracer.Start(r.Context(), operation, trace.WithSpanKind(trace.SpanKindClient),
			trace.WithAttributes(attribute.String("http.request.method", r.Method), attribute.String("server.address", r.URL.Hostname())))
		defer span.End()
		r = r.Clone(ctx)
		carrier := propagation.MapCarrier{}
		propagation.TraceContext{}.Inject(ctx, carrier)
		r.Header.Set(traceparent, carrier[traceparent])
		resp, err := next.RoundTrip(r)
		told(span, resp, err)
		return resp, err
	})
}

func told(span trace.Span, resp *http.Response, err error) {
	if err != nil {
		span.SetStatus(codes.Error, "no answer")
		return
	}
	span.SetAttributes(attribute.Int("http.response.status_code", resp.StatusCode))
	if resp.StatusCode >= http.StatusBadRequest {
		span.SetStatus(codes.Error, "")
	}
}
