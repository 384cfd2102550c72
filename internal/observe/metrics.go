package observe

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// Metrics holds the metrics of this process. Labels have few values and never contain personal data.
// docs/operations/README.md describes each metric. Metrics is safe for concurrent use.
type Metrics struct {
	mu       sync.Mutex
	families []*family // in the order of their registration

	calls, callSeconds, upstream, bookings, consents, deliveries, followUps *family
}

// NewMetrics returns metrics with all values zero. version is the version of the program.
func NewMetrics(version string) *Metrics {
	m := new(Metrics)
	m.calls = m.add("counter", "tool_calls_total", "Tool calls by outcome: ok, asked, or the error code.", "outcome", "tool")
	m.callSeconds = m.add("histogram", "tool_call_seconds", "Duration of tool calls in seconds, including the time until a person answered in the client.", "tool")
	m.upstream = m.add("histogram", "upstream_seconds", "Seconds until the response headers of Vennio, by HTTP status; none: no response.", "operation", "status")
	m.bookings = m.add("histogram", "booking_seconds", "Seconds from sending an approved write to Vennio until its outcome was known, including all attempts.")
	m.consents = m.add("counter", "consents_total", "Consent events by consent method; none: nobody has answered.", "method", "outcome")
	m.deliveries = m.add("counter", "webhook_deliveries_total", "Webhook deliveries received, by result.", "result")
	m.followUps = m.add("counter", "followups_total", "Attempts to deliver an event to a sink, by result.", "result", "sink")
	info := m.add("gauge", "build_info", "Always 1; the labels contain the versions of the program and of Go.", "goversion", "version")
	info.set.NewGauge(info.series(runtime.Version(), version), nil).Set(1)
	return m
}

// initSeries creates every series whose labels are known in advance, with the value zero. Prometheus
// does not count the appearance of a counter with the value 1 as an increase.
func (m *Metrics) initSeries() {
	m.bookings.histogram()
	for _, result := range deliveryResults {
		m.deliveries.counter(result)
	}
	for _, method := range append(consent.Methods(), noMethod) {
		for _, kind := range consent.EventKinds() {
			m.consents.counter(string(method), string(kind))
		}
	}
}

// Handler returns a handler that serves the metrics, including those of the process and of the Go
// runtime, in the Prometheus text format.
func (m *Metrics) Handler() http.Handler {
	m.initSeries()
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		m.mu.Lock()
		families := slices.Clone(m.families)
		m.mu.Unlock()
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		for _, f := range families {
			f.write(w)
		}
		metrics.WriteProcessMetrics(w)
		metrics.WriteFDMetrics(w)
	})
}

// family is a metric with its series, one for each combination of the values of its labels.
type family struct {
	name, help, kind string
	labels           []string
	set              *metrics.Set
}

// add adds a metric. kind is its type in the Prometheus text format.
func (m *Metrics) add(kind, suffix, help string, labels ...string) *family {
	f := &family{"vennio_mcp_" + suffix, help, kind, labels, metrics.NewSet()}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.families = append(m.families, f)
	return f
}

// escapeLabel escapes a label's value as the Prometheus text format requires.
var escapeLabel = strings.NewReplacer("\\", "\\\\", "\n", "\\n", `"`, `\"`)

func (f *family) series(values ...string) string {
	if len(values) == 0 {
		return f.name
	}
	pairs := make([]string, len(values))
	for i, v := range values {
		pairs[i] = f.labels[i] + `="` + escapeLabel.Replace(v) + `"`
	}
	return f.name + "{" + strings.Join(pairs, ",") + "}"
}

func (f *family) counter(values ...string) *metrics.Counter {
	return f.set.GetOrCreateCounter(f.series(values...))
}

func (f *family) histogram(values ...string) *metrics.PrometheusHistogram {
	return f.set.GetOrCreatePrometheusHistogramExt(f.series(values...), buckets)
}

// write writes the metric in the Prometheus text format; nothing if it has no series.
func (f *family) write(w io.Writer) {
	var series bytes.Buffer
	f.set.WritePrometheus(&series)
	if series.Len() > 0 {
		_, _ = fmt.Fprintf(w, "# HELP %s %s\n# TYPE %s %s\n%s", f.name, f.help, f.name, f.kind, series.Bytes())
	}
}

