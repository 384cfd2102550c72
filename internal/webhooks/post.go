package webhooks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/jobs"
)

const (
	postLimit = 10 * time.Second // of one try
	maxAnswer = 64 << 10
)

// poster posts to one address. Redirects are not followed: what is sent is meant
// for this one.
type poster struct {
	url    string
	client *http.Client
}

func newPoster(address string, transport http.RoundTripper) *poster {
	return &poster{address, &http.Client{
		Transport: transport, Timeout: postLimit,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// send returns the answer's body if it was one of success. The error says
// whether and when to try again, and names no address, which may hold a secret.
func (p *poster) send(ctx context.Context, header http.Header, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, bytes.NewReader(body))
	if err != nil {
		return nil, jobs.Final(errors.New("the sink's address cannot be used"))
	}
	req.Header = header
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "vennio-mcp")
	resp, err := p.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("the sink was not reached: %w", bare(err))
	}
	defer func() { _ = resp.Body.Close() }()
	answer, _ := io.ReadAll(io.LimitReader(resp.Body, maxAnswer)) // the status has said it all, even if this breaks off
	if resp.StatusCode >= 200 && resp.StatusCode < 300 {
		return answer, nil
	}
	return nil, refused(resp)
}

// bare is an error of net/http without the address.
func bare(err error) error {
	if outer, ok := errors.AsType[*url.Error](err); ok {
		return outer.Err
	}
	return err
}

// refused tells what may change from what will not: a sink that is not there,
// does not let us in or does not understand will not learn by being asked again.
func refused(resp *http.Response) error {
	err := fmt.Errorf("the sink answered %d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
	switch code := resp.StatusCode; {
	case code >= 300 && code < 400:
		return jobs.Final(fmt.Errorf("%w: redirects are not followed, set the new address", err))
	case code == http.StatusRequestTimeout, code == http.StatusConflict, code == http.StatusTooEarly, code == http.StatusTooManyRequests, code >= 500:
		if wait := retryAfter(resp.Header.Get("Retry-After")); wait > 0 {
			return jobs.Later(err, wait)
		}
		return err
	}
	return jobs.Final(err)
}

// retryAfter reads seconds or a date (RFC 9110, 10.2.3).
func retryAfter(value string) time.Duration {
	if seconds, err := strconv.ParseUint(value, 10, 32); err == nil {
		return time.Duration(seconds) * time.Second
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return time.Until(at)
}
