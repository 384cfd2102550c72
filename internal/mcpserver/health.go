package mcpserver

import (
	"context"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/auth"
)

// healthz reports that the process lives, also while it drains.
func healthz(w *responseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"status":"ok"}`+"\n")
}

// readyz reports whether calls are taken now, and why not with status 503.
func (h *httpServer) readyz(w *responseWriter, r *http.Request) {
	var why []string
	if h.closing.Err() != nil {
		why = append(why, "draining: the server is stopping and takes no more calls")
	}
	why = append(why, h.ready.reasons(r.Context(), h.o.Unready)...)
	report := struct {
		Status  string   `json:"status"` // ready or unready
		Reasons []string `json:"reasons,omitempty"`
		Notes   []string `json:"notes,omitempty"` // without effect on readiness
	}{Status: "ready", Reasons: why}
	status := http.StatusOK
	if h.o.Notes != nil {
		report.Notes = h.o.Notes()
	}
	if len(why) > 0 {
		report.Status, status = "unready", http.StatusServiceUnavailable
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	body, _ := encode(report)          // strings cannot fail
	_, _ = w.Write(append(body, '\n')) // a client that has gone needs no answer
}

const (
	// readinessAge is how long the result of a check is used.
	readinessAge = time.Second
	// A probe waits this long for a check under way: longer where the last result was
	// that the server is ready, so that a store that hangs delays few probes.
	readinessWait, unreadinessWait = time.Second, 100 * time.Millisecond
)

const noAnswer = "the store does not answer: consent cannot be recorded, so nothing can be booked"

// readiness is the last result of the readiness check. Any caller may request it and
// the check costs a write, so one check serves all probes within a second.
type readiness struct {
	mu       sync.Mutex
	last     []string
	at       time.Time     // of last; zero: never checked
	checking chan struct{} // closed when the check under way ends; nil: none is
	began    time.Time     // of that check
}

// reasons returns the result of check. The context of check does not end with that
// of the probe, because other probes wait for the same result.
func (v *readiness) reasons(ctx context.Context, check func(context.Context) []string) []string {
	if check == nil {
		return nil
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.checking == nil {
		if !v.at.IsZero() && time.Since(v.at) < readinessAge {
			return v.last
		}
		v.begin(context.WithoutCancel(ctx), check)
	}
	limit, done := readinessWait, v.checking
	if len(v.last) > 0 {
		limit = unreadinessWait
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
	if v.checking == done && len(v.last) == 0 {
		return []string{noAnswer}
	}
	return v.last
}

// begin starts a check, however long it takes. It is called with the lock held.
func (v *readiness) begin(ctx context.Context, check func(context.Context) []string) {
	done := make(chan struct{})
	v.checking, v.began = done, time.Now()
	go func() {
		result := check(ctx)
		v.mu.Lock()
		defer v.mu.Unlock()
		v.last, v.at, v.checking = result, time.Now(), nil
		close(done)
	}()
}

// metrics serves the metrics of the whole process to this machine and to callers
// with the scope for them.
func (h *httpServer) metrics(w *responseWriter, r *http.Request) {
	local := auth.Local(r, h.o.Proxies) && auth.LoopbackHost(hostOf(r.Host))
	if h.o.Access != nil && h.o.Access.Required() && !local {
		caller, ok := h.identify(w, r)
		if !ok {
			return
		}
		if !caller.May(auth.ScopeMetrics) {
			h.deny(w, r, auth.MissingScope(auth.ScopeMetrics))
			return
		}
	}
	h.o.Metrics.ServeHTTP(w, r)
}