// buckets are the upper bounds of the buckets of histograms. One ends at 2 seconds, the limit for a
// booking (vennio-api.md, Webhooks).
var buckets = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2, 5, 10, 30}

// initTool creates the series of a tool with the value zero.
func (m *Metrics) initTool(tool string) {
	m.calls.counter("ok", tool)
	m.callSeconds.histogram(tool)
}

func (m *Metrics) countCall(tool, outcome string, took time.Duration) {
	m.calls.counter(outcome, tool).Inc()
	m.callSeconds.histogram(tool).Update(took.Seconds())
}

// observeRequest measures a request to Vennio. resp is nil without a response.
func (m *Metrics) observeRequest(r *http.Request, resp *http.Response, took time.Duration) {
	status := "none"
	if resp != nil {
		status = strconv.Itoa(resp.StatusCode)
	}
	m.upstream.histogram(vennioclient.Operation(r.Method, r.URL.Path), status).Update(took.Seconds())
}

// noMethod is the label of consents that nobody has answered.
const noMethod consent.Method = "none"

// Consent counts a consent event. It is a [consent.Watcher].
func (m *Metrics) Consent(ctx context.Context, e consent.Event) {
	m.consents.counter(string(cmp.Or(e.Method, noMethod)), string(e.Kind)).Inc()
	if took := callFrom(ctx).record(e, time.Now()); took > 0 {
		m.bookings.histogram().Update(took.Seconds())
	}
}

// The results of webhook deliveries and of attempts to deliver an event to a sink. Other values are
// counted as failed.
var (
	deliveryResults = []string{"accepted", "duplicate", "unsigned", "misshapen", "mismatch", "too_large", "malformed", "failed"}
	followUpResults = []string{"delivered", "failed", "dead"}
)

// Delivery counts a webhook delivery. result is accepted, duplicate, unsigned, misshapen, mismatch,
// too_large, malformed or failed.
func (m *Metrics) Delivery(result string) {
	m.deliveries.counter(oneOf(deliveryResults, result)).Inc()
}

// FollowUp counts an attempt to deliver an event to a sink. sink is its name in the settings. result is
// delivered, failed (there will be another attempt) or dead (there will be none).
func (m *Metrics) FollowUp(sink, result string) {
	m.followUps.counter(oneOf(followUpResults, result), sink).Inc()
}

func oneOf(allowed []string, value string) string {
	if slices.Contains(allowed, value) {
		return value
	}
	return "failed"
}

// KeySince adds the metric of the age of the Vennio API key. since is the time at which it was created
// or first used here.
func (m *Metrics) KeySince(since time.Time) {
	m.gauge("api_key_age_seconds", "Seconds since the current Vennio API key was created or, if that is unknown, first used here.", func() (float64, bool) {
		return time.Since(since).Seconds(), true
	})
}

// DeadLetters adds the metric of dead letters. Each scrape calls count.
func (m *Metrics) DeadLetters(count func(context.Context) (int, error)) {
	m.gauge("dead_letters", "Follow-ups that failed permanently and wait for the operator.", func() (float64, bool) {
		ctx, done := context.WithTimeout(context.Background(), gaugeTimeout)
		defer done()
		n, err := count(ctx)
		return float64(n), err == nil
	})
}

// Open adds the metric of open sessions or streams; kind is the plural noun. Each scrape calls count.
func (m *Metrics) Open(kind string, count func() int) {
	m.gauge("open_"+kind, "Open "+kind+" of clients over HTTP.", func() (float64, bool) { return float64(count()), true })
}

// gaugeTimeout is the timeout for reading one gauge during a scrape.
const gaugeTimeout = 2 * time.Second

// gauge adds a metric whose value is read during a scrape. An unknown value is omitted.
func (m *Metrics) gauge(suffix, help string, read func() (value float64, known bool)) {
	f := m.add("gauge", suffix, help)
	f.set.RegisterMetricsWriter(func(w io.Writer) {
		if v, known := read(); known {
			metrics.WriteGaugeFloat64(w, f.name, v)
		}
	})
}
