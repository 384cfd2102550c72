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

// Metrics holds the metrics of this process in a separate registry. Labels have few values and never
// contain personal data. docs/operations/README.md describes each metric. Metrics is safe for
// concurrent use.
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

// NewMetrics returns metrics with all values zero. version is the version of the program.
func NewMetrics(version string) *Metrics {
	m := &Metrics{
		registry:    prometheus.NewRegistry(),
		calls:       counters("tool_calls_total", "Tool calls by outcome: ok, asked, or the error code.", "tool", "outcome"),
		callSeconds: histograms("tool_call_seconds", "Duration of tool calls in seconds, including the time until a person answered in the client.", "tool"),
		upstream:    histograms("upstream_seconds", "Seconds until the response headers of Vennio, by HTTP status; none: no response.", "operation", "status"),
		bookings:    prometheus.NewHistogram(histogram("booking_seconds", "Seconds from sending an approved write to Vennio until its outcome was known, including all attempts.")),
		consents:    counters("consents_total", "Consent events by consent method; none: nobody has answered.", "method", "outcome"),
		deliveries:  counters("webhook_deliveries_total", "Webhook deliveries received, by result.", "result"),
		followUps:   counters("followups_total", "Attempts to deliver an event to a sink, by result.", "sink", "result"),
	}
	m.registry.MustRegister(m.calls, m.callSeconds, m.upstream, m.bookings, m.consents, m.deliveries, m.followUps)
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: name("build_info"), Help: "Always 1; the labels contain the versions of the program and of Go.",
		ConstLabels: prometheus.Labels{"version": version, "goversion": runtime.Version()},
	})
	info.Set(1)
	m.registry.MustRegister(info)
	m.initSeries()
	return m
}

// initSeries creates every series whose labels are known in advance, with the value zero. Prometheus
// does not count the appearance of a counter with the value 1 as an increase.
func (m *Metrics) initSeries() {
	for _, result := range deliveryResults {
		m.deliveries.WithLabelValues(result)
	}
	for _, method := range append(consent.Methods(), noMethod) {
		for _, kind := range consent.EventKinds() {
			m.consents.WithLabelValues(string(method), string(kind))
		}
	}
}

// Handler returns a handler that serves the metrics, including those of the process and of the Go
// runtime, in the Prometheus text format. It must be called only once.
func (m *Metrics) Handler() http.Handler {
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// initTool creates the series of a tool with the value zero.
func (m *Metrics) initTool(tool string) {
	m.calls.WithLabelValues(tool, "ok")
	m.callSeconds.WithLabelValues(tool)
}

func (m *Metrics) countCall(tool, outcome string, took time.Duration) {
	m.calls.WithLabelValues(tool, outcome).Inc()
	m.callSeconds.WithLabelValues(tool).Observe(took.Seconds())
}

// observeRequest measures a request to Vennio. resp is nil without a response.
func (m *Metrics) observeRequest(r *http.Request, resp *http.Response, took time.Duration) {
	status := "none"
	if resp != nil {
		status = strconv.Itoa(resp.StatusCode)
	}
	m.upstream.WithLabelValues(vennioclient.Operation(r.Method, r.URL.Path), status).Observe(took.Seconds())
}

// noMethod is the label of consents that nobody has answered.
const noMethod consent.Method = "none"

// Consent counts a consent event. It is a [consent.Watcher].
func (m *Metrics) Consent(ctx context.Context, e consent.Event) {
	m.consents.WithLabelValues(string(cmp.Or(e.Method, noMethod)), string(e.Kind)).Inc()
	if took := callFrom(ctx).record(e, time.Now()); took > 0 {
		m.bookings.Observe(took.Seconds())
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
	m.deliveries.WithLabelValues(oneOf(deliveryResults, result)).Inc()
}

// FollowUp counts an attempt to deliver an event to a sink. sink is its name in the settings. result is
// delivered, failed (there will be another attempt) or dead (there will be none).
func (m *Metrics) FollowUp(sink, result string) {
	m.followUps.WithLabelValues(sink, oneOf(followUpResults, result)).Inc()
}

func oneOf(allowed []string, value string) string {
	if slices.Contains(allowed, value) {
		return value
	}
	return "failed"
}

func name(suffix string) string { return "vennio_mcp_" + suffix }

func counters(suffix, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name(suffix), Help: help}, labels)
}

func histograms(suffix, help string, labels ...string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(histogram(suffix, help), labels)
}

// histogram returns the options of a histogram. One bucket ends at 2 seconds, the limit for a booking
// (vennio-api.md, Webhooks).
func histogram(suffix, help string) prometheus.HistogramOpts {
	return prometheus.HistogramOpts{Name: name(suffix), Help: help, Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2, 5, 10, 30}}
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

func (m *Metrics) gauge(suffix, help string, read func() (float64, bool)) {
	m.registry.MustRegister(gauge{prometheus.NewDesc(name(suffix), help, nil, nil), read})
}

// gauge is a collector that reads its value during a scrape. An unknown value is omitted.
type gauge struct {
	desc *prometheus.Desc
	read func() (value float64, known bool)
}

// Describe implements prometheus.Collector.
func (g gauge) Describe(ch chan<- *prometheus.Desc) { ch <- g.desc }

// Collect implements prometheus.Collector.
func (g gauge) Collect(ch chan<- prometheus.Metric) {
	if v, known := g.read(); known {
		ch <- prometheus.MustNewConstMetric(g.desc, prometheus.GaugeValue, v)
	}
}
