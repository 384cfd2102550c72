package mcpserver

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"sync/atomic"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/rs/zerolog"
	"golang.org/x/time/rate"

	"github.com/vennio-mcp/vennio-mcp/internal/auth"
)

// authenticated serves callers with a valid credential, each with the server of
// their tenant and as often as they may.
func (h *httpServer) authenticated(next func(*tenantServer, *responseWriter, *http.Request)) func(*responseWriter, *http.Request) {
	return func(w *responseWriter, r *http.Request) {
		caller, ok := h.identify(w, r)
		if !ok {
			return
		}
		if !caller.May(auth.ScopeRead) {
			h.deny(w, r, auth.MissingScope(auth.ScopeRead))
			return
		}
		if h.bringsKey(caller) && !h.paced(w, h.callerRate(caller)) {
			return
		}
		t, err := h.enter(r.Context(), caller)
		if err != nil {
			h.refuseTenant(w, err)
			return
		}
		defer h.leave(t)
		if !h.bringsKey(caller) && !h.paced(w, t.rate) {
			return
		}
		next(t, w, r.WithContext(auth.With(r.Context(), caller)))
	}
}

// identify returns the caller and removes the credentials from the request, because
// nothing after it needs them.
func (h *httpServer) identify(w *responseWriter, r *http.Request) (auth.Caller, bool) {
	if h.o.Access == nil {
		return auth.From(r.Context()), true
	}
	caller, err := h.o.Access.Identify(r)
	if err != nil {
		if w.paced(h.limits.unauthenticated) {
			h.deny(w, r, err)
		} else {
			h.denials.omitted.Add(1)
		}
		return caller, false
	}
	r.Header.Del("Authorization")
	r.Header.Del(auth.HeaderKey)
	return caller, true
}

// deny refuses a caller who is not authenticated or not authorized.
func (h *httpServer) deny(w *responseWriter, r *http.Request, err error) {
	why, ok := errors.AsType[*auth.Denied](err)
	if !ok {
		why = &auth.Denied{Status: http.StatusInternalServerError, Why: "this server failed", Cause: err}
	}
	h.denials.line(h.o.Log).Int("status", why.Status).Str("reason", cmp.Or(why.Code, why.Why)).AnErr("cause", why.Cause).
		Stringer("client", auth.Client(r, h.o.Proxies)).Str("path", r.URL.Path).Msg("a caller was not let in")
	if h.o.Access != nil {
		if challenge := h.o.Access.Challenge(why); challenge != "" {
			w.Header().Set("WWW-Authenticate", challenge)
		}
	}
	w.refuse(why.Status, &rpcError{Code: mcp.INVALID_REQUEST, Message: why.Why})
}

const (
	denialBurst  = 20 // lines at once
	denialPerSec = 1  // lines a second after that
)

// denials bounds the log lines that refused callers cause.
type denials struct {
	limit   *rate.Limiter
	omitted *atomic.Int64 // lines since the last one that was written
}

func newDenials() denials {
	return denials{rate.NewLimiter(denialPerSec, denialBurst), new(atomic.Int64)}
}

// line begins a log line, which counts the lines omitted before it. It returns nil,
// which logs nothing, for a line that is omitted.
func (d denials) line(log zerolog.Logger) *zerolog.Event {
	if !d.limit.Allow() {
		d.omitted.Add(1)
		return nil
	}
	line := log.Warn()
	if n := d.omitted.Swap(0); n > 0 {
		line = line.Int64("left_out", n)
	}
	return line
}

// paced checks the caller's own rate before that of all callers: a request that
// its own rate refuses takes nothing from others. One that the rate of all refuses
// has used its own: otherwise the most frequent caller would get most of the rest.
func (h *httpServer) paced(w *responseWriter, own *rate.Limiter) bool {
	return w.paced(own) && w.paced(h.limits.rate)
}

// mayCall refuses messages that call a tool for which the caller lacks the scope.
func (t *tenantServer) mayCall(w *responseWriter, r *http.Request, raw []byte) bool {
	if t.Writes == nil || auth.From(r.Context()).May(auth.ScopeBook) || !slices.ContainsFunc(calledTools(raw), t.Writes) {
		return true
	}
	t.deny(w, r, auth.MissingScope(auth.ScopeBook))
	return false
}

// calledTools names the tools that a message, or a batch of messages, calls.
func calledTools(raw []byte) (tools []string) {
	type message struct {
		Method mcp.MCPMethod `json:"method"`
		Params struct {
			Name string `json:"name"`
		} `json:"params"`
	}
	all := []message{{}}
	if isBatch(raw) {
		_ = json.Unmarshal(raw, &all) // a message that cannot be decoded calls nothing, and is refused later
	} else {
		_ = json.Unmarshal(raw, &all[0])
	}
	for _, m := range all {
		if m.Method == mcp.MethodToolsCall {
			tools = append(tools, m.Params.Name)
		}
	}
	return tools
}

