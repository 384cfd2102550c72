package vennioclient

import (
	"bytes"
	"cmp"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"
)

// refusal reads an answer that is not a success. It never fails: whatever the
// body holds, or lacks, the status remains.
func (c *Client) refusal(resp *http.Response) *Error {
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxError))
	e := &Error{Status: resp.StatusCode, Sent: true, RetryAfter: retryAfter(resp)}
	code := ""
	if said, err := objectFrom(body); err == nil {
		code = c.describe(e, said)
	} else {
		e.Detail = c.clean(plainText(body), maxDetail)
	}
	e.Kind = kindOf(e.Status, path.Base(e.Type), code, e.Title, e.Detail)
	e.Title = cmp.Or(e.Title, http.StatusText(e.Status))
	e.RequestID = cmp.Or(e.RequestID, c.clean(resp.Header.Get("X-Request-Id"), maxName))
	return e
}

// describe fills e from a problem of RFC 9457, or from the older
// {error, message, key_type}, whose error may also be an object of its own. It
// returns a code, where Vennio gives one.
func (c *Client) describe(e *Error, said object) (code string) {
	if inner, err := objectFrom(said["error"]); err == nil {
		maps.Copy(said, inner)
	}
	e.Type = c.clean(said.text("type"), maxName)
	e.Title = c.clean(said.text("title", "error"), maxName)
	e.Detail = c.clean(said.text("detail", "message"), maxDetail)
	e.RequestID = c.clean(said.text("request_id"), maxName)
	e.KeyType = c.clean(said.text("key_type"), maxName)
	for _, scope := range capped(said.texts("available_scopes")) {
		e.AvailableScopes = append(e.AvailableScopes, c.clean(scope, maxName))
	}
	e.Fields = c.fields(said["errors"])
	return said.text("code")
}

// fields reads `errors`: field to message; or to several; or, as in the examples
// of RFC 9457, a list of objects.
func (c *Client) fields(raw json.RawMessage) map[string]string {
	out := map[string]string{}
	if named, err := objectFrom(raw); err == nil {
		for name := range sorted(named) {
			out[c.clean(name, maxName)] = c.clean(strings.Join(named.texts(name), ", "), maxDetail)
		}
	}
	list, _ := listFrom(raw)
	for _, item := range list {
		if one, err := objectFrom(item); err == nil {
			name := c.clean(one.text("field", "path", "pointer", "name"), maxName)
			out[name] = c.clean(one.text("message", "detail"), maxDetail)
		}
	}
	return cappedMap(out)
}

// plainText returns a body in plain words; a page of markup says nothing.
func plainText(body []byte) string {
	if body = bytes.TrimSpace(body); bytes.HasPrefix(body, []byte("<")) || bytes.HasPrefix(body, []byte("{")) {
		return ""
	}
	return string(body)
}

// retryAfter reads how long to wait: Retry-After in seconds or as a date (RFC
// 9110, 10.2.3); of a 429 also X-RateLimit-Reset, in seconds from now or since
// 1970. More than a day counts as a day.
func retryAfter(resp *http.Response) time.Duration {
	h := resp.Header
	now, err := http.ParseTime(h.Get("Date")) // the server's clock, by which its dates are meant
	if err != nil {
		now = time.Now()
	}
	if at, err := http.ParseTime(h.Get("Retry-After")); err == nil {
		return min(max(0, at.Sub(now)), day)
	}
	said := h.Get("Retry-After")
	if said == "" && resp.StatusCode == http.StatusTooManyRequests {
		said = h.Get("X-RateLimit-Reset")
	}
	n, err := strconv.ParseInt(said, 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	if n >= epoch {
		n = max(0, n-now.Unix())
	}
	return min(time.Duration(min(n, epoch))*time.Second, day)
}

const (
	day   = 24 * time.Hour
	epoch = 1_000_000_000 // seconds: as a wait absurd, as a Unix time past
)
