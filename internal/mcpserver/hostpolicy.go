package mcpserver

import (
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/vennio-mcp/vennio-mcp/internal/auth"
)

// hostPolicy decides by the Host and Origin headers which requests are served. It
// refuses web pages of other origins, and pages whose domain name was pointed at
// this server (DNS rebinding; MCP, Transports, Security Warning).
//
// net/http.CrossOriginProtection cannot replace it: that lets every GET pass, which
// opens the event streams here, and cannot allow loopback origins on any port.
type hostPolicy struct{ hosts, origins []string }

const unknownHost = "the Host header names neither a loopback address nor an allowed host"

// refusal returns why a request is refused; "" for one that is served. Pages of every
// origin may send a public request.
func (p hostPolicy) refusal(r *http.Request, public bool) string {
	if !p.allowsHost(r.Host) {
		return unknownHost
	}
	origins := r.Header.Values("Origin")
	if public || len(origins) == 0 || len(origins) == 1 && p.allowsOrigin(origins[0]) {
		return ""
	}
	return "the Origin header names neither a loopback nor an allowed origin"
}

func (p hostPolicy) allowsHost(host string) bool {
	return auth.LoopbackHost(hostOf(host)) || host != "" && slices.ContainsFunc(p.hosts, func(allowed string) bool {
		return strings.EqualFold(allowed, host) || strings.EqualFold(allowed, hostOf(host))
	})
}

func (p hostPolicy) allowsOrigin(origin string) bool {
	if p.configured(origin) {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && auth.LoopbackHost(u.Hostname())
}

// configured reports whether the operator allowed an origin by name: web pages of
// that origin may read the responses (CORS). Pages of loopback origins may send
// requests, but read nothing.
func (p hostPolicy) configured(origin string) bool {
	return slices.ContainsFunc(p.origins, func(allowed string) bool { return strings.EqualFold(allowed, origin) })
}

// OnlyHosts serves next to requests whose Host is a loopback name or one of hosts
// ("name" or "name:port"). It protects the small listeners beside [HTTP], which DNS
// rebinding reaches too.
func OnlyHosts(next http.Handler, hosts ...string) http.Handler {
	p := hostPolicy{hosts: hosts}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !p.allowsHost(r.Host) {
			http.Error(w, unknownHost, http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// hostOf removes the port, the brackets of an IPv6 address, and the dot that makes
// a name absolute (RFC 1034, section 3.1).
func hostOf(hostport string) string {
	if host, _, err := net.SplitHostPort(hostport); err == nil {
		return strings.TrimSuffix(host, ".")
	}
	return strings.TrimSuffix(strings.TrimSuffix(strings.TrimPrefix(hostport, "["), "]"), ".")
}

const (
	// requestHeaders are those that MCP clients in browsers send: the ones of MCP
	// 2025-11-25 and 2026-07-28, of authorization, of callers' own Vennio keys, and
	// of W3C Trace Context.
	requestHeaders = "Authorization, Content-Type, Accept, Mcp-Session-Id, MCP-Protocol-Version, Last-Event-ID, Mcp-Method, Mcp-Name, " +
		auth.HeaderKey + ", Traceparent, Tracestate, Baggage"
	exposedHeaders   = "Mcp-Session-Id, WWW-Authenticate, Retry-After"
	preflightSeconds = "600" // for which a browser may cache the answer
)

// preflight answers a browser that asks, on behalf of a web page of an allowed
// origin, what the page may send (Fetch, CORS-preflight request). Browsers ask
// without credentials, so this comes before authentication.
func (w *responseWriter) preflight(r *http.Request, methods []string) {
	allow := strings.Join(methods, ", ")
	w.Header().Set("Allow", allow)
	w.Header().Set("Access-Control-Allow-Methods", allow)
	w.Header().Set("Access-Control-Allow-Headers", requestHeaders)
	w.Header().Set("Access-Control-Max-Age", preflightSeconds)
	if r.Header.Get("Access-Control-Request-Private-Network") == "true" {
		w.Header().Set("Access-Control-Allow-Private-Network", "true")
	}
	w.WriteHeader(http.StatusNoContent)
}
