package mcpserver

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/auth"
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
	Notes   []string `json:"notes,omitempty"` // that keep nobody from calling
}

// readyz: calls are taken now. Else it answers 503 and why.
func (h *hall) readyz(g *guard, r *http.Request) {
	var why []string
	if h.closing.Err() != nil {
		why = append(why, "draining: the server is stopping and takes no more calls")
	}
	why = append(why, h.verdict.reasons(r.Context(), h.o.Unready)...)
	said, status := readiness{Status: "ready", Reasons: why}, http.StatusOK
	if h.o.Notes != nil {
		said.Notes = h.o.Notes()
	}
	if len(why) > 0 {
		said.Status, status = "unready", http.StatusServiceUnavailable
	}
	g.Header().Set("Content-Type", "application/json")
	g.Header().Set("Cache-Control", "no-store")
	g.WriteHeader(status)
	_ = json.NewEncoder(g).Encode(said) // a client that has gone needs no answer
}

const (
	// fresh is how long a verdict on readiness counts.
	fresh = time.Second
	// A probe waits this long for a verdict that is being found: longer where the
	// last one was that we are ready, so that a store that hangs delays few probes.
	verdictWait, verdictWaitAgain = time.Second, 100 * time.Millisecond
)

const noVerdict = "the store does not answer: consent cannot be recorded, so nothing can be booked"

// verdict is what was last found of readiness. Anyone may ask for it, and to find
// it costs a write, so it is found once for all probes within a second.
type verdict struct {
	mu      sync.Mutex
	said    []string
	at      time.Time     // when that was found; zero: never
	finding chan struct{} // closed when the check under way ends; nil: none is
	began   time.Time     // that one
}

// reasons are those of find. It is not called with a context that ends when one of
// the probes hangs up: the others are told the same.
func (v *verdict) reasons(ctx context.Context, find func(context.Context) []string) []string {
	if find == nil {
		return nil
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.finding == nil {
		if !v.at.IsZero() && time.Since(v.at) < fresh {
			return v.said
		}
		v.begin(context.WithoutCancel(ctx), find)
	}
	limit, done := verdictWait, v.finding
	if len(v.said) > 0 {
		limit = verdictWaitAgain
	}
	late := time.NewTimer(limit - time.Since(v.began))
	defer late.Stop()
	v.mu.Unlock()
	select {
	case <-done:
	case <-late.C:
	case <-ctx.Done():
	}
	v.mu.Lock()
	if v.finding == done && len(v.said) == 0 {
		return []string{noVerdict}
	}
	return v.said
}

// begin finds a verdict, however long that takes. The lock is held.
func (v *verdict) begin(ctx context.Context, find func(context.Context) []string) {
	done := make(chan struct{})
	v.finding, v.began = done, time.Now()
	go func() {
		said := find(ctx)
		v.mu.Lock()
		defer v.mu.Unlock()
		v.said, v.at, v.finding = said, time.Now(), nil
		close(done)
	}()
}

// metrics shows the figures of the whole process to this machine itself, and to
// who may see them.
func (h *hall) metrics(g *guard, r *http.Request) {
	here := auth.Local(r, h.o.Proxies) && loopbackName(hostOf(r.Host))
	if h.o.Access != nil && h.o.Access.Asks() && !here {
		caller, ok := h.identify(g, r)
		if !ok {
			return
		}
		if !caller.May(auth.ScopeMetrics) {
			h.deny(g, r, auth.Lacks(auth.ScopeMetrics))
			return
		}
	}
	h.o.Metrics.ServeHTTP(g, r)
}
