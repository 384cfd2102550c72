package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/webhooks"
)

const (
	clients   = 8                      // number of concurrent clients
	pace      = 100 * time.Millisecond // minimum interval between the operations of a client
	idle      = 10 * time.Second       // idle timeout of sessions
	samplings = 90                     // number of snapshots
)

// soakRun is the state of a soak test.
type soakRun struct {
	environment *environment
	server      *child
	httpClient  *httpClient
	sink        *sink
	results     *results
	samples     samples
	pauseLock   sync.RWMutex // held for reading during an operation, for writing during a snapshot
}

// soak keeps a server under a mixed load for the given time and takes snapshots of its resources. It fails if
// goroutines or memory grow, or if an operation fails.
func soak(ctx context.Context, out io.Writer, dir string, span time.Duration) error {
	fmt.Fprintln(os.Stderr, "bench: building")
	s, err := newEnvironment(ctx, dir, true)
	if err != nil {
		return err
	}
	defer s.close()
	k := &soakRun{environment: s, results: newResults()}
	stop, err := k.open(ctx, dir)
	if err != nil {
		return err
	}
	defer stop()
	fmt.Fprintln(os.Stderr, "bench: soaking for", span)
	before, err := k.httpClient.gauges(ctx)
	if err != nil {
		return err
	}
	if err := k.run(ctx, span); err != nil {
		return err
	}
	rest, err := k.rest(ctx)
	if err != nil {
		return err
	}
	v := assess(k.samples, before, rest, span)
	v.write(out, k)
	return errors.Join(v.err(), k.results.err())
}

// open starts the server with a sink for events and registers its webhook at Vennio.
func (k *soakRun) open(ctx context.Context, dir string) (stop func(), err error) {
	if k.sink, err = newSink(ctx); err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "settings.yml")
	if err := os.WriteFile(file, []byte(k.sink.settings()), 0o600); err != nil {
		return nil, err
	}
	env := append(k.environment.withVennio(), "VENNIO_CONSENT=attested")
	p := program{env: env, path: k.environment.ours}
	k.server, err = k.environment.start(ctx, p.with("serve", "--addr", "127.0.0.1:0", "--session-idle", idle.String(), "--settings", file))
	if err != nil {
		return nil, err
	}
	k.httpClient = newHTTPClient(k.server.url)
	k.httpClient.limitIdleConns(clients)
	register, err := k.environment.spawn(ctx, io.Discard, p.with("webhooks", "register", "--url", k.httpClient.at(webhooks.Path)))
	if err == nil {
		_, _ = io.Copy(io.Discard, register.out)
		err = register.finish()
	}
	stop = func() { k.server.stop(); k.sink.close() }
	if err != nil {
		stop()
		return nil, fmt.Errorf("webhooks register: %w", err)
	}
	return stop, nil
}

// run runs the clients and takes snapshots until the time has elapsed.
func (k *soakRun) run(ctx context.Context, span time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, span)
	defer cancel()
	var all sync.WaitGroup
	for i := range clients {
		all.Go(func() { k.runClient(ctx, i) })
	}
	err := k.watch(ctx, span/samplings)
	cancel()
	all.Wait()
	if errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return err
}

// watch takes snapshots until ctx ends. For each one it pauses the operations and closes idle connections, so
// that the snapshot does not depend on the number of current calls.
func (k *soakRun) watch(ctx context.Context, every time.Duration) error {
	began, tick := time.Now(), time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		k.pauseLock.Lock()
		k.httpClient.http.CloseIdleConnections()
		held, err := k.httpClient.gauges(context.WithoutCancel(ctx))
		k.pauseLock.Unlock()
		if err != nil {
			return err
		}
		k.samples = append(k.samples, snapshot{time.Since(began), held})
	}
}

// rest waits until all abandoned sessions have expired and takes a last snapshot.
func (k *soakRun) rest(ctx context.Context) (gauges, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*idle)
	defer cancel()
	k.httpClient.http.CloseIdleConnections()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		held, err := k.httpClient.gauges(context.WithoutCancel(ctx))
		if err != nil || held[openSessions] == 0 && held[openStreams] == 0 {
			return held, err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, fmt.Errorf("%.0f sessions and %.0f streams are open %s after the last call", held[openSessions], held[openStreams], 3*idle)
		}
	}
}

// sink receives the server's events. It fails at regular intervals, so that the server must retry.
type sink struct {
	srv      *http.Server
	url      string
	received atomic.Int64
}

// faulty is the number of deliveries of which one fails.
const faulty = 25

func newSink(ctx context.Context) (*sink, error) {
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &sink{url: "http://" + ln.Addr().String()}
	s.srv = &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = s.srv.Serve(ln) }()
	return s, nil
}

