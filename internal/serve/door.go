package serve

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// door decides by Host and Origin who may speak to us. It keeps out web pages
// that a person's browser would let in: pages of other origins, and pages whose
// name was made to point here (DNS rebinding; MCP, Transports, Security Warning).
type door struct{ hosts, origins []string }

// refuses says why a request may not pass; "" lets it pass.
func (d door) refuses(r *http.Request) string {
	if !d.knows(r.Host) {
		return "the Host header names neither a loopback address nor an allowed host"
	}
	origins := r.Header.Values("Origin")
	if len(origins) == 0 || (len(origins) == 1 && d.trusts(origins[0])) {
		return ""
	}
	return "the Origin header names neither a loopback nor an allowed origin"
}

func (d door) knows(host string) bool {
	return loopbackName(hostOf(host)) || slices.ContainsFunc(d.hosts, func(allowed string) bool {
		return strings.EqualFold(allowed, host) || strings.EqualFold(allowed, hostOf(host))
	})
}

func (d door) trusts(origin string) bool {
	if slices.ContainsFunc(d.origins, func(allowed string) bool { return strings.EqualFold(allowed, origin) }) {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && loopbackName(u.Hostname())
}

// hostOf takes the port off, if there is one, and an IPv6 address out of its
// brackets.
func hostOf(hostport string) string {
	if host, _, err := net.SplitHostPort(hostport); err == nil {
		return host
	}
	return strings.TrimSuffix(strings.TrimPrefix(hostport, "["), "]")
}

func loopbackName(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}
