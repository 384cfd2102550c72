package vennioclient_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// canary is the API key of all tests; no output may contain it.
const canary = "vennio_sk_test_CANARY4711"

// vennio is a server that plays a script, one step a request.
type vennio struct {
	*httptest.Server
	t     *testing.T
	mu    sync.Mutex
	steps []http.HandlerFunc
	seen  []exchanged
}

// exchanged is a request as it arrived.
type exchanged struct {
	method, uri, body string
	header            http.Header
}

func play(t *testing.T, steps ...http.HandlerFunc) *vennio {
	t.Helper()
	v := &vennio{t: t, steps: steps}
	v.Server = httptest.NewServer(v)
	t.Cleanup(v.Close)
	return v
}

func (v *vennio) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	v.mu.Lock()
	n := len(v.seen)
	v.seen = append(v.seen, exchanged{r.Method, r.URL.RequestURI(), string(body), r.Header.Clone()})
	v.mu.Unlock()
	if n >= len(v.steps) {
		v.t.Errorf("request %d was not expected: %s %s", n+1, r.Method, r.URL)
		return
	}
	v.steps[n](w, r)
}

func (v *vennio) requests() []exchanged {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.seen
}

// client never really waits, and shares no connections.
func (v *vennio) client(opts ...vennioclient.Option) *vennioclient.Client {
	return client(v.t, append([]vennioclient.Option{vennioclient.WithBaseURL(v.URL)}, opts...)...)
}

func client(t *testing.T, opts ...vennioclient.Option) *vennioclient.Client {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	c, err := vennioclient.New(canary, append([]vennioclient.Option{
		vennioclient.WithHTTPClient(&http.Client{Transport: transport}),
		vennioclient.WithRetry(vennioclient.Retry{Sleep: noSleep}),
	}, opts...)...)
	require.NoError(t, err)
	return c
}

func noSleep(context.Context, time.Duration) error { return nil }

// once switches retries off.
var once = vennioclient.WithRetry(vennioclient.Retry{Attempts: 1})

// answers is a step that answers with a JSON body, or whatever else body is.
func answers(status int, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// problem is a step that answers with a problem of RFC 9457.
func problem(status int, slug, detail string, header ...string) http.HandlerFunc {
	return answers(status, fmt.Sprintf(
		`{"type":"https://api.vennio.app/errors/%s","title":"No","status":%d,"detail":%q,"request_id":"req_1"}`,
		slug, status, detail), header...)
}

// hangsUp reads the request, sends so much of an answer and drops the link.
func hangsUp(sent string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_, _ = io.WriteString(conn, sent)
			_ = conn.Close()
		}
	}
}

// asError checks that err is an *Error that keeps the key to itself.
func asError(t *testing.T, err error) *vennioclient.Error {
	t.Helper()
	var e *vennioclient.Error
	require.ErrorAs(t, err, &e)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d"} {
		assert.NotContains(t, fmt.Sprintf(verb, err), canary)
	}
	return e
}

var (
	monday = time.Date(2026, 5, 18, 9, 0, 0, 0, time.UTC)

	aRequest = vennioclient.BookingRequest{
		Hosts:    []string{"h-1"},
		Customer: vennioclient.Person{Email: "alice@example.com", Name: "Alice"},
		Start:    monday, End: monday.Add(30 * time.Minute),
	}
	aQuery = vennioclient.SlotsQuery{
		Hosts: []string{"h-1"}, Duration: 30 * time.Minute, From: monday, To: monday.AddDate(0, 0, 1),
	}
)

const aBooking = `{"booking":{"id":"b-1","status":"confirmed","start_time":"2026-05-18T09:00:00Z","end_time":"2026-05-18T09:30:00Z"}}`
