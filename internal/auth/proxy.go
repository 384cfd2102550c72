package auth

import (
	"net/http"
	"net/netip"
	"strings"
)

// Client is the address a request came from, as far as it can be trusted: the
// peer's, or where as many proxies as hops stand before us, what the first of
// them saw. What a caller writes into the header themselves stands further left
// and is not believed.
func Client(r *http.Request, hops int) netip.Addr {
	peer, _ := netip.ParseAddrPort(r.RemoteAddr)
	seen, ok := hop(r, "X-Forwarded-For", hops)
	if !ok {
		return peer.Addr().Unmap()
	}
	if port, err := netip.ParseAddrPort(seen); err == nil {
		return port.Addr().Unmap()
	}
	addr, err := netip.ParseAddr(seen)
	if err != nil {
		return peer.Addr().Unmap()
	}
	return addr.Unmap()
}

// Secure tells whether a request came over TLS, to us or to the first of the
// proxies before us.
func Secure(r *http.Request, hops int) bool {
	proto, ok := hop(r, "X-Forwarded-Proto", min(hops, 1))
	return r.TLS != nil || ok && strings.EqualFold(proto, "https")
}

// hop is the entry of a header that the hops-th proxy before us wrote.
func hop(r *http.Request, header string, hops int) (string, bool) {
	var entries []string
	for _, value := range r.Header.Values(header) {
		for entry := range strings.SplitSeq(value, ",") {
			entries = append(entries, strings.TrimSpace(entry))
		}
	}
	if hops <= 0 || len(entries) < hops {
		return "", false
	}
	return entries[len(entries)-hops], true
}

// LoopbackHost reports whether a host without port names this machine: localhost and
// the names below it (RFC 6761, 6.3), 127.0.0.0/8, also as IPv4-mapped IPv6 addresses,
// and ::1.
func LoopbackHost(host string) bool {
	host = strings.ToLower(host)
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// Local tells whether a request comes from this machine itself and through no
// proxy that says so.
func Local(r *http.Request, hops int) bool {
	for _, header := range []string{"X-Forwarded-For", "Forwarded", "Via"} {
		if len(r.Header.Values(header)) > 0 {
			return false
		}
	}
	return hops == 0 && Client(r, 0).IsLoopback()
}
