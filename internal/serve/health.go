package serve

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/access"
)

// healthz: the process lives. It says so while it drains, too.
func healthz(g *guard, _ *http.Request) {
	g.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(g, `{"status":"ok"}`+"\n")
}

// readiness is the answer of /readyz.
type readiness struct {
	Status  string   `json:"status"` // ready or unready
	Reasons []string `json:"reasons,omitempty"`
}

// readyz: calls are taken now. Else it answers 503 and why.
func (h *hall) readyz(g *guard, r *http.Request) {
	var why []string
	if h.closing.Err() != nil {
		why = append(why, "draining: the server is stopping and takes no more calls")
	}
	why = append(why, h.verdict.reasons(r.Context(), h.o.Unready)...)
	said, status := readiness{"ready", why}, http.StatusOK
	if len(why) > 0 {
		said.Status, status = "unready", http.StatusServiceUnavailable
	}
	g.Header().Set("Content-Type", "application/json")
	g.Header().Set("Cache-Control", "no-store")
	g.WriteHeader(status)
	_ = json.NewEncoder(g).Encode(said) // a client that has gone needs no answer
}

// fresh is how long a verdict on readiness is told again.
const fresh = time.Second

// verdict is what was last found of readiness. Anyone may ask for it, and to find
// it costs a transaction, so it is found once for all who ask within a second.
type verdict struct {
	mu   sync.Mutex // held while it is found: who asks meanwhile is told the same
	at   time.Time
	said []string
}

// reasons are those of find, which is not called with what ends when one of those
// who ask hangs up: the others are told the same.
func (v *verdict) reasons(ctx context.Context, find func(context.Context) []string) []string {
	if find == nil {
		return nil
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.at.IsZero() || time.Since(v.at) >= fresh {
		v.said = find(context.WithoutCancel(ctx))
		v.at = time.Now()
	}
	return v.said
}

// metrics shows the figures of the whole process to this machine itself, and to
// who may see them.
func (h *hall) metrics(g *guard, r *http.Request) {
	here := access.Local(r, h.o.Proxies) && loopbackName(hostOf(r.Host))
	if h.o.Access != nil && h.o.Access.Asks() && !here {
		caller, ok := h.identify(g, r)
		if !ok {
			return
		}
		if !caller.May(access.ScopeMetrics) {
			h.deny(g, r, access.Lacks(access.ScopeMetrics))
			return
		}
	}
	h.o.Metrics.ServeHTTP(g, r)
}
