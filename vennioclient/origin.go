package vennioclient

import (
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// WithBaseURL points the client elsewhere: at the sandbox, or at a proxy. raw is
// an absolute https URL, or http on loopback; a path is kept as a prefix.
// Credentials, a query or a fragment are refused. The error does not repeat raw,
// which may hold a secret.
func WithBaseURL(raw string) Option {
	return func(c *Client) error {
		u, err := url.Parse(raw)
		if err != nil || u.Host == "" || u.Opaque != "" {
			return errors.New("the base URL is not an absolute URL")
		}
		if u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())) {
			return errors.New("the base URL must be https (http is for loopback only)")
		}
		if u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
			return errors.New("the base URL must have no user, query or fragment")
		}
		c.base = u
		return nil
	}
}

func loopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && addr.Unmap().IsLoopback()
}

const maxRedirects = 3

// checkRedirect follows a redirect only where the same request goes to the same
// origin again. Anything else is returned as the answer: another host has no
// business with the API key, and a POST that became a GET (RFC 9110, 15.4)
// would read as success without having written anything.
func (c *Client) checkRedirect(next *http.Request, via []*http.Request) error {
	first := via[0]
	if next.URL.Scheme != c.base.Scheme || next.URL.Host != c.base.Host ||
		next.Method != first.Method || len(via) > maxRedirects {
		return http.ErrUseLastResponse
	}
	return nil
}

// SafeLink is a link in Vennio's answers that may be shown to a person: absolute
// and https, or at the very origin that c speaks to, as the sandbox's are. Any
// other is "".
func (c *Client) SafeLink(link string) string {
	u, err := url.Parse(link)
	switch {
	case err != nil, u.Host == "", u.User != nil:
		return ""
	case u.Scheme == "https", u.Scheme == c.base.Scheme && u.Host == c.base.Host:
		return u.String()
	}
	return ""
}