// owner identifies the caller to whom a session belongs.
func owner(ctx context.Context) string { return auth.From(ctx).Owner() }

var errTooManyKeys = errors.New("too many keys of one caller are in use")

// apiKeyCaller is a caller who brings the Vennio keys to use. Keys are easily
// invented: whatever keys they bring, they have one rate, the quota of one tenant,
// and few tenants.
type apiKeyCaller struct {
	quota *quota
	rate  *rate.Limiter // nil: none
}

// idle reports that nothing is lost when the caller is forgotten.
func (c *apiKeyCaller) idle() bool {
	return c.quota.tenants.taken() == 0 && (c.rate == nil || c.rate.Tokens() >= float64(c.rate.Burst()))
}

// bringsKey reports whether the caller's tenant is derived from the key that they
// bring.
func (h *httpServer) bringsKey(c auth.Caller) bool { return h.o.Tenant != nil && c.Key != "" }

// apiKeyCaller returns the state of the caller who brings c's key. It is called with
// the lock held.
func (h *httpServer) apiKeyCaller(c auth.Caller) *apiKeyCaller {
	if known := h.callers[c.Name]; known != nil {
		return known
	}
	maps.DeleteFunc(h.callers, func(_ string, known *apiKeyCaller) bool { return known.idle() })
	known := &apiKeyCaller{tenantQuota(h.o, h.o.MaxKeys), newRate(h.o.Rate)}
	h.callers[c.Name] = known
	return known
}

func (h *httpServer) callerRate(c auth.Caller) *rate.Limiter {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.apiKeyCaller(c).rate
}

// enter returns the server of a caller's tenant, which it makes for the first
// request, and counts the request until leave.
func (h *httpServer) enter(ctx context.Context, c auth.Caller) (*tenantServer, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	name := c.Tenant
	if h.o.Tenant == nil {
		name = ""
	}
	t := h.tenants[name]
	if t == nil {
		var err error
		if t, err = h.newTenant(ctx, c); err != nil {
			return nil, err
		}
		h.tenants[name] = t
	}
	t.requests++
	return t, nil
}

// leave ends the count of a request that enter began.
func (h *httpServer) leave(t *tenantServer) {
	h.mu.Lock()
	defer h.mu.Unlock()
	t.requests--
}

// newTenant makes the server of a caller's tenant. It is called with the lock held.
func (h *httpServer) newTenant(ctx context.Context, c auth.Caller) (*tenantServer, error) {
	q, counted := quotas{h.limits.process}, []*counter{h.limits.process.tenants}
	var by *apiKeyCaller
	switch {
	case h.bringsKey(c):
		by = h.apiKeyCaller(c)
		q, counted = quotas{by.quota, h.limits.apiKeys, h.limits.process}, []*counter{by.quota.tenants, h.limits.apiKeys.tenants}
	case h.o.Several:
		q = quotas{tenantQuota(h.o, 0), h.limits.process}
	}
	if !h.countTenant(by, counted) {
		if by != nil && by.quota.tenants.full() {
			return nil, errTooManyKeys
		}
		return nil, errBusy
	}
	made, err := h.o.Tenant(ctx, c)
	if err != nil {
		releaseAll(counted)
		return nil, err
	}
	t := h.newTenantServer(made, q)
	t.by, t.counted = by, counted
	return t, nil
}

// countTenant counts one more tenant. Where there are too many, an idle one is
// closed: for a caller who brings their key first one of their own, otherwise one
// of such a caller.
func (h *httpServer) countTenant(by *apiKeyCaller, counted []*counter) bool {
	if takeAll(counted) {
		return true
	}
	own := func(t *tenantServer) bool { return t.by == by }
	similar := func(t *tenantServer) bool { return (t.by == nil) == (by == nil) }
	return (h.closeIdleTenant(own) || !counted[0].full() && h.closeIdleTenant(similar)) && takeAll(counted)
}

// closeIdleTenant closes one of these tenants that has no request and no session.
func (h *httpServer) closeIdleTenant(which func(*tenantServer) bool) bool {
	for name, t := range h.tenants {
		if which(t) && t.requests == 0 && t.sessions.count() == 0 {
			delete(h.tenants, name)
			releaseAll(t.counted)
			t.end()
			return true
		}
	}
	return false
}

func (h *httpServer) refuseTenant(w *responseWriter, err error) {
	switch {
	case errors.Is(err, errTooManyKeys):
		w.busy(&rpcError{Code: codeBusy, Message: "too many Vennio keys are in use with this token at once; end their sessions, or try again later"})
	case errors.Is(err, errBusy):
		w.busy(&rpcError{Code: codeBusy, Message: "there are too many tenants; try again later"})
	default:
		h.o.Log.Error().Err(err).Msg("the server of a tenant could not be made")
		w.refuse(http.StatusInternalServerError, &errorInternal)
	}
}
