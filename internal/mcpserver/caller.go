package mcpserver

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"

	"github.com/mark3labs/mcp-go/mcp"
	"golang.org/x/time/rate"

	"github.com/vennio-mcp/vennio-mcp/internal/auth"
)

// known lets a caller in who says who they are, to the server that is theirs,
// as often as they may.
func (h *hall) known(next func(*host, *guard, *http.Request)) func(*guard, *http.Request) {
	return func(g *guard, r *http.Request) {
		caller, ok := h.identify(g, r)
		if !ok {
			return
		}
		if !caller.May(auth.ScopeRead) {
			h.deny(g, r, auth.Lacks(auth.ScopeRead))
			return
		}
		if h.brings(caller) && !h.paced(g, h.paceOf(caller)) {
			return
		}
		one, err := h.of(r.Context(), caller)
		if err != nil {
			h.noRoom(g, err)
			return
		}
		defer h.left(one)
		if !h.brings(caller) && !h.paced(g, one.rate) {
			return
		}
		next(one, g, r.WithContext(auth.With(r.Context(), caller)))
	}
}

// identify tells who calls, and takes their credentials out of the request: what
// comes after has no use for them.
func (h *hall) identify(g *guard, r *http.Request) (auth.Caller, bool) {
	if h.o.Access == nil {
		return auth.From(r.Context()), true
	}
	caller, err := h.o.Access.Identify(r)
	if err != nil {
		h.stranger(g, r, err)
		return caller, false
	}
	r.Header.Del("Authorization")
	r.Header.Del(auth.HeaderKey)
	return caller, true
}

// deny answers a caller who is not let in.
func (h *hall) deny(g *guard, r *http.Request, err error) {
	why, ok := errors.AsType[*auth.Denied](err)
	if !ok {
		why = &auth.Denied{Status: http.StatusInternalServerError, Why: "this server failed", Cause: err}
	}
	h.denials.line(h.o.Log).Int("status", why.Status).Str("reason", why.Code).AnErr("cause", why.Cause).
		Stringer("client", auth.Client(r, h.o.Proxies)).Str("path", r.URL.Path).Msg("a caller was not let in")
	if h.o.Access != nil {
		if challenge := h.o.Access.Challenge(why); challenge != "" {
			g.Header().Set("WWW-Authenticate", challenge)
		}
	}
	g.refuse(why.Status, fault{mcp.INVALID_REQUEST, why.Why})
}

func (h *hall) noRoom(g *guard, err error) {
	switch {
	case errors.Is(err, errKeys):
		g.busy(fault{codeBusy, "too many Vennio keys are in use with this token at once; end their sessions, or try again later"})
		return
	case errors.Is(err, errBusy):
		g.busy(fault{codeBusy, "there are too many tenants; try again later"})
		return
	}
	h.o.Log.Error().Err(err).Msg("the server of a tenant could not be made")
	g.refuse(http.StatusInternalServerError, faultInternal)
}

// limiter lets perSecond requests in, and twice as many at once; nil: any
// number.
func limiter(perSecond float64) *rate.Limiter {
	if perSecond <= 0 {
		return nil
	}
	return rate.NewLimiter(rate.Limit(perSecond), max(1, int(2*perSecond)))
}

// paced asks a caller's own limiter before that of all: who is refused by their
// own takes nothing from others. Who is refused by that of all has spent their own
// all the same: else the one who asks most often would get most of what is left.
func (h *hall) paced(g *guard, own *rate.Limiter) bool { return paced(g, own) && paced(g, h.rate) }

// paced refuses a request that came too soon, and says when to come again.
func paced(g *guard, l *rate.Limiter) bool {
	if l == nil || l.Allow() {
		return true
	}
	wait := max(1, int(1/float64(l.Limit())+0.999))
	g.Header().Set("Retry-After", strconv.Itoa(wait))
	g.refuse(http.StatusTooManyRequests, fault{codeBusy, "too many requests; wait " + strconv.Itoa(wait) + " s, then send the same again"})
	return false
}

// mayCall refuses messages that call a tool for which the caller lacks the scope.
func (h *host) mayCall(g *guard, r *http.Request, raw []byte) bool {
	if h.Writes == nil || auth.From(r.Context()).May(auth.ScopeBook) || !slices.ContainsFunc(called(raw), h.Writes) {
		return true
	}
	h.deny(g, r, auth.Lacks(auth.ScopeBook))
	return false
}

// called names the tools that a message, or a batch of them, calls.
func called(raw []byte) (tools []string) {
	type message struct {
		Method mcp.MCPMethod `json:"method"`
		Params struct {
			Name string `json:"name"`
		} `json:"params"`
	}
	all := []message{{}}
	if isBatch(raw) {
		_ = json.Unmarshal(raw, &all) // what cannot be read calls nothing, and is refused later
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

// owner is whom a session belongs to.
func owner(ctx context.Context) string { return auth.From(ctx).Owner() }

var faultInAddress = fault{
	mcp.INVALID_REQUEST,
	"the address carries what looks like a credential, and addresses are logged: send it in a header, and replace it if it was a real one",
}
