package vennioclient

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

const (
	defaultBaseURL   = "https://api.vennio.app" // vennio-api.md, Hosts and authentication
	defaultUserAgent = "vennioclient-go/1"
	defaultTimeout   = 30 * time.Second // per attempt, including reading the body
)

// Client talks to one Vennio account. It is safe for concurrent use.
type Client struct {
	base    *url.URL
	key     secret
	agent   string
	dialect Dialect
	http    *http.Client
	retry   Retry
}

// secret returns a secret string. It is a closure so that neither a verb of fmt nor
// reflection can print the string.
type secret func() string

// Option changes how New builds a Client.
type Option func(*Client) error

// New returns a client that authenticates with apiKey. By default it uses
// api.vennio.app, the reference dialect, a timeout of 30 seconds per attempt and up to
// three attempts per call. New sends nothing. An error names the invalid setting and
// never contains the key.
func New(apiKey string, opts ...Option) (*Client, error) {
	if apiKey == "" || strings.ContainsFunc(apiKey, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, errors.New("vennioclient: the API key is empty or has characters that are not visible ASCII")
	}
	c := &Client{key: func() string { return apiKey }, agent: defaultUserAgent, dialect: Reference}
	defaults := []Option{
		WithBaseURL(defaultBaseURL),
		WithHTTPClient(&http.Client{Timeout: defaultTimeout}),
		WithRetry(Retry{}),
	}
	for _, opt := range append(defaults, opts...) {
		if err := opt(c); err != nil {
			return nil, fmt.Errorf("vennioclient: %w", err)
		}
	}
	return c, nil
}

// WithDialect sets the dialect of requests. Answers are decoded in either dialect.
func WithDialect(d Dialect) Option {
	return func(c *Client) error {
		if d != Reference && d != Guide {
			return fmt.Errorf("the dialect must be %q or %q", Reference, Guide)
		}
		c.dialect = d
		return nil
	}
}

// WithHTTPClient sends requests through a copy of h; wrap its Transport to observe calls.
// Its Timeout bounds one attempt. Its CheckRedirect is replaced: a redirect is followed
// only within the origin of the base URL and with the same method. The client returns any
// other redirect as an error with its status.
func WithHTTPClient(h *http.Client) Option {
	return func(c *Client) error {
		if h == nil {
			return errors.New("the HTTP client is nil")
		}
		own := *h
		own.CheckRedirect = c.checkRedirect
		c.http = &own
		return nil
	}
}

// WithUserAgent replaces the User-Agent header.
func WithUserAgent(ua string) Option {
	return func(c *Client) error {
		if strings.ContainsFunc(ua, func(r rune) bool { return r < ' ' || r > '~' }) {
			return errors.New("the user agent has characters that are not printable ASCII")
		}
		c.agent = ua
		return nil
	}
}

// Dialect returns the dialect in which c writes requests.
func (c *Client) Dialect() Dialect { return c.dialect }

// String returns the base URL and the dialect, without the API key.
func (c Client) String() string {
	return fmt.Sprintf("vennioclient.Client(%s, %s)", c.base, c.dialect)
}

// GoString returns String, so that %#v does not print the API key.
func (c Client) GoString() string { return c.String() }

// DefaultBaseURL is Vennio's production API (vennio-api.md, Hosts and authentication).
const DefaultBaseURL = defaultBaseURL

// CheckBaseURL returns the error that WithBaseURL would return for raw, so that a program
// can report all invalid settings at once. The error does not contain raw.
func CheckBaseURL(raw string) error { return WithBaseURL(raw)(new(Client)) }

// WithBaseURL sets the URL of the API, for instance that of the sandbox or a proxy. raw is
// an absolute https URL, or http on loopback; its path becomes a prefix. Credentials, a
// query and a fragment are refused. The error does not contain raw, which may hold a
// secret.
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

// checkRedirect follows a redirect only if the same method is sent to the same origin.
// Any other redirect is returned as the answer: another host must not receive the API
// key, and a POST that became a GET (RFC 9110, 15.4) would look like a success although
// nothing was written.
func (c *Client) checkRedirect(next *http.Request, via []*http.Request) error {
	first := via[0]
	if next.URL.Scheme != c.base.Scheme || next.URL.Host != c.base.Host ||
		next.Method != first.Method || len(via) > maxRedirects {
		return http.ErrUseLastResponse
	}
	return nil
}

// SafeLink returns a link from an answer if it may be shown to a person: an absolute https
// URL, or one at the origin of the base URL, such as the sandbox's. Otherwise it returns "".
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
