package vennioclient

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
)

const (
	maxAnswer = 8 << 20  // bytes read of an answer
	maxCommas = 300_000  // in an answer, instead of its values: 92 days of slots have half as many
	maxError  = 64 << 10 // bytes read of an error's body
	maxDrain  = 64 << 10 // bytes skipped so that the connection can be used again
)

// request is one call, written. Every attempt sends the same bytes.
type request struct {
	method, path string
	query        url.Values
	body         []byte
	key          IdempotencyKey
}

func (r request) write() bool { return r.method != http.MethodGet }

// get writes a read.
func get(path string, query url.Values) request {
	return request{method: http.MethodGet, path: path, query: query}
}

// call sends r and reads its answer with decode. Whatever decode finds wrong
// makes an answer that cannot be understood.
func call[T any](ctx context.Context, c *Client, r request, decode func(json.RawMessage) (T, error)) (T, error) {
	var zero T
	raw, failed := c.do(ctx, r)
	if failed != nil {
		return zero, failed
	}
	out, err := decode(raw.body)
	if err != nil {
		return zero, raw.misunderstood(r, err)
	}
	return out, nil
}

func (a answer) misunderstood(r request, why error) *Error {
	failed := malformed(a.status, fmt.Errorf("%s %s: %w: %w", r.method, r.path, ErrForm, why))
	failed.Attempts = a.attempts
	return failed
}

// remove sends r, which needs no method, as a DELETE. check, if given, looks at the
// body, which is nil where it is not JSON.
func (c *Client) remove(ctx context.Context, r request, check func(json.RawMessage) error) error {
	r.method = http.MethodDelete
	raw, failed := c.do(ctx, r)
	if failed != nil {
		return failed
	}
	if check == nil {
		return nil
	}
	if err := check(raw.body); err != nil {
		return raw.misunderstood(r, err)
	}
	return nil
}

// answer is a success. Its body is one JSON value, or nothing.
type answer struct {
	status, attempts int
	body             json.RawMessage
}

// attempt sends r once.
func (c *Client) attempt(ctx context.Context, r request) (answer, *Error) {
	var seen flight
	req, err := c.newRequest(httptrace.WithClientTrace(ctx, seen.trace()), r)
	if err != nil {
		return answer{}, invalid("request", "cannot be written as HTTP")
	}
	if ctx.Err() != nil {
		return answer{}, &Error{Kind: KindCanceled, Err: ctx.Err()}
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return answer{}, seen.told(r, c.noAnswer(ctx, err, seen.sent(err)))
	}
	defer func() {
		_, _ = io.CopyN(io.Discard, resp.Body, maxDrain)
		_ = resp.Body.Close()
	}()
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return answer{}, seen.told(r, c.refusal(resp))
	}
	if r.method == http.MethodDelete { // the status says it all, unless the body contradicts it
		body, err := io.ReadAll(io.LimitReader(resp.Body, maxError))
		if err != nil || !json.Valid(body) {
			body = nil
		}
		return answer{status: resp.StatusCode, body: body}, nil
	}
	got, failed := c.read(ctx, resp)
	return got, seen.told(r, failed)
}

func (c *Client) newRequest(ctx context.Context, r request) (*http.Request, error) {
	u := c.base.JoinPath(r.path)
	u.RawQuery = r.query.Encode()
	var body io.Reader // nil, not a nil *bytes.Reader: no body at all
	if r.body != nil {
		body = bytes.NewReader(r.body)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, u.String(), body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+c.key())
	req.Header.Set("Accept", "application/json, application/problem+json")
	req.Header.Set("User-Agent", c.agent)
	if r.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if r.key != "" {
		req.Header.Set("Idempotency-Key", string(r.key))
	}
	return req, nil
}

// read reads the body of a success. A body that ends too early counts as no
// answer, because the link may have broken; one that is too long, no JSON, or
// empty without a 204 cannot be understood.
func (c *Client) read(ctx context.Context, resp *http.Response) (answer, *Error) {
	status := resp.StatusCode
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		failed := c.noAnswer(ctx, err, true)
		failed.Status = status
		return answer{}, failed
	}
	if len(raw) > maxAnswer {
		return answer{}, malformed(status, fmt.Errorf("the answer is longer than %d bytes", maxAnswer))
	}
	if bytes.Count(raw, []byte(",")) > maxCommas {
		return answer{}, malformed(status, errors.New("the answer has too many values"))
	}
	raw = bytes.TrimPrefix(raw, []byte("\ufeff")) // a byte order mark may be ignored (RFC 8259, 8.1)
	if json.Valid(raw) {                          // nearly always; the decoder below scans twice and copies
		return answer{status: status, body: raw}, nil
	}
	var body json.RawMessage
	switch err := json.NewDecoder(bytes.NewReader(raw)).Decode(&body); {
	case err == nil, errors.Is(err, io.EOF) && status == http.StatusNoContent:
		return answer{status: status, body: body}, nil
	case errors.Is(err, io.EOF):
		return answer{}, malformed(status, errors.New("the answer is empty"))
	case errors.Is(err, io.ErrUnexpectedEOF):
		return answer{}, &Error{Kind: KindNetwork, Status: status, Sent: true, Err: errors.New("the answer was cut off")}
	default:
		return answer{}, malformed(status, errors.New("the answer is not JSON"))
	}
}
