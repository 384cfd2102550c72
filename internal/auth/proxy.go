package auth

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Client returns the address of the client that sent a request. hops is the number of trusted proxy
// hops. With 0 it is the address of the TCP peer, otherwise the entry of X-Forwarded-For that the
// first trusted proxy appended. Entries to the left of it come from the client and are ignored.
func Client(r *http.Request, hops int) netip.Addr {
	peer, _ := netip.ParseAddrPort(r.RemoteAddr)
	forwarded, ok := hop(r, "X-Forwarded-For", hops)
	if !ok {
		return peer.Addr().Unmap()
	}
	if port, err := netip.ParseAddrPort(forwarded); err == nil {
		return port.Addr().Unmap()
	}
	addr, err := netip.ParseAddr(forwarded)
	if err != nil {
		return peer.Addr().Unmap()
	}
	return addr.Unmap()
}

// Secure reports whether a request arrived over TLS, at this server or at the proxy directly in front
// of it.
func Secure(r *http.Request, hops int) bool {
	proto, ok := hop(r, "X-Forwarded-Proto", min(hops, 1))
	return r.TLS != nil || ok && strings.EqualFold(proto, "https")
}

// hop returns the entry of a header that the trusted proxy at this distance (1: directly in front of
// this server) appended.
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

// Local reports whether a request comes from this machine and has no headers of a proxy.
func Local(r *http.Request, hops int) bool {
	proxied := slices.ContainsFunc([]string{"X-Forwarded-For", "Forwarded", "Via"}, func(header string) bool { return len(r.Header.Values(header)) > 0 })
	return hops == 0 && !proxied && Client(r, 0).IsLoopback()
}
