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

// collector sends spans over OTLP/HTTP in protobuf: an otlptrace.Client. The
// usual one links gRPC, which it never calls, into every process
// (opentelemetry-go, issue 2579).
type collector struct {
	url    string
	header http.Header
	http   *http.Client
}

// retryFor bounds how long one batch is tried; further spans wait meanwhile. It
// is less than the 30 s that the library gives a batch, so that the last error is
// the collector's own.
const retryFor = 25 * time.Second

// newCollector reads OpenTelemetry's own variables (specification of the OTLP
// exporter); nil where none names an endpoint.
func newCollector(getenv func(string) string) (*collector, error) {
	of := func(name string) string {
		return cmp.Or(getenv("OTEL_EXPORTER_OTLP_TRACES_"+name), getenv("OTEL_EXPORTER_OTLP_"+name))
	}
	to := getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") // as it stands
	if base := getenv("OTEL_EXPORTER_OTLP_ENDPOINT"); to == "" && base != "" {
		to = strings.TrimRight(base, "/") + "/v1/traces"
	}
	if to == "" {
		return nil, nil
	}
	if u, err := url.Parse(to); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, errors.New("the OTLP endpoint must be an http or https URL, such as http://localhost:4318")
	}
	header, err := headers(of("HEADERS"))
	if err != nil {
		return nil, err
	}
	timeout, err := milliseconds(cmp.Or(of("TIMEOUT"), "10000"))
	if err != nil {
		return nil, err
	}
	transport, err := trusting(of("CERTIFICATE"))
	if err != nil {
		return nil, err
	}
	client := &http.Client{
		Timeout: timeout, Transport: transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // headers hold keys
	}
	return &collector{url: to, header: header, http: client}, nil
}

// headers reads "name=value,name=value", both percent-encoded. What is wrong is
// not repeated: values are secrets.
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

func milliseconds(text string) (time.Duration, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n <= 0 {
		return 0, errors.New("OTEL_EXPORTER_OTLP_TIMEOUT: a number of milliseconds above 0")
	}
	return time.Duration(n) * time.Millisecond, nil
}

// trusting is a transport that trusts the authorities in a PEM file instead of
// the system's, if one is named.
func trusting(file string) (*http.Transport, error) {
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

// UploadTraces sends one batch, again for a while where the collector asks for
// it or is not there. TracesData is to the byte what the protocol calls
// ExportTraceServiceRequest, whose own package is what brings gRPC.
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
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<16)) // so that the connection is used again
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
