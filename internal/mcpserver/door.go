package mcpserver

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/vennio-mcp/vennio-mcp/internal/auth"
)

// door decides by Host and Origin who may speak to us. It keeps out web pages
// that a person's browser would let in: pages of other origins, and pages whose
// name was made to point here (DNS rebinding; MCP, Transports, Security Warning).
type door struct{ hosts, origins []string }

// refuses says why a request may not pass; "" lets it pass.
func (d door) refuses(r *http.Request) string {
	if !d.knows(r.Host) {
		return unknownHost
	}
	origins := r.Header.Values("Origin")
	if len(origins) == 0 || (len(origins) == 1 && d.trusts(origins[0])) {
		return ""
	}
	return "the Origin header names neither a loopback nor an allowed origin"
}

func (d door) knows(host string) bool {
	return loopbackName(hostOf(host)) || host != "" && slices.ContainsFunc(d.hosts, func(allowed string) bool {
		return strings.EqualFold(allowed, host) || strings.EqualFold(allowed, hostOf(host))
	})
}

// OnlyHosts serves next to requests whose Host is a loopback name or one of hosts
// ("name" or "name:port"), on the small listeners beside [HTTP]. They too are
// within reach of web pages whose name was made to point here (DNS rebinding).
func OnlyHosts(next http.Handler, hosts ...string) http.Handler {
	d := door{hosts: hosts}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !d.knows(r.Host) {
			http.Error(w, unknownHost, http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

const unknownHost = "the Host header names neither a loopback address nor an allowed host"

// listed returns the Origin of a request that refuses has let pass, if the
// operator allowed it by name: web pages of that origin may read the response
// (CORS). Pages of loopback origins may send requests and read nothing.
func (d door) listed(r *http.Request) string {
	if origin := r.Header.Get("Origin"); d.lists(origin) {
		return origin
	}
	return ""
}

func (d door) lists(origin string) bool {
	return slices.ContainsFunc(d.origins, func(allowed string) bool { return strings.EqualFold(allowed, origin) })
}

const (
	// requestHeaders are those that MCP clients in browsers send: the ones of MCP
	// 2025-11-25 and 2026-07-28, of authorization, of the callers' own Vennio keys,
	// and of W3C Trace Context.
	requestHeaders = "Authorization, Content-Type, Accept, Mcp-Session-Id, MCP-Protocol-Version, Last-Event-ID, Mcp-Method, Mcp-Name, " +
		auth.HeaderKey + ", Traceparent, Tracestate, Baggage"
	exposedHeaders = "Mcp-Session-Id, WWW-Authenticate, Retry-After"
	preflightLife  = "600" // seconds for which a browser may keep the answer
)

// preflight answers a browser that asks, on behalf of a web page of an allowed
// origin, what the page may send (Fetch, CORS-preflight request). Browsers ask
// without credentials, so it is answered before callers are authenticated.
func (g *guard) preflight(r *http.Request, methods []string) {
	allow := strings.Join(methods, ", ")
	g.Header().Set("Allow", allow)
	g.Header().Set("Access-Control-Allow-Methods", allow)
	g.Header().Set("Access-Control-Allow-Headers", requestHeaders)
	g.Header().Set("Access-Control-Max-Age", preflightLife)
	if r.Header.Get("Access-Control-Request-Private-Network") == "true" {
		g.Header().Set("Access-Control-Allow-Private-Network", "true")
	}
	g.WriteHeader(http.StatusNoContent)
}

func (d door) trusts(origin string) bool {
	if d.lists(origin) {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && loopbackName(u.Hostname())
}

// hostOf takes the port off, if there is one, an IPv6 address out of its brackets,
// and off a name the dot that makes it absolute (RFC 1034, 3.1).
func hostOf(hostport string) string {
	if host, _, err := net.SplitHostPort(hostport); err == nil {
		return strings.TrimSuffix(host, ".")
	}
	return strings.TrimSuffix(strings.TrimSuffix(strings.TrimPrefix(hostport, "["), "]"), ".")
}

func loopbackName(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}