func (s *sink) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	if s.received.Add(1)%faulty == 0 {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (s *sink) close() { _ = s.srv.Close() }

// settings returns the server's settings for the sink.
func (s *sink) settings() string {
	return fmt.Sprintf("sinks:\n  - {name: soak, type: http, url: %q, secret: a secret of the soak}\n", s.url)
}

// Names of metrics of the server (/metrics).
const (
	goroutines   = "go_goroutines"
	heap         = "go_memstats_heap_inuse_bytes"
	collects     = "go_memstats_next_gc_bytes"     // twice the live heap after the last collection
	residentSet  = "process_resident_memory_bytes" // absent on some systems
	openFiles    = "process_open_fds"              // likewise
	openSessions = "vennio_mcp_open_sessions"
	openStreams  = "vennio_mcp_open_streams"
)

// gauges are metrics by name.
type gauges map[string]float64

// snapshot is the state of the server at a time since the start.
type snapshot struct {
	at time.Duration
	gauges
}

// at returns the URL of a path on the server.
func (w *httpClient) at(path string) string { return strings.TrimSuffix(w.url, "/mcp") + path }

// gauges reads the server's metrics.
func (w *httpClient) gauges(ctx context.Context) (gauges, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, w.at("/metrics"), nil)
	if err != nil {
		return nil, err
	}
	body, _, err := w.do(r)
	if err != nil {
		return nil, err
	}
	g := readGauges(body)
	for _, name := range []string{goroutines, heap, collects, openSessions, openStreams} {
		if _, measured := g[name]; !measured {
			return nil, fmt.Errorf("the server has no metric %s", name)
		}
	}
	return g, nil
}

// readGauges parses metrics without labels in the Prometheus text format.
func readGauges(text []byte) gauges {
	g := gauges{}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), " ")
		if v, err := strconv.ParseFloat(value, 64); err == nil {
			g[name] = v
		}
	}
	return g
}

// samples are the snapshots of a run.
type samples []snapshot

// between returns the values of a gauge in a part of the run.
func (t samples) between(name string, from, to time.Duration) (values, hours figures) {
	for _, l := range t {
		if v, measured := l.gauges[name]; measured && l.at >= from && l.at < to {
			values, hours = append(values, v), append(hours, l.at.Hours())
		}
	}
	return values, hours
}

// tolerance is the permitted increase from the middle third to the last third and to the state at rest: a
// fraction of the value, plus a constant for idle connections.
type tolerance struct {
	name, what, unit string
	unitOf           float64
	part, more       float64
}

var tolerances = []tolerance{
	{goroutines, "goroutines", "", 1, 0.10, 5},
	{heap, "heap in use", " MB", megabyte, 0.10, 2 * megabyte},
	{collects, "heap that starts the next collection", " MB", megabyte, 0.10, 2 * megabyte},
	{residentSet, "resident memory", " MB", megabyte, 0.10, 2 * megabyte},
	{openFiles, "open files", "", 1, 0.10, 5},
}

// finding is the result for one gauge.
type finding struct {
	tolerance
	before, middle, last, rest, perHour float64
	measured, grew                      bool
}

// assessment is the result of a soak test.
type assessment struct {
	span     time.Duration
	findings []finding
}

// assess ignores the first third as a warm-up and compares the medians of the other two. The growth per hour is
// the slope of a line fitted to both. The result includes the values before the load and at rest.
func assess(t samples, before, rest gauges, span time.Duration) assessment {
	v := assessment{span: span}
	for _, limit := range tolerances {
		middle, _ := t.between(limit.name, span/3, 2*span/3)
		last, _ := t.between(limit.name, 2*span/3, 2*span)
		values, hours := t.between(limit.name, span/3, 2*span)
		f := finding{
			tolerance: limit, before: before[limit.name], middle: middle.median(), last: last.median(), rest: rest[limit.name],
			perHour: slope(hours, values), measured: len(middle) > 0 && len(last) > 0,
		}
		most := f.middle*(1+limit.part) + limit.more
		f.grew = f.last > most || f.rest > most
		v.findings = append(v.findings, f)
	}
	return v
}

// slope returns the slope of the least-squares line.
func slope(x, y figures) float64 {
	var sumX, sumY, top, bottom float64
	for i := range x {
		sumX, sumY = sumX+x[i], sumY+y[i]
	}
	for i := range x {
		dx := x[i] - sumX/float64(len(x))
		top, bottom = top+dx*(y[i]-sumY/float64(len(y))), bottom+dx*dx
	}
	if bottom == 0 {
		return 0
	}
	return top / bottom
}

// err returns an error for each gauge that grew.
func (v assessment) err() error {
	var grown []error
	for _, f := range v.findings {
		if f.grew {
			grown = append(grown, fmt.Errorf("%s grew from %s to %s, and %s are left at rest", f.what, f.show(f.middle), f.show(f.last), f.show(f.rest)))
		}
	}
	return errors.Join(grown...)
}

func (f finding) show(v float64) string {
	if f.unitOf == 1 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.1f%s", v/f.unitOf, f.unit)
}

func (f finding) showGrew() string {
	if f.grew {
		return "YES"
	}
	return "no"
}

// write prints the table in docs/performance.md.
func (v assessment) write(w io.Writer, k *soakRun) {
	heading(w, "Soak")
	header(w, "", "before", "middle third", "last third", "may differ by", "fitted growth an hour", "afterwards, all sessions ended", "grew")
	for _, f := range v.findings {
		if !f.measured {
			line(w, f.what, "n/a", "n/a", "n/a", "", "n/a", "n/a", "n/a")
			continue
		}
		line(w, f.what, f.show(f.before), f.show(f.middle), f.show(f.last), fmt.Sprintf("%.0f %% + %s", 100*f.part, f.show(f.more)),
			f.show(f.perHour), f.show(f.rest), f.showGrew())
	}
	_, _ = fmt.Fprintf(w, "\n%s, %d clients. %s. Events delivered to the sink: %d.\n", v.span, clients, k.results.counts(), k.sink.received.Load())
}
