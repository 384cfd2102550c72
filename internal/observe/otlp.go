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
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/vennio-mcp/vennio-mcp/internal/files"
)

// collector is an otlptrace.Client that sends spans over OTLP/HTTP as protobuf. The client of the
// library, otlptracehttp, links gRPC without using it (opentelemetry-go, issue 2579).
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

func (*collector) Start(context.Context) error { return nil }

func (c *collector) Stop(context.Context) error {
	c.http.CloseIdleConnections()
	return nil
}

// UploadTraces sends one batch. It retries for up to retryFor if the collector is unreachable or
// answers with a temporary error. TracesData has the same encoding as ExportTraceServiceRequest, whose
// package would link gRPC.
func (c *collector) UploadTraces(ctx context.Context, spans []*tracepb.ResourceSpans) error {
	body, err := proto.Marshal(&tracepb.TracesData{ResourceSpans: spans})
	if err != nil {
		return err
	}
	_, err = backoff.Retry(ctx, func() (struct{}, error) { return struct{}{}, c.send(ctx, body) },
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
