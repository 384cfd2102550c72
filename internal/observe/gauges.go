package observe

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// KeySince tells the metrics since when the API key in use is known.
func (m *Metrics) KeySince(first time.Time) {
	m.gauge("api_key_age_seconds", "Seconds since the API key in use was made, as far as is known.", func() (float64, bool) {
		return time.Since(first).Seconds(), true
	})
}

// DeadLetters lets the metrics count, when they are asked for, the follow-ups
// that were given up and wait for somebody.
func (m *Metrics) DeadLetters(count func(context.Context) (int, error)) {
	m.gauge("dead_letters", "Follow-ups that were given up and wait for somebody.", func() (float64, bool) {
		ctx, done := context.WithTimeout(context.Background(), gaugeTime)
		defer done()
		n, err := count(ctx)
		return float64(n), err == nil
	})
}

// Open lets the metrics count, when they are asked for, what is open: kind is
// sessions or streams.
func (m *Metrics) Open(kind string, count func() int) {
	m.gauge("open_"+kind, "Open "+kind+" of clients over HTTP.", func() (float64, bool) { return float64(count()), true })
}

// gaugeTime bounds how long reading one gauge may hold up a scrape.
const gaugeTime = 2 * time.Second

func (m *Metrics) gauge(what, help string, read func() (float64, bool)) {
	m.registry.MustRegister(gauge{prometheus.NewDesc(name(what), help, nil, nil), read})
}

// gauge is read when it is asked for, and absent where it cannot be.
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
