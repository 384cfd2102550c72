package vennioclient

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	defaultBaseURL   = "https://api.vennio.app" // vennio-api.md, Hosts and authentication
	defaultUserAgent = "vennioclient-go/1"
	defaultTimeout   = 30 * time.Second // of one attempt, the answer's body included
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

// secret holds the API key in a closure, where neither a verb of fmt nor
// reflection finds it.
type secret func() string

// Option changes how New builds a Client.
type Option func(*Client) error

// New returns a client that signs its calls with apiKey, for api.vennio.app in
// the reference dialect unless an option says otherwise. An attempt may take 30
// seconds, and a call three attempts. New sends nothing. An error names the
// setting at fault and never contains the key.
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

// WithDialect chooses the dialect in which requests are written.
func WithDialect(d Dialect) Option {
	return func(c *Client) error {
		if d != Reference && d != Guide {
			return fmt.Errorf("the dialect must be %q or %q", Reference, Guide)
		}
		c.dialect = d
		return nil
	}
}

// WithHTTPClient sends through a copy of h; wrap its Transport to observe calls.
// Its Timeout bounds one attempt. Its CheckRedirect is replaced: a redirect is
// followed only within the base URL's origin, and never turns a write into
// something else; any other redirect is the answer.
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

// String says where c sends and in which dialect, without the API key.
func (c Client) String() string {
	return fmt.Sprintf("vennioclient.Client(%s, %s)", c.base, c.dialect)
}

// GoString is String: %#v shows no more than %v.
func (c Client) GoString() string { return c.String() }
