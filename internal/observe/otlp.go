package observe

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/vennio-mcp/vennio-mcp/internal/files"
)

// collector is a [sdk.SpanExporter] that sends spans over OTLP/HTTP as protobuf. The exporter of the
// library, otlptracehttp, links gRPC without using it (opentelemetry-go, issue 2579), and the generated
// messages link the whole protobuf runtime, which every process would hold in memory
// (docs/performance.md).
type collector struct {
	url    string
	header http.Header
	http   *http.Client
}

// retryFor is the maximum time for sending one batch, during which other spans wait. It is less than
// the timeout of the library (30 s), so that the last error is that of the collector.
const retryFor = 25 * time.Second

// newCollector returns the collector that the environment variables of OpenTelemetry configure
// (specification of the OTLP exporter); nil without an endpoint.
func newCollector(getenv func(string) string) (*collector, error) {
	setting := func(name string) string {
		return cmp.Or(getenv("OTEL_EXPORTER_OTLP_TRACES_"+name), getenv("OTEL_EXPORTER_OTLP_"+name))
	}
	endpoint := getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") // used without a suffix
	if base := getenv("OTEL_EXPORTER_OTLP_ENDPOINT"); endpoint == "" && base != "" {
		endpoint = strings.TrimRight(base, "/") + "/v1/traces"
	}
	if endpoint == "" {
		return nil, nil
	}
	if u, err := url.Parse(endpoint); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, errors.New("the OTLP endpoint must be an http or https URL, such as http://localhost:4318")
	}
	header, err := headers(setting("HEADERS"))
	if err != nil {
		return nil, err
	}
	timeout, err := milliseconds(cmp.Or(setting("TIMEOUT"), "10000"))
	if err != nil {
		return nil, err
	}
	transport, err := transportTrusting(setting("CERTIFICATE"))
	if err != nil {
		return nil, err
	}
	client := &http.Client{
		Timeout: timeout, Transport: transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // redirects would disclose the API keys in headers
	}
	return &collector{url: endpoint, header: header, http: client}, nil
}

// headers parses "name=value,name=value" with percent-encoded names and values. Its errors do not quote
// the input, because values are secrets.
func headers(list string) (http.Header, error) {
	h := http.Header{"Content-Type": {"application/x-protobuf"}, "User-Agent": {"vennio-mcp"}}
	for pair := range strings.SplitSeq(list, ",") {
		name, value, ok := strings.Cut(pair, "=")
		name, errName := url.PathUnescape(strings.TrimSpace(name))
		value, errValue := url.PathUnescape(strings.TrimSpace(value))
		switch {
		case strings.TrimSpace(pair) == "":
		case !ok || errName != nil || errValue != nil || name == "":
			return nil, errors.New("OTEL_EXPORTER_OTLP_HEADERS: write name=value, separated by commas")
		default:
			h.Set(name, value)
		}
	}
	return h, nil
}

// milliseconds parses a timeout.
func milliseconds(text string) (time.Duration, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n <= 0 {
		return 0, errors.New("OTEL_EXPORTER_OTLP_TIMEOUT: write a number of milliseconds above 0")
	}
	return time.Duration(n) * time.Millisecond, nil
}

// transportTrusting returns a transport that trusts the certificate authorities in a PEM file, or those
// of the system if file is empty.
func transportTrusting(file string) (*http.Transport, error) {
	t := http.DefaultTransport.(*http.Transport).Clone()
	if file == "" {
		return t, nil
	}
	pem, err := files.Read(file)
	if err != nil {
		return nil, fmt.Errorf("OTEL_EXPORTER_OTLP_CERTIFICATE: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("OTEL_EXPORTER_OTLP_CERTIFICATE: no certificate in %s", file)
	}
	t.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	return t, nil
}

// Shutdown implements sdk.SpanExporter.
func (c *collector) Shutdown(context.Context) error {
	c.http.CloseIdleConnections()
	return nil
}

// ExportSpans sends one batch. It retries for up to retryFor if the collector is unreachable or
// answers with a temporary error.
func (c *collector) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	if len(spans) == 0 {
		return nil
	}
	body := encode(spans)
	_, err := backoff.Retry(ctx, func() (struct{}, error) { return struct{}{}, c.send(ctx, body) },
		backoff.WithMaxElapsedTime(retryFor))
	return err
}

