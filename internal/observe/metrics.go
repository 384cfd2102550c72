package observe

import (
	"cmp"
	"context"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// Metrics counts and times what happens, in a registry of its own. Its labels
// have few values and never hold personal data; docs/operations/README.md says
// what each metric means. It is safe for concurrent use.
type Metrics struct {
	registry *prometheus.Registry

	calls       *prometheus.CounterVec
	callSeconds *prometheus.HistogramVec
	upstream    *prometheus.HistogramVec
	bookings    prometheus.Histogram
	consents    *prometheus.CounterVec
	deliveries  *prometheus.CounterVec
	followUps   *prometheus.CounterVec
}

// NewMetrics returns metrics at zero. version is the program's.
func NewMetrics(version string) *Metrics {
	m := &Metrics{
		registry:    prometheus.NewRegistry(),
		calls:       counters("tool_calls_total", "Tool calls by outcome: ok, asked, or the code of the error.", "tool", "outcome"),
		callSeconds: histograms("tool_call_seconds", "Seconds a tool call took, the time a person took to answer in the client included.", "tool"),
		upstream:    histograms("upstream_seconds", "Seconds until Vennio began to answer one request, by HTTP status; none: no answer.", "operation", "status"),
		bookings:    prometheus.NewHistogram(histogram("booking_seconds", "Seconds from sending an agreed write to Vennio until its outcome was known, all attempts included.")),
		consents:    counters("consents_total", "Events in the life of consents, by consent method; none: nobody has answered.", "method", "outcome"),
		deliveries:  counters("webhook_deliveries_total", "Webhook deliveries received, by result.", "result"),
		followUps:   counters("followups_total", "Tries to pass an event on to a sink, by result.", "sink", "result"),
	}
	m.registry.MustRegister(m.calls, m.callSeconds, m.upstream, m.bookings, m.consents, m.deliveries, m.followUps)
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: name("build_info"), Help: "Always 1; the labels say what is running.",
		ConstLabels: prometheus.Labels{"version": version, "goversion": runtime.Version()},
	})
	info.Set(1)
	m.registry.MustRegister(info)
	m.begin()
	return m
}

// begin puts every series that can be named beforehand at zero: a counter that
// appears at 1 has not risen, for Prometheus.
func (m *Metrics) begin() {
	for _, result := range deliveryResults {
		m.deliveries.WithLabelValues(result)
	}
	for _, method := range append(consent.Methods(), noMethod) {
		for _, what := range consent.EventKinds() {
			m.consents.WithLabelValues(string(method), string(what))
		}
	}
}

// Handler serves the metrics, those of the process and of Go's runtime
// included, in Prometheus's text format. Call it once.
func (m *Metrics) Handler() http.Handler {
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// expect puts a tool's series at zero.
func (m *Metrics) expect(tool string) {
	m.calls.WithLabelValues(tool, "ok")
	m.callSeconds.WithLabelValues(tool)
}

func (m *Metrics) called(tool, outcome string, took time.Duration) {
	m.calls.WithLabelValues(tool, outcome).Inc()
	m.callSeconds.WithLabelValues(tool).Observe(took.Seconds())
}

// exchanged times a request to Vennio; resp is nil where no answer came.
func (m *Metrics) exchanged(r *http.Request, resp *http.Response, took time.Duration) {
	status := "none"
	if resp != nil {
		status = strconv.Itoa(resp.StatusCode)
	}
	m.upstream.WithLabelValues(vennioclient.Operation(r.Method, r.URL.Path), status).Observe(took.Seconds())
}

// noMethod is the label of a consent that nobody has answered.
const noMethod consent.Method = "none"

// Consent counts what happened to a consent: a [consent.Watcher].
func (m *Metrics) Consent(ctx context.Context, e consent.Event) {
	m.consents.WithLabelValues(string(cmp.Or(e.Method, noMethod)), string(e.Kind)).Inc()
	if took := callIn(ctx).note(e, time.Now()); took > 0 {
		m.bookings.Observe(took.Seconds())
	}
}

// The results of a webhook delivery, and of a try to pass an event on. Any
// other word is counted as failed.
var (
	deliveryResults = []string{"accepted", "duplicate", "unsigned", "misshapen", "mismatch", "too_large", "malformed", "failed"}
	followUpResults = []string{"delivered", "failed", "dead"}
)

// Delivery counts a webhook delivery: accepted, duplicate, unsigned, misshapen,
// mismatch, too_large, malformed or failed.
func (m *Metrics) Delivery(result string) {
	m.deliveries.WithLabelValues(oneOf(deliveryResults, result)).Inc()
}

// FollowUp counts a try to pass an event on to a sink, which is named as in the
// settings: delivered, failed (it will be tried again), or dead (it will not).
func (m *Metrics) FollowUp(sink, result string) {
	m.followUps.WithLabelValues(sink, oneOf(followUpResults, result)).Inc()
}

func oneOf(allowed []string, word string) string {
	if slices.Contains(allowed, word) {
		return word
	}
	return "failed"
}

func name(s string) string { return "vennio_mcp_" + s }

func counters(what, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name(what), Help: help}, labels)
}

func histograms(what, help string, labels ...string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(histogram(what, help), labels)
}

// histogram has a bound at 2 seconds: the guide's limit for a booking
// (vennio-api.md, Webhooks).
func histogram(what, help string) prometheus.HistogramOpts {
	return prometheus.HistogramOpts{Name: name(what), Help: help, Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2, 5, 10, 30}}
}
