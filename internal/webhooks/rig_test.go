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
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb/storetest"
	"github.com/vennio-mcp/vennio-mcp/internal/webhooks"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/webhook"
)

const (
	patience, tick = time.Minute, 20 * time.Millisecond
	secret         = "whsec_current"
	sinkSecret     = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
)

// rig is an inbox behind real HTTP, over a real file.
type rig struct {
	t       *testing.T
	dir     string
	db      *sqldb.DB
	service *webhooks.Service
	inbox   *webhooks.Inbox // the default tenant's
	ledger  *consent.Ledger
	url     string
	mu      sync.Mutex
	results map[webhooks.Result]int
	asked   int // requests to people
}

func newRig(t *testing.T, sinks ...webhooks.Sink) *rig {
	t.Helper()
	return newRigWith(t, func(o *webhooks.Options) { o.Sinks = sinks })
}

func newRigWith(t *testing.T, set func(*webhooks.Options)) *rig {
	t.Helper()
	r := &rig{t: t, dir: storetest.Folder(t), results: map[webhooks.Result]int{}}
	r.db = sqldb.Open(r.dir)
	t.Cleanup(func() { require.NoError(t, r.db.Close()) })
	r.ledger = consent.New(r.db, time.Now)
	o := webhooks.Options{Tenant: webhooks.Tenant{Secrets: []string{secret}}, Ledger: r.ledger, OnDelivery: r.count, Poll: 5 * time.Millisecond}
	set(&o)
	var err error
	r.service, err = webhooks.Open(r.db, o)
	require.NoError(t, err)
	r.inbox = r.service.Of("")
	paths := http.NewServeMux()
	paths.Handle("/", r.service.Handler())
	paths.Handle(webhooks.TenantsPath, r.service.Handler())
	srv := httptest.NewServer(paths)
	t.Cleanup(srv.Close)
	r.url = srv.URL
	return r
}

// run carries out follow-ups until stop, or the end of the test.
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

// deliver posts a body with a signature; an empty one is left out.
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

// tell delivers a well-signed event and wants it accepted.
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

// received is what a sink got.
type received struct {
	header http.Header
	body   string
}

// listener is a sink that answers as it is told.
type listener struct {
	url    string
	answer func(n int, h received) (status int, body string)
	mu     sync.Mutex
	got    []received
}

func newListener(t *testing.T, answer func(n int, h received) (status int, body string)) *listener {
	t.Helper()
	e := &listener{answer: answer}
	srv := httptest.NewServer(e)
	t.Cleanup(srv.Close)
	e.url = srv.URL
	return e
}

func (e *listener) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	raw, _ := io.ReadAll(r.Body)
	h := received{r.Header.Clone(), string(raw)}
	e.mu.Lock()
	e.got = append(e.got, h)
	n := len(e.got)
	e.mu.Unlock()
	status, body := http.StatusNoContent, ""
	if e.answer != nil {
		status, body = e.answer(n, h)
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

func (e *listener) all() []received {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]received{}, e.got...)
}

// hears waits for n requests.
func (e *listener) wait(t *testing.T, n int) []received {
	t.Helper()
	require.Eventually(t, func() bool { return len(e.all()) >= n }, patience, tick)
	return e.all()
}

func (e *listener) sink(name string, patterns ...string) webhooks.Sink {
	return webhooks.Sink{Name: name, Type: "http", URL: e.url, Secret: sinkSecret, Events: patterns, Pause: time.Millisecond}
}
