package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// dialect is an API of models.
type dialect interface {
	// path is appended to the address of the endpoint.
	path() string
	// authorize adds the key, which may be empty, and the version to a request.
	authorize(h http.Header, key string)
	// encode returns the body of a request.
	encode(model string, r Request, maxOutput int, stream bool) ([]byte, error)
	// decode reads a whole answer.
	decode(body []byte) (Reply, error)
	// newStream returns a reader of the events of a streamed answer.
	newStream() stream
}

// stream collects the events of a streamed answer.
type stream interface {
	// event reads the data of one event. done: the answer is complete.
	event(data []byte) (done bool, err error)
	reply() (Reply, error)
}

// endpoint is a Model behind HTTP.
type endpoint struct {
	dialect
	url, model, key string
	stream          bool
	maxOutput       int // tokens of one answer; only the Anthropic dialect requires it
	client          *http.Client
	timeout         time.Duration // of one attempt
	wait            func(context.Context, time.Duration) error
}

const (
	attempts    = 6
	firstWait   = time.Second // doubled after each failure, unless the endpoint sends Retry-After
	maxWait     = 2 * time.Minute
	maxResponse = 8 << 20 // bytes
)

// newHTTPClient returns a client that follows no redirects, so that the key reaches only the address that was set.
func newHTTPClient() *http.Client {
	return &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// statusError is an answer with a status other than 200.
type statusError struct {
	status     int
	message    string
	retryAfter time.Duration // 0: not sent
}

func (e *statusError) Error() string {
	return fmt.Sprintf("the endpoint answered %d %s: %s", e.status, http.StatusText(e.status), e.message)
}

// repeatable reports whether the same request may succeed later.
func (e *statusError) repeatable() bool {
	return e.status == http.StatusTooManyRequests || e.status == http.StatusRequestTimeout || e.status >= http.StatusInternalServerError
}

// Next implements Model. It repeats a request after rate limits, errors of the server, lost connections, timeouts
// and malformed answers.
func (e *endpoint) Next(ctx context.Context, r Request) (Reply, error) {
	body, err := e.encode(e.model, r, e.maxOutput, e.stream)
	if err != nil {
		return Reply{}, err
	}
	for attempt := 1; ; attempt++ {
		reply, err := e.attempt(ctx, body)
		if err == nil || ctx.Err() != nil {
			return reply, cmp.Or(ctx.Err(), err)
		}
		refused, answered := errors.AsType[*statusError](err)
		if attempt == attempts || answered && !refused.repeatable() {
			return Reply{}, err
		}
		pause := min(firstWait<<(attempt-1), maxWait)
		if answered && refused.retryAfter > 0 {
			pause = refused.retryAfter
		}
		if pause > maxWait {
			return Reply{}, fmt.Errorf("%w; it asks to wait %s", err, pause)
		}
		if err := e.wait(ctx, pause); err != nil {
			return Reply{}, err
		}
	}
}

// attempt sends a request once.
func (e *endpoint) attempt(ctx context.Context, body []byte) (Reply, error) {
	ctx, done := context.WithTimeout(ctx, e.timeout)
	defer done()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url+e.path(), bytes.NewReader(body)) //nolint:gosec // G704: the owner chose the address
	if err != nil {
		return Reply{}, err
	}
	req.Header.Set("Content-Type", "application/json")
	e.authorize(req.Header, e.key)
	resp, err := e.client.Do(req) //nolint:gosec // G704: as above
	if err != nil {
		return Reply{}, fmt.Errorf("the endpoint cannot be reached: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	limited := io.LimitReader(resp.Body, maxResponse)
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(limited)
		return Reply{}, &statusError{resp.StatusCode, e.shown(text), retryAfter(resp.Header)}
	}
	if e.stream {
		return e.readStream(limited)
	}
	raw, err := io.ReadAll(limited)
	if err != nil {
		return Reply{}, fmt.Errorf("the answer of the endpoint ended early: %w", err)
	}
	return e.decode(raw)
}

// readStream reads server-sent events until the answer is complete.
func (e *endpoint) readStream(body io.Reader) (Reply, error) {
	s := e.newStream()
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, maxResponse)
	for lines.Scan() {
		data, ok := bytes.CutPrefix(lines.Bytes(), []byte("data:"))
		if !ok {
			continue
		}
		done, err := s.event(bytes.TrimSpace(data))
		if err != nil {
			return Reply{}, err
		}
		if done {
			return s.reply()
		}
	}
	return Reply{}, fmt.Errorf("%w: the stream ended early: %w", errMalformed, cmp.Or(lines.Err(), io.ErrUnexpectedEOF))
}

// shown returns the message of an error in one short line, without the key.
func (e *endpoint) shown(body []byte) string {
	var answer struct {
		Error struct {
			Message string `json:"message"`
		} `json:"error"`
	}
	_ = json.Unmarshal(body, &answer)
	text := strings.Join(strings.Fields(cmp.Or(answer.Error.Message, string(body))), " ")
	if e.key != "" {
		text = strings.ReplaceAll(text, e.key, "(key)")
	}
	const most = 300
	if runes := []rune(text); len(runes) > most {
		text = string(runes[:most]) + "…"
	}
	return text
}

// retryAfter reads Retry-After in seconds (RFC 9110, section 10.2.3). A date is not read: model APIs send seconds.
func retryAfter(h http.Header) time.Duration {
	seconds, err := strconv.ParseFloat(h.Get("Retry-After"), 64)
	if err != nil || seconds < 0 || seconds > time.Hour.Seconds() {
		return 0
	}
	return time.Duration(seconds * float64(time.Second))
}

// sleep waits for d, or returns the error of ctx if that ends first.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
