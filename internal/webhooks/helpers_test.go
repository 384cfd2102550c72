package webhooks_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb/storetest"
	"github.com/vennio-mcp/vennio-mcp/internal/webhooks"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/webhook"
)

const (
	waitLimit, tick = 3 * time.Minute, 20 * time.Millisecond
	secret          = "whsec_current"
	sinkSecret      = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
)

// longWait makes a DB wait for other processes and goroutines however slow the machine is.
var longWait = sqldb.Options{Patience: waitLimit, Stall: waitLimit}

// rig is a service behind real HTTP, with a database file.
type rig struct {
	t        *testing.T
	dir      string
	db       *sqldb.DB
	service  *webhooks.Service
	inbox    *webhooks.Inbox // the default tenant's
	ledger   *consent.Ledger
	url      string
	mu       sync.Mutex
	results  map[webhooks.Result]int
	requests int // proposals made so far
}

func newRig(t *testing.T, sinks ...webhooks.Sink) *rig {
	t.Helper()
	return newRigWith(t, func(o *webhooks.Options) { o.Sinks = sinks })
}

func newRigWith(t *testing.T, set func(*webhooks.Options)) *rig {
	t.Helper()
	r := &rig{t: t, dir: storetest.Folder(t), results: map[webhooks.Result]int{}}
	r.db = sqldb.OpenWith(r.dir, longWait)
	t.Cleanup(func() { require.NoError(t, r.db.Close()) })
	r.ledger = consent.New(r.db, time.Now)
	o := webhooks.Options{Tenant: webhooks.Tenant{Secrets: []string{secret}}, Ledger: r.ledger, OnDelivery: r.count, Poll: 5 * time.Millisecond}
	o.BodyTimeout, o.WaitTimeout = waitLimit, waitLimit
	set(&o)
	var err error
	r.service, err = webhooks.Open(r.db, o)
	require.NoError(t, err)
	jobs, err := webhooks.NewDispatcher(r.db, webhooks.DispatcherOptions{})
	require.NoError(t, err)
	require.NoError(t, jobs.Migrate(t.Context())) // a delivery waits for the tables ten seconds at most
	r.inbox = r.service.Of("")
	paths := http.NewServeMux()
	paths.Handle("/", r.service.Handler())
	paths.Handle(webhooks.TenantsPath, r.service.Handler())
	srv := httptest.NewServer(paths)
	t.Cleanup(srv.Close)
	r.url = srv.URL
	return r
}

// run carries out follow-ups until stop is called or the test ends.
func (r *rig) run() (stop func()) {
	r.t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(r.t.Context()))
	done := make(chan error, 1)
	go func() { done <- r.service.Run(ctx) }()
	stop = sync.OnceFunc(func() { cancel(); require.NoError(r.t, <-done) })
	r.t.Cleanup(stop)
	return stop
}

func (r *rig) count(result webhooks.Result) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.results[result]++
}

func (r *rig) counted(result webhooks.Result) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.results[result]
}

// deliver posts a body with a signature, or without the header if signature is empty.
func (r *rig) deliver(body, signature string) (status int, text string) {
	r.t.Helper()
	return r.deliverAt(webhooks.Path, body, signature)
}

func (r *rig) deliverAt(path, body, signature string) (status int, text string) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodPost, r.url+path, strings.NewReader(body))
	require.NoError(r.t, err)
	if signature != "" {
		req.Header.Set(webhook.SignatureHeader, signature)
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(r.t, err)
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	require.NoError(r.t, err)
	return resp.StatusCode, string(raw)
}

// send delivers a signed event and requires that it is accepted.
func (r *rig) send(body string) {
	r.t.Helper()
	status, text := r.deliver(body, webhook.Sign([]byte(body), secret))
	require.Equal(r.t, http.StatusOK, status, text)
}

func booking(event, kind, id string) string {
	return fmt.Sprintf(`{"id":%q,"type":%q,"created_at":"2026-05-18T09:00:00Z","data":{"booking":{"id":%q,"status":"confirmed",`+
		`"title":"Design review","customer_name":"Bob","customer_email":"bob@example.com","start_time":"2026-05-18T14:00:00Z","end_time":"2026-05-18T14:30:00Z"}}}`,
		event, kind, id)
}

// received is a request that a sink received.
type received struct {
	header http.Header
	body   string
}

// listener is a sink. It answers the n-th request, counted from 1, with the result of answer.
type listener struct {
	url    string
	answer func(n int, h received) (status int, body string)
	mu     sync.Mutex
	got    []received
}

func newListener(t *testing.T, answer func(n int, h received) (status int, body string)) *listener {
	t.Helper()
	l := &listener{answer: answer}
	srv := httptest.NewServer(l)
	t.Cleanup(srv.Close)
	l.url = srv.URL
	return l
}

func (l *listener) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	raw, _ := io.ReadAll(r.Body)
	h := received{r.Header.Clone(), string(raw)}
	l.mu.Lock()
	l.got = append(l.got, h)
	n := len(l.got)
	l.mu.Unlock()
	status, body := http.StatusNoContent, ""
	if l.answer != nil {
		status, body = l.answer(n, h)
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

func (l *listener) all() []received {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]received{}, l.got...)
}

// wait waits for n requests.
func (l *listener) wait(t *testing.T, n int) []received {
	t.Helper()
	require.Eventually(t, func() bool { return len(l.all()) >= n }, waitLimit, tick)
	return l.all()
}

func (l *listener) sink(name string, patterns ...string) webhooks.Sink {
	return webhooks.Sink{Name: name, Type: "http", URL: sanitize.Secret(l.url), Secret: sinkSecret, Events: patterns, Pause: time.Millisecond}
}