func (c *collector) send(ctx context.Context, body []byte) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return backoff.Permanent(err)
	}
	r.Header = c.header.Clone()
	resp, err := c.http.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<16)) // so that the connection can be reused
	switch resp.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		if wait, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && wait > 0 {
			return backoff.RetryAfter(wait)
		}
		return fmt.Errorf("the collector answered %s", resp.Status)
	default:
		if resp.StatusCode/100 != 2 {
			return backoff.Permanent(fmt.Errorf("the collector answered %s", resp.Status))
		}
		return nil
	}
}

// encode returns spans as an ExportTraceServiceRequest (opentelemetry-proto 1, whose field numbers it
// uses). All spans are those of one provider and one tracer, therefore they have the same resource and
// scope.
func encode(spans []sdk.ReadOnlySpan) []byte {
	var resource, scope, scopeSpans, resourceSpans message
	resource.attributes(1, spans[0].Resource().Attributes())
	scope.text(1, spans[0].InstrumentationScope().Name)
	scopeSpans.bytes(1, scope)
	for _, span := range spans {
		scopeSpans.bytes(2, encodeSpan(span))
	}
	resourceSpans.bytes(1, resource)
	resourceSpans.bytes(2, scopeSpans)
	resourceSpans.text(3, spans[0].Resource().SchemaURL())
	var request message
	request.bytes(1, resourceSpans)
	return request
}

// encodeSpan returns a Span. The program adds no links.
func encodeSpan(span sdk.ReadOnlySpan) message {
	var m message
	trace, id, parent := span.SpanContext().TraceID(), span.SpanContext().SpanID(), span.Parent()
	m.bytes(1, trace[:])
	m.bytes(2, id[:])
	m.text(3, span.SpanContext().TraceState().String())
	if id := parent.SpanID(); id.IsValid() {
		m.bytes(4, id[:])
	}
	m.text(5, span.Name())
	m.number(6, uint64(span.SpanKind())) //nolint:gosec // an enumeration with the numbers of Span.SpanKind
	m.time(7, span.StartTime())
	m.time(8, span.EndTime())
	m.attributes(9, span.Attributes())
	for _, event := range span.Events() {
		var e message
		e.time(1, event.Time)
		e.text(2, event.Name)
		e.attributes(3, event.Attributes)
		m.bytes(11, e)
	}
	var status message
	status.text(2, span.Status().Description)
	status.number(3, statusCodes[span.Status().Code])
	m.bytes(15, status)
	flags := uint32(span.SpanContext().TraceFlags()) | 0x100 // whether the parent is remote is known
	if parent.IsRemote() {
		flags |= 0x200
	}
	m = protowire.AppendTag(m, 16, protowire.Fixed32Type)
	return protowire.AppendFixed32(m, flags)
}

// statusCodes are the numbers of Status.StatusCode.
var statusCodes = map[codes.Code]uint64{codes.Unset: 0, codes.Ok: 1, codes.Error: 2}

// message is an encoded protobuf message to which fields are added.
type message []byte

func (m *message) bytes(field protowire.Number, value []byte) {
	*m = protowire.AppendBytes(protowire.AppendTag(*m, field, protowire.BytesType), value)
}

// text adds a string; nothing if it is empty, as for every default value.
func (m *message) text(field protowire.Number, value string) {
	if value != "" {
		m.bytes(field, validUTF8(value))
	}
}

// validUTF8 replaces invalid UTF-8, for which a collector rejects the whole request (proto3, Scalar Value Types).
// OTEL_RESOURCE_ATTRIBUTES can contain it.
func validUTF8(s string) []byte { return []byte(strings.ToValidUTF8(s, "\uFFFD")) }

func (m *message) number(field protowire.Number, value uint64) {
	if value != 0 {
		*m = protowire.AppendVarint(protowire.AppendTag(*m, field, protowire.VarintType), value)
	}
}

// time adds a time in nanoseconds since 1970.
func (m *message) time(field protowire.Number, t time.Time) {
	*m = protowire.AppendTag(*m, field, protowire.Fixed64Type)
	*m = protowire.AppendFixed64(*m, uint64(max(0, t.UnixNano())))
}

// attributes adds one KeyValue for each attribute. Numbers are integers; the program has no attributes
// of other types than strings and integers, which would be sent as text.
func (m *message) attributes(field protowire.Number, list []attribute.KeyValue) {
	for _, a := range list {
		var value, pair message
		if a.Value.Type() == attribute.INT64 {
			value = protowire.AppendTag(value, 3, protowire.VarintType)
			value = protowire.AppendVarint(value, uint64(a.Value.AsInt64())) //nolint:gosec // int64 in two's complement
		} else {
			value.bytes(1, validUTF8(a.Value.String()))
		}
		pair.text(1, string(a.Key))
		pair.bytes(2, value)
		m.bytes(field, pair)
	}
}
