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

// delivery is one delivery that a receiver got.
type delivery struct {
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

// receiver is the server at the URL of a webhook.
type receiver struct {
	*httptest.Server
	t          *testing.T
	mu         sync.Mutex
	got        []delivery
	raw        [][]byte
	signatures []string
	status     func(n int) int // of the nth delivery, from 1; nil is 204
}

func receive(t *testing.T, status func(n int) int) *receiver {
	r := &receiver{t: t, status: status}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	var one delivery
	assert.NoError(r.t, json.Unmarshal(body, &one))
	assert.Equal(r.t, "application/json", req.Header.Get("Content-Type"))
	r.mu.Lock()
	r.got, r.raw = append(r.got, one), append(r.raw, body)
	r.signatures = append(r.signatures, req.Header.Get(webhook.SignatureHeader))
	n := len(r.got)
	r.mu.Unlock()
	if r.status == nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	w.WriteHeader(r.status(n))
}

// names returns the types of the received events, in order.
func (r *receiver) names() string {
	var names []string
	for _, one := range r.all() {
		names = append(names, one.Type)
	}
	return strings.Join(names, " ")
}

func (r *receiver) all() []delivery {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]delivery(nil), r.got...)
}

// subscribed returns a server that sends events of these types, or of all types, to r.
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

// settled waits until no delivery is pending.
func settled(t *testing.T, s *sandbox.Server) sandbox.Deliveries {
	t.Helper()
	require.Eventually(t, func() bool { return s.Deliveries().Pending == 0 }, time.Minute, time.Millisecond)
	return s.Deliveries()
}
