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
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/tools"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// Traces creates a span for each tool call and each request to Vennio, and continues the trace of the
// caller. A nil *Traces creates none.
type Traces struct {
	provider *sdk.TracerProvider
	tracer   trace.Tracer
}

// NewTraces returns Traces that export spans over OTLP/HTTP. The environment variables of OpenTelemetry
// configure it. It returns nil if neither OTEL_EXPORTER_OTLP_ENDPOINT nor
// OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is set, or if OTEL_SDK_DISABLED is true. The library reads further
// variables (OTEL_RESOURCE_ATTRIBUTES, sampling, batches). version is the version of the program. Errors
// of the export are logged.
func NewTraces(getenv func(string) string, version string, log zerolog.Logger) (*Traces, error) {
	if strings.EqualFold(getenv("OTEL_SDK_DISABLED"), "true") {
		return nil, nil
	}
	exporter, err := newCollector(getenv)
	if exporter == nil || err != nil {
		return nil, err
	}
	attributes := resource.NewSchemaless(attribute.String("service.name", "vennio-mcp"), attribute.String("service.version", version))
	if attributes, err = resource.Merge(attributes, resource.Environment()); err != nil {
		return nil, fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn().Err(err).Msg("traces cannot be exported") }))
	provider := sdk.NewTracerProvider(sdk.WithBatcher(exporter), sdk.WithResource(attributes))
	return &Traces{provider, provider.Tracer("github.com/vennio-mcp/vennio-mcp")}, nil
}

// Close sends the remaining spans, for at most limit.
func (t *Traces) Close(limit time.Duration) error {
	if t == nil {
		return nil
	}
	ctx, done := context.WithTimeout(context.Background(), limit)
	defer done()
	return t.provider.Shutdown(ctx)
}

// Tools creates a span for each call, in the trace of the caller if there is one. It is a
// [tools.Middleware] and must be inside that of [Tools], which provides the consent method.
func (t *Traces) Tools(tool string, next tools.Run) tools.Run {
	if t == nil {
		return next
	}
	return func(ctx context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		ctx, span := t.tracer.Start(parent(ctx, req), "tools/call "+tool, trace.WithSpanKind(trace.SpanKindServer),
			trace.WithAttributes(attribute.String("mcp.method.name", "tools/call"), attribute.String("gen_ai.tool.name", tool)))
		defer span.End()
		result, err := next(ctx, req)
		code := outcome(result, err)
		span.SetAttributes(attribute.String("vennio_mcp.outcome", code))
		if method := callFrom(ctx).lastMethod(); method != "" {
			span.SetAttributes(attribute.String("vennio_mcp.method", string(method)))
		}
		if code == string(schemas.CodeInternal) {
			span.SetStatus(codes.Error, code)
		}
		return result, err
	}
}

// traceparent is the only header of the W3C Trace Context that is read and sent. baggage and tracestate
// are not, because they may contain anything.
const traceparent = "traceparent"

// HTTPContext adds the trace in the header of an HTTP request to the context of its calls.
func HTTPContext(ctx context.Context, r *http.Request) context.Context {
	return propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{traceparent: r.Header.Get(traceparent)})
}

// parent adds the trace of the caller to ctx: that in _meta of the call (SEP-414), otherwise that of
// [HTTPContext].
func parent(ctx context.Context, req mcp.CallToolRequest) context.Context {
	if req.Params.Meta == nil {
		return ctx
	}
	inMeta, _ := req.Params.Meta.AdditionalFields[traceparent].(string)
	return propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{traceparent: inMeta})
}

// Transport creates a span for each request to Vennio, and adds it to the request as traceparent.
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
		setStatus(span, resp, err)
		return resp, err
	})
}

func setStatus(span trace.Span, resp *http.Response, err error) {
	if err != nil {
		span.SetStatus(codes.Error, "no answer")
		return
	}
	span.SetAttributes(attribute.Int("http.response.status_code", resp.StatusCode))
	if resp.StatusCode >= http.StatusBadRequest {
		span.SetStatus(codes.Error, "")
	}
}
