package sandbox_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/vennioclient/sandbox"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/webhook"
)

// told is one delivery as it arrived.
type told struct {
	ID, Type  string
	CreatedAt time.Time `json:"created_at"`
	Data      struct {
		Booking       *booking
		BookingSeries *struct {
			ID             string
			CancelledCount int `json:"cancelled_count"`
		} `json:"booking_series"`
		Consent  *struct{ ID, Status string }
		Proposal *struct{ ID string }
	}
}

// receiver is what a webhook points at.
type receiver struct {
	*httptest.Server
	t      *testing.T
	mu     sync.Mutex
	got    []told
	raw    [][]byte
	sealed []string
	status func(n int) int // of the nth delivery, from 1; nil is 204
}

func receive(t *testing.T, status func(n int) int) *receiver {
	r := &receiver{t: t, status: status}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	var one told
	assert.NoError(r.t, json.Unmarshal(body, &one))
	assert.Equal(r.t, "application/json", req.Header.Get("Content-Type"))
	r.mu.Lock()
	r.got, r.raw = append(r.got, one), append(r.raw, body)
	r.sealed = append(r.sealed, req.Header.Get(webhook.SignatureHeader))
	n := len(r.got)
	r.mu.Unlock()
	if r.status == nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	w.WriteHeader(r.status(n))
}

// names are the types of what arrived, in order.
func (r *receiver) names() string {
	var names []string
	for _, one := range r.all() {
		names = append(names, one.Type)
	}
	return strings.Join(names, " ")
}

func (r *receiver) all() []told {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]told(nil), r.got...)
}

// subscribed is a server that tells r of these events, or of every one.
func subscribed(t *testing.T, o sandbox.Options, r *receiver, events ...string) *sandbox.Server {
	t.Helper()
	s := newServer(o)
	t.Cleanup(s.Close)
	want[hook](t, s, http.StatusCreated, subscribe(r.URL, events...))
	return s
}

type hook struct {
	ID, URL, Secret, Description string
	Events                       []string
	CreatedAt                    time.Time `json:"created_at"`
}

func subscribe(url string, events ...string) request {
	if len(events) == 0 {
		for _, kind := range webhook.Types() {
			events = append(events, string(kind))
		}
	}
	body, _ := json.Marshal(map[string]any{"url": url, "events": events})
	return request{method: http.MethodPost, target: "/v1/webhooks", body: string(body)}
}

// settled waits until nothing is on its way any more.
func settled(t *testing.T, s *sandbox.Server) sandbox.Deliveries {
	t.Helper()
	require.Eventually(t, func() bool { return s.Deliveries().Pending == 0 }, time.Minute, time.Millisecond)
	return s.Deliveries()
}
